"""Demands of ops on their operands: ranks, sizes and types that follow from weights and the other operands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from idlmav.capture.record.classify import op_name

__all__ = ["Demand", "demands"]


@dataclass(frozen=True)
class Demand:
    """
    Rank, sizes and type that one operand has to have.

    Attributes
    ----------
    operand : Tensor
        The operand.
    ranks : tuple of int
        Numbers of dimensions that are accepted, the usual one first; empty if any.
    sizes : dict of int to int
        By dimension, counted from the end where negative.
    dtype : torch.dtype or None
        Element type.
    soft : bool
        Whether the op also accepts other sizes (broadcasting): unknown operands probably fit, but of known ones that
        disagree either may be wrong.
    keeps : bool
        Whether the op returns the operand's sizes, so that a wrong one is as doubtful in the result.
    """

    operand: Tensor
    ranks: tuple[int, ...] = ()
    sizes: dict[int, int] = field(default_factory=dict)
    dtype: torch.dtype | None = None
    soft: bool = False
    keeps: bool = False

    def mismatches(self) -> list[tuple[int, int]]:
        """Return the dimensions (not negative) of the wrong size, with the size demanded."""
        shape, rank = self.operand.shape, self.operand.dim()
        found = [(dim % rank, size) for dim, size in self.sizes.items() if -rank <= dim < rank]
        return [(dim, size) for dim, size in found if shape[dim] != size]

    def wrong_type(self) -> bool:
        """Return whether the operand has another element type."""
        return self.dtype not in (None, self.operand.dtype)

    def least_rank(self) -> int:
        """Return the number of dimensions that the demanded sizes need."""
        return max([-dim if dim < 0 else dim + 1 for dim in self.sizes], default=0)

    def fits(self) -> bool:
        """Return whether the operand is as demanded."""
        rank = self.operand.dim()
        if self.ranks and rank not in self.ranks:
            return False
        return rank >= self.least_rank() and not self.mismatches() and not self.wrong_type()


def demands(func: Any, args: Any, kwargs: dict[str, Any]) -> list[Demand]:
    """Return the demands of a call on its operands; where either of two operands may be wrong, one for each."""
    find = _DEMANDS.get(op_name(func))
    if find is None:
        return []
    try:
        found = find(*args, **kwargs)
    except (TypeError, AttributeError, IndexError, ValueError):
        return []  # an unusual call
    return [demand for demand in found if isinstance(demand.operand, Tensor)]


def _convolution(input: Tensor, weight: Tensor, *args: Any, groups: int = 1, **kwargs: Any) -> list[Demand]:
    groups = args[4] if len(args) > 4 else groups
    return _channels(input, weight, weight.shape[1] * groups)


def _channels(input: Tensor, weight: Tensor, channels: int) -> list[Demand]:
    rank = weight.dim()
    return [Demand(input, (rank, rank - 1), {0 if input.dim() == rank - 1 else 1: channels}, weight.dtype)]


def _norm(input: Tensor, *args: Any, **kwargs: Any) -> list[Demand]:
    """Channels come second: batch, instance and group norm."""
    vectors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor) and value.dim() == 1]
    if not vectors:
        return []
    dtype = vectors[-1].dtype if vectors[-1].dtype.is_floating_point else None
    ranks = () if input.dim() >= 2 else (2,)
    return [Demand(input, ranks, {1: vectors[-1].shape[0]}, dtype, keeps=True)]


def _layer_norm(input: Tensor, normalized_shape: Any, weight: Any = None, *args: Any, **kwargs: Any) -> list[Demand]:
    sizes = tuple(normalized_shape)
    dtype = weight.dtype if isinstance(weight, Tensor) else None
    trailing = {index - len(sizes): size for index, size in enumerate(sizes)}
    ranks = () if input.dim() >= len(sizes) else (len(sizes) + 1,)
    return [Demand(input, ranks, trailing, dtype, keeps=True)]


def _embedding(input: Tensor, weight: Tensor, *args: Any, **kwargs: Any) -> list[Demand]:
    whole = input.dtype in (torch.int64, torch.int32)
    return [Demand(input) if whole else Demand(input, (2,), dtype=torch.int64)]


def _matmul(left: Tensor, right: Tensor, **kwargs: Any) -> list[Demand]:
    found = []
    if right.dim() >= 1:
        size = right.shape[-2] if right.dim() >= 2 else right.shape[0]
        found.append(Demand(left, sizes={-1: size}, dtype=right.dtype, soft=True))
    if left.dim() >= 1 and right.dim() >= 1:
        found.append(Demand(right, sizes={-2 if right.dim() >= 2 else -1: left.shape[-1]}, dtype=left.dtype, soft=True))
    return found


def _bmm(left: Tensor, right: Tensor, **kwargs: Any) -> list[Demand]:
    return [
        Demand(left, (3,), {0: right.shape[0], -1: right.shape[-2]}, right.dtype, soft=True),
        Demand(right, (3,), {0: left.shape[0], -2: left.shape[-1]}, left.dtype, soft=True),
    ]


def _recurrent(input: Tensor, *args: Any, **kwargs: Any) -> list[Demand]:
    lists = [value for value in args if isinstance(value, (list, tuple)) and value and isinstance(value[0], Tensor)]
    weights = next((value for value in reversed(lists) if value[0].dim() == 2), None)
    if weights is None:
        return []
    return [Demand(input, (3, 2), {-1: weights[0].shape[1]}, weights[0].dtype)]


def _attention(query: Tensor, key: Tensor, value: Tensor, embed_dim: Any, *args: Any, **kwargs: Any) -> list[Demand]:
    weights = [weight for weight in args[1:] if isinstance(weight, Tensor) and weight.is_floating_point()]
    dtype = weights[0].dtype if weights else None
    return [Demand(operand, (3, 2), {-1: int(embed_dim)}, dtype) for operand in (query, key, value)]


def _dot_attention(query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> list[Demand]:
    return [
        Demand(query, (key.dim(),), {-1: key.shape[-1]}, key.dtype, soft=True),
        Demand(key, (query.dim(),), {-1: query.shape[-1], -2: value.shape[-2]}, query.dtype, soft=True),
        Demand(value, (key.dim(),), {-2: key.shape[-2]}, query.dtype, soft=True),
    ]


def _interpolate(input: Tensor, size: Any = None, *args: Any, **kwargs: Any) -> list[Demand]:
    rank = len(size) + 2 if isinstance(size, (tuple, list)) else 4
    return [Demand(input, (rank, *{3, 4, 5} - {rank}))]


def _binary(left: Any, right: Any, *args: Any, **kwargs: Any) -> list[Demand]:
    """Equal shapes, as nearly all sums and products of activations have."""
    found = []
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Tensor) and isinstance(other, Tensor) and other.dim():
            sizes = {d - other.dim(): s for d, s in enumerate(other.shape) if s != 1 and d - other.dim() >= -one.dim()}
            ranks = () if one.dim() >= other.dim() else (other.dim(),)
            sizes = {d: s for d, s in sizes.items() if one.shape[d] != 1} if not ranks else {}
            found.append(Demand(one, ranks, sizes, soft=True))
    return found


def _cat(tensors: Any, dim: int = 0, **kwargs: Any) -> list[Demand]:
    dim = kwargs.get("axis", dim)
    found = []
    for one in tensors:
        other = next((tensor for tensor in tensors if tensor is not one and tensor.dim() > 1), None)
        if other is not None:
            along = dim % other.dim()
            sizes = {d: size for d, size in enumerate(other.shape) if d != along}
            found.append(Demand(one, (other.dim(),), sizes, soft=True))
    return found


def _stack(tensors: Any, dim: int = 0, **kwargs: Any) -> list[Demand]:
    return [_alike(other, one) for one, other in zip(tensors, (*tensors[1:], tensors[0]), strict=True)]


def _alike(first: Tensor, second: Tensor) -> Demand:
    return Demand(second, (first.dim(),), dict(enumerate(first.shape)), soft=True)


def _view(input: Tensor, *sizes: Any, **kwargs: Any) -> list[Demand]:
    shape = list(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else list(sizes)
    if not all(type(size) is int for size in shape):
        return []
    if input.dim() < 2 and len(shape) > 1:
        return [Demand(input, (len(shape),), {dim: size for dim, size in enumerate(shape) if size > 1}, soft=True)]
    if -1 in shape or not input.dim():
        return []
    # All but one size being right, the last one follows from the number of elements.
    rest, elements = math.prod(input.shape[:-1]), math.prod(shape)
    return [Demand(input, sizes={-1: elements // rest}, soft=True)] if rest and elements % rest == 0 else []


_DEMANDS: dict[str, Callable[..., list[Demand]]] = {
    "linear": lambda input, weight, bias=None: [Demand(input, sizes={-1: weight.shape[-1]}, dtype=weight.dtype)],
    "embedding": _embedding, "embedding_bag": _embedding, "layer_norm": _layer_norm, "rms_norm": _layer_norm,
    "matmul": _matmul, "mm": _matmul, "mv": _matmul, "bmm": _bmm,
    "addmm": lambda input, left, right, **k: _matmul(left, right),
    "baddbmm": lambda input, left, right, **kwargs: _bmm(left, right), "multi_head_attention_forward": _attention,
    "scaled_dot_product_attention": _dot_attention, "cat": _cat, "stack": _stack, "view": _view, "reshape": _view,
    "interpolate": _interpolate, "upsample": _interpolate, "pixel_shuffle": lambda input, *a: [Demand(input, (4,))],
    **dict.fromkeys(("mse_loss", "l1_loss"), lambda first, second, *a, **k: [_alike(first, second)]),
    **dict.fromkeys(("batch_norm", "instance_norm", "group_norm", "prelu"), _norm),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
                    lambda input, weight, *a, **k: _channels(input, weight, weight.shape[0])),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
    **dict.fromkeys(("add", "sub", "mul", "div", "maximum", "minimum", "addcmul", "lerp", "pow", "eq", "ne", "lt", "gt"),
                    _binary),
    **{f"{kind}_pool{dims}d": lambda input, *a, dims=dims, **k: [Demand(input, (dims + 2, dims + 1))]
       for dims in (1, 2, 3) for kind in ("max", "avg", "lp", "adaptive_avg", "adaptive_max")},
    "grid_sample": lambda input, *a, **k: [Demand(input, (4, 5))],
}  # fmt: skip
