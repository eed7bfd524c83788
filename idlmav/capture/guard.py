"""Rung 7: the model, the random number generators and the garbage collector are left as found."""

from __future__ import annotations

import gc
import random
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

__all__ = ["Snapshot", "left_as_found", "walk_modules"]

_CONTAINERS = frozenset({dict, OrderedDict, defaultdict, list, set, deque})


def walk_modules(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """Yield every module once with its first path, parents before children, without recursion."""
    seen: set[int] = set()
    waiting: list[tuple[str, torch.nn.Module]] = [("", model)]
    while waiting:
        path, module = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        yield path, module
        children = module.__dict__.get("_modules")
        if children is None or isinstance(module, torch.jit.ScriptModule):
            children = dict(module.named_children())
        prefix = f"{path}." if path else ""
        waiting.extend((prefix + name, child) for name, child in reversed(children.items()) if child is not None)


class Snapshot:
    """
    The attributes of all modules, with shallow copies of the containers among them.

    Tensors are not copied: capture never computes with them. Parameters, buffers, hooks and child modules lie in
    such containers, the training mode is an attribute.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self._found: list[tuple[dict[str, Any], dict[str, Any], list[tuple[Any, Any]]]] = []
        for _, module in walk_modules(model):
            attributes = module.__dict__
            containers = [(value, value.copy()) for value in attributes.values() if type(value) in _CONTAINERS]
            self._found.append((attributes, attributes.copy(), containers))

    def restore(self) -> None:
        """Put back every attribute, and the content of every container."""
        for attributes, before, containers in self._found:
            if len(attributes) != len(before):
                for name in [name for name in attributes if name not in before]:
                    del attributes[name]
            attributes.update(before)
            for container, content in containers:
                if not container and not content:
                    continue
                container.clear()
                if isinstance(container, (list, deque)):
                    container.extend(content)
                else:
                    container.update(content)


@contextmanager
def left_as_found(model: torch.nn.Module) -> Iterator[None]:
    """
    Undo on exit whatever a forward pass changed in the model or in the process, also when it was interrupted.

    Parameters
    ----------
    model : torch.nn.Module
        The model that runs inside.
    """
    snapshot = Snapshot(model)
    with ExitStack() as undo:
        undo.callback(torch.set_rng_state, torch.get_rng_state())
        undo.callback(random.setstate, random.getstate())
        if "numpy" in sys.modules:
            numpy_random = sys.modules["numpy"].random
            undo.callback(numpy_random.set_state, numpy_random.get_state())
        undo.callback(torch.set_grad_enabled, torch.is_grad_enabled())
        undo.callback(snapshot.restore)
        if gc.isenabled():
            # Records are many and live to the end: collecting among them only costs time.
            gc.disable()
            undo.callback(gc.enable)
        yield
