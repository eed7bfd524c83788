"""What a tensor says of autograd, ``requires_grad`` and the like, as in the user's call: meta tensors have none."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from idlmav.capture.record.classify import function_name, op_name
from idlmav.capture.record.operands import Operands
from idlmav.capture.record.source import is_users
from idlmav.capture.record.trace import BUFFER, PARAMETER, OpRecord, Trace, signature_of

__all__ = ["Gradients"]

_CUT = frozenset({"detach", "data"})


class Gradients:
    """Answers from the records: a result requires a gradient if an operand does and gradients were on at the op."""

    def __init__(self, trace: Trace, operands: Operands) -> None:
        self.trace = trace
        self.operands = operands
        self._changes = [0]
        self._modes = [torch.is_grad_enabled()]
        self._known: dict[tuple[int, Any], bool] = {}
        self._set: dict[int, bool] = {}

    def call(self, func: Any, args: Any, frame: FrameType, origin_of: Callable[[Tensor], Any]) -> Any:
        """Answer what a tensor says of autograd; note that the model switches gradients on or off."""
        if not isinstance(args[0], Tensor):
            self.switched(args[0])
            return func(*args)
        origin_of(args[0])
        # Torch itself asks because it would set up autograd, which this run does without.
        return self.ask(func, args[0]) if is_users(frame.f_code) else func(*args)

    def switched(self, enabled: bool) -> None:
        """Note that the model has switched gradients on or off."""
        self._changes.append(len(self.trace.ops))
        self._modes.append(enabled)

    def set(self, tensor: Tensor, required: bool) -> None:
        """Note that the model has set ``requires_grad`` of a tensor."""
        self._set[id(tensor)] = required

    def ask(self, func: Any, tensor: Tensor) -> Any:
        """Return ``requires_grad``, ``is_leaf`` or ``grad_fn`` of a tensor."""
        name = function_name(func)
        index, output, _ = self.trace.origins.get(id(tensor), (BUFFER, None, None))
        if id(tensor) in self._set:
            required, leaf = self._set[id(tensor)], True
        elif index < 0:
            return func(tensor)
        else:
            required = _differentiable(tensor.dtype) and self._requires(index, output)
            leaf = not required or index in self._inputs
        if name == "requires_grad":
            return required
        return leaf if name == "is_leaf" else None if leaf else _some_function()

    @property
    def _inputs(self) -> dict[int, Tensor]:
        given = self.operands.given
        return {origin[0]: given[key] for key, origin in self.trace.origins.items() if key in given}

    def _requires(self, index: int, output: Any) -> bool:
        """Return whether an output requires a gradient; ops are visited in the order of the run, without recursion."""
        inputs, own = self._inputs, {name: tensor.requires_grad for name, tensor, _ in self.operands.own}
        waiting = [(index, output)]
        while waiting:
            op = self.trace.ops[waiting[-1][0]]
            key = waiting[-1]
            if key in self._known:
                waiting.pop()
                continue
            if op.index in inputs:
                self._known[key] = inputs[op.index].requires_grad
                continue
            before = [origin[:2] for origin in op.origins if 0 <= origin[0] < op.index]
            unknown = [found for found in before if found not in self._known]
            if unknown and self._is_on(op):
                waiting += unknown
                continue
            required = any(self._known[found] for found in before) if self._is_on(op) else False
            required = required or any(own.get(origin[1], False) for origin in op.origins if origin[0] == PARAMETER)
            self._known[key] = required and self._is_on(op) and _has_gradient(op, output=key[1])
        return self._known[index, output]

    def _is_on(self, op: OpRecord) -> bool:
        return self._modes[bisect_right(self._changes, op.index) - 1]


def _has_gradient(op: OpRecord, output: Any) -> bool:
    if op_name(op.func) in _CUT or not isinstance(output, int) or output >= len(op.outputs):
        return False
    return _differentiable(signature_of(op.outputs[output])[1])


def _differentiable(dtype: torch.dtype) -> bool:
    return dtype.is_floating_point or dtype.is_complex


def _some_function() -> Any:
    with torch.enable_grad():
        return torch.empty(0, requires_grad=True).clone().grad_fn
