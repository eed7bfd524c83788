"""Restore the model, the random number generators and torch's settings after a run."""

from __future__ import annotations

import operator
import random
import sys
import warnings
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import torch

from idlmav.capture.outside.caches import without_kept_tensors

__all__ = ["Snapshot", "left_as_found"]

_CONTAINERS = frozenset({dict, OrderedDict, defaultdict, list, set, deque})


_DULL: set[type] = {bool, int, float, str, tuple, type(None), torch.dtype, torch.device, torch.Size}
"""Types of attributes with nothing to restore; others are added when they are met."""
_OBJECTS_AT_MOST = 1000


def _is_plain(value: Any) -> bool:
    """Return whether a value is an object with attributes of its own that is neither module, tensor nor code."""
    kind = type(value)
    if kind in _CONTAINERS:
        return False
    opaque = isinstance(value, (type, ModuleType, torch.nn.Module, torch.Tensor, *_CONTAINERS)) or callable(value)
    if opaque or not hasattr(value, "__dict__"):
        if kind is not torch.Generator:
            _DULL.add(kind)
        return False
    return True


class Snapshot:
    """
    The attributes of all modules and of plain objects in them, with shallow copies of the containers, also of nested ones.

    Tensors are not copied: capture never computes with them. Parameters, buffers, hooks and child modules lie in
    such containers, the training mode is an attribute.
    """

    def __init__(self, modules: Iterable[torch.nn.Module]) -> None:
        self._found: list[tuple[dict[str, Any], dict[str, Any], list[Any], list[tuple[Any, Any]]]] = []
        self._generators: dict[int, tuple[torch.Generator, Any]] = {}
        containers, dull = _CONTAINERS, _DULL
        objects: dict[int, Any] = {}
        seen: set[int] = set()
        waiting = [module.__dict__ for module in modules]
        for attributes in waiting:
            filled: list[tuple[Any, Any]] = []
            empty: list[Any] = []
            holders: list[Any] = [attributes]
            for holder in holders:
                values = holder.values() if isinstance(holder, dict) else holder
                if dull.issuperset(map(type, values)):
                    continue  # parameters, buffers, child modules
                others = [value for value in values if type(value) not in dull]
                found = [value for value in others if type(value) in containers]
                if len(found) < len(others) and len(objects) < _OBJECTS_AT_MOST:
                    # A configuration or a cache, into which forward may write.
                    new = {id(value): value for value in others if id(value) not in objects and _is_plain(value)}
                    objects.update(new)
                    waiting += map(vars, new.values())
                    self._note_generators(others)
                # Most containers are tables of hooks, all empty: to copy them would take most of the time.
                for value in found:
                    if not value:
                        empty.append(value)
                    elif id(value) not in seen:
                        seen.add(id(value))
                        filled.append((value, value.copy()))
                        holders.append(value)
            self._found.append((attributes, attributes.copy(), empty, filled))

    def _note_generators(self, values: list[Any]) -> None:
        for value in values:
            if isinstance(value, torch.Generator):
                self._generators[id(value)] = value, value.get_state()

    def restore(self) -> None:
        """Restore every attribute, the content of every container and the state of every random generator."""
        for generator, state in self._generators.values():
            generator.set_state(state)
        for attributes, before, empty, filled in self._found:
            if len(attributes) != len(before):
                for name in [name for name in attributes if name not in before]:
                    del attributes[name]
            attributes.update(before)
            if any(empty):
                for container in empty:
                    container.clear()
            for container, content in filled:
                if _unchanged(container, content):
                    continue  # most are unchanged, and another thread may run the model at this moment
                container.clear()
                if isinstance(container, (list, deque)):
                    container.extend(content)
                else:
                    container.update(content)


def _unchanged(container: Any, content: Any) -> bool:
    """Return whether a container holds the very same objects; comparing tensors would compute with them."""
    if len(container) != len(content) or isinstance(container, set):
        return False
    if isinstance(container, dict):
        return list(container) == list(content) and all(map(operator.is_, container.values(), content.values()))
    return all(map(operator.is_, container, content))


@contextmanager
def left_as_found(modules: Iterable[torch.nn.Module]) -> Iterator[None]:
    """Undo on exit all that a forward pass changed in the model or in the process, also if it was interrupted."""
    modules = list(modules)
    snapshot = Snapshot(modules)
    with ExitStack() as undo:
        undo.enter_context(without_kept_tensors(modules))
        undo.callback(torch.set_rng_state, torch.get_rng_state())
        undo.callback(random.setstate, random.getstate())
        if "numpy" in sys.modules:
            numpy_random = sys.modules["numpy"].random
            undo.callback(numpy_random.set_state, numpy_random.get_state())
        undo.callback(torch.set_grad_enabled, torch.is_grad_enabled())
        undo.callback(torch.set_default_dtype, torch.get_default_dtype())
        undo.callback(_restore_filters, list(warnings.filters))
        undo.callback(snapshot.restore)
        undo.callback(_restore_classes, modules, [*map(type, modules)])
        yield


def _restore_classes(modules: list[torch.nn.Module], found: list[type]) -> None:
    """Make lazy layers lazy again: their first call changes their class."""
    for module, kind in zip(modules, found, strict=True):
        if type(module) is not kind:
            module.__class__ = kind


def _restore_filters(found: list[Any]) -> None:
    if warnings.filters != found:
        with warnings.catch_warnings():  # tells Python on exit that they have changed
            pass
        warnings.filters[:] = found  # type: ignore[index]
