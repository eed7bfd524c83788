"""
Read and write graphs as plain JSON with a format name and a version; files are not trusted.

The annotations in `idlmav.graph` define what a field may hold, so a new field there is written, read and
checked here without another line. Fields with their default value are left out.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from operator import attrgetter
from pathlib import Path
from typing import Any

from idlmav.errors import GraphFormatError
from idlmav.graph import Graph, ModuleInfo, Node
from idlmav.graph.json_fields import WrongFieldError, check_for, set_fields, short
from idlmav.graph.paused_gc import paused_gc

__all__ = ["FORMAT", "MAX_BYTES", "VERSION", "dumps", "load", "loads", "save"]

FORMAT = "idlmav-graph"
"""Value of the file's first field."""
VERSION = 1
"""Raised whenever an older idlmav could misread a file."""
MAX_BYTES = 128 * 1024**2
"""Larger files are refused; a graph of 50,000 ops takes about 20 MB."""
MAX_CONTAINERS = 8_000_000
"""Most lists and objects in one file: a few bytes of text take hundreds in memory."""
AGAIN = "Save the graph again with MAV.save_graph()."


def dumps(graph: Graph) -> str:
    """Write a graph as JSON, one record a line, from which `loads` makes an equal graph."""
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=set_fields).encode
    lines = [f'{{"format":{encode(FORMAT)},"version":{VERSION}']
    for name, value in set_fields(graph).items():
        if isinstance(value, tuple):
            # One record a line: a graph under version control gives diffs that can be read.
            text = "[\n" + ",\n".join(map(encode, value)) + "\n]"
        else:
            text = encode(dict(value) if name == "info" else value)
        lines.append(f"{encode(name)}:{text}")
    # A path may hold half a surrogate pair, which cannot be encoded.
    return (",\n".join(lines) + "}\n").encode("utf-8", "replace").decode("utf-8")


def save(graph: Graph, path: str | Path) -> None:
    """Write a graph to a file, usually ``*.mav.json``, which is replaced if it exists."""
    Path(path).write_text(dumps(graph), encoding="utf-8", newline="\n")


def load(path: str | Path) -> Graph:
    """
    Read a graph from a file that `save` wrote; torch is not needed.

    Raises
    ------
    GraphFormatError
        If the file is not a graph; the message names the field, the rule and the value.
    OSError
        If the file cannot be read.
    """
    with Path(path).open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    try:
        return loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise GraphFormatError(f"file: not valid UTF-8 (byte {error.start}). {AGAIN}") from None


# ------------------------------------------------------------------------------------------ reading


@paused_gc()
def loads(text: str) -> Graph:
    """
    Make a graph from JSON that is not trusted: ids are unique, references lead somewhere, every edge points forward.

    Raises
    ------
    GraphFormatError
        If the text is not a graph; the message names the field, the rule and the value.
    """
    data = _parse(text)
    if data.pop("format", None) != FORMAT:
        raise GraphFormatError(f"format: expected {FORMAT!r}. This is not a graph saved by idlmav.")
    version = data.pop("version", None)
    if type(version) is not int or version != VERSION:
        hint = "Update idlmav to open it." if type(version) is int and version > VERSION else AGAIN
        raise GraphFormatError(f"version: expected {VERSION}, got {short(version)}. {hint}")
    try:
        graph: Graph = check_for(Graph)(data)
        _check_references(graph)
    except WrongFieldError as wrong:
        raise GraphFormatError(f"{wrong.path or 'file'}: {wrong.problem}. {AGAIN}") from None
    return graph


