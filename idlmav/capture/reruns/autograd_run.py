"""
Runs with autograd, for models that differentiate inside their forward pass.

A copy of the model runs without memo and rules: torch itself runs every op with autograd on, first on the meta device;
then with values, if these decide something or the meta device does not do, and if that is cheap enough.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from idlmav.capture.data.replay import FLOPS_AT_MOST
from idlmav.capture.mode.layer_memo import OFF
from idlmav.capture.mode.recording_mode import RecordingMode
from idlmav.capture.outside.containers import Copier
from idlmav.capture.record.classify import function_name, is_inplace_call
from idlmav.capture.record.operands import Operands, meta_like
from idlmav.capture.record.source import locate
from idlmav.capture.record.trace import META, OpRecord, Origin, Trace, storage_key
from idlmav.capture.record.values import map_tensors, tensors_in
from idlmav.capture.reruns.copied import copied
from idlmav.capture.run import Run
from idlmav.capture.shapes.kernels import on_device
from idlmav.capture.shapes.product_flops import count_product
from idlmav.capture.torch_private import DisableTorchFunction, hidden_samples, is_functorch_wrapped, unwrapped
from idlmav.capture.tree import Tree

__all__ = ["WEIGHTS_AT_MOST", "run_with_autograd"]

WEIGHTS_AT_MOST = 1 << 28
"""Bytes of weights that are copied for a run on values."""
_CPU = torch.device("cpu")


def run_with_autograd(tree: Tree, device: torch.device, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run:
    """Run copies of a model with autograd: on the meta device, then with values if that is needed and cheap."""
    with torch.inference_mode(False), torch.enable_grad():
        run = AutogradRun(tree, device, META).forward(args, kwargs)
    guessed = any("guess" in op.flags for op in run.trace.ops)
    if run.error is None and not guessed:
        return run
    flops = sum(op.flops or 0 for op in run.trace.ops)
    weights = sum(tensor.numel() * tensor.element_size() for _, tensor, _ in tree.tensors)
    on_meta = any(tensor.is_meta for _, tensor, _ in tree.tensors)
    if on_meta or flops > FLOPS_AT_MOST or weights > WEIGHTS_AT_MOST:
        return run
    with torch.inference_mode(False), torch.enable_grad():
        real = AutogradRun(tree, device, _CPU).forward(args, kwargs)
    return real if real.error is None or run.error is not None else run


class AutogradRun(Run):
    """A forward pass in which torch runs every op."""

    def __init__(self, tree: Tree, device: torch.device, place: torch.device) -> None:
        # The copier makes the tensors that are not listed here, also those that torch refuses to copy.
        with torch.no_grad(), Copier(lambda tensor: _moved(tensor, place)):
            model = copied(tree, {id(tensor): _moved(tensor, place) for _, tensor, _ in tree.tensors})
        super().__init__(Tree(model), device)
        self.trace.lazy.clear()
        self.operands = operands = _AutogradOperands(self.trace, self.tree.tensors, place)
        self.copier.stand_in_of = operands.input_stand_in
        self.mode = _AutogradMode(self.trace, operands, device, self.failures, place)
        self.layer_memo.depth = OFF
        self.differentiates = True

    def forward(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run:
        """Run the model once; find what made the tensors that functorch has taken out of its wrappers."""
        super().forward(args, kwargs)
        for tensor in tensors_in(self.result):
            if id(tensor) not in self.trace.origins:
                self.operands.adopt(tensor)
        return self

    gradients = torch.enable_grad
    """Context in which the model runs: with autograd, also where the caller has switched it off."""


def _moved(tensor: Tensor, place: torch.device) -> Tensor:
    with DisableTorchFunction():
        if torch.nn.parameter.is_lazy(tensor):
            return tensor
        made = meta_like(tensor.detach()) if place.type == "meta" else tensor.detach().to(place, copy=True)
        if type(tensor) is Parameter:
            return Parameter(made, requires_grad=tensor.requires_grad)
        return made.requires_grad_(tensor.requires_grad)


class _AutogradOperands(Operands):
    """Operands without stand-ins: every tensor belongs to the copy of the model."""

    def __init__(self, trace: Trace, own: Sequence[tuple[str, Tensor, bool]], place: torch.device) -> None:
        super().__init__(trace, own)
        self.place = place
        self.held: dict[int, Origin] = {}  # by memory, what functorch's wrappers hold

    def expect(self, tensor: Tensor, name: str, is_buffer: bool) -> None:
        self.adopt(tensor)

    def adopt(self, tensor: Tensor) -> Origin:
        self.trace.kept.append(tensor)
        origin = self.trace.origins[id(tensor)] = self._below(tensor) or (*self._kind_and_name(tensor), None)
        return origin

    def _below(self, tensor: Tensor) -> Origin | None:
        """Return the origin of the tensor that functorch has wrapped, or that what it returns is a view of."""
        if id(tensor) in self.names:
            return None
        base = unwrapped(tensor)
        if id(base) in self.names:
            return (*self._kind_and_name(base), None)
        return self.trace.origins.get(id(base)) or self.held.get(storage_key(base))

    def stand_in(self, tensor: Tensor) -> Tensor:
        return tensor

    def replace(self, value: Any, all_meta: bool = False) -> Any:
        return value

    def _stand_in_of_input(self, tensor: Tensor) -> Tensor:
        if tensor.is_meta and self.place.type != "meta":
            return torch.zeros_like(tensor, device=self.place)
        return _moved(tensor, self.place)


class _AutogradMode(RecordingMode):
    """Lets torch run every op, and records it."""

    def __init__(
        self, trace: Any, operands: _AutogradOperands, device: torch.device, failures: Any, place: torch.device
    ) -> None:
        super().__init__(trace, operands, device, failures)
        self.operands: _AutogradOperands = operands
        self.place = place
        self.last_backward: Origin | None = None

    def run_op(self, func: Any, args: Any, kwargs: dict[str, Any] | None, frame: FrameType | None) -> Any:
        """Run one op and record it."""
        kwargs = kwargs or {}
        op = self.trace.new_op(func, locate(frame))
        op.args, op.kwargs = args, kwargs
        self._describe(list(args), op.origins, [])
        self._describe(kwargs, op.origins, [])
        if self.trace.mutated:
            self._add_writers(op)
        args, kwargs = on_device(func, args, kwargs, self.place)
        try:
            result = func(*args, **kwargs)
        except Exception as error:
            op.error = error
            raise
        inplace = is_inplace_call(func, args, kwargs)
        if not inplace:
            op.flops = self._formula(func, args, kwargs)
            count_product(op, args, kwargs, result)
        result = self.recorder.finish(op, result, args, kwargs, None, inplace)
        self._note_wrapped(op, tensors_in(result))
        return result

    def _note_wrapped(self, op: OpRecord, made: list[Tensor]) -> None:
        """Write down what functorch's wrappers hold: all samples of `torch.vmap`, of which each shows one."""
        if not any(map(is_functorch_wrapped, made)):
            return
        known = [self.trace.origins.get(id(tensor)) for tensor in made]
        outputs = list(op.outputs)
        for tensor, origin in zip(made, known, strict=True):
            base = unwrapped(tensor)
            if base is not tensor and origin is not None and origin[0] == op.index:
                outputs[origin[1]] = self.trace.register(op, origin[1], base)
                self.operands.held[storage_key(base)] = origin
        op.outputs = tuple(outputs)

    def _gradient(self, func: Any, args: Any, frame: FrameType) -> Any:
        return func(*args)  # tensors of this run have gradients

    def _formula(self, func: Any, args: Any, kwargs: dict[str, Any]) -> int | None:
        """
        Return the FLOPs of an op by running it apart, on the meta device.

        Kernels of the CPU have no formulas, and a mode that counts would lie below autograd and lose tangents.
        """
        operands = tensors_in((args, kwargs))
        if func is torch.autograd.grad or any(x.is_nested for x in operands):
            return None
        with contextlib.suppress(Exception), torch.no_grad():  # else unknown
            args, kwargs = map_tensors(meta_like, (args, kwargs), lambda end: end)
            flops = self.kernels.flop_mode.count(func, args, kwargs)[1]
            return None if flops is None else flops * hidden_samples(operands)
        return None

    def _create(self, func: Any, args: Any, kwargs: dict[str, Any], frame: FrameType) -> Any:
        kwargs = {key: value for key, value in kwargs.items() if key not in ("device", "pin_memory")}
        if self.place.type == "meta":
            kwargs.pop("generator", None)
        return self.run_op(func, args, {**kwargs, "device": self.place}, frame)

    def _data(self, func: Any, args: Any, kwargs: dict[str, Any], frame: FrameType) -> Any:
        if self.place.type != "meta":
            return func(*args, **kwargs)
        op = self.trace.new_op(func, locate(frame))
        op.origins = [self.origin_of(args[0])]
        return self.decisions.ask(op, func, args, kwargs)

    def _set(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        return func(*args, **kwargs)

    def _autograd(self, func: Any, args: Any, kwargs: dict[str, Any], frame: FrameType) -> Any:
        if func is torch.autograd.grad or function_name(func) == "_make_dual":
            return self.run_op(func, args, kwargs, frame)
        if func not in (Tensor.backward, torch.autograd.backward):
            result = func(*args, **kwargs)
            if isinstance(result, Tensor) and self.last_backward is not None and id(result) not in self.trace.origins:
                self.trace.origins[id(result)] = self.last_backward  # a gradient that has been accumulated
                self.trace.kept.append(result)
            return result
        op = self.trace.new_op(func, locate(frame))
        self._describe(list(args), op.origins, [])
        self.last_backward = (op.index, 0, None)
        return func(*args, **kwargs)
