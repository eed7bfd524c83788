"""Calls with too many or too few arguments."""

from __future__ import annotations

import inspect
from typing import Any

from idlmav.capture.repair.tracebacks import came_through

__all__ = ["fitting"]


def fitting(
    function: Any, args: Any, kwargs: dict[str, Any], error: Exception
) -> tuple[Any, dict[str, Any], list[str]] | None:
    """
    Return positional and keyword arguments that a function accepts, and the names of those that are missing.

    ``None`` if the arguments are not what is wrong.
    """
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if not isinstance(error, TypeError) or code is None or came_through(error, code):
        return None
    try:
        parameters = list(inspect.signature(function).parameters.values())
        inspect.signature(function).bind(*args, **kwargs)
    except ValueError:
        return None
    except TypeError:
        return _fitted(parameters, args, kwargs)
    return None


def _fitted(
    parameters: list[inspect.Parameter], args: Any, kwargs: dict[str, Any]
) -> tuple[Any, dict[str, Any], list[str]]:
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        args = args[: len(positional)]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        kwargs = {name: value for name, value in kwargs.items() if name in names}
    given = {p.name for p in positional[: len(args)]}
    kwargs = {name: value for name, value in kwargs.items() if name not in given}
    needed = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return args, kwargs, [p.name for p in needed if p.name not in given and p.name not in kwargs]
