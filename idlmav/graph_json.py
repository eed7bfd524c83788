"""
A saved graph: plain JSON with a format name and a version, read without trusting it.

What a field may hold follows from the annotations in `idlmav.graph`, so a field that is added there is
written, read and checked here without another line. Fields that have their default value are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from operator import attrgetter
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from idlmav.errors import GraphFormatError, did_you_mean
from idlmav.graph import Graph

__all__ = ["FORMAT", "MAX_BYTES", "VERSION", "dumps", "load", "loads", "save"]

FORMAT = "idlmav-graph"
"""Value of the file's first field."""
VERSION = 1
"""Raised whenever an older idlmav could misread a file."""
MAX_BYTES = 128 * 1024**2
"""Larger files are refused: a graph of 50,000 ops takes about 20 MB."""
MAX_CONTAINERS = 8_000_000
"""Lists and objects in one file; a few bytes of text would take hundreds in memory."""
MAX_INTEGER = 2**63 - 1
"""What a column of a table can hold."""

AGAIN = "Save the graph again with MAV.save_graph()."

T = TypeVar("T")
Check = Callable[[Any], T]


def dumps(graph: Graph) -> str:
    """
    Write a graph as JSON, one node a line.

    Parameters
    ----------
    graph : Graph
        Any graph.

    Returns
    -------
    str
        What `loads` makes an equal graph of.
    """
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_set_fields).encode
    lines = [f'{{"format":{encode(FORMAT)},"version":{VERSION}']
    for name, value in _set_fields(graph).items():
        if isinstance(value, tuple):
            # One record a line: a graph under version control gives diffs that can be read.
            text = "[\n" + ",\n".join(map(encode, value)) + "\n]"
        else:
            text = encode(dict(value) if name == "info" else value)
        lines.append(f"{encode(name)}:{text}")
    # A path of the user's may hold half a surrogate pair, which no file can.
    return (",\n".join(lines) + "}\n").encode("utf-8", "replace").decode("utf-8")


def loads(text: str) -> Graph:
    """
    Make a graph of JSON, checking every field.

    Parameters
    ----------
    text : str
        What `dumps` returned, or what somebody claims it did.

    Returns
    -------
    Graph
        Consistent in itself: ids are unique, references lead somewhere, every edge points forward.

    Raises
    ------
    GraphFormatError
        If the text is no graph; the message names the field, the rule and the value.
    """
    data = _parse(text)
    if data.pop("format", None) != FORMAT:
        raise GraphFormatError(f"format: expected {FORMAT!r}. This is not a graph saved by idlmav.")
    version = data.pop("version", None)
    if type(version) is not int or version != VERSION:
        hint = "Update idlmav to open it." if type(version) is int and version > VERSION else AGAIN
        raise GraphFormatError(f"version: expected {VERSION}, got {_short(version)}. {hint}")
    try:
        graph: Graph = _record(Graph)(data)
        _check_references(graph)
    except _WrongFieldError as wrong:
        raise GraphFormatError(f"{wrong.path or 'file'}: {wrong.problem}. {AGAIN}") from None
    return graph


def save(graph: Graph, path: str | Path) -> None:
    """
    Write a graph to a file.

    Parameters
    ----------
    graph : Graph
        Any graph.
    path : str or Path
        The file, by custom ``*.mav.json``; replaced if it exists.
    """
    Path(path).write_text(dumps(graph), encoding="utf-8", newline="\n")


def load(path: str | Path) -> Graph:
    """
    Read a graph from a file; torch is not needed.

    Parameters
    ----------
    path : str or Path
        A file that `save` wrote.

    Returns
    -------
    Graph
        As `loads` returns it.

    Raises
    ------
    GraphFormatError
        If the file is no graph; the message names the field, the rule and the value.
    OSError
        If the file cannot be read.
    """
    with Path(path).open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    try:
        return loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise GraphFormatError(f"file: expected text in UTF-8, got byte {error.start} that is none. {AGAIN}") from None


# ------------------------------------------------------------------------------------------ writing


