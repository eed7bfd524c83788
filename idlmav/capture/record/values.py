"""
The one walk over nested values: the tensors in arguments and results of ops, found and replaced.

A value is a tensor, a container of values, or anything else, which is left alone. Containers are lists, tuples (named
ones, and those of torch's ops, too), dicts, sets, deques, dataclasses and slices, with the classes derived from them.
A container inside itself is entered once. What models take and return is walked by `outside.containers`, which enters
objects of any class and names what it finds; ops take nothing of that kind.
"""

from __future__ import annotations

import copy
import dataclasses
from collections import deque
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["map_tensors", "parts_of", "tensors_in"]

_ATOMS = frozenset({int, float, bool, str, bytes, complex, type(None), torch.dtype, torch.device, torch.Size})
"""Types of values that hold no tensor, passed over quickly."""


class _Form(NamedTuple):
    """How the values of one class are taken apart, and put together again from other parts."""

    parts: Callable[[Any], Collection[Any]]
    rebuild: Callable[[Any, list[Any]], Any]


def tensors_in(value: Any) -> list[Tensor]:
    """Return the tensors in a value, in the order in which `map_tensors` replaces them."""
    found: list[Tensor] = []
    _collect(value, found, set())
    return found


def _collect(value: Any, found: list[Tensor], outer: set[int]) -> None:
    kind: Any = type(value)
    if kind in _ATOMS:
        return
    if isinstance(value, Tensor):
        found.append(value)
        return
    form = _FORMS.get(kind) or _form(kind)
    if form is None or id(value) in outer:
        return
    outer.add(id(value))
    for part in form.parts(value):
        _collect(part, found, outer)
    outer.discard(id(value))


def map_tensors(function: Callable[[Tensor], Any], value: Any, ends: Callable[[Tensor], Any] | None = None) -> Any:
    """
    Return a value with a function applied to each tensor in it.

    Parameters
    ----------
    function : callable
        Takes a tensor and returns what stands in its place.
    value : object
        Lists, tuples, dicts, sets and slices are copied, containers of other classes where a part changes; each keeps
        its class. One that lies inside itself is left there as it is.
    ends : callable, optional
        Takes the tensors at the ends of slices, which are positions rather than data; by default `function`.
    """
    return _map(function, value, ends or function, set())


def _map(function: Callable[[Tensor], Any], value: Any, ends: Callable[[Tensor], Any], outer: set[int]) -> Any:
    kind: Any = type(value)
    if kind in _ATOMS:
        return value
    if isinstance(value, Tensor):
        return function(value)
    form = _FORMS.get(kind) or _form(kind)
    if form is None or id(value) in outer:
        return value
    if kind is slice:
        function = ends
    outer.add(id(value))
    parts = [_map(function, part, ends, outer) for part in form.parts(value)]
    outer.discard(id(value))
    return form.rebuild(value, parts)


def parts_of(value: Any) -> Collection[Any] | None:
    """Return what a container holds directly; ``None`` for other values."""
    kind: Any = type(value)
    form = _FORMS.get(kind) or _form(kind)
    return None if form is None else form.parts(value)


def _same(value: Any) -> Any:
    return value


def _values(value: Any) -> Any:
    return value.values()


_FORMS: dict[type, _Form] = {
    tuple: _Form(_same, lambda value, parts: tuple(parts)),
    list: _Form(_same, lambda value, parts: parts),
    dict: _Form(_values, lambda value, parts: dict(zip(value, parts, strict=True))),
    slice: _Form(lambda value: (value.start, value.stop, value.step), lambda value, parts: slice(*parts)),
    set: _Form(_same, lambda value, parts: set(parts)),
    frozenset: _Form(_same, lambda value, parts: frozenset(parts)),
}


@lru_cache(maxsize=1 << 10)
def _form(kind: type) -> _Form | None:
    """Return how a class that is not in `_FORMS` is taken apart; ``None`` for classes that are no containers."""
    if issubclass(kind, tuple):
        return _Form(_same, _if_changed(_same, _rebuilt_tuple))
    if issubclass(kind, (list, deque, set)):
        return _Form(_same, _if_changed(_same, _refilled))
    if issubclass(kind, dict):
        return _Form(_values, _if_changed(_values, _updated))
    if dataclasses.is_dataclass(kind) and not issubclass(kind, torch.nn.Module):
        return _Form(_fields, _if_changed(_fields, _with_fields))
    return None


def _if_changed(
    parts_of_value: Callable[[Any], Collection[Any]], rebuild: Callable[[Any, list[Any]], Any]
) -> Callable[[Any, list[Any]], Any]:
    """Return a function that rebuilds a value only if a part of it is another one."""

    def rebuilt(value: Any, parts: list[Any]) -> Any:
        unchanged = all(old is new for old, new in zip(parts_of_value(value), parts, strict=True))
        return value if unchanged else rebuild(value, parts)

    return rebuilt


def _rebuilt_tuple(value: Any, parts: list[Any]) -> Any:
    kind = type(value)
    if hasattr(kind, "n_sequence_fields"):  # what torch's ops with several results return: `torch.return_types`
        return kind(parts)
    made = tuple.__new__(kind, parts)  # the class's own `__new__` may take other arguments
    getattr(made, "__dict__", {}).update(getattr(value, "__dict__", {}))
    return made


def _refilled(value: Any, parts: list[Any]) -> Any:
    made = copy.copy(value)
    made.clear()
    (made.update if isinstance(made, set) else made.extend)(parts)
    return made


def _updated(value: Any, parts: list[Any]) -> Any:
    made = copy.copy(value)
    for key, part in zip(value, parts, strict=True):
        made[key] = part
    return made


def _names(value: Any) -> list[str]:
    """Return the fields of a dataclass that are set."""
    return [field.name for field in dataclasses.fields(value) if hasattr(value, field.name)]


def _fields(value: Any) -> list[Any]:
    return [getattr(value, name) for name in _names(value)]


def _with_fields(value: Any, parts: list[Any]) -> Any:
    made = object.__new__(type(value))  # not by `__init__`, which may compute or refuse
    getattr(made, "__dict__", {}).update(getattr(value, "__dict__", {}))
    for name, part in zip(_names(value), parts, strict=True):
        object.__setattr__(made, name, part)  # also where the class is frozen
    return made
