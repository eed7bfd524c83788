"""One run of a model's forward pass under the function mode, with its module calls."""

from __future__ import annotations

import contextvars
import inspect
import sys
from contextlib import ExitStack, nullcontext
from typing import Any, Self

import torch
from torch import Tensor
from torch.jit import ScriptModule
from torch.nn.modules.lazy import LazyModuleMixin

from idlmav.capture.data.decisions import Guess
from idlmav.capture.data.outcomes import Outcomes
from idlmav.capture.mode.failures import Failures
from idlmav.capture.mode.layer_memo import OFF, LayerMemo
from idlmav.capture.mode.recording_mode import RecordingMode
from idlmav.capture.outside.containers import Copier, Drained, drain
from idlmav.capture.outside.module_calls import Watched, call_original, watch_calls
from idlmav.capture.outside.restore import left_as_found
from idlmav.capture.quantized.layers import QuantizedLayer, quantized_layer
from idlmav.capture.quantized.one_op import join, label, without_kernels
from idlmav.capture.record.classify import op_name
from idlmav.capture.record.operands import Operands
from idlmav.capture.record.source import locate
from idlmav.capture.record.trace import BUFFER, MODEL_ERRORS, PARAMETER, CallRecord, NeedsAutograd, Origin, Trace
from idlmav.capture.record.values import tensors_in
from idlmav.capture.shapes.kernels import on_zeros
from idlmav.capture.torch_private import (
    COMPILED_CALL,
    COMPILER,
    DisableTorchFunction,
    eager,
    infer_parameters,
    is_about_nested,
    needs_grad,
)
from idlmav.capture.tree import Tree, is_below, uncompiled
from idlmav.graph.modules import ancestors
from idlmav.metrics.catalogue import OPS

_GENERATOR_EXIT: Any = GeneratorExit
"""A failure of the model, too, unless it ends a generator: code that is repaired leaves it alone."""

__all__ = ["Run", "argument_names", "causes", "identity", "model_input"]


def identity(input: Tensor) -> Tensor:
    """Stand for the op of a layer that returns its input."""
    return input


def model_input(*args: Any) -> None:
    """Stand for the op that makes an input."""


def _forward(*args: Any) -> None:
    """Stand for the op that a TorchScript module is."""