def _set_fields(record: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that differ from their default."""
    defaults = _defaults(type(record))
    found = {}
    for name, default in defaults:
        value = getattr(record, name)
        if value != default:
            found[name] = value
    return found


@cache
def _defaults(kind: type) -> tuple[tuple[str, object], ...]:
    return tuple((field.name, _default(field)) for field in fields(kind))


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


# ------------------------------------------------------------------------------------------ reading


class _WrongFieldError(Exception):
    """A field that breaks a rule; its path is completed from the inside out, on failure only."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path

    def inside(self, name: str) -> None:
        """Put the name of the container in front of the path."""
        self.path = name + ("." if self.path and self.path[0] != "[" else "") + self.path


def _parse(text: str) -> dict[str, Any]:
    """Turn text into JSON values, refusing what is no JSON, ambiguous, or made to exhaust memory."""
    if len(text) > MAX_BYTES or text.count("[") + text.count("{") > MAX_CONTAINERS:
        raise GraphFormatError(f"file: expected at most {MAX_BYTES // 1024**2} MB. Fold modules or save a part.")
    try:
        data = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except RecursionError:
        raise GraphFormatError(f"file: expected a graph, got lists within lists without end. {AGAIN}") from None
    except ValueError as error:
        raise GraphFormatError(f"file: expected JSON, got an error: {error}. {AGAIN}") from None
    if not isinstance(data, dict):
        raise GraphFormatError(f"file: expected an object, got {_short(data)}. {AGAIN}")
    return data


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"field {_short(twice)} appears twice in one object")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _short(value: object) -> str:
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
def _check_for(annotation: Any) -> Check[Any]:
    """Return the function that checks and converts values for an annotation of the data model."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is str:
        return _text
    if annotation is int:
        return _integer
    if annotation is bool:
        return _boolean
    if origin in (UnionType, Union):
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return _optional(_check_for(inner))
    if origin is Literal:
        return _one_of(arguments)
    if origin is tuple:
        return _items(_check_for(arguments[0]))
    if is_dataclass(annotation):
        return _record(annotation)
    return _mapping


def _text(value: Any) -> str:
    if type(value) is not str:
        raise _WrongFieldError(f"expected text, got {_short(value)}")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise _WrongFieldError("expected text, got half a surrogate pair")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise _WrongFieldError(f"expected an integer from 0 to 2**63 - 1, got {_short(value)}")
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise _WrongFieldError(f"expected true or false, got {_short(value)}")
    return value


def _mapping(value: Any) -> dict[str, str]:
    if type(value) is not dict:
        raise _WrongFieldError(f"expected an object of texts, got {_short(value)}")
    return {_text(key): _named(_text, item, key) for key, item in value.items()}


def _named(check: Check[T], value: Any, name: str) -> T:
    try:
        return check(value)
    except _WrongFieldError as wrong:
        wrong.inside(name)
        raise


def _optional(check: Check[T]) -> Check[T | None]:
    def read(value: Any) -> T | None:
        if value is None:
            return None
        try:
            return check(value)
        except _WrongFieldError as wrong:
            if not wrong.path:
                wrong.problem = wrong.problem.replace(", got", " or null, got", 1)
            raise

    return read


def _one_of(choices: tuple[str, ...]) -> Check[str]:
    def read(value: Any) -> str:
        if type(value) is not str or value not in choices:
            raise _WrongFieldError(f"expected one of {', '.join(choices)}, got {_short(value)}")
        return value

    return read


def _items(check: Check[T]) -> Check[tuple[T, ...]]:
    def read(value: Any) -> tuple[T, ...]:
        if type(value) is not list:
            raise _WrongFieldError(f"expected a list, got {_short(value)}")
        found: list[T] = []
        try:
            for item in value:
                found.append(check(item))
        except _WrongFieldError as wrong:
            wrong.inside(f"[{len(found)}]")
            raise
        return tuple(found)

    return read


@cache
def _record(kind: type[T]) -> Check[T]:
    hints = get_type_hints(kind)
    checks = {field.name: _check_for(hints[field.name]) for field in fields(kind)}  # type: ignore[arg-type]
    required = {name for name, default in _defaults(kind) if default is MISSING}

    def read(value: Any) -> T:
        if type(value) is not dict:
            raise _WrongFieldError(f"expected an object, got {_short(value)}")
        found = {}
        name = ""
        try:
            for name, item in value.items():
                found[name] = checks[name](item)
        except _WrongFieldError as wrong:
            wrong.inside(name)
            raise
        except KeyError:
            raise _WrongFieldError(f"there is no field {_short(name)}.{did_you_mean(name[:60], checks)}") from None
        for missing in required - found.keys():
            raise _WrongFieldError(f"the field {missing!r} is missing")
        return kind(**found)

    return read


# --------------------------------------------------------------------------------------- references


def _check_references(graph: Graph) -> None:
    """Refuse ids that occur twice, references that lead nowhere and order that is broken."""
    position = _positions("nodes", "id", graph.nodes)
    parameters = _positions("parameters", "name", graph.parameters)
    _positions("modules", "path", graph.modules)
    for index, call in enumerate(graph.calls):
        # Parents first also means that no call is its own ancestor.
        if call.parent is not None and call.parent >= index:
            raise _WrongFieldError(f"expected an earlier call, got {call.parent}", f"calls[{index}].parent")
    for index, node in enumerate(graph.nodes):
        if node.call is not None and node.call >= len(graph.calls):
            raise _WrongFieldError(f"expected one of {len(graph.calls)} calls, got {node.call}", f"nodes[{index}].call")
    for group, owners in (("nodes", graph.nodes), ("modules", graph.modules)):
        for index, owner in enumerate(owners):
            for nth, name in enumerate(owner.params):
                if name not in parameters:
                    where = f"{group}[{index}].params[{nth}]"
                    raise _WrongFieldError(f"expected the name of a parameter, got {_short(name)}", where)
    for index, failure in enumerate(graph.errors):
        if failure.node is not None and failure.node not in position:
            raise _WrongFieldError(f"expected the id of a node, got {_short(failure.node)}", f"errors[{index}].node")
    _check_edges(graph, position)


def _check_edges(graph: Graph, position: dict[str, int]) -> None:
    seen = set()
    for index, edge in enumerate(graph.edges):
        where = f"edges[{index}]"
        for end in ("source", "target"):
            if getattr(edge, end) not in position:
                raise _WrongFieldError(f"expected the id of a node, got {_short(getattr(edge, end))}", f"{where}.{end}")
        if position[edge.source] >= position[edge.target]:
            problem = f"expected a later node than the source, got {_short(edge.target)}"
            raise _WrongFieldError(problem, f"{where}.target")
        if (edge.source, edge.target) in seen:
            raise _WrongFieldError("expected each pair of source and target once, got it again", where)
        seen.add((edge.source, edge.target))
        count = max(1, len(graph.nodes[position[edge.source]].shapes))
        if any(output >= count for output in edge.outputs):
            raise _WrongFieldError(f"expected indices of the source's {count} outputs", f"{where}.outputs")


def _positions(group: str, key: str, records: Iterable[Any]) -> dict[str, int]:
    """Return the index of each record under its key, which has to be unique."""
    found: dict[str, int] = {}
    for index, name in enumerate(map(attrgetter(key), records)):
        if found.setdefault(name, index) != index:
            raise _WrongFieldError(f"expected a new {key}, got {_short(name)} again", f"{group}[{index}].{key}")
    return found
