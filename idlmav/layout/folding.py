"""
Fold groups of a layout without moving anything past anything else.

A fold is a monotone map for each axis. Inside the extent of a folded frame, every stretch of the axis is removed that
no visible thing demands; elsewhere nothing changes. A monotone map keeps order, keeps lines straight and makes neither
overlaps nor crossings. The stretches demanded, with *room* half a rank gap along the flow and half a node gap across
it, and *clearance* half a track gap along the flow and half a port gap across it:

* a box: its extent and the room around it;
* a line: the clearance on both sides of it;
* an open frame: the room around it, its header and padding, and in x the *own stretch* below, for its title;
* a folded group: its own stretch, and the room around its *core*.

The own stretch of a group is as long as its folded box: along the flow it begins where the flow enters the frame,
across the flow its middle is the group's main port (`main_port`). The core is the hull of the own stretch and of all
points where edges cross the frame, with their clearance, within the frame. The mapped core is the folded group's box.
Edges are cut at the frame's border; those with equal visible ends are drawn once, as the first of them.

``assets/fold.js`` does the same in the browser, and a test compares the two.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise

from idlmav.layout.directions import is_mirrored, is_transposed, round_px
from idlmav.layout.result import Box, Layout, Point

__all__ = ["fold"]

_ON_BORDER = 0.05
"""A point this close to a frame (px) lies on its border."""
_Interval = tuple[float, float]


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
    """The visible part of an edge."""

    ends: tuple[str, str]
    points: list[Point]


class _Fold:
    """What is visible after a fold, and what it demands."""

    def __init__(self, layout: Layout, chosen: frozenset[str]) -> None:
        self.layout = layout
        self.holder: dict[str, str] = {"": ""}
        for name, group in layout.groups.items():
            self.holder[name] = self.holder[group.parent] or (name if name in chosen else "")
        self.folded = [name for name in layout.groups if self.holder[name] == name]
        self.open = [name for name in layout.groups if not self.holder[name]]
        self.nodes = [name for name in layout.boxes if not self.holder[layout.group_of[name]]]
        self.wires = self._visible_wires()
        self.crossings = _find_crossings(layout)

    def _visible_wires(self) -> list[_Wire]:
        layout, seen = self.layout, set()
        wires = []
        for (source, target), points in layout.routes.items():
            out_of = self.holder[layout.group_of[source]]
            into = self.holder[layout.group_of[target]]
            ends = out_of or source, into or target
            if (out_of and out_of == into) or ends in seen:
                continue
            seen.add(ends)
            visible = list(points)
            if into:
                kept, cut = _leave(points[::-1], layout.frames[into])
                visible[len(points) - kept :] = [cut]
            if out_of:
                first, cut = _leave(points, layout.frames[out_of])
                visible[:first] = [cut]
            wires.append(_Wire(ends, visible))
        return wires

    def apply(self) -> Layout:
        """Map everything that is visible."""
        layout = self.layout
        extents = [self._extents(0), self._extents(1)]
        map_x, map_y = self._map(0, extents[0]), self._map(1, extents[1])

        def mapped(x0: float, x1: float, y0: float, y1: float) -> Box:
            x, y = map_x.at(x0), map_y.at(y0)
            return x, y, round_px(map_x.at(x1) - x), round_px(map_y.at(y1) - y)

        boxes = {name: mapped(*extents[0][name], *extents[1][name]) for name in (*self.nodes, *self.folded)}
        return replace(
            layout,
            boxes=boxes,
            frames={name: mapped(*extents[0][name], *extents[1][name]) for name in self.open},
            routes={wire.ends: tuple((map_x.at(x), map_y.at(y)) for x, y in wire.points) for wire in self.wires},
            width=map_x.end,
            height=map_y.end,
        )

    def _extents(self, axis: int) -> dict[str, _Interval]:
        """Return where on an axis everything visible lies before the map: nodes, frames, cores of folded groups."""
        layout = self.layout
        extents = {name: _extent(layout.boxes[name], axis) for name in self.nodes}
        extents.update({name: _extent(layout.frames[name], axis) for name in self.open})
        clearance = _clearance(layout, axis)
        for name in self.folded:
            low, high = _extent(layout.frames[name], axis)
            start, end = self._own_stretch(name, axis)
            crossings = self.crossings[name]
            places = [point[axis] for point in (*crossings.entering, *crossings.leaving)]
            first = min([start, *(place - clearance for place in places)])
            last = max([end, *(place + clearance for place in places)])
            extents[name] = max(low, first), min(high, last)
        return extents

    def _own_stretch(self, name: str, axis: int) -> _Interval:
        """Return the stretch that a group keeps for itself when it is folded, and for its title when it is open."""
        layout = self.layout
        low, high = _extent(layout.frames[name], axis)
        length = layout.groups[name].folded_size[axis]
        flow = layout.groups[name].direction or layout.direction
        if (axis == 0) != is_transposed(flow):
            port = self.crossings[name].main_port(axis, (low + high) / 2)
            low = max(low, min(round_px(port - length / 2), round_px(high - length)))
        elif is_mirrored(flow):
            low = round_px(high - length)
        return low, round_px(low + length)

    def _map(self, axis: int, extents: dict[str, _Interval]) -> _AxisMap:
        """Return the map of one axis: 0 is x, 1 is y."""
        layout, options = self.layout, self.layout.options
        room, clearance = _room(layout, axis), _clearance(layout, axis)
        demands: list[_Interval] = []
        for name in self.nodes:
            low, high = extents[name]
            demands.append((low - room, high + room))
        for name in self.open:
            low, high = extents[name]
            demands.append((low - room, low + (options.header if axis else options.padding)))
            demands.append((high - options.padding, high + room))
            if axis == 0:
                demands.append(self._own_stretch(name, axis))
        for name in self.folded:
            low, high = extents[name]
            demands += [(low - room, low), self._own_stretch(name, axis), (high, high + room)]
        lines = [a[axis] for wire in self.wires for a, b in pairwise(wire.points) if a[axis] == b[axis]]
        demands += [(line - clearance, line + clearance) for line in lines]
        zones = [_extent(layout.frames[name], axis) for name in self.folded]
        first = min([low for low, _ in extents.values()] + lines)
        last = max([high for _, high in extents.values()] + lines)
        return _AxisMap(demands, zones, first, last)


class _AxisMap:
    """
    The monotone, piecewise linear map of one axis.

    Parameters
    ----------
    demands : sequence of (float, float)
        Intervals that keep their length.
    zones : sequence of (float, float)
        Intervals in which everything else is removed.
    first, last : float
        Extent of what is visible; the first goes to 0.
    """

    def __init__(self, demands: Sequence[_Interval], zones: Sequence[_Interval], first: float, last: float) -> None:
        changes: dict[float, list[int]] = {}
        for kind, intervals in enumerate((demands, zones)):
            for low, high in intervals:
                changes.setdefault(low, [0, 0])[kind] += 1
                changes.setdefault(high, [0, 0])[kind] -= 1
        self._breaks = sorted(changes)
        demanded = accumulate(changes[value][0] for value in self._breaks)
        zoned = accumulate(changes[value][1] for value in self._breaks)
        self._kept = [not zone or demand > 0 for demand, zone in zip(demanded, zoned, strict=True)]
        self._removed = [0.0]
        for (low, high), kept in zip(pairwise(self._breaks), self._kept, strict=False):
            self._removed.append(self._removed[-1] + (0.0 if kept else high - low))
        self._origin = 0.0
        self._origin = self._shifted(first)
        self.end = self.at(last)

    def at(self, value: float) -> float:
        """Return where a coordinate goes."""
        return round_px(self._shifted(value))

    def _shifted(self, value: float) -> float:
        following = bisect_left(self._breaks, value)
        removed = 0.0
        if following:
            removed = self._removed[following - 1]
            if not self._kept[following - 1]:
                removed += value - self._breaks[following - 1]
        return value - removed - self._origin


@dataclass(slots=True)
class _Crossings:
    """Where edges cross a frame, in the order of the edges."""

    entering: list[Point] = field(default_factory=list)
    leaving: list[Point] = field(default_factory=list)

    def main_port(self, axis: int, middle: float) -> float:
        """
        Return the coordinate across the flow of the main port.

        It is the first place at which an edge enters and one leaves; else the first at which one enters; else the
        first at which one leaves; else the middle of the frame.
        """
        leaving = {point[axis] for point in self.leaving}
        through = (point for point in self.entering if point[axis] in leaving)
        first = next((point for points in (through, self.entering, self.leaving) for point in points), None)
        return middle if first is None else first[axis]


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
    (left, right), (top, bottom) = _extent(frame, 0), _extent(frame, 1)
    for index, (x, y) in enumerate(points):
        inside_x = left - _ON_BORDER <= x <= right + _ON_BORDER
        if not (inside_x and top - _ON_BORDER <= y <= bottom + _ON_BORDER):
            return index, (min(max(x, left), right), min(max(y, top), bottom))
    raise ValueError("a route ends inside a frame that it should leave")


def _extent(box: Box, axis: int) -> _Interval:
    return box[axis], round_px(box[axis] + box[axis + 2])


def _is_along(layout: Layout, axis: int) -> bool:
    return (axis == 0) == is_transposed(layout.direction)


def _room(layout: Layout, axis: int) -> float:
    options = layout.options
    return (options.rank_gap if _is_along(layout, axis) else options.node_gap) / 2


def _clearance(layout: Layout, axis: int) -> float:
    options = layout.options
    return (options.track_gap if _is_along(layout, axis) else options.port_gap) / 2
