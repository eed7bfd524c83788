"""What a search, the legend and a range of values leave bright, as ``assets/search/matches.js`` finds it (a test compares)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from idlmav.scene.build import METRICS, Scene
from idlmav.search.find import search

__all__ = ["Matches", "find_matches"]


@dataclass(frozen=True, slots=True)
class Matches:
    """
    What is not dimmed.

    Attributes
    ----------
    nodes, groups : list of bool
        In the order of the scene's columns: ops that were found or are in a module that was; groups that hold some,
        or are in such a module.
    found : list of bool
        Groups that the search found themselves.
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
    Find what is not dimmed.

    Parameters
    ----------
    scene : dict
        With the numbers that are shown (`idlmav.still.compute`).
    query, highlighted, value_range, color_by, size_by
        As in `idlmav.state.ViewState`. A query that cannot be understood dims nothing.
    """
    geometry, count = scene["geometry"], len(scene["groups"]["kind"])
    parents, group_of = geometry["groups"]["parent"], geometry["nodes"]["group"]
    searched = search(scene, query)
    filters = [*_legend(scene, color_by, highlighted), *_range(scene, value_range, (color_by, size_by))]
    if searched is None and not filters:
        return Matches([True] * len(group_of), [True] * count, [False] * count)
    # A module is found by its name alone: what else is asked for, only ops have.
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
    """Pass over names that the legend has not: they are another legend's."""
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
