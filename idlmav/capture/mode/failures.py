"""Treat ops that raise: some run on zeros or on values, the others raise torch's true message."""

from __future__ import annotations

import contextlib
from functools import cache
from typing import Any

import torch

from idlmav.capture.data.data_shaped import with_guessed_numbers
from idlmav.capture.data.outcomes import Outcomes
from idlmav.capture.data.replay import Replay
from idlmav.capture.record.classify import function_name, is_inplace_call, op_name
from idlmav.capture.record.operands import as_operands
from idlmav.capture.record.trace import PARAMETER, OpRecord, Trace
from idlmav.capture.record.values import tensors_in
from idlmav.capture.shapes.kernels import on_zeros, true_error
from idlmav.capture.shapes.product_flops import count_product
from idlmav.capture.torch_private import needs_values

__all__ = ["Failures"]


class Failures:
    """Treats ops that raise."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.replay: Replay
        self.outcomes: Outcomes | None = None

    def failed(self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> Any:
        """
        Return the result of an op that raised on meta tensors, if it runs for real.

        Raises
        ------
        Exception
            The op's own; the model may handle it.
        """
        error, result = self.really(op, func, args, kwargs, error)
        if result is NotImplemented:
            op.error = error
            raise error
        return result

    def really(
        self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any], error: Exception
    ) -> tuple[Exception, Any]:
        """Run an op on values or zeros; return its error, and its result or ``NotImplemented``."""
        if self.outcomes is not None and (known := self.outcomes.of(args, kwargs)) is not NotImplemented:
            count_product(op, args, kwargs, known)
            return error, self.registered(op, args[0] if is_inplace_call(func, args, kwargs) else known)
        lacks_values = needs_values(error)
        if lacks_values:
            result = self._by_value(op, func, args, kwargs)
            if result is not NotImplemented:
                return error, self.registered(op, result)
        try:
            result = on_zeros(func, args, kwargs)
        except Exception as real:  # noqa: BLE001 - recorded by the caller: kernels on the meta device word it differently
            constants = self._constants(op, args, kwargs)
            if not constants:
                return real, NotImplemented
            try:
                result = on_zeros(func, args, kwargs, constants)
            except Exception as error_of_values:  # noqa: BLE001 - recorded by the caller
                return error_of_values, NotImplemented
        if result is not NotImplemented:
            op.flags = (*op.flags, "zeros")
            self.trace.guessed |= lacks_values and not _has_fixed_size(func)
            count_product(op, args, kwargs, result)
            if is_inplace_call(func, args, kwargs):
                return error, self.registered(op, args[0])
            return error, self.registered(op, result)
        return true_error(func, args, kwargs, error), result

    def _constants(self, op: OpRecord, args: Any, kwargs: dict[str, Any]) -> dict[int, torch.Tensor]:
        """Return the true values of operands that depend on no input, such as a window, by ``id``."""
        found = {}
        for tensor, origin in zip(tensors_in((args, kwargs)), op.origins, strict=False):
            if tensor.is_meta and self._is_constant(origin[0]):
                true = self.replay.arguments((tensor,), {}, [origin])
                if true is not None:
                    found[id(tensor)] = true[0][0]
        return found

    def _is_constant(self, index: int) -> bool:
        waiting, seen = [index], set[int]()
        while waiting:
            op = self.trace.ops[waiting[-1]] if waiting[-1] >= 0 else None
            index = waiting.pop()
            if index == PARAMETER or (op is not None and function_name(op.func) == "model_input"):
                return False
            if op is not None and index not in seen:
                seen.add(index)
                waiting += [origin[0] for origin in op.origins]
        return True

    def _by_value(self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Return the result of an op whose sizes depend on values: numbers in its arguments, or all of its operands."""
        numbers = self.replay.numbers(args, kwargs, op.origins)
        if numbers is not None:
            with contextlib.suppress(Exception):  # numbers may not be all that is missing
                return func(*numbers[0], **numbers[1])
        result = NotImplemented if _has_fixed_size(func) else self.replay.result(op)
        if result is not NotImplemented:
            return as_operands(result)
        guessed = with_guessed_numbers(args)
        if numbers is None and guessed is not None:
            with contextlib.suppress(Exception):  # the op's own message is better
                result = func(*guessed, **kwargs)
                self.trace.mark_guess(op)
        return result

    def misplaced(self, op: OpRecord, error: Exception) -> Any:
        """
        Return the result of an op that the values of its operands make fail, if the run goes on.

        Raises
        ------
        Exception
            Torch's own; the model may handle it.
        """
        op.error = error
        raise error

    def refused(self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> Any:
        """
        Return the result of an op that a tensor's own ``__torch_function__`` has refused, if the run goes on.

        Raises
        ------
        Exception
            The class's own; the model may handle it.
        """
        op.error = op.error or error
        raise error

    def registered(self, op: OpRecord, result: Any) -> Any:
        """Write down what an op returns."""
        self.trace.views += [x for x in self.trace.register_all(op, result) if x.is_meta]  # they may be views
        return result


@cache
def _has_fixed_size(func: Any) -> bool:
    """Return whether torch declares that the size of what an op returns does not depend on values."""
    packet = getattr(torch.ops.aten, op_name(func), None)
    if packet is None or getattr(func, "namespace", "aten") != "aten":
        return False
    return not any(torch.Tag.dynamic_output_shape in getattr(packet, name).tags for name in packet.overloads())
