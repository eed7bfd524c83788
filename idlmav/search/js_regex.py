"""Regular expressions as a browser reads them: a search finds the same in Python as in the page."""

from __future__ import annotations

import re
from itertools import pairwise

__all__ = ["ANY", "BLANKS", "compile_js"]

BLANKS = "\t\n\v\f\r \xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"
"""What JavaScript takes for white space."""
ANY = "[^\n\r\u2028\u2029]"
"""What a dot stands for."""
_TOKEN = re.compile(
    r"""
    (?P<escape> \\(?: x[0-9a-fA-F]{2} | u[0-9a-fA-F]{4} | c[a-zA-Z] | k<\w+> | [0-9]+ | . ))
    | (?P<set> \[(?: \\. | [^\]\\] )*\])
    | (?P<group> \((?: \?(?: [:=!] | <[=!] | <[A-Za-z_]\w*> ))?)
    | (?P<repeat> [*+?]\?? | \{[0-9]+(?:,[0-9]*)?\}\??)
    | (?P<end> \))
    | (?P<edge> [\^$|])
    | (?P<one> .)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_IN_SET = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|c[a-zA-Z]|[0-7]{1,3}|.)|.", re.DOTALL)
_LAST = 0x10FFFF
_SETS = {
    "d": [(0x30, 0x39)],
    "w": [(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)],
    "s": [(ord(char), ord(char)) for char in BLANKS],
}
_CONTROLS = {"f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_Ranges = list[tuple[int, int]]


def compile_js(source: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """
    Compile a regular expression that is written in JavaScript's language (without its flags u and v).

    Parameters
    ----------
    source : str
        What stands between the slashes.
    ignore_case : bool
        The flag i.

    Raises
    ------
    re.error
        If it is none, or uses what Python does not know: a lookbehind of no fixed width, a reference to a group that is
        not there or not closed.
    """
    parts: list[str] = []
    opened: list[str] = []
    repeatable = False
    for token in _TOKEN.finditer(source):
        kind, text = str(token.lastgroup), token[0]
        if kind == "repeat" and not repeatable:
            raise re.error("nothing to repeat", source, token.start())
        if kind == "one" and text in "[\\":
            raise re.error("not finished", source, token.start())
        parts.append(_translated(kind, text))
        if kind == "group":
            opened.append(text)
        closed = opened.pop() if kind == "end" and opened else ""
        repeatable = kind in ("one", "set") or (kind == "escape" and text not in ("\\b", "\\B"))
        repeatable |= kind == "end" and closed not in ("(?<=", "(?<!")
    # To Python the Kelvin sign is a capital k, to JavaScript it is not.
    flags = re.IGNORECASE | (re.ASCII if source.isascii() else 0) if ignore_case else 0
    try:
        return re.compile("".join(parts), flags)
    except (OverflowError, RecursionError) as error:
        raise re.error(str(error), source) from error


def _translated(kind: str, text: str) -> str:
    if kind == "set":
        return _set(text[1:-1])
    if kind == "escape":
        return _escape(text)
    if kind == "group":
        return text.replace("?<", "?P<") if text[2:3] == "<" and text[3] not in "=!" else text
    if kind == "edge":
        return "\\Z" if text == "$" else text
    return text if kind in ("repeat", "end") else ANY if text == "." else re.escape(text)


def _escape(text: str) -> str:
    letter = text[1]
    if letter in "bB":
        return "(?a:\\b)" if letter == "b" else "(?!(?a:\\b))"  # of what is empty, too
    if "0" <= letter <= "9":
        return text  # what a group has found, which Python writes the same way
    if letter == "k" and len(text) > 2:
        return f"(?P={text[3:-1]})"
    return _written(_ranges(text))


def _ranges(text: str) -> _Ranges:
    """Return which characters one sign of a set, or an escaped one, stands for: first and last code of each range."""
    letter = text[1:2]
    if letter in _SETS:
        return _SETS[letter]
    if letter and letter.lower() in _SETS:
        ends = [(-1, -1), *_SETS[letter.lower()], (_LAST + 1, _LAST + 1)]
        return [(low + 1, high - 1) for (_, low), (high, _) in pairwise(ends) if low + 1 < high]
    code = ord(_character(text))
    return [(code, code)]


def _character(text: str) -> str:
    if len(text) == 1:
        return text
    letter, rest = text[1], text[2:]
    if rest or letter in "01234567":
        return chr(ord(rest) % 32 if letter == "c" else int(rest, 16) if letter in "xu" else int(text[1:], 8))
    return _CONTROLS.get(letter, letter)


def _set(inside: str) -> str:
    """Translate what stands in brackets."""
    negated = inside.startswith("^")
    signs = ["\b" if sign == "\\b" else sign for sign in _IN_SET.findall(inside[negated:])]
    found: _Ranges = []
    at = 0
    while at < len(signs):
        found += _ranges(signs[at])
        if signs[at + 1 : at + 2] == ["-"] and at + 2 < len(signs):
            found += _between(signs[at], signs[at + 2])
            at += 2
        at += 1
    return _written(found, negated)


def _between(first: str, last: str) -> _Ranges:
    low, high = _ranges(first), _ranges(last)
    if any(start != end for start, end in (*low, *high)) or len(low) + len(high) > 2:
        return [(ord("-"), ord("-")), *high]  # beside a class such as \w a dash is a dash
    if low > high:
        raise re.error(f"range {first}-{last} out of order")
    return [(low[0][0], high[0][0])]


def _written(ranges: _Ranges, negated: bool = False) -> str:
    if not ranges:
        return "(?s:.)" if negated else "(?!)"
    inside = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)
    return f"[{'^' if negated else ''}{inside}]"
