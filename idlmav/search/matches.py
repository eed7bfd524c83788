"""Boxes that a search, the legend and a range of values do not dim, as in ``assets/search/matches.js`` (a test compares)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from idlmav.scene.build import METRICS, Scene
from idlmav.search.find import search
from idlmav.search.query import QueryError

__all__ = ["Matches", "find_matches"]


@dataclass(frozen=True, slots=True)
class Matches:
    """
    Boxes that are not dimmed, in the order of the scene's columns.

    Attributes
    ----------
    nodes : list of bool
        Ops that were found or are in a module that was found.
    groups : list of bool
        Groups that hold such an op or are in such a module.
    found : list of bool
        Groups that the search itself found.
    """

    nodes: list[bool]
    groups: list[bool]
    found: list[bool]


def find_matches(
    scene: Scene,
    *,
    query: str,
    highlighted: Collection[str],
    value_range: Sequence[float | None] | None,
    color_by: str,
    size_by: str,
) -> Matches:
    """
    Find the boxes that are not dimmed.

    Parameters
    ----------
    scene : dict
        With the numbers that are shown (`idlmav.still.compute`).
    query, highlighted, value_range, color_by, size_by
        As in `idlmav.state.ViewState`. A query that cannot be understood dims nothing.
    """
    geometry, count = scene["geometry"], len(scene["groups"]["kind"])
    parents, group_of = geometry["groups"]["parent"], geometry["nodes"]["group"]
    try:
        searched = search(scene, query)
    except QueryError:  # as while somebody types
        searched = None
    filters = [*_legend(scene, color_by, highlighted), *_range(scene, value_range, (color_by, size_by))]
    if searched is None and not filters:
        return Matches([True] * len(group_of), [True] * count, [False] * count)
    # Only ops have what the other filters ask for.
    found = [False] * count if filters or searched is None else searched.groups
    inside = found.copy()
    for group, parent in enumerate(parents):  # parents come first
        inside[group] |= parent >= 0 and inside[parent]
    if searched is not None:
        filters.append(searched.nodes)
    own = map(all, zip(*filters, strict=True))
    nodes = [is_own or (group >= 0 and inside[group]) for is_own, group in zip(own, group_of, strict=True)]
    holding = [False] * count
    for group, is_bright in zip(group_of, nodes, strict=True):
        around = group if is_bright else -1
        while around >= 0 and not holding[around]:
            holding[around] = True
            around = parents[around]
    return Matches(nodes, [held or within for held, within in zip(holding, inside, strict=True)], found)


def _legend(scene: Scene, color_by: str, highlighted: Collection[str]) -> Iterator[list[bool]]:
    """Ignore names that are not in the legend, as they belong to another one."""
    encoded = scene["colors"].get(color_by, {"names": [], "of": []})
    wanted = {place for place, name in enumerate(encoded["names"]) if name in highlighted}
    if wanted:
        yield [place in wanted for place in encoded["of"]]


def _range(scene: Scene, value_range: Sequence[float | None] | None, choices: Sequence[str]) -> Iterator[list[bool]]:
    metric = next((choice for choice in choices if choice in METRICS), None)
    if value_range is not None and metric is not None:
        low, high = value_range
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        yield [value is not None and low <= value <= high for value in scene["nodes"][metric]]
