"""
Quantized layers of any library: what weights they stand for, what they store, and their call as one op.

A layer is taken for one if it holds whole numbers, 8-bit floats, packed objects or tensors of a user's class in the
place of its weights: their bits must be enough for the weights that its sizes demand, and not more than 16 for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from idlmav.capture.record.wrappers import (
    FULL,
    held,
    is_packed,
    leaves,
    packed_tensors,
    scheme_of,
    stands_for_others,
    stored_bytes,
)
from idlmav.capture.torch_private import DisableTorchFunction, ScriptObject

__all__ = ["QuantizedLayer", "Weight", "is_pack", "may_be_quantized", "quantized_layer"]

_NEVER_PACKED = frozenset({torch.int64, torch.bool})
_SIZES = (
    ("in_features", "out_features"), ("infeatures", "outfeatures"), ("in_dim", "out_dim"), ("input_dim", "output_dim"),
    ("input_size_per_partition", "output_size_per_partition"), ("nf", "nx"),
)  # fmt: skip
_ORDINARY = frozenset({Tensor, nn.Parameter})
_LEAST_BITS, _MOST_BITS = 0.9, 16.5


@dataclass(frozen=True, slots=True)
class Weight:
    """One tensor that a quantized layer stands for; `stored` are the bytes of what it is made of."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    stored: int
    scheme: str = ""


@dataclass(frozen=True, slots=True)
class QuantizedLayer:
    """
    What a quantized layer stands for.

    Attributes
    ----------
    function : callable
        The torch function that it computes: `linear`, a convolution, `embedding`, `lstm`.
    weights : tuple of Weight
        The matrices first.
    hidden : frozenset of str
        Names of the registered tensors that only describe how the weights are stored: scales, zero points.
    """

    function: Any
    weights: tuple[Weight, ...]
    hidden: frozenset[str]

    @property
    def scheme(self) -> str:
        """The name of the scheme."""
        return self.weights[0].scheme

    def names(self, path: str) -> tuple[str, ...]:
        """Return the qualified names of the weights, the layer being at a path."""
        return tuple([f"{path}.{weight.name}" if path else weight.name for weight in self.weights])

    def flops(self, given: Tensor, result: Any) -> int | None:
        """Return the FLOPs of a call by the formula of the product on what the weights stand for."""
        first = result[0] if isinstance(result, (tuple, list)) and result else result
        if self.function is nn.functional.embedding:
            return None
        if not isinstance(first, Tensor) or not isinstance(given, Tensor):
            return None
        weight = self.weights[0].shape
        if self.function is nn.functional.linear:
            return 2 * given.numel() * weight[0] if given.dim() and given.shape[-1] == weight[1] else None
        if self.function is torch.lstm:
            rows = math.prod(given.shape[:-1])
            return sum(2 * rows * math.prod(found.shape) for found in self.weights if len(found.shape) == 2)
        return 2 * first.numel() * math.prod(weight[1:])


def may_be_quantized(module: nn.Module, *tables: Mapping[str, Tensor | None] | None) -> bool:
    """Return whether a module holds anything in the place of its weights that is not an ordinary float; quick."""
    for table in tables:
        for tensor in table.values() if table else ():
            if tensor is not None and type(tensor) in _ORDINARY:
                dtype = tensor.dtype
                if dtype not in FULL and dtype not in _NEVER_PACKED:
                    return True
            elif isinstance(tensor, Tensor):
                return True
    if module.__dict__.get("_modules") or type(module).__module__.startswith("torch.nn.modules.") or any(tables):
        return False
    return is_pack(module)


def is_pack(module: nn.Module) -> bool:
    """Return whether a module holds one of torch's packed objects; the layers around it are those that use it."""
    return ScriptObject in map(type, vars(module).values())


def quantized_layer(module: nn.Module, widths: tuple[int, int] | None = None) -> QuantizedLayer | None:
    """
    Return what a layer stands for; ``None`` if it is no quantized layer.

    Parameters
    ----------
    module : torch.nn.Module
        A layer, of any class.
    widths : tuple of int, optional
        Last size of the input and of the output of a call, for layers that do not tell their sizes.
    """
    with DisableTorchFunction():
        own = {name: tensor for name, tensor in _own_tensors(module) if not torch.nn.parameter.is_lazy(tensor)}
        packed = _packed(module)
        if packed:
            return _of_packed(module, packed)
        function, shape, declared = _product(module, widths)
        if shape is None:
            return None
        count = math.prod(shape)
        found = [(name, x) for name, x in own.items() if _is_packed(x) and _bits_fit(x, count, exact=not declared)]
        if not found or any(type(x) in _ORDINARY and x.dtype in FULL and x.numel() >= count for x in own.values()):
            return None
        name, main = max(found, key=lambda entry: stored_bytes([entry[1]]))
        if not declared and ((len(own) < 2 and not stands_for_others(main)) or not _is_quantized(main)):
            return None
        return _of_tensors(module, function, shape, name, main, own)


