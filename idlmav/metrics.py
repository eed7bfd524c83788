"""
Numbers of a captured graph: parameters, bytes and FLOPs with provenance, on nodes, modules and the whole model.

The FLOPs that capture counted by torch's own formulas are left alone. What torch has no formula for is either known to
compute nothing, or estimated by a formula of this module, or unknown. One multiply-add counts as 2.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache

from idlmav.drafts import changer
from idlmav.graph import Graph, Module, Node, Parameter, Shape, Totals

__all__ = ["ESTIMATES", "MOVES", "activation_bytes", "complete", "estimate", "estimated"]

MOVES = frozenset({
    "alias", "as_strided", "broadcast_to", "bfloat16", "byte", "cat", "channel_shuffle", "chunk", "clone", "conj",
    "contiguous", "copy", "cpu", "cuda", "data", "detach", "diag_embed", "diagonal", "double", "embedding", "empty",
    "empty_like", "expand", "expand_as", "flatten", "flip", "float", "fold", "full", "full_like", "gather", "getitem",
    "half", "hsplit", "identity", "imag", "index_select", "int", "item", "long", "masked_select", "narrow", "new_empty",
    "new_full", "new_ones", "new_tensor", "new_zeros", "one_hot", "ones", "ones_like", "pack_padded_sequence", "pad",
    "pad_packed_sequence", "permute", "pixel_shuffle", "pixel_unshuffle", "ravel", "real", "repeat", "repeat_interleave",
    "reshape", "reshape_as", "roll", "rot90", "scatter", "select", "setitem", "short", "size", "slice", "split",
    "split_with_sizes", "squeeze", "stack", "t", "take", "take_along_dim", "tensor_split", "tile", "to", "transpose", "tril",
    "triu", "type", "type_as", "unbind", "unflatten", "unfold", "unsqueeze", "view", "view_as", "view_as_complex",
    "view_as_real", "vsplit", "zeros", "zeros_like", "hstack", "vstack", "dstack", "as_tensor", "tensor", "asarray",
    "arange", "linspace", "logspace", "eye", "tril_indices", "triu_indices", "meshgrid", "broadcast_tensors", "bool", "fill", "zero", "atleast_1d",
    "atleast_2d", "atleast_3d", "index_put", "index_copy", "masked_scatter", "cartesian_prod", "block_diag", "scalar_tensor", "diag",
})  # fmt: skip
"""Ops that only move, select, repeat or look at data: no arithmetic on elements, so 0 FLOPs, counted."""

Formula = Callable[[Node, "list[Shape]", int], "int | None"]
"""Node, shapes of the tensors it reads from other nodes, elements of its first output -> FLOPs."""
ESTIMATES: dict[str, Formula] = {}


def estimated(*ops: str) -> Callable[[Formula], Formula]:
    """
    Register a formula for ops.

    Raises
    ------
    ValueError
        If an op has one already, or is known to move data only.
    """

    def register(formula: Formula) -> Formula:
        for op in ops:
            if op in ESTIMATES or op in MOVES:
                raise ValueError(f"FLOPs of {op!r} are defined twice; keep one formula.")
            ESTIMATES[op] = formula
        return formula

    return register


@estimated(
    "abs", "add", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "ceil", "clamp", "clamp_max", "clamp_min", "div", "eq",
    "floor", "floor_divide", "fmod", "ge", "gt", "hardtanh", "isfinite", "isinf", "isnan", "le", "logical_and",
    "logical_not", "logical_or", "logical_xor", "lt", "masked_fill", "maximum", "minimum", "mul", "ne", "neg",
    "reciprocal", "relu", "relu6", "remainder", "round", "rsub", "sign", "square", "sub", "threshold", "where", "trunc",
)  # fmt: skip
def one_per_element(node: Node, inputs: list[Shape], elements: int) -> int:
    """One operation for each element of the output."""
    return elements


@estimated("addcdiv", "addcmul", "dropout", "dropout1d", "dropout2d", "dropout3d", "hardsigmoid", "leaky_relu", "lerp", "prelu", "alpha_dropout",
           "feature_alpha_dropout")  # fmt: skip
def two_per_element(node: Node, inputs: list[Shape], elements: int) -> int:
    """Count a comparison or sum and a product for each element of the output."""
    return 2 * elements


@estimated(
    "acos", "asin", "atan", "atan2", "celu", "cos", "cosh", "elu", "erf", "exp", "exp2", "expm1", "hardswish", "log", "log10",
    "log1p", "log2", "logsigmoid", "pow", "rsqrt", "selu", "sigmoid", "silu", "sin", "sinh", "softplus", "softsign", "sqrt", "tan",
    "tanh", "gelu", "mish", "glu",
)  # fmt: skip
def transcendental(node: Node, inputs: list[Shape], elements: int) -> int:
    """Four for each element: an evaluated function costs a few operations, and a different few on every machine."""
    return 4 * elements


@estimated("batch_norm", "instance_norm")
def batch_norm(node: Node, inputs: list[Shape], elements: int) -> int:
    """Scale and shift: two for each element; the statistics are folded into them."""
    return 2 * elements


@estimated("layer_norm", "group_norm", "native_layer_norm", "rms_norm", "local_response_norm", "normalize")
def layer_norm(node: Node, inputs: list[Shape], elements: int) -> int:
    """Mean, variance (2), subtract, scale: five for each element."""
    return 5 * elements


@estimated("softmax", "log_softmax", "softmin")
def softmax(node: Node, inputs: list[Shape], elements: int) -> int:
    """Maximum, subtract, exponential, sum, divide: five for each element."""
    return 5 * elements


@estimated(
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "all", "amax", "amin", "any", "argmax", "argmin", "count_nonzero", "cumsum", "cumprod", "logsumexp",
    "max", "mean", "min", "norm", "prod", "std", "sum", "var", "var_mean", "linalg_norm", "linalg_vector_norm",
)  # fmt: skip
def one_per_input(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """One operation for each element that is read."""
    sizes = [_elements(shape) for shape in inputs]
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


@estimated(
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "max_pool2d_with_indices"
)
def pool(node: Node, inputs: list[Shape], elements: int) -> int | None:
    """One operation for each element of each window."""
    window = _window(node)
    return None if window is None else elements * window


@estimated("interpolate", "upsample", "grid_sample")
def interpolate(node: Node, inputs: list[Shape], elements: int) -> int:
    """Count a product and a sum for each neighbour: 2 x 2 for bilinear, one copy for nearest."""
    return elements * (8 if "linear" in node.args else 32 if "cubic" in node.args else 1)


def _window(node: Node) -> int | None:
    """Return the number of elements of a pooling window, from the op's arguments."""
    dims = 3 if node.op.endswith("3d") or "3d" in node.op else 1 if "1d" in node.op else 2
    text = node.args.removeprefix("kernel_size=").strip()
    if text.startswith(("(", "[")):
        parts = text[1:].partition(")" if text[0] == "(" else "]")[0].split(",")
        sizes = [part.strip() for part in parts if part.strip()]
    else:
        sizes = [text.partition(",")[0].strip()]
    if not sizes or not all(size.isdigit() for size in sizes):
        return None
    numbers = [int(size) for size in sizes]
    return math.prod(numbers) if len(numbers) > 1 else numbers[0] ** dims


