"""
Numbers of a captured graph: parameters, bytes and FLOPs with provenance, on nodes, modules and the whole model.

FLOPs that capture counted by torch's own formulas are kept; the others are estimated or unknown
(`idlmav.metrics.flops`). One multiply-add counts as 2.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter

from idlmav.graph import Graph, ModuleInfo, Node, ParameterInfo, Shape, Totals
from idlmav.graph.fast_records import changer
from idlmav.graph.modules import ancestors
from idlmav.metrics.catalogue import DTYPE_BYTES, ops_with
from idlmav.metrics.flops import estimate, numel

__all__ = ["activation_bytes", "complete"]

_SHARES_MEMORY = ops_with("shares_memory")


def activation_bytes(node: Node) -> int | None:
    """
    Return the bytes of a node's outputs that are new memory.

    Views, ops in place and layers that return their input need none; ``None`` if a size is unknown.
    """
    if node.kind == "output" or node.op in _SHARES_MEMORY or "inplace" in node.notes or "identity" in node.notes:
        return 0
    if node.op == "raise" or (node.status == "failed" and not node.shapes):
        return None
    total = 0
    for shape, dtype in zip(node.shapes, node.dtypes, strict=True):
        elements, width = numel(shape), DTYPE_BYTES.get(dtype)
        if elements is None or width is None:
            return None
        total += elements * width
    return total


def complete(graph: Graph) -> Graph:
    """
    Return the graph with all numbers that follow from its shapes.

    Parameters
    ----------
    graph : Graph
        As captured.

    Returns
    -------
    Graph
        With `param_count`, `shares_params`, `activation_bytes`, `flops` and `flops_source` on nodes, with sums and
        `reached` on modules, and with `totals`. A shared parameter is counted once in every sum.
    """
    first_name = {name: p.name for p in graph.parameters for name in (p.name, *p.aliases)}
    nodes, read = _complete_nodes(graph, first_name)
    own: defaultdict[str, Sums] = defaultdict(Sums, {"": Sums()})
    for node in nodes:
        if node.kind == "op":
            own[node.path].add_node(node)
    shared = _add_parameters(graph, first_name, own)
    below = _rolled_up(own, [module.path for module in graph.modules])
    for path, found in shared.items():
        below[path].add(found)
    # The sums over ops are the model's own entry; parameters count even if they are in no module.
    held = Sums()
    for parameter in graph.parameters:
        held.add_parameter(parameter)
    totals = Totals(
        node_count=sum([node.kind == "op" for node in nodes]),
        param_reached=sum([node.param_count for node in nodes]),
        **{name: getattr(below[""], name) for name in _OVER_OPS},
        **{name: getattr(held, name) for name in _OVER_PARAMETERS},
    )
    missed = _missed(graph, nodes, first_name, read)
    modules = []
    for module in graph.modules:
        failed, *sums = _values(below[module.path])
        modules.append(_with_sums(module, module.path not in missed, failed > 0, *sums))
    return replace(graph, nodes=tuple(nodes), modules=tuple(modules), totals=totals)


_OVER_OPS = (
    "flops", "flops_estimated", "flops_measured", "flops_unknown", "activation_bytes", "activation_unknown",
)  # fmt: skip
_OVER_PARAMETERS = (
    "param_count", "trainable_count", "shared_count", "param_unknown", "param_bytes", "buffer_bytes",
)  # fmt: skip
_SUMMED = ("failed", *_OVER_OPS, *_OVER_PARAMETERS)
_values = attrgetter(*_SUMMED)
_with_numbers = changer(Node, "param_count", "shares_params", "activation_bytes", "flops", "flops_source")
_with_sums = changer(ModuleInfo, "reached", *_SUMMED)


@dataclass(slots=True)
class Sums:
    """Numbers of ops and of parameters, summed over a part of the model; `ModuleInfo` says what each means."""

    failed: int = 0
    flops: int = 0
    flops_estimated: int = 0
    flops_measured: int = 0
    flops_unknown: int = 0
    activation_bytes: int = 0
    activation_unknown: int = 0
    param_count: int = 0
    trainable_count: int = 0
    shared_count: int = 0
    param_unknown: int = 0
    param_bytes: int = 0
    buffer_bytes: int = 0

    def add_node(self, node: Node) -> None:
        """Add the numbers of an op."""
        self.failed += node.status == "failed"
        if node.flops is None:
            self.flops_unknown += 1
        elif node.flops_source == "counted":
            self.flops += node.flops
        elif node.flops_source == "estimated":
            self.flops_estimated += node.flops
        else:
            self.flops_measured += node.flops
        if node.activation_bytes is None:
            self.activation_unknown += 1
        else:
            self.activation_bytes += node.activation_bytes

    def add_parameter(self, parameter: ParameterInfo) -> None:
        """Add the numbers of a parameter or buffer."""
        size = parameter.numel
        if parameter.buffer:
            self.buffer_bytes += parameter.byte_count
            return
        self.param_count += size
        self.param_bytes += parameter.byte_count
        self.param_unknown += parameter.shape is None
        if parameter.trainable:
            self.trainable_count += size
        if parameter.aliases:
            self.shared_count += size

    def add(self, other: Sums) -> None:
        """Add the sums over another part."""
        self.failed += other.failed  # each field by itself, as a loop over names takes more than twice as long
        self.flops += other.flops
        self.flops_estimated += other.flops_estimated
        self.flops_measured += other.flops_measured
        self.flops_unknown += other.flops_unknown
        self.activation_bytes += other.activation_bytes
        self.activation_unknown += other.activation_unknown
        self.param_count += other.param_count
        self.trainable_count += other.trainable_count
        self.shared_count += other.shared_count
        self.param_unknown += other.param_unknown
        self.param_bytes += other.param_bytes
        self.buffer_bytes += other.buffer_bytes


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
    """Return the shapes that each node with unknown FLOPs reads from other nodes."""
    shapes = {node.id: node.shapes for node in graph.nodes}
    read: dict[str, list[Shape]] = {node.id: [] for node in graph.nodes if node.flops is None}
    for edge in graph.edges:
        found = read.get(edge.target)
        if found is not None:
            outputs = shapes[edge.source]
            found += [shape for i in edge.outputs if i < len(outputs) and (shape := outputs[i]) is not None]
    return read


def _add_parameters(graph: Graph, first_name: dict[str, str], own: defaultdict[str, Sums]) -> dict[str, Sums]:
    """
    Add to each module's own sums the parameters that no other module holds.

    Returns
    -------
    dict of str to Sums
        The sums over parameters that several modules hold, by the path of each module that holds or contains them:
        there they count once.
    """
    parameters = {parameter.name: parameter for parameter in graph.parameters}
    owners: dict[str, list[str]] = {}
    for module in graph.modules:
        for name in dict.fromkeys([first_name[name] for name in module.params if name in first_name]):
            owners.setdefault(name, []).append(module.path)
    shared: defaultdict[str, Sums] = defaultdict(Sums)
    for name, paths in owners.items():
        if len(paths) == 1:
            own[paths[0]].add_parameter(parameters[name])
        else:
            for around in {around for path in paths for around in ancestors(path)}:
                shared[around].add_parameter(parameters[name])
    return shared


def _rolled_up(own: Mapping[str, Sums], paths: Iterable[str]) -> dict[str, Sums]:
    """Return the sums over each module with all below it, from those over its own ops and parameters."""
    below = {path: own[path] if path in own else Sums() for path in (*own, *paths)}
    for path in list(below):
        # A module may have no entry of its own although one below has.
        while (path := path.rpartition(".")[0]) not in below:
            below[path] = Sums()
    for path in sorted(below, key=len, reverse=True):
        if path:
            below[path.rpartition(".")[0]].add(below[path])
    return below


def _missed(graph: Graph, nodes: list[Node], first_name: dict[str, str], read: set[str]) -> set[str]:
    """Return the paths of the modules that the forward pass never used."""
    idle = [module for module in graph.modules if not module.calls and module.path]
    if not idle:
        return set()
    opaque = [f"{node.path}." if node.path else "" for node in nodes if "opaque" in node.notes]
    used_paths = {module.path for module in graph.modules if module.calls or module.entered} | {
        node.path for node in nodes
    }
    reached = {around for path in used_paths for around in ancestors(path) if around}
    holders: dict[str, list[str]] = {}
    for module in graph.modules:
        for name in module.params:
            holders.setdefault(first_name.get(name, name), []).append(module.path)
    for module in idle:
        own = [first_name.get(name, name) for name in module.params]
        # A tied parameter that is read through another module does not show that this one was used.
        used = [n for n in own if n in read and not any(p in reached for p in holders[n] if p != module.path)]
        if used or module.path.startswith(tuple(opaque)):
            reached.update(ancestors(module.path)[:-1])
    return {module.path for module in idle if module.path not in reached}