def _of_tensors(
    module: nn.Module, function: Any, shape: tuple[int, ...], name: str, main: Tensor, own: dict[str, Tensor]
) -> QuantizedLayer:
    bias = {key: x for key, x in own.items() if key == "bias" and x.is_floating_point()}
    registered = {*module._parameters, *module._buffers}
    loose = [x for key, x in own.items() if key not in registered and key not in bias]
    shared = {id(x) for key, x in own.items() if key in registered and key != name}
    stored = stored_bytes([main, *(x for x in loose if id(x) not in shared)])
    largest = max(leaves(main), key=lambda x: x.numel() * x.dtype.itemsize)
    holders = [main if type(main) not in _ORDINARY else module]
    state = getattr(main, "quant_state", None)
    holders += [state] if state is not None else []
    holders += [value for key, value in vars(module).items() if key in ("meta", "quant_config", "quantization_config")]
    packed = largest.dtype not in FULL  # others are only wrapped: spread over devices, say
    scheme = scheme_of([*holders, module], largest, math.prod(shape)) if packed else ""
    weight = Weight(name, shape, largest.dtype, stored, scheme)
    others = [
        Weight(key, tuple(x.shape), x.dtype, stored_bytes([x])) for key, x in bias.items() if key not in registered
    ]
    frozen = {key for key, x in module._parameters.items() if x is not None and not x.requires_grad}
    return QuantizedLayer(function, (weight, *others), frozenset(frozen - {name, "bias"}))


def _own_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a module, registered or not, also those in its dictionaries and plain objects."""
    for table in (module._parameters, module._buffers):
        yield from ((name, tensor) for name, tensor in table.items() if tensor is not None)
    attributes = {
        name: value for name, value in vars(module).items() if name not in ("_parameters", "_buffers", "_modules")
    }
    yield from held(attributes)


def _packed(module: nn.Module) -> list[Tensor]:
    """Return the tensors in the packed objects of a module and its children, each once."""
    found: dict[Any, Tensor] = {}
    for owner in module.modules():
        for value in vars(owner).values():
            for tensor in packed_tensors(value):
                found.setdefault((tensor.data_ptr(), tuple(tensor.shape)), tensor)
    return sorted(found.values(), key=lambda tensor: -tensor.dim())


def _of_packed(module: nn.Module, packed: list[Tensor]) -> QuantizedLayer | None:
    function, shape, _ = _product(module, None)
    matrices = sum(tensor.dim() > 1 for tensor in packed)
    if matrices > 1 and hasattr(module, "hidden_size"):
        function = torch.lstm
    elif function is None or matrices != 1 or (shape is not None and packed[0].numel() != math.prod(shape)):
        return None
    weights: list[Weight] = []
    for tensor in packed:
        number = len(weights)
        name = ("weight" if tensor.dim() > 1 else "bias") + (f"_{number}" if len(packed) > 2 else "")
        scheme = scheme_of([module], tensor, tensor.numel()) if tensor.dim() > 1 else ""
        weights.append(Weight(name, tuple(tensor.shape), tensor.dtype, stored_bytes([tensor]), scheme))
    return QuantizedLayer(function, tuple(weights), frozenset())


def _product(module: nn.Module, widths: tuple[int, int] | None) -> tuple[Any, tuple[int, ...] | None, bool]:
    """Return the function that a layer computes, the shape of its weight, and whether the layer itself tells it."""

    def size(name: str) -> int:
        value = getattr(module, name, None)
        return value if type(value) is int and value > 0 else 0

    for inner, outer in _SIZES:
        if size(inner) and size(outer):
            return nn.functional.linear, (size(outer), size(inner)), True
    kernel = getattr(module, "kernel_size", None)
    if size("in_channels") and size("out_channels") and isinstance(kernel, (tuple, int)):
        kernel = kernel if isinstance(kernel, tuple) else (kernel,) * 2
        function = {1: torch.conv1d, 2: torch.conv2d, 3: torch.conv3d}.get(len(kernel))
        if (
            function is not None
            and all(type(width) is int for width in kernel)
            and not getattr(module, "transposed", False)
        ):
            groups = size("groups") or 1
            return function, (size("out_channels"), size("in_channels") // groups, *kernel), True
    if size("num_embeddings") and size("embedding_dim"):
        return nn.functional.embedding, (size("num_embeddings"), size("embedding_dim")), True
    if widths is not None:
        return nn.functional.linear, (widths[1], widths[0]), False
    return None, None, False


def _is_packed(tensor: Tensor) -> bool:
    if type(tensor) in _ORDINARY:
        return tensor.dtype not in FULL and tensor.dtype not in _NEVER_PACKED
    return tensor.dtype not in FULL or stands_for_others(tensor)


def _is_quantized(tensor: Tensor) -> bool:
    return is_packed(tensor) if stands_for_others(tensor) else tensor.dtype not in FULL


def _bits_fit(tensor: Tensor, count: int, *, exact: bool) -> bool:
    """Return whether a tensor can store so many numbers; exactly in a whole number of bits where sizes are guessed."""
    size = stored_bytes([tensor])
    if type(tensor) in _ORDINARY:
        bits = 8 * size / count
        return bits in (1, 2, 3, 4, 5, 6, 8) if exact else _LEAST_BITS <= bits <= _MOST_BITS
    return tensor.numel() == count or _LEAST_BITS <= 8 * size / count <= _MOST_BITS
