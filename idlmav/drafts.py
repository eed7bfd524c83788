"""
Frozen values at the price of plain ones: capture makes tens of thousands.

A frozen dataclass fills its fields through ``object.__setattr__``, which takes six times as long as an assignment, and
`dataclasses.replace` twice that. Here a plain object with the same slots is filled, and then told to be of the frozen
class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import Field, field, fields, make_dataclass
from operator import attrgetter
from typing import Any, TypeVar

__all__ = ["changer", "maker"]

T = TypeVar("T")


def maker(cls: type[T]) -> type[T]:
    """
    Return a class that is called like a frozen, slotted dataclass and makes instances of that.

    Parameters
    ----------
    cls : type
        The class; no default may come from a factory.
    """
    return _draft(cls, fields(cls))  # type: ignore[arg-type]


def changer(cls: type[T], *names: str) -> Callable[..., T]:
    """
    Return a function that takes a value and new values of some of its fields, and returns the changed value.

    Parameters
    ----------
    cls : type
        A frozen, slotted dataclass.
    names : str
        The fields that change; their values are passed in this order.

    Examples
    --------
    >>> from idlmav.graph import Edge
    >>> changer(Edge, "target")(Edge("a", "b"), "c")
    Edge(source='a', target='c', outputs=(0,))
    """
    found = {entry.name: entry for entry in fields(cls)}  # type: ignore[arg-type]
    kept = [name for name in found if name not in names]
    values_of = attrgetter(*kept, kept[-1])  # the last one twice: a single name would not give a tuple
    draft: Callable[..., T] = _draft(cls, [found[name] for name in (*kept, *names)], required=True)

    def change(before: T, *values: Any) -> T:
        return draft(*values_of(before)[:-1], *values)

    return change


def _draft(cls: type[T], entries: Iterable[Field[Any]], required: bool = False) -> type[T]:
    def become(self: Any) -> None:
        self.__class__ = cls

    described = [
        (entry.name, Any, field() if required else field(default=entry.default, kw_only=entry.kw_only))
        for entry in entries
    ]
    return make_dataclass(
        cls.__name__, described, namespace={"__post_init__": become}, slots=True, eq=False, repr=False, match_args=False
    )
