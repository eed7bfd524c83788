"""Tensors of a user's class: run its ``__torch_function__`` as torch does, with the mode recording its ops."""

from __future__ import annotations

from functools import lru_cache
from types import FrameType
from typing import TYPE_CHECKING, Any

from torch import Tensor

from idlmav.capture.mode.opaque import is_opaque, run_opaque
from idlmav.capture.record.source import locate
from idlmav.capture.record.trace import SIGNATURES, OpRecord
from idlmav.capture.record.values import tensors_in
from idlmav.capture.torch_private import disabled_torch_function

if TYPE_CHECKING:
    from idlmav.capture.mode.recording_mode import RecordingMode

__all__ = ["overrider", "overrides", "run_override"]


@lru_cache(maxsize=1 << 8)
def overrides(types: tuple[type, ...]) -> bool:
    """Return whether one of the operands' classes overrides torch functions, and is not torch's own."""
    return any(_own(kind) for kind in types)


def overrider(types: tuple[type, ...]) -> Any:
    """Return the first class among those of the operands that overrides torch functions."""
    return next(kind for kind in types if _own(kind))


def _own(kind: Any) -> bool:
    return _function(kind) not in (_function(Tensor), disabled_torch_function) and not kind.__module__.startswith(
        "torch."
    )


def _function(kind: Any) -> Any:
    return getattr(kind.__torch_function__, "__func__", kind.__torch_function__)


def run_override(
    mode: RecordingMode, func: Any, types: tuple[type, ...], args: Any, kwargs: dict[str, Any], frame: FrameType
) -> Any:
    """
    Let the operands' class run a torch function; the mode records the ops that it calls.

    A tensor that stands for others which forward has not computed is one operand, whatever its class makes of it.

    Raises
    ------
    Exception
        The class's own error, recorded on a new op unless one of the ops that it calls has raised it.
    """
    if any(is_opaque(mode, tensor) for tensor in tensors_in((args, kwargs))):
        return run_opaque(mode, func, args, kwargs, frame)
    trace = mode.trace
    before = len(trace.ops)
    try:
        with mode:
            result = overrider(types).__torch_function__(func, types, args, kwargs)
    except Exception as error:
        if any(op.error is error for op in trace.ops[before:]):
            raise
        op = trace.new_op(func, locate(frame))
        op.args, op.kwargs = args, kwargs
        op.origins = [mode.origin_of(tensor) for tensor in tensors_in((args, kwargs))]
        return mode.failures.refused(op, func, args, kwargs, error)
    for tensor in tensors_in(result):
        if id(tensor) not in trace.origins:
            _hand_on(mode, tensor, trace.ops[before:])
    return result


def _hand_on(mode: RecordingMode, tensor: Tensor, ops: list[OpRecord]) -> None:
    """Record a tensor that was wrapped into its class again as the result of the last op with its signature."""
    if not tensor.is_meta:
        return
    token = SIGNATURES.token(tensor)
    for op in reversed(ops):
        if token in op.outputs:
            mode.trace.origins[id(tensor)] = op.index, op.outputs.index(token), token
            mode.trace.kept.append(tensor)
            return
