"""Weld items of neighbouring ranks that must lie straight below each other into vertical columns."""

from __future__ import annotations

from bisect import bisect_left

from idlmav.layout.layered.block import Ranked

__all__ = ["weld"]


def weld(ranked: Ranked, ranks: list[list[int]]) -> list[int]:
    """
    Choose the arcs that are drawn straight: the spine first, then trunks, then pure chains.

    Parameters
    ----------
    ranked : Ranked
        The block.
    ranks : list of list of int
        The items of every rank, from left to right.

    Returns
    -------
    list of int
        For every item the one straight below it, -1 for none. No two of these arcs cross.
    """
    place = [0] * len(ranked.rank)
    for items in ranks:
        for position, item in enumerate(items):
            place[item] = position
    wishes: list[list[tuple[int, int, int, int]]] = [[] for _ in ranks]
    on_spine = _spine_arcs(ranked)
    trunk, above, below = ranked.trunk, ranked.above, ranked.below
    for gap, source, target, _, _ in ranked.arcs:
        if (source, target) in on_spine:
            wishes[gap].append((0, place[source], source, target))
        elif trunk[source] is not None and trunk[source] == trunk[target]:
            wishes[gap].append((1, place[source], source, target))
        elif len(above[target]) == 1 and len(below[source]) == 1:
            through_trunk = trunk[source] is not None or trunk[target] is not None
            wishes[gap].append((3 if through_trunk else 2, place[source], source, target))
    straight = [-1] * len(ranked.rank)
    for wished in wishes:
        _match(sorted(wished), place, straight)
    return straight


def _spine_arcs(ranked: Ranked) -> set[tuple[int, int]]:
    """Return the arcs along the spine, also where it skips ranks in a trunk."""
    follows = dict(zip(ranked.spine, ranked.spine[1:], strict=False))
    found = set()
    for gap, source, target, _, _ in ranked.arcs:
        origin = ranked.trunk[source]
        start = source if origin is None else origin[0]
        wanted = follows.get(start)
        if wanted is None:
            continue
        trunk = ranked.trunk[target]
        leads_there = (
            trunk is not None and trunk[0] == start and gap + 1 < ranked.rank[wanted] and wanted in ranked.sinks[trunk]
        )
        if target == wanted or leads_there:
            found.add((source, target))
    return found


def _match(wishes: list[tuple[int, int, int, int]], place: list[int], straight: list[int]) -> None:
    """Take the arcs of one gap in order of priority, except those that cross or share an end with a taken one."""
    starts: list[int] = []
    ends: list[int] = []
    for _, start, source, target in wishes:
        end = place[target]
        at = bisect_left(starts, start)
        if at < len(starts) and (starts[at] == start or ends[at] <= end):
            continue
        if at and ends[at - 1] >= end:
            continue
        starts.insert(at, start)
        ends.insert(at, end)
        straight[source] = target
