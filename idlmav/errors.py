"""Errors of the package, and the suggestion "did you mean"."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["GraphFormatError", "IdlmavError", "WrongTypeError", "WrongValueError", "did_you_mean", "text_of"]


class IdlmavError(Exception):
    """Base of the errors that the package defines."""


class WrongTypeError(IdlmavError, TypeError):
    """An argument of a kind that cannot be meant; the message says what to write."""


class WrongValueError(IdlmavError, ValueError):
    """An argument that has no such value; the message says which there are."""


class GraphFormatError(IdlmavError, ValueError):
    """A graph file that cannot be used; the message names the field that is wrong."""


def text_of(value: object) -> str:
    """Return an object as text; empty if its class cannot say it, as an exception or argument of the user's."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - whatever the reason, there is no text
        return ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the hint ``" Did you mean 'x'?"``, with its leading blank, or ``""`` if no known name is close."""
    options = {option.casefold(): option for option in known}
    close = get_close_matches(name.casefold(), options, n=1, cutoff=0.6)
    return f" Did you mean {options[close[0]]!r}?" if close else ""
