"""Divide a network whose flow turns: the nodes before the latent nodes, the latent nodes, and those after them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from idlmav.errors import WrongValueError, did_you_mean
from idlmav.layout.input.groups import find_groups
from idlmav.layout.input.network import Network
from idlmav.layout.input.stacks import without_broken
from idlmav.layout.result import Group

__all__ = ["AFTER", "BEFORE", "LATENT", "latent_nodes", "parts_of", "split_groups"]

BEFORE, LATENT, AFTER = range(3)
_PIECE = re.compile(r"#\d+$")


def latent_nodes(network: Network, latent: str) -> set[int]:
    """
    Return the nodes at which the flow turns, given the id of a node or the path of a group.

    Raises
    ------
    ValueError
        If there is neither.
    """
    if latent in network.ids:
        return {network.ids.index(latent)}
    # A person can pick the second piece of a group that is split in the present picture, but not in this network.
    inside = _below(network.groups, latent) or _below(network.groups, _PIECE.sub("", latent))
    found = {node for node, group in enumerate(network.group_of) if group in inside}
    if not found:
        # A module of one op has no group of its own.
        found = {node for node, name in enumerate(network.ids) if name.startswith((f"{latent}.", f"{latent}:"))}
    if not found or not latent:
        names = (*network.ids, *(group.path for group in network.groups))
        raise WrongValueError(f"latent: there is no op and no module {latent!r}.{did_you_mean(latent, names)}")
    return found


def _below(groups: Sequence[Group], path: str) -> set[int]:
    """Return the groups of a path, with all that are inside them."""
    inside: set[int] = set()
    names: set[str] = set()
    for number, group in enumerate(groups):
        if group.path == path or group.id == path or group.parent in names:
            inside.add(number)
            names.add(group.id)
    return inside


def parts_of(network: Network, latent: set[int]) -> list[int]:
    """
    Return for every node whether it comes before the latent nodes, is one of them, or comes after.

    Nodes that lead to them come before, nodes that follow from them after. Of the rest, side paths of the first part
    stay with it, and nodes that only the second part needs (its constants, a decoder's own inputs) go there.
    """
    count = len(network.ids)
    following: list[list[int]] = [[] for _ in range(count)]
    leading: list[list[int]] = [[] for _ in range(count)]
    for source, target in network.edges:
        following[source].append(target)
        leading[target].append(source)
    before = _reached(latent, leading)
    after = _reached(latent, following)
    parts = [AFTER] * count
    for node in range(count):
        if node in before:
            # Nodes on a path from one latent node to another are latent: the parts must not form a cycle.
            parts[node] = LATENT if node in latent or node in after else BEFORE
        elif node in latent:
            parts[node] = LATENT
        elif node not in after and any(parts[source] == BEFORE for source in leading[node]):
            parts[node] = BEFORE
    for node in reversed(range(count)):
        if any(parts[target] == BEFORE for target in following[node]):
            parts[node] = BEFORE  # a constant of a side path
    return parts


def _reached(starts: Iterable[int], neighbours: list[list[int]]) -> set[int]:
    """Return the nodes that can be reached from the starts in one or more steps."""
    found: set[int] = set()
    waiting = list(starts)
    while waiting:
        for node in neighbours[waiting.pop()]:
            if node not in found:
                found.add(node)
                waiting.append(node)
    return found


def split_groups(network: Network, parts: Sequence[int]) -> Network:
    """Return a network in which no group reaches over a part's border; the second piece of one gets ``#2`` in its id."""
    names = {group.id for group in network.groups}
    chains = network.chains()
    # A part is the outermost group of its nodes while the groups are found: a negative key.
    around = [(-1 - part, *chains[group]) for part, group in zip(parts, network.group_of, strict=True)]
    group_of, keys, parents = find_groups(around, network.edges)
    kept = {old: new for new, old in enumerate([number for number, key in enumerate(keys) if key >= 0])}
    seen: dict[str, int] = {}
    groups: list[Group] = []
    for old in kept:
        group = network.groups[keys[old]]
        number = seen[group.id] = seen.get(group.id, 0) + 1
        parent = kept.get(parents[old], -1)
        name = group.id if number == 1 else f"{group.id}#{number}"
        while number > 1 and name in names:  # the id of a second call
            number = seen[group.id] = number + 1
            name = f"{group.id}#{number}"
        groups.append(replace(group, id=name, parent=groups[parent].id if parent >= 0 else ""))
    inner = tuple(kept.get(group, -1) for group in group_of)
    stacks = without_broken(network.stacks, list(zip(parts, inner, strict=True)))
    return replace(network, groups=tuple(groups), group_of=inner, stacks=stacks)
