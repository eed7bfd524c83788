"""
Check JSON values against the annotations of a dataclass, and convert them to it.

Supports the types that the data model needs: text, integers, truth values, choices, tuples, optional values,
mappings of text and other dataclasses.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from idlmav.errors import did_you_mean

__all__ = ["MAX_INTEGER", "Check", "WrongFieldError", "check_for", "set_fields", "short"]

MAX_INTEGER = 2**63 - 1
"""The largest integer that a column of a table can hold."""

T = TypeVar("T")
Check = Callable[[Any], T]


class WrongFieldError(Exception):
    """A field breaks a rule; the path to it is completed from the inside out, on failure only."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path

    def inside(self, name: str) -> None:
        """Put the name of the container in front of the path."""
        self.path = name + ("." if self.path and self.path[0] != "[" else "") + self.path


def set_fields(record: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that differ from their default."""
    kind: Any = type(record)
    return {name: value for name, default in _defaults(kind) if (value := getattr(record, name)) != default}


@cache
def _defaults(kind: Any) -> tuple[tuple[str, object], ...]:
    return tuple(
        (field.name, field.default if field.default_factory is MISSING else field.default_factory())
        for field in fields(kind)
    )


def short(value: object) -> str:
    """Show a value of the file in a message, cut to a readable length."""
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return "a huge number"  # written out, its digits could fill pages
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."


@cache
def check_for(annotation: Any) -> Check[Any]:
    """Return the function that checks and converts values for an annotation of the data model."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if origin in (UnionType, Union):
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return _optional(check_for(inner))
    if origin is Literal:
        return _one_of(arguments)
    if origin is tuple:
        return _items(check_for(arguments[0]))
    return _record(annotation) if hasattr(annotation, "__dataclass_fields__") else _mapping


def _text(value: Any) -> str:
    if type(value) is not str:
        raise WrongFieldError(f"expected text, got {short(value)}")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise WrongFieldError("expected text, got half a surrogate pair")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise WrongFieldError(f"expected an integer from 0 to 2**63 - 1, got {short(value)}")
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise WrongFieldError(f"expected true or false, got {short(value)}")
    return value


_PLAIN: dict[Any, Check[Any]] = {str: _text, int: _integer, bool: _boolean}


def _mapping(value: Any) -> dict[str, str]:
    if type(value) is not dict:
        raise WrongFieldError(f"expected an object of texts, got {short(value)}")
    return {_text(key): _named(_text, item, key) for key, item in value.items()}


def _named(check: Check[T], value: Any, name: str) -> T:
    try:
        return check(value)
    except WrongFieldError as wrong:
        wrong.inside(name)
        raise


def _optional(check: Check[T]) -> Check[T | None]:
    def read(value: Any) -> T | None:
        if value is None:
            return None
        try:
            return check(value)
        except WrongFieldError as wrong:
            if not wrong.path:
                wrong.problem = wrong.problem.replace(", got", " or null, got", 1)
            raise

    return read


def _one_of(choices: tuple[str, ...]) -> Check[str]:
    def read(value: Any) -> str:
        if type(value) is not str or value not in choices:
            raise WrongFieldError(f"expected one of {', '.join(choices)}, got {short(value)}")
        return value

    return read


def _items(check: Check[T]) -> Check[tuple[T, ...]]:
    def read(value: Any) -> tuple[T, ...]:
        if type(value) is not list:
            raise WrongFieldError(f"expected a list, got {short(value)}")
        found: list[T] = []
        try:
            for item in value:
                found.append(check(item))
        except WrongFieldError as wrong:
            wrong.inside(f"[{len(found)}]")
            raise
        return tuple(found)

    return read


def _record(kind: Any) -> Check[Any]:
    hints = get_type_hints(kind)
    checks = {field.name: check_for(hints[field.name]) for field in fields(kind)}
    required = {name for name, default in _defaults(kind) if default is MISSING}

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise WrongFieldError(f"expected an object, got {short(value)}")
        found = {}
        name = ""
        try:
            for name, item in value.items():
                found[name] = checks[name](item)
        except WrongFieldError as wrong:
            wrong.inside(name)
            raise
        except KeyError:
            raise WrongFieldError(f"there is no field {short(name)}.{did_you_mean(name[:60], checks)}") from None
        for missing in sorted(required - found.keys()):
            raise WrongFieldError(f"the field {missing!r} is missing")
        return kind(**found)

    return read
