"""Shape rules and FLOPs for matrix products, convolution, attention and recurrence."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from idlmav.capture.shapes.rules.registry import (
    Answer,
    Rule,
    RuleError,
    are_tensors,
    broadcast,
    contiguous,
    in_format_of,
    is_dense,
    numel,
    rule,
)

__all__: list[str] = []

_TYPE_NAMES = {
    torch.float32: "float",
    torch.float64: "double",
    torch.float16: "c10::Half",
    torch.bfloat16: "c10::BFloat16",
}


@rule(F.linear)
def linear(input: Any, weight: Any, bias: Any = None) -> Answer:
    """Replace the last size by the weight's first."""
    if weight.dim() != 2 or input.dim() < 2 or input.shape[-1] != weight.shape[1] or input.dtype is not weight.dtype:
        return None
    if not input.dtype.is_floating_point:
        return None
    if bias is not None and (tuple(bias.shape) != (weight.shape[0],) or bias.dtype is not input.dtype):
        return None
    return contiguous((*input.shape[:-1], weight.shape[0]), input.dtype), 2 * input.numel() * weight.shape[0]


@rule(torch.matmul, Tensor.matmul, Tensor.__matmul__)
def matmul(left: Any, right: Any, *, out: Any = None) -> Answer:
    """Broadcast the batch, multiply the last two sizes."""
    if out is not None or not are_tensors(left, right) or left.dtype is not right.dtype:
        return None
    if left.dim() < 2 or right.dim() not in (2, left.dim()) or left.shape[-1] != right.shape[-2]:
        return None
    batch = broadcast([left.shape[:-2], right.shape[:-2]])
    if batch is None or not left.dtype.is_floating_point:
        return None
    shape = (*batch, left.shape[-2], right.shape[-1])
    return contiguous(shape, left.dtype), 2 * numel(shape) * left.shape[-1]


rule(Tensor.__rmatmul__)(lambda left, right: matmul(right, left))


@rule(torch.mm, Tensor.mm)
def mm(left: Any, right: Any, *, out: Any = None) -> Answer:
    """Multiply two matrices."""
    return matmul(left, right, out=out) if left.dim() == right.dim() == 2 else None


@rule(torch.bmm, Tensor.bmm)
def bmm(left: Any, right: Any, *, out: Any = None) -> Answer:
    """Multiply equally many matrices."""
    return matmul(left, right, out=out) if left.dim() == right.dim() == 3 and left.shape[0] == right.shape[0] else None


@rule(torch.addmm, Tensor.addmm)
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Answer:
    """Multiply two matrices and add a third that broadcasts."""
    if out is not None or mat1.dim() != 2 or mat2.dim() != 2 or mat1.shape[1] != mat2.shape[0]:
        return None
    if not mat1.dtype is mat2.dtype is input.dtype or mat1.dtype.is_complex:
        return None
    shape = (mat1.shape[0], mat2.shape[1])
    if input.dim() > 2 or broadcast([input.shape, shape]) != shape:
        return None
    return contiguous(shape, mat1.dtype), 2 * mat1.numel() * mat2.shape[1]


def _per_dimension(value: Any, dims: int) -> tuple[int, ...] | None:
    values = (value,) * dims if type(value) is int else tuple(value) if isinstance(value, (tuple, list)) else ()
    values = values * dims if len(values) == 1 else values
    return values if len(values) == dims and all(type(v) is int for v in values) else None


def window_sizes(
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[int, ...]:
    """Return how many places a window has along each dimension."""
    return tuple(
        (size + 2 * pad - dil * (width - 1) - 1) // step + 1
        for size, width, step, pad, dil in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )


def _check_types(input: Tensor, weight: Tensor, bias: Tensor | None, dims: int) -> None:
    """Raise as a real convolution does, in its own words; the meta kernel accepts any mix of types."""
    if input.dim() != dims + 2 or weight.dim() != dims + 2:
        return
    other = bias if bias is not None and bias.dtype is not input.dtype else weight
    if other.dtype is not input.dtype:
        kind = "weight" if other is weight else "bias"
        left, right = (_TYPE_NAMES.get(x.dtype, str(x.dtype).removeprefix("torch.")) for x in (input, other))
        raise RuleError(f"Input type ({left}) and {kind} type ({right}) should be the same")


def _convolution(dims: int) -> Rule:
    def convolution(
        input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
    ) -> Answer:
        """Slide the weight over the input."""
        settings = [_per_dimension(value, dims) for value in (stride, padding, dilation)]
        _check_types(input, weight, bias, dims)
        if input.dim() != dims + 2 or weight.dim() != dims + 2 or None in settings:
            return None
        if groups < 1 or input.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
            return None
        if not is_dense(input) or not weight.is_contiguous() or not input.dtype.is_floating_point:
            return None
        if (bias is not None and tuple(bias.shape) != (weight.shape[0],)) or weight.dtype is not input.dtype:
            return None
        places = window_sizes(input.shape[2:], weight.shape[2:], *settings)  # type: ignore[arg-type]
        if min(places) <= 0 or input.shape[0] == 0:
            return None
        shape = (input.shape[0], weight.shape[0], *places)
        return in_format_of(input, shape), 2 * numel(places) * input.shape[0] * weight.numel()

    return convolution


def _transposed(dims: int) -> Rule:
    def transposed(
        input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
        dilation: Any = 1,
    ) -> Answer:  # fmt: skip
        """Spread the input by the weight."""
        settings = [_per_dimension(value, dims) for value in (stride, padding, output_padding, dilation)]
        _check_types(input, weight, None, dims)
        if input.dim() != dims + 2 or weight.dim() != dims + 2 or None in settings or input.shape[1] != weight.shape[0]:
            return None
        if not input.is_contiguous() or not weight.is_contiguous() or groups != 1 or not input.dtype.is_floating_point:
            return None
        if (
            bias is not None and (tuple(bias.shape) != (weight.shape[1],) or bias.dtype is not input.dtype)
        ) or weight.dtype is not input.dtype:
            return None
        step, pad, extra, dil = settings
        if any(e >= max(s, d) for e, s, d in zip(extra, step, dil, strict=True)):  # type: ignore[arg-type]
            return None
        places = tuple(
            (size - 1) * s - 2 * p + d * (width - 1) + e + 1
            for size, width, s, p, e, d in zip(input.shape[2:], weight.shape[2:], step, pad, extra, dil, strict=True)  # type: ignore[arg-type]
        )
        if min(places) <= 0 or input.shape[0] == 0:
            return None
        flops = 2 * numel(input.shape[2:]) * input.shape[0] * weight.numel()
        return contiguous((input.shape[0], weight.shape[1], *places), input.dtype), flops

    return transposed


for _dims in (1, 2, 3):
    rule(getattr(torch, f"conv{_dims}d"))(_convolution(_dims))
    rule(getattr(torch, f"conv_transpose{_dims}d"))(_transposed(_dims))


@rule(F.embedding)
def embedding(
    input: Any, weight: Any, padding_idx: Any = None, max_norm: Any = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Answer:  # fmt: skip
    """Append the width of the table."""
    if weight.dim() != 2 or input.dtype not in (torch.int64, torch.int32) or max_norm is not None:
        return None
    if padding_idx is not None and not -weight.shape[0] <= padding_idx < weight.shape[0]:
        return None
    return contiguous((*input.shape, weight.shape[1]), weight.dtype), None
