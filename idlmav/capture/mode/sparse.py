"""Ops on sparse operands, which have no signature: each is computed by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from idlmav.capture.record.classify import is_inplace_call
from idlmav.capture.record.trace import OpRecord
from idlmav.capture.record.values import map_tensors
from idlmav.capture.shapes.kernels import on_zeros
from idlmav.capture.shapes.product_flops import count_sparse, dense_on_meta

if TYPE_CHECKING:
    from idlmav.capture.mode.recording_mode import RecordingMode

__all__ = ["run_sparse"]


def run_sparse(
    mode: RecordingMode, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any], tensors: list[Tensor]
) -> Any:
    """Compute an op on sparse operands; with a dense one of unknown values on zeros."""
    inplace = is_inplace_call(func, args, kwargs)
    try:
        unknown = any(tensor.is_meta for tensor in tensors)
        result = on_zeros(func, args, kwargs) if unknown else func(*args, **kwargs)
        if result is NotImplemented:
            dense_args, dense_kwargs = map_tensors(dense_on_meta, (args, kwargs))
            result = mode.kernels.evaluate(func, dense_args, dense_kwargs, inplace)[0]
    except Exception as error:
        op.error = error
        raise
    count_sparse(mode.trace, op, tensors)
    return mode.recorder.finish(op, args[0] if inplace else result, args, kwargs, None, inplace)
