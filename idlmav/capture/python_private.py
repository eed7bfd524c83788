"""All that capture uses of CPython's own workings, each with what breaks without it; `missing` tries each."""

from __future__ import annotations

import dis
import functools
import gc
import sys
from functools import lru_cache
from types import CodeType, FrameType, FunctionType
from typing import Any

__all__ = ["LruCache", "functions_with", "held_by", "is_about_none", "missing", "unpack_count"]

LruCache: type = type(functools.lru_cache(len))
"""The class of what `functools.cache` makes; if caches get others, those that hold tensors are not emptied."""
_UNPACK = "UNPACK_SEQUENCE"
"""The instruction for ``a, b = value``; under another name, unpacking does not tell the rank of an unknown tensor."""

_STORE_GLOBAL, _STORE_ATTRIBUTE = dis.opmap.get("STORE_GLOBAL", -1), dis.opmap.get("STORE_ATTR", -1)


def held_by(cache: Any) -> list[Any]:
    """Return keys and values of a cache, by the garbage collector; if it does not see them, tensors stay in caches."""
    own = vars(cache)
    return [held for held in gc.get_referents(cache) if held is not own]


def functions_with(code: CodeType) -> list[FunctionType]:
    """Return the functions that run a code object; if not all are found, errors end a run where others would follow."""
    found = gc.get_referrers(code)
    return [value for value in found if isinstance(value, FunctionType) and value.__code__ is code]


@lru_cache(maxsize=1 << 10)
def _unpackings(code: CodeType) -> dict[int, int]:
    return {ins.offset: ins.argval for ins in dis.get_instructions(code) if ins.opname == _UNPACK}


def unpack_count(frame: FrameType) -> int | None:
    """Return into how many variables a frame unpacks right now, by ``f_lasti``; ``None`` if it does something else."""
    return _unpackings(frame.f_code).get(frame.f_lasti)


def assigned_globals(code: CodeType) -> set[str]:
    """Return the global variables that a code object assigns, by its instructions; else they stay as forward left them."""
    return _operands(code, _STORE_GLOBAL)


def assigned_attributes(code: CodeType) -> set[str]:
    """Return the attributes that a code object assigns; else class attributes in libraries stay as forward left them."""
    return _operands(code, _STORE_ATTRIBUTE)


def _operands(code: CodeType, op: int) -> set[str]:
    if op not in code.co_code[::2]:
        return set()
    return {ins.argval for ins in dis.get_instructions(code) if ins.opcode == op}


def is_about_none(message: str) -> bool:
    """Return whether an error message is about a missing argument; if not noticed, no input is assumed for it."""
    return "'NoneType' object has no attribute" in message


class _Counted:
    def __iter__(self) -> Any:
        return iter((1,) * (unpack_count(sys._getframe(1)) or 0))


def missing() -> tuple[str, ...]:
    """Return the workings of the running Python that differ from what capture expects."""

    def sample() -> int:
        try:
            first, second, third = _Counted()
        except ValueError:
            return 0
        return int(first + second + third)

    cached = functools.cache(lambda key: [key])
    held = cached("key")
    message = ""
    try:
        getattr(None, "missing")  # noqa: B009 - for Python's message
    except AttributeError as error:
        message = str(error)
    tried = {
        "UNPACK_SEQUENCE at frame.f_lasti": sample() == 3,
        "gc.get_referrers of code": sample in functions_with(sample.__code__),
        "gc.get_referents of a cache": any(one == {"key": held} for one in held_by(cached)),
        "functools._lru_cache_wrapper": isinstance(cached, LruCache),
        "message of an attribute of None": is_about_none(message),
    }
    return tuple(name for name, works in tried.items() if not works)
