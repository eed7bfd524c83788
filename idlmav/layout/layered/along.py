"""
Place the items and segments of a block along the flow: their y.

Downwards, everything is placed as high as its edges and the contour of the things above allow. Then, upwards, constants
move down to the ops that they feed.
"""

from __future__ import annotations

from idlmav.layout.layered.contour import Contour
from idlmav.layout.layered.geometry import Geometry
from idlmav.layout.layered.routes import Segment
from idlmav.layout.options import Options

__all__ = ["place_along"]

_BESIDE = 1.0
"""Extra width in px of boxes on each side; segments get four times as much."""


def place_along(
    geometry: Geometry, segments: list[list[Segment]], followed: dict[int, list[Segment]], options: Options
) -> float:
    """Fill in the y of every item and segment; return the height in px of the block."""
    placement = _Placement(geometry, segments, followed, options)
    placement.place_downwards()
    placement.drop_constants()
    return placement.height


class _Placement:
    """The things placed so far, in their sequence."""

    def __init__(
        self, geometry: Geometry, segments: list[list[Segment]], followed: dict[int, list[Segment]], options: Options
    ) -> None:
        self.geometry, self.segments, self.followed, self.options = geometry, segments, followed, options
        self.below_box = 0.4 * options.rank_gap
        self.above_box = 0.5 * options.rank_gap
        self.between_boxes = 16.0
        count = len(geometry.x)
        self.earliest = [0.0] * count
        self.bottom = [0.0] * count
        self.sequence: list[int | Segment] = []
        self.height = 0.0
        self.limits: dict[int, float] = {}

    def place_downwards(self) -> None:
        """Place rank by rank, then the segments below the rank."""
        boxes, lines = Contour(), Contour()
        for rank, row in enumerate(self.geometry.ranks):
            for item in row:
                self._place_item(item, boxes, lines)
            for segment in self.segments[rank]:
                self._place_segment(segment, boxes, lines)
            for arc in self.geometry.ranked.by_gap[rank]:
                if arc not in self.followed:
                    self._extend_straight(arc)
        geometry = self.geometry
        block = geometry.ranked.block
        for item in range(len(block.items)):
            if geometry.kind[item] == "port" and block.is_bottom(item):
                geometry.y[item] = self.height

    def _place_item(self, item: int, boxes: Contour, lines: Contour) -> None:
        geometry = self.geometry
        if not geometry.is_item(item):
            self.bottom[item] = self.earliest[item]
            return
        y = self.earliest[item]
        if geometry.kind[item] != "port":
            low, high = self._extent(item)
            y = max(y, boxes.top(low, high) + self.between_boxes, lines.top(low, high) + self.above_box)
            boxes.put(low, high, y + geometry.height[item])
        geometry.y[item] = y
        self.bottom[item] = y + geometry.height[item]
        self.height = max(self.height, self.bottom[item])
        self.sequence.append(item)

    def _place_segment(self, segment: Segment, boxes: Contour, lines: Contour) -> None:
        geometry = self.geometry
        arcs = geometry.ranked.arcs
        low, high = segment.low - 4 * _BESIDE, segment.high + 4 * _BESIDE
        y = max(boxes.top(low, high) + 10.0, lines.top(low, high) + self.options.track_gap)
        for arc in segment.arcs:
            source = arcs[arc][1]
            y = max(y, self.bottom[source] + (self.below_box if geometry.is_item(source) else 0.0))
        lines.put(low, high, y)
        segment.y = y
        self.height = max(self.height, y)
        self.sequence.append(segment)
        for arc in segment.arcs:
            target = arcs[arc][2]
            earliest = y
            if geometry.is_item(target):
                earliest = max(y + self.above_box, self.bottom[geometry.ranked.origin(arc)[0]] + self.options.rank_gap)
            self.earliest[target] = max(self.earliest[target], earliest)

    def _extend_straight(self, arc: int) -> None:
        _, source, target, _, _ = self.geometry.ranked.arcs[arc]
        from_item, to_item = self.geometry.is_item(source), self.geometry.is_item(target)
        gap = 0.0
        if to_item:
            gap = self.options.rank_gap if from_item else self.above_box
        self.earliest[target] = max(self.earliest[target], self.bottom[source] + gap)

    def _extent(self, item: int) -> tuple[float, float]:
        geometry = self.geometry
        x = geometry.x[item]
        return x - geometry.left[item] - _BESIDE, x + geometry.right[item] + _BESIDE

    def drop_constants(self) -> None:
        """Lower, from the bottom up, items that only constants feed; centre side branches of one op."""
        geometry, options = self.geometry, self.options
        main_path = frozenset(geometry.ranked.main_path)
        loose = self._loose(main_path)
        boxes, lines = Contour(), Contour()  # of the things below, so with negative y
        for thing in reversed(self.sequence):
            if isinstance(thing, Segment):
                low, high = thing.low - 4 * _BESIDE, thing.high + 4 * _BESIDE
                if all(loose[geometry.ranked.arcs[arc][1]] for arc in thing.arcs):
                    limit = min(-boxes.top(low, high) - self.above_box, -lines.top(low, high) - options.track_gap)
                    for arc in thing.arcs:
                        limit = min(limit, self._limit_of_segment(arc))
                    if thing.y < limit < 1e8:
                        thing.y = limit
                lines.put(low, high, -thing.y)
            elif geometry.kind[thing] != "port":
                low, high = self._extent(thing)
                if thing not in main_path and geometry.arcs_out[thing]:
                    limit = min(-boxes.top(low, high) - self.between_boxes, -lines.top(low, high) - 10.0)
                    for arc in geometry.arcs_out[thing]:
                        limit = min(limit, self._limit_of_box(arc))
                    self._lower_box(thing, limit - geometry.height[thing], loose, main_path)
                boxes.put(low, high, -geometry.y[thing])

    def _loose(self, main_path: frozenset[int]) -> list[bool]:
        """Return which items depend on nothing above them that has its place."""
        geometry, arcs = self.geometry, self.geometry.ranked.arcs
        loose = [False] * len(geometry.x)
        for row in geometry.ranks:
            for item in row:
                if item not in main_path and geometry.kind[item] != "port" and item != geometry.ranked.block.entry:
                    loose[item] = all(loose[arcs[arc][1]] for arc in geometry.arcs_in[item])
        return loose

    def _lower_box(self, item: int, limit: float, loose: list[bool], main_path: frozenset[int]) -> None:
        geometry = self.geometry
        if not geometry.y[item] + 0.5 < limit < 1e8:
            return
        if loose[item]:
            geometry.y[item] = limit
            return
        targets = [geometry.ranked.arcs[arc][2] for arc in geometry.arcs_out[item]]
        if geometry.arcs_in[item] and len(targets) == 1 and targets[0] in main_path:
            geometry.y[item] = (geometry.y[item] + limit) / 2

    def _limit_of_box(self, arc: int) -> float:
        """Return how low the bottom of an arc's source may lie."""
        if arc in self.followed:
            return self.followed[arc][0].y - self.below_box
        target = self.geometry.ranked.arcs[arc][2]
        if self.geometry.is_item(target):
            return self.geometry.y[target] - self.options.rank_gap
        return self._limit_of_dummy(target) - self.below_box

    def _limit_of_segment(self, arc: int) -> float:
        """Return how low the segment of an arc may lie."""
        target = self.geometry.ranked.arcs[arc][2]
        if self.geometry.is_item(target):
            return self.geometry.y[target] - self.above_box
        return self._limit_of_dummy(target)

    def _limit_of_dummy(self, dummy: int) -> float:
        """Return the y of the first thing below a dummy of a hyperedge."""
        geometry = self.geometry
        path: list[tuple[int, float]] = []
        limit, at = 1e18, dummy
        while at >= 0:
            if at in self.limits:
                limit = self.limits[at]
                break
            here, below = 1e18, -1
            for arc in geometry.arcs_out[at]:
                target = geometry.ranked.arcs[arc][2]
                if arc in self.followed:
                    here = min(here, self.followed[arc][0].y)
                elif geometry.is_item(target):
                    here = min(here, geometry.y[target] - self.options.rank_gap)
                else:
                    below = target
            path.append((at, here))
            at = below
        for at, here in reversed(path):
            # Everything below a dummy has its final place by now.
            self.limits[at] = limit = min(limit, here)
        return limit
