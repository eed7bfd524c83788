"""
Fold groups of a layout without moving anything past anything else.

A fold is a monotone map for each axis: the one of `AxisMap`, which takes the least room. A monotone map keeps order,
keeps lines straight and makes neither overlaps nor crossings. The axis along the flow comes first; what is neighbours
on the other one is decided by where things lie after that. With *room* half a rank gap along the flow and half a node
gap across it, and *clearance* half a track gap along the flow and half a port gap across it:

* a box is rigid and needs the room around it;
* a line needs the clearance on both sides of it;
* an open frame needs the room around it and its header and padding inside, and it is as long as its *own stretch*;
* a folded group needs the room around its *core*; its own stretch is rigid, and so is the clearance of its ports, so
  that none gets to a corner.

The own stretch of a group is as long as its folded box: along the flow it begins where the flow enters the frame,
across the flow its middle is the group's main port (`main_port`). The core is the hull of the own stretch and of all
points where drawn edges cross the frame, with their clearance, within the frame. The mapped core is the folded group's
box. Edges are cut at the frame's border; those with equal visible ends are drawn once, as the one that
crosses the frames nearest to their main ports, the first of equals. What may
shrink is the inside of folded frames, and the clearance of lines that are no longer drawn.

``assets/fold.js`` does the same in the browser, and a test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from idlmav.layout.contraction import AxisMap, Interval, Thing
from idlmav.layout.directions import is_mirrored, is_transposed, round_px
from idlmav.layout.result import Box, Layout, Point

__all__ = ["fold"]

_ON_BORDER = 0.05
"""A point this close to a frame (px) lies on its border."""
_Spot = tuple[int, int]
"""A point in tenths of a px."""


def fold(layout: Layout, folded: Iterable[str]) -> Layout:
    """
    Return a layout with some groups folded.

    Parameters
    ----------
    layout : Layout
        With all groups open, as `compute_layout` returns it.
    folded : iterable of str
        Ids of groups. What lies inside another folded group stays hidden.

    Returns
    -------
    Layout
        `boxes` hold the outermost folded groups under their ids; what is inside them is gone; routes are keyed by the
        visible ends.

    Raises
    ------
    KeyError
        If there is no group of an id.
    ValueError
        If the layout is folded already.
    """
    chosen = frozenset(folded)
    unknown = sorted(chosen.difference(layout.groups))
    if unknown:
        raise KeyError(f"no group {unknown[0]!r} in this layout")
    if len(layout.frames) != len(layout.groups):
        raise ValueError("fold() takes the layout with all groups open: fold that one again instead of its result")
    return _Fold(layout, chosen).apply() if chosen else layout


@dataclass(frozen=True, slots=True)
class _Wire:
    """The visible part of an edge, in tenths of a px; ends that are folded groups."""

    ends: tuple[str, str]
    points: list[_Spot]
    out_of: str
    into: str


class _Fold:
    """What is visible after a fold, and what it needs. Axis 0 is x, 1 is y; lengths are in tenths of a px."""

    def __init__(self, layout: Layout, chosen: frozenset[str]) -> None:
        self.layout = layout
        self.holder: dict[str, str] = {"": ""}
        for name, group in layout.groups.items():
            self.holder[name] = self.holder[group.parent] or (name if name in chosen else "")
        self.folded = [name for name in layout.groups if self.holder[name] == name]
        self.open = [name for name in layout.groups if not self.holder[name]]
        self.nodes = [name for name in layout.boxes if not self.holder[layout.group_of[name]]]
        self.crossings = _find_crossings(layout)
        self.wires: list[_Wire] = []
        self.merged: list[_Wire] = []
        self._find_wires()
        self.extents = self._extents(0), self._extents(1)

    def _find_wires(self) -> None:
        """Cut the edges at folded frames; of those with equal ends one is drawn."""
        layout = self.layout
        seen: dict[tuple[str, str], int] = {}
        for (source, target), points in layout.routes.items():
            out_of = self.holder[layout.group_of[source]]
            into = self.holder[layout.group_of[target]]
            if out_of and out_of == into:
                continue
            visible = list(points)
            if into:
                kept, cut = _leave(points[::-1], layout.frames[into])
                visible[len(points) - kept :] = [cut]
            if out_of:
                first, cut = _leave(points, layout.frames[out_of])
                visible[:first] = [cut]
            ends = out_of or source, into or target
            spots = [(_tenths(x), _tenths(y)) for x, y in visible]
            wire = _Wire(ends, spots, out_of, into)
            at = seen.setdefault(ends, len(self.wires))
            if at == len(self.wires):
                self.wires.append(wire)
                continue
            if self._detour(wire) < self._detour(self.wires[at]):
                wire, self.wires[at] = self.wires[at], wire
            self.merged.append(wire)

    def _detour(self, wire: _Wire) -> int:
        """Return how far from the main ports of the folded groups an edge crosses their frames."""
        axis = 1 if is_transposed(self.layout.direction) else 0
        total = 0
        for name, spot in ((wire.out_of, wire.points[0]), (wire.into, wire.points[-1])):
            port = self.crossings[name].main_port(axis) if name else None
            total += abs(spot[axis] - _tenths(port)) if port is not None else 0
        return total

    def _extents(self, axis: int) -> dict[str, Interval]:
        """Return where on an axis everything visible lies before the map: nodes, frames, cores of folded groups."""
        layout = self.layout
        extents = {name: _extent(layout.boxes[name], axis) for name in self.nodes}
        extents.update({name: _extent(layout.frames[name], axis) for name in self.open})
        clearance = _clearance(layout, axis)
        hulls = {name: self._own_stretch(name, axis) for name in self.folded}
        for wire in self.wires:
            for name, spot in ((wire.out_of, wire.points[0]), (wire.into, wire.points[-1])):
                if name:
                    low, high = hulls[name]
                    hulls[name] = min(low, spot[axis] - clearance), max(high, spot[axis] + clearance)
        for name, (first, last) in hulls.items():
            low, high = _extent(layout.frames[name], axis)
            extents[name] = max(low, first), min(high, last)
        return extents

    def _ports(self, axis: int) -> list[Interval]:
        """Return the clearance, within the frame, of the points at which edges end on the sides of folded groups."""
        clearance = _clearance(self.layout, axis)
        found = []
        for wire in self.wires:
            for name, spot in ((wire.out_of, wire.points[0]), (wire.into, wire.points[-1])):
                low, high = _extent(self.layout.frames[name], axis) if name else (0, 0)
                if low < spot[axis] < high:
                    found.append((max(low, spot[axis] - clearance), min(high, spot[axis] + clearance)))
        return found

    def _own_stretch(self, name: str, axis: int) -> Interval:
        """Return the stretch that a group keeps for itself when it is folded."""
        layout = self.layout
        low, high = _extent(layout.frames[name], axis)
        length = _tenths(layout.groups[name].folded_size[axis])
        if not _is_along(layout, axis):
            port = self.crossings[name].main_port(axis)
            twice = low + high if port is None else 2 * _tenths(port)
            low = max(low, min((twice - length + 1) // 2, high - length))
        elif is_mirrored(layout.direction):
            low = high - length
        return low, low + length

    def apply(self) -> Layout:
        """Map everything that is visible."""
        layout, extents = self.layout, self.extents
        along = 0 if is_transposed(layout.direction) else 1
        first = self._map(along, None)
        second = self._map(1 - along, first)
        maps = (first, second) if along == 0 else (second, first)

        def mapped(name: str) -> Box:
            x, y = (maps[axis].at(extents[axis][name][0]) for axis in (0, 1))
            width, height = (maps[axis].at(extents[axis][name][1]) - at for axis, at in ((0, x), (1, y)))
            return x / 10, y / 10, width / 10, height / 10

        return replace(
            layout,
            boxes={name: mapped(name) for name in (*self.nodes, *self.folded)},
            frames={name: mapped(name) for name in self.open},
            routes={
                wire.ends: tuple((maps[0].at(x) / 10, maps[1].at(y) / 10) for x, y in wire.points)
                for wire in self.wires
            },
            width=maps[0].at(self._span(0)[1]) / 10,
            height=maps[1].at(self._span(1)[1]) / 10,
        )

    def _span(self, axis: int) -> Interval:
        ends = [*self.extents[axis].values(), *((spot[axis],) for wire in self.wires for spot in wire.points)]
        return min((end[0] for end in ends), default=0), max((end[-1] for end in ends), default=0)

    def _map(self, axis: int, other: AxisMap | None) -> AxisMap:
        """Return the map of one axis; the other axis is mapped first, or not yet."""
        layout, extents = self.layout, self.extents[axis]
        own = [self._own_stretch(name, axis) for name in self.folded]
        rigid = [extents[name] for name in self.nodes] + own + self._ports(axis)
        zones = [_extent(layout.frames[name], axis) for name in self.folded]
        near = _clearance(layout, axis)
        for wire in self.merged:
            zones += [(a[axis] - near, a[axis] + near) for a, b in pairwise(wire.points) if a[axis] == b[axis]]
        things = self._things(axis, other)
        breaks = [spot[axis] for wire in self.wires for spot in wire.points]
        breaks += [end for ends in (*rigid, *zones, *extents.values()) for end in ends]
        return AxisMap(breaks, zones, rigid, things, self._span(axis)[0])

    def _things(self, axis: int, other: AxisMap | None) -> list[Thing]:
        layout, options = self.layout, self.layout.options
        extents, beside = self.extents[axis], self.extents[1 - axis]
        room, clearance = _room(layout, axis), _clearance(layout, axis)
        room_across, clearance_across = _room(layout, 1 - axis), _clearance(layout, 1 - axis)

        def across(low: int, high: int, free: int) -> Interval:
            return (other.at(low) - free, other.at(high) + free) if other else (low - free, high + free)

        things = []
        for name in (*self.nodes, *self.folded):
            things.append(Thing(*extents[name], across(*beside[name], room_across), room, room))
        header, padding = _tenths(options.header if axis else options.padding), _tenths(options.padding)
        for name in self.open:
            (low, high), free = extents[name], across(*beside[name], room_across)
            length = min(high - low, _tenths(layout.groups[name].folded_size[axis]))
            things.append(Thing(low, low, free, room, header, opens=True))
            things.append(Thing(high, high, free, padding, room, closes=True, since=low, length=length))
        for wire in self.wires:
            for a, b in pairwise(wire.points):
                if a[axis] == b[axis]:
                    ends = sorted((a[1 - axis], b[1 - axis]))
                    free = across(ends[0], ends[1], clearance_across)
                    things.append(Thing(a[axis], a[axis], free, clearance, clearance))
        return things


@dataclass(slots=True)
class _Crossings:
    """Where edges cross a frame, in the order of the edges."""

    entering: list[Point] = field(default_factory=list)
    leaving: list[Point] = field(default_factory=list)

    def main_port(self, axis: int) -> float | None:
        """
        Return the coordinate across the flow of the main port.

        It is the first place at which an edge enters and one leaves; else the last at which one enters, or else
        leaves, since the newest tensor is on the main path; `None` for none, which means the middle of the frame.
        """
        leaving = {point[axis] for point in self.leaving}
        through = (point for point in self.entering if point[axis] in leaving)
        ends = through, reversed(self.entering), reversed(self.leaving)
        first = next((point for points in ends for point in points), None)
        return None if first is None else first[axis]


def _find_crossings(layout: Layout) -> dict[str, _Crossings]:
    crossings = {name: _Crossings() for name in layout.groups}
    for (source, target), points in layout.routes.items():
        out, into = _around(layout, source), _around(layout, target)
        for name in out:
            if name not in into:
                crossings[name].leaving.append(_leave(points, layout.frames[name])[1])
        for name in into:
            if name not in out:
                crossings[name].entering.append(_leave(points[::-1], layout.frames[name])[1])
    return crossings


def _around(layout: Layout, node: str) -> dict[str, None]:
    """Return the groups around a node, the innermost first."""
    found: dict[str, None] = {}
    name = layout.group_of[node]
    while name:
        found[name] = None
        name = layout.groups[name].parent
    return found


def _leave(points: Sequence[Point], frame: Box) -> tuple[int, Point]:
    """Return the index of a route's first point outside a frame that it starts in, and where it crosses the border."""
    left, top = frame[0], frame[1]
    right, bottom = round_px(left + frame[2]), round_px(top + frame[3])
    for index, (x, y) in enumerate(points):
        inside_x = left - _ON_BORDER <= x <= right + _ON_BORDER
        if not (inside_x and top - _ON_BORDER <= y <= bottom + _ON_BORDER):
            return index, (min(max(x, left), right), min(max(y, top), bottom))
    raise ValueError("a route ends inside a frame that it should leave")


def _tenths(value: float) -> int:
    """Return tenths of a px, halves upwards, as the browser rounds."""
    return math.floor(value * 10.0 + 0.5)


def _extent(box: Box, axis: int) -> Interval:
    low = _tenths(box[axis])
    return low, low + _tenths(box[axis + 2])


def _is_along(layout: Layout, axis: int) -> bool:
    return (axis == 0) == is_transposed(layout.direction)


def _room(layout: Layout, axis: int) -> int:
    options = layout.options
    return _tenths((options.rank_gap if _is_along(layout, axis) else options.node_gap) / 2)


def _clearance(layout: Layout, axis: int) -> int:
    options = layout.options
    return _tenths((options.track_gap if _is_along(layout, axis) else options.port_gap) / 2)
