"""
Note what a forward pass may change, the model and what its code can reach, and put it back.

`Snapshot` walks from the attributes of all modules, and from what `reach` finds, through containers and objects; of each
mutable one it keeps a shallow copy. Afterwards it gives every object its content again: the same objects at the same
places. Tensors are not copied: capture never computes with them.
"""

from __future__ import annotations

import itertools
import random
import sys
import threading
import weakref
from array import array
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from enum import Enum
from operator import setitem
from types import CellType, FunctionType, MappingProxyType, MemberDescriptorType, ModuleType
from typing import Any

import torch

from idlmav.capture.outside.contents import BASES, MISSING, base_of, refill, restore_container, restore_slot
from idlmav.capture.outside.iterators import copied_iterator
from idlmav.capture.outside.reach import (
    HEAP_TYPE,
    Reach,
    content_of,
    is_code_class,
    is_foreign,
    is_installed,
    parts_of_code,
    reach_of,
)
from idlmav.capture.python_private import LruCache
from idlmav.capture.record.classify import module_name

__all__ = ["Snapshot"]

_CONTAINERS = frozenset({dict, OrderedDict, defaultdict, list, set, deque})
_DULL: set[type] = {
    bool, int, float, complex, str, bytes, type(None), type(...), torch.dtype, torch.device, torch.Size, slice, range,
    weakref.ref, weakref.KeyedRef, MappingProxyType, ModuleType, torch.Tensor, torch.nn.Parameter,
}  # fmt: skip
"""Types of values with nothing to put back; others are added when they are met."""
_OPEN = frozenset({"_thread", "_threading_local", "argparse", "collections", "queue", "types", "weakref"})
"""Modules of the standard library whose objects hold what a user puts there."""
_OBJECTS_AT_MOST, _ITEMS_AT_MOST, _ARRAY_BYTES_AT_MOST = 20_000, 1 << 20, 1 << 26
_lock = threading.RLock()
"""What `reach` remembers is read and changed by one thread at a time."""


