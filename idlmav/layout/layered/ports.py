"""Choose the ports: where edges leave and enter the boxes of a block."""

from __future__ import annotations

from itertools import pairwise

from idlmav.layout.layered.geometry import Geometry
from idlmav.layout.options import Options

__all__ = ["outermost_port", "set_ports", "slide_ports"]

_CORNER = 6.0
"""Ports keep off the rounded corners of a box."""
_STRAIGHT = 0.5
"""An edge whose ends differ by less (px) is straight."""


def set_ports(geometry: Geometry, options: Options) -> None:
    """
    Set the offsets of every arc at both ends; they are 0 before.

    Open groups and regions have given ports. All arcs of a tensor leave a box together, at its centre if the box has
    one tensor. Several tensors, and several entering arcs, are spread: the aligned one at the centre, the others in the
    order of their other ends.
    """
    arcs, items = geometry.ranked.arcs, geometry.ranked.block.items
    for index, item in enumerate(items):
        if item.kind == "rigid":
            for arc in geometry.arcs_out[index]:
                geometry.out_offset[arc] = item.out_of[arcs[arc][4]]
            for arc in geometry.arcs_in[index]:
                geometry.in_offset[arc] = item.into[arcs[arc][4]]
        elif item.kind == "box":
            if len(geometry.arcs_in[index]) > 1:
                _spread_in(geometry, index, options)
            if len({arcs[arc][4] for arc in geometry.arcs_out[index]}) > 1:
                _spread_out(geometry, index, options)


def outermost_port(half: float) -> float:
    """Return how far from the axis of a box, given half its width, the last port may lie."""
    return max(half - _CORNER, 0.0)


def _spread_in(geometry: Geometry, item: int, options: Options) -> None:
    """Give every arc into a box a port of its own."""
    arcs, place = geometry.ranked.arcs, geometry.place
    entering = sorted(geometry.arcs_in[item], key=lambda arc: place[arcs[arc][1]])
    centre = next((at for at, arc in enumerate(entering) if geometry.aligned[arcs[arc][1]] == item), None)
    _spread(geometry.in_offset, [[arc] for arc in entering], centre, geometry.left[item], options)


def _spread_out(geometry: Geometry, item: int, options: Options) -> None:
    """Give every tensor of a box a port of its own."""
    arcs, place, below = geometry.ranked.arcs, geometry.place, geometry.aligned[item]
    leaving: dict[int, list[int]] = {}
    for arc in geometry.arcs_out[item]:
        leaving.setdefault(arcs[arc][4], []).append(arc)
    tensors = sorted(leaving.values(), key=lambda found: sum(place[arcs[arc][2]] for arc in found) / len(found))
    centre = next((at for at, found in enumerate(tensors) if any(arcs[arc][2] == below for arc in found)), None)
    _spread(geometry.out_offset, tensors, centre, geometry.left[item], options)


def _spread(offset: list[float], ports: list[list[int]], centre: int | None, half: float, options: Options) -> None:
    """Fill in the offsets of the arcs of every port, evenly around the central one on a box of half a width."""
    middle = (len(ports) - 1) / 2 if centre is None else centre
    step = _step(half, max(middle, len(ports) - 1 - middle), options)
    for position, arcs in enumerate(ports):
        for arc in arcs:
            offset[arc] = (position - middle) * step


def _step(half: float, ports: float, options: Options) -> float:
    return min(options.port_gap, max(outermost_port(half), 1.0) / ports)


def slide_ports(geometry: Geometry, options: Options) -> None:
    """
    Move the ports of bent arcs along their box towards where the arcs go, once x is known.

    That makes some arcs straight and the detours of the others shorter. Straight arcs stay.
    """
    items = geometry.ranked.block.items
    for index, item in enumerate(items):
        if item.kind == "box":
            if len({geometry.ranked.arcs[arc][4] for arc in geometry.arcs_out[index]}) == 1:
                _slide_out(geometry, index, options)
        elif item.slack_out:
            for arc in geometry.arcs_out[index]:
                geometry.out_offset[arc] += _clamped(geometry.end(arc) - geometry.start(arc), item.slack_out)
    for index, item in enumerate(items):
        if item.kind == "box" and 0 < len(geometry.arcs_in[index]) < options.bus_at:
            _slide_in(geometry, index, options)
        elif item.slack_in:
            for arc in geometry.arcs_in[index]:
                geometry.in_offset[arc] += _clamped(geometry.start(arc) - geometry.end(arc), item.slack_in)


def _clamped(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)


def _slide_out(geometry: Geometry, item: int, options: Options) -> None:
    """Let the arcs to one side leave by a port on that side, all by the same."""
    limit, axis = outermost_port(geometry.left[item]), geometry.x[item]
    ends = {arc: geometry.end(arc) - axis for arc in geometry.arcs_out[item]}
    if len(ends) == 1 and _bends(geometry, *ends):
        return  # at the centre
    centred = any(abs(end) <= _STRAIGHT for end in ends.values())
    for sign in (1, -1):
        side = [arc for arc, end in ends.items() if sign * end > _STRAIGHT]
        nearest = min((sign * ends[arc] for arc in side), default=0.0)
        if len(side) == len(ends) > 1 or (centred and min(nearest, limit) < options.port_gap):
            continue
        for arc in side:
            geometry.out_offset[arc] = sign * min(nearest, limit)


def _bends(geometry: Geometry, arc: int) -> bool:
    """Whether the ports at both ends of an arc cannot come above each other."""
    _, source, target, _, _ = geometry.ranked.arcs[arc]
    reach = outermost_port(geometry.left[source])
    if geometry.kind[target] == "box":
        return abs(geometry.x[target] - geometry.x[source]) > reach + outermost_port(geometry.left[target])
    return abs(geometry.end(arc) - geometry.x[source]) > reach


def _slide_in(geometry: Geometry, item: int, options: Options) -> None:
    """Let every bent arc enter as close to its source as the other arcs allow."""
    limit, axis = outermost_port(geometry.left[item]), geometry.x[item]
    if len(geometry.arcs_in[item]) == 1 and abs(geometry.start(geometry.arcs_in[item][0]) - axis) > limit:
        return  # It has a bend anyway, and looks neater at the centre.
    entering = sorted(geometry.arcs_in[item], key=lambda arc: (geometry.in_offset[arc], geometry.start(arc)))
    step = _step(geometry.left[item], max(len(entering) - 1, 1), options)
    offsets, fixed = [], []
    for arc in entering:
        wanted = geometry.start(arc) - axis
        fixed.append(abs(wanted - geometry.in_offset[arc]) <= _STRAIGHT)
        offsets.append(geometry.in_offset[arc] if fixed[-1] else _clamped(wanted, limit))
    for position in range(1, len(entering)):
        if not fixed[position]:
            offsets[position] = max(offsets[position], offsets[position - 1] + step)
    for position in reversed(range(len(entering) - 1)):
        if not fixed[position]:
            offsets[position] = min(offsets[position], offsets[position + 1] - step)
    apart = all(after - before >= step - 1e-6 for before, after in pairwise(offsets))
    if apart and -limit - 1e-6 <= offsets[0] and offsets[-1] <= limit + 1e-6:
        for arc, offset in zip(entering, offsets, strict=True):
            geometry.in_offset[arc] = offset
