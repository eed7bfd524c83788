"""Error kinds that users of the package see, and "did you mean"."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["GraphFormatError", "IdlmavError", "did_you_mean", "reject_unknown"]


class IdlmavError(Exception):
    """Base of the errors that the package raises by itself."""


class GraphFormatError(IdlmavError, ValueError):
    """A graph file that cannot be used; the message names the field that is wrong."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """
    Return a hint with the known name that is closest to a misspelt one.

    Parameters
    ----------
    name : str
        What the user wrote.
    known : iterable of str
        What would have been accepted.

    Returns
    -------
    str
        ``" Did you mean 'x'?"`` with its leading blank, or ``""`` if nothing is close.
    """
    options = {option.casefold(): option for option in known}
    close = get_close_matches(name.casefold(), options, n=1, cutoff=0.6)
    return f" Did you mean {options[close[0]]!r}?" if close else ""


def reject_unknown(where: str, given: Iterable[str], known: Iterable[str]) -> None:
    """
    Refuse keywords that a function does not have.

    Parameters
    ----------
    where : str
        The function's name as the user wrote it, for the message.
    given : iterable of str
        The keywords received.
    known : iterable of str
        The keywords that exist.

    Raises
    ------
    TypeError
        If a keyword is unknown; the message lists the known ones and suggests the nearest.
    """
    known = list(known)
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known)
            raise TypeError(f"{where}() has no option {name!r}.{hint} Known options: {', '.join(known)}.")