class Snapshot:
    """
    What forward may change, as it was.

    Parameters
    ----------
    modules : iterable of Module
        Every module of the model.
    others : iterable of object
        What else forward can reach: inputs, hooks of all modules.
    """

    def __init__(self, modules: Iterable[torch.nn.Module], others: Iterable[Any] = ()) -> None:
        self._attributes: list[tuple[dict[str, Any], dict[str, Any], list[Any]]] = []
        self._contents: list[tuple[Any, Any, Any]] = []
        self._undo: list[tuple[Callable[..., Any], Any]] = []
        self._cells: list[tuple[CellType, Any]] = []
        self._slots: list[tuple[MemberDescriptorType, Any, Any]] = []
        self._spaces: list[tuple[Any, tuple[Any, ...]]] = []
        self._seen: dict[int, Any] = {}
        self._taken: dict[int, Any] = {}
        self._items_left, self._bytes_left = _ITEMS_AT_MOST, _ARRAY_BYTES_AT_MOST
        self._iterators: dict[int, Any] = {}
        self._kinds: set[type] = set()
        self._bare: list[dict[str, Any]] = []
        with _lock:
            modules = list(modules)
            self._known = reach_of({type(module) for module in modules})
            self._own = Reach(self._known)
            waiting = self._take_modules(modules)
            waiting += others
            waiting += self._own.include({type(module) for module in modules})
            self._walk(waiting)
            while self._take_code(waiting):
                self._walk(waiting)
        self.caches = [*self._known.caches.values(), *self._own.caches.values()]

    # ---- the modules of the model: most of their containers are empty, or hold parameters and modules only

    def _take_modules(self, modules: list[torch.nn.Module]) -> list[Any]:
        containers, dull, seen = _CONTAINERS, _DULL, self._seen
        others: list[Any] = []
        of_tensors: list[dict[str, Any]] = []
        for module in modules:
            seen[id(module)] = module
            attributes = module.__dict__
            before = attributes.copy()
            empty: list[Any] = []
            holders: list[Any] = [attributes]
            for holder in holders:
                values = holder.values() if isinstance(holder, dict) else holder
                if dull.issuperset(map(type, values)):
                    continue  # parameters, buffers, child modules
                for value in values:
                    kind = type(value)
                    if kind in dull or (kind is tuple and dull.issuperset(map(type, value))):
                        continue
                    if kind not in containers:
                        others.append(value)
                        if kind in _ITERATORS:
                            self._replace_iterators(holder)
                    elif not value:
                        # Most containers are tables of hooks, all empty: to copy them would take most of the time.
                        empty.append(value)
                    elif id(value) not in seen:
                        seen[id(value)] = value
                        self._contents.append((base_of(kind), value, value.copy()))
                        holders.append(value)
            self._attributes.append((attributes, before, empty))
            for table in ("_parameters", "_buffers"):
                if attributes.get(table):
                    tensors = [value for value in attributes[table].values() if isinstance(value, torch.Tensor)]
                    of_tensors += [vars(tensor) for tensor in tensors]
        self._bare = [found for found in of_tensors if not found]
        return others + [found for found in of_tensors if found]

    # ---- everything else

    def _walk(self, waiting: list[Any]) -> None:
        seen, dull = self._seen, _DULL
        while waiting:
            value = waiting.pop()
            kind = type(value)
            if kind in dull or id(value) in seen:
                continue
            enter = _entries.get(kind) or _entry(kind)
            if enter is None:
                if kind not in _ITERATORS:
                    dull.add(kind)
            elif len(seen) < _OBJECTS_AT_MOST:
                seen[id(value)] = value
                enter(self, value, waiting)

    def _take_code(self, waiting: list[Any]) -> bool:
        """Note the variables, classes and functions that code can name and that are new; return whether there are any."""
        seen, before = self._taken, len(self._taken)
        for reach in (self._known, self._own):
            for space in list(reach.spaces.values()):
                values = space.values()
                objects, code = space.objects(values)
                waiting += reach.include(code)
                if id(space) not in seen:
                    seen[id(space)] = space
                    self._spaces.append((space, values))
                    for name, value in objects:
                        if type(value) in _ITERATORS:
                            space.put(name, self._copied(value))
                waiting += [value for _, value in objects]
            for function in list(reach.watched):
                if id(function) not in seen:
                    seen[id(function)] = function
                    waiting += function.__closure__ or ()
                    waiting += function.__defaults__ or ()
                    waiting += [function.__dict__, function.__kwdefaults__]
        return len(seen) > before

    def _container(self, value: Any, waiting: list[Any]) -> None:
        base = base_of(type(value))
        size = base.__len__(value)
        self._items_left -= size
        if self._items_left < 0:
            return
        items: Any = value.values() if type(value) is dict else None
        if issubclass(base, dict):
            content: Any = dict(base.items(value))
            items = content.values()
        else:
            content = items = list(base.__iter__(value)) if base not in (bytearray, array) else value[:]
        self._contents.append((base, value, content))
        if base in (bytearray, array) or _DULL.issuperset(map(type, items)):
            items = ()
        waiting += items
        if not _ITERATORS.isdisjoint(map(type, items)):
            self._replace_iterators(value)
        if type(value) not in BASES:
            self._object(value, waiting)

    def _object(self, value: Any, waiting: list[Any]) -> None:
        attributes = _attributes_of(value)
        if attributes is not None:
            waiting.append(attributes)
        for slot in _slots_of(type(value)):
            try:
                held = slot.__get__(value)
            except AttributeError:
                held = MISSING
            self._slots.append((slot, value, held))
            waiting.append(held)
            if type(held) in _ITERATORS:
                slot.__set__(value, self._copied(held))
        kind = type(value)
        if kind not in self._kinds:
            self._kinds.add(kind)
            if not (is_foreign(module_name(kind)) or self._known.knows(kind) or is_installed(kind)):
                waiting += self._own.include([kind])

    def _parts(self, value: Any, waiting: list[Any]) -> None:
        waiting += value

    def _code(self, value: Any, waiting: list[Any]) -> None:
        if self._known.knows(value):
            return
        if not isinstance(value, (type, FunctionType, LruCache)):
            waiting += parts_of_code(value)
        elif isinstance(value, LruCache) or not is_installed(value):
            waiting += self._own.include([value])
        elif isinstance(value, FunctionType):  # such as a wrapper around a function of the user's
            waiting += value.__closure__ or ()

    def _cell(self, cell: CellType, waiting: list[Any]) -> None:
        value = content_of(cell)
        self._cells.append((cell, value))
        waiting.append(value)
        if type(value) in _ITERATORS:
            cell.cell_contents = self._copied(value)

    def _random(self, value: Any, waiting: list[Any]) -> None:
        if isinstance(value, random.Random):
            self._undo.append((value.setstate, value.getstate()))
            self._object(value, waiting)
        elif isinstance(value, torch.Generator) or hasattr(value, "get_state"):
            self._undo.append((value.set_state, value.get_state()))
        else:
            source = getattr(value, "bit_generator", value)
            self._undo.append((lambda state: setattr(source, "state", state), source.state))

    def _array(self, value: Any, waiting: list[Any]) -> None:
        if value.dtype.hasobject:
            waiting += value.ravel().tolist()
        self._bytes_left -= value.nbytes
        if value.flags.writeable and self._bytes_left >= 0:
            self._undo.append((lambda content: refill(value, content), value.copy()))

    def _tensor(self, value: Any, waiting: list[Any]) -> None:
        attributes = vars(value)
        if attributes:
            waiting.append(attributes)
        else:
            self._bare.append(attributes)

    # ---- iterators, which cannot be turned back: forward gets copies of them

    def _copied(self, iterator: Any) -> Any:
        if id(iterator) not in self._iterators:
            self._iterators[id(iterator)] = iterator, copied_iterator(iterator)
        return self._iterators[id(iterator)][1]

    def _replace_iterators(self, holder: Any) -> None:
        pairs = list(holder.items() if isinstance(holder, dict) else enumerate(holder))
        for key, value in pairs:
            if type(value) in _ITERATORS:
                setitem(holder, key, self._copied(value))

    # ---- afterwards

    def restore(self) -> None:
        """Restore attributes and variables, contents of containers and states of random generators."""
        for attributes, before, empty in self._attributes:
            attributes.update(before)
            if len(attributes) != len(before):
                for name in [name for name in attributes if name not in before]:
                    del attributes[name]
            if any(empty):
                for container in empty:
                    container.clear()
        for base, container, content in self._contents:
            restore_container(base, container, content)
        if any(self._bare):
            for attributes in self._bare:
                attributes.clear()
        for slot, owner, value in self._slots:
            restore_slot(slot, owner, value)
        for cell, value in self._cells:
            if content_of(cell) is not value:
                cell.cell_contents = value
        for space, values in self._spaces:
            space.restore(values)
        for put_back, state in self._undo:
            put_back(state)


