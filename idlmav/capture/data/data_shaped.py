"""Ops whose output size depends on values: the true size if these are known, else a small one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from idlmav.capture.record.classify import op_name
from idlmav.capture.record.trace import META
from idlmav.capture.record.values import map_tensors, tensors_in
from idlmav.capture.shapes.rules.registry import contiguous
from idlmav.metrics.catalogue import ops_with

__all__ = ["guessed", "with_guessed_numbers", "with_real_operands"]

_MASKS = (torch.bool, torch.uint8)
_TAKE_SIZES = ops_with("takes_sizes")
"""Ops whose arguments after the first are sizes, positions and counts, which tensors may hold."""


def guessed(func: Any, args: Any, kwargs: dict[str, Any], at_most: int | None) -> Any:
    """
    Return meta tensors of a guessed size; ``None`` for an op whose size depends on no value.

    The size is the largest that the op can return, but no more than `at_most`.
    """
    if not args:
        return None

    def count(x: Tensor) -> int:
        return x.numel() if at_most is None else min(x.numel(), at_most)

    name = op_name(func)
    if name in ("nonzero", "argwhere") or (name == "where" and len(args) == 1):
        x = args[0]
        if name == "where" or kwargs.get("as_tuple"):
            return tuple(contiguous((count(x),), torch.int64) for _ in range(max(x.dim(), 1)))
        return contiguous((count(x), x.dim()), torch.int64)
    if name == "masked_select":
        return contiguous((count(args[0]),), args[0].dtype)
    if name == "unique" and len(args) == 1 and kwargs.get("dim") is None:
        x = args[0]
        found = [contiguous((count(x),), x.dtype)]
        found += [contiguous(x.shape, torch.int64)] if kwargs.get("return_inverse") else []
        found += [contiguous((count(x),), torch.int64)] if kwargs.get("return_counts") else []
        return found[0] if len(found) == 1 else tuple(found)
    if name == "getitem" and _has_mask(args[1]):
        index: list[Any] = []
        for part in args[1] if isinstance(args[1], tuple) else (args[1],):
            masks = isinstance(part, Tensor) and part.dtype in _MASKS
            index += [contiguous((count(part),), torch.int64) for _ in range(part.dim())] if masks else [part]
        return args[0][tuple(index)]
    return None


def _has_mask(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, Tensor) and part.dtype in _MASKS for part in parts)


def with_real_operands(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Return the result of an op on a meta tensor whose size real operands decide; ``None`` for other ops."""
    if not args or not isinstance(args[0], Tensor):
        return None
    name = op_name(func)
    if name in _TAKE_SIZES and args[0].is_meta and tensors_in((args[1:], kwargs)):
        numbers, named = _numbers((args[1:], kwargs))
        return func(args[0], *numbers, **named)
    if name == "getitem" and args[0].is_meta:
        parts = args[1] if isinstance(args[1], tuple) else (args[1],)
        if _has_mask(args[1]) and all(not part.is_meta for part in parts if isinstance(part, Tensor)):
            index: list[Any] = []
            for part in parts:
                if isinstance(part, Tensor) and part.dtype in _MASKS:
                    index += [found.to(META) for found in part.nonzero(as_tuple=True)]
                else:
                    index.append(part.to(META) if isinstance(part, Tensor) else part)
            return args[0][tuple(index)]
    if name == "repeat_interleave" and args[0].is_meta and len(args) > 1 and isinstance(args[1], Tensor):
        return _repeat_interleave(args[0], args[1], args[2] if len(args) > 2 else kwargs.get("dim"))
    if name == "pack_padded_sequence" and args[0].is_meta:
        return _pack(*args[:3])
    if name == "pad_packed_sequence" and args[0].is_meta and not args[1].is_meta:
        return _unpack(*args[:5])
    return None


def with_guessed_numbers(args: Any) -> Any:
    """Return arguments with guessed numbers in place of meta tensors that hold one; ``None`` if none does."""

    def replaced(tensor: Tensor, number: int | None) -> Any:
        return number if tensor.is_meta and tensor.dim() == 0 and _is_whole(tensor) else tensor

    first, rest = args[:1], tuple(args[1:])
    known = map_tensors(lambda tensor: replaced(tensor, 1), rest, ends=lambda tensor: replaced(tensor, None))
    return (*first, *known) if len(tensors_in(known)) < len(tensors_in(rest)) else None


def _is_whole(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() and not tensor.is_complex()


def _numbers(value: Any) -> Any:
    """Return a nested value with numbers in place of the real tensors that hold one."""

    def number(tensor: Tensor) -> Any:
        return tensor.item() if tensor.dim() == 0 and not tensor.is_meta and _is_whole(tensor) else tensor

    return map_tensors(number, value)


def _repeat_interleave(x: Tensor, repeats: Tensor, dim: int | None) -> Tensor | None:
    if repeats.is_meta:
        return None
    copies = x.numel() if dim is None else x.shape[dim]
    total = int(repeats.sum()) if repeats.numel() > 1 else int(repeats) * copies
    axis = 0 if dim is None else dim % x.dim()
    shape = [total if d == axis else size for d, size in enumerate((1,) if dim is None else x.shape)]
    return contiguous(shape, x.dtype)


def _pack(x: Tensor, lengths: Tensor, batch_first: bool) -> tuple[Tensor, Tensor] | None:
    steps, batch = (x.shape[1], x.shape[0]) if batch_first else (x.shape[0], x.shape[1])
    if lengths.is_meta or tuple(lengths.shape) != (batch,) or int(lengths.min()) <= 0 or int(lengths.max()) > steps:
        return None
    sizes = torch.tensor([int((lengths > step).sum()) for step in range(int(lengths.max()))])
    return contiguous((int(lengths.sum()), *x.shape[2:]), x.dtype), sizes


def _unpack(data: Tensor, sizes: Tensor, batch_first: bool, padding: float, total: int) -> tuple[Tensor, Tensor]:
    batch, steps = int(sizes[0]), total if total and total > 0 else len(sizes)
    lengths = torch.tensor([int((sizes > row).sum()) for row in range(batch)])
    shape = (batch, steps) if batch_first else (steps, batch)
    return contiguous((*shape, *data.shape[1:]), data.dtype), lengths
