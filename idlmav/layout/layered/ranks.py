"""
Give every item of a block a rank, find its main path, and cut long links into dummies.

Ranks are those of the longest path from the top; items off the main path then move down towards the items they feed
where that shortens edges in total (no network simplex).

References
----------
K. Sugiyama, S. Tagawa, M. Toda (1981), Methods for visual understanding of hierarchical system structures,
doi:10.1109/TSMC.1981.4308636.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from idlmav.layout.layered.block import Arc, Block, Ranked

__all__ = ["rank_block", "topological_order"]

_FROM_INPUT = 10_000_000.0
"""More than the length of any path, so that the main path starts at an input rather than at a constant."""
_LONG = 8
"""Links that span this many ranks can be collected with others that end in the same box."""
_MANY = 32
"""From this many on, such links of one box share a hyperedge."""


def rank_block(block: Block) -> Ranked:
    """Find main path and ranks of a block, and cut its long links; the links of a tensor share their dummies."""
    count = len(block.items)
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    sinks: dict[tuple[int, int], dict[int, None]] = {}
    for _, source, target, tensor in block.links:
        below[source].append(target)
        above[target].append(source)
        sinks.setdefault((source, tensor), {})[target] = None
    order = topological_order([len(others) for others in above], below)
    main_path = _find_main_path(block, order, above)
    rank = [0] * count
    for item in order:
        rank[item] = 1 + max((rank[other] for other in above[item]), default=-1)
    last = max(rank, default=0)
    for item in range(count):
        if block.is_bottom(item):
            rank[item] = last
    _pull_down(block, rank, order, below, frozenset(main_path), sinks)
    hyperedge: list[tuple[int, int] | None] = [None] * count
    arcs = _cut_links(block, rank, hyperedge, sinks)
    return Ranked(block, main_path, rank, hyperedge, arcs, sinks)


def topological_order(waiting: list[int], following: Sequence[Iterable[int]]) -> list[int]:
    """Return numbers in a topological order, given how many others each waits for, and which of them follow it."""
    order = [item for item, number in enumerate(waiting) if not number]
    for item in order:
        for other in following[item]:
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    assert len(order) == len(waiting), "the order has a cycle"
    return order


def _find_main_path(block: Block, order: list[int], above: list[list[int]]) -> tuple[int, ...]:
    """
    Return the main path: that of the whole network as far as it runs through the block.

    Elsewhere it is the longest path, by ops, from the newest input to the exit. It always starts at the entry.
    """
    best = [(False, 0, 0.0)] * len(order)
    came_from = [-1] * len(order)
    for item in order:
        for other in above[item]:
            longer = best[other] > best[item]
            if longer or (best[other] == best[item] and 0 <= other < came_from[item]):
                best[item], came_from[item] = best[other], other
        entered, main, length = best[item]
        length += block.items[item].depth
        if block.items[item].pinned == "top":
            length += _FROM_INPUT + block.items[item].age * 1e-7
        best[item] = entered or item == block.entry, main + block.items[item].is_main, length
    ends = [item for item in order if block.items[item].pinned == "bottom"] or order
    item = block.exit if block.exit >= 0 else max(ends, key=lambda end: (best[end], -end), default=-1)
    main_path = []
    while item >= 0:
        main_path.append(item)
        item = came_from[item]
    return tuple(reversed(main_path))


def _pull_down(
    block: Block,
    rank: list[int],
    order: list[int],
    below: list[list[int]],
    main_path: frozenset[int],
    sinks: dict[tuple[int, int], dict[int, None]],
) -> None:
    """Move items down next to the items they feed where fewer tensors span ranks then; each tensor counts once."""
    inputs: list[list[tuple[int, int]]] = [[] for _ in rank]
    outputs = [0] * len(rank)
    for (source, tensor), targets in sinks.items():
        outputs[source] += 1
        for target in targets:
            inputs[target].append((source, tensor))
    for item in reversed(order):
        if not below[item] or item in main_path or block.is_top(item):
            continue
        lowest = min(rank[other] for other in below[item]) - 1
        if lowest <= rank[item]:
            continue
        # Going down costs only where the item would become the farthest sink of a tensor.
        cost, shared = 0, False
        for key in inputs[item]:
            cost += all(rank[other] < lowest for other in sinks[key] if other != item)
            shared |= len(sinks[key]) > 2
        if cost < outputs[item] or (cost == outputs[item] and shared):
            rank[item] = lowest


def _cut_links(
    block: Block,
    rank: list[int],
    hyperedge: list[tuple[int, int] | None],
    sinks: dict[tuple[int, int], dict[int, None]],
) -> list[Arc]:
    """Return the arcs; append rank and hyperedge of every dummy to the two lists, collected hyperedges to `sinks`."""
    arcs, collected = _collect(block, rank, hyperedge, sinks)
    links: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for edge, source, target, tensor in block.links:
        if edge not in collected:
            links.setdefault((source, tensor), []).append((edge, target))
    for (source, tensor), ends in links.items():
        first = rank[source]
        last = max(rank[target] for _, target in ends)
        dummies = {first: source}
        for dummy_rank in range(first + 1, last):
            dummies[dummy_rank] = len(rank)
            rank.append(dummy_rank)
            hyperedge.append((source, tensor))
            arcs.append((dummy_rank - 1, dummies[dummy_rank - 1], dummies[dummy_rank], -1, tensor))
        for edge, target in ends:
            gap = rank[target] - 1
            arcs.append((gap, dummies[gap], target, edge, tensor))
    return arcs


def _collect(
    block: Block,
    rank: list[int],
    hyperedge: list[tuple[int, int] | None],
    sinks: dict[tuple[int, int], dict[int, None]],
) -> tuple[list[Arc], set[int]]:
    """Join many long links into one box, such as those of all caches into the output; return arcs and edges."""
    long: dict[int, list[tuple[int, int, int]]] = {}
    for edge, source, target, tensor in block.links:
        if rank[target] - rank[source] < _LONG or block.items[target].kind == "rigid":
            continue
        others = max((rank[other] for other in sinks[source, tensor] if other != target), default=rank[source])
        if 2 * (others - rank[source]) <= rank[target] - rank[source]:
            long.setdefault(target, []).append((edge, source, tensor))
    arcs: list[Arc] = []
    collected: set[int] = set()
    for target, found in long.items():
        if len(found) < _MANY:
            continue
        name = -1 - target
        first = min((source for _, source, _ in found), key=lambda source: rank[source])
        sinks[first, name] = {target: None}
        dummies = {}
        for dummy_rank in range(rank[first] + 1, rank[target]):
            dummies[dummy_rank] = len(rank)
            rank.append(dummy_rank)
            hyperedge.append((first, name))
            if dummy_rank - 1 in dummies:
                arcs.append((dummy_rank - 1, dummies[dummy_rank - 1], dummies[dummy_rank], -1, name))
        arcs.append((rank[target] - 1, dummies[rank[target] - 1], target, -1, name))
        arcs += [(rank[source], source, dummies[rank[source] + 1], edge, tensor) for edge, source, tensor in found]
        collected.update(edge for edge, _, _ in found)
    return arcs, collected
