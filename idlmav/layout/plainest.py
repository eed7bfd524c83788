"""The plainest layout: one column of boxes in the order of the ops, without frames, for when nothing else can be drawn."""

from __future__ import annotations

from idlmav.graph import Graph
from idlmav.layout.compound import Placed
from idlmav.layout.directions import is_transposed
from idlmav.layout.engine import picture
from idlmav.layout.input.network import Network
from idlmav.layout.options import Direction, Options
from idlmav.layout.result import Layout

__all__ = ["column_layout"]

_SIZE = 150.0, 38.0
_GAP, _LANE, _LANES = 24.0, 8.0, 12


def column_layout(graph: Graph, direction: Direction) -> Layout:
    """Return boxes of one size, each edge in one of a few lanes beside them."""
    place = {node.id: number for number, node in enumerate(graph.nodes)}
    pairs = {
        (place[edge.source], place[edge.target]): None for edge in graph.edges if {edge.source, edge.target} <= {*place}
    }
    edges = tuple(pair for pair in pairs if pair[0] < pair[1])
    width, height = reversed(_SIZE) if is_transposed(direction) else _SIZE
    step = height + _GAP
    routes = []
    for number, (source, target) in enumerate(edges):
        lane = width + _LANE * (2 + number % _LANES)
        start, end = source * step + height, target * step
        if target == source + 1:
            routes.append([(width / 2, start), (width / 2, end)])
        else:
            points = [(width / 2, start), (width / 2, start + _GAP / 4), (lane, start + _GAP / 4)]
            routes.append([*points, (lane, end - _GAP / 2), (width / 2, end - _GAP / 2), (width / 2, end)])
    boxes = [(0.0, number * step, width, height) for number in range(len(place))]
    network = Network(ids=tuple(place), sizes=((width, height),) * len(place), edges=edges)
    return picture(network, Placed(boxes, [], routes), direction, None, Options())
