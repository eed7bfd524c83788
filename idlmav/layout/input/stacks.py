"""
Merge small ops into their neighbours: a *stack* of boxes without gaps is laid out as a single box.

A stack is a chain: each of its ops feeds only the next, which reads nothing else. So edges into it end at its first op,
and edges out of it begin at its last; only the first can be a join, and only the last a fork.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from idlmav.layout.input.network import Network
from idlmav.layout.result import Box, Point

__all__ = ["contracted", "expanded", "find_stacks", "without_broken"]

Stack = tuple[int, ...]


def find_stacks(network: Network, small: Collection[int], apart: Collection[int]) -> tuple[Stack, ...]:
    """
    Return the nodes of every stack of two or more, along the flow.

    `small` nodes may be merged into another, except joins and forks; nothing is merged with nodes `apart`. At most one
    node of a stack is not small, and no stack reaches over a frame. An op joins the op before it if possible, otherwise
    the op after it.
    """
    out_degree = Counter(source for source, _ in network.edges)
    in_degree = Counter(target for _, target in network.edges)
    before = {target: source for source, target in network.edges}
    merging = {node for node in small if in_degree[node] == 1 and out_degree[node] <= 1}
    apart = frozenset(apart)
    stack_of: dict[int, list[int]] = {}
    for node in range(len(network.ids)):
        source = before.get(node, node)
        chained = (
            in_degree[node] == 1 and out_degree[source] == 1 and network.group_of[source] == network.group_of[node]
        )
        stack = stack_of.get(source, [])
        if chained and not {source, node} & apart and (node in merging or merging.issuperset(stack)):
            stack.append(node)
            stack_of[node] = stack
        else:
            stack_of[node] = [node]
    found = {id(stack): stack for stack in stack_of.values() if len(stack) > 1}
    return tuple(tuple(stack) for stack in found.values())


def without_broken(stacks: Collection[Stack], part_of: Sequence[Hashable]) -> tuple[Stack, ...]:
    """Return the stacks, split where the next node belongs to another part."""
    found = []
    for stack in stacks:
        pieces = [tuple(piece) for _, piece in groupby(stack, key=lambda node: part_of[node])]
        found += [piece for piece in pieces if len(piece) > 1]
    return tuple(found)


def contracted(network: Network) -> Network:
    """Return a network in which each stack is a single node."""
    first = {node: stack[0] for stack in network.stacks for node in stack}
    kept = [node for node in range(len(network.ids)) if first.get(node, node) == node]
    number = {node: index for index, node in enumerate(kept)}
    members = {stack[0]: [network.sizes[node] for node in stack] for stack in network.stacks}
    sizes = {node: (max(w for w, _ in found), sum(h for _, h in found)) for node, found in members.items()}
    now = {(a, b): (number[first.get(a, a)], number[first.get(b, b)]) for a, b in network.edges}
    return replace(
        network,
        ids=tuple(network.ids[node] for node in kept),
        sizes=tuple(sizes.get(node, network.sizes[node]) for node in kept),
        edges=tuple((source, target) for source, target in now.values() if source != target),
        outputs={now[ends]: output for ends, output in network.outputs.items()},
        group_of=tuple(network.group_of[node] for node in kept),
        stacks=(),
    )


def expanded(network: Network, boxes: list[Box], routes: list[list[Point]]) -> tuple[list[Box], list[list[Point]]]:
    """
    Return boxes and routes of the whole network from those of the contracted one, in the flow downwards.

    The members of a stack are as wide as the stack; routes between them have no points.
    """
    inside = {pair for stack in network.stacks for pair in pairwise(stack)}
    stack_of = {stack[0]: stack for stack in network.stacks}
    later = {node for stack in network.stacks for node in stack[1:]}
    found: dict[int, Box] = {}
    given = iter(boxes)
    for node in range(len(network.ids)):
        if node in later:
            continue
        x, y, width, height = next(given)
        stack = stack_of.get(node)
        for member in stack or ():
            found[member] = x, y, width, network.sizes[member][1]
            y += network.sizes[member][1]
        if not stack:
            found[node] = x, y, width, height
    pieces = iter(routes)
    every = [[] if edge in inside else next(pieces) for edge in network.edges]
    return [found[node] for node in range(len(network.ids))], every
