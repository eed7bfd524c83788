"""Clear the `functools` caches that hold tensors, before and after a capture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from idlmav.capture.python_private import held_by
from idlmav.capture.record.values import tensors_in

__all__ = ["without_kept_tensors"]

_NO_TENSORS = frozenset({bool, int, float, str, "bool", "int", "float", "str"})
_clean: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
"""Number of misses of a cache when it last held no tensors; most caches never change."""


@contextmanager
def without_kept_tensors(caches: Iterable[Any]) -> Iterator[None]:
    """Empty the caches that hold tensors, before and after: the next real run must not get a meta tensor from one."""
    caches = [cache for cache in caches if not _says_no_tensors(cache)]
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


def _says_no_tensors(cache: Any) -> bool:
    """Return whether the function is annotated to return a plain number or text."""
    returned = getattr(cache, "__annotations__", {}).get("return")
    return isinstance(returned, (type, str)) and returned in _NO_TENSORS
