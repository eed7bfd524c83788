"""One part of a network whose flow turns: laid out by itself, then moved as a whole or stretched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Literal

from idlmav.layout.compound import Insets, lay_out
from idlmav.layout.input.network import Network
from idlmav.layout.options import Options
from idlmav.layout.result import Box, Group, Point

__all__ = ["Edge", "Flow", "Links", "Part"]

Edge = tuple[int, int]
Flow = Literal["down", "up", "right"]
_ALL = "part"
"""Id of the group around all nodes of a part, on whose border edges leave it."""
_CLEARANCE = 6.0
"""Least distance in px between a straight skip connection and what it passes."""


@dataclass(frozen=True, slots=True)
class Links:
    """
    What joins a part to the others.

    Attributes
    ----------
    entering : sequence of (int, int)
        Edges into the part.
    leaving : sequence of int
        Nodes of the part that something outside reads.
    """

    entering: Sequence[Edge]
    leaving: Sequence[int]


class Part:
    """
    A part of a network, in coordinates of a picture whose flow starts downwards.

    Parameters
    ----------
    network : Network
        The whole network; no group reaches over the border of a part.
    nodes : sequence of int
        The nodes of this part, in topological order.
    links : Links
        What joins it to the others.
    flow : {'down', 'up', 'right'}
        Where its data flows.
    insets, options
        As for `idlmav.layout.compound.lay_out`.

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
        self, network: Network, nodes: Sequence[int], links: Links, flow: Flow, insets: Insets, options: Options
    ) -> None:
        self.network = network
        self.boxes: dict[int, Box] = {}
        self.frames: dict[int, Box] = {}
        self.routes: dict[Edge, list[Point]] = {}
        self.into: dict[Edge, list[Point]] = {}
        self.out_of: dict[int, list[Point]] = {}
        self.left = self.top = self.right = self.bottom = 0.0
        if nodes:
            self._lay_out(nodes, links, flow, insets, options)

    def _lay_out(self, nodes: Sequence[int], links: Links, flow: Flow, insets: Insets, options: Options) -> None:
        tensors = sorted({source for source, _ in links.entering})
        # What enters and what leaves is an empty box outside of a group around everything.
        units = [*tensors, *nodes, *links.leaving]
        local = {node: len(tensors) + number for number, node in enumerate(nodes)}
        outside = {tensor: number for number, tensor in enumerate(tensors)}
        ends = {node: len(tensors) + len(nodes) + number for number, node in enumerate(links.leaving)}
        inside = [edge for edge in self.network.edges if edge[0] in local and edge[1] in local]
        edges = [(local[source], local[target]) for source, target in inside]
        edges += [(outside[source], local[target]) for source, target in links.entering]
        edges += [(local[node], ends[node]) for node in links.leaving]
        groups, chosen, group_of = self._groups(nodes, flow)
        sizes = [_turned(self.network.sizes[node], flow) if node in local else (2.0, 2.0) for node in nodes]
        around = [(2.0, 2.0)]
        placed = lay_out(
            Network(
                ids=tuple(map(str, range(len(units)))),
                sizes=(*around * len(tensors), *sizes, *around * len(links.leaving)),
                edges=tuple(edges),
                outputs={
                    (local[a], local[b]): self.network.outputs[a, b]
                    for a, b in inside
                    if (a, b) in self.network.outputs
                },
                inputs=frozenset((*outside.values(), *(local[n] for n in nodes if n in self.network.inputs))),
                groups=groups,
                group_of=(*[-1] * len(tensors), *group_of, *[-1] * len(links.leaving)),
                stacks=tuple(
                    tuple(local[node] for node in stack) for stack in self.network.stacks if stack[0] in local
                ),
            ),
            insets,
            options,
        )
        move, border = _mover(placed.frames[0], flow), placed.frames[0]
        self.left, self.top, width, height = _moved(border, move)
        self.right, self.bottom = self.left + width, self.top + height
        self.boxes = {node: _moved(placed.boxes[local[node]], move) for node in nodes}
        self.frames = {group: _moved(placed.frames[1 + number], move) for number, group in enumerate(chosen)}
        routes = [[move(point) for point in _within(route, border)] for route in placed.routes]
        self.routes = dict(zip(inside, routes, strict=False))
        self.into = dict(zip(links.entering, routes[len(inside) :], strict=False))
        self.out_of = dict(zip(links.leaving, routes[len(inside) + len(links.entering) :], strict=True))

    def _groups(self, nodes: Sequence[int], flow: Flow) -> tuple[tuple[Group, ...], list[int], list[int]]:
        """Return the groups of the part, their numbers in the network, and the group of every node."""
        network = self.network
        index = {group.id: number for number, group in enumerate(network.groups)}
        around: dict[int, None] = {}
        for node in nodes:
            group = network.group_of[node]
            while group >= 0 and group not in around:
                around[group] = None
                group = index.get(network.groups[group].parent, -1)
        chosen = sorted(around)
        found = [Group(id=_ALL, path="", folded_size=(0.0, 0.0))]
        for number in chosen:
            group_ = network.groups[number]
            size = _turned(group_.folded_size, flow)
            found.append(
                replace(
                    group_, id=f"/{group_.id}", parent=f"/{group_.parent}" if group_.parent else _ALL, folded_size=size
                )
            )
        number_of = {group: 1 + number for number, group in enumerate(chosen)}
        return tuple(found), chosen, [number_of.get(network.group_of[node], 0) for node in nodes]

    def shift(self, dx: float, dy: float) -> None:
        """Move everything."""
        self._map(lambda x: x + dx, lambda y: y + dy)

    def stretch(self, cut: float, by: float) -> None:
        """Move everything above a height up; no box may lie across it."""
        self._map(lambda x: x, lambda y: y - by if y <= cut else y)

    def _map(self, map_x: Callable[[float], float], map_y: Callable[[float], float]) -> None:
        def box(box: Box) -> Box:
            x, y = map_x(box[0]), map_y(box[1])
            return x, y, map_x(box[0] + box[2]) - x, map_y(box[1] + box[3]) - y

        def route(points: list[Point]) -> list[Point]:
            return [(map_x(x), map_y(y)) for x, y in points]

        self.boxes = {node: box(found) for node, found in self.boxes.items()}
        self.frames = {group: box(found) for group, found in self.frames.items()}
        self.routes = {edge: route(points) for edge, points in self.routes.items()}
        self.into = {edge: route(points) for edge, points in self.into.items()}
        self.out_of = {node: route(points) for node, points in self.out_of.items()}
        self.left, self.right = map_x(self.left), map_x(self.right)
        self.top, self.bottom = map_y(self.top), map_y(self.bottom)

    def middle(self, node: int, axis: int) -> float:
        """Return the middle of a box on an axis: 0 is x, 1 is y."""
        return self.boxes[node][axis] + self.boxes[node][axis + 2] / 2

    def find_cut(self, low: float, high: float) -> float | None:
        """
        Return a height between two others at which the part can be stretched.

        Parameters
        ----------
        low, high : float
            The first is above the second, so it is the smaller number.

        Returns
        -------
        float or None
            Where no box is cut and as few frames as possible, and then as high as possible.
        """
        boxes = [(y, y + height) for _, y, _, height in self.boxes.values()]
        frames = [(y, y + height) for _, y, _, height in self.frames.values()]
        # Everything changes only where something ends; a little below that, so that it goes along.
        places = sorted({low, *(end for _, end in boxes + frames if low < end < high)})
        best: tuple[int, float] | None = None
        for end in places:
            place = end + 0.5
            if place >= high or any(top < place < bottom for top, bottom in boxes):
                continue
            rated = sum(top < place < bottom for top, bottom in frames), place
            best = rated if best is None else min(best, rated)
        return None if best is None else best[1]

    def is_free(self, node: int, axis: int, sign: int) -> bool:
        """
        Return whether a straight line from the middle of a box's side leaves the part without touching anything.

        Parameters
        ----------
        node : int
            Whose box.
        axis : int
            0 for a horizontal line, 1 for a vertical one.
        sign : {1, -1}
            1 to the right or down, -1 to the left or up.
        """
        at, across = self.middle(node, 1 - axis), 1 - axis
        box = self.boxes[node]
        start = box[axis] + (box[axis + 2] if sign > 0 else 0.0)
        own = self._around(node)
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

    def _around(self, node: int) -> set[int]:
        index = {group.id: number for number, group in enumerate(self.network.groups)}
        found, group = set(), self.network.group_of[node]
        while group >= 0:
            found.add(group)
            group = index.get(self.network.groups[group].parent, -1)
        return found

    def _lines(self) -> Iterator[tuple[Point, Point]]:
        for points in chain(self.routes.values(), self.into.values(), self.out_of.values()):
            yield from pairwise(points)


def _turned(size: tuple[float, float], flow: Flow) -> tuple[float, float]:
    return (size[1], size[0]) if flow == "right" else size


def _mover(border: Box, flow: Flow) -> Callable[[Point], Point]:
    """Return the map from the flow to the picture: down to y = 0, up from there, or right from x = 0."""
    left, top, _, height = border
    if flow == "down":
        return lambda point: (point[0], point[1] - top - height)
    if flow == "up":
        return lambda point: (point[0], top - point[1])
    return lambda point: (point[1] - top, point[0] - left)


def _moved(box: Box, move: Callable[[Point], Point]) -> Box:
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
