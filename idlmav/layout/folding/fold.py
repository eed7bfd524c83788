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
box, but where all flows in one direction the box is only as long as the own stretch, and the lines go on to it. Edges
are cut at the frame's border; those with equal visible ends are drawn once, as the one that
crosses the frames nearest to their main ports, the first of equals. What may
shrink is the inside of folded frames, and the clearance of lines that are no longer drawn.

``assets/fold/fold.js`` does the same in the browser, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from idlmav.graph.paused_gc import paused_gc
from idlmav.layout.directions import is_mirrored, is_transposed
from idlmav.layout.folding.axis_map import AxisMap, Interval, Thing
from idlmav.layout.folding.borders import extent, find_crossings, hull, leave, tenths
from idlmav.layout.folding.cut_groups import FramesAround, Piece, aligned, band_of, find_necks, settled
from idlmav.layout.result import Box, Layout, Route

__all__ = ["fold"]

_Spot = tuple[int, int]
"""A point in tenths of a px."""
_Extents = dict[str, Interval]
"""Where boxes and frames lie on an axis."""


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
    if not chosen:
        return layout
    with paused_gc():
        return _Fold(layout, chosen).apply()


@dataclass(frozen=True, slots=True)
class _Wire:
    """The visible part of an edge, in tenths of a px; ends that are folded groups."""

    ends: tuple[str, str]
    points: list[_Spot]
    out_of: str
    into: str

    def folded_ends(self) -> Iterator[tuple[str, _Spot]]:
        """Yield the folded groups at its ends, and where it meets each."""
        if self.out_of:
            yield self.out_of, self.points[0]
        if self.into:
            yield self.into, self.points[-1]


@dataclass(slots=True)
class _View:
    """What shares a map: all that is visible, or one band of it. `own` are the groups whose own stretch is in it."""

    nodes: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    wires: list[_Wire] = field(default_factory=list)
    merged: list[_Wire] = field(default_factory=list)


