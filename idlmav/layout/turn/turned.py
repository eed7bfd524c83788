"""
Lay out a network whose flow turns at a latent node: an autoencoder as a U or an L, its skip connections straight across.

What comes before the latent node, what belongs to it and what comes after are laid out apart (`Part`). In a U the second
column flows back, so that a skip connection runs straight across once the shorter column has been stretched; in an L
what follows runs to the side, and a skip connection runs across and then down. One that is obstructed, or not nested
in the others, goes around below, in a lane of its own.

Coordinates are those of a flow that starts downwards; `idlmav.layout.directions` turns them into the other three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from idlmav.layout.compound import Insets, Placed
from idlmav.layout.directions import frame_insets, is_mirrored
from idlmav.layout.input.network import Network
from idlmav.layout.options import Direction, Options, TurnKind
from idlmav.layout.result import Point
from idlmav.layout.turn.part import Edge, Flow, Links, Part
from idlmav.layout.turn.split import AFTER, BEFORE, LATENT, latent_nodes, parts_of, split_groups

__all__ = ["Turned", "lay_out_turned"]

_BACK: dict[Direction, Direction] = {"down": "up", "up": "down", "right": "left", "left": "right"}
_ASIDE: dict[Direction, Direction] = {"down": "right", "up": "right", "right": "down", "left": "down"}
_GAP = 60.0
"""Least distance in px between the two columns."""
_MARGIN = 20.0
"""Distance in px between the latent box and a column, and between a skip connection and what lies below it."""
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Turned:
    """
    A layout that turns.

    Attributes
    ----------
    network : Network
        The network, its groups split where they reached over the turn, with their directions in the final picture.
    placed : Placed
        Absolute coordinates.
    """

    network: Network
    placed: Placed


def lay_out_turned(
    network: Network, latent: str, turn: TurnKind, direction: Direction, options: Options
) -> Turned | None:
    """
    Lay out a network that turns at a latent node.

    Parameters
    ----------
    network : Network
        Sizes as they are in the first part: already swapped if that flows to a side.
    latent : str
        Id of a node, or path of a group.
    turn : {'opposite', 'perpendicular'}
        Whether what follows flows back, or to the side.
    direction : {'down', 'right', 'up', 'left'}
        Where the data flows first in the final picture.
    options : Options
        Distances.

    Returns
    -------
    Turned or None
        ``None`` if nothing comes before the latent node or nothing after.

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
    shape = (_Opposite if turn == "opposite" else _Perpendicular)(network, parts, direction, options)
    shape.find_straight()
    routes = shape.join()
    boxes, frames = {}, {}
    for part in shape.parts:
        boxes.update(part.boxes)
        frames.update(part.frames)
        routes.update(part.routes)
    placed = Placed(
        [boxes[node] for node in range(len(network.ids))],
        [frames[group] for group in range(len(network.groups))],
        [routes[edge] for edge in network.edges],
    )
    flows = {group: shape.directions[number] for number, part in enumerate(shape.parts) for group in part.frames}
    groups = [replace(group, direction=flows[number]) for number, group in enumerate(network.groups)]
    return Turned(replace(network, groups=tuple(groups)), placed)


class _Shape:
    """
    The parts of a picture that turns, and which skip connections run straight between them.

    Attributes
    ----------
    parts : list of Part
        One for each of before, latent and after; the second may be empty.
    directions : tuple of Direction
        Where they flow in the final picture.
    straight : dict of (int, int) to None
        The skip connections that need no lane.
    """

    flows: tuple[Flow, Flow, Flow]
    directions: tuple[Direction, Direction, Direction]

    def __init__(self, network: Network, part_of: Sequence[int], direction: Direction, options: Options) -> None:
        self.network, self.part_of, self.direction, self.options = network, part_of, direction, options
        skips = [edge for edge in network.edges if (part_of[edge[0]], part_of[edge[1]]) == (BEFORE, AFTER)]
        self.straight: dict[Edge, None] = dict.fromkeys(skips)
        self.parts: list[Part] = []

    def find_straight(self) -> None:
        """Lay the parts out, with a lane for every skip connection that turns out not to run straight."""
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
        across = [
            edge
            for edge in self.network.edges
            if self.part_of[edge[0]] != self.part_of[edge[1]] and edge not in self.straight
        ]
        self.parts = []
        for number, flow in enumerate(self.flows):
            nodes = [node for node, part in enumerate(self.part_of) if part == number]
            links = Links(
                [edge for edge in across if self.part_of[edge[1]] == number],
                sorted({source for source, _ in across if self.part_of[source] == number}),
            )
            # Lanes are on the outside: a straight skip connection would have to cross them.
            options = replace(self.options, skip_side=-1 if number == BEFORE else 1)
            self.parts.append(Part(self.network, nodes, links, flow, self.insets(number), options))

    def insets(self, part: int) -> Insets:
        """Return the room inside the frames of a part."""
        return frame_insets(self.directions[part], self.options)

    def arrange(self) -> set[Edge]:
        """Move the parts to where they belong; return the skip connections that run straight there."""
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

    def crossing(self, source: int, target: int) -> list[Edge]:
        """Return the edges in lanes between two parts, of which the first is named by its number."""
        return [
            edge
            for edge in self.network.edges
            if (self.part_of[edge[0]], self.part_of[edge[1]]) == (source, target) and edge not in self.straight
        ]

    def lanes(self, edges: Sequence[Edge], source: Part) -> dict[int, int]:
        """Give each tensor of edges between two parts a number, beginning with the one that leaves farthest right."""
        tensors = {tensor for tensor, _ in edges}
        ordered = sorted(tensors, key=lambda tensor: (-source.out_of[tensor][-1][0], tensor))
        return {tensor: number for number, tensor in enumerate(ordered)}


