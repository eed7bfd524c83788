"""
The grammar of a search, as ``assets/search/query.js`` reads it (a test compares).

Words, ``/regular expressions/i`` and conditions such as ``params>1M``, joined by ``&``, ``|``, ``!`` and ``( )``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from idlmav.errors import IdlmavError
from idlmav.scene.constants import CONSTANTS
from idlmav.search.js_regex import BLANKS, compile_js

__all__ = ["NUMERIC", "Condition", "Joined", "Not", "Query", "QueryError", "Regex", "Text", "conditions", "parse"]

FIELDS: dict[str, str] = CONSTANTS["query_fields"]
"""Names of fields in a query, and the field that each means."""
NUMERIC = frozenset(CONSTANTS["metrics"])
_CONDITION = re.compile(rf"([A-Za-z_]\w*)[{BLANKS}]*(>=|<=|==|!=|=|>|<|~)[{BLANKS}]*(.*)", re.ASCII | re.DOTALL)
_NUMBER = re.compile(
    rf"(-?[\d_,]*\.?\d+(?:e[+-]?\d+)?)[{BLANKS}]*([kmgt]?)(i?)(b|flops|macs|)", re.ASCII | re.IGNORECASE
)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


class QueryError(IdlmavError):
    """
    A search that cannot be understood, as it is while somebody types; it finds nothing.

    Attributes
    ----------
    at : int or None
        Where in the query the part begins that is wrong; ``None`` if it is the whole.
    """

    at: int | None = None


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
        What the person calls it (in lower case), and which of `FIELDS` that is.
    operator : {'>', '>=', '<', '<=', '==', '!=', '~'}
        ``~`` is "contains".
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
    """What a part does not find."""

    part: Query


@dataclass(frozen=True, slots=True)
class Joined:
    """What all (``&``) or any (``|``) of its parts find."""

    sign: str
    parts: tuple[Query, ...]


Query = Text | Regex | Condition | Not | Joined


def parse(query: str) -> Query | None:
    """
    Read a query.

    Returns
    -------
    Query or None
        ``None`` if nothing is asked.

    Raises
    ------
    QueryError
        If it cannot be understood.
    """
    reader = _Reader(query)
    try:
        found = reader.either()
    except RecursionError as error:
        raise QueryError("There are too many brackets in brackets.") from error
    if reader.at < len(query):
        unmatched = QueryError("A ) has no ( before it.")
        unmatched.at = reader.at
        raise unmatched
    return found


def conditions(asked: Query) -> Iterator[Condition]:
    """Yield the comparisons of a query."""
    if isinstance(asked, Condition):
        yield asked
    for part in asked.parts if isinstance(asked, Joined) else [asked.part] if isinstance(asked, Not) else []:
        yield from conditions(part)


class _Reader:
    def __init__(self, query: str) -> None:
        self.query, self.at = query, 0

    def either(self) -> Query | None:
        return self.joined("|", lambda: self.joined("&", self.one))

    def joined(self, sign: str, read: Callable[[], Query | None]) -> Query | None:
        """Pass over an operator without anything beside it: the person is still typing."""
        parts = [read()]
        while self.take(sign):
            parts.append(read())
        asked = tuple(part for part in parts if part is not None)
        return Joined(sign, asked) if len(asked) > 1 else asked[0] if asked else None

    def one(self) -> Query | None:
        rest = self.query[self.at :]
        start = self.at + len(rest) - len(rest.lstrip(BLANKS))
        try:
            return self.single()
        except QueryError as error:
            if error.at is None:
                error.at = start
            raise

    def single(self) -> Query | None:
        if self.take("!"):
            part = self.one()
            if part is None:
                raise QueryError("After ! something is missing.")
            return Not(part)
        if self.take("("):
            part = self.either()
            if not self.take(")"):
                raise QueryError("A ( is not closed.")
            return part
        text = self.term()
        return (_condition(text) or _pattern(text) or Text(_unquoted(text).lower())) if text else None

    def take(self, sign: str) -> bool:
        at = self.at
        while at < len(self.query) and self.query[at] in BLANKS:
            at += 1
        if self.query[at : at + 1] != sign:
            return False
        self.at = at + 1
        return True

    def term(self) -> str:
        """Read up to the next operator; quotes and regular expressions hold any, and cat() or (1, 64) have brackets."""
        query, start = self.query, self.at
        level, fresh, end = 0, True, start
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
        return query[start:end].strip(BLANKS)


def _closing(text: str, start: int) -> int:
    """Return where ends what begins with a quote or slash: a regular expression that does not, with the text."""
    end = start + 1
    while end < len(text):
        if text[end] == text[start]:
            return end
        end += 2 if text[end] == "\\" else 1
    return len(text) - 1 if text[start] == "/" else start


def _condition(text: str) -> Condition | None:
    match = _CONDITION.fullmatch(text)
    if match is None:
        return None
    name, operator, written = match[1].lower(), "==" if match[2] == "=" else match[2], match[3]
    if name not in FIELDS:
        raise QueryError(f'There is no field "{name}".')
    if not written:
        raise QueryError(f"What is {name} to be compared with?")
    field = FIELDS[name]
    if field in NUMERIC:
        return Condition(name, field, operator, _number(name, field, operator, written))
    if operator not in ("==", "!=", "~"):
        raise QueryError(f"{name} is a text: compare it with ==, != or ~ (contains), not with {operator}.")
    pattern = _pattern(written)
    return Condition(name, field, operator, _unquoted(written), pattern.regex if pattern else None)


def _number(name: str, field: str, operator: str, text: str) -> float:
    match = _NUMBER.fullmatch(text)
    if match is None or operator == "~":
        raise QueryError(f"{name} is a number: compare it with one, as in {name}>1M or {name}<=2.5k.")
    digits, prefix, binary, unit = match.groups()
    billions = unit.lower() == "b" and not prefix and field != "activation_bytes"
    factor = 1e9 if billions else (1024.0 if binary else 1000.0) ** _POWERS[prefix.lower()]
    return float(digits.replace("_", "").replace(",", "")) * factor


def _pattern(text: str) -> Regex | None:
    """Read a regular expression; one that is still being typed ends where the text does."""
    if text[:1] != "/" or len(text) < 2:
        return None
    end = _closing(text, 0)
    whole = text[end] == "/"
    source, flags = (text[1:end], text[end + 1 :].strip(BLANKS)) if whole else (text[1:], "")
    if flags not in ("", "i"):
        raise QueryError(f'After /{source}/ only i may follow (capitals are the same), not "{flags}".')
    try:
        return Regex(compile_js(source, ignore_case=flags == "i"))
    except re.error as error:
        raise QueryError(f"Not a regular expression: {error}.") from error


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0] else text
