"""What happens after an op has raised: its true message, and the shape it declares so that the model can go on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from idlmav.capture.classify import is_inplace_call, op_name
from idlmav.capture.kernels import on_zeros
from idlmav.capture.rules.dense import _per_dimension, window_sizes
from idlmav.capture.rules.registry import contiguous
from idlmav.capture.source import Where
from idlmav.capture.trace import OpRecord, Trace

__all__ = ["Failures", "declared"]


class Failures:
    """
    Decides what happens when an op raises.

    Parameters
    ----------
    trace : Trace
        The records; a failed op keeps its exception.
    go_on : bool
        Whether to return a carrier of the shape that the op declares, where it declares one. Otherwise the
        exception is the model's, which may handle it.
    handled : frozenset
        Places where the model is known to handle the exception by itself: there it is always raised.
    """

    def __init__(self, trace: Trace, go_on: bool = False, handled: frozenset[Where | None] = frozenset()) -> None:
        self.trace = trace
        self.go_on = go_on
        self.handled = handled
        self.tainted: set[int] = set()

    def failed(self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> Any:
        """
        Return what stands for the result of an op that raised.

        Raises
        ------
        Exception
            The op's own, unless it ran after all or the model is to go on.
        """
        if not is_inplace_call(func, args, kwargs):
            try:
                result = on_zeros(func, args, kwargs)
            except Exception as true_error:  # noqa: BLE001 - recorded below: kernels on the meta device word it differently
                error = true_error
            else:
                if result is not NotImplemented:
                    op.flags = (*op.flags, "zeros")
                    return self._registered(op, result)
        follows = self._follows_failure(op)
        if not follows:
            op.error = error
        if not self.go_on or op.where in self.handled:
            raise error
        self.tainted.add(op.index)
        result = declared(func, args, kwargs)
        if result is None:
            raise error
        return self._registered(op, result)

    def _registered(self, op: OpRecord, result: Any) -> Any:
        tensors = result if isinstance(result, (tuple, list)) else (result,)
        op.outputs = tuple([self.trace.register(op, i, x) for i, x in enumerate(tensors) if isinstance(x, Tensor)])
        return result

    def _follows_failure(self, op: OpRecord) -> bool:
        """Return whether an operand comes from a failed op, over any number of ops."""
        if not self.tainted:
            return False
        tainted = set(self.tainted)
        for earlier in self.trace.ops[min(tainted) : op.index + 1]:
            if any(origin[0] in tainted for origin in earlier.origins):
                tainted.add(earlier.index)
        return op.index in tainted


def declared(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """
    Return a carrier of the shape that an op declares by its weights and arguments, whatever its input is.

    Returns
    -------
    Tensor or None
        ``None`` if the op declares nothing.
    """
    shape_of = _DECLARED.get(op_name(func))
    if shape_of is None:
        return None
    try:
        return shape_of(*args, **kwargs)
    except (TypeError, AttributeError, IndexError, ValueError, ZeroDivisionError):
        return None  # called in a way that its shape cannot be told from


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return contiguous((*input.shape[:-1], weight.shape[0]), weight.dtype)


def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor | None:
    dims = weight.dim() - 2
    sizes = tuple(input.shape[2:]) if input.dim() == dims + 2 else (1,) * dims
    settings = [_per_dimension(value, dims) for value in (stride, padding, dilation)]
    if None in settings:
        return None
    places = [max(size, 1) for size in window_sizes(sizes, tuple(weight.shape[2:]), *settings)]  # type: ignore[arg-type]
    return contiguous((input.shape[0], weight.shape[0], *places), weight.dtype)


def _matmul(left: Tensor, right: Tensor) -> Tensor | None:
    if left.dim() < 2 or right.dim() < 2:
        return None
    batch = left.shape[:-2] if left.dim() >= right.dim() else right.shape[:-2]
    return contiguous((*batch, left.shape[-2], right.shape[-1]), left.dtype)


def _addmm(input: Tensor, mat1: Tensor, mat2: Tensor, **kwargs: Any) -> Tensor | None:
    return _matmul(mat1, mat2)


def _binary(left: Any, right: Any, **kwargs: Any) -> Tensor:
    tensors = [value for value in (left, right) if isinstance(value, Tensor)]
    rank = max(tensor.dim() for tensor in tensors)
    shapes = [(1,) * (rank - tensor.dim()) + tuple(tensor.shape) for tensor in tensors]
    # Where the sizes disagree the left operand's counts: it is the main path in ``x + skip``.
    shape = [next((size for size in sizes if size != 1), 1) for sizes in zip(*shapes, strict=True)]
    return contiguous(shape, tensors[0].dtype)


def _like_first(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return contiguous(input.shape, input.dtype)


def _cat(tensors: Any, dim: int = 0, **kwargs: Any) -> Tensor:
    shape = list(tensors[0].shape)
    shape[dim] = sum(tensor.shape[dim] for tensor in tensors)
    return contiguous(shape, tensors[0].dtype)


def _view(input: Tensor, *sizes: Any, **kwargs: Any) -> Tensor | None:
    shape = list(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else list(sizes)
    if not all(type(size) is int for size in shape):
        return None
    known = math.prod(size for size in shape if size != -1)
    return contiguous([max(input.numel() // max(known, 1), 1) if size == -1 else size for size in shape], input.dtype)


def _embedding(input: Tensor, weight: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return contiguous((*input.shape, weight.shape[1]), weight.dtype)


def _attention(query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return contiguous((*query.shape[:-1], value.shape[-1]), query.dtype)


_DECLARED: dict[str, Callable[..., Tensor | None]] = {
    "linear": _linear, "matmul": _matmul, "bmm": _matmul, "mm": _matmul, "addmm": _addmm, "cat": _cat, "view": _view,
    "reshape": _view, "embedding": _embedding, "scaled_dot_product_attention": _attention,
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys(("add", "sub", "mul", "div", "maximum", "minimum"), _binary),
    **dict.fromkeys(
        ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "softmax", "log_softmax", "dropout",
         "relu", "gelu", "silu", "sigmoid", "tanh", "masked_fill"), _like_first),
}  # fmt: skip
