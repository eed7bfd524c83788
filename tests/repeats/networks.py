"""Graphs of blocks in a row, to find and to spoil."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from idlmav.graph import Call, Edge, Graph, ModuleInfo, Node, ParameterInfo

SHAPE = (2, 8)


@dataclass
class Builder:
    """A model that is written down op by op."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    calls: list[Call] = field(default_factory=lambda: [Call("")])
    classes: dict[str, str] = field(default_factory=lambda: {"": "Model"})
    parameters: dict[str, ParameterInfo] = field(default_factory=dict)

    def call(self, path: str, parent: int = 0, class_name: str = "Block") -> int:
        number = 1 + sum(call.path == path for call in self.calls)
        self.calls.append(Call(path, number, parent))
        self.classes[path] = class_name
        return len(self.calls) - 1

    def op(self, name: str, *sources: str, call: int = 0, weight: str = "", **fields: Any) -> str:
        path = self.calls[call].path
        ident = f"{path}:{name}#{len(self.nodes)}"
        params = (weight,) if weight else ()
        if weight:
            self.parameters.setdefault(weight, ParameterInfo(name=weight, shape=(8, 8), dtype="float32", itemsize=4))
        values = {"shapes": (SHAPE,), "dtypes": ("float32",), "params": params, **fields}
        self.nodes.append(Node(id=ident, op=name, operation=f"{name}()", path=path, call=call, **values))
        self.edges += [Edge(source, ident) for source in sources]
        return ident

    def graph(self) -> Graph:
        modules = tuple(ModuleInfo(path=path, class_name=name) for path, name in self.classes.items())
        return Graph(
            name="Model",
            nodes=tuple(self.nodes),
            edges=tuple(self.edges),
            modules=modules,
            calls=tuple(self.calls),
            parameters=tuple(self.parameters.values()),
        )


def residual_block(model: Builder, path: str, x: str, *, weights: str = "", class_name: str = "Block") -> str:
    """Two linear layers, an inner module with two ops, a skip connection."""
    call = model.call(path, class_name=class_name)
    y = model.op("linear", x, call=call, weight=f"{weights or path}.a")
    inner = model.call(f"{path}.act", call, "Act")
    y = model.op("mul", model.op("tanh", y, call=inner), call=inner)
    y = model.op("linear", y, call=call, weight=f"{weights or path}.b")
    return model.op("add", x, y, call=call)


BLOCK_OPS = 5


def stack(count: int, **options: str) -> Graph:
    """Residual blocks between an embedding and a norm."""
    model = Builder()
    x = model.op("embedding", weight="table")
    for number in range(count):
        x = residual_block(model, f"layers.{number}", x, **options)
    model.op("norm", x)
    return model.graph()


def with_node(graph: Graph, at: int, **changes: Any) -> Graph:
    """Change fields of one node."""
    nodes = list(graph.nodes)
    nodes[at] = replace(nodes[at], **changes)
    return replace(graph, nodes=tuple(nodes))


def _other_source(graph: Graph, at: int) -> Graph:
    target = graph.nodes[at].id
    edges = [replace(e, source=graph.nodes[0].id) if e.target == target else e for e in graph.edges]
    return replace(graph, edges=tuple(dict.fromkeys(edges)))


def _other_output(graph: Graph, at: int) -> Graph:
    target = graph.nodes[at].id
    return replace(graph, edges=tuple(replace(e, outputs=(1,)) if e.target == target else e for e in graph.edges))


def _more_read(graph: Graph, at: int) -> Graph:
    return replace(graph, edges=(*graph.edges, Edge(graph.nodes[0].id, graph.nodes[at].id)))


def _other_weight(graph: Graph, at: int) -> Graph:
    odd = ParameterInfo(name="odd", shape=(4, 4), dtype="float32", itemsize=4)
    spoiled = with_node(graph, at, params=("odd",))
    return replace(spoiled, parameters=(*graph.parameters, odd))


SPOILERS: dict[str, Callable[[Graph, int], Graph]] = {
    "op": lambda graph, at: with_node(graph, at, op="sigmoid"),
    "argument": lambda graph, at: with_node(graph, at, args="stride=(2, 2)"),
    "shape": lambda graph, at: with_node(graph, at, shapes=((2, 9),)),
    "dtype": lambda graph, at: with_node(graph, at, dtypes=("float16",)),
    "failed": lambda graph, at: with_node(graph, at, status="failed"),
    "nesting": lambda graph, at: with_node(graph, at, call=0),
    "weight": _other_weight,
    "source": _other_source,
    "output": _other_output,
    "one more source": _more_read,
}
"""Changes of one op, each of which makes its block unlike the others."""


@st.composite
def block_plans(draw: st.DrawFn) -> tuple[int, list[list[int]], list[bool]]:
    """The number of blocks, the source of each op (-1: the input of the block), and the ops in an inner module."""
    length = draw(st.integers(2, 7))
    reads = [sorted(draw(st.sets(st.integers(-1, op - 1), min_size=1, max_size=2))) for op in range(length)]
    return draw(st.integers(2, 6)), reads, [draw(st.booleans()) for _ in range(length)]


def planned(plan: tuple[int, list[list[int]], list[bool]]) -> Graph:
    """Blocks after a plan in a row, each reading the last op of the one before."""
    count, reads, inner = plan
    model = Builder()
    x = model.op("input")
    for number in range(count):
        call = model.call(f"layers.{number}")
        inside = model.call(f"layers.{number}.inner", call)
        made: list[str] = []
        for op, sources in enumerate(reads):
            read = [made[source] if source >= 0 else x for source in sources]
            made.append(model.op(f"op{op}", *read, call=inside if inner[op] else call))
        x = made[-1]
    model.op("output", x)
    return model.graph()
