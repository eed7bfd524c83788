"""What happens when an op raises: its true message is found, and the exception is the model's."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from idlmav.capture.classify import is_inplace_call
from idlmav.capture.kernels import on_zeros, true_error
from idlmav.capture.trace import OpRecord, Trace

__all__ = ["Failures"]


class Failures:
    """
    Decides what happens when an op raises.

    Parameters
    ----------
    trace : Trace
        The records; a failed op keeps its exception.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def failed(self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> Any:
        """
        Return the result of an op that raised on carriers, if it runs for real.

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
        """Return what the op says when it runs on zeros, and its result; ``NotImplemented`` if it does not run."""
        if is_inplace_call(func, args, kwargs):
            return error, NotImplemented
        try:
            result = on_zeros(func, args, kwargs)
        except Exception as real:  # noqa: BLE001 - handed to who records it: kernels on the meta device word it differently
            return real, NotImplemented
        if result is not NotImplemented:
            op.flags = (*op.flags, "zeros")
            return error, self.registered(op, result)
        return true_error(func, args, kwargs, error), result

    def registered(self, op: OpRecord, result: Any) -> Any:
        """Write down what an op returns."""
        tensors = result if isinstance(result, (tuple, list)) else (result,)
        op.outputs = tuple([self.trace.register(op, i, x) for i, x in enumerate(tensors) if isinstance(x, Tensor)])
        return result
