"""Shapes that ops and layers declare by their arguments and settings, whatever their input is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from idlmav.capture.record.classify import op_name
from idlmav.capture.repair.unknown import Assumption
from idlmav.capture.torch_private import (
    BatchNorms,
    Convolutions,
    DisableTorchFunction,
    Dropouts,
    InstanceNorms,
    Norms,
    Paddings,
    Pools,
    TransposedConvolutions,
    accepts_rank,
)

__all__ = ["accepted_rank", "declared_by_module", "declared_by_op", "kernel_of"]


def declared_by_op(func: Any, args: Any, kwargs: dict[str, Any]) -> Assumption | None:
    """Return the shape that an op declares, with unknown sizes marked; ``None`` if it declares none."""
    shape_of = _OPS.get(op_name(func))
    if shape_of is None:
        return None
    try:
        found = shape_of(*args, **kwargs)
    except (TypeError, AttributeError, IndexError, ValueError, ZeroDivisionError, RuntimeError):
        return None  # an unusual call
    return found and replace(found, soft=True)


def _known(sizes: Sequence[int], dtype: torch.dtype) -> Assumption:
    return Assumption(list(sizes), [True] * len(sizes), True, dtype)


def _binary(left: Any, right: Any, **kwargs: Any) -> Assumption:
    tensors = [value for value in (left, right) if isinstance(value, Tensor)]
    rank = max(tensor.dim() for tensor in tensors)
    columns = list(zip(*[(1,) * (rank - tensor.dim()) + tuple(tensor.shape) for tensor in tensors], strict=True))
    # Where sizes disagree, the left operand's is used: in ``x + skip`` it is the main path.
    sizes = [next((size for size in column if size != 1), 1) for column in columns]
    known = [len({size for size in column if size != 1}) < 2 for column in columns]
    return Assumption(sizes, known, True, torch.result_type(*tensors) if len(tensors) == 2 else tensors[0].dtype)


def _like_first(input: Tensor, *args: Any, **kwargs: Any) -> Assumption:
    return _known(input.shape, input.dtype)


def _cat(tensors: Any, dim: int = 0, **kwargs: Any) -> Assumption:
    rank = max(tensor.dim() for tensor in tensors)
    same = [tensor for tensor in tensors if tensor.dim() == rank]
    along = kwargs.get("axis", dim) % rank
    columns = list(zip(*[tensor.shape for tensor in same], strict=True))
    sizes = [sum(column) if d == along else column[0] for d, column in enumerate(columns)]
    known = [len(same) == len(tensors) if d == along else len(set(column)) == 1 for d, column in enumerate(columns)]
    return Assumption(sizes, known, True, same[0].dtype)


def _view(input: Tensor, *sizes: Any, **kwargs: Any) -> Assumption | None:
    shape = list(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else list(sizes)
    if not shape or not all(type(size) is int for size in shape):
        return None
    rest = max(input.numel() // max(math.prod(size for size in shape if size != -1), 1), 1)
    return Assumption([rest if size == -1 else size for size in shape], [s != -1 for s in shape], True, input.dtype)


def _matmul(left: Tensor, right: Tensor, **kwargs: Any) -> Assumption | None:
    if left.dim() < 2 or right.dim() < 2:
        return None
    batch = left.shape[:-2] if left.dim() >= right.dim() else right.shape[:-2]
    return _known((*batch, left.shape[-2], right.shape[-1]), left.dtype)


def _embedding(input: Tensor, weight: Tensor, *args: Any, **kwargs: Any) -> Assumption:
    return _known((*input.shape, weight.shape[1]), weight.dtype)


def _reduction(input: Tensor, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> Assumption | None:
    return _known((), input.dtype) if dim is None else None


_OPS: dict[str, Callable[..., Assumption | None]] = {
    "cat": _cat, "view": _view, "reshape": _view, "matmul": _matmul, "mm": _matmul, "bmm": _matmul,
    "embedding": _embedding, "mean": _reduction, "sum": _reduction,
    **dict.fromkeys(("add", "sub", "mul", "div", "maximum", "minimum"), _binary),
    **dict.fromkeys(
        ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "softmax", "log_softmax", "dropout",
         "relu", "gelu", "silu", "sigmoid", "tanh", "masked_fill", "contiguous", "clone", "scaled_dot_product_attention",
         "normalize", "expand"), _like_first),
}  # fmt: skip


# ---- layers


def declared_by_module(module: nn.Module, tensors: list[Tensor]) -> list[Assumption] | None:
    """
    Return the outputs that a layer of torch, or of a class derived from one, declares.

    ``None`` if the layer is not torch's or declares nothing. `tensors` are those among its arguments.
    """
    find = next((_MODULES[kind] for kind in type(module).__mro__ if kind in _MODULES), None)
    if find is None or not tensors:
        return None
    dtype = next((parameter.dtype for parameter in module.parameters()), None)
    dtype = dtype or next((x.dtype for x in tensors if x.is_floating_point()), torch.get_default_dtype())
    try:
        found: list[Assumption] = find(module, tensors[0], dtype)
    except (TypeError, AttributeError, IndexError, ValueError, RuntimeError):
        return None  # impossible settings
    if any(x.is_floating_point() and x.dtype is not dtype for x in tensors):
        return [replace(output, typed=False) for output in found]
    return found


def accepted_rank(module: nn.Module) -> int | None:
    """Return a rank that a layer accepts, if it checks the rank before any op."""
    if isinstance(module, nn.RNNBase):
        return 3
    if not isinstance(module, Norms):
        return None
    return next((rank for rank in (4, 3, 5, 2) if accepts_rank(module, rank)), None)


def kernel_of(module: nn.Module) -> Any:
    """Return the op of a layer of torch that checks its input before the op runs; ``None`` for other modules."""
    if "forward" in module.__dict__:
        return None
    kind = next((kind for kind in type(module).__mro__ if kind in _KERNELS), None)
    return _KERNELS[kind] if kind is not None and type(module).forward is getattr(kind, "forward", None) else None


def _same(module: Any, x: Tensor, dtype: torch.dtype) -> list[Assumption]:
    return [_known(x.shape, dtype)]


def _all_known(sizes: Any, dtype: torch.dtype) -> list[Assumption]:
    return [_known([max(int(size), 1) for size in sizes], dtype)]


def _features(name: str) -> Any:
    return lambda module, x, dtype: _all_known((*x.shape[:-1], getattr(module, name)), dtype)


def _channels(module: Any, x: Tensor, dtype: torch.dtype) -> list[Assumption]:
    """Run the layer's own arithmetic on a meta tensor with the channels that it expects."""
    rank = len(module.kernel_size) + 2
    sizes = [*x.shape[:1], module.in_channels, *x.shape[2:]] if x.dim() == rank else [module.in_channels, *x.shape[1:]]
    known = [True] * len(sizes)
    if x.dim() not in (rank, rank - 1):
        sizes, known = [1, module.in_channels, *[32] * (rank - 2)], [False, True] + [False] * (rank - 2)
    result = _own_forward(module, sizes, dtype)
    known[-rank + 1] = True
    return [Assumption(list(result.shape), known, True, dtype)]


