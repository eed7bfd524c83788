"""
Numbers of a captured graph: parameters, bytes and FLOPs with provenance, on nodes, modules and the whole model.

The FLOPs that capture counted by torch's own formulas are left alone; the rest is estimated or unknown
(`idlmav.metrics.flops`). One multiply-add counts as 2.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import replace

from idlmav.graph import Graph, ModuleInfo, Node, ParameterInfo, Shape, Totals
from idlmav.graph.fast_records import changer
from idlmav.metrics.flops import estimate, numel

__all__ = ["activation_bytes", "complete"]

_BYTES = {
    "bool": 1, "uint8": 1, "int8": 1, "float8_e4m3fn": 1, "float8_e5m2": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2,
    "int32": 4, "uint32": 4, "float32": 4, "complex32": 4, "int64": 8, "uint64": 8, "float64": 8, "complex64": 8, "complex128": 16,
    "quint8": 1, "qint8": 1, "qint32": 4,
}  # fmt: skip
_VIEWS = frozenset({
    "alias", "as_strided", "broadcast_to", "chunk", "conj", "data", "detach", "diagonal", "expand", "expand_as", "flatten",
    "hsplit", "identity", "imag", "item", "narrow", "permute", "ravel", "real", "select", "setitem", "split",
    "split_with_sizes", "squeeze", "t", "tensor_split", "transpose", "unbind", "unflatten", "unsqueeze", "view", "view_as",
    "view_as_complex", "view_as_real", "vsplit",
})  # fmt: skip


def activation_bytes(node: Node) -> int | None:
    """
    Return the bytes of a node's outputs that are new memory.

    Views, ops in place and layers that hand their input through need none; ``None`` if a size is unknown.
    """
    if node.kind == "output" or node.op in _VIEWS or "inplace" in node.notes or "identity" in node.notes:
        return 0
    if node.op == "raise" or (node.status == "failed" and not node.shapes):
        return None
    total = 0
    for shape, dtype in zip(node.shapes, node.dtypes, strict=True):
        elements, width = numel(shape), _BYTES.get(dtype)
        if elements is None or width is None:
            return None
        total += elements * width
    return total


def complete(graph: Graph) -> Graph:
    """
    Return the graph with every number that follows from its shapes.

    Parameters
    ----------
    graph : Graph
        As captured.

    Returns
    -------
    Graph
        With `param_count`, `shares_params`, `activation_bytes`, `flops` and `flops_source` on nodes, with sums and
        `reached` on modules, and with `totals`. What several modules share is counted once in every sum.
    """
    first_name = {name: p.name for p in graph.parameters for name in (p.name, *p.aliases)}
    nodes, read = _complete_nodes(graph, first_name)
    numbers = {parameter.name: _parameter_sums(parameter) for parameter in graph.parameters}
    own: dict[str, list[int]] = {"": [0] * len(_SUMS)}
    inputs = [0] * len(_SUMS)
    for node in nodes:
        sums = inputs if node.kind != "op" else own.get(node.path)
        if sums is None:
            sums = own[node.path] = [0] * len(_SUMS)
        _add_node(sums, node)
    shared = _add_parameters(graph, first_name, numbers, own)
    below = _rolled_up(own)
    for path, found in shared.items():
        _add(below[path], found)
    # What follows from the ops is the model's own entry; parameters count even if they lie in no module.
    whole = dict(zip(_SUMS, below[""][:_OF_NODES], strict=False))
    whole |= dict(zip(_SUMS[_OF_NODES:], list(map(sum, zip(*numbers.values(), strict=True))), strict=False))
    del whole["failed"]
    totals = Totals(
        node_count=sum([node.kind == "op" for node in nodes]),
        param_reached=sum([node.param_count for node in nodes]),
        **whole,
    )
    missed = _missed(graph, nodes, first_name, read)
    modules = tuple([_with_sums(module, module.path not in missed, below[module.path]) for module in graph.modules])
    return replace(graph, nodes=tuple(nodes), modules=modules, totals=totals)


_with_numbers = changer(Node, "param_count", "shares_params", "activation_bytes", "flops", "flops_source")
_SUMS = (
    "failed", "flops", "flops_estimated", "flops_measured", "flops_unknown", "activation_bytes", "activation_unknown",
    "param_count", "trainable_count", "shared_count", "param_unknown", "param_bytes", "buffer_bytes",
)  # fmt: skip
_OF_NODES = 7
"""How many of the sums are over ops; the rest is over parameters."""
_BY_SOURCE = {"counted": 1, "estimated": 2, "measured": 3}
_sums_of = changer(ModuleInfo, "reached", *_SUMS)


def _with_sums(module: ModuleInfo, reached: bool, sums: list[int]) -> ModuleInfo:
    return _sums_of(module, reached, sums[0] > 0, *sums[1:])


def _complete_nodes(graph: Graph, first_name: dict[str, str]) -> tuple[list[Node], set[str]]:
    """Return the nodes with their numbers, and the names of the parameters that they read."""
    shapes = {p.name: p.shape for p in graph.parameters}
    sizes = {p.name: p.numel for p in graph.parameters if not p.buffer}
    operands = _operands(graph)
    seen: set[str] = set()
    nodes = []
    for node in graph.nodes:
        count, shares = 0, False
        own: Iterable[str] = ()
        if node.params:
            own = dict.fromkeys([first_name.get(name, name) for name in node.params])
            for name in own:
                if name not in seen:
                    count += sizes.get(name, 0)
                elif name in sizes:
                    shares = True
            seen.update(own)
        flops, source = node.flops, node.flops_source
        if flops is None:
            held: list[Shape] = [shape for name in own if (shape := shapes.get(name)) is not None]
            flops, source = estimate(node, operands[node.id] + held)  # type: ignore[assignment]
        nodes.append(_with_numbers(node, count, shares, activation_bytes(node), flops, source))
    return nodes, seen


def _operands(graph: Graph) -> dict[str, list[Shape]]:
    """Return the shapes that each node reads from others, where its FLOPs have to be estimated from them."""
    shapes = {node.id: node.shapes for node in graph.nodes}
    read: dict[str, list[Shape]] = {node.id: [] for node in graph.nodes if node.flops is None}
    for edge in graph.edges:
        found = read.get(edge.target)
        if found is not None:
            outputs = shapes[edge.source]
            found += [shape for i in edge.outputs if i < len(outputs) and (shape := outputs[i]) is not None]
    return read


def _add_node(sums: list[int], node: Node) -> None:
    if node.status == "failed":
        sums[0] += 1
    if node.flops is None:
        sums[4] += 1
    else:
        sums[_BY_SOURCE[node.flops_source]] += node.flops
    if node.activation_bytes is None:
        sums[6] += 1
    else:
        sums[5] += node.activation_bytes


def _parameter_sums(parameter: ParameterInfo) -> tuple[int, ...]:
    size = parameter.numel
    if parameter.buffer:
        return 0, 0, 0, 0, 0, size * parameter.itemsize
    return (
        size,
        size if parameter.trainable else 0,
        size if parameter.aliases else 0,
        parameter.shape is None,
        size * parameter.itemsize,
        0,
    )


def _add(sums: list[int], more: Iterable[int]) -> None:
    sums[:] = map(operator.add, sums, more)


def _ancestors(path: str) -> list[str]:
    """Return a module's path and those of all modules around it, the model's own last."""
    found = []
    while path:
        found.append(path)
        path = path.rpartition(".")[0]
    return [*found, ""]


def _add_parameters(
    graph: Graph, first_name: dict[str, str], numbers: dict[str, tuple[int, ...]], own: dict[str, list[int]]
) -> dict[str, list[int]]:
    """
    Add to each module's own sums the parameters that no other module holds.

    Returns
    -------
    dict of str to list of int
        Sums of the others, by the path of each module around them: there they count once.
    """
    owners: dict[str, list[str]] = {}
    for module in graph.modules:
        if module.path not in own:
            own[module.path] = [0] * len(_SUMS)
        if module.params:
            for name in dict.fromkeys([first_name[name] for name in module.params if name in first_name]):
                owners.setdefault(name, []).append(module.path)
    shared: dict[str, list[int]] = {}
    for name, paths in owners.items():
        sums = numbers[name]
        if len(paths) == 1:
            held = own[paths[0]]
            held[_OF_NODES:] = map(operator.add, held[_OF_NODES:], sums)
        else:
            for around in {around for path in paths for around in _ancestors(path)}:
                _add(shared.setdefault(around, [0] * len(_SUMS)), (0,) * _OF_NODES + sums)
    return shared


def _rolled_up(own: dict[str, list[int]]) -> dict[str, list[int]]:
    """Return the sums of each module with all below it, from the sums of what is directly its own."""
    below = {path: list(sums) for path, sums in own.items()}
    for path in list(own):
        while path:  # a module may have no entry of its own although one below has
            path = path.rpartition(".")[0]
            if path in below:
                break
            below[path] = [0] * len(_SUMS)
    for path in sorted(below, key=_depth, reverse=True):
        if path:
            _add(below[path.rpartition(".")[0]], below[path])
    return below


def _depth(path: str) -> int:
    return path.count(".") + 1 if path else 0


def _missed(graph: Graph, nodes: list[Node], first_name: dict[str, str], read: set[str]) -> set[str]:
    """Return the paths of the modules that forward never came to."""
    idle = [module for module in graph.modules if not module.calls and module.path]
    if not idle:
        return set()
    reached: set[str] = set()
    opaque = [f"{node.path}." for node in nodes if "opaque" in node.notes]
    for path in [module.path for module in graph.modules if module.calls] + [node.path for node in nodes]:
        _mark(path, reached)
    holders: dict[str, list[str]] = {}
    for module in graph.modules:
        for name in module.params:
            holders.setdefault(first_name.get(name, name), []).append(module.path)
    for module in idle:
        own = [first_name.get(name, name) for name in module.params]
        # A tied parameter that is read through another module does not show that this one was used.
        used = [n for n in own if n in read and not any(p in reached for p in holders[n] if p != module.path)]
        if used or module.path.startswith(tuple(opaque)):
            _mark(module.path, reached)
    return {module.path for module in idle if module.path not in reached}


def _mark(path: str, reached: set[str]) -> None:
    """Add a module and all around it."""
    while path and path not in reached:
        reached.add(path)
        path = path.rpartition(".")[0]
