r"""
The grammar of a search, as ``assets/search/query.js`` reads it (a test compares).

A query consists of words, ``/regular expressions/i`` and conditions such as ``params>1M``, joined by ``&``, ``|``, ``!``
and ``( )``.

Python's `re` reads the regular expressions here, JavaScript reads them in the page. Both read these alike: literals,
``.``, ``^``, ``$``, ``|``, sets such as ``[a-z]`` and ``[^0-9]``, ``\d``, ``\w``, ``\s``, ``\b`` and their capitals for
ASCII, ``*``, ``+``, ``?``, ``{2,3}`` and their lazy forms, ``( )``, ``(?: )``, ``(?= )``, ``(?! )``, ``\1`` after the group
that it repeats, ``(?<= )`` and ``(?<! )`` of a fixed width, and the flag ``i`` for ASCII letters. Python alone refuses
``(?<name> )`` and lookbehinds of other widths; the page alone refuses ``(?P<name> )``, ``(?i)``, ``(?# )``, ``(?> )``, ``a++``.
The sets ``[]`` and ``[^]`` and escapes such as ``\A`` or ``\cA`` mean different things.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from idlmav.errors import IdlmavError, did_you_mean
from idlmav.scene.constants import CONSTANTS

__all__ = [
    "BLANKS", "NUMERIC", "Condition", "Joined", "Not", "Query", "QueryError", "Regex", "Text", "conditions", "parse",
]  # fmt: skip

BLANKS = "\t\n\v\f\r \xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"
"""White space in JavaScript."""
FIELDS: dict[str, str] = CONSTANTS["query_fields"]
"""Each name of a field in a query, and the field that it stands for."""
NUMERIC = frozenset(CONSTANTS["metrics"])
_COMMON_FIELDS = "params, flops, bytes, op, category, class, path, shape, dtype, status"
_CONDITION = re.compile(rf"([A-Za-z_]\w*)[{BLANKS}]*(>=|<=|==|!=|=|>|<|~)[{BLANKS}]*(.*)", re.ASCII | re.DOTALL)
_NUMBER = re.compile(
    rf"(-?[\d_,]*\.?\d+(?:e[+-]?\d+)?)[{BLANKS}]*([kmgt]?)(i?)(b|flops|macs|)", re.ASCII | re.IGNORECASE
)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_DEEPEST = 50
"""Levels of parentheses and ``!``; deeper ones would exceed Python's recursion limit."""


class QueryError(IdlmavError, ValueError):
    """A search that cannot be understood; the message names the place in its text."""


