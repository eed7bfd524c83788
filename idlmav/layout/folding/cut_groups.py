"""
Where a folded picture is one group wide, what follows moves sideways as a whole.

A *neck* is a folded group beside which, along the flow, nothing lies, neither beside any frame around it: all that is
drawn lies before it or after it. A monotone map keeps the distance between where data enter a group and where they
leave it, because boxes before and after it are rigid. At a neck nobody needs that: of the two *bands* that meet there,
one moves until data leave in line with where they entered. Frames around cut_groups shrink to what is in them then.

``assets/fold/cut_groups.js`` does the same in the browser.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from idlmav.layout.directions import is_mirrored, is_transposed
from idlmav.layout.folding.axis_map import Interval
from idlmav.layout.folding.borders import BorderPoints, extent, hull, tenths
from idlmav.layout.folding.choices import group_depths
from idlmav.layout.result import Layout

__all__ = ["FramesAround", "Piece", "align_bands", "band_of", "find_cut_groups", "place_bands"]


def find_cut_groups(layout: Layout, crossings: Mapping[str, BorderPoints], folded: Iterable[str]) -> list[str]:
    """
    Return the cut_groups among some folded groups, in their order along the axis of the flow.

    Parameters
    ----------
    layout : Layout
        With all groups open. In one that turns nothing is a neck.
    crossings : mapping of str to BorderPoints
        What `find_border_points` returns.
    folded : iterable of str
        The visible folded groups.

    Returns
    -------
    list of str
    """
    if layout.latent:
        return []
    passed = [name for name in folded if _is_passed(layout, crossings[name], name)]
    if not passed:
        return []
    alone = _Alone(layout, crossings)
    axis = 0 if is_transposed(layout.direction) else 1
    return sorted((name for name in passed if name in alone), key=lambda name: extent(layout.frames[name], axis))


def _is_passed(layout: Layout, crossings: BorderPoints, name: str) -> bool:
    """Return whether data enter a group at its one end and leave it at the other."""
    along = 0 if is_transposed(layout.direction) else 1
    first, last = extent(layout.frames[name], along)[:: -1 if is_mirrored(layout.direction) else 1]
    entering = {tenths(point[along]) for point in crossings.entering}
    return entering == {first} and {tenths(point[along]) for point in crossings.leaving} == {last}


class _Alone:
    """The groups beside which nothing lies along the flow, neither beside any frame around them."""

    def __init__(self, layout: Layout, crossings: Mapping[str, BorderPoints]) -> None:
        self.layout, self.crossings = layout, crossings
        self.axis = 0 if is_transposed(layout.direction) else 1
        self.within = dict.fromkeys(layout.groups, 0)
        self.known = {"": True}
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
        if name not in self.known:
            low, high = extent(self.layout.frames[name], self.axis)
            beside = bisect_left(self.lows, high) - bisect_left(self.highs, low + 1)
            crossings = self.crossings[name]
            edges = len(crossings.entering) + len(crossings.leaving) + crossings.inside
            own = self.within[name] + edges + self.depth[name] - 1
            self.known[name] = beside == own and self.layout.groups[name].parent in self
        return self.known[name]


def band_of(starts: Sequence[int], along: int) -> int:
    """Return the number of the band in which something lies, given where the cut_groups begin along the axis of the flow."""
    return bisect_left(starts, along)


class Piece(NamedTuple):
    """
    A part of what is visible, in tenths of a px.

    Attributes
    ----------
    owner : str
        Of which box or frame; ``""`` for a line.
    along : int
        Where it is along the flow.
    low, high : int
        Its ends across the flow.
    """

    owner: str
    along: int
    low: int
    high: int


def align_bands(pieces: Sequence[Sequence[Piece]], bends: Iterable[int]) -> list[int]:
    """
    Return how far every band moves across the flow, so that the line through each neck is straight.

    Where that would make the picture more than an eighth wider than its widest band, a band moves only as far as it can
    without making it wider. All lengths are in tenths of a px.

    Parameters
    ----------
    pieces : sequence of sequences of Piece
        What is visible in every band; something is.
    bends : iterable of int
        For every neck, how much farther the line before it lies than the one after it.

    Returns
    -------
    list of int
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
    The frames around cut_groups, which are nested or apart; lengths in tenths of a px.

    Attributes
    ----------
    ends : mapping of str to (int, int)
        Where each lies along the flow, parents first.
    parents : mapping of str to str
        The frame around each, or ``""``.
    lengths : mapping of str to int
        How long each is at least, across the flow.
    before, after : int
        Room between its borders and what is in it.
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
    Move the bands, put frames around what is in them, and begin at 0.

    Parameters
    ----------
    pieces : sequence of sequences of Piece
        What is visible in every band.
    shifts : sequence of int
        How far each moves, in tenths of a px, as all that is returned.
    frames : FramesAround
        The frames that reach over several bands.

    Returns
    -------
    places : dict of str to (int, int)
        Where every box and frame lies across the flow.
    shifts : list of int
        How far the bands have moved.
    length : int
        Of the picture.
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