def _own_forward(module: Any, sizes: list[int], dtype: torch.dtype) -> Any:
    shadow = object.__new__(type(module))
    shadow.__dict__.update({k: v for k, v in module.__dict__.items() if k not in ("forward", "_parameters")})
    meta = {name: None if p is None else torch.empty_like(p, device="meta") for name, p in module._parameters.items()}
    shadow.__dict__["_parameters"] = meta
    torch_class: Any = next(kind for kind in type(module).__mro__ if kind.__module__.startswith("torch.nn"))
    with DisableTorchFunction():
        return torch_class.forward(shadow, torch.empty(sizes, dtype=dtype, device="meta"))


def _computed(module: Any, x: Tensor, dtype: torch.dtype) -> list[Assumption]:
    result = _own_forward(module, list(x.shape), dtype)
    return [_known(tensor.shape, tensor.dtype) for tensor in (result if isinstance(result, tuple) else (result,))]


def _recurrent(module: Any, x: Tensor, dtype: torch.dtype) -> list[Assumption]:
    directions = 2 if module.bidirectional else 1
    width = getattr(module, "proj_size", 0) or module.hidden_size
    batch = [] if x.dim() == 2 else [x.shape[0 if module.batch_first else 1]]
    state = [module.num_layers * directions, *batch]
    found = _all_known((*x.shape[:-1], width * directions), dtype) + _all_known((*state, width), dtype)
    return found + _all_known((*state, module.hidden_size), dtype) if isinstance(module, nn.LSTM) else found


def _attention(module: Any, x: Tensor, dtype: torch.dtype) -> list[Assumption]:
    steps, batch = (x.shape[1], x.shape[0]) if module.batch_first else (x.shape[0], x.shape[1])
    weights = Assumption([batch, steps, steps], [True, True, False], True, dtype)
    return [*_all_known((*x.shape[:-1], module.embed_dim), dtype), weights]


def _cell(module: Any, x: Tensor, dtype: torch.dtype) -> list[Assumption]:
    state = _all_known((*x.shape[:-1], module.hidden_size), dtype)
    return state * 2 if isinstance(module, nn.LSTMCell) else state


_ACTIVATIONS = tuple(
    getattr(nn.modules.activation, name)
    for name in nn.modules.activation.__all__
    if name not in ("MultiheadAttention", "GLU")
)
_KERNELS: dict[type, Any] = {
    nn.LSTM: torch.lstm, nn.GRU: torch.gru, nn.RNN: torch.rnn_tanh, nn.LSTMCell: torch.lstm_cell,
    nn.GRUCell: torch.gru_cell, nn.RNNCell: torch.rnn_tanh_cell,
    BatchNorms: nn.functional.batch_norm,
    InstanceNorms: nn.functional.instance_norm,
}  # fmt: skip
_MODULES: dict[type, Any] = {
    nn.Linear: _features("out_features"), nn.Bilinear: _features("out_features"), Convolutions: _channels,
    TransposedConvolutions: _channels, Norms: _same, nn.GroupNorm: _same, nn.LayerNorm: _same, nn.Identity: _same,
    nn.LocalResponseNorm: _same, nn.RNNBase: _recurrent, nn.RNNCellBase: _cell, nn.MultiheadAttention: _attention,
    nn.TransformerEncoderLayer: _same, nn.TransformerDecoderLayer: _same, nn.TransformerEncoder: _same,
    nn.TransformerDecoder: _same,
    nn.Embedding: lambda module, x, dtype: _all_known((*x.shape, module.embedding_dim), dtype), Dropouts: _same,
    nn.Transformer: _same, nn.GLU: _computed, nn.ChannelShuffle: _same,
    **dict.fromkeys((*Pools, nn.Flatten, nn.Unflatten, nn.PixelShuffle, nn.PixelUnshuffle, nn.Upsample, nn.Fold,
                     nn.Unfold, nn.ZeroPad2d, *Paddings), _computed),
    **dict.fromkeys(_ACTIVATIONS, _same),
    **({nn.RMSNorm: _same} if hasattr(nn, "RMSNorm") else {}),
}  # fmt: skip
