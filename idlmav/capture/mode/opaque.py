"""
Ops on tensors that stand for others, such as the quantized weights of a user's class: each is one op.

What it returns is computed on a copy of the wrapper with meta tensors in it, if the class tells how to make one; else
for real on zeros, if that is cheap; else as for a plain tensor of the wrapper's shape and type.
"""

from __future__ import annotations

import contextlib
from types import FrameType
from typing import TYPE_CHECKING, Any

from torch import Tensor

from idlmav.capture.record.argument_text import argument_text
from idlmav.capture.record.classify import ASK, KINDS, OP, classify, is_inplace_call
from idlmav.capture.record.operands import meta_like
from idlmav.capture.record.source import locate
from idlmav.capture.record.trace import SIGNATURES, OpRecord, Remembered
from idlmav.capture.record.values import map_tensors, tensors_in
from idlmav.capture.record.wrappers import as_meta, inner_tensors, is_packed, is_plain, leaves, scheme_of
from idlmav.capture.shapes.kernels import on_zeros
from idlmav.capture.torch_private import DisableTorchFunction

if TYPE_CHECKING:
    from idlmav.capture.mode.recording_mode import RecordingMode

__all__ = ["is_opaque", "run_opaque"]

_FLOPS_AT_MOST = 2_000_000_000
_ELEMENTS_AT_MOST = 1 << 24
"""What one op on real operands may cost, because nothing else tells what it returns."""


def is_opaque(mode: RecordingMode, tensor: Tensor) -> bool:
    """Return whether a tensor stands for others, none of which forward has computed."""
    inner = {} if is_plain(tensor) else inner_tensors(tensor)
    if not inner:
        return False
    with DisableTorchFunction():
        return all(mode.trace.origins.get(id(part), (-1,))[0] < 0 for part in leaves(tensor) if part is not tensor)


def run_opaque(mode: RecordingMode, func: Any, args: Any, kwargs: dict[str, Any], frame: FrameType) -> Any:
    """
    Record an op on such tensors as one, and return its result.

    Raises
    ------
    Exception
        The op's own, if neither the class nor a plain tensor accepts the operands.
    """
    kind = KINDS.get(func)
    kind = classify(func) if kind is None else kind
    if kind != OP:
        with DisableTorchFunction():
            return func(*args, **kwargs) if kind == ASK else mode._special(kind, func, args, kwargs, frame)
    with DisableTorchFunction():
        op = mode.trace.new_op(func, locate(frame))
        op.args, op.kwargs = args, kwargs
        op.origins = [mode.origin_of(tensor) for tensor in tensors_in((args, kwargs))]
    return finish_opaque(mode, op, args, kwargs)


def finish_opaque(mode: RecordingMode, op: OpRecord, args: Any, kwargs: dict[str, Any]) -> Any:
    """
    Compute the result of an op on such tensors.

    Raises
    ------
    Exception
        The op's own, if neither the class nor a plain tensor accepts the operands.
    """
    func, trace = op.func, mode.trace
    with DisableTorchFunction():
        operands = tensors_in((args, kwargs))
        plain, flops, error = _as_plain(mode, func, args, kwargs)
    result, raised = _by_class(mode, func, args, kwargs, flops)
    with DisableTorchFunction():
        if result is NotImplemented:
            if plain is NotImplemented:
                op.error = raised or error
                assert op.error is not None
                raise op.error
            result = plain
        found, expected = tensors_in(result), tensors_in(plain)
        op.flops = flops if [x.shape for x in found] == [x.shape for x in expected] else None
        if any(id(tensor) in trace.origins for tensor in found):
            result = map_tensors(lambda tensor: _other(mode, tensor), result)
        for index, tensor in enumerate(trace.register_all(op, result)):
            if not is_plain(tensor):
                _note_parts(mode, op, index, tensor)
        op.remembered = Remembered(-1, None, op.flops, _text(func, args, kwargs, operands))
    return result


