"""Count the crossings of the routes of a block: of several orders, the one with the fewest is chosen."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from idlmav.layout.layered.geometry import Geometry
from idlmav.layout.layered.routes import Segment

__all__ = ["route_crossings"]


def route_crossings(geometry: Geometry, segments: list[list[Segment]], followed: dict[int, list[Segment]]) -> int:
    """
    Count the pairs of tensors that cross, once x is known; where a bus crosses, every tensor in it counts.

    `segments` and `followed` are the results of `make_segments`.
    """
    straight: list[list[tuple[float, tuple[int, int]]]] = [[] for _ in segments]
    for arc, (gap, *_) in enumerate(geometry.ranked.arcs):
        if arc not in followed and segments[gap]:
            straight[gap].append((geometry.start(arc), geometry.ranked.origin(arc)))
    return sum(_in_gap(geometry, found, straight[gap]) for gap, found in enumerate(segments) if found)


class _Line:
    """A segment, with the number of tensors that share it at every x."""

    def __init__(self, geometry: Geometry, segment: Segment) -> None:
        self.segment = segment
        self.low, self.high = segment.low, segment.high
        self.tensors = {geometry.ranked.origin(arc) for arc in segment.arcs}
        self.risers = sorted(segment.risers)

    def tensors_at(self, x: float) -> int:
        """Return how many tensors pass an x: on a bus, those that come from the far side of it."""
        if len(self.tensors) == 1 or len(self.segment.drops) > 1:
            return 1
        if x > self.segment.drops[0]:
            return len(self.risers) - bisect_right(self.risers, x)
        return bisect_left(self.risers, x)


def _in_gap(geometry: Geometry, segments: list[Segment], straight: list[tuple[float, tuple[int, int]]]) -> int:
    straight = sorted(set(straight))
    places = [x for x, _ in straight]
    lines = [_Line(geometry, segment) for segment in segments]
    crossings = 0
    for number, upper in enumerate(lines):
        first, after = bisect_right(places, upper.low + 0.01), bisect_left(places, upper.high - 0.01)
        crossings += sum(upper.tensors_at(x) for x, origin in straight[first:after] if origin not in upper.tensors)
        for lower in lines[number + 1 :]:
            if upper.low >= lower.high or lower.low >= upper.high:
                continue
            crossings += sum(upper.tensors_at(riser) for riser in lower.risers if upper.low < riser < upper.high)
            drops = [drop for drop in upper.segment.drops if lower.low < drop < lower.high]
            crossings += len(upper.tensors) * sum(map(lower.tensors_at, drops))
    return crossings
