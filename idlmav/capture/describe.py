"""Make a graph of the records of a run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from idlmav.capture.outside.containers import walk
from idlmav.capture.record.argument_text import argument_text, dtype_name
from idlmav.capture.record.classify import module_name, op_name
from idlmav.capture.record.memo import counts_batches
from idlmav.capture.record.source import locate_error, source_line, source_text
from idlmav.capture.record.trace import BUFFER, PARAMETER, CallRecord, OpRecord, Origin, signature_of
from idlmav.capture.run import Run, causes, identity, model_input
from idlmav.capture.shapes.product_flops import ESTIMATE, ROWS_BY_COLUMNS, SPARSE, UPPER_BOUND
from idlmav.capture.torch_private import is_about_forward
from idlmav.capture.tree import Tree, class_name, uncompiled
from idlmav.errors import text_of
from idlmav.graph import Call, Edge, Failure, Graph, Node, Shape, Status, format_shape
from idlmav.graph.encodable import encodable
from idlmav.graph.fast_records import maker
from idlmav.graph.modules import ancestors

__all__ = ["describe", "modules_alone"]

_NOTES = {"inplace", "guess", "identity", "zeros", "opaque", SPARSE, UPPER_BOUND}
_THREADS = "forward starts threads: layers and ops that run there are not followed, and may fail."
_make_node = maker(
    Node, "id", "op", "operation", "path", "call", "shapes", "dtypes", "params", "args", "flops", "flops_source",
    "status", "error", "source", "notes",
)  # fmt: skip
_make_edge, _make_call = maker(Edge, "source", "target", "outputs"), maker(Call, "path", "number", "parent")


def describe(run: Run, tree: Tree, *, origin: str = "") -> Graph:
    """Return the graph of a run, without totals; `origin` says where inputs come from that the user did not give."""
    return encodable(_Description(run, tree, origin).graph())


def modules_alone(tree: Tree) -> Graph:
    """Return a graph of the modules that hold no others, none of which ran, without edges."""
    calls: dict[str, int] = {}
    nodes: list[Node] = []
    records: list[Call] = []
    modules = tree.describe_modules([], {}, frozenset())
    holders = {around for module in modules for around in ancestors(module.path)[1:]}
    for module in modules:
        outer = next((calls[around] for around in ancestors(module.path)[1:] if around in calls), None)
        calls[module.path] = len(records)
        records.append(Call(module.path, 1, outer))
        if module.path not in holders:
            operation = (
                f"nn.{module.class_name}" if module.class_path.startswith("torch.nn.modules.") else module.class_name
            )
            nodes.append(
                Node(
                    id=module.path or "model", op=module.class_name, operation=operation, path=module.path,
                    call=calls[module.path], params=module.params, status="not_run",
                )
            )  # fmt: skip
    graph = Graph(
        name=modules[0].class_name,
        nodes=tuple(nodes),
        modules=modules,
        calls=tuple(records),
        parameters=tree.describe_parameters({}),
        info={"torch": torch.__version__},
    )
    return encodable(graph)


class _Description:
    def __init__(self, run: Run, tree: Tree, origin: str) -> None:
        self.run = run
        self.tree = tree
        self.origin = origin
        self.ops = _without_bookkeeping(run)
        self.ids: dict[int, str] = {}
        self.used: dict[str, int] = {}
        self.input_ids: Iterator[str] = iter(())
        self.nodes: list[Node] = []
        self.edges: dict[tuple[str, str], list[int]] = {}
        self.errors: list[Failure] = []
        self.constant: set[int] = set()
        chain = causes(run.error)
        self.error_ops = [op.index for op in self.ops if op.error is not None and op.error in chain]
        if run.error_ops is not None:
            self.error_ops = run.error_ops
        self.first_failure = min(self.error_ops, default=len(run.trace.ops))
        self.main_ops = _main_ops(run, self.ops)

    def graph(self) -> Graph:
        outputs = [found for _, found in walk(self.run.result) if isinstance(found, Tensor)]
        self.input_ids = iter([self._unique(name) for name, _ in self.run.inputs])
        end = self._unique("output")
        for op in self.ops:
            if op.func is model_input:
                self._input(op)
            elif op.error is None or op.index in self.error_ops:
                self._op(op)
        if self.run.error is not None and not self.error_ops:
            self._raised(self.run.error)
        if self.run.error is None:
            self._output(end, outputs)
        edges = [
            _make_edge(source, target, tuple(found if len(found) == 1 else sorted(set(found))))
            for (source, target), found in self.edges.items()
        ]
        quantized = self.tree.quantized_layers(self.run.quantized) if self.tree.unusual else {}
        return Graph(
            name=class_name(type(uncompiled(self.tree.model))),
            nodes=tuple(self.nodes),
            edges=tuple(edges),
            modules=self.tree.describe_modules(
                self.run.trace.calls, quantized, frozenset([op.where[0] for op in self.ops if op.where is not None])
            ),
            calls=_calls(self.run.trace.calls),
            parameters=self.tree.describe_parameters(quantized),
            errors=tuple(self.errors),
            inputs=self._inputs(),
            info={"torch": torch.__version__, **({"notes": _THREADS} if self.run.watched.starts_threads else {})},
        )

    def _inputs(self) -> str:
        found = []
        for name, x in self.run.inputs:
            assumed = "assumed " if name in self.run.assumed else ""
            found.append(f"{name}: {assumed}{format_shape(self._shape_of(x))} {dtype_name(x.dtype)}")
        found += [f"{name}: the same as {first}" for name, first in self.run.copier.twins]
        return ", ".join(found) + (f" (from {self.origin})" if self.origin else "")

    def _unique(self, base: str) -> str:
        number = self.used.get(base, 0) + 1
        self.used[base] = number
        if number == 1:
            return base
        candidate = f"{base}#{number}"
        if candidate in self.used:
            return self._unique(base)
        self.used[candidate] = 1
        return candidate

    def _input(self, op: OpRecord) -> None:
        name = self.ids[op.index] = next(self.input_ids)
        shapes, dtypes = _shapes(op.outputs)
        self.nodes.append(Node(id=name, kind="input", op="input", operation="input", shapes=shapes, dtypes=dtypes))

    def _op(self, op: OpRecord) -> None:
        call, index = op.call, op.index
        path = call.path if call is not None else ""
        layer: Any = type(call.module) if call is not None and index in self.main_ops else None
        name, operation = _operation(op.func, layer)
        base = (path or name) if layer else f"{path}:{name}" if path else name
        node_id = self.ids[index] = self._unique(base) if base in self.used else base
        self.used.setdefault(base, 1)
        params, constant = self._connect(op.origins, node_id)
        failed = index in self.error_ops
        if constant and not failed:
            self.constant.add(index)
        notes = tuple([flag for flag in dict.fromkeys(op.flags) if flag in _NOTES]) if op.flags else ()
        if index in self.constant:
            notes = (*notes, "constant")
        where, flops = source_line(op.where), op.flops
        self.nodes.append(
            _make_node(
                node_id, name, operation, path,
                call.index if call is not None else None,
                *_shapes(op.outputs), params,
                _arguments(op, failed), flops,
                "unknown" if flops is None else "estimated" if name in ROWS_BY_COLUMNS or ESTIMATE in op.flags else "counted",
                "failed" if failed else "not_run" if index > self.first_failure else "ran",
                f"{type(op.error).__name__}: {_message(op.error, call)}" if failed else None,
                where, notes,
            )
        )  # fmt: skip
        if failed and op.error is not None:
            code = source_text(op.where)
            self.errors.append(Failure(node_id, path, type(op.error).__name__, _message(op.error, call), where, code))

    def _connect(self, origins: list[Origin], target: str) -> tuple[tuple[str, ...], bool]:
        """Add the edges into a node; return the parameters it reads and whether it depends on constants alone."""
        ids, edges, constant = self.ids, self.edges, True
        params: tuple[str, ...] = ()
        for index, output, _ in origins:
            if index < 0:  # parameters and constants have no node
                if index in (PARAMETER, BUFFER):
                    constant = constant and index == BUFFER
                    params = params if output in params else (*params, output)
                continue
            constant = constant and index in self.constant
            source = ids.get(index)
            if source is not None and source != target:
                found = edges.get((source, target))
                if found is None:
                    edges[source, target] = [output]
                else:
                    found.append(output)
        return params, constant

    def _raised(self, error: Exception) -> None:
        """Add a node for an exception that ended the run and that no op raised."""
        call = self.run.error_call
        path = call.path if call is not None else ""
        layer = class_name(type(call.module)) if call is not None and _is_layer(call.module) else None
        operation = f"nn.{layer}" if layer else "raise"
        node_id = self._unique(path if layer and path else f"{path}:raise" if path else "raise")
        where = locate_error(error)
        source = source_line(where)
        self.nodes.append(
            Node(
                id=node_id, op="raise", operation=operation, path=path, call=call.index if call is not None else None,
                status="failed", error=f"{type(error).__name__}: {_message(error, call)}", source=source, flops=None,
            )
        )  # fmt: skip
        before = [op for op in self.ops if op.outputs and op.index not in self.constant and op.index in self.ids]
        inside = [op for op in before if op.call is not None and op.call.path == path]
        for op in (inside or before)[-1:]:
            self._connect([(op.index, 0, None)], node_id)
        self.errors.append(
            Failure(node_id, path, type(error).__name__, _message(error, call), source, source_text(where))
        )

    def _output(self, name: str, tensors: list[Tensor]) -> None:
        shapes = tuple([self._shape_of(tensor) for tensor in tensors])
        status: Status = "not_run" if self.error_ops else "ran"
        dtypes = tuple(dtype_name(tensor.dtype) for tensor in tensors)
        self.nodes.append(
            Node(id=name, kind="output", op="output", operation="output", shapes=shapes, dtypes=dtypes, status=status)
        )
        self._connect([self.run.trace.origins.get(id(tensor), (-1, 0, None)) for tensor in tensors], name)

    def _shape_of(self, tensor: Tensor) -> Shape | None:
        """Return the sizes of a result that the op that made it knows."""
        index, output, _ = self.run.trace.origins.get(id(tensor), (-1, 0, None))
        made = self.run.trace.ops[index].outputs[output : output + 1] if index >= 0 else ()
        return made[0][0] if made and not isinstance(made[0], int) else tuple(tensor.shape)


@lru_cache(maxsize=1 << 12)
def _operation(func: Any, layer: Any) -> tuple[str, str]:
    """Return an op's name, and the text of its Operation column."""
    name = op_name(func) if func is not identity else "identity"
    if layer is not None:
        # A lazy layer becomes another one when it is called.
        return name, f"nn.{class_name(getattr(layer, 'cls_to_become', None) or layer)}"
    return name, name if name == "raise" else f"{name}()"


