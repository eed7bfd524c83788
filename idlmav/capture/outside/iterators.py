"""Copy iterators: they cannot be turned back, so that forward gets a copy."""

from __future__ import annotations

import ast
import copy
import itertools
from typing import Any

__all__ = ["copied_iterator"]


def copied_iterator(iterator: Any) -> Any:
    """Return an iterator that goes on from where another one is, without moving that one."""
    if type(iterator) is not itertools.count:
        return copy.copy(iterator)
    try:
        numbers = ast.literal_eval(repr(iterator).removeprefix("count"))
    except (ValueError, SyntaxError):  # not of plain numbers
        return iterator
    return itertools.count(*(numbers if isinstance(numbers, tuple) else (numbers,)))
