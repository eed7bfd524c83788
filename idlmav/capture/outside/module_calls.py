"""Hand every module call of a thread that captures to a handler, without touching any module; note threads it starts."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from idlmav.capture.torch_private import module_call, set_module_call

__all__ = ["Watched", "watch_calls"]

Handler = Callable[[torch.nn.Module, tuple[Any, ...], dict[str, Any]], Any]

_active = threading.local()
_lock = threading.Lock()
_users = 0
_original: Callable[..., Any]
_start_thread: Callable[..., None]
_limit: int
_FRAMES_OF_AN_OP = 200
"""More frames than an op and a shape rule take."""


def _call(self: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
    handler: Handler | None = getattr(_active, "handler", None)
    if handler is None:
        return _original(self, *args, **kwargs)
    return handler(self, args, kwargs)


def _start(self: threading.Thread) -> None:
    watched: Watched | None = getattr(_active, "watched", None)
    if watched is not None:
        watched.starts_threads = True
    _start_thread(self)


class Watched:
    """What is known of the calls after a run: whether this thread has started others, whose ops nobody sees."""

    starts_threads = False


def call_original(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a module as torch does, hooks included."""
    return _original(module, *args, **kwargs)


@contextmanager
def watch_calls(handler: Handler, *, frames: int) -> Iterator[Watched]:
    """
    Send this thread's module calls to a handler, which continues a call by `call_original`.

    `torch.nn.Module._call_impl`, and `threading.Thread.start`, are replaced while any thread captures, and put back by the last one; threads
    that do not capture go straight to the original. `__call__` is left alone: setting it invalidates the
    attribute caches of every subclass, which takes milliseconds. Python's limit of recursion is raised meanwhile, as a
    call takes `frames` times those of a plain one.
    """
    global _limit, _original, _start_thread, _users
    before = getattr(_active, "handler", None), getattr(_active, "watched", None)
    with _lock:
        if _users == 0:
            _original, _limit = module_call(), sys.getrecursionlimit()
            set_module_call(_call)
            _start_thread, threading.Thread.start = threading.Thread.start, _start  # type: ignore[method-assign]
        _users += 1
        sys.setrecursionlimit(max(sys.getrecursionlimit(), _limit * frames + _FRAMES_OF_AN_OP))
    _active.handler, _active.watched = handler, Watched()
    try:
        yield _active.watched
    finally:
        _active.handler, _active.watched = before
        with _lock:
            _users -= 1
            if _users == 0:
                set_module_call(_original)
                threading.Thread.start = _start_thread  # type: ignore[method-assign]
                sys.setrecursionlimit(_limit)