def _parse(text: str) -> dict[str, Any]:
    """Turn text into JSON values; refuse text that is not JSON, is ambiguous or would exhaust the memory."""
    if len(text) > MAX_BYTES:
        raise GraphFormatError(f"file: graphs above {MAX_BYTES // 1024**2} MB are not read.")
    if text.count("[") + text.count("{") > MAX_CONTAINERS:
        raise GraphFormatError(f"file: graphs with more than {MAX_CONTAINERS:,} lists and objects are not read.")
    try:
        data = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except RecursionError:
        raise GraphFormatError(f"file: lists are nested too deeply. {AGAIN}") from None
    except ValueError as error:
        raise GraphFormatError(f"file: expected JSON, got an error: {error}. {AGAIN}") from None
    if not isinstance(data, dict):
        raise GraphFormatError(f"file: expected an object, got {short(data)}. {AGAIN}")
    return data


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"field {short(twice)} appears twice in one object")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


# --------------------------------------------------------------------------------------- references


def _check_references(graph: Graph) -> None:
    """Refuse ids that occur twice, references to missing records, records in the wrong order and lengths that differ."""
    position = _positions("nodes", "id", graph.nodes)
    parameters = _positions("parameters", "name", graph.parameters)
    _positions("modules", "path", graph.modules)
    for index, call in enumerate(graph.calls):
        # Parents first also means that no call is its own ancestor.
        if call.parent is not None and call.parent >= index:
            raise WrongFieldError(f"expected an earlier call, got {call.parent}", f"calls[{index}].parent")
    for index, node in enumerate(graph.nodes):
        where = f"nodes[{index}]"
        if node.call is not None and node.call >= len(graph.calls):
            raise WrongFieldError(f"expected one of {len(graph.calls)} calls, got {node.call}", f"{where}.call")
        if len(node.dtypes) != len(node.shapes):
            problem = f"expected {len(node.shapes)} types, one for each of the shapes, got {len(node.dtypes)}"
            raise WrongFieldError(problem, f"{where}.dtypes")
    _check_parameter_names("nodes", graph.nodes, parameters)
    # A module that shares a parameter may know it under another name than the first.
    aliases = {alias for parameter in graph.parameters for alias in parameter.aliases}
    _check_parameter_names("modules", graph.modules, parameters.keys() | aliases)
    for index, failure in enumerate(graph.errors):
        if failure.node is not None and failure.node not in position:
            raise WrongFieldError(f"expected the id of a node, got {short(failure.node)}", f"errors[{index}].node")
    _check_edges(graph, position)


def _check_parameter_names(group: str, owners: Iterable[Node | ModuleInfo], known: Container[str]) -> None:
    for index, owner in enumerate(owners):
        for nth, name in enumerate(owner.params):
            if name not in known:
                where = f"{group}[{index}].params[{nth}]"
                raise WrongFieldError(f"expected the name of a parameter, got {short(name)}", where)


def _check_edges(graph: Graph, position: dict[str, int]) -> None:
    seen = set()
    for index, edge in enumerate(graph.edges):
        where = f"edges[{index}]"
        for end in ("source", "target"):
            if getattr(edge, end) not in position:
                raise WrongFieldError(f"expected the id of a node, got {short(getattr(edge, end))}", f"{where}.{end}")
        if position[edge.source] >= position[edge.target]:
            problem = f"expected a later node than the source, got {short(edge.target)}"
            raise WrongFieldError(problem, f"{where}.target")
        if (edge.source, edge.target) in seen:
            raise WrongFieldError("expected each pair of source and target once, got it again", where)
        seen.add((edge.source, edge.target))
        count = max(1, len(graph.nodes[position[edge.source]].shapes))
        if any(output >= count for output in edge.outputs):
            raise WrongFieldError(f"expected indices of the source's {count} outputs", f"{where}.outputs")


def _positions(group: str, key: str, records: Iterable[Any]) -> dict[str, int]:
    """Return the index of each record under its key, which has to be unique."""
    found: dict[str, int] = {}
    for index, name in enumerate(map(attrgetter(key), records)):
        if found.setdefault(name, index) != index:
            raise WrongFieldError(f"expected a new {key}, got {short(name)} again", f"{group}[{index}].{key}")
    return found
