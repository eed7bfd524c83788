"""What a search finds, as ``assets/search/find.js`` does in the page (a test compares): ops and modules."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from idlmav.layout import Layout
from idlmav.scene.build import Scene
from idlmav.search.js_regex import ANY, BLANKS
from idlmav.search.query import NUMERIC, Condition, Joined, Not, Query, QueryError, Regex, Text, conditions, parse

__all__ = ["Found", "find_ids", "search"]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_FLOPS_PER = {"flops": 1, "macs": 2}
_NO_CLASS = re.compile(r"\)\Z|^(in|out)put\Z")
_BARE = re.compile(rf"^nn\.|\({ANY}*\)\Z")
_BEFORE_SHAPE = re.compile(r"(?<=\)), ")
_SIZE_SIGN = re.compile(rf"[()[\]{BLANKS}]|,(?=[{BLANKS}]*[)\]]|\Z)")


@dataclass(frozen=True, slots=True)
class Found:
    """
    What a query finds.

    Attributes
    ----------
    nodes, groups : list of bool
        In the order of the scene's columns.
    """

    nodes: list[bool]
    groups: list[bool]


@dataclass(frozen=True, slots=True)
class _Target:
    """Ops or modules: the columns of what is written on them, their numbers, FLOPs in units of `per`, texts by field."""

    words: Sequence[Sequence[str]]
    numbers: Mapping[str, Sequence[float | None]]
    per: int
    texts: Callable[[str], Iterable[Iterable[str]]]


def search(scene: Scene, query: str) -> Found | None:
    """
    Find ops and modules.

    Parameters
    ----------
    scene : dict
        Of `idlmav.scene.build.build_scene`, or with the numbers that are shown (`idlmav.still.compute`). FLOPs and MACs are
        what their names say, whichever of them is shown; an estimate that is hidden is not found.
    query : str
        As a person writes it; see `idlmav.search.query`.

    Returns
    -------
    Found or None
        ``None`` for an empty query or one that cannot be understood.
    """
    try:
        asked = parse(query)
        if asked is None:
            return None
        in_groups = _find(asked, _groups(scene)) if _modules_too(asked) else [False] * len(scene["groups"]["kind"])
        # The others of a run are a box, but no module.
        groups = [found and kind != "rest" for found, kind in zip(in_groups, scene["groups"]["kind"], strict=True)]
        return Found(_find(asked, _nodes(scene)), groups)
    except (QueryError, RecursionError):  # hundreds of brackets in brackets
        return None


def find_ids(scene: Scene, layout: Layout, query: str) -> list[str]:
    """
    Return the ids of the ops and groups that a query finds, in the order of the flow, a group before its contents.

    Parameters
    ----------
    scene : dict
        As for `search`.
    layout : Layout
        The layout of the scene, everything unfolded.
    query : str
        As for `search`.

    Raises
    ------
    QueryError
        If the query cannot be understood.
    """
    parse(query)
    found = search(scene, query)
    if found is None:
        return []
    group_ids, node_ids = scene["geometry"]["groups"]["ids"], scene["geometry"]["nodes"]["ids"]
    left = dict(zip(group_ids, found.groups, strict=True))
    names: list[str] = []
    for node, is_found in zip(node_ids, found.nodes, strict=True):
        around, group = [], layout.group_of[node]
        while group:
            around.append(group)
            group = layout.groups[group].parent
        names += [name for name in reversed(around) if left.pop(name, False)]
        names += [node] * is_found
    return names


def _nodes(scene: Scene) -> _Target:
    columns, ids = scene["nodes"], scene["geometry"]["nodes"]["ids"]
    operations = columns["operation"]

    def texts(field: str) -> Iterable[Iterable[str]]:
        match field:
            case "id":
                return zip(ids, strict=True)
            case "op":
                return zip(columns["op"], operations, map(_bare, operations), strict=True)
            case "class":
                return [() if _NO_CLASS.search(name) else (name, _bare(name)) for name in operations]
            case "dtype":
                return [text.split(", ") for text in columns["dtype"]]
            case "shape":
                return [[_sizes(shape) for shape in _BEFORE_SHAPE.split(text)] for text in columns["shape"]]
            case "status":
                return [(status.replace("_", " "),) for status in columns["status"]]
        return [(text or "",) for text in columns[field]]  # an input has no source

    return _Target((ids, operations, columns["op"], columns["label"]), columns, _per(scene), texts)


def _groups(scene: Scene) -> _Target:
    columns = scene["groups"]
    paths, classes = columns["path"], columns["class_name"]
    # What the module holds, in contrast to what ops in its frame read first.
    params = [
        in_frame if module is None else module["param_count"]
        for in_frame, module in zip(columns["param_count"], columns["held"], strict=True)
    ]

    def texts(field: str) -> Iterable[Iterable[str]]:
        of = {"path": (paths,), "id": (paths, scene["geometry"]["groups"]["ids"]), "class": (classes,)}
        return zip(*of[field], strict=True)

    return _Target((paths, classes), {**columns, "param_count": params}, _per(scene), texts)


def _per(scene: Scene) -> int:
    """Return how many FLOPs one of the numbers counts that are shown."""
    return scene["compute"]["per"] if "compute" in scene else 1


def _modules_too(asked: Query) -> bool:
    """
    Return whether modules are looked for, which is by their names.

    What is said of ops alone cannot hold of them, and a number is an op's unless a class is named.
    """
    fields = {condition.field for condition in conditions(asked)}
    return fields <= {"path", "id", "class"} | (NUMERIC if "class" in fields else set())


def _find(asked: Query, target: _Target) -> list[bool]:
    match asked:
        case Not():
            return [not found for found in _find(asked.part, target)]
        case Joined():
            join = all if asked.sign == "&" else any
            return [join(found) for found in zip(*(_find(part, target) for part in asked.parts), strict=True)]
        case Text():
            return _written_on(target, lambda text: asked.text in text.lower())
        case Regex():
            return _written_on(target, lambda text: asked.regex.search(text) is not None)
        case Condition():
            return _compared(asked, target) if asked.field in NUMERIC else _alike(asked, target)


def _written_on(target: _Target, test: Callable[[str], bool]) -> list[bool]:
    passed = {text for column in target.words for text in set(column) if test(text)}
    return [not passed.isdisjoint(texts) for texts in zip(*target.words, strict=True)]


def _compared(asked: Condition, target: _Target) -> list[bool]:
    compare, wanted = _COMPARE[asked.operator], asked.value
    scale = target.per / _FLOPS_PER[asked.name] if asked.field == "flops" else 1.0
    return [value is not None and compare(value * scale, wanted) for value in target.numbers[asked.field]]


def _alike(asked: Condition, target: _Target) -> list[bool]:
    test, different = cache(_test(asked)), asked.operator == "!="
    return [different != any(map(test, texts)) for texts in target.texts(asked.field)]


def _test(asked: Condition) -> Callable[[str], bool]:
    if asked.regex is not None:
        found = asked.regex.search
        return lambda text: found(text) is not None
    wanted = _normal(asked.field, str(asked.value).lower())
    if asked.operator == "~":
        return lambda text: wanted in text.lower()
    if "*" in wanted:
        fits = re.compile(f"{ANY}*".join(map(re.escape, wanted.split("*")))).fullmatch
        return lambda text: fits(text.lower()) is not None
    return lambda text: text.lower() == wanted


def _normal(field: str, text: str) -> str:
    match field:
        case "shape":
            return _sizes(text)
        case "dtype":
            return text.removeprefix("torch.")
        case "status":
            return text.replace("_", " ", 1)
    return text


@lru_cache(maxsize=4096)
def _bare(operation: str) -> str:
    return _BARE.sub("", operation)


@lru_cache(maxsize=4096)
def _sizes(text: str) -> str:
    """Write a shape in one way: (1, 64, 56, 56), [1,64,56,56], 1x64x56x56."""
    return _SIZE_SIGN.sub("", re.sub("[×x]", ",", text))
