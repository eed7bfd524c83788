"""Differences between a captured graph and a real run."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from capture.eager import watch
from idlmav.capture import capture
from idlmav.capture.record.classify import op_name
from idlmav.graph import Graph


class _Named:
    """A function that has a name only."""

    def __init__(self, name: str) -> None:
        self.__name__ = name


def differences(
    model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], *, grad: bool = False
) -> tuple[list[str], Graph]:
    """Return what differs in ops, paths, shapes, types and edges; and the graph."""
    graph = capture(model, args, kwargs)
    seen = watch(copy.deepcopy(model), copy.deepcopy(args), copy.deepcopy(kwargs), grad=grad)
    counting = {i for i, op in enumerate(seen) if op.name == "add_" and op.outputs == [((), "int64")]}
    # A value that was asked of a meta tensor has a node, as a guess; the real run just answers.
    nodes = [node for node in graph.nodes if node.kind == "op" and not ("guess" in node.notes and not node.shapes)]
    order = {node.id: index for index, node in enumerate(nodes)}
    real = [op for i, op in enumerate(seen) if i not in counting]
    position = {old: new for new, old in enumerate(i for i in range(len(seen)) if i not in counting)}
    # Layers that do nothing are nodes of the graph, and no op of torch.
    through = {node.id for node in nodes if node.op == "identity"}
    kept = [node for node in nodes if node.id not in through]
    place = {node.id: index for index, node in enumerate(kept)}
    found = []
    if graph.errors:
        found.append(f"failed: {graph.errors[0]}")
    if len(kept) != len(real):
        found.append(f"{len(kept)} ops instead of {len(real)}")
    for index, (node, op) in enumerate(zip(kept, real, strict=False)):
        name = op_name(_Named(op.name))
        if (node.op, node.path) != (name, op.path):
            found.append(f"{index}: {node.op} in {node.path!r}, really {name} in {op.path!r}")
            break
        outputs = list(zip(node.shapes, node.dtypes, strict=True))
        if outputs != op.outputs:
            found.append(f"{index}: {node.id} gives {outputs}, really {op.outputs}")
        sources = set()
        for source in graph.sources[node.id]:
            while source in through:
                source = graph.sources[source][0] if graph.sources[source] else ""
            if source in place:
                sources.add(place[source])
        wanted = {position[i] for i in op.sources if i in position}
        if sources != wanted:
            found.append(f"{index}: {node.id} reads {sorted(sources)}, really {sorted(wanted)}")
    for edge in graph.edges:
        if edge.source in order and edge.target in order and order[edge.source] >= order[edge.target]:
            found.append(f"edge {edge} points backwards")
    return found, graph
