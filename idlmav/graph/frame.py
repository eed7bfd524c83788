"""The graph as tables of pandas, which is imported when the first table is made; `Graph` documents their columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from idlmav.graph.graph import Graph, Node, Shape
from idlmav.graph.modules import ModuleInfo, ancestors
from idlmav.graph.text import format_shapes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["module_columns", "modules_frame", "nodes_frame"]


def nodes_frame(graph: Graph) -> pd.DataFrame:
    """Return the table that `Graph.to_frame` describes."""
    import pandas as pd

    nodes = graph.nodes
    index = pd.Index([node.id for node in nodes], name="id")
    columns = {
        "path": [node.path for node in nodes],
        "op": [node.op for node in nodes],
        "operation": [node.operation for node in nodes],
        "output_shape": [format_shapes(node.shapes) for node in nodes],
        "dtype": [", ".join(dict.fromkeys(node.dtypes)) for node in nodes],
        "param_count": pd.array([node.param_count for node in nodes], dtype="int64"),
        "flops": pd.array([node.flops for node in nodes], dtype="Int64"),
        "flops_source": [node.flops_source for node in nodes],
        "activation_bytes": pd.array([node.activation_bytes for node in nodes], dtype="Int64"),
        "status": [node.status for node in nodes],
        # A bare array of texts and None would become a column of texts and NaN.
        "error": pd.Series([node.error for node in nodes], index=index, dtype=object),
        "source": pd.Series([node.source for node in nodes], index=index, dtype=object),
    }
    return pd.DataFrame(columns, index=index)


def modules_frame(graph: Graph) -> pd.DataFrame:
    """Return the table that `Graph.modules_frame` describes."""
    import pandas as pd

    columns = module_columns(graph)
    index = pd.Index(columns.pop("path"), name="path", dtype=object)
    texts = ("name", "class_name", "output_shape", "status")
    kinds = {name: "float64" if name.endswith("share") else "int64" for name in columns if name not in texts}
    return pd.DataFrame(columns, index=index).astype(kinds)


def module_columns(graph: Graph) -> dict[str, list[Any]]:
    """Return the columns of `Graph.modules_frame` and ``path`` as lists."""
    modules = dict(_in_tree_order(graph))
    shapes, own, status = _output_shapes(graph), _own_counts(graph, modules), _statuses(graph, modules)
    params, flops = graph.totals.param_count, graph.totals.flops_known
    return {
        "path": list(modules),
        "name": [path.rpartition(".")[2] or graph.name for path in modules],
        "class_name": [module.class_name for module in modules.values()],
        "depth": [path.count(".") + 1 if path else 0 for path in modules],
        "output_shape": [format_shapes(shapes.get(path, ())) for path in modules],
        "own_param_count": [own[path] for path in modules],
        "param_count": [module.param_count for module in modules.values()],
        "trainable_count": [module.trainable_count for module in modules.values()],
        "param_share": [module.param_count / max(params, 1) for module in modules.values()],
        "weight_bytes": [module.weight_bytes for module in modules.values()],
        "activation_bytes": [module.activation_bytes for module in modules.values()],
        "flops": [module.flops_known for module in modules.values()],
        "flops_counted": [module.flops for module in modules.values()],
        "flops_estimated": [module.flops_estimated for module in modules.values()],
        "flops_measured": [module.flops_measured for module in modules.values()],
        "flops_unknown": [module.flops_unknown for module in modules.values()],
        "flops_share": [module.flops_known / max(flops, 1) for module in modules.values()],
        "calls": [module.calls for module in modules.values()],
        "status": [status[path] for path in modules],
    }


def _in_tree_order(graph: Graph) -> Iterator[tuple[str, ModuleInfo]]:
    """Yield each module after its parent and before its parent's next child."""
    children: dict[str | None, list[str]] = {}
    known = graph.module_by_path
    for path in known:
        parent = next((outer for outer in ancestors(path)[1:] if outer in known), None)
        children.setdefault(parent, []).append(path)
    waiting = children.get(None, [])[::-1]
    while waiting:
        path = waiting.pop()
        yield path, known[path]
        waiting += children.get(path, [])[::-1]


def _output_shapes(graph: Graph) -> dict[str, tuple[Shape | None, ...]]:
    """
    Return the shapes of the tensors that leave the first call of each module, by its path.

    If they are from one op, these are all outputs of that op; if no other op reads them, those of the last op.
    """
    ops: dict[int, list[Node]] = {}
    around: dict[str, list[int]] = {}
    position: dict[str, int] = {}
    for node in graph.nodes:
        position[node.id] = len(position)
        around[node.id] = []
        index = node.call
        while index is not None:
            around[node.id].append(index)
            ops.setdefault(index, []).append(node)
            index = graph.calls[index].parent
    leaving: dict[int, set[tuple[int, int]]] = {}
    for edge in graph.edges:
        inside = set(around[edge.target])
        for index in around[edge.source]:
            if index in inside:
                break
            leaving.setdefault(index, set()).update([(position[edge.source], output) for output in edge.outputs])
    found = {}
    for index, inner in ops.items():
        call = graph.calls[index]
        if call.number == 1:
            tensors = sorted(leaving.get(index, ()))
            sources = {i for i, _ in tensors} or {position[inner[-1].id]}
            if len(sources) == 1:
                found[call.path] = graph.nodes[sources.pop()].shapes
            else:
                shapes = [graph.nodes[i].shapes[output : output + 1] for i, output in tensors]
                found[call.path] = tuple(shape for part in shapes for shape in part)
    return found


def _own_counts(graph: Graph, modules: dict[str, ModuleInfo]) -> dict[str, int]:
    """Return the elements of the parameters that each module holds itself and none before it."""
    parameters = {name: p for p in graph.parameters if not p.buffer for name in (p.name, *p.aliases)}
    seen: set[str] = set()
    found = {}
    for path, module in modules.items():
        held = {p.name: p.numel for name in module.params if (p := parameters.get(name)) is not None}
        found[path] = sum([size for name, size in held.items() if name not in seen])
        seen |= held.keys()
    return found


def _statuses(graph: Graph, modules: dict[str, ModuleInfo]) -> dict[str, str]:
    """Return what happened to each module: ran, failed, not_run (all its ops follow a failure) or never called."""
    below: dict[str, set[str]] = {}
    for node in graph.nodes:
        path = f"{node.path}." if node.kind == "op" else ""
        while path and node.status not in (found := below.setdefault(path := path.rpartition(".")[0], set())):
            found.add(node.status)
    return {
        path: "never called" if not module.reached
        else "failed" if module.failed
        else "not_run" if below.get(path) == {"not_run"}
        else "ran"
        for path, module in modules.items()
    }  # fmt: skip