class Run:
    """
    A forward pass that writes a `Trace`.

    Attributes
    ----------
    trace : Trace
        The records.
    inputs : list of (str, Tensor)
        The meta tensors that were fed, with their names.
    assumed : set of str
        Names of inputs that are assumed.
    quantized : dict of str to QuantizedLayer
        The quantized layers that were called, by path.
    differentiates : bool
        Whether the run has ended because the model uses autograd.
    is_nested : bool
        Whether the run has ended because of a nested tensor, which the meta device does not support.
    watched : Watched
        What is known of its calls besides, such as that it starts threads.
    result : object
        The result of forward, with meta tensors.
    error : Exception or None
        The exception that ended the run.
    error_call : CallRecord or None
        The innermost module call that the error came from.
    error_ops : list of int or None
        The failed ops of a run that went on after errors; for others see `error`.
    """

    def __init__(self, tree: Tree, device: torch.device) -> None:
        self.model = tree.model
        self.trace = Trace()
        self.trace.assumes_inputs = tree.assumes_inputs
        self.tree = tree
        self.paths = {id(module): path for path, module in self.tree.modules}
        self.operands = Operands(self.trace, tree.tensors)
        self.failures = Failures(self.trace)
        self.mode = RecordingMode(self.trace, self.operands, device, self.failures)
        self.layer_memo = LayerMemo(self.trace, self.mode.recorder)
        self.copier = Copier(self.operands.input_stand_in)
        self.inputs = self.copier.named
        self.assumed: set[str] = set()
        self.quantized: dict[str, QuantizedLayer] = {}
        self.differentiates = False
        self.is_nested = False
        self.watched = Watched()
        self.result: Any = None
        self.error: Exception | None = None
        self.error_call: CallRecord | None = None
        self.error_ops: list[int] | None = None
        self._innermost: tuple[Exception, CallRecord] | None = None

    branches: frozenset[Guess] = frozenset()
    outcomes: Outcomes | None = None
    """What a real call of the model has told; ``None`` if there was none."""
    gradients: Any = nullcontext
    """Context in which the model runs: with gradients on or off as the caller has it; meta tensors require none."""
    frames = 2
    """How many times the frames of a plain module call one takes here."""

    def taking(self, branches: frozenset[Guess], outcomes: Outcomes | None) -> Self:
        """Return this run, which has still to begin, with opposite guesses and with what a real call has told."""
        self.branches = self.mode.decisions.branches = branches
        if outcomes is not None:
            self.outcomes = self.mode.outcomes = self.failures.outcomes = outcomes.again()
            self.layer_memo.depth = OFF
        return self

    def forward(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run:
        """Run the model once; an exception of the model is kept, an interruption is passed on."""
        with ExitStack() as stack:
            stack.enter_context(left_as_found((module for _, module in self.tree.modules), (*args, *kwargs.values())))
            for _, module in self.tree.modules:
                if module.__dict__.get(COMPILED_CALL) is not None:
                    module.__dict__[COMPILED_CALL] = None  # run as it is; restored with all other attributes
            stack.enter_context(self.gradients())
            if COMPILER in sys.modules:
                stack.enter_context(eager())
            args, kwargs = self._take_inputs(args, kwargs)
            self.watched = stack.enter_context(watch_calls(self.call_module, frames=self.frames))
            try:
                with self.mode:
                    # Variables of the context that forward sets are gone with this copy of it.
                    result = contextvars.copy_context().run(self.model, *args, **kwargs)
                    self.trace.current = self.trace.calls[0] if self.trace.calls else None
                    self.result = drain(result)
            except NeedsAutograd:
                self.differentiates = True
                self.error = RuntimeError("The model differentiates inside its forward pass, which takes values.")
            except (*MODEL_ERRORS, _GENERATOR_EXIT) as error:
                # The user's model failed: described as part of the picture.
                # Errors of calls that the function mode does not see.
                self.differentiates = needs_grad(error)
                self.is_nested = is_about_nested(error)
                self.error = error
                if self._innermost is not None and self._innermost[0] in causes(error):
                    self.error_call = self._innermost[1]
        return self

    def _take_inputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        names = argument_names(self.model, args)
        self.copier.arguments.update(names, kwargs)
        args = tuple(self._take(value, name) for name, value in zip(names, args, strict=True))
        kwargs = {name: self._take(value, name) for name, value in kwargs.items()}
        return args, kwargs

    def _take(self, value: Any, name: str) -> Any:
        """Return one input with meta tensors, each written down as an op."""
        if isinstance(value, Drained):
            return value.again(lambda item, index: self._take(item, f"{name}.{index}"))
        first = len(self.inputs)
        taken = self.copier.take(value, name)
        for path, tensor in self.inputs[first:]:
            op = self.trace.new_op(model_input, None)
            op.args, op.call = (path,), None
            op.outputs = (self.trace.register(op, 0, tensor),)
            given = self.operands.given.get(id(tensor))
            if given is not None:
                self.mode.replay.given[op.index] = given
        return taken

    def call_module(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Write down a module call around the original one."""
        trace = self.trace
        path = self.paths.get(id(module))
        if path is None:  # made inside forward: its ops belong to its caller
            return call_original(module, args, kwargs)
        parent = trace.current
        if path in self.tree.shared:
            path = self._place(self.tree.shared[path], parent)
        call = CallRecord(len(trace.calls), module, path, parent, len(trace.ops))
        trace.calls.append(call)
        if parent is not None:
            parent.children += 1
        trace.current = call
        try:
            lookup = self.layer_memo.look_up(module, args, kwargs)
            if lookup is not None:
                known = self.layer_memo.recall(lookup, args[0], sys._getframe(1))
                if known is not None:
                    return known
            if isinstance(module, ScriptModule):
                return self._run_opaque(module, args, kwargs)
            if isinstance(module, LazyModuleMixin) and module.has_uninitialized_params():
                with DisableTorchFunction():
                    infer_parameters(module, args, kwargs)
            if path in self.tree.unusual:
                return self._run_unusual(call, args, kwargs)
            result = call_original(module, args, kwargs)
            if len(trace.ops) == call.first_op and isinstance(result, Tensor) and not module._modules:
                result = self._hand_through(result)
            if lookup is not None:
                self.layer_memo.remember(lookup, call, result)
            return result
        except MODEL_ERRORS as error:
            if self._innermost is None or self._innermost[0] is not error:
                self._innermost = error, call
            raise
        finally:
            trace.current = parent

    def _place(self, places: list[str], parent: CallRecord | None) -> str:
        """Return at which of its places a shared module is called: in its caller, near the module called before."""
        inside = [place for place in places if parent is None or is_below(place, parent.path)] or places
        if len(inside) == 1 or not self.trace.calls:
            return inside[0]
        around = ancestors(self.trace.calls[-1].path)
        return min(inside, key=lambda place: around.index(next(a for a in ancestors(place)[1:] if a in around)))

    def _run_unusual(self, call: CallRecord, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a module that may be a quantized layer, and join its ops if it is one."""
        trace, module = self.trace, call.module
        first, kept = len(trace.ops), len(trace.kept)
        try:
            result = call_original(module, args, kwargs)
        except Exception as error:
            layer = quantized_layer(module)
            if layer is None or call.children:
                raise
            with DisableTorchFunction():
                try:
                    result = without_kernels(module, layer, args, kwargs, error)
                except Exception as true:
                    one = join(trace, first, kept, layer.function, [], self._weights(call.path, layer))
                    one.args, one.kwargs, one.error, one.call = args, kwargs, true, call
                    raise true from None
        tensors, made = tensors_in((args, kwargs)), tensors_in(result)
        if call.children or not tensors or not made or any(op.error is not None for op in trace.ops[first:]):
            return result
        layer = self.quantized.get(call.path) or quantized_layer(module)
        # A layer that does not tell its sizes is taken for a linear one, unless it is one op that is known as such.
        known = [op_name(op.func) in OPS for op in trace.ops[first:]]
        if layer is None and known != [True] and tensors[0].dim() and made[0].dim():
            layer = quantized_layer(module, (tensors[0].shape[-1], made[0].shape[-1]))
        if layer is None:
            return result
        self.quantized[call.path] = layer
        with DisableTorchFunction():
            if not trace.ops[first:]:
                op = trace.new_op(layer.function, locate(sys._getframe(3)))
                op.origins = [self.mode.origin_of(tensor) for tensor in tensors]
            if any(id(tensor) in trace.origins and trace.origins[id(tensor)][0] < first for tensor in made):
                return result
            one = join(trace, first, kept, layer.function, made, self._weights(call.path, layer))
            one.args, one.kwargs, one.call = args, kwargs, call
            label(one, layer, layer.flops(tensors[0], result))
        return result

    def _weights(self, path: str, layer: QuantizedLayer) -> list[Origin]:
        """Return the origins of the weights of a quantized layer, and of its registered bias."""
        names = dict.fromkeys(
            [*layer.names(path), *[name for name in self.tree.names_of(path) if name.endswith("bias")]]
        )
        return [(PARAMETER, name, None) for name in names]

    def _hand_through(self, tensor: Tensor) -> Tensor:
        """Give a layer that returned its input a node of its own."""
        with DisableTorchFunction():
            op = self.trace.new_op(identity, locate(sys._getframe(3)))
            op.origins = [self.mode.origin_of(tensor)]
            return self.mode.recorder.same(op, self.operands.stand_in(tensor))

    def _run_opaque(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run compiled TorchScript on zeros: its ops cannot be seen."""
        with DisableTorchFunction():
            op = self.trace.new_op(_forward, locate(sys._getframe(3)))
            op.origins = [self.mode.origin_of(tensor) for tensor in tensors_in((args, kwargs))]
            op.flags = ("opaque",)
            op.args, op.kwargs = args, kwargs
            path = op.call.path if op.call is not None else ""
            below = [(name, is_buffer) for name, _, is_buffer in self.tree.tensors if is_below(name, path)]
            op.origins += [(BUFFER if is_buffer else PARAMETER, name, None) for name, is_buffer in below]
            result: Any = NotImplemented
            if self.outcomes is not None:
                self.outcomes.follow(ScriptModule, sys._getframe(3))
                result = self.outcomes.of(args, kwargs)
            result = on_zeros(module.forward, args, kwargs) if result is NotImplemented else result
            if result is NotImplemented:
                raise NotImplementedError(
                    "TorchScript modules are run on zeros to know their shapes; these inputs are too large."
                )
            self.trace.register_all(op, result)
            return result


def argument_names(model: torch.nn.Module, args: tuple[Any, ...]) -> list[str]:
    """Return the names that forward gives to positional arguments."""
    try:
        parameters = list(inspect.signature(uncompiled(model).forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            rest = len(args) - len(names)
            names += (
                [f"{parameter.name}.{index}" for index in range(rest)] if rest > 1 else [parameter.name] * max(rest, 0)
            )
            break
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    names += [f"input.{index}" for index in range(len(names), len(args))]
    return names[: len(args)]


def causes(error: BaseException | None) -> list[BaseException]:
    """Return an exception with those that it was raised from or while handling."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain
