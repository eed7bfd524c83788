"""Find the line of the user's code that ran an op: frames are walked while the model runs, and decoded later."""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
from functools import lru_cache
from types import CodeType, FrameType, TracebackType

import torch

__all__ = ["Where", "locate", "locate_error", "source_line", "users_frame"]

Where = tuple[CodeType, int]
"""Code object and the index of the instruction in it."""
_PACKAGE = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 2))
_FOREIGN = (
    os.path.dirname(torch.__file__) + os.sep,
    _PACKAGE + os.sep,
    os.path.abspath(contextlib.__file__),
    "<frozen",
)
_GALLERY = os.path.join(_PACKAGE, "gallery") + os.sep
_IS_USERS: dict[CodeType, bool] = {}


def is_users(code: CodeType) -> bool:
    """Return whether code is neither torch's nor this package's; the gallery's models count as a user's."""
    found = _IS_USERS.get(code)
    if found is None:
        file = code.co_filename
        found = _IS_USERS[code] = file.startswith(_GALLERY) or not file.startswith(_FOREIGN)
    return found


def locate(frame: FrameType | None) -> Where | None:
    """Return the position of the innermost frame of the user's code."""
    known = _IS_USERS
    while frame is not None:
        code = frame.f_code
        users = known.get(code)
        if users is None:
            users = is_users(code)
        if users:
            return code, frame.f_lasti
        frame = frame.f_back
    return None


def users_frame(frame: FrameType | None) -> FrameType | None:
    """Return the innermost frame of the user's code."""
    while frame is not None and not is_users(frame.f_code):
        frame = frame.f_back
    return frame


def locate_error(error: BaseException) -> Where | None:
    """Return the position in the user's code at which an exception was raised."""
    found: Where | None = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if is_users(trace.tb_frame.f_code):
            found = trace.tb_frame.f_code, trace.tb_lasti
        trace = trace.tb_next
    return found


def source_text(where: Where | None) -> str | None:
    """Return the line itself, without its indentation; ``None`` if its file cannot be read."""
    if where is None:
        return None
    # A cell of a notebook is in linecache, too.
    return linecache.getline(where[0].co_filename, _line(where)).strip() or None


def _line(where: Where) -> int:
    code, offset = where
    return next((line for start, stop, line in code.co_lines() if start <= offset < stop and line), code.co_firstlineno)


@lru_cache(maxsize=1 << 16)
def source_line(where: Where | None) -> str | None:
    """Return ``file:line``; the file is relative to where it was imported from or to the working directory."""
    if where is None:
        return None
    return f"{_short(where[0].co_filename)}:{_line(where)}"


@lru_cache(maxsize=1 << 12)
def _short(filename: str) -> str:
    roots = [root for root in (*sys.path, os.getcwd()) if root and filename.startswith(root.rstrip(os.sep) + os.sep)]
    return os.path.relpath(filename, max(roots, key=len)).replace(os.sep, "/") if roots else filename
