"""
Vertical alignment: choose the arcs between neighbouring ranks that are straight, so that items form vertical columns.

The arcs of each gap are taken in order of priority unless they cross one that was taken before. Brandes and Köpf align
every item with its median neighbours and settle conflicts in favour of inner segments; here the main path comes first.

References
----------
U. Brandes, B. Köpf (2002), Fast and simple horizontal coordinate assignment, doi:10.1007/3-540-45848-4_3.
"""

from __future__ import annotations

from bisect import bisect_left

from idlmav.layout.layered.block import Ranked
from idlmav.layout.layered.geometry import Geometry

__all__ = ["align", "main_path_arcs"]


def align(geometry: Geometry, on_main_path: set[tuple[int, int]]) -> None:
    """Choose the straight arcs: the main path first, then hyperedges, then pure chains; no two of them cross."""
    ranked, place = geometry.ranked, geometry.place
    candidates: list[list[tuple[int, int, int, int]]] = [[] for _ in geometry.ranks]
    hyperedge, above, below = ranked.hyperedge, ranked.above, ranked.below
    for gap, source, target, _, _ in ranked.arcs:
        if (source, target) in on_main_path:
            candidates[gap].append((0, place[source], source, target))
        elif hyperedge[source] is not None and hyperedge[source] == hyperedge[target]:
            candidates[gap].append((1, place[source], source, target))
        elif len(above[target]) == 1 and len(below[source]) == 1:
            through_hyperedge = hyperedge[source] is not None or hyperedge[target] is not None
            candidates[gap].append((3 if through_hyperedge else 2, place[source], source, target))
    for found in candidates:
        _match(sorted(found), place, geometry.aligned)


def main_path_arcs(ranked: Ranked) -> set[tuple[int, int]]:
    """Return the arcs along the main path, also where it skips ranks in a hyperedge."""
    follows = dict(zip(ranked.main_path, ranked.main_path[1:], strict=False))
    found = set()
    for arc, (gap, source, target, _, _) in enumerate(ranked.arcs):
        start, _ = ranked.origin(arc)
        wanted = follows.get(start)
        if wanted is None:
            continue
        hyperedge = ranked.hyperedge[target]
        leads_there = (
            hyperedge is not None
            and hyperedge[0] == start
            and gap + 1 < ranked.rank[wanted]
            and wanted in ranked.sinks[hyperedge]
        )
        if target == wanted or leads_there:
            found.add((source, target))
    return found


def _match(candidates: list[tuple[int, int, int, int]], place: list[int], aligned: list[int]) -> None:
    """Take the arcs of one gap in order of priority, except those that cross or share an end with a taken one."""
    starts: list[int] = []
    ends: list[int] = []
    for _, start, source, target in candidates:
        end = place[target]
        at = bisect_left(starts, start)
        if at < len(starts) and (starts[at] == start or ends[at] <= end):
            continue
        if at and ends[at - 1] >= end:
            continue
        starts.insert(at, start)
        ends.insert(at, end)
        aligned[source] = target
