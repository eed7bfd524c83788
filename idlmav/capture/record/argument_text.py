"""An op's arguments as text."""

from __future__ import annotations

import inspect
import re
from functools import cache, lru_cache
from types import FunctionType
from typing import Any

from torch import Tensor

from idlmav.errors import text_of
from idlmav.graph import format_shape

__all__ = ["argument_text", "dtype_name"]

_LONGEST = 120
_CALL = re.compile(r"^\s*[\w.]+\((.*?)\)\s*(?:->.*)?$", re.MULTILINE)


@cache
def dtype_name(dtype: Any) -> str:
    """Return ``"float32"`` for ``torch.float32``."""
    return str(dtype).removeprefix("torch.")


@lru_cache(maxsize=1 << 12)
def _parameters(func: Any) -> tuple[tuple[str, str | None], ...] | None:
    """Return names and defaults (as text) of a function's positional arguments, from its signature or its docstring."""
    if type(func) is FunctionType and not hasattr(func, "__wrapped__") and not hasattr(func, "__signature__"):
        return _parameters_of_code(func)
    try:
        signature = inspect.signature(func)
        found = []
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                return None
            found.append((parameter.name, None if parameter.default is parameter.empty else repr(parameter.default)))
        return tuple(found)
    except (TypeError, ValueError):
        pass
    match = _CALL.search((getattr(func, "__doc__", None) or "").lstrip().partition("\n")[0])
    if match is None or "*" in match.group(1).partition("*,")[0] or "(" in match.group(1):
        return None
    parts = [part.strip() for part in match.group(1).split(",")]
    pairs = [part.partition("=") for part in parts if part and part != "*"]
    return tuple((name.strip(), default.strip() if equals else None) for name, equals, default in pairs)


def _parameters_of_code(func: FunctionType) -> tuple[tuple[str, str | None], ...] | None:
    """Return the same for a plain function: `inspect.signature` takes a hundred microseconds."""
    code = func.__code__
    if code.co_flags & inspect.CO_VARARGS:
        return None
    names = code.co_varnames[: code.co_argcount]
    defaults = dict(zip(reversed(names), reversed(func.__defaults__ or ()), strict=False))
    only_keywords = code.co_varnames[len(names) : len(names) + code.co_kwonlyargcount]
    defaults.update(func.__kwdefaults__ or {})
    found = [(name, repr(defaults[name]) if name in defaults else None) for name in (*names, *only_keywords)]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        found.append((code.co_varnames[len(found)], None))
    return tuple(found)


def argument_text(func: Any, args: Any, kwargs: dict[str, Any] | None, with_shapes: bool = False) -> str:
    """
    Write an op's arguments other than tensors, without defaults.

    The text is like ``"stride=(2, 2), padding=(3, 3)"``. With shapes, those of tensors are written too, as is useful for
    an op that failed.
    """
    names, offset = _names(func, len(args))
    parts: list[str] = []
    for index, value in enumerate(args):
        name, default = names[index - offset] if offset <= index < len(names) + offset else ("", None)
        _append(parts, name, value, default, with_shapes)
    if kwargs:
        defaults = dict(names)
        for name, value in kwargs.items():
            _append(parts, name, value, defaults.get(name), with_shapes)
    text = ", ".join(parts)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


@lru_cache(maxsize=1 << 12)
def _names(func: Any, count: int) -> tuple[tuple[tuple[str, str | None], ...], int]:
    """Return names and defaults of arguments, and how many positional arguments (a method's tensor) come before them."""
    names = _parameters(func) or ()
    if not names or names[0][0] == "self":
        return names, 0
    return names, int(len(names) < count or (names[0][0] != "input" and hasattr(func, "__objclass__")))


def _append(parts: list[str], name: str, value: Any, default: str | None, with_shapes: bool) -> None:
    if isinstance(value, Tensor):
        if with_shapes:
            parts.append(f"{format_shape(tuple(value.shape))} {dtype_name(value.dtype)}")
        return
    if _only_tensors(value):
        if with_shapes:
            parts.extend(format_shape(tuple(item.shape)) for item in value)
        return
    text = _write(value)
    same = isinstance(value, (tuple, list)) and len(set(map(text_of, value))) == 1 and text_of(value[0]) == default
    if text != default and not same:
        parts.append(f"{name}={text}" if name else text)


def _only_tensors(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(item, Tensor) for item in value)


def _write(value: Any) -> str:
    if isinstance(value, Tensor):
        return "tensor"
    if isinstance(value, slice):
        ends = "" if value.start is None else _write(value.start), "" if value.stop is None else _write(value.stop)
        return ":".join(ends if value.step is None else (*ends, _write(value.step)))
    if value is Ellipsis:
        return "..."
    if isinstance(value, (list, tuple)):
        inner = ", ".join(_write(item) for item in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner},)" if len(value) == 1 else f"({inner})"
    if type(value) in (int, float, bool, str, type(None)):
        return repr(value)
    text = text_of(value)
    return text if text and "0x" not in text else type(value).__name__