class _Opposite(_Shape):
    """The second column flows back, beside the first; the latent part lies below, between the two."""

    flows = "down", "down", "up"

    def __init__(self, network: Network, part_of: Sequence[int], direction: Direction, options: Options) -> None:
        super().__init__(network, part_of, direction, options)
        self.directions = direction, direction, _BACK[direction]

    def arrange(self) -> set[Edge]:
        """Stretch the columns until the rows meet; place them side by side."""
        before, latent, after = self.parts
        good = self._align()
        width = latent.right - latent.left
        gap = max(_GAP, width + 2 * _MARGIN)
        before.shift(-before.right, 0.0)
        after.shift(gap - after.left, 0.0)
        tracks = len(self.lanes(self.crossing(BEFORE, LATENT), before))
        top = max(self.options.rank_gap, self._step * (tracks + 1))
        latent.shift((gap - width) / 2 - latent.left, top - latent.top)
        return good

    @property
    def _step(self) -> float:
        return self.options.port_gap

    def _align(self) -> set[Edge]:
        """Walk the skip connections outwards and stretch the column in which an end is nearer to the latent part."""
        before, after = self.parts[BEFORE], self.parts[AFTER]
        good: set[Edge] = set()
        limits = [before.bottom, after.bottom]
        for source, target in self.nested():
            ends = (before, source), (after, target)
            rows = [part.middle(node, 1) for part, node in ends]
            # Not nested: an end lies below one that has its place already.
            if any(
                part.boxes[node][1] + part.boxes[node][3] >= limit
                for (part, node), limit in zip(ends, limits, strict=True)
            ):
                continue
            if not (before.is_free(source, 0, 1) and after.is_free(target, 0, -1)):
                continue
            lower = int(rows[1] > rows[0])
            part, node = ends[lower]
            missing = abs(rows[0] - rows[1])
            if missing > 0.0:
                cut = part.find_cut(part.boxes[node][1] + part.boxes[node][3], limits[lower])
                if cut is None:
                    continue
                part.stretch(cut, missing)
            good.add((source, target))
            limits = [part.boxes[node][1] for part, node in ends]
        return good

    def join(self) -> dict[Edge, list[Point]]:
        """Straight across; from the first column down into the latent part; from there up into the second."""
        before, latent, after = self.parts
        routes: dict[Edge, list[Point]] = {}
        for source, target in self.straight:
            left, right = before.boxes[source], after.boxes[target]
            y = before.middle(source, 1)
            routes[source, target] = [(left[0] + left[2], y), (right[0], y)]
        self._join_latent(routes)
        below = latent.bottom + self._step * (len(self.lanes(self.crossing(LATENT, AFTER), latent)) + 1)
        edges = self.crossing(BEFORE, AFTER)
        lanes = self.lanes(edges, before)
        for source, target in edges:
            y = below + self._step * lanes[source]
            routes[source, target] = _over(before.out_of[source], y, after.into[source, target])
        return routes

    def _join_latent(self, routes: dict[Edge, list[Point]]) -> None:
        before, latent, after = self.parts
        single = next(iter(latent.boxes)) if len(latent.boxes) == 1 else None
        middle = latent.middle(single, 1) if single is not None else 0.0
        into, out_of = self.crossing(BEFORE, LATENT), self.crossing(LATENT, AFTER)
        lanes = self.lanes(into, before)
        for source, target in into:
            start = before.out_of[source]
            if single is not None and len(lanes) == 1:
                routes[source, target] = [*start, (start[-1][0], middle), (latent.boxes[single][0], middle)]
            else:
                y = self._step * (lanes[source] + 1)
                routes[source, target] = _over(start, y, latent.into[source, target])
        lanes = self.lanes(out_of, latent)
        for source, target in out_of:
            end = after.into[source, target]
            if single is not None:
                left, _, width, _ = latent.boxes[single]
                routes[source, target] = [(left + width, middle), (end[0][0], middle), *end]
            else:
                y = latent.bottom + self._step * (lanes[source] + 1)
                routes[source, target] = _over(latent.out_of[source], y, end)


class _Perpendicular(_Shape):
    """What follows flows to the right, below the first column."""

    flows = "down", "down", "right"

    def __init__(self, network: Network, part_of: Sequence[int], direction: Direction, options: Options) -> None:
        super().__init__(network, part_of, direction, options)
        self.directions = direction, direction, _ASIDE[direction]

    def insets(self, part: int) -> Insets:
        """Return the room inside the frames of a part; the title bar is at the top of the final picture."""
        found = super().insets(part)
        if part == AFTER and is_mirrored(self.direction) and self.direction == "up":
            return replace(found, left=found.right, right=found.left)
        return found

    def arrange(self) -> set[Edge]:
        """Place what follows below every skip connection that runs above it."""
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
        """Across and down; from below the first column to the right."""
        before, _, after = self.parts
        routes: dict[Edge, list[Point]] = {}
        for source, target in self.straight:
            left, below = before.boxes[source], after.boxes[target]
            x, y = after.middle(target, 0), before.middle(source, 1)
            routes[source, target] = [(left[0] + left[2], y), (x, y), (x, below[1])]
        for source, target in self.crossing(BEFORE, AFTER):
            start, end = before.out_of[source], after.into[source, target]
            routes[source, target] = [*start, (start[-1][0], end[0][1]), *end]
        return routes


def _over(start: list[Point], y: float, end: list[Point]) -> list[Point]:
    """Join two vertical ends by a horizontal line."""
    return [*start, (start[-1][0], y), (end[0][0], y), *end]