@dataclass(frozen=True, slots=True)
class Text:
    """A word, in lower case."""

    text: str


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression."""

    regex: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Condition:
    """
    A comparison.

    Attributes
    ----------
    name, field : str
        The name in the query (in lower case), and the field of `FIELDS` that it stands for.
    operator : {'>', '>=', '<', '<=', '==', '!=', '~'}
        ``~`` means "contains".
    value : float or str
        A number for fields in `NUMERIC`.
    regex : re.Pattern, optional
        If the value is a regular expression.
    """

    name: str
    field: str
    operator: str
    value: float | str
    regex: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """Everything that a part does not find."""

    part: Query


@dataclass(frozen=True, slots=True)
class Joined:
    """Everything that all (``&``) or any (``|``) of the parts find."""

    sign: str
    parts: tuple[Query, ...]


Query = Text | Regex | Condition | Not | Joined


def parse(query: str) -> Query | None:
    """
    Read a query; ``None`` for one without a term.

    Raises
    ------
    QueryError
        If the query cannot be understood.
    """
    reader = _Reader(query)
    found = reader.either()
    if reader.at < len(query):
        raise _error(reader.at, "unmatched ')'")
    return found


def conditions(asked: Query) -> Iterator[Condition]:
    """Yield the comparisons of a query."""
    if isinstance(asked, Condition):
        yield asked
    for part in asked.parts if isinstance(asked, Joined) else [asked.part] if isinstance(asked, Not) else []:
        yield from conditions(part)


def _error(at: int, problem: str) -> QueryError:
    return QueryError(f"query, character {at + 1}: {problem}")


class _Reader:
    def __init__(self, query: str) -> None:
        self.query, self.at, self.depth = query, 0, 0

    def either(self) -> Query | None:
        return self.joined("|", lambda: self.joined("&", self.one))

    def joined(self, sign: str, read: Callable[[], Query | None]) -> Query | None:
        """Skip an operator that has nothing beside it, because the query is still being typed."""
        parts = [read()]
        while self.take(sign):
            parts.append(read())
        asked = tuple(part for part in parts if part is not None)
        return Joined(sign, asked) if len(asked) > 1 else asked[0] if asked else None

    def one(self) -> Query | None:
        for sign, read in (("!", self.inverted), ("(", self.grouped)):
            if self.take(sign):
                if self.depth == _DEEPEST:
                    raise _error(self.at - 1, "parentheses are nested too deeply")
                self.depth += 1
                part = read(self.at - 1)
                self.depth -= 1
                return part
        return self.term()

    def inverted(self, at: int) -> Query:
        part = self.one()
        if part is None:
            raise _error(at, "expected a term after '!'")
        return Not(part)

    def grouped(self, at: int) -> Query | None:
        part = self.either()
        if not self.take(")"):
            raise _error(at, "'(' was never closed")
        return part

    def take(self, sign: str) -> bool:
        at = self.past_blanks()
        if self.query[at : at + 1] != sign:
            return False
        self.at = at + 1
        return True

    def past_blanks(self) -> int:
        return len(self.query) - len(self.query[self.at :].lstrip(BLANKS))

    def term(self) -> Query | None:
        """Read up to the next operator, except in quotes, regular expressions, and parentheses as in ``cat()``."""
        query, start, level, fresh = self.query, self.past_blanks(), 0, True
        end = start
        while end < len(query):
            char = query[end]
            if fresh and char in "'\"/":
                end = _closing(query, end)
            elif level == 0 and char in "&|)":
                break
            else:
                level += (char == "(") - (char == ")")
            if char not in BLANKS:
                fresh = char in "=<>~"
            end += 1
        self.at = end
        text = query[start:end].rstrip(BLANKS)
        return (_condition(text, start) or _pattern(text, start) or Text(_unquoted(text).lower())) if text else None


def _closing(text: str, start: int) -> int:
    """Return where a quotation or regular expression ends: without a closing slash, with the text."""
    end = start + 1
    while end < len(text):
        if text[end] == text[start]:
            return end
        end += 2 if text[end] == "\\" else 1
    return len(text) - 1 if text[start] == "/" else start


def _condition(text: str, at: int) -> Condition | None:
    match = _CONDITION.fullmatch(text)
    if match is None:
        return None
    name, sign, written = match[1].lower(), match[2], match[3]
    if name not in FIELDS:
        hint = did_you_mean(name, FIELDS)
        raise _error(at, f"there is no field {match[1]!r}.{hint} Fields: {_COMMON_FIELDS}.")
    field, operator = FIELDS[name], "==" if sign == "=" else sign
    if field in NUMERIC:
        if sign == "~":
            raise _error(at + match.start(2), f"{name} is a number: compare it with ==, !=, <, <=, > or >=, not with ~")
        number = _number(field, written)
        if number is None:
            got = f", got {written!r}" if written else ""
            raise _error(at + match.start(3), f"expected a number after {sign!r}, as in {name}>1M{got}")
        return Condition(name, field, operator, number)
    if operator not in ("==", "!=", "~"):
        raise _error(at + match.start(2), f"{name} is a text: compare it with ==, != or ~ (contains), not with {sign}")
    if not written:
        raise _error(at + match.start(3), f"expected a text after {sign!r}")
    pattern = _pattern(written, at + match.start(3))
    return Condition(name, field, operator, _unquoted(written), pattern.regex if pattern else None)


def _number(field: str, text: str) -> float | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits, prefix, binary, unit = match.groups()
    billions = unit.lower() == "b" and not prefix and field != "activation_bytes"
    factor = 1e9 if billions else (1024.0 if binary else 1000.0) ** _POWERS[prefix.lower()]
    return float(digits.replace("_", "").replace(",", "")) * factor


def _pattern(text: str, at: int) -> Regex | None:
    """Read a regular expression; without a closing slash, because it is still being typed, it ends with the text."""
    if text[:1] != "/" or len(text) < 2:
        return None
    end = _closing(text, 0)
    whole = text[end] == "/"
    source, flags = (text[1:end], text[end + 1 :].strip(BLANKS)) if whole else (text[1:], "")
    if flags not in ("", "i"):
        raise _error(at + end + 1, f"expected i or nothing after /{source}/, got {flags!r}")
    try:
        with warnings.catch_warnings():  # of sets such as [[], which may mean something else in a later Python
            warnings.simplefilter("ignore", FutureWarning)
            return Regex(re.compile(source, re.ASCII | (re.IGNORECASE if flags else 0)))
    except (re.error, OverflowError, RecursionError) as error:
        raise _error(at, f"not a regular expression: {error}") from error


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0] else text