def _attributes_of(value: Any) -> dict[str, Any] | None:
    if isinstance(value, threading.local):
        return value.__dict__  # that of this thread
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None
    return found if type(found) is dict else None


_Entry = Callable[[Snapshot, Any, list[Any]], None]
_entries: dict[type, _Entry] = {}
"""By class, what notes an object of it."""
_ITERATORS = frozenset({itertools.count, *(type(iter(made())) for made in (list, tuple, str, dict, set))})
_SLOTS: dict[type, tuple[MemberDescriptorType, ...]] = {}


def _slots_of(kind: type) -> tuple[MemberDescriptorType, ...]:
    found = _SLOTS.get(kind)
    if found is None:
        bases = [base for base in kind.__mro__ if base.__flags__ & HEAP_TYPE and not is_foreign(module_name(base))]
        members = [value for base in bases for value in vars(base).values()]
        found = _SLOTS[kind] = tuple([value for value in members if isinstance(value, MemberDescriptorType)])
    return found


def _entry(kind: type) -> _Entry | None:
    """Return what notes an object of a class, and remember it; ``None`` if there is nothing to note."""
    numpy: Any = sys.modules.get("numpy")
    enter: _Entry | None
    root = module_name(kind).partition(".")[0]
    if issubclass(kind, (Enum, threading.Thread)):
        enter = None
    elif issubclass(kind, torch.Tensor):
        enter = Snapshot._tensor
    elif issubclass(kind, BASES):
        enter = Snapshot._container
    elif issubclass(kind, (tuple, frozenset)):
        enter = Snapshot._parts
    elif is_code_class(kind):
        enter = Snapshot._code
    elif kind is CellType:
        enter = Snapshot._cell
    elif issubclass(kind, (random.Random, torch.Generator)):
        enter = Snapshot._random
    elif numpy is not None and issubclass(kind, numpy.ndarray):
        enter = Snapshot._array
    elif root == "numpy" and (hasattr(kind, "bit_generator") or hasattr(kind, "state") or hasattr(kind, "get_state")):
        enter = Snapshot._random
    elif is_foreign(root) and root not in _OPEN and root not in ("torch", "numpy"):
        enter = None
    else:
        keeps = getattr(kind, "__dictoffset__", 0) or _slots_of(kind) or issubclass(kind, threading.local)
        enter = Snapshot._object if keeps else None
    if enter is not None:
        _entries[kind] = enter
    return enter