class _Fold:
    """What is visible after a fold, and what it needs. Axis 0 is x, 1 is y; lengths are in tenths of a px."""

    def __init__(self, layout: Layout, chosen: frozenset[str]) -> None:
        self.layout = layout
        self.along = 0 if is_transposed(layout.direction) else 1
        self.holder: dict[str, str] = {"": ""}
        for name, group in layout.groups.items():
            self.holder[name] = self.holder[group.parent] or (name if name in chosen else "")
        folded = [name for name in layout.groups if self.holder[name] == name]
        self.crossings = find_crossings(layout)
        self.ports: dict[str, int | None] = {}
        self.all = _View(
            nodes=[name for name in layout.boxes if not self.holder[layout.group_of[name]]],
            own=folded,
            open=[name for name in layout.groups if not self.holder[name]],
        )
        self._find_wires()
        self.necks = find_necks(layout, self.crossings, folded)
        self.starts = [extent(layout.frames[name], self.along)[0] for name in self.necks]
        self.around = self._around_necks()
        self.bands = self._bands() if self.necks else [self.all]

    def _find_wires(self) -> None:
        """Cut the edges at folded frames; of those with equal ends one is drawn."""
        layout, wires = self.layout, self.all.wires
        seen: dict[tuple[str, str], int] = {}
        for (source, target), points in layout.routes.items():
            out_of = self.holder[layout.group_of[source]]
            into = self.holder[layout.group_of[target]]
            if out_of and out_of == into:
                continue
            visible = list(points)
            if into:
                kept, cut = leave(points[::-1], layout.frames[into])
                visible[len(points) - kept :] = [cut]
            if out_of:
                first, cut = leave(points, layout.frames[out_of])
                visible[:first] = [cut]
            ends = out_of or source, into or target
            spots = [(tenths(x), tenths(y)) for x, y in visible]
            wire = _Wire(ends, spots, out_of, into)
            at = seen.setdefault(ends, len(wires))
            if at == len(wires):
                wires.append(wire)
                continue
            if self._detour(wire) < self._detour(wires[at]):
                wire, wires[at] = wires[at], wire
            self.all.merged.append(wire)

    def _detour(self, wire: _Wire) -> int:
        """Return how far from the main ports of the folded groups an edge crosses their frames."""
        return sum(self._from_port(name, spot) for name, spot in wire.folded_ends())

    def _port(self, name: str) -> int | None:
        if name not in self.ports:
            port = self.crossings[name].main_port(1 - self.along)
            self.ports[name] = None if port is None else tenths(port)
        return self.ports[name]

    def _from_port(self, name: str, spot: _Spot) -> int:
        port = self._port(name)
        return 0 if port is None else abs(spot[1 - self.along] - port)

    def _around_necks(self) -> list[str]:
        """Return the frames around necks, parents first."""
        found = set()
        for name in self.necks:
            outer = self.layout.groups[name].parent
            while outer and outer not in found:
                found.add(outer)
                outer = self.layout.groups[outer].parent
        return [name for name in self.all.open if name in found]

    def _bands(self) -> list[_View]:
        """Return what lies before, between and after the necks, without the frames around those."""
        layout, along = self.layout, self.along
        views = [_View() for _ in range(len(self.starts) + 1)]

        def view_at(place: int) -> _View:
            return views[band_of(self.starts, place)]

        for name in self.all.nodes:
            view_at(extent(layout.boxes[name], along)[0]).nodes.append(name)
        for name in self.all.own:
            view_at(self._front(name)).own.append(name)
        around = set(self.around)
        for name in self.all.open:
            if name not in around:
                view_at(extent(layout.frames[name], along)[0]).open.append(name)
        for wire in self.all.wires:
            view_at(wire.points[0][along]).wires.append(wire)
        for wire in self.all.merged:
            view_at(wire.points[0][along]).merged.append(wire)
        return views

    def _front(self, name: str) -> int:
        """Return where, along the flow, the data enter a group."""
        return extent(self.layout.frames[name], self.along)[1 if is_mirrored(self.layout.direction) else 0]

    def _extents(self, view: _View, axis: int) -> dict[str, Interval]:
        """Return where on an axis everything in view lies before the map: nodes, frames, cores of folded groups."""
        layout, clearance = self.layout, _clearance(self.layout, axis)
        extents = {name: extent(layout.boxes[name], axis) for name in view.nodes}
        extents.update({name: extent(layout.frames[name], axis) for name in view.open})
        hulls = {name: self._own_stretch(name, axis) for name in view.own}
        for wire in view.wires:
            for name, spot in wire.folded_ends():
                hulls[name] = hull(hulls.get(name), (spot[axis] - clearance, spot[axis] + clearance))
        for name, (first, last) in hulls.items():
            low, high = extent(layout.frames[name], axis)
            extents[name] = max(low, first), min(high, last)
        return extents

    def _ports(self, view: _View, axis: int) -> list[Interval]:
        """Return the clearance, within the frame, of the points at which edges end on the sides of folded groups."""
        clearance = _clearance(self.layout, axis)
        found = []
        for wire in view.wires:
            for name, spot in wire.folded_ends():
                low, high = extent(self.layout.frames[name], axis)
                if low < spot[axis] < high:
                    found.append((max(low, spot[axis] - clearance), min(high, spot[axis] + clearance)))
        return found

    def _own_stretch(self, name: str, axis: int) -> Interval:
        """Return the stretch that a group keeps for itself when it is folded."""
        layout = self.layout
        low, high = extent(layout.frames[name], axis)
        length = tenths(layout.groups[name].folded_size[axis])
        if axis != self.along:
            port = self._port(name)
            twice = low + high if port is None else 2 * port
            low = max(low, min((twice - length + 1) // 2, high - length))
        elif is_mirrored(layout.direction):
            low = high - length
        return low, low + length

    def apply(self) -> Layout:
        """Map the axis along the flow, then every band across it, and put the bands together."""
        layout, along, across = self.layout, self.along, 1 - self.along
        extents = self._extents(self.all, along)
        first = self._map(self.all, along, extents, self._extents(self.all, across), None)
        maps = []
        pieces = []
        for view in self.bands:
            own = self._extents(view, across)
            mapped = self._map(view, across, own, extents, first)
            maps.append(mapped)
            pieces.append(list(self._pieces(view, own, extents, mapped)))
        shifts = aligned(pieces, [self._bend(k, maps) for k in range(len(self.necks))])
        places, shifts, length = settled(pieces, shifts, self._frames_around())
        extents.update({name: self._box(name, extents[name]) for name in self.all.own})
        lengthwise = {name: (first.at(low), first.at(high)) for name, (low, high) in extents.items()}
        sides = (lengthwise, places) if along == 0 else (places, lengthwise)
        lengths = [length, length]
        lengths[along] = first.at(_span(self.all, extents, along)[1])

        def box(name: str) -> Box:
            (left, right), (top, bottom) = sides[0][name], sides[1][name]
            return left / 10, top / 10, (right - left) / 10, (bottom - top) / 10

        def route(wire: _Wire) -> Route:
            band = band_of(self.starts, wire.points[0][along])
            lengths = [spot[along] for spot in wire.points]
            for name, end in ((wire.out_of, 0), (wire.into, -1)):
                if name:
                    low, high = extents[name]
                    lengths[end] = min(max(lengths[end], low), high)
            points = []
            for place, spot in zip(lengths, wire.points, strict=True):
                point = first.at(place) / 10, (maps[band].at(spot[across]) + shifts[band]) / 10
                points.append(point if along == 0 else point[::-1])
            return tuple(points)

        return replace(
            layout,
            boxes={name: box(name) for name in (*self.all.nodes, *self.all.own)},
            frames={name: box(name) for name in self.all.open},
            routes={wire.ends: route(wire) for wire in self.all.wires},
            width=lengths[0] / 10,
            height=lengths[1] / 10,
        )

    def _box(self, name: str, core: Interval) -> Interval:
        """Return how much of a folded group's core its box fills along the flow: the lines go on to it."""
        return core if self.layout.latent else self._own_stretch(name, self.along)

    def _pieces(self, view: _View, own: _Extents, extents: _Extents, mapped: AxisMap) -> Iterator[Piece]:
        for name, (low, high) in own.items():
            yield Piece(name, extents[name][0], mapped.at(low), mapped.at(high))
        for wire in view.wires:
            for spot in wire.points:
                at = mapped.at(spot[1 - self.along])
                yield Piece("", spot[self.along], at, at)

    def _bend(self, number: int, maps: list[AxisMap]) -> int:
        """Return how much farther the line before a neck is, along its band's axis, than the one after it."""
        across, name = 1 - self.along, self.necks[number]
        ends = []
        for view in self.bands[number : number + 2]:
            spots = [spot for wire in view.wires for group, spot in wire.folded_ends() if group == name]
            ends.append(min(spots, key=lambda spot: self._from_port(name, spot))[across])
        return maps[number].at(ends[0]) - maps[number + 1].at(ends[1])

    def _frames_around(self) -> FramesAround:
        layout, across = self.layout, 1 - self.along
        before, after = self._borders(across)
        return FramesAround(
            ends={name: extent(layout.frames[name], self.along) for name in self.around},
            parents={name: layout.groups[name].parent for name in self.around},
            lengths={name: self._least_length(name, across) for name in self.around},
            before=before,
            after=after,
        )

    def _map(self, view: _View, axis: int, extents: _Extents, beside: _Extents, other: AxisMap | None) -> AxisMap:
        """Return the map of one axis of a view; *beside*, the other axis, is mapped already, or not."""
        layout, near = self.layout, _clearance(self.layout, axis)
        own = [self._own_stretch(name, axis) for name in view.own]
        rigid = [extents[name] for name in view.nodes] + own + self._ports(view, axis)
        zones = [extent(layout.frames[name], axis) for name in self._folded(extents)]
        for wire in view.merged:
            zones += [(a[axis] - near, a[axis] + near) for a, b in pairwise(wire.points) if a[axis] == b[axis]]
        things = self._things(view, axis, extents, beside, other)
        breaks = [spot[axis] for wire in view.wires for spot in wire.points]
        breaks += [end for ends in (*rigid, *zones, *extents.values()) for end in ends]
        return AxisMap(breaks, zones, rigid, things, _span(view, extents, axis)[0])

    def _folded(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if self.holder.get(name) == name]

    def _things(
        self, view: _View, axis: int, extents: _Extents, beside: _Extents, other: AxisMap | None
    ) -> list[Thing]:
        room, clearance = _room(self.layout, axis), _clearance(self.layout, axis)
        room_across, clearance_across = _room(self.layout, 1 - axis), _clearance(self.layout, 1 - axis)

        def across(low: int, high: int, free: int) -> Interval:
            return (other.at(low) - free, other.at(high) + free) if other else (low - free, high + free)

        # Along the flow: what is before a neck and what is after it may come to lie in line.
        wide = {*self.necks, *self.around} if axis == self.along else set()
        all_across = across(*_span(view, beside, 1 - axis), room_across) if wide else (0, 0)

        def free(name: str) -> Interval:
            return all_across if name in wide else across(*beside[name], room_across)

        things = []
        for name in (*view.nodes, *self._folded(extents)):
            things.append(Thing(*extents[name], free(name), room, room))
        before, after = self._borders(axis)
        for name in view.open:
            low, high = extents[name]
            things.append(Thing(low, low, free(name), room, before, opens=True))
            length = self._least_length(name, axis)
            things.append(Thing(high, high, free(name), after, room, closes=True, since=low, length=length))
        for wire in view.wires:
            for a, b in pairwise(wire.points):
                if a[axis] == b[axis]:
                    ends = sorted((a[1 - axis], b[1 - axis]))
                    beside_it = across(ends[0], ends[1], clearance_across)
                    things.append(Thing(a[axis], a[axis], beside_it, clearance, clearance))
        return things

    def _borders(self, axis: int) -> Interval:
        """Return the room between the borders of a frame and what is in it, before and after that."""
        options = self.layout.options
        return tenths(options.header if axis else options.padding), tenths(options.padding)

    def _least_length(self, name: str, axis: int) -> int:
        low, high = extent(self.layout.frames[name], axis)
        return min(high - low, tenths(self.layout.groups[name].folded_size[axis]))


def _span(view: _View, extents: _Extents, axis: int) -> Interval:
    ends = [*extents.values(), *((spot[axis],) for wire in view.wires for spot in wire.points)]
    return min((end[0] for end in ends), default=0), max((end[-1] for end in ends), default=0)


def _room(layout: Layout, axis: int) -> int:
    options = layout.options
    return tenths((options.rank_gap if (axis == 0) == is_transposed(layout.direction) else options.node_gap) / 2)


def _clearance(layout: Layout, axis: int) -> int:
    options = layout.options
    return tenths((options.track_gap if (axis == 0) == is_transposed(layout.direction) else options.port_gap) / 2)
