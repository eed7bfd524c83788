"""The table of shape rules, and functions that they are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

__all__ = [
    "RULES",
    "Answer",
    "Rule",
    "RuleError",
    "are_tensors",
    "broadcast",
    "contiguous",
    "elementwise",
    "in_format_of",
    "is_dense",
    "like",
    "numel",
    "rule",
]

Answer = tuple[Any, int | None] | None
"""The result of a call as meta tensors, and its FLOPs if torch has a formula. ``None``: ask the kernel."""
Rule = Callable[..., Answer]
RULES: dict[Any, Rule] = {}
META = torch.device("meta")


class RuleError(RuntimeError):
    """An error that torch raises where kernels on the meta device do not."""


def rule(*functions: Any) -> Callable[[Rule], Rule]:
    """
    Register a shape rule for torch functions.

    A rule answers only where it is sure and leaves the rest to the kernel. It is tested against the kernel.
    """

    def register(answer: Rule) -> Rule:
        for function in functions:
            if function is None:
                continue
            if function in RULES:
                raise ValueError(f"{function} has two shape rules; keep one.")
            RULES[function] = answer
        return answer

    return register


@lru_cache(maxsize=1 << 14)
def _contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def contiguous(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Make a contiguous meta tensor."""
    sizes = tuple(shape)
    return torch.empty_strided(sizes, _contiguous_strides(sizes), dtype=dtype, device=META)


def like(tensor: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Make a meta tensor with the sizes and strides of a tensor."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=dtype or tensor.dtype, device=META)


def in_format_of(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    """Make a meta tensor of another shape in the memory format of a dense tensor."""
    if tensor.is_contiguous():
        return contiguous(shape, tensor.dtype)
    return torch.empty(tuple(shape), dtype=tensor.dtype, device=META, memory_format=torch.channels_last)


def numel(shape: Sequence[int]) -> int:
    """Return the number of elements of a shape."""
    return math.prod(shape)


def is_dense(tensor: Tensor) -> bool:
    """Return whether a tensor is contiguous in either memory format, so that its strides are kept."""
    return tensor.is_contiguous() or (tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last))


def are_tensors(*values: Any) -> bool:
    """Return whether all values are tensors."""
    return all(isinstance(value, Tensor) for value in values)


def broadcast(shapes: Sequence[Sequence[int]]) -> tuple[int, ...] | None:
    """Return the common shape, or ``None`` if there is none."""
    rank = max(len(shape) for shape in shapes)
    result = [1] * rank
    for shape in shapes:
        for position, size in enumerate(shape, rank - len(shape)):
            if size != 1:
                if result[position] not in (1, size):
                    return None
                result[position] = size
    return tuple(result)


def elementwise(tensors: Sequence[Tensor], dtype: torch.dtype) -> Tensor | None:
    """
    Make the result of a pointwise op: broadcast sizes, strides in the order of the operands' strides.

    References
    ----------
    aten/src/ATen/TensorIterator.cpp: reorder_dimensions.
    """
    first = tensors[0]
    if all(tensor.shape == first.shape and tensor.stride() == first.stride() for tensor in tensors) and is_dense(first):
        return like(first, dtype)
    shape = broadcast([tensor.shape for tensor in tensors])
    if shape is None:
        return None
    if all(tensor.is_contiguous() for tensor in tensors):
        return contiguous(shape, dtype)
    order = _physical_order(shape, [_expanded_strides(tensor, shape) for tensor in tensors])
    strides, step = [0] * len(shape), 1
    for position in order:
        strides[position] = step
        step *= max(shape[position], 1)
    return torch.empty_strided(shape, strides, dtype=dtype, device=META)


def _expanded_strides(tensor: Tensor, shape: tuple[int, ...]) -> list[int]:
    strides = [0] * len(shape)
    for position, (size, stride) in enumerate(
        zip(tensor.shape, tensor.stride(), strict=True), len(shape) - tensor.dim()
    ):
        strides[position] = 0 if size == 1 and shape[position] != 1 else stride
    return strides


def _physical_order(shape: tuple[int, ...], operands: list[list[int]]) -> list[int]:
    """Sort dimensions, innermost first, by insertion as TensorIterator does; ties keep the logical order."""

    def compare(outer: int, inner: int) -> int:
        for strides in operands:
            left, right = strides[outer], strides[inner]
            if left == 0 or right == 0:
                continue
            if left != right:
                return -1 if left < right else 1
            if shape[outer] > shape[inner]:
                return 1
        return 0

    order = list(reversed(range(len(shape))))
    for start in range(1, len(order)):
        moving = start
        for other in reversed(range(start)):
            wanted = compare(order[other], order[moving])
            if wanted > 0:
                order[other], order[moving] = order[moving], order[other]
                moving = other
            elif wanted < 0:
                break
    return order
