"""Rung 4: what neither the memo nor a shape rule knows is asked of torch's own kernels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from idlmav.capture.record.classify import function_name, is_inplace_call, op_name
from idlmav.capture.record.operands import carrier_like, tensors_in
from idlmav.capture.record.trace import META
from idlmav.capture.shapes.rules import RULES
from idlmav.capture.shapes.torch_flops import FlopMode
from idlmav.metrics.catalogue import ops_with

__all__ = ["MOVE_TO_DEVICE", "Kernels", "on_device", "on_zeros"]

MOVE_TO_DEVICE = ops_with("moves_to_device")
_NEED_ONE_DTYPE = ops_with("needs_one_dtype")
_POINTWISE_IN_PLACE = ops_with("pointwise_in_place")
_ZEROS_AT_MOST = 1 << 24


def on_device(func: Any, args: Any, kwargs: dict[str, Any], device: torch.device) -> tuple[Any, dict[str, Any]]:
    """Return the arguments with every target device replaced: carriers stay where they are."""
    if kwargs.get("device") is not None:
        kwargs = {**kwargs, "device": device}
    if function_name(func) == "to" and len(args) > 1:
        target = args[1]
        if isinstance(target, (str, torch.device, int)) and not isinstance(target, bool):
            args = [args[0], device, *args[2:]]
        elif isinstance(target, Tensor) and target.device != device:
            args = [args[0], target.dtype, *args[2:]]
    return args, kwargs


def _tree_map(function: Any, value: Any) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, (list, tuple)):
        items = [_tree_map(function, item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: _tree_map(function, item) for key, item in value.items()}
    return value


def on_zeros(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """
    Run the real op on zeros of the same shapes: for ops without a kernel on the meta device, and for true messages.

    Returns
    -------
    object
        Carriers like the result; ``NotImplemented`` if that would be too large.

    Raises
    ------
    Exception
        What the op raises.
    """
    if sum(tensor.numel() for tensor in tensors_in((args, kwargs))) > _ZEROS_AT_MOST:
        return NotImplemented
    inplace = is_inplace_call(func, args, kwargs)

    made: dict[int, Tensor] = {}  # an op may ask whether two operands are the same

    def zeros(tensor: Tensor) -> Tensor:
        if not tensor.is_meta:
            return tensor.clone() if inplace else tensor
        if id(tensor) not in made:
            made[id(tensor)] = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype).zero_()
        return made[id(tensor)]

    real_args, real_kwargs = _tree_map(zeros, list(args)), _tree_map(zeros, dict(kwargs))
    result = func(*real_args, **real_kwargs)
    return _tree_map(carrier_like, result)


def check_types(func: Any, args: Any, kwargs: dict[str, Any]) -> None:
    """
    Raise what an op raises that gets floats of several types and does not promote them.

    Kernels on the meta device do not look: double into a float convolution passes there.
    """
    found = {tensor.dtype for tensor in tensors_in((args, kwargs)) if tensor.is_floating_point()}
    if len(found) > 1 and not is_inplace_call(func, args, kwargs):
        result = on_zeros(func, args, kwargs)
        if result is NotImplemented and op_name(func) in _NEED_ONE_DTYPE:
            raise RuntimeError(f"expected operands of one type, but got {' and '.join(sorted(map(str, found)))}")


def true_error(func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> Exception:
    """
    Return what an op that is too large for `on_zeros`, and raised on carriers, says for real.

    It gets one zero expanded to each operand's sizes: what refuses its sizes or types does so before it computes.
    """
    if isinstance(error, NotImplementedError) or op_name(func) not in _NEED_ONE_DTYPE:
        return error

    def expanded(tensor: Tensor) -> Tensor:
        return torch.zeros((), dtype=tensor.dtype).expand(tensor.shape) if tensor.is_meta else tensor

    try:
        func(*_tree_map(expanded, list(args)), **_tree_map(expanded, dict(kwargs)))
    except Exception as real:  # noqa: BLE001 - handed to who records it
        return real
    return error


class Kernels:
    """Computes what an op returns, on carriers."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.flop_mode = FlopMode()
        self._fake: Any = None

    def evaluate(self, func: Any, args: Any, kwargs: dict[str, Any], inplace: bool) -> tuple[Any, int | None, bool]:
        """
        Return the result, its FLOPs and whether it surely shares no memory with an operand.

        Raises
        ------
        Exception
            What the op raises with these operands.
        """
        autocast = torch.is_autocast_enabled(self.device.type)
        if not autocast:
            check_types(func, args, kwargs)
        shape_rule = None if autocast or inplace else RULES.get(func)
        if shape_rule is not None:
            try:
                answer = shape_rule(*args, **kwargs)
            except (TypeError, AttributeError, IndexError, ValueError):
                answer = None  # the rule does not understand the call: the kernel decides whether it is wrong
            if answer is not None:
                return *answer, not args or answer[0] is not args[0]
        if function_name(func) in MOVE_TO_DEVICE:
            return args[0], None, False
        args, kwargs = on_device(func, args, kwargs, META)
        if autocast and not inplace:
            return *self._on_fake(func, args, kwargs), False
        if inplace and args and _surely_fits(func, args, kwargs):
            return args[0], None, False
        return *self.flop_mode.count(func, args, kwargs), False

    def _on_fake(self, func: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, int | None]:
        """Under autocast: kernels on the meta device ignore it, those of FakeTensor do not."""
        from torch._subclasses.fake_tensor import FakeTensorMode

        self._fake = self._fake or FakeTensorMode()
        with self._fake:
            found: dict[int, Tensor] = {}

            def fake(tensor: Tensor) -> Tensor:
                copy = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=self.device)
                found[id(copy)] = tensor
                return copy if tensor.is_meta else tensor

            fake_args, fake_kwargs = _tree_map(fake, list(args)), _tree_map(fake, kwargs)
            result, flops = self.flop_mode.count(func, fake_args, fake_kwargs)
            operands = {id(tensor) for tensor in tensors_in((fake_args, fake_kwargs))}
        if isinstance(result, Tensor) and (id(result) in operands or result._is_view()):
            # Views and identities keep their storage when they run on the carriers themselves.
            return func(*args, **kwargs), flops
        return _tree_map(carrier_like, result), flops


def _surely_fits(func: Any, args: Any, kwargs: dict[str, Any]) -> bool:
    """Return whether a pointwise op in place is legal without asking the kernel: a number, or an equal tensor."""
    target, others = args[0], [*args[1:], *kwargs.values()]
    if (
        op_name(func) not in _POINTWISE_IN_PLACE
        or kwargs.get("out") is not None
        or not isinstance(target, Tensor)
        or not target.is_floating_point()
    ):
        return False
    if any(
        isinstance(other, Tensor) and (other.shape != target.shape or other.dtype is not target.dtype)
        for other in others
    ):
        return False
    return all(isinstance(other, (Tensor, int, float, bool)) for other in others)
