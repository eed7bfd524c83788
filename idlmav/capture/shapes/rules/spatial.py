"""Shape rules for pooling, resizing, joining and indexing."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from idlmav.capture.shapes.rules.dense import _per_dimension, window_sizes
from idlmav.capture.shapes.rules.registry import Answer, Rule, contiguous, in_format_of, is_dense, like, rule

__all__: list[str] = []


def _pool(input: Tensor, dims: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> Answer:
    kernel = _per_dimension(kernel_size, dims)
    step = kernel if stride is None or stride in ((), []) else _per_dimension(stride, dims)
    pad, dil = _per_dimension(padding, dims), _per_dimension(dilation, dims)
    if kernel is None or step is None or pad is None or dil is None or input.dim() != dims + 2:
        return None
    if not input.is_contiguous() or not input.dtype.is_floating_point or input.numel() == 0:
        return None
    if any(2 * p > k for p, k in zip(pad, kernel, strict=True)) or min(step) < 1 or min(dil) < 1:
        return None
    places = window_sizes(input.shape[2:], kernel, step, pad, dil)
    return (contiguous((*input.shape[:2], *places), input.dtype), None) if min(places) > 0 else None


def _max_pool(dims: int) -> Rule:
    def max_pool(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Answer:  # fmt: skip
        """One value per place of the window."""
        return None if ceil_mode or return_indices else _pool(input, dims, kernel_size, stride, padding, dilation)

    return max_pool


def _avg_pool(dims: int) -> Rule:
    def avg_pool(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: Any = None,
    ) -> Answer:  # fmt: skip
        """One value per place of the window."""
        return None if ceil_mode else _pool(input, dims, kernel_size, stride, padding)

    return avg_pool


def _adaptive(dims: int) -> Rule:
    def adaptive(input: Any, output_size: Any) -> Answer:
        """Replace the last sizes by those that are given."""
        wanted = (output_size,) * dims if type(output_size) is int else tuple(output_size)
        if input.dim() not in (dims + 1, dims + 2) or not input.dtype.is_floating_point:
            return None
        if not (input.is_contiguous() or (dims == 2 and is_dense(input))):
            return None
        if len(wanted) != dims or any(size is not None and (type(size) is not int or size < 0) for size in wanted):
            return None
        ends = [own if size is None else size for own, size in zip(input.shape[-dims:], wanted, strict=True)]
        return (in_format_of(input, (*input.shape[:-dims], *ends)), None) if input.numel() else None

    return adaptive


for _dims in (1, 2, 3):
    rule(getattr(F, f"max_pool{_dims}d"))(_max_pool(_dims))
    rule(getattr(F, f"avg_pool{_dims}d"))(_avg_pool(_dims))
    rule(getattr(F, f"adaptive_avg_pool{_dims}d"))(_adaptive(_dims))


@rule(torch.cat, torch.concat, torch.concatenate)
def cat(tensors: Any, dim: Any = 0, *, out: Any = None) -> Answer:
    """Add up the sizes along one dimension."""
    if out is not None or type(dim) is not int or not isinstance(tensors, (list, tuple)) or not tensors:
        return None
    first = tensors[0]
    rank = first.dim()
    if not -rank <= dim < rank or any(x.dtype is not first.dtype or x.dim() != rank for x in tensors):
        return None
    if rank in (4, 5) and not all(x.is_contiguous() for x in tensors):
        return None  # may keep another memory format
    axis, shape = dim % rank, list(first.shape)
    if any(x.shape[:axis] != first.shape[:axis] or x.shape[axis + 1 :] != first.shape[axis + 1 :] for x in tensors):
        return None
    shape[axis] = sum(x.shape[axis] for x in tensors)
    return contiguous(shape, first.dtype), None


@rule(torch.stack)
def stack(tensors: Any, dim: Any = 0, *, out: Any = None) -> Answer:
    """Insert a dimension as long as the list."""
    if out is not None or type(dim) is not int or not isinstance(tensors, (list, tuple)) or not tensors:
        return None
    first = tensors[0]
    rank = first.dim() + 1
    if not -rank <= dim < rank or any(x.dtype is not first.dtype or x.shape != first.shape for x in tensors):
        return None
    if not all(x.is_contiguous() for x in tensors):
        return None
    shape = list(first.shape)
    shape.insert(dim % rank, len(tensors))
    return contiguous(shape, first.dtype), None


@rule(Tensor.__getitem__)
def getitem(input: Any, index: Any) -> Answer:
    """Look up rows by one tensor of whole numbers; all other indexing goes to the kernel."""
    if not isinstance(index, Tensor) or index.dtype is not torch.int64 or index.dim() == 0 or input.dim() == 0:
        return None
    return (contiguous((*index.shape, *input.shape[1:]), input.dtype), None) if input.is_contiguous() else None


@rule(torch.roll, Tensor.roll)
def roll(input: Any, shifts: Any, dims: Any = None) -> Answer:
    """Keep the shape; contiguous if it is not dense."""
    sizes, axes = ((value,) if type(value) is int else value for value in (shifts, dims))
    if axes is None or len(sizes) != len(axes) or any(not -input.dim() <= axis < input.dim() for axis in axes):
        return None
    return like(input) if is_dense(input) else contiguous(input.shape, input.dtype), None
