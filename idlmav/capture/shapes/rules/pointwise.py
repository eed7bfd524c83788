"""Shape rules for pointwise ops, normalization and reductions."""

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
    contiguous,
    elementwise,
    is_dense,
    like,
    rule,
)

__all__: list[str] = []


def _methods(*names: str) -> list[Any]:
    """Return functions of these names; operators are methods of tensors only."""
    places = (torch, Tensor, torch.special)
    found = [
        getattr(place, name, None) for name in names for place in places if place is Tensor or not name.startswith("_")
    ]
    return list(dict.fromkeys(function for function in found if function is not None))


def _pair(name: str) -> list[Any]:
    """Return a function in all its spellings: ``torch.add``, ``Tensor.add``, ``Tensor.__add__``, ``Tensor.__radd__``."""
    return _methods(name, f"__{name}__", f"__r{name}__")


@rule(
    F.relu, F.gelu, F.silu, F.elu, F.leaky_relu, F.hardswish, F.hardsigmoid, F.relu6, F.mish, F.softplus, F.selu, F.celu,
    F.hardtanh, F.sigmoid, F.tanh, F.softsign,
    *_methods("relu", "sigmoid", "tanh", "exp", "sqrt", "rsqrt", "neg", "__neg__", "cos", "sin", "log", "abs", "square", "erf",
              "reciprocal", "exp2", "log2", "log1p", "expm1", "tan", "atan", "round", "floor", "ceil", "sign", "clamp_min",
              "clamp_max", "clone", "negative", "absolute"),
)  # fmt: skip
def unary(x: Any, *args: Any, out: Any = None, dtype: Any = None, **kwargs: Any) -> Answer:
    """Keep shape, strides and type, for floating types."""
    if out is not None or dtype is not None or not isinstance(x, Tensor) or not x.dtype.is_floating_point:
        return None
    if any(isinstance(value, Tensor) for value in (*args, *kwargs.values())) or "memory_format" in kwargs:
        return None
    return _pointwise([x], x.dtype)


@rule(*_methods("clamp", "clip"))
def clamp(x: Any, min: Any = None, max: Any = None, *, out: Any = None) -> Answer:
    """Keep the shape; bounds that are tensors go to the kernel."""
    if out is not None or isinstance(min, Tensor) or isinstance(max, Tensor):
        return None
    return unary(x)


@rule(F.dropout, F.alpha_dropout)
def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Answer:
    """Return the input in eval mode, else a tensor of the same shape."""
    if not 0.0 <= p <= 1.0 or inplace:
        return None
    return unary(input) if training else (input, None)


def _channel_dropout(dims: int) -> Rule:
    def channel_dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Answer:
        """As dropout, for a batch of so many dimensions."""
        return dropout(input, p, training, inplace) if input.dim() == dims + 2 else None

    return channel_dropout


for _dims in (1, 2, 3):
    rule(getattr(F, f"dropout{_dims}d"))(_channel_dropout(_dims))


@rule(F.softmax, F.log_softmax, F.softmin, *_methods("softmax", "log_softmax"))
def softmax(input: Any, dim: Any = None, *args: Any, dtype: Any = None, _stacklevel: int = 3, **kwargs: Any) -> Answer:
    """Keep the shape; the dimension must exist."""
    for value in args:
        if isinstance(value, torch.dtype):
            dtype = value
        elif type(value) is not int:
            return None
    result_type = dtype or input.dtype
    if kwargs or type(dim) is not int:
        return None
    if not -max(input.dim(), 1) <= dim < max(input.dim(), 1):
        raise RuleError(f"Dimension out of range (got {dim}): the kernel on the meta device accepts any")
    return (like(input, result_type), None) if input.is_contiguous() and result_type.is_floating_point else None


def _operands(left: Any, right: Any) -> tuple[list[Tensor], torch.dtype] | None:
    tensors = [value for value in (left, right) if isinstance(value, Tensor)]
    numbers = [value for value in (left, right) if not isinstance(value, Tensor)]
    if not tensors or any(type(value) not in (int, float, bool) for value in numbers):
        return None
    return tensors, torch.result_type(left, right)


