"""The functions that an exception came through: those to rewrite, and those that handle it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import CodeType, FrameType

import torch

from idlmav.capture.record.source import is_users
from idlmav.capture.repair.rewrite import handles, has_source

__all__ = ["rewritable", "will_be_handled"]

_LAYERS = os.path.join(os.path.dirname(torch.__file__), "nn", "modules") + os.sep
_PYTHON = os.path.dirname(os.__file__) + os.sep
_CONTAINERS = os.path.join(_LAYERS, "container.py")
_CALLING = os.path.join(_LAYERS, "module.py")


def rewritable(error: BaseException, rewritten: set[CodeType]) -> list[CodeType]:
    """
    Return the functions that a caught exception came through and that can be rewritten.

    `rewritten` has the code that is rewritten already or cannot be.
    """
    frames = list(_frames(error))
    packages = {
        type(module).__module__.partition(".")[0] for frame in frames if (module := _module_of(frame)) is not None
    }
    found = {
        frame.f_code: None for frame in frames if frame.f_code not in rewritten and _worth(frame, frozenset(packages))
    }
    return [code for code in found if has_source(code)]


def _frames(error: BaseException) -> Iterator[FrameType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _module_of(frame: FrameType) -> torch.nn.Module | None:
    found = frame.f_locals.get("self")
    return found if isinstance(found, torch.nn.Module) else None


def _worth(frame: FrameType, packages: frozenset[str]) -> bool:
    """Return whether code is that of the model, or of a torch module which is made of other modules."""
    code = frame.f_code
    if is_users(code):
        if code.co_filename.startswith(_PYTHON) and "-packages" not in code.co_filename:
            return False
        # Other libraries are used by more than the model; those that its modules come from are a part of it.
        if "-packages" in code.co_filename and str(frame.f_globals.get("__name__")).partition(".")[0] not in packages:
            return False
        return code.co_name not in ("<module>", "__torch_function__")
    if not code.co_filename.startswith(_LAYERS) or code.co_filename == _CALLING or code.co_name.startswith("__"):
        return False
    if code.co_filename == _CONTAINERS and code.co_name != "forward":
        return False
    module = _module_of(frame)
    composite = module is not None and bool(module._modules)
    return composite and not isinstance(module, torch.nn.MultiheadAttention)


def came_through(error: BaseException, code: CodeType | None) -> bool:
    """Return whether an exception was raised in a function or below it."""
    return any(frame.f_code is code for frame in _frames(error))


def will_be_handled(error: BaseException, frame: FrameType | None) -> bool:
    """Return whether a function on the stack, outwards from a frame, has an ``except`` for an exception."""
    while frame is not None:
        if is_users(frame.f_code) or frame.f_code.co_filename.startswith(_LAYERS):
            if frame.f_code.co_filename != _CALLING and handles(frame, error):
                return True
        elif frame.f_code.co_name == "forward" and "capture" in frame.f_code.co_filename:
            break
        frame = frame.f_back
    return False
