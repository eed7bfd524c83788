"""The input of the layout: sizes, edges and nested groups, without anything about models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from idlmav.graph import Graph
from idlmav.layout.input.groups import find_groups
from idlmav.layout.input.labels import group_size, group_title
from idlmav.layout.input.naming import name_repeats
from idlmav.layout.input.repeats import find_repeats, node_labels, node_weights
from idlmav.layout.result import Group

Grouping = Literal["runs", "calls", "none"]
__all__ = ["Grouping", "Network", "name_groups", "network_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """
    A graph to lay out.

    Attributes
    ----------
    ids : tuple of str
        Of the nodes, in a topological order.
    sizes : tuple of (float, float)
        Width and height of every node in px.
    edges : tuple of (int, int)
        Source and target, each pair once, source before target.
    groups : tuple of Group
        Parents before children.
    group_of : tuple of int
        Innermost group of every node, -1 for none. Groups joined by edges form no cycle.
    outputs : mapping of (int, int) to int
        Which output of its source an edge carries, if not the first: each output has a hyperedge of its own.
    inputs : frozenset of int
        Nodes at which the main path begins in preference to other nodes without an edge into them, such as constants.
    stacks : tuple of tuple of int
        Nodes of one group each that are merged: drawn without a gap, along the flow; see `idlmav.layout.input.stacks`.
    """

    ids: tuple[str, ...]
    sizes: tuple[tuple[float, float], ...]
    edges: tuple[tuple[int, int], ...]
    groups: tuple[Group, ...] = ()
    group_of: tuple[int, ...] = ()
    outputs: Mapping[tuple[int, int], int] = field(default_factory=dict)
    inputs: frozenset[int] = frozenset()
    stacks: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a network that has no layout."""
        if len(self.ids) != len(self.sizes) or len(self.group_of) not in (0, len(self.ids)):
            raise ValueError("ids, sizes and group_of must be equally long")
        for source, target in self.edges:
            if not 0 <= source < target < len(self.ids):
                raise ValueError(f"edges must point from an earlier node to a later one, got ({source}, {target})")
        earlier = {""}
        for group in self.groups:
            if group.parent not in earlier or group.id in earlier:
                raise ValueError(f"groups need an id of their own and come after their parent, got {group.id!r}")
            earlier.add(group.id)
        if not self.group_of:
            object.__setattr__(self, "group_of", (-1,) * len(self.ids))

    def chains(self) -> list[tuple[int, ...]]:
        """Return for every group the groups around it, outermost first, and itself; at index -1 there are none."""
        number = {group.id: index for index, group in enumerate(self.groups)}
        found: list[tuple[int, ...]] = []
        for index, group in enumerate(self.groups):
            parent = number.get(group.parent, -1)
            found.append((*(found[parent] if parent >= 0 else ()), index))
        return [*found, ()]


def network_of(graph: Graph, sizes: Mapping[str, tuple[float, float]], grouping: Grouping = "runs") -> Network:
    """
    Return the nodes, edges and module calls of a captured graph as a network.

    There is a group for every module call with two or more units and for every run of blocks that are built alike, but
    none for the call of the model itself. `sizes` holds width and height in px of every node's box, by id. With the
    grouping ``calls`` there are no groups for runs, with ``none`` there are none.
    """
    index = {node.id: number for number, node in enumerate(graph.nodes)}
    calls: dict[int | None, tuple[int, ...]] = {None: ()}
    for number, call in enumerate(graph.calls):
        calls[number] = () if call.parent is None else (*calls[call.parent], number)
    chains = [() if grouping == "none" else calls[node.call] for node in graph.nodes]
    pairs = [(index[edge.source], index[edge.target]) for edge in graph.edges]
    carried = {pair: min(edge.outputs, default=0) for pair, edge in zip(pairs, graph.edges, strict=True)}
    edges = tuple(carried)
    group_of, keys, parents = find_groups(chains, edges)
    modules = graph.module_by_path
    paths = [graph.calls[key].path for key in keys]
    around = [paths[parent] if parent >= 0 else "" for parent in parents]
    titles = [group_title(path, modules.get(path), outer) for path, outer in zip(paths, around, strict=True)]
    given = name_groups(paths, parents, titles, graph.node_by_id)
    outputs: dict[tuple[int, ...], int] = {}
    flows = [
        (*pair, outputs.setdefault(edge.outputs, len(outputs))) for pair, edge in zip(pairs, graph.edges, strict=True)
    ]
    groups = given
    if grouping == "runs":
        group_of, blocks = find_repeats(node_labels(graph), node_weights(graph), flows, group_of, parents)
        groups = name_repeats(graph, given, blocks)
    return Network(
        ids=tuple(node.id for node in graph.nodes),
        sizes=tuple(sizes[node.id] for node in graph.nodes),
        edges=edges,
        groups=groups,
        group_of=tuple(group_of),
        outputs={ends: output for ends, output in carried.items() if output},
        inputs=frozenset(number for number, node in enumerate(graph.nodes) if node.kind == "input"),
    )


def name_groups(
    paths: Sequence[str], parents: Sequence[int], titles: Sequence[str], taken: Iterable[str] = ()
) -> tuple[Group, ...]:
    """Make the groups; the second of a path gets ``#2`` in its id, one whose id is taken gets ``(module)``."""
    seen: dict[str, int] = {}
    used = set(taken)
    groups: list[Group] = []
    for path, parent, title in zip(paths, parents, titles, strict=True):
        number = seen[path] = seen.get(path, 0) + 1
        name = path or "(model)"  # a model that calls itself
        name = name if number == 1 else f"{name}#{number}"
        while name in used:
            name = f"{name} (module)"
        used.add(name)
        groups.append(
            Group(
                id=name,
                path=path,
                parent=groups[parent].id if parent >= 0 else "",
                title=title,
                folded_size=group_size(title),
            )
        )
    return tuple(groups)
