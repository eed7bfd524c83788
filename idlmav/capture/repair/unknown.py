"""Assumed results: meta tensors with assumed sizes, and tensors of unknown structure."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from idlmav.capture.python_private import unpack_count
from idlmav.capture.shapes.rules.registry import contiguous
from idlmav.capture.torch_private import disabled_torch_function

if TYPE_CHECKING:
    from idlmav.capture.repair.session import Session

__all__ = ["ACTIVE", "Assumption", "Key", "Part", "Pins", "Plan", "Unknown", "UnknownShape", "make_unknown", "resized"]

Key = tuple[int, int]
"""Index of the op that an assumed result stands for, and which of its outputs it is."""
_SPATIAL = 32
_STEPS = 16
_CHANNELS = 3


class _Active(threading.local):
    session: Session | None = None


ACTIVE: Any = _Active()
"""``ACTIVE.session`` is the session of this thread's repair run; ``None`` in other threads."""


@dataclass(frozen=True)
class Part:
    """The way to a part of an unknown value: an attribute, a key, or a position in a list."""

    name: str | int
    attribute: bool = False


@dataclass
class Assumption:
    """
    Assumed shape and type of a result.

    Attributes
    ----------
    sizes : list of int
        The sizes with which the run goes on.
    known : list of bool
        Which of them are known.
    rank_known : bool
        Whether the number of dimensions is known.
    dtype : torch.dtype
        Element type.
    soft : bool
        Whether the sizes come from arguments that may be wrong, so that demands of consumers replace them.
    typed : bool
        Whether the element type is known; otherwise demands of consumers replace it.
    """

    sizes: list[int]
    known: list[bool]
    rank_known: bool
    dtype: torch.dtype
    soft: bool = False
    typed: bool = True


@dataclass
class Pins:
    """Rank, sizes and type that ops demand of an assumed result."""

    rank: int | None = None
    firm: bool = False
    sizes: dict[int, int] = field(default_factory=dict)
    dtype: torch.dtype | None = None


@dataclass
class Plan:
    """
    Demands that are known before a run; each run adds to them.

    Attributes
    ----------
    pins : dict of Key to Pins
        Sizes that consumers demand.
    altered : frozenset of (Key, int)
        The assumed sizes that this run changes, to see what depends on them.
    frozen : bool
        Whether this run does not add to it.
    changed : bool
        Whether this run has added to it.
    spatial : int
        Height and width of images of which nothing is known.
    """

    pins: dict[Key, Pins] = field(default_factory=dict)
    altered: frozenset[tuple[Key, int]] = frozenset()
    frozen: bool = False
    changed: bool = False
    spatial: int = _SPATIAL

    def pin_rank(self, key: Key, rank: int, *, firm: bool = False) -> None:
        """Pin a rank; one that an op or an unpacking surely demands (`firm`) replaces one that is not."""
        pins = self._pins(key)
        if pins.rank is None or (pins.rank != rank and firm and not pins.firm):
            pins.rank, pins.firm, pins.sizes, self.changed = rank, firm, {}, True

    def told(self, key: Key) -> Pins:
        """Return the demands on a result."""
        return self.pins.get(key) or Pins()

    def pin_size(self, key: Key, dim: int, size: int) -> None:
        """Pin a size; the last demand counts."""
        pins = self._pins(key)
        if pins.sizes.get(dim) != size:
            pins.sizes[dim], self.changed = size, True

    def pin_dtype(self, key: Key, dtype: torch.dtype) -> None:
        """Pin an element type."""
        pins = self._pins(key)
        if pins.dtype is not dtype:
            pins.dtype, self.changed = dtype, True

    def _pins(self, key: Key) -> Pins:
        return Pins() if self.frozen else self.pins.setdefault(key, Pins())

    def applied(self, key: Key, prior: Assumption) -> Assumption:
        """Return an assumption changed as demanded by now."""
        found = replace(prior, sizes=list(prior.sizes), known=list(prior.known))
        pins = self.told(key)
        if pins.rank is not None:
            if pins.rank != len(found.sizes):
                found.sizes = resized(found.sizes, pins.rank, self.spatial)
                found.known = (found.known[:1] + [False] * pins.rank)[: pins.rank]
            found.rank_known = True
        for dim, size in pins.sizes.items():
            if dim < len(found.sizes):
                found.sizes[dim], found.known[dim] = size, True
        found.dtype = pins.dtype or found.dtype
        for altered, dim in self.altered:
            if altered == key and dim < len(found.sizes):
                found.sizes[dim] *= 2
        return found