def _pointwise(tensors: list[Tensor], dtype: torch.dtype) -> Answer:
    result = elementwise(tensors, dtype)
    return None if result is None else (result, None)


@rule(*_pair("add"), *_pair("mul"), *_methods("multiply"))
def add(left: Any, right: Any, *, alpha: Any = 1, out: Any = None) -> Answer:
    """Broadcast shape, promoted type."""
    found = _operands(left, right)
    if out is not None or found is None or found[1] is torch.bool or type(alpha) not in (int, float):
        return None
    return _pointwise(*found)


@rule(*_methods("sub", "__sub__", "subtract"))
def subtract(left: Any, right: Any, *, alpha: Any = 1, out: Any = None) -> Answer:
    """Broadcast shape, promoted type; truth values cannot be subtracted."""
    if any(type(x) is bool or (isinstance(x, Tensor) and x.dtype is torch.bool) for x in (left, right)):
        return None
    return add(left, right, alpha=alpha, out=out)


rule(*_methods("__rsub__"))(lambda left, right: subtract(right, left))


@rule(*_methods("maximum", "minimum"))
def extreme(left: Any, right: Any, *, out: Any = None) -> Answer:
    """Broadcast shape of two tensors."""
    found = _operands(left, right) if are_tensors(left, right) and out is None else None
    return None if found is None else _pointwise(*found)


@rule(*_methods("div", "true_divide", "divide", "__truediv__", "__div__"))
def divide(left: Any, right: Any, *, rounding_mode: Any = None, out: Any = None) -> Answer:
    """Broadcast shape; integers become floats."""
    found = _operands(left, right)
    if out is not None or found is None or rounding_mode is not None or found[1].is_complex:
        return None
    return _pointwise(found[0], found[1] if found[1].is_floating_point else torch.get_default_dtype())


@rule(*_methods("__rdiv__"))
def divide_into(left: Any, right: Any) -> Answer:
    """Take the operands of `divide` the other way round; torch takes the reciprocal and multiplies."""
    return divide(right, left) if not isinstance(right, Tensor) else None


@rule(*_methods("pow", "__pow__"))
def power(left: Any, right: Any, *, out: Any = None) -> Answer:
    """Broadcast shape, for floating types."""
    found = _operands(left, right)
    return _pointwise(*found) if out is None and found is not None and found[1].is_floating_point else None


@rule(*_methods("__rpow__"))
def power_of(left: Any, right: Any) -> Answer:
    """Take the operands of `power` the other way round."""
    return power(right, left) if left.is_contiguous() else None


@rule(*(function for name in ("eq", "ne", "lt", "le", "gt", "ge") for function in _methods(name, f"__{name}__")),
      *_methods("greater", "less", "greater_equal", "less_equal", "not_equal"))  # fmt: skip
def compare(left: Any, right: Any, *, out: Any = None) -> Answer:
    """Broadcast shape of truth values."""
    found = _operands(left, right)
    return None if out is not None or found is None else _pointwise(found[0], torch.bool)


@rule(*_methods("logical_and", "logical_or", "logical_xor"))
def logical(left: Any, right: Any, *, out: Any = None) -> Answer:
    """Broadcast shape of two tensors, as truth values."""
    return compare(left, right, out=out) if are_tensors(left, right) else None


@rule(*_methods("__and__", "__or__", "__xor__", "bitwise_and", "bitwise_or", "bitwise_xor", "__rand__", "__ror__"))
def bitwise(left: Any, right: Any, *, out: Any = None) -> Answer:
    """Broadcast shape of two tensors of one type."""
    if out is not None or not are_tensors(left, right) or left.dtype is not right.dtype:
        return None
    if left.dtype.is_floating_point or left.dtype.is_complex:
        return None
    return _pointwise([left, right], left.dtype)


@rule(*_methods("logical_not", "isnan", "isinf", "isfinite"))
def test(x: Any, *, out: Any = None) -> Answer:
    """Same shape of truth values."""
    return _pointwise([x], torch.bool) if out is None and isinstance(x, Tensor) else None