def _note_parts(mode: RecordingMode, op: OpRecord, output: int, wrapper: Tensor) -> None:
    """Let ops on a wrapper that an op has made find it, and those on what it holds."""
    trace = mode.trace
    if inner_tensors(wrapper):
        trace.origins[id(wrapper)] = op.index, output, None
    for leaf in leaves(wrapper):
        if leaf is not wrapper and id(leaf) not in trace.origins:
            trace.origins[id(leaf)] = op.index, output, SIGNATURES.token(leaf) if leaf.is_meta else None
            trace.kept.append(leaf)


def _other(mode: RecordingMode, tensor: Tensor) -> Tensor:
    """Return another tensor for an operand that an op returns."""
    return tensor.view_as(tensor) if id(tensor) in mode.trace.origins and is_plain(tensor) else tensor


def _text(func: Any, args: Any, kwargs: dict[str, Any], operands: list[Tensor]) -> str:
    """Return the arguments as text, with the scheme of the operand that stands for others."""
    parts = [argument_text(func, args, kwargs)]
    for tensor in operands:
        if is_packed(tensor):
            main = max(leaves(tensor), key=lambda leaf: leaf.numel() * leaf.dtype.itemsize)
            parts.append(f"scheme={scheme_of([tensor], main, tensor.numel())!r}")
    return ", ".join(part for part in dict.fromkeys(parts) if part)


def _as_plain(mode: RecordingMode, func: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, int | None, Any]:
    """Return result and FLOPs for plain tensors of the operands' shapes and types, and the error that this raises."""
    plain_args, plain_kwargs = map_tensors(lambda tensor: _plain(mode, tensor), (args, kwargs))
    try:
        inplace = is_inplace_call(func, plain_args, plain_kwargs)
        result, flops, _ = mode.kernels.evaluate(func, plain_args, plain_kwargs, inplace)
    except Exception as error:  # noqa: BLE001 - raised by the caller, unless the class accepts the operands
        return NotImplemented, None, error
    return result, flops, None


def _plain(mode: RecordingMode, tensor: Tensor) -> Tensor:
    return mode.operands.replace(tensor, all_meta=True) if is_plain(tensor) else meta_like(tensor)


def _by_class(
    mode: RecordingMode, func: Any, args: Any, kwargs: dict[str, Any], flops: int | None
) -> tuple[Any, Exception | None]:
    """Let the class compute the result, on copies with meta tensors or for real; ``NotImplemented`` if it does not."""

    def copied(tensor: Tensor) -> Any:
        with DisableTorchFunction():
            return _plain(mode, tensor) if is_plain(tensor) else as_meta(tensor)

    operands = tensors_in((args, kwargs))
    own = [tensor for tensor in operands if not is_plain(tensor)]
    if any(not is_plain(tensor) for tensor in operands):
        with contextlib.suppress(Exception):  # the class's own code, which may not know the meta device
            meta_args, meta_kwargs = map_tensors(copied, (args, kwargs))
            if len(tensors_in((meta_args, meta_kwargs))) == len(operands):
                result = func(*meta_args, **meta_kwargs)
                with DisableTorchFunction():
                    if tensors_in(result) and all(tensor.is_meta for tensor in tensors_in(result)):
                        return result, None
    with DisableTorchFunction():
        dear = (flops or 0) > _FLOPS_AT_MOST or sum(tensor.numel() for tensor in operands) > _ELEMENTS_AT_MOST
        if dear or any(leaf.device.type != "cpu" for tensor in own for leaf in leaves(tensor)):
            return NotImplemented, None
        real_args, real_kwargs = map_tensors(
            lambda tensor: mode.operands.stand_in(tensor) if is_plain(tensor) else tensor, (args, kwargs)
        )
        unknown = any(tensor.is_meta for tensor in tensors_in((real_args, real_kwargs)) if is_plain(tensor))
    try:
        if unknown:
            return on_zeros(func, real_args, real_kwargs), None
        return func(*args, **kwargs), None
    except Exception as error:  # noqa: BLE001 - raised by the caller, unless plain tensors are accepted
        return NotImplemented, error
