"""Clear the `functools` caches that hold tensors, before and after a capture."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import torch

from idlmav.capture.python_private import LruCache, held_by
from idlmav.capture.record.classify import module_name
from idlmav.capture.record.values import tensors_in

__all__ = ["without_kept_tensors"]

_FOREIGN = ("torch", "builtins", "")
_NO_TENSORS = frozenset({bool, int, float, str, "bool", "int", "float", "str"})
_in_module: dict[str, tuple[list[Any], frozenset[str]]] = {}
"""By name of a Python module: its caches, and the modules of its package from which it has functions."""
_in_class: WeakKeyDictionary[type, list[Any]] = WeakKeyDictionary()
_clean: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
"""Number of misses of a cache when it last held no tensors; most caches never change."""


@contextmanager
def without_kept_tensors(modules: Iterable[torch.nn.Module]) -> Iterator[None]:
    """
    Empty the caches that hold tensors, before and after: the next real run must not get a meta tensor from one.

    These are the caches of `functools` in the classes of the modules and in the Python modules that define them.
    """
    caches = _caches({type(module) for module in modules})
    for cache in caches:
        _forget_tensors(cache)
    try:
        yield
    finally:
        for cache in caches:
            _forget_tensors(cache)


def _forget_tensors(cache: Any) -> None:
    _, misses, _, size = cache.cache_info()
    if size == 0 or _clean.get(cache) == misses:
        return
    # Keys as well: they may hold tensors.
    if tensors_in(held_by(cache)):
        cache.cache_clear()
    else:
        _clean[cache] = misses


def _caches(kinds: set[type]) -> list[Any]:
    """Return the caches that the methods of these classes can reach by name, each once."""
    found: dict[int, Any] = {}
    bases = {base for kind in kinds for base in kind.__mro__ if not _is_foreign(module_name(base))}
    for base in bases:
        caches = _in_class.get(base)
        if caches is None:
            caches = _in_class[base] = _among(vars(base).values())
        found.update((id(cache), cache) for cache in caches)
    waiting, seen = {module_name(base) for base in bases}, set[str]()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        caches, further = _in_module.get(name) or _of_module(name)
        found.update((id(cache), cache) for cache in caches)
        waiting |= further - seen
    return list(found.values())


def _is_foreign(module: str) -> bool:
    return module.partition(".")[0] in _FOREIGN


def _of_module(name: str) -> tuple[list[Any], frozenset[str]]:
    values = list(vars(sys.modules[name]).values()) if name in sys.modules else []
    functions = {value.__module__ or "" for value in values if isinstance(value, FunctionType)}
    package = name.partition(".")[0]
    answer = _among(values), frozenset(other for other in functions if other.partition(".")[0] == package)
    if name != "__main__":  # cells of a notebook change it
        _in_module[name] = answer
    return answer


def _among(values: Iterable[Any]) -> list[Any]:
    """Return the caches among functions and methods, also those inside a wrapper."""
    found = []
    for value in values:
        inside = getattr(value, "__func__", value) if isinstance(value, (staticmethod, classmethod)) else value
        cells = [inside]
        if isinstance(inside, FunctionType) and inside.__closure__:
            with contextlib.suppress(ValueError):  # a cell that is not filled yet
                cells += [cell.cell_contents for cell in inside.__closure__]
        found += [cell for cell in cells if isinstance(cell, LruCache) and not _says_no_tensors(cell)]
    return found


def _says_no_tensors(cache: Any) -> bool:
    """Return whether the function is annotated to return a plain number or text."""
    returned = getattr(cache, "__annotations__", {}).get("return")
    return isinstance(returned, (type, str)) and returned in _NO_TENSORS