@rule(torch.where, Tensor.where)
def where(*args: Any, **kwargs: Any) -> Answer:
    """Broadcast shape of the condition and both values."""
    if kwargs or len(args) != 3:
        return None
    condition, left, right = args if args[0].dtype is torch.bool else (args[1], args[0], args[2])
    found = _operands(left, right)
    if found is None or not isinstance(condition, Tensor) or condition.dtype is not torch.bool:
        return None
    return _pointwise([condition, *found[0]], found[1])


@rule(*_methods("masked_fill"))
def masked_fill(x: Any, mask: Any, value: Any) -> Answer:
    """Contiguous, broadcast shape, own type."""
    if mask.dtype is not torch.bool or isinstance(value, Tensor) or not x.dtype.is_floating_point:
        return None
    return _pointwise([contiguous(x.shape, x.dtype), contiguous(mask.shape, x.dtype)], x.dtype)


@rule(torch.zeros_like, torch.ones_like, torch.empty_like)
def filled_like(x: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Answer:
    """Keep the shape; strides are kept if dense."""
    return (like(x, dtype), None) if is_dense(x) else None


@rule(torch.rand_like, torch.randn_like)
def random_like(x: Any, *, device: Any = None, requires_grad: bool = False) -> Answer:
    """Keep the shape, for floating types."""
    return filled_like(x) if x.dtype.is_floating_point else None


def _fit(shape: tuple[int, ...], input: Tensor, *parameters: Tensor | None) -> bool:
    """Return whether the parameters of a normalization have a shape, and the type of its input."""
    return all(x is None or (tuple(x.shape) == shape and x.dtype is input.dtype) for x in parameters)


@rule(F.batch_norm)
def batch_norm(
    input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: Any = 0.1, eps: float = 1e-5,
) -> Answer:  # fmt: skip
    """Keep the shape; there is a value per channel in every statistic."""
    if input.dim() < 2 or not input.dtype.is_floating_point or not is_dense(input):
        return None
    channels = input.shape[1]
    if not _fit((channels,), input, running_mean, running_var, weight, bias):
        return None
    if (running_mean is None and not training) or (training and input.numel() <= channels):
        return None
    return like(input), None


@rule(F.layer_norm)
def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Answer:
    """Keep the shape, contiguous; the normalized shape is its end."""
    shape = tuple(normalized_shape)
    if not shape or not input.dtype.is_floating_point or tuple(input.shape[-len(shape) :]) != shape:
        return None
    return (contiguous(input.shape, input.dtype), None) if _fit(shape, input, weight, bias) else None


@rule(getattr(F, "rms_norm", None))
def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: Any = None) -> Answer:
    """Keep the shape; the normalized shape is its end."""
    return layer_norm(input, normalized_shape, weight) if input.is_contiguous() else None


@rule(F.group_norm)
def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Answer:
    """Keep the shape; groups divide the channels."""
    if input.dim() < 2 or not input.is_contiguous() or not input.dtype.is_floating_point:
        return None
    channels = input.shape[1]
    if num_groups <= 0 or channels % num_groups or input.numel() == 0 or not _fit((channels,), input, weight, bias):
        return None
    return like(input), None


@rule(*_methods("mean", "sum"))
def reduce(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Answer:
    """Contiguous, without the reduced dimensions or with size 1 there."""
    if out is not None or dtype is not None or not input.dtype.is_floating_point or not input.is_contiguous():
        return None
    dims = (dim,) if isinstance(dim, int) else tuple(range(input.dim())) if dim is None or len(dim) == 0 else tuple(dim)
    rank = input.dim()
    if any(type(d) is not int or not -rank <= d < rank for d in dims) or len({d % rank for d in dims}) != len(dims):
        return None
    reduced = {d % rank for d in dims}
    shape = [1 if d in reduced else size for d, size in enumerate(input.shape) if keepdim or d not in reduced]
    return contiguous(shape, input.dtype), None
