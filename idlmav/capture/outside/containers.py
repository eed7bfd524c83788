"""
Inputs and outputs of models: tensors in containers and objects of any class, found with their names.

This is another walk than that of `record.values`: it enters objects of all classes and names what it finds, and to
leaves copying to `copy.deepcopy`.
"""

from __future__ import annotations

import copy
import types
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from idlmav.capture.torch_private import DisableTorchFunction

__all__ = ["Copier", "Drained", "drain", "hold_iterators", "walk"]

_ATOMS = (str, bytes, int, float, complex, type(None), type, torch.dtype, torch.device, torch.Size)
_SHARED = (nn.Module, types.MethodType, types.FunctionType, types.BuiltinFunctionType, types.ModuleType, partial)
"""Neither copied nor entered: modules and functions are not data."""
_OBJECTS_AT_MOST = 100_000
_ITEMS_AT_MOST = 10_000


def _parts(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the direct parts of a container or an object, with their names."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from zip(value._fields, value, strict=True)
    elif isinstance(value, (list, tuple, deque, set, frozenset)):
        yield from enumerate(value)
    else:
        yield from getattr(value, "__dict__", {}).items()
        for kind in type(value).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if hasattr(value, name) and name not in ("__dict__", "__weakref__"):
                    yield name, getattr(value, name)


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the tensors, modules and functions in containers and objects of any class, with their names."""
    seen: set[int] = set()
    waiting = [(path, value)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, _ATOMS):
            continue
        if isinstance(value, (Tensor, *_SHARED)):
            yield path, value
        elif id(value) not in seen and len(seen) < _OBJECTS_AT_MOST:
            seen.add(id(value))
            parts = [(f"{path}.{name}" if path else str(name), part) for name, part in _parts(value)]
            waiting.extend(reversed(parts))


class Copier(TorchFunctionMode):
    """
    Copies inputs with stand-ins for their tensors, so that the model cannot change the user's objects.

    A tensor that is given twice has one stand-in, as models ask whether two arguments are the same.
    """

    def __init__(self, stand_in_of: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.stand_in_of = stand_in_of
        self.named: list[tuple[str, Tensor]] = []
        self.twins: list[tuple[str, str]] = []
        self.arguments: set[str] = set()  # names that no part of another input may have
        self._stand_ins: dict[int, tuple[Tensor, str, Tensor]] = {}
        self._path = ""

    def take(self, value: Any, path: str) -> Any:
        """Return a copy of one input; append new tensors to `named`, and those known already to `twins`."""
        if isinstance(value, _ATOMS) or (isinstance(value, _SHARED) and not isinstance(value, Tensor)):
            return value
        self._path = path
        memo: dict[int, Any] = {}
        with DisableTorchFunction():
            for name, found in walk(value, path):
                memo[id(found)] = self._stand_in(found, name) if isinstance(found, Tensor) else found
        if isinstance(value, Tensor):
            return memo[id(value)]
        if isinstance(value, torch.Generator):
            return value.clone_state()
        if callable(value) and not any(isinstance(found, Tensor) for found in memo.values()):
            return value
        stand_ins = {id(memo[id(found)]) for _, found in walk(value) if isinstance(found, Tensor)}
        try:
            with self:
                made = copy.deepcopy(value, dict(memo))
                with DisableTorchFunction():
                    whole = stand_ins <= {id(found) for _, found in walk(made)}
                return made if whole else _rebuilt(value, memo)
        except Exception:  # noqa: BLE001 - a part that cannot be copied: the input itself is used
            return value

    def _stand_in(self, tensor: Tensor, name: str) -> Tensor:
        known = self._stand_ins.get(id(tensor))
        name = self._public(name, known)
        if known is None:
            stand_in = self.stand_in_of(tensor)
            self._stand_ins[id(tensor)] = stand_in, name, tensor
            self.named.append((name, stand_in))
            return stand_in
        if name != known[1]:
            self.twins.append((name, known[1]))
        return known[0]

    def _public(self, name: str, known: Any) -> str:
        """Return the name by which a model finds what lies in private parts of an object: ``"x"`` for ``"data._store.x"``."""
        first, *parts = name.split(".")
        if not any(part.startswith("_") for part in parts):
            return name
        short = ".".join(part for part in parts if not part.startswith("_"))
        taken = {*self.arguments, *(other for other, _ in self.named)} - ({known[1]} if known is not None else set())
        return next((found for found in (short, f"{first}.{short}") if short and found not in taken), name)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Copy tensors that `walk` has not found."""
        with DisableTorchFunction():
            if func is not Tensor.__deepcopy__:
                return func(*args, **(kwargs or {}))
            tensor, memo = args
            if id(tensor) not in memo:
                memo[id(tensor)] = self._stand_in(tensor, f"{self._path}.{len(self.named)}")
            return memo[id(tensor)]


def _rebuilt(value: Any, memo: dict[int, Any]) -> Any:
    """Return a deep copy of an object whose class copies itself without regard to what is copied already."""
    if id(value) in memo:
        return memo[id(value)]
    if type(value) in (dict, list, tuple):
        parts = [_rebuilt(part, memo) for part in (value.values() if isinstance(value, dict) else value)]
        return dict(zip(value, parts, strict=True)) if isinstance(value, dict) else type(value)(parts)
    if not hasattr(type(value), "__deepcopy__") or not hasattr(value, "__dict__") or isinstance(value, _SHARED):
        return copy.deepcopy(value, memo)
    made = memo[id(value)] = object.__new__(type(value))
    made.__dict__.update({name: _rebuilt(part, memo) for name, part in vars(value).items()})
    return made


class Drained:
    """Items of an iterator, kept so that several runs can iterate over them."""

    def __init__(self, source: Iterator[Any]) -> None:
        self._source = source
        self._items: list[Any] = []

    def again(self, take: Callable[[Any, int], Any]) -> Iterator[Any]:
        """Return an iterator from the first item on; `take` gets each with its number."""
        index = 0
        while True:
            if index == len(self._items):
                with DisableTorchFunction():  # the code that makes the items is not the model's
                    try:
                        self._items.append(next(self._source))
                    except StopIteration:
                        return
            yield take(self._items[index], index)
            index += 1


def _is_iterator(value: Any) -> bool:
    return hasattr(value, "__next__") and type(value).__module__ in ("builtins", "itertools")


def hold_iterators(value: Any) -> Any:
    """Return arguments with `Drained` in place of iterators, so that a model can run more than once."""
    if type(value) in (list, tuple) and any(map(_is_iterator, value)):
        return type(value)([hold_iterators(item) for item in value])
    return Drained(value) if _is_iterator(value) else value


def drain(result: Any) -> Any:
    """Return a model's result with lists in place of iterators: what they compute belongs to the model."""
    if type(result) in (list, tuple) and any(map(_is_iterator, result)):
        return type(result)([drain(item) for item in result])
    if not _is_iterator(result):
        return result
    return [item for _, item in zip(range(_ITEMS_AT_MOST), result, strict=False)]
