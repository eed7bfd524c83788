"""What a tensor of a user's class, a packed object or a quantized layer stores: tensors, bytes and the scheme's name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from idlmav.capture.record.values import parts_of, tensors_in
from idlmav.capture.torch_private import DisableTorchFunction, ScriptObject, storage_id

__all__ = [
    "as_meta",
    "inner_tensors",
    "is_plain",
    "leaves",
    "packed_tensors",
    "scheme_of",
    "stands_for_others",
    "stored_bytes",
]

_PLAIN = frozenset({Tensor, Parameter, torch.nn.UninitializedParameter, torch.nn.UninitializedBuffer})
_SCHEMES = (
    "quant_type",
    "qtype",
    "_qtype",
    "quant_scheme",
    "scheme",
    "quant_method",
    "nbits",
    "bits",
    "w_bit",
    "wbits",
)
"""Attributes in which libraries keep the name of a scheme, or its number of bits."""
FULL = frozenset({torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.complex128})
"""Types of weights that are not quantized."""
_NESTED_AT_MOST = 4
_NO_DATA = (torch.nn.Module, type, str, bytes, int, float, torch.dtype, torch.device)


def is_plain(tensor: Tensor) -> bool:
    """Return whether a tensor is of torch's own classes that store what they stand for."""
    return type(tensor) in _PLAIN


def inner_tensors(tensor: Tensor) -> dict[str, Tensor]:
    """Return the tensors that a tensor of a user's class holds, by name; a plain one holds none."""
    if is_plain(tensor) or tensor.is_nested:
        return {}
    with DisableTorchFunction():
        found = dict(_flat(tensor))
        found.update(held(getattr(tensor, "__dict__", {})))
    return {name: part for name, part in found.items() if part is not tensor and not name.endswith("grad")}


