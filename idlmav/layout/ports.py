"""Where edges leave and enter the boxes of a block."""

from __future__ import annotations

from idlmav.layout.geometry import Geometry
from idlmav.layout.options import Options

__all__ = ["set_ports"]

_CORNER = 6.0
"""Ports keep off the rounded corners of a box."""


def set_ports(geometry: Geometry, options: Options) -> None:
    """
    Fill in the offsets of every arc at both ends.

    Open groups and regions have given ports. All arcs that leave a box carry the same tensor, so they start at its
    centre; those that enter it are spread, the welded one at the centre, the others in the order of their sources.
    """
    arcs, items = geometry.ranked.arcs, geometry.ranked.block.items
    geometry.out_offset = [0.0] * len(arcs)
    geometry.in_offset = [0.0] * len(arcs)
    for index, item in enumerate(items):
        if item.kind == "rigid":
            for arc in geometry.arcs_out[index]:
                geometry.out_offset[arc] = item.out_of[arcs[arc][4]]
            for arc in geometry.arcs_in[index]:
                geometry.in_offset[arc] = item.into[arcs[arc][4]]
        elif item.kind == "box" and len(geometry.arcs_in[index]) > 1:
            _spread(geometry, index, options)


def _spread(geometry: Geometry, item: int, options: Options) -> None:
    arcs, place = geometry.ranked.arcs, geometry.place
    entering = sorted(geometry.arcs_in[item], key=lambda arc: place[arcs[arc][1]])
    middle = (len(entering) - 1) / 2
    for position, arc in enumerate(entering):
        if geometry.straight[arcs[arc][1]] == item:
            middle = position
            break
    widest = max(middle, len(entering) - 1 - middle)
    step = min(options.port_gap, max(geometry.left[item] - _CORNER, 1.0) / widest)
    for position, arc in enumerate(entering):
        geometry.in_offset[arc] = (position - middle) * step