def _arguments(op: OpRecord, failed: bool) -> str:
    if op.func is identity:
        return ""
    remembered = op.remembered
    if failed or remembered is None:
        return argument_text(op.func, op.args, op.kwargs, with_shapes=failed)
    if remembered.text is None:
        remembered.text = argument_text(op.func, op.args, op.kwargs)
    return remembered.text


@lru_cache(maxsize=1 << 14)
def _shapes(outputs: tuple[Any, ...]) -> tuple[tuple[Shape | None, ...], tuple[str, ...]]:
    found = [signature_of(out) for out in outputs]
    return tuple([shape for shape, _ in found]), tuple([dtype_name(dtype) for _, dtype in found])


def _without_bookkeeping(run: Run) -> list[OpRecord]:
    """Drop the ops that count BatchNorm's batches, in a buffer that nothing else reads."""

    def counts(op: OpRecord) -> bool:
        return "inplace" in op.flags and any(origin[0] == BUFFER and counts_batches(origin) for origin in op.origins)

    return [op for op in run.trace.ops if not (op.flags and counts(op))]


def _message(error: BaseException | None, call: CallRecord | None) -> str:
    """Return the text of an exception; where a module has no forward, what to do about it."""
    if call is None or not is_about_forward(error):
        return text_of(error)
    kind = type(call.module)
    steps = [f"{name}()" for name in ("training_step", "validation_step", "predict_step") if hasattr(kind, name)]
    inside = next(iter(call.module._modules), None)
    return (
        f"{class_name(kind)} has no forward(){', only ' + ', '.join(steps) if steps else ''}. Write one that calls its layers"
        + (f", or draw the module inside it: MAV(model.{inside}, x)." if inside and inside.isidentifier() else ".")
    )


def _is_layer(module: torch.nn.Module) -> bool:
    """Return whether a module is of a class of torch's."""
    return module_name(type(module)).startswith("torch.nn.modules.")


def _main_ops(run: Run, ops: list[OpRecord]) -> set[int]:
    """Return for each layer call the last op that reads the layer's parameters, or else its last op."""
    found: dict[int, int] = {}
    readers: set[int] = set()
    for op in ops:
        call = op.call
        if call is None or call.children or not _is_layer(call.module):
            continue  # a container of layers, or no layer of torch
        reads = PARAMETER in [origin[0] for origin in op.origins]
        if reads or call.index not in readers:
            found[call.index] = op.index
        if reads:
            readers.add(call.index)
    return set(found.values())


def _calls(records: list[CallRecord]) -> tuple[Call, ...]:
    seen: dict[str, int] = {}
    calls = []
    for record in records:
        path, parent = record.path, record.parent
        number = seen[path] = seen.get(path, 0) + 1
        calls.append(_make_call(path, number, parent.index if parent is not None else None))
    return tuple(calls)
