"""One part of a network whose flow turns: laid out by itself, then moved as a whole or stretched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from typing import NamedTuple

from idlmav.layout.compound import Insets, lay_out
from idlmav.layout.directions import swapped
from idlmav.layout.input.network import Network
from idlmav.layout.options import Direction, Options
from idlmav.layout.result import Box, Group, Point

__all__ = ["Edge", "Links", "Part"]

Edge = tuple[int, int]
_Map = Callable[[Point], Point]
_ALL = "part"
"""Id of the group around all nodes of a part, on whose border edges leave it."""
_CLEARANCE = 6.0
"""Least distance in px between a straight skip connection and the boxes and lines beside it."""


class Links(NamedTuple):
    """The edges into a part, and its nodes that are read outside."""

    entering: Sequence[Edge]
    leaving: Sequence[int]


class Part:
    """
    A part of a network, in coordinates of a picture whose flow starts downwards.

    No group of the network reaches over the border of a part. Its nodes are given in topological order; its data flow
    down, up or to the right. `insets` and `options` are those of `idlmav.layout.compound.lay_out`.

    Attributes
    ----------
    boxes, frames : dict of int to Box
        Of the nodes and groups of the part.
    routes : dict of (int, int) to list of points
        Of the edges inside.
    into : dict of (int, int) to list of points
        Of the edges into the part, from its border on.
    out_of : dict of int to list of points
        From every node that is read outside to the border.
    left, top, right, bottom : float
        Extent in px, with a margin.
    """

    def __init__(
        self, network: Network, nodes: Sequence[int], links: Links, flow: Direction, insets: Insets, options: Options
    ) -> None:
        self.network, self.chains = network, network.chains()
        self.boxes: dict[int, Box] = {}
        self.frames: dict[int, Box] = {}
        self.routes: dict[Edge, list[Point]] = {}
        self.into: dict[Edge, list[Point]] = {}
        self.out_of: dict[int, list[Point]] = {}
        self.left = self.top = self.right = self.bottom = 0.0
        if nodes:
            self._lay_out(nodes, links, flow, insets, options)

    def _lay_out(self, nodes: Sequence[int], links: Links, flow: Direction, insets: Insets, options: Options) -> None:
        network = self.network
        tensors = sorted({source for source, _ in links.entering})
        # Every tensor that enters or leaves gets an empty box outside of a group around all nodes.
        first, last = len(tensors), len(tensors) + len(nodes)
        local = {node: first + number for number, node in enumerate(nodes)}
        outside = {tensor: number for number, tensor in enumerate(tensors)}
        ends = {node: last + number for number, node in enumerate(links.leaving)}
        inside = [edge for edge in network.edges if edge[0] in local and edge[1] in local]
        edges = [(local[source], local[target]) for source, target in inside]
        edges += [(outside[source], local[target]) for source, target in links.entering]
        edges += [(local[node], ends[node]) for node in links.leaving]
        outputs = {(local[a], local[b]): network.outputs[a, b] for a, b in inside if (a, b) in network.outputs}
        groups, chosen, group_of = self._groups(nodes, flow)
        empty = [(2.0, 2.0)]
        placed = lay_out(
            Network(
                ids=tuple(map(str, range(last + len(ends)))),
                sizes=(*empty * first, *(swapped(network.sizes[node], flow) for node in nodes), *empty * len(ends)),
                edges=tuple(edges),
                outputs=outputs,
                inputs=frozenset((*outside.values(), *(local[n] for n in nodes if n in network.inputs))),
                groups=groups,
                group_of=(*[-1] * first, *group_of, *[-1] * len(ends)),
                stacks=tuple(tuple(local[node] for node in stack) for stack in network.stacks if stack[0] in local),
            ),
            insets,
            options,
        )
        move, border = _mover(placed.frames[0], flow), placed.frames[0]
        self.left, self.top, width, height = _moved(border, move)
        self.right, self.bottom = self.left + width, self.top + height
        self.boxes = {node: _moved(placed.boxes[local[node]], move) for node in nodes}
        self.frames = {group: _moved(placed.frames[1 + number], move) for number, group in enumerate(chosen)}
        routes = iter([[move(point) for point in _within(route, border)] for route in placed.routes])
        self.routes = {edge: next(routes) for edge in inside}
        self.into = {edge: next(routes) for edge in links.entering}
        self.out_of = {node: next(routes) for node in links.leaving}

    def _groups(self, nodes: Sequence[int], flow: Direction) -> tuple[tuple[Group, ...], list[int], list[int]]:
        """Return the groups of the part, their numbers in the network, and the group of every node."""
        network = self.network
        chosen = sorted({group for node in nodes for group in self.chains[network.group_of[node]]})
        found = [Group(id=_ALL, path="", folded_size=(0.0, 0.0))]
        for number in chosen:
            group = network.groups[number]
            parent = f"/{group.parent}" if group.parent else _ALL
            size = swapped(group.folded_size, flow)
            found.append(replace(group, id=f"/{group.id}", parent=parent, folded_size=size))
        number_of = {group: 1 + number for number, group in enumerate(chosen)}
        return tuple(found), chosen, [number_of.get(network.group_of[node], 0) for node in nodes]

    def shift(self, dx: float, dy: float) -> None:
        """Move everything."""
        self._map(lambda point: (point[0] + dx, point[1] + dy))

    def stretch(self, height: float, by: float) -> None:
        """Move everything above a height up; no box may lie across it."""
        self._map(lambda point: (point[0], point[1] - by if point[1] <= height else point[1]))

    def _map(self, move: _Map) -> None:
        def moved(routes: list[Point]) -> list[Point]:
            return [move(point) for point in routes]

        self.boxes = {node: _moved(box, move) for node, box in self.boxes.items()}
        self.frames = {group: _moved(box, move) for group, box in self.frames.items()}
        self.routes = {edge: moved(points) for edge, points in self.routes.items()}
        self.into = {edge: moved(points) for edge, points in self.into.items()}
        self.out_of = {node: moved(points) for node, points in self.out_of.items()}
        (self.left, self.top), (self.right, self.bottom) = move((self.left, self.top)), move((self.right, self.bottom))

    def middle(self, node: int, axis: int) -> float:
        """Return the middle of a box on an axis: 0 is x, 1 is y."""
        return self.boxes[node][axis] + self.boxes[node][axis + 2] / 2

    def lower_side(self, node: int) -> float:
        """Return the y of the lower side of a box."""
        return self.boxes[node][1] + self.boxes[node][3]

    def find_stretch(self, low: float, high: float) -> float | None:
        """
        Return a height between two others at which the part can be stretched; `low` is the smaller y, above `high`.

        There no box is cut, and as few frames as possible; of several such heights it is the uppermost.
        """
        boxes = [(y, y + height) for _, y, _, height in self.boxes.values()]
        frames = [(y, y + height) for _, y, _, height in self.frames.values()]
        # The number of cut frames changes only where something ends; a little below that, so that it moves too.
        places = {low, *(end for _, end in boxes + frames if low < end < high)}
        rated = [
            (sum(top < place < bottom for top, bottom in frames), place)
            for place in (end + 0.5 for end in places)
            if place < high and not any(top < place < bottom for top, bottom in boxes)
        ]
        return min(rated)[1] if rated else None

    def is_free(self, node: int, axis: int, sign: int) -> bool:
        """
        Return whether a straight line from the middle of a box's side leaves the part without touching anything.

        The line is horizontal for axis 0, vertical for 1; it runs right or down for sign 1, left or up for -1.
        """
        at, across = self.middle(node, 1 - axis), 1 - axis
        box = self.boxes[node]
        start = box[axis] + (box[axis + 2] if sign > 0 else 0.0)
        own = self.chains[self.network.group_of[node]]
        others = chain(
            (found for other, found in self.boxes.items() if other != node),
            (found for group, found in self.frames.items() if group not in own),
        )
        for other in others:
            end = other[axis] + (other[axis + 2] if sign > 0 else 0.0)
            near = other[across] - _CLEARANCE < at < other[across] + other[across + 2] + _CLEARANCE
            if near and sign * (end - start) > 0:
                return False
        for a, b in self._lines():
            beyond = max(sign * (a[axis] - start), sign * (b[axis] - start)) > 0
            if beyond and a[across] == b[across] and abs(a[across] - at) < _CLEARANCE:
                return False
        return True

    def _lines(self) -> Iterator[tuple[Point, Point]]:
        for points in chain(self.routes.values(), self.into.values(), self.out_of.values()):
            yield from pairwise(points)


def _mover(border: Box, flow: Direction) -> _Map:
    """Return the map from the flow to the picture: down to y = 0, up from there, or right from x = 0."""
    left, top, _, height = border
    if flow == "down":
        return lambda point: (point[0], point[1] - top - height)
    if flow == "up":
        return lambda point: (point[0], top - point[1])
    return lambda point: (point[1] - top, point[0] - left)


def _moved(box: Box, move: _Map) -> Box:
    (x0, y0), (x1, y1) = move((box[0], box[1])), move((box[0] + box[2], box[1] + box[3]))
    return min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0)


def _within(points: Sequence[Point], border: Box) -> list[Point]:
    """Return the piece of a polyline inside a frame, to and from its upper and lower side."""
    top, bottom = border[1], border[1] + border[3]
    found: list[Point] = []
    for (x0, y0), (x1, y1) in pairwise(points):
        if max(y0, y1) < top - 1e-6 or min(y0, y1) > bottom + 1e-6:
            continue
        start, end = (x0, min(max(y0, top), bottom)), (x1, min(max(y1, top), bottom))
        if y0 == y1 and (y0 <= top or y0 >= bottom):
            continue  # along the border, outside
        found += [start, end] if not found or found[-1] != start else [end]
    return found
