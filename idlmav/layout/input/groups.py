"""
Decide which nodes share a frame.

A group with a single unit in it gets no frame. A group that the data leave and re-enter is split, since otherwise the
groups would form a cycle and could not be drawn along the flow.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["find_groups"]

Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class _Piece(Generic[Key]):
    """A group, or one piece of a split group; its nodes, those of inner groups included, are in topological order."""

    key: Key
    parent: int
    depth: int
    nodes: list[int]
    edges: list[tuple[int, int]]
    units: int = 0


def find_groups(
    chains: Sequence[tuple[Key, ...]], edges: Sequence[tuple[int, int]]
) -> tuple[list[int], list[Key], list[int]]:
    """
    Turn the modules around every node into groups.

    `chains` has for every node the keys of the modules around it, outermost first; the nodes are numbered topologically.
    Return the innermost group of every node, the key of every group, and the group around each, parents before children
    and otherwise by their first node; -1 is no group.
    """
    pieces, piece_of = _split_levels(chains, edges)
    kept = sorted(
        (piece for piece in range(len(pieces)) if pieces[piece].units > 1),
        key=lambda piece: (pieces[piece].nodes[0], pieces[piece].depth),
    )
    number = {piece: index for index, piece in enumerate(kept)}
    number[-1] = -1

    def surviving(piece: int) -> int:
        while piece not in number:
            piece = pieces[piece].parent
        return number[piece]

    group_of = [surviving(piece) for piece in piece_of]
    return group_of, [pieces[piece].key for piece in kept], [surviving(pieces[piece].parent) for piece in kept]


def _split_levels(
    chains: Sequence[tuple[Key, ...]], edges: Sequence[tuple[int, int]]
) -> tuple[list[_Piece[Key]], list[int]]:
    """Return all groups after splitting, and the innermost of every node (-1 for none)."""
    pieces: list[_Piece[Key]] = []
    piece_of = [-1] * len(chains)
    todo: list[tuple[int, int, list[int], list[tuple[int, int]]]] = [(-1, 0, list(range(len(chains))), list(edges))]
    while todo:
        parent, depth, nodes, inner_edges = todo.pop()
        unit_of = _units(nodes, inner_edges, chains, depth)
        found: dict[Hashable, int] = {}
        for node in nodes:
            if parent >= 0 and unit_of[node] not in found:
                pieces[parent].units += 1
            if len(chains[node]) <= depth:
                found[unit_of[node]] = parent
                continue
            piece = found.get(unit_of[node])
            if piece is None:
                piece = found[unit_of[node]] = len(pieces)
                pieces.append(_Piece(chains[node][depth], parent, depth, [], []))
            pieces[piece].nodes.append(node)
            piece_of[node] = piece
        for source, target in inner_edges:
            if unit_of[source] == unit_of[target]:
                pieces[piece_of[source]].edges.append((source, target))
        for piece in found.values():
            if piece != parent:
                todo.append((piece, depth + 1, pieces[piece].nodes, pieces[piece].edges))
    return pieces, piece_of


def _units(
    nodes: list[int], edges: list[tuple[int, int]], chains: Sequence[tuple[Key, ...]], depth: int
) -> dict[int, Hashable]:
    """Return the unit of every node on a level: itself, or its group, split where the groups would form a cycle."""
    unit_of: dict[int, Hashable] = {
        node: ("group", chains[node][depth]) if len(chains[node]) > depth else ("node", node) for node in nodes
    }
    links = {(unit_of[source], unit_of[target]) for source, target in edges}
    links = {(source, target) for source, target in links if source != target}
    cyclic = _on_cycles(set(unit_of.values()), links)
    previous: Hashable = None
    run = 0
    for node in nodes:
        unit = unit_of[node]
        if unit in cyclic:
            # Runs of a topological order cannot form a cycle.
            run += unit != previous
            previous = unit
            unit_of[node] = (unit, run)
    return unit_of


def _on_cycles(units: set[Hashable], links: set[tuple[Hashable, Hashable]]) -> set[Hashable]:
    """Return the units on a cycle or between two cycles."""
    left = set(units)
    for forwards in (True, False):
        waiting = dict.fromkeys(left, 0)
        following: dict[Hashable, list[Hashable]] = {unit: [] for unit in left}
        for source, target in links:
            if source in left and target in left:
                before, after = (source, target) if forwards else (target, source)
                waiting[after] += 1
                following[before].append(after)
        free = [unit for unit, number in waiting.items() if not number]
        for unit in free:
            left.discard(unit)
            for after in following[unit]:
                waiting[after] -= 1
                if not waiting[after]:
                    free.append(after)
    return left
