"""
Route the edges: find the horizontal segments of every gap, one for each tensor, or a bus where many edges end in one box.

Verticals that share an x within a gap may not overlap: an edge that comes down there has to turn above an edge that goes
down from there. Where these rules form a cycle, a segment is split in two that meet at a free x (a dogleg).

References
----------
D. N. Deutsch (1976), A dogleg channel router, doi:10.1145/800146.804843.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from dataclasses import dataclass, field

from idlmav.layout.layered.geometry import Geometry
from idlmav.layout.layered.ports import outermost_port
from idlmav.layout.options import Options

__all__ = ["Segment", "make_segments"]

_NEAR = 2.0
"""Verticals of different edges closer than this (px) count as overlapping."""
_STRAIGHT = 0.5
"""An edge whose ends differ in x by less (px) is made straight if its port can move."""
_SEARCHED = 40
"""Up to this many segments in a gap, all positions are tried for each."""
_CLEAR = 8.0
"""Segments closer than this (px) side by side get different tracks."""


@dataclass(eq=False, slots=True)
class Segment:
    """
    A horizontal line with the verticals that reach it from above and leave it downwards.

    Attributes
    ----------
    risers, drops : list of float
        The x of these verticals.
    arcs : list of int
        The arcs that run along it.
    joint : float or None
        For the lower part of a dogleg: x of the vertical that joins it to the upper part.
    y : float
        Set by `place_along`.
    """

    risers: list[float]
    drops: list[float]
    arcs: list[int]
    gap: int
    joint: float | None = None
    y: float = 0.0
    low: float = field(init=False)
    high: float = field(init=False)

    def __post_init__(self) -> None:
        """Find the extent."""
        ends = self.risers + self.drops
        self.low, self.high = min(ends), max(ends)

    def overlaps(self, other: Segment, margin: float) -> bool:
        """Whether the two come closer than a margin, side by side."""
        return self.low < other.high + margin and other.low < self.high + margin

    def must_be_below(self, other: Segment) -> bool:
        """Whether a drop of this segment lies on a riser of the other."""
        return any(abs(drop - riser) < _NEAR for drop in self.drops for riser in other.risers)


def make_segments(geometry: Geometry, options: Options) -> tuple[list[list[Segment]], dict[int, list[Segment]]]:
    """
    Return the segments of every gap from top to bottom, and the one or two that each bent arc follows.

    Buses move the ports of the arcs they gather.
    """
    segments: list[list[Segment]] = []
    followed: dict[int, list[Segment]] = {}
    for gap, arcs in enumerate(geometry.ranked.by_gap):
        found = _gather(geometry, arcs, gap, options)
        for segment in found:
            for arc in segment.arcs:
                followed[arc] = [segment]
        if len(found) > 1:
            found = _by_track(_split_conflicts(geometry, _order(found), arcs, followed))
        segments.append(found)
    return segments, followed


def _gather(geometry: Geometry, arcs: list[int], gap: int, options: Options) -> list[Segment]:
    """Return the segments of one gap, one for all arcs of a tensor or of a bus."""
    table = geometry.ranked.arcs
    all_straight = True
    for arc in arcs:
        apart = geometry.start(arc) - geometry.end(arc)
        if 0 < abs(apart) < _STRAIGHT and geometry.kind[table[arc][2]] == "box":
            geometry.in_offset[arc] += apart
            apart = geometry.start(arc) - geometry.end(arc)
        all_straight &= apart == 0
    if all_straight:
        return []
    busy = Counter(_port(geometry, arc) for arc in arcs) if len(arcs) >= options.bus_at else {}
    gathered: dict[tuple[object, ...], list[int]] = {}
    for arc in arcs:
        key = _bus_key(geometry, arc) if busy else None
        if key and busy[_port(geometry, arc)] >= options.bus_at:
            target, from_right, _ = key
            if geometry.kind[target] != "rigid":
                geometry.in_offset[arc] = (1 if from_right else -1) * outermost_port(geometry.left[target])
            gathered.setdefault(("bus", *key), []).append(arc)
        else:
            gathered.setdefault((table[arc][1], table[arc][4], round(geometry.start(arc), 2)), []).append(arc)
    found = []
    for members in gathered.values():
        risers = sorted({geometry.start(arc) for arc in members})
        drops = sorted({geometry.end(arc) for arc in members})
        if max(risers[-1], drops[-1]) - min(risers[0], drops[0]) > 0.01:
            found.append(Segment(risers, drops, members, gap))
    return found


def _port(geometry: Geometry, arc: int) -> tuple[int, float]:
    """Return the item at which an arc ends, and its port there if the item is rigid."""
    target = geometry.ranked.arcs[arc][2]
    return target, geometry.in_offset[arc] if geometry.kind[target] == "rigid" else 0.0


def _bus_key(geometry: Geometry, arc: int) -> tuple[int, bool, float] | None:
    """Return the target and the side, or the port, by which a bent arc enters a box."""
    target = geometry.ranked.arcs[arc][2]
    start, end = geometry.start(arc), geometry.end(arc)
    if not geometry.is_item(target) or abs(start - end) <= _STRAIGHT:
        return None
    if geometry.kind[target] == "rigid":
        return target, False, geometry.in_offset[arc]
    return target, start > geometry.x[target], 0.0


def _order(segments: list[Segment]) -> list[Segment]:
    """Order the segments of a gap from top to bottom so that few of their verticals cross."""
    segments = sorted(segments, key=_usual_order)
    if len(segments) > _SEARCHED:
        return segments
    count = len(segments)
    cost = [[0] * count for _ in range(count)]
    for i, upper in enumerate(segments):
        for j, lower in enumerate(segments):
            if i != j and upper.overlaps(lower, 1.0):
                cost[i][j] = _cost(upper, lower)
    order = list(range(count))
    for _ in range(3):
        changed = False
        for item in list(order):
            position = order.index(item)
            order.pop(position)
            current = sum(cost[item][other] for other in order)
            costs = [current]
            for other in order:
                current += cost[other][item] - cost[item][other]
                costs.append(current)
            least = min(costs)
            best = position if costs[position] == least else costs.index(least)
            order.insert(best, item)
            changed |= best != position
        if not changed:
            break
    return [segments[item] for item in order]


def _usual_order(segment: Segment) -> tuple[bool, float]:
    risers = sum(segment.risers) / len(segment.risers)
    drops = sum(segment.drops) / len(segment.drops)
    rightwards = risers <= drops
    return rightwards, -risers if rightwards else risers


def _cost(upper: Segment, lower: Segment) -> int:
    """Count the crossings if one segment lies above another; an overlap counts as many."""
    crossings = sum(upper.low < riser < upper.high for riser in lower.risers)
    crossings += sum(lower.low < drop < lower.high for drop in upper.drops)
    return crossings + (50 if upper.must_be_below(lower) else 0)


def _split_conflicts(
    geometry: Geometry, segments: list[Segment], arcs: list[int], followed: dict[int, list[Segment]]
) -> list[Segment]:
    """Split segments that overlap in any order; the lower parts go below everything else."""
    riser_at: list[tuple[float, int]] = []
    for position, segment in enumerate(segments):
        riser_at += [(riser, position) for riser in segment.risers]
    riser_at.sort()
    lower_parts: list[Segment] = []
    taken: list[float] = []
    for position, segment in enumerate(segments):
        for drop in list(segment.drops):
            first = bisect_left(riser_at, (drop - _NEAR, -1))
            clashes = False
            for riser, other in riser_at[first:]:
                if riser >= drop + _NEAR:
                    break
                clashes |= other > position
            if not clashes:
                continue
            if not taken:
                taken = sorted({geometry.start(arc) for arc in arcs} | {geometry.end(arc) for arc in arcs})
            joint = _free_near(drop, taken, (segment.low + segment.high) / 2)
            insort(taken, joint)
            lower_parts.append(_split(geometry, segment, drop, joint, followed))
    return segments + lower_parts


def _free_near(x: float, taken: list[float], towards: float) -> float:
    """Return an x next to a given one that is clear of all verticals, if possible on the side of another x."""
    sign = 1 if towards > x else -1
    for step in range(1, 2 * len(taken) + 4):
        for candidate in (x + sign * 4.0 * step, x - sign * 4.0 * step):
            at = bisect_left(taken, candidate - _NEAR)
            if at == len(taken) or taken[at] > candidate + _NEAR:
                return candidate
    raise AssertionError("no free x in a gap")


def _split(
    geometry: Geometry, segment: Segment, drop: float, joint: float, followed: dict[int, list[Segment]]
) -> Segment:
    """Move one drop of a segment to a lower part of its own."""
    moved = [arc for arc in segment.arcs if abs(geometry.end(arc) - drop) < 1e-9]
    lower = Segment([], [joint, drop], moved, segment.gap, joint)
    for arc in moved:
        followed[arc] = [segment, lower]
    segment.drops = [joint if other == drop else other for other in segment.drops]
    segment.low, segment.high = min(segment.low, joint), max(segment.high, joint)
    return lower


def _by_track(segments: list[Segment]) -> list[Segment]:
    """Give each segment the first track below the segments that it overlaps; return them in the order of tracks."""
    track: list[int] = []
    for position, segment in enumerate(segments):
        above = [track[i] for i in range(position) if segment.overlaps(segments[i], _CLEAR)]
        track.append(max(above, default=-1) + 1)
    return [segments[i] for i in sorted(range(len(segments)), key=lambda i: track[i])]
