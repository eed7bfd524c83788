"""Texts that UTF-8 cannot hold: names and messages may have half a surrogate pair."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from itertools import chain
from typing import Any

from idlmav.graph.graph import Graph

__all__ = ["encodable"]


def encodable(graph: Graph) -> Graph:
    r"""Return a graph with halves of surrogate pairs written out as ``\ud800``."""
    nodes = graph.nodes
    texts = chain(
        [graph.name, graph.inputs],
        [node.id for node in nodes], [node.args for node in nodes], [node.source or "" for node in nodes],
        [module.path for module in graph.modules], [module.extra_repr for module in graph.modules],
        [name for parameter in graph.parameters for name in (parameter.name, *parameter.aliases)],
        [text for failure in graph.errors for text in (failure.message, failure.source or "", failure.code or "")],
    )  # fmt: skip
    if all(map(str.isascii, texts)):
        return graph
    cleaned: Graph = _cleaned(graph)
    return cleaned


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, tuple):
        return tuple(map(_cleaned, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _cleaned(getattr(value, field.name)) for field in fields(value)})
    return value