@lru_cache(maxsize=1 << 14)
def _elements(shape: Shape | None) -> int | None:
    if shape is None:
        return None
    count = 1
    for size in shape:
        if size is None:
            return None
        count *= size
    return count


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
        elements, width = _elements(shape), _BYTES.get(dtype)
        if elements is None or width is None:
            return None
        total += elements * width
    return total


def estimate(node: Node, inputs: list[Shape]) -> tuple[int | None, str]:
    """
    Return the FLOPs of a node that torch has no formula for, and where they come from.

    Parameters
    ----------
    node : Node
        An op, an input or the output.
    inputs : list of Shape
        Shapes of the tensors it reads from other nodes.

    Returns
    -------
    (int or None, str)
        ``(0, "counted")`` for what only moves data, ``(n, "estimated")``, or ``(None, "unknown")``.
    """
    if node.kind != "op" or node.op in MOVES or "identity" in node.notes:
        return 0, "counted"
    formula = ESTIMATES.get(node.op)
    elements = _elements(node.shapes[0]) if node.shapes else None
    found = formula(node, inputs, elements) if formula is not None and elements is not None else None
    return (found, "estimated") if found is not None else (None, "unknown")


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
        With `param_count`, `shares_params`, `activation_bytes`, `flops` and `flops_source` on nodes, and with sums on
        modules and `totals`. What several modules share is counted once in every sum.
    """
    nodes = _complete_nodes(graph)
    numbers = {parameter.name: _parameter_sums(parameter) for parameter in graph.parameters}
    own: dict[str, list[int]] = {"": [0] * len(_SUMS)}
    others = [0] * len(_SUMS)
    for node in nodes:
        _add(own.setdefault(node.path, [0] * len(_SUMS)) if node.kind == "op" else others, _node_sums(node))
    shared = _add_parameters(graph, numbers, own)
    below = _rolled_up(own)
    for path, sums in shared.items():
        _add(below[path], sums)
    # What follows from the ops is the model's own entry; parameters count even if they lie in no module.
    whole = [*map(operator.add, below[""][:4], others), *list(map(sum, zip(*numbers.values(), strict=True)))[4:8]]
    totals = Totals(node_count=sum(node.kind == "op" for node in nodes), **dict(zip(_SUMS, whole, strict=False)))
    modules = tuple([_with_sums(module, *below[module.path]) for module in graph.modules])
    return replace(graph, nodes=tuple(nodes), modules=modules, totals=totals)


_with_numbers = changer(Node, "param_count", "shares_params", "activation_bytes", "flops", "flops_source")
_SUMS = (
    "flops", "flops_estimated", "flops_unknown", "activation_bytes", "param_count", "trainable_count", "param_bytes",
    "buffer_bytes", "failed",
)  # fmt: skip
_sums_of = changer(Module, *_SUMS)


def _with_sums(module: Module, *sums: int) -> Module:
    return _sums_of(module, *sums[:-1], sums[-1] > 0)


def _complete_nodes(graph: Graph) -> list[Node]:
    sizes = {name: p.numel for p in graph.parameters if not p.buffer for name in (p.name, *p.aliases)}
    first_name = {name: p.name for p in graph.parameters for name in (p.name, *p.aliases)}
    read = _read_shapes(graph)
    seen: set[str] = set()
    nodes = []
    for node in graph.nodes:
        count, shares = 0, False
        if node.params:
            own = list(dict.fromkeys([first_name.get(name, name) for name in node.params]))
            shares = any(name in seen and name in sizes for name in own)
            count = sum([sizes.get(name, 0) for name in own if name not in seen])
            seen.update(own)
        flops, source = node.flops, node.flops_source
        if flops is None:
            flops, source = estimate(node, read.get(node.id, []))  # type: ignore[assignment]
        nodes.append(_with_numbers(node, count, shares, activation_bytes(node), flops, source))
    return nodes


def _read_shapes(graph: Graph) -> dict[str, list[Shape]]:
    """Return the shapes that each node reads from others, where its FLOPs have to be estimated from them."""
    shapes = {node.id: node.shapes for node in graph.nodes}
    read: dict[str, list[Shape]] = {node.id: [] for node in graph.nodes if node.flops is None}
    for edge in graph.edges:
        found = read.get(edge.target)
        if found is not None:
            outputs = shapes[edge.source]
            found += [shape for i in edge.outputs if i < len(outputs) and (shape := outputs[i]) is not None]
    return read


def _node_sums(node: Node) -> tuple[int, ...]:
    flops, used = node.flops or 0, (node.activation_bytes or 0) if node.kind == "op" else 0
    counted = node.flops_source in ("counted", "measured")
    return (
        flops if counted else 0, 0 if counted else flops, node.flops is None, used, 0, 0, 0, 0, node.status == "failed"
    )  # fmt: skip


def _parameter_sums(parameter: Parameter) -> tuple[int, ...]:
    size = parameter.numel
    if parameter.buffer:
        return 0, 0, 0, 0, 0, 0, 0, size * parameter.itemsize, 0
    return 0, 0, 0, 0, size, size if parameter.trainable else 0, size * parameter.itemsize, 0, 0


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
    graph: Graph, numbers: dict[str, tuple[int, ...]], own: dict[str, list[int]]
) -> dict[str, list[int]]:
    """
    Add to each module's own sums the parameters that no other module holds.

    Returns
    -------
    dict of str to list of int
        Sums of the others, by the path of each module around them: there they count once.
    """
    by_name = {name: p for p in graph.parameters for name in (p.name, *p.aliases)}
    owners: dict[str, list[str]] = {}
    for module in graph.modules:
        own.setdefault(module.path, [0] * len(_SUMS))
        for name in dict.fromkeys([by_name[name].name for name in module.params if name in by_name]):
            owners.setdefault(name, []).append(module.path)
    shared: dict[str, list[int]] = {}
    for name, paths in owners.items():
        sums = numbers[name]
        if len(paths) == 1:
            _add(own[paths[0]], sums)
        else:
            for around in {around for path in paths for around in _ancestors(path)}:
                _add(shared.setdefault(around, [0] * len(_SUMS)), sums)
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