def held(attributes: Mapping[Any, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors in attributes, with their names; also those in containers and in objects of any class."""
    for name, value in attributes.items():
        path = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, Tensor):
            yield path, value
        elif depth < _NESTED_AT_MOST and value is not None and not isinstance(value, _NO_DATA) and not callable(value):
            parts = value if isinstance(value, Mapping) else parts_of(value)
            if parts is None:
                parts = getattr(value, "__dict__", {})
            elif not isinstance(parts, Mapping):
                parts = dict(enumerate(parts))
            yield from held(parts, path, depth + 1)


def _flat(tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors that torch's protocol for wrappers names."""
    if hasattr(tensor, "__tensor_flatten__"):
        with contextlib.suppress(Exception):  # the class's own code
            for name in tensor.__tensor_flatten__()[0]:
                part = getattr(tensor, name)
                if isinstance(part, Tensor):
                    yield name, part


def stands_for_others(tensor: Tensor) -> bool:
    """Return whether a tensor is of a user's class and holds other tensors."""
    return not is_plain(tensor) and bool(inner_tensors(tensor))


def is_packed(tensor: Tensor) -> bool:
    """Return whether most of what a tensor of a user's class stores is not ordinary floats: it is quantized."""
    if not stands_for_others(tensor):
        return False
    return max(leaves(tensor), key=_bytes).dtype not in FULL


def _has_memory(tensor: Tensor) -> bool:
    with contextlib.suppress(Exception), DisableTorchFunction():  # a wrapper has no storage of its own
        return tensor.untyped_storage().nbytes() > 0 and (tensor.is_meta or tensor.untyped_storage().data_ptr() != 0)
    return False


def leaves(tensor: Tensor, depth: int = 0) -> Iterator[Tensor]:
    """Yield the tensors with memory of their own that a tensor is made of."""
    inner = inner_tensors(tensor) if depth < _NESTED_AT_MOST else {}
    if not inner or _has_memory(tensor):
        yield tensor
    for part in inner.values():
        yield from leaves(part, depth + 1)


def stored_bytes(tensors: Iterable[Tensor]) -> int:
    """Return the bytes of tensors and of all that these hold, each memory once."""
    seen: dict[int, int] = {}
    with DisableTorchFunction():
        for tensor in tensors:
            for leaf in leaves(tensor):
                try:
                    key = storage_id(leaf)
                except (NotImplementedError, RuntimeError):
                    key = id(leaf)
                seen[key] = max(seen.get(key, 0), _bytes(leaf))
    return sum(seen.values())


def _bytes(tensor: Tensor) -> int:
    if tensor.layout is torch.sparse_coo:
        return _bytes(tensor._indices()) + _bytes(tensor._values())
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return sum(map(_bytes, (tensor.crow_indices(), tensor.col_indices(), tensor.values())))
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return sum(map(_bytes, (tensor.ccol_indices(), tensor.row_indices(), tensor.values())))
    size = tensor.numel() * tensor.dtype.itemsize
    if tensor.is_quantized and tensor.qscheme() in (torch.per_channel_affine, torch.per_channel_symmetric):
        scales, zeros = tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()
        size += scales.numel() * scales.dtype.itemsize + zeros.numel() * zeros.dtype.itemsize
    return size


def packed_tensors(value: Any, depth: int = 0) -> list[Tensor]:
    """Return the tensors in torch's packed objects, of which only their state tells what they hold."""
    if not isinstance(value, ScriptObject) or depth > _NESTED_AT_MOST:
        return []
    try:
        state = value.__getstate__()
    except Exception:  # noqa: BLE001 - an object without a state: nothing is known of it
        return []
    found = [tensor for tensor in tensors_in(state) if tensor.is_quantized or tensor.is_floating_point()]
    waiting = [state]
    while waiting:
        part = waiting.pop()
        if isinstance(part, (tuple, list)):
            waiting.extend(part)
        elif isinstance(part, ScriptObject):
            found += packed_tensors(part, depth + 1)
    return found


def as_meta(tensor: Tensor, depth: int = 0) -> Tensor | None:
    """Return a copy of a wrapper whose inner tensors lie on the meta device; ``None`` if the class does not tell how."""
    kind: Any = type(tensor)
    if is_plain(tensor):
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
    wrapper: Any = tensor
    if depth > _NESTED_AT_MOST or not hasattr(kind, "__tensor_unflatten__"):
        return None
    with contextlib.suppress(Exception):  # the class's own code
        names, context = wrapper.__tensor_flatten__()
        parts = {name: getattr(tensor, name) for name in names}  # some are no tensors: the mesh of a DTensor
        inner = {name: as_meta(x, depth + 1) if isinstance(x, Tensor) else x for name, x in parts.items()}
        if None not in inner.values():
            made: Tensor = kind.__tensor_unflatten__(inner, context, tensor.shape, tensor.stride())
            return made
    return None


def scheme_of(holders: Iterable[Any], main: Tensor, count: int) -> str:
    """
    Return the name of a quantization scheme: what the library calls it, else the stored type or the bits of a number.

    The class that holds it follows in brackets, as in ``"nf4 (Params4bit)"``.

    Parameters
    ----------
    holders : iterable of object
        Where the library may keep the name: the tensor, its state, the layer; the class of the first is named.
    main : Tensor
        The largest of the tensors that store the numbers.
    count : int
        How many numbers they stand for.
    """
    holders = list(holders)
    kind = type(holders[0]).__name__
    for holder in holders:
        for name in _SCHEMES:
            with contextlib.suppress(Exception):  # the class's own code
                value = holder.get(name) if isinstance(holder, dict) else getattr(holder, name, None)
                value = getattr(value, "name", value)
                if isinstance(value, str) and value:
                    return f"{value} ({kind})"
                if type(value) is int and 0 < value <= 16:
                    return f"{value}-bit ({kind})"
    if main.numel() == count:
        return f"{str(main.dtype).removeprefix('torch.')} ({kind})"
    bits = round(8 * main.numel() * main.dtype.itemsize / max(count, 1))
    return f"{bits}-bit ({kind})"