def resized(sizes: list[int], rank: int, spatial: int = _SPATIAL) -> list[int]:
    """Return sizes for another rank: the batch stays first, new dimensions get usual sizes."""
    if rank == len(sizes):
        return list(sizes)
    if rank <= 0:
        return []
    batch, rest = sizes[:1] or [1], sizes[1:]
    if rank - 1 <= len(rest):
        return batch + rest[len(rest) - rank + 1 :]
    if rank <= 3:
        return batch + [_STEPS] * (rank - 1 - len(rest[-1:])) + rest[-1:]
    places = [spatial] * 2 if rank == 4 else [_STEPS] * (rank - 4) + [spatial] * 2
    return batch + (rest[:1] or [_CHANNELS]) + places


class Unknown(Tensor):
    """
    A result of unknown structure: tensor of unknown rank, tuple, or any object.

    Its parts, items and results of calls are unknown, too. Its rank is that of the assumption `key` plus `offset`.
    """

    __torch_function__ = disabled_torch_function
    key: Key
    offset: int

    def __getattr__(self, name: str) -> Any:
        if ACTIVE.session is None or name.startswith("_"):
            raise AttributeError(f"'Tensor' object has no attribute {name!r}")
        return ACTIVE.session.part_of(self, (), Part(name, attribute=True))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return something unknown: the missing value may have been a layer."""
        return ACTIVE.session.part_of(self, (args, kwargs))

    def __iter__(self) -> Iterator[Any]:
        count = unpack_count(sys._getframe(1))
        return iter([ACTIVE.session.part_of(self, (), Part(place)) for place in range(count or 1)])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (int, str)) and not isinstance(index, bool):
            return ACTIVE.session.part_of(self, (), Part(index))
        return torch.Tensor.__getitem__(self, index)

    def keys(self) -> list[str]:
        """Return no names, so that an unknown mapping can be merged."""
        return []

    def items(self) -> list[tuple[str, Any]]:
        """Return no pairs."""
        return []


def make_unknown(sizes: list[int], dtype: torch.dtype, key: Key, offset: int = 0) -> Unknown:
    """Make a meta tensor whose structure is not known."""
    tensor: Unknown = contiguous(sizes, dtype).as_subclass(Unknown)
    tensor.key, tensor.offset = key, offset
    return tensor


class UnknownShape(tuple[int, ...]):
    """Sizes of an unknown tensor: ``B, C, H, W = x.shape`` shows that there are four."""

    tensor: Unknown

    @classmethod
    def of(cls, tensor: Unknown) -> UnknownShape:
        """Make the sizes of a tensor."""
        made = cls(tensor.shape)
        made.tensor = tensor
        return made

    def __iter__(self) -> Iterator[int]:
        count = unpack_count(sys._getframe(1))
        if count is None or count == len(self):
            return super().__iter__()
        return iter(ACTIVE.session.pin_rank(self.tensor, count, firm=True))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int) and not -len(self) <= index < len(self):
            return ACTIVE.session.pin_rank(self.tensor, index + 1 if index >= 0 else -index)[index]
        return super().__getitem__(index)

    def numel(self) -> int:
        """Return the number of elements, as `torch.Size` does."""
        return torch.Size(tuple(super().__iter__())).numel()
