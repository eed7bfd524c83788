"""Results of ops from torch's own kernels, where neither the memo nor a shape rule knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from idlmav.capture.record.classify import function_name, is_inplace_call, op_name
from idlmav.capture.record.operands import meta_like
from idlmav.capture.record.trace import META
from idlmav.capture.record.values import map_tensors, tensors_in
from idlmav.capture.shapes.product_flops import is_sparse
from idlmav.capture.shapes.rules import RULES
from idlmav.capture.shapes.torch_flops import FlopMode
from idlmav.capture.torch_private import fake_mode, is_view
from idlmav.metrics.catalogue import ops_with

__all__ = ["MOVE_TO_DEVICE", "Kernels", "on_device", "on_zeros"]

MOVE_TO_DEVICE = ops_with("moves_to_device")
_NEED_ONE_DTYPE = ops_with("needs_one_dtype")
_POINTWISE_IN_PLACE = ops_with("pointwise_in_place")
_ZEROS_AT_MOST = 1 << 24


def on_device(func: Any, args: Any, kwargs: dict[str, Any], device: torch.device) -> tuple[Any, dict[str, Any]]:
    """Return the arguments with another device in place of each one that they name."""
    if kwargs.get("device") is not None:
        kwargs = {**kwargs, "device": device}
    if function_name(func) == "to" and len(args) > 1:
        target = args[1]
        if isinstance(target, (str, torch.device, int)) and not isinstance(target, bool):
            args = [args[0], device, *args[2:]]
        elif isinstance(target, Tensor) and target.device != device:
            args = [args[0], target.dtype, *args[2:]]
    return args, kwargs


def _as_is(tensor: Tensor) -> Tensor:
    """Leave a tensor at the end of a slice: a position, which no zero can stand for."""
    return tensor


def on_zeros(func: Any, args: Any, kwargs: dict[str, Any], known: Mapping[int, Tensor] | None = None) -> Any:
    """
    Run an op on zeros of the operands' shapes: for ops without a meta kernel, and for torch's own message.

    Boxes are all the same, and not empty: of thousands of empty ones an op that looks for overlaps drops none, and
    compares each with each.

    Parameters
    ----------
    func, args, kwargs
        The call.
    known : mapping of int to Tensor, optional
        By ``id`` of an operand, its true value, which takes the place of zeros.

    Returns
    -------
    object
        The result as meta tensors; ``NotImplemented`` if the operands are too large.

    Raises
    ------
    Exception
        The op's own error.
    """
    if sum(tensor.numel() for tensor in tensors_in((args, kwargs))) > _ZEROS_AT_MOST:
        return NotImplemented
    inplace = is_inplace_call(func, args, kwargs)

    made: dict[int, Tensor] = {}  # an op may ask whether two operands are the same

    def zeros(tensor: Tensor) -> Tensor:
        if not tensor.is_meta:
            return tensor.clone() if inplace else tensor
        if known and id(tensor) in known:
            return known[id(tensor)].clone()
        if id(tensor) not in made:
            zero = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype).zero_()
            made[id(tensor)] = zero.copy_(torch.arange(zero.shape[1])) if _may_be_boxes(zero) else zero
        return made[id(tensor)]

    real_args, real_kwargs = map_tensors(zeros, (args, kwargs), _as_is)
    result = func(*real_args, **real_kwargs)
    return map_tensors(meta_like, result)


def _may_be_boxes(tensor: Tensor) -> bool:
    return tensor.dim() == 2 and 4 <= tensor.shape[1] <= 9 and tensor.is_floating_point()


def check_types(func: Any, args: Any, kwargs: dict[str, Any]) -> None:
    """
    Raise the error of an op that gets floats of several types and does not promote them.

    Kernels on the meta device do not check types.
    """
    found = {tensor.dtype for tensor in tensors_in((args, kwargs)) if tensor.is_floating_point()}
    if len(found) > 1 and not is_inplace_call(func, args, kwargs):
        result = on_zeros(func, args, kwargs)
        if result is NotImplemented and op_name(func) in _NEED_ONE_DTYPE:
            raise RuntimeError(f"expected operands of one type, but got {' and '.join(sorted(map(str, found)))}")


def true_error(func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> Exception:
    """
    Return the true error of an op that raised on meta tensors and is too large for `on_zeros`.

    It runs on one zero expanded to each operand's sizes: ops check sizes and types before they compute.
    """
    if isinstance(error, NotImplementedError) or op_name(func) not in _NEED_ONE_DTYPE:
        return error

    def expanded(tensor: Tensor) -> Tensor:
        return torch.zeros((), dtype=tensor.dtype).expand(tensor.shape) if tensor.is_meta else tensor

    try:
        args, kwargs = map_tensors(expanded, (args, kwargs), _as_is)
        func(*args, **kwargs)
    except Exception as real:  # noqa: BLE001 - recorded by the caller
        return real
    return error


class Kernels:
    """Computes the results of ops, as meta tensors."""

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
            The op's own error.
        """
        autocast = torch.is_autocast_enabled(self.device.type)
        if not autocast:
            check_types(func, args, kwargs)
        # Rules know strided tensors only.
        shape_rule = None if autocast or inplace or is_sparse(tensors_in(args)) else RULES.get(func)
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
        """Run an op under autocast, which kernels ignore on the meta device, and follow with FakeTensor."""
        self._fake = self._fake or fake_mode()
        if self._fake is None:
            return self.flop_mode.count(func, args, kwargs)
        with self._fake:
            found: dict[int, Tensor] = {}

            def fake(tensor: Tensor) -> Tensor:
                copy = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=self.device)
                found[id(copy)] = tensor
                return copy if tensor.is_meta else tensor

            fake_args, fake_kwargs = map_tensors(fake, (args, kwargs), _as_is)
            result, flops = self.flop_mode.count(func, fake_args, fake_kwargs)
            operands = {id(tensor) for tensor in tensors_in((fake_args, fake_kwargs))}
        if isinstance(result, Tensor) and (id(result) in operands or is_view(result)):
            # Views and identities keep their storage when they run on the meta tensors themselves.
            return func(*args, **kwargs), flops
        return map_tensors(meta_like, result), flops


def _surely_fits(func: Any, args: Any, kwargs: dict[str, Any]) -> bool:
    """Return whether a pointwise in-place op is surely legal: with a number, or a tensor of the same shape."""
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
