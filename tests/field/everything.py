"""
Walk everything that can be reached from some objects, by the garbage collector's own view of them.

Shares nothing with the package: what an object refers to is what `gc.get_referents` says, so that no kind of container,
closure, slot or class attribute has to be known here. Content that is no reference (bytes, states) is read by type.
"""

from __future__ import annotations

import array
import gc
import itertools
import random
import sys
import types
from collections import OrderedDict, deque
from typing import Any

import numpy as np
import torch

__all__ = ["Everything"]

_ELSEWHERE = {*sys.stdlib_module_names, "torch", "numpy", "pytest", "_pytest", "idlmav", "pluggy"} - {"builtins"}
_ENDS = (types.CodeType, types.FrameType, types.BuiltinFunctionType, types.GetSetDescriptorType, str, int, float)


def _is_elsewhere(name: object) -> bool:
    return str(name).partition(".")[0] in _ELSEWHERE


def _parts(value: Any) -> list[Any]:
    if isinstance(value, types.FunctionType):
        inner = value.__globals__
        own = [inner] if not _is_elsewhere(inner.get("__name__")) else []
        return [
            value.__code__,
            value.__defaults__,
            value.__kwdefaults__,
            *(value.__closure__ or ()),
            value.__dict__,
            *own,
        ]
    if isinstance(value, types.ModuleType):
        return [] if _is_elsewhere(value.__name__) else [vars(value)]
    if isinstance(value, type):
        if _is_elsewhere(value.__module__) or not value.__flags__ & 1 << 9:
            return []
        return [item for name, item in sorted(vars(value).items()) if name not in ("__dict__", "__weakref__")]
    if isinstance(value, dict) and "__builtins__" in value:  # of a Python module, without what has loaded it
        return [item for name, item in value.items() if not name.startswith("__")]
    if isinstance(value, dict):
        return [*value.keys(), *value.values()] + ([vars(value)] if hasattr(value, "__dict__") else [])
    if isinstance(value, _ENDS):
        return []
    slots = [
        item.__get__(value, type(value))
        for base in type(value).__mro__
        for item in vars(base).values()
        if isinstance(item, types.MemberDescriptorType)
        and base.__flags__ & 1 << 9
        and _has(item, value)
        and not item.__name__.startswith("__")
    ]
    own = [value.__dict__] if isinstance(getattr(value, "__dict__", None), dict) else []
    if own and not isinstance(value, (list, set, deque, tuple)):
        return [*own, *slots]
    return [*own, *slots, *gc.get_referents(value)]


def _has(slot: Any, value: Any) -> bool:
    try:
        slot.__get__(value, type(value))
    except AttributeError:
        return False
    return True


def _content(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.is_meta, value._version, None if value.is_meta else value.detach().clone().tolist()
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes() if not value.dtype.hasobject else None
    if isinstance(value, (np.random.Generator, np.random.RandomState)):
        return str(value.bit_generator.state if isinstance(value, np.random.Generator) else value.get_state())
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, torch.Generator):
        return value.get_state().tolist()
    if isinstance(value, (bytearray, array.array, itertools.count)):
        return repr(value)
    if type(value) in (type(iter([])), type(iter(()))):
        return value.__length_hint__()
    return None


class Everything:
    """What can be reached from some objects, as it is now."""

    def __init__(self, *roots: Any) -> None:
        self.roots = roots
        self.found: dict[int, tuple[Any, list[Any], Any]] = {}
        waiting = [*roots]
        while waiting:
            value = waiting.pop()
            if id(value) in self.found:
                continue
            parts = _parts(value)
            self.found[id(value)] = value, parts, _content(value)
            waiting += parts

    def changes(self) -> list[str]:
        """Return what is different by now, by the text of each object that holds it."""
        now = Everything(*self.roots)
        changed = []
        for key, (value, parts, content) in self.found.items():
            if key not in now.found:
                changed.append(f"gone: {type(value).__name__}")
                continue
            _, parts_now, content_now = now.found[key]
            order = isinstance(value, OrderedDict) and [*value] != parts[: len(value)]
            if (
                content != content_now
                or order
                or [*map(id, _sorted(value, parts))] != [*map(id, _sorted(value, parts_now))]
            ):
                changed.append(f"changed: {type(value).__name__} {str(value)[:200]}")
        changed += [
            f"new: {type(v).__name__} {str(v)[:80]}" for k, (v, _, _) in now.found.items() if k not in self.found
        ]
        return changed


def _sorted(value: Any, parts: list[Any]) -> list[Any]:
    """Return parts in an order that does not depend on hashes."""
    return sorted(parts, key=id) if isinstance(value, (set, frozenset)) else parts
