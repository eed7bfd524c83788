"""Find ops and modules by a query, as ``assets/search/find.js`` does in the page (a test compares)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from idlmav.scene.build import Scene
from idlmav.search.query import BLANKS, NUMERIC, Condition, Joined, Not, Query, Regex, Text, conditions, parse

__all__ = ["Found", "find_ids", "search"]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_FLOPS_PER = {"flops": 1, "macs": 2}
_NO_CLASS = re.compile(r"\)\Z|^(in|out)put\Z")
_BARE = re.compile(r"^nn\.|\(.*\)\Z")
_BEFORE_SHAPE = re.compile(r"(?<=\)), ")
_SIZE_SIGN = re.compile(rf"[()[\]{BLANKS}]|,(?=[{BLANKS}]*[)\]]|\Z)")


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a query, in the order of the scene's columns."""

    nodes: list[bool]
    groups: list[bool]
    unreached: list[bool]


@dataclass(frozen=True, slots=True)
class _Target:
    """Columns of ops or modules: the texts that words are searched in, numbers (FLOPs in units of `per`), texts by field."""

    words: Sequence[Sequence[str]]
    numbers: Mapping[str, Sequence[float | None]]
    per: int
    texts: Callable[[str], Iterable[Iterable[str]]]


def find_ids(scene: Scene, query: str) -> list[str]:
    """
    Return the ids of the ops and modules that a query finds; see `search`.

    Ids of nodes and groups come in the order of the flow, a group before the first node in it; then those of modules
    that were never called. An empty query finds none.
    """
    found = search(scene, query)
    return [] if found is None else list(_in_order(scene, found))


def _in_order(scene: Scene, found: Found) -> Iterator[str]:
    geometry = scene["geometry"]
    ids, parents = geometry["groups"]["ids"], geometry["groups"]["parent"]
    left = {group for group, is_found in enumerate(found.groups) if is_found}
    for name, group, is_found in zip(geometry["nodes"]["ids"], geometry["nodes"]["group"], found.nodes, strict=True):
        around = []
        while left and group >= 0:
            around.append(group)
            group = parents[group]
        for outer in reversed(around):
            if outer in left:
                left.remove(outer)
                yield ids[outer]
        if is_found:
            yield name
    yield from (name for name, is_found in zip(scene["unreached"]["ids"], found.unreached, strict=True) if is_found)


def search(scene: Scene, query: str) -> Found | None:
    """
    Find ops and modules; ``None`` for an empty query.

    Parameters
    ----------
    scene : dict
        Of `idlmav.scene.build.build_scene`, or with the numbers that are shown (`idlmav.still.compute`). The query's
        ``flops`` and ``macs`` mean the same in both; an estimate that is hidden is not found.
    query : str
        See `idlmav.search.query`.

    Raises
    ------
    QueryError
        If the query cannot be understood.
    """
    asked = parse(query)
    if asked is None:
        return None
    in_groups = _find(asked, _groups(scene)) if _modules_too(asked) else [False] * len(scene["groups"]["kind"])
    # The remaining blocks of a run are drawn as a box but are no module.
    groups = [found and kind != "rest" for found, kind in zip(in_groups, scene["groups"]["kind"], strict=True)]
    nodes, unreached = scene["nodes"], scene["unreached"]
    return Found(
        _find(asked, _ops(nodes, scene["geometry"]["nodes"]["ids"], _per(scene))),
        groups,
        _find(asked, _ops(unreached, unreached["ids"], 1)),
    )


def _ops(columns: Mapping[str, Sequence[Any]], ids: Sequence[str], per: int) -> _Target:
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
        # An input has no source, and a module that was never called no arguments.
        return [(text or "",) for text in columns.get(field, [""] * len(ids))]

    return _Target((ids, operations, columns["op"], columns["label"]), columns, per, texts)


def _groups(scene: Scene) -> _Target:
    columns = scene["groups"]
    paths, classes = columns["path"], columns["class_name"]
    # A module's own parameters; the ops in its frame may be the first to read others.
    params = [
        in_frame if module is None else module["param_count"]
        for in_frame, module in zip(columns["param_count"], columns["held"], strict=True)
    ]

    def texts(field: str) -> Iterable[Iterable[str]]:
        of = {"path": (paths,), "id": (paths, scene["geometry"]["groups"]["ids"]), "class": (classes,)}
        return zip(*of[field], strict=True)

    return _Target((paths, classes), {**columns, "param_count": params}, _per(scene), texts)


def _per(scene: Scene) -> int:
    """Return how many FLOPs the number 1 stands for."""
    return scene["compute"]["per"] if "compute" in scene else 1


def _modules_too(asked: Query) -> bool:
    """Return whether a query is about modules: by names alone, as only ops have the rest; by numbers beside a class."""
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
        fits = re.compile(".*".join(map(re.escape, wanted.split("*")))).fullmatch
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
    """Write (1, 64, 56, 56), [1,64,56,56] and 1x64x56x56 alike."""
    return _SIZE_SIGN.sub("", re.sub("[×x]", ",", text))
