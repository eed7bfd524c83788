"""Restore the model, the random number generators and torch's settings after a run."""

from __future__ import annotations

import contextvars
import random
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from idlmav.capture.outside.caches import without_kept_tensors
from idlmav.capture.outside.snapshot import Snapshot
from idlmav.capture.torch_private import GLOBAL_HOOKS

__all__ = ["left_as_found"]


@contextmanager
def left_as_found(modules: Iterable[torch.nn.Module], inputs: Iterable[Any] = ()) -> Iterator[None]:
    """Undo on exit all that a forward pass changed in the model or in the process, also if it was interrupted."""
    modules = list(modules)
    context = [value for value in contextvars.copy_context().values() if isinstance(value, (dict, list, set))]
    snapshot = Snapshot(modules, [*GLOBAL_HOOKS, *inputs, *context])
    with ExitStack() as undo:
        undo.enter_context(without_kept_tensors(snapshot.caches))
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
