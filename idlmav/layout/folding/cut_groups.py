"""
Where a folded picture is one group wide, everything after that group moves sideways as a whole.

A *cut group* is a folded group with nothing beside it, nor beside any frame around it: everything visible lies before it
or after it along the flow. A monotone map keeps the distance across the flow between the places where data enter and
leave a group, because the boxes before and after it are rigid. Across a cut group that distance may change: one of the
two *bands* that meet there is shifted so that the edge leaves in line with where it entered. Then the frames around cut
groups shrink to their content.

``assets/fold/cut_groups.js`` does the same in the browser.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from idlmav.layout.directions import flow_axis, is_mirrored
from idlmav.layout.folding.axis_map import Interval
from idlmav.layout.folding.borders import BorderPoints, extent, hull, tenths
from idlmav.layout.folding.choices import group_depths
from idlmav.layout.result import Layout

__all__ = ["FramesAround", "Piece", "align_bands", "band_of", "find_cut_groups", "place_bands"]


def find_cut_groups(layout: Layout, border_points: Mapping[str, BorderPoints], folded: Iterable[str]) -> list[str]:
    """
    Return the cut groups among the visible folded groups, in their order along the axis of the flow.

    The layout has all groups open; one whose flow turns has no cut groups. `border_points` are those that
    `find_border_points` returns.
    """
    if layout.latent:
        return []
    passed = [name for name in folded if _is_passed(layout, border_points[name], name)]
    if not passed:
        return []
    alone = _Alone(layout, border_points)
    axis = flow_axis(layout.direction)
    return sorted((name for name in passed if name in alone), key=lambda name: extent(layout.frames[name], axis))


def _is_passed(layout: Layout, points: BorderPoints, name: str) -> bool:
    """Return whether data enter a group at its one end and leave it at the other."""
    along = flow_axis(layout.direction)
    first, last = extent(layout.frames[name], along)[:: -1 if is_mirrored(layout.direction) else 1]
    entering = {tenths(point[along]) for point in points.entering}
    return entering == {first} and {tenths(point[along]) for point in points.leaving} == {last}


class _Alone:
    """The groups with nothing beside them, nor beside any frame around them."""

    def __init__(self, layout: Layout, border_points: Mapping[str, BorderPoints]) -> None:
        self.layout, self.border_points = layout, border_points
        self.axis = flow_axis(layout.direction)
        self.within = dict.fromkeys(layout.groups, 0)
        self.alone = {"": True}
        extents = [extent(box, self.axis) for box in (*layout.boxes.values(), *layout.frames.values())]
        for route in layout.routes.values():
            # Along the flow a route never turns back.
            extents.append((tenths(route[0][self.axis]), tenths(route[-1][self.axis])))
        self.lows = sorted(min(ends) for ends in extents)
        self.highs = sorted(max(ends) for ends in extents)
        for group in layout.group_of.values():
            if group:
                self.within[group] += 1
        for name in reversed(list(layout.groups)):
            self.within[name] += 1
            if parent := layout.groups[name].parent:
                self.within[parent] += self.within[name]
        self.depth = group_depths(layout)

    def __contains__(self, name: str) -> bool:
        if name not in self.alone:
            low, high = extent(self.layout.frames[name], self.axis)
            beside = bisect_left(self.lows, high) - bisect_left(self.highs, low + 1)
            points = self.border_points[name]
            edges = len(points.entering) + len(points.leaving) + points.inside
            own = self.within[name] + edges + self.depth[name] - 1
            self.alone[name] = beside == own and self.layout.groups[name].parent in self
        return self.alone[name]


def band_of(starts: Sequence[int], along: int) -> int:
    """Return the number of the band at a place along the flow, given where the cut groups begin there."""
    return bisect_left(starts, along)


class Piece(NamedTuple):
    """A visible part of a band: its box or frame, ``""`` for a line; its place along the flow, its ends across it."""

    owner: str
    along: int
    low: int
    high: int


def align_bands(pieces: Sequence[Sequence[Piece]], bends: Iterable[int]) -> list[int]:
    """
    Return how far every band moves across the flow, so that the line through each cut group is straight.

    Where that would make the picture more than an eighth wider than its widest band, a band moves only as far as it can
    without making it wider. `pieces` are the visible parts of every band, at least one of each; `bends` tells for every
    cut group how much farther the line before it lies than the line after it. All lengths are in tenths of a px.
    """
    shifts = [0] * len(pieces)
    if not shifts[1:]:
        return shifts
    hulls = [(min(piece.low for piece in band), max(piece.high for piece in band)) for band in pieces]
    widest = hulls[0][1] - hulls[0][0]
    for band, bend in enumerate(bends):
        (low, high), (first, last) = hulls[band], hulls[band + 1]
        shift = shifts[band] + bend
        least, most = sorted((low - first, high - last))
        widest = max(widest, last - first)
        width = max(high, last + shift) - min(low, first + shift)
        if width > high - low and 8 * width > 9 * widest:
            shift = min(max(shift, least), most)
        shifts[band + 1] = shift
        hulls[band + 1] = hull((low, high), (first + shift, last + shift))
    return shifts


@dataclass(frozen=True, slots=True)
class FramesAround:
    """
    The frames around cut groups, which are nested or apart; lengths in tenths of a px.

    `ends` are along the flow, parents first; `lengths` the least ones across it, where a frame keeps the room `before`
    and `after` its content.
    """

    ends: Mapping[str, Interval]
    parents: Mapping[str, str]
    lengths: Mapping[str, int]
    before: int
    after: int


def place_bands(
    pieces: Sequence[Sequence[Piece]], shifts: Sequence[int], frames: FramesAround
) -> tuple[dict[str, Interval], list[int], int]:
    """
    Move the bands by `shifts`, put frames around their content, and begin at 0.

    Return the extent of every box and frame across the flow, how far the bands have moved then, and the length of the
    picture.
    """
    order = sorted(frames.ends, key=lambda name: (frames.ends[name][0], -frames.ends[name][1]))
    starts = [frames.ends[name][0] for name in order]
    places: dict[str, Interval] = {}
    inside: dict[str, Interval] = {"": (0, 0)} if not any(pieces) else {}
    for band, shift in zip(pieces, shifts, strict=True):
        for owner, along, low, high in band:
            ends = low + shift, high + shift
            places[owner] = hull(places.get(owner), ends)
            at = bisect_right(starts, along)
            name = order[at - 1] if at else ""
            while name and frames.ends[name][1] < along:
                name = frames.parents[name]
            inside[name] = hull(inside.get(name), ends)
    for name in reversed(list(frames.ends)):
        low, high = inside[name]
        low -= frames.before
        places[name] = low, max(high + frames.after, low + frames.lengths[name])
        parent = frames.parents[name]
        inside[parent] = hull(inside.get(parent), places[name])
    first, last = inside[""]
    moved = {name: (low - first, high - first) for name, (low, high) in places.items()}
    return moved, [shift - first for shift in shifts], last - first
