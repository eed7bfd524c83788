"""
Lay out a network whose flow turns at a latent node: an autoencoder as a U or an L, its skip connections straight across.

The nodes before the latent node, the latent nodes and those after it are laid out apart (`Part`). In a U the second
column flows back, so that a skip connection runs straight across once the shorter column has been stretched; in an L
the second part flows to the side, and a skip connection runs across and then down. A skip connection that is obstructed,
or not nested in the others, gets a lane of its own that passes below.

Coordinates are those of a flow that starts downwards; `idlmav.layout.directions` turns them into the other three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from idlmav.layout.compound import Insets, Placed
from idlmav.layout.directions import frame_insets
from idlmav.layout.input.network import Network
from idlmav.layout.options import Direction, Options, TurnKind
from idlmav.layout.result import Point
from idlmav.layout.turn.part import Edge, Links, Part
from idlmav.layout.turn.split import AFTER, BEFORE, LATENT, latent_nodes, parts_of, split_groups

__all__ = ["lay_out_turned"]

_GAP = 60.0
"""Least distance in px between the two columns."""
_MARGIN = 20.0
"""Distance in px between the latent box and a column, and between a skip connection and the boxes below it."""
_TRIES = 4


def lay_out_turned(
    network: Network, latent: str, turn: TurnKind, direction: Direction, options: Options
) -> tuple[Network, Placed] | None:
    """
    Lay out a network that turns at a latent node: the id of a node, or the path of a group.

    The sizes are already swapped if the first part flows to a side in the final picture, where data first flow in
    `direction`. Return the network, its groups split at the turn and with their directions in the final picture, and
    absolute coordinates; ``None`` if nothing comes before the latent node or nothing after it.

    Raises
    ------
    ValueError
        If there is no such node and no such group.
    """
    parts = parts_of(network, latent_nodes(network, latent))
    if BEFORE not in parts or AFTER not in parts:
        return None
    if turn == "perpendicular":
        parts = [AFTER if part == LATENT else part for part in parts]
    network = split_groups(network, parts)
    turned = (_Opposite if turn == "opposite" else _Perpendicular)(network, parts, direction, options)
    turned.find_straight()
    routes = turned.join()
    boxes, frames, directions = {}, {}, {}
    for part, inside in zip(turned.parts, turned.directions, strict=True):
        boxes.update(part.boxes)
        frames.update(part.frames)
        routes.update(part.routes)
        directions.update(dict.fromkeys(part.frames, inside))
    placed = Placed(
        [boxes[node] for node in range(len(network.ids))],
        [frames[group] for group in range(len(network.groups))],
        [routes[edge] for edge in network.edges],
    )
    groups = [replace(group, direction=directions[number]) for number, group in enumerate(network.groups)]
    return replace(network, groups=tuple(groups)), placed


class _TurnedLayout:
    """
    The parts of a picture that turns (the latent part may be empty), with their directions in the final picture.

    The skip connections in `straight` run straight between the parts and need no lane.
    """

    second: ClassVar[Direction]
    """Where the part after the latent node flows if the first one flows down."""
    turned_to: ClassVar[Mapping[Direction, Direction]]
    """Where it flows in the final picture, by the direction of the first part."""

    def __init__(self, network: Network, part_of: Sequence[int], direction: Direction, options: Options) -> None:
        self.network, self.part_of, self.direction, self.options = network, part_of, direction, options
        self.directions = direction, direction, self.turned_to[direction]
        skips = [edge for edge in network.edges if (part_of[edge[0]], part_of[edge[1]]) == (BEFORE, AFTER)]
        self.straight: dict[Edge, None] = dict.fromkeys(skips)
        self.parts: list[Part] = []

    def find_straight(self) -> None:
        """Lay the parts out again until every skip connection that is not straight has a lane."""
        for attempt in range(_TRIES + 1):
            if attempt == _TRIES:
                self.straight = {}
            self.lay_out_parts()
            good = self.arrange()
            if len(good) == len(self.straight):
                return
            self.straight = dict.fromkeys(edge for edge in self.straight if edge in good)

    def lay_out_parts(self) -> None:
        """Lay every part out by itself."""
        part_of = self.part_of
        across = [edge for edge in self.network.edges if part_of[edge[0]] != part_of[edge[1]]]
        across = [edge for edge in across if edge not in self.straight]
        flows: tuple[Direction, ...] = ("down", "down", self.second)
        self.parts = []
        for number, flow in enumerate(flows):
            nodes = [node for node, part in enumerate(part_of) if part == number]
            links = Links(
                [edge for edge in across if part_of[edge[1]] == number],
                sorted({source for source, _ in across if part_of[source] == number}),
            )
            # Lanes are on the outside: a straight skip connection would have to cross them.
            options = replace(self.options, skip_side=-1 if number == BEFORE else 1)
            self.parts.append(Part(self.network, nodes, links, flow, self.insets(number), options))

    def insets(self, part: int) -> Insets:
        """Return the room inside the frames of a part."""
        return frame_insets(self.directions[part], self.options)

    def arrange(self) -> set[Edge]:
        """Move the parts to their places; return the skip connections that run straight there."""
        raise NotImplementedError

    def join(self) -> dict[Edge, list[Point]]:
        """Return the routes between the parts."""
        raise NotImplementedError

    def nested(self) -> list[Edge]:
        """Return the straight skip connections from the innermost to the outermost, one for each of their ends."""
        before = self.parts[BEFORE]
        ends: set[int] = set()
        found = []
        for source, target in sorted(self.straight, key=lambda edge: (-before.middle(edge[0], 1), edge)):
            if source not in ends and target not in ends:
                ends |= {source, target}
                found.append((source, target))
        return found

    def in_lanes(self, source: int, target: int) -> list[Edge]:
        """Return the edges from one part to another, given by their numbers, that run in lanes."""
        ends = source, target
        edges = [edge for edge in self.network.edges if (self.part_of[edge[0]], self.part_of[edge[1]]) == ends]
        return [edge for edge in edges if edge not in self.straight]

    def lanes(self, edges: Sequence[Edge], source: Part) -> dict[int, int]:
        """Return a number for each tensor of edges between two parts, 0 for the one that leaves farthest right."""
        tensors = {tensor for tensor, _ in edges}
        ordered = sorted(tensors, key=lambda tensor: (-source.out_of[tensor][-1][0], tensor))
        return {tensor: number for number, tensor in enumerate(ordered)}


class _Opposite(_TurnedLayout):
    """The second column flows back, beside the first; the latent part lies below, between the two."""

    second = "up"
    turned_to: ClassVar[Mapping[Direction, Direction]] = {"down": "up", "up": "down", "right": "left", "left": "right"}

    def arrange(self) -> set[Edge]:
        """Stretch the columns until the rows meet; place them side by side."""
        before, latent, after = self.parts
        good = self._align()
        width = latent.right - latent.left
        gap = max(_GAP, width + 2 * _MARGIN)
        before.shift(-before.right, 0.0)
        after.shift(gap - after.left, 0.0)
        tracks = len(self.lanes(self.in_lanes(BEFORE, LATENT), before))
        top = max(self.options.rank_gap, self.options.port_gap * (tracks + 1))
        latent.shift((gap - width) / 2 - latent.left, top - latent.top)
        return good

    def _align(self) -> set[Edge]:
        """Walk the skip connections outwards and stretch the column in which an end is nearer to the latent part."""
        before, after = self.parts[BEFORE], self.parts[AFTER]
        good: set[Edge] = set()
        limits = [before.bottom, after.bottom]
        for source, target in self.nested():
            ends = (before, source), (after, target)
            rows = [part.middle(node, 1) for part, node in ends]
            # Not nested: an end lies below one that has its place already.
            if any(part.lower_side(node) >= limit for (part, node), limit in zip(ends, limits, strict=True)):
                continue
            if not (before.is_free(source, 0, 1) and after.is_free(target, 0, -1)):
                continue
            lower = int(rows[1] > rows[0])
            part, node = ends[lower]
            missing = abs(rows[0] - rows[1])
            if missing > 0.0:
                height = part.find_stretch(part.lower_side(node), limits[lower])
                if height is None:
                    continue
                part.stretch(height, missing)
            good.add((source, target))
            limits = [part.boxes[node][1] for part, node in ends]
        return good

    def join(self) -> dict[Edge, list[Point]]:
        """Route straight across; from the first column down into the latent part; from there up into the second."""
        before, latent, after = self.parts
        routes: dict[Edge, list[Point]] = {}
        for source, target in self.straight:
            left, right = before.boxes[source], after.boxes[target]
            y = before.middle(source, 1)
            routes[source, target] = [(left[0] + left[2], y), (right[0], y)]
        self._join_latent(routes)
        step = self.options.port_gap
        below = latent.bottom + step * (len(self.lanes(self.in_lanes(LATENT, AFTER), latent)) + 1)
        edges = self.in_lanes(BEFORE, AFTER)
        lanes = self.lanes(edges, before)
        for source, target in edges:
            y = below + step * lanes[source]
            routes[source, target] = _over(before.out_of[source], y, after.into[source, target])
        return routes

    def _join_latent(self, routes: dict[Edge, list[Point]]) -> None:
        before, latent, after = self.parts
        step = self.options.port_gap
        single = next(iter(latent.boxes)) if len(latent.boxes) == 1 else None
        middle = latent.middle(single, 1) if single is not None else 0.0
        into, out_of = self.in_lanes(BEFORE, LATENT), self.in_lanes(LATENT, AFTER)
        lanes = self.lanes(into, before)
        for source, target in into:
            start = before.out_of[source]
            if single is not None and len(lanes) == 1:
                routes[source, target] = [*start, (start[-1][0], middle), (latent.boxes[single][0], middle)]
            else:
                y = step * (lanes[source] + 1)
                routes[source, target] = _over(start, y, latent.into[source, target])
        lanes = self.lanes(out_of, latent)
        for source, target in out_of:
            end = after.into[source, target]
            if single is not None:
                left, _, width, _ = latent.boxes[single]
                routes[source, target] = [(left + width, middle), (end[0][0], middle), *end]
            else:
                y = latent.bottom + step * (lanes[source] + 1)
                routes[source, target] = _over(latent.out_of[source], y, end)


class _Perpendicular(_TurnedLayout):
    """The second part flows to the right, below the first column; the latent nodes belong to it."""

    second = "right"
    turned_to: ClassVar[Mapping[Direction, Direction]] = {
        "down": "right",
        "up": "right",
        "right": "down",
        "left": "down",
    }

    def insets(self, part: int) -> Insets:
        """Return the room inside the frames of a part; the title bar is at the top of the final picture."""
        found = super().insets(part)
        if part == AFTER and self.direction == "up":
            return replace(found, left=found.right, right=found.left)
        return found

    def arrange(self) -> set[Edge]:
        """Place the second part below every skip connection that runs above it."""
        before, _, after = self.parts
        before.shift(-before.right, 0.0)
        after.shift(2 * _MARGIN - after.left, 0.0)
        good: set[Edge] = set()
        last = after.left
        for source, target in self.nested():
            at = after.middle(target, 0)
            if at > last and before.is_free(source, 0, 1) and after.is_free(target, 1, -1):
                good.add((source, target))
                last = at
        entries = [points[0][1] for points in after.into.values()]
        lowest = max([before.middle(source, 1) for source, _ in good], default=before.top)
        missing = lowest + _MARGIN - after.top
        after.shift(0.0, max(missing, self.options.rank_gap - min(entries, default=0.0)))
        return good

    def join(self) -> dict[Edge, list[Point]]:
        """Route straight skip connections across and down; the others from below the first column to the right."""
        before, _, after = self.parts
        routes: dict[Edge, list[Point]] = {}
        for source, target in self.straight:
            left, below = before.boxes[source], after.boxes[target]
            x, y = after.middle(target, 0), before.middle(source, 1)
            routes[source, target] = [(left[0] + left[2], y), (x, y), (x, below[1])]
        for source, target in self.in_lanes(BEFORE, AFTER):
            start, end = before.out_of[source], after.into[source, target]
            routes[source, target] = [*start, (start[-1][0], end[0][1]), *end]
        return routes


def _over(start: list[Point], y: float, end: list[Point]) -> list[Point]:
    """Join two vertical ends by a horizontal line."""
    return [*start, (start[-1][0], y), (end[0][0], y), *end]
