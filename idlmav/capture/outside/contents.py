"""Restore what containers and slots hold, by the methods of Python's own classes: those of a user's class may refuse."""

from __future__ import annotations

import contextlib
import weakref
from array import array
from collections import OrderedDict, deque
from operator import is_
from types import MemberDescriptorType
from typing import Any

__all__ = ["BASES", "MISSING", "base_of", "refill", "restore_container", "restore_slot"]

BASES = (OrderedDict, dict, list, set, deque, bytearray, array)
"""Classes of containers; of those derived from one, the content is read and written by the methods of this one."""
MISSING: Any = object()
"""Stands for what a slot or variable holds that is not set."""
_base_by_kind: dict[type, Any] = {}


def base_of(kind: type) -> Any:
    """Return which of the classes of containers a class is derived from."""
    found = _base_by_kind.get(kind)
    if found is None:
        found = _base_by_kind[kind] = next(one for one in BASES if issubclass(kind, one))
    return found


def restore_container(base: Any, container: Any, content: Any) -> None:
    """Restore what a container holds; most are unchanged, and another thread may run the model at this moment."""
    if base is dict or base is OrderedDict:
        _restore_dict(base, container, content)
    elif base is set:
        if len(container) != len(content) or not all(map(container.__contains__, content)):
            set.clear(container)
            set.update(container, content)
    elif base in (bytearray, array):
        if container != content:
            container[:] = content
    elif base.__len__(container) != len(content) or not all(map(is_, base.__iter__(container), content)):
        if base is list:
            list.__setitem__(container, slice(None), content)
        else:
            deque.clear(container)
            deque.extend(container, content)


def _restore_dict(base: Any, container: Any, content: dict[Any, Any]) -> None:
    size = base.__len__(container)
    if size == len(content) and all(map(is_, base.__iter__(container), content)):
        if not all(map(is_, base.values(container), content.values())):
            for key, value in content.items():
                base.__setitem__(container, key, value)
        return
    base.clear(container)
    for key, value in content.items():
        if not (_is_dead(key) or _is_dead(value)):
            base.__setitem__(container, key, value)


def _is_dead(value: Any) -> bool:
    """Return whether a value is a weak reference to what is gone: its table has removed it."""
    return isinstance(value, weakref.ref) and value() is None


def restore_slot(slot: MemberDescriptorType, owner: Any, value: Any) -> None:
    """Give a slot of an object the value that it had."""
    try:
        now = slot.__get__(owner)
    except AttributeError:
        now = MISSING
    if now is value:
        return
    with contextlib.suppress(AttributeError, TypeError):  # it can only be read
        if value is MISSING:
            slot.__delete__(owner)
        else:
            slot.__set__(owner, value)


def refill(array_: Any, content: Any) -> None:
    """Give an array of NumPy the numbers that it had."""
    if array_.tobytes() != content.tobytes():
        array_[...] = content
