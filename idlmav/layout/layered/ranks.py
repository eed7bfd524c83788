"""
Give every item of a block a rank, and find its main path.

References
----------
K. Sugiyama, S. Tagawa, M. Toda (1981), Methods for visual understanding of hierarchical system structures,
doi:10.1109/TSMC.1981.4308636.
"""

from __future__ import annotations

from idlmav.layout.layered.block import Arc, Block, Ranked

__all__ = ["rank_block"]

_FROM_INPUT = 10_000_000.0
"""More than any path is long: the spine starts at an input rather than at a constant."""
_LONG = 8
"""Ranks that a link spans at least to be collected with others that end in the same box."""
_MANY = 32
"""So many such links of one box share a trunk."""


def rank_block(block: Block) -> Ranked:
    """Find spine and ranks of a block, and cut its long links into trunks, one a tensor."""
    count = len(block.items)
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    sinks: dict[tuple[int, int], dict[int, None]] = {}
    for _, source, target, tensor in block.links:
        below[source].append(target)
        above[target].append(source)
        sinks.setdefault((source, tensor), {})[target] = None
    order = _topological(above, below)
    spine = _find_spine(block, order, above)
    rank = [0] * count
    for item in order:
        rank[item] = 1 + max((rank[other] for other in above[item]), default=-1)
    last = max(rank, default=0)
    for item in range(count):
        if block.is_bottom(item):
            rank[item] = last
    _pull_down(block, rank, order, below, frozenset(spine), sinks)
    trunk: list[tuple[int, int] | None] = [None] * count
    arcs = _cut_links(block, rank, trunk, sinks)
    return Ranked(block, spine, rank, trunk, arcs, sinks)


def _topological(above: list[list[int]], below: list[list[int]]) -> list[int]:
    waiting = [len(others) for others in above]
    order = [item for item, number in enumerate(waiting) if not number]
    for item in order:
        for other in below[item]:
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    assert len(order) == len(above), "the items of a block form a cycle"
    return order


def _find_spine(block: Block, order: list[int], above: list[list[int]]) -> tuple[int, ...]:
    """
    Return the main path: along that of the whole network as far as it runs through the block.

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
    spine = []
    while item >= 0:
        spine.append(item)
        item = came_from[item]
    return tuple(reversed(spine))


def _pull_down(
    block: Block,
    rank: list[int],
    order: list[int],
    below: list[list[int]],
    spine: frozenset[int],
    sinks: dict[tuple[int, int], dict[int, None]],
) -> None:
    """Move items next to what they feed where that makes trunks fewer; a shared trunk is counted once."""
    inputs: list[list[tuple[int, int]]] = [[] for _ in rank]
    outputs = [0] * len(rank)
    for (source, tensor), targets in sinks.items():
        outputs[source] += 1
        for target in targets:
            inputs[target].append((source, tensor))
    for item in reversed(order):
        if not below[item] or item in spine or block.is_top(item):
            continue
        lowest = min(rank[other] for other in below[item]) - 1
        if lowest <= rank[item]:
            continue
        # Going down costs only where the item would become the farthest sink of a trunk.
        cost, shared = 0, False
        for key in inputs[item]:
            cost += all(rank[other] < lowest for other in sinks[key] if other != item)
            shared |= len(sinks[key]) > 2
        if cost < outputs[item] or (cost == outputs[item] and shared):
            rank[item] = lowest


def _cut_links(
    block: Block, rank: list[int], trunk: list[tuple[int, int] | None], sinks: dict[tuple[int, int], dict[int, None]]
) -> list[Arc]:
    """Return the arcs; append rank and origin of every trunk's piece to the two lists, collected trunks to `sinks`."""
    arcs, collected = _collect(block, rank, trunk, sinks)
    links: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for edge, source, target, tensor in block.links:
        if edge not in collected:
            links.setdefault((source, tensor), []).append((edge, target))
    for (source, tensor), ends in links.items():
        first = rank[source]
        last = max(rank[target] for _, target in ends)
        pieces = {first: source}
        for piece_rank in range(first + 1, last):
            pieces[piece_rank] = len(rank)
            rank.append(piece_rank)
            trunk.append((source, tensor))
            arcs.append((piece_rank - 1, pieces[piece_rank - 1], pieces[piece_rank], -1, tensor))
        for edge, target in ends:
            gap = rank[target] - 1
            arcs.append((gap, pieces[gap], target, edge, tensor))
    return arcs


def _collect(
    block: Block, rank: list[int], trunk: list[tuple[int, int] | None], sinks: dict[tuple[int, int], dict[int, None]]
) -> tuple[list[Arc], set[int]]:
    """Give the many long links into one box, as those of all caches into the output, one trunk; return their edges."""
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
        pieces = {}
        for piece_rank in range(rank[first] + 1, rank[target]):
            pieces[piece_rank] = len(rank)
            rank.append(piece_rank)
            trunk.append((first, name))
            if piece_rank - 1 in pieces:
                arcs.append((piece_rank - 1, pieces[piece_rank - 1], pieces[piece_rank], -1, name))
        arcs.append((rank[target] - 1, pieces[rank[target] - 1], target, -1, name))
        arcs += [(rank[source], source, pieces[rank[source] + 1], edge, tensor) for edge, source, tensor in found]
        collected.update(edge for edge, _, _ in found)
    return arcs, collected
