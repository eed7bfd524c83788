"""
The function mode that records every op of a forward pass and computes shapes only.

Meta tensors hold the shapes. What an op returns depends on the signatures of its operands and on its other arguments,
so it is looked up by these; only the first op with a signature asks a shape rule or a kernel::

    RecordingMode.__torch_function__      by kind of function
        run_override                      operands of a user's class: its own __torch_function__
        run_op                            an op
            _describe                     origins of the operands, key for the memo
            _with_real                    an operand has values: compute, or take sizes from values
            Recorder.recall               the memo knows the signature
            _compute                      else: Replay.result | Kernels.evaluate (rule or kernel), Recorder.finish
                Failures.failed           the op raised: run on zeros, or raise
        _special                          _create (zeros), _data (item), _autograd, _control (cond), _set (property)

Four classes change this: `reruns.devices.DeviceMode` (``__torch_function__``: notes the device of each result),
`reruns.autograd_run._AutogradMode` (``run_op``, ``_create``, ``_data``, ``_set``, ``_autograd``: torch runs every op),
`repair.repair_mode.RepairMode` (``__torch_function__``, ``_autograd``: operands of unknown shape) and
`repair.run._DeviceRepairMode` (the first and the third together).
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.overrides import TorchFunctionMode

from idlmav.capture.data import data_shaped
from idlmav.capture.data.addresses import Addresses
from idlmav.capture.data.decisions import Decisions
from idlmav.capture.data.gradients import Gradients
from idlmav.capture.data.outcomes import Outcomes
from idlmav.capture.data.positions import SELECTS, misplaced
from idlmav.capture.data.replay import Replay
from idlmav.capture.mode.control_flow import run_control
from idlmav.capture.mode.failures import Failures
from idlmav.capture.mode.opaque import finish_opaque
from idlmav.capture.mode.overrides import overrides, run_override
from idlmav.capture.mode.sparse import run_sparse
from idlmav.capture.record.classify import (
    ADDRESS,
    ASK,
    AUTOGRAD,
    CONTROL,
    DATA,
    DEVICE,
    FACTORY,
    GRADIENT,
    ITERATE,
    KINDS,
    OP,
    TYPE,
    UNNOTED,
    classify,
    function_name,
    is_inplace_call,
    op_name,
)
from idlmav.capture.record.memo import MEMO, NEW, Recorder
from idlmav.capture.record.operands import Operands, as_operands
from idlmav.capture.record.source import locate
from idlmav.capture.record.trace import NeedsAutograd, OpRecord, Origin, Trace, storage_key
from idlmav.capture.record.values import parts_of, tensors_in
from idlmav.capture.record.wrappers import is_plain, stands_for_others
from idlmav.capture.shapes.kernels import Kernels, on_device
from idlmav.capture.shapes.product_flops import count_product, is_sparse
from idlmav.capture.torch_private import any_autocast, subclasses_enabled
from idlmav.metrics.catalogue import ops_with

__all__ = ["RecordingMode"]

_PLAIN = frozenset({int, float, bool, str, type(None)})
_COUNTED_BY_TORCH = ops_with("counted_by_torch")


class RecordingMode(TorchFunctionMode):
    """
    The function mode.

    Attributes
    ----------
    outcomes : Outcomes or None
        What a real call of the model has told.
    """

    def __init__(self, trace: Trace, operands: Operands, device: torch.device, failures: Failures) -> None:
        super().__init__()
        self.trace = trace
        self.operands = operands
        self.device = device
        self.failures = failures
        self.kernels = Kernels(device)
        self.replay = failures.replay = Replay(trace, operands)
        self.decisions = Decisions(trace, operands, self.replay)
        self.recorder = Recorder(trace, operands)
        self.outcomes: Outcomes | None = None
        self.gradients = Gradients(trace, operands)
        self.addresses = Addresses(operands, device)
        self.default_dtype = torch.get_default_dtype()  # the type of a quotient of integers

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Treat a call of any torch function by its kind."""
        if types and overrides(types) and subclasses_enabled():
            return run_override(self, func, types, args, kwargs or {}, sys._getframe(1))
        kind = KINDS.get(func)
        if kind is None:
            kind = classify(func)
        if self.outcomes is not None and kind not in UNNOTED:
            self.outcomes.follow(func, sys._getframe(1))
        if kind == OP:
            return self.run_op(func, args, kwargs, sys._getframe(1))
        if kind == ASK:
            return func(*args, **kwargs) if kwargs else func(*args)
        return self._special(kind, func, args, kwargs or {}, sys._getframe(1))

    def _special(self, kind: int, func: Any, args: Any, kwargs: dict[str, Any], frame: FrameType) -> Any:
        if kind == ITERATE:
            return iter(self.run_op(torch.unbind, (args[0], 0), None, frame))
        if kind == DEVICE:
            name = function_name(func)
            if name == "device":
                return self.device
            return name != "is_meta" and name == f"is_{self.device.type}"
        if kind == FACTORY:
            return self._create(func, args, kwargs, frame)
        if kind == DATA:
            return self._data(func, args, kwargs, frame)
        if kind == GRADIENT:
            return self.gradients.call(func, args, frame, self.origin_of)
        if kind == TYPE:
            if len(args) > 1 or kwargs:
                return self.run_op(func, args, kwargs, frame)
            name = torch.empty(0, dtype=args[0].dtype).type()
            return name if self.device.type == "cpu" else name.replace("torch.", f"torch.{self.device.type}.")
        if kind == ADDRESS:
            self.origin_of(args[0])
            return self.addresses.ask(func, args, kwargs)
        if kind == AUTOGRAD:
            return self._autograd(func, args, kwargs, frame)
        if kind == CONTROL:
            return run_control(self, func, args, kwargs, lambda value: self._ask_truth(value, frame))
        return self._set(func, args, kwargs)

    def _autograd(self, func: Any, args: Any, kwargs: dict[str, Any], frame: FrameType) -> Any:
        """End the run: meta tensors without autograd cannot be differentiated."""
        if function_name(func) == "grad" and func is not torch.autograd.grad:
            return func(*args, **kwargs)  # the property
        raise NeedsAutograd

    def _ask_truth(self, value: Tensor, frame: FrameType) -> Any:
        if self.outcomes is not None:
            self.outcomes.follow(Tensor.__bool__, frame)
        return self._data(Tensor.__bool__, (value,), {}, frame)

    def _create(self, func: Any, args: Any, kwargs: dict[str, Any], frame: FrameType) -> Any:
        op = self.trace.new_op(func, locate(frame))
        op.args, op.kwargs = args, kwargs
        op.origins = [self.origin_of(tensor) for tensor in tensors_in((args, kwargs))]
        try:
            result = self._outcome(args, kwargs) if op.origins else NotImplemented
            if result is NotImplemented:
                result = self.decisions.create(op, func, args, kwargs)
        except Exception as error:  # noqa: BLE001 - recorded on the op, then the user's model sees it
            return self.failures.failed(op, func, args, kwargs, error)
        op.outputs = (self.trace.register(op, 0, result),)
        return result

    def _outcome(self, args: Any, kwargs: Any) -> Any:
        """Return what this call gave in a real call of the model; ``NotImplemented`` if that is not known."""
        return NotImplemented if self.outcomes is None else self.outcomes.of(args, kwargs)

    def _is_number(self, tensor: Tensor, spec: str) -> bool:
        """Return whether the text of a tensor is that of a number: a layer's name, or with so many digits."""
        return tensor.dim() == 0 and (bool(spec) or not tensor.is_floating_point())

    def _data(self, func: Any, args: Any, kwargs: dict[str, Any], frame: FrameType) -> Any:
        real = self._outcome(args, kwargs)
        if real is not NotImplemented:
            return real
        if function_name(func) == "__format__" and not self._is_number(*args):
            return func(*args, **kwargs)
        origins = [self.origin_of(tensor) for tensor in tensors_in((args, kwargs))]
        if all(origin[2] is None for origin in origins):
            return self.decisions.ask(None, func, args, kwargs)
        true = self.replay.arguments(args, kwargs, origins)
        if true is not None:
            answer = self.decisions.ask(None, func, *true)
            # An array shares its tensor's memory, which the model must not write into.
            return answer.copy() if function_name(func) in ("numpy", "__array__") else answer
        if function_name(func) == "__format__" and args[0].is_floating_point():
            return format(0.0, args[1])  # a text for people, on which no path depends
        op = self.trace.new_op(func, locate(frame))
        op.origins = origins
        return self.decisions.ask(op, func, args, kwargs)

    def _set(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Set a property of a tensor; change the stand-in rather than a tensor of the user's."""
        target = args[0]
        self.origin_of(target)
        self.trace.settle_views()
        own = self.operands.stand_in(target)
        if "requires_grad" in function_name(func):
            self.gradients.set(target, bool(args[1] if len(args) > 1 else kwargs.get("requires_grad", True)))
            return target if function_name(func) == "requires_grad_" else None
        if own is target and id(target) not in self.operands.names:
            return func(*args, **kwargs)
        if function_name(func) == "data" and len(args) == 2:
            source = self.operands.stand_in(args[1])
            # Kept alive, because its id is a key that must not be used again.
            self.trace.kept.append(self.trace.stand_ins.get(id(target)))
            self.trace.stand_ins[id(target)] = source
            self.trace.origins[id(target)] = self.origin_of(source)
        return None

    def origin_of(self, tensor: Tensor) -> Origin:
        """Return the origin of a tensor."""
        return self.trace.origins.get(id(tensor)) or self.operands.adopt(tensor)

    def _describe(self, value: Any, origins: list[Origin], key: list[Any]) -> None:
        """Append the origins of the tensors in an argument, and the part of the memo's key that it makes up."""
        if isinstance(value, Tensor):
            origin = self.origin_of(value)
            origins.append(origin)
            key.append(origin[2])
            return
        kind = type(value)
        key.append(kind)
        if isinstance(value, (list, tuple)):
            kinds = tuple(map(type, value))
            if _PLAIN.issuperset(kinds):  # types too, because 1, 1.0 and True are equal as keys
                key.append(kinds)
                key.append(tuple(value))
                return
            key.append(len(value))
            for item in value:
                self._describe(item, origins, key)
        elif kind is slice:
            for end in (value.start, value.stop, value.step):
                self._describe(end, origins, key)
                if isinstance(end, Tensor) and not end.is_meta:
                    key.append(end.tolist())  # a position
        elif isinstance(value, dict):
            key.append(len(value))
            for name, item in value.items():
                key.append(name)
                self._describe(item, origins, key)
        elif (parts := parts_of(value)) is not None:
            key.append(len(parts))
            for part in parts:
                self._describe(part, origins, key)
        else:
            key.append(value)

    # The hot path: a dispatch, a loop over the arguments, one look-up, one empty tensor.
    def run_op(self, func: Any, args: Any, kwargs: dict[str, Any] | None, frame: FrameType | None) -> Any:
        """Record one op and return its result as meta tensors."""
        trace = self.trace
        known = trace.origins
        op = OpRecord(len(trace.ops), func, trace.current, locate(frame))
        trace.ops.append(op)
        origins = op.origins
        op.args, op.kwargs = args, kwargs
        key: list[Any] = [func, self.default_dtype]
        for value in args:
            kind = type(value)
            if kind is Tensor or kind is Parameter:
                origin = known.get(id(value)) or self.operands.adopt(value)
                origins.append(origin)
                key.append(origin[2])
            elif kind is int or kind is float or kind is bool or value is None:
                key.append(kind)
                key.append(value)
            else:
                self._describe(value, origins, key)
        if kwargs:
            for name, value in kwargs.items():
                key.append(name)
                kind = type(value)
                if kind is bool or kind is int or kind is float or value is None:
                    key.append(kind)
                    key.append(value)
                else:
                    self._describe(value, origins, key)
        if trace.mutated:
            self._add_writers(op)
        if any_autocast():
            autocast = self._autocast()
            key += autocast
            op.flags = autocast[2:] if autocast[1] else ()
        if not origins or None in [origin[2] for origin in origins]:
            return self._with_real(op, func, args, kwargs or {})
        try:
            signature = tuple(key)
            remembered = MEMO.get(signature)
        except TypeError:  # an argument that cannot be a key
            return self._compute(op, func, args, kwargs or {}, None)
        if remembered is None:
            return self._compute(op, func, args, kwargs or {}, signature)
        return self.recorder.recall(op, remembered, func, args, kwargs)

    def _autocast(self) -> tuple[Any, ...]:
        device = self.device.type
        return "autocast", torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)

    def _with_real(self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Compute an op on real operands; treat these as meta tensors if others are."""
        if any(not is_plain(tensor) and stands_for_others(tensor) for tensor in tensors_in((args, kwargs))):
            return finish_opaque(self, op, args, kwargs)
        op.args, op.kwargs = args, kwargs = self.operands.replace((args, kwargs))
        tensors = tensors_in((args, kwargs))
        if is_sparse(tensors):
            return run_sparse(self, op, func, args, kwargs, tensors)
        if any(tensor.is_meta for tensor in tensors):
            if op_name(func) in SELECTS:
                error = misplaced(self.trace, self.replay.given, op, args, kwargs)
                if error is not None:
                    return self.failures.misplaced(op, error)
            try:
                answer = data_shaped.with_real_operands(func, args, kwargs)
            except Exception as error:  # noqa: BLE001 - recorded on the op, then the user's model sees it
                return self.failures.failed(op, func, args, kwargs, error)
            if answer is not None:
                return self.recorder.finish(op, self._corrected(answer, args, kwargs), args, kwargs, None, False)
            return self._on_meta_tensors(op, func, args, kwargs)
        args, kwargs = on_device(func, args, kwargs, torch.device("cpu"))
        inplace = is_inplace_call(func, args, kwargs)
        try:
            if op_name(func) in _COUNTED_BY_TORCH:
                result, op.flops = self.kernels.flop_mode.count(func, args, kwargs)
            else:
                result = func(*args, **kwargs) if function_name(func) not in ("cuda", "cpu") else args[0]
        except Exception as error:  # noqa: BLE001 - recorded on the op, then the user's model sees it
            return self.failures.failed(op, func, args, kwargs, error)
        if not inplace and self.outcomes is not None:  # random numbers are others than in a real call
            result = self.outcomes.corrected(result, args, kwargs)
        count_product(op, args, kwargs, result)
        return self.recorder.finish(op, result, args, kwargs, None, inplace)

    def _corrected(self, result: Any, args: Any, kwargs: Any) -> Any:
        return result if self.outcomes is None else self.outcomes.corrected(result, args, kwargs)

    def _on_meta_tensors(self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if is_inplace_call(func, args, kwargs):
            for target in tensors_in(args[:1] if kwargs.get("out") is None else kwargs["out"]):
                self.operands.lose_content(target)
        args, kwargs = self.operands.replace((args, kwargs), all_meta=True)
        key: list[Any] = [func, self.default_dtype]
        self._describe(args, [], key)
        self._describe(kwargs, [], key)
        if any_autocast():
            key += self._autocast()
        signature = tuple(key)
        try:
            remembered = MEMO.get(signature)
        except TypeError:  # an argument that cannot be a key
            return self._compute(op, func, args, kwargs, None)
        if remembered is not None:
            result = self.recorder.recall(op, remembered, func, args, kwargs)
            count_product(op, args, kwargs, result)
            return result
        return self._compute(op, func, args, kwargs, signature)

    def _compute(
        self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any], signature: tuple[Any, ...] | None
    ) -> Any:
        """Compute a result by a rule or a kernel, and remember it."""
        op.args, op.kwargs = args, kwargs = self.operands.replace((args, kwargs))
        inplace = is_inplace_call(func, args, kwargs)
        try:
            guess = data_shaped.guessed(func, args, kwargs, self.decisions.size_at_most)
            if guess is not None:
                true = self._outcome(args, kwargs)
                true = self.replay.result(op) if true is NotImplemented else true
                if true is not NotImplemented:  # of which only tensors that stay real keep their values
                    return self.recorder.finish(op, as_operands(true), args, kwargs, None, False)
                self.decisions.guess_size(op)
                return self.recorder.finish(op, guess, args, kwargs, None, False)
            result, op.flops, fresh = self.kernels.evaluate(func, args, kwargs, inplace)
            count_product(op, args, kwargs, result)
        except Exception as error:  # noqa: BLE001 - recorded on the op, then the user's model sees it
            return self.failures.failed(op, func, args, kwargs, error)
        if fresh and signature is not None and type(result) is Tensor:
            op.outputs = (self.trace.register(op, 0, result),)
            self.recorder.remember(signature, op, NEW, op.outputs[0])
            return result
        return self.recorder.finish(op, result, args, kwargs, signature, inplace)

    def _add_writers(self, op: OpRecord) -> None:
        """Add an edge from the last op that wrote into the memory of an operand through another tensor."""
        mutated = self.trace.mutated
        for tensor in tensors_in((op.args, op.kwargs)):
            writer = mutated.get(storage_key(self.operands.stand_in(tensor)))
            if writer is not None and writer > self.origin_of(tensor)[0]:
                op.origins.append((writer, 0, self.origin_of(tensor)[2]))
