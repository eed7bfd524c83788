"""
The catalogue of facts about layers and ops: ``operations.json``, read once.

Every layer and every function has one line in that file; a new category, FLOP count or other fact is a change there.
The file also says what each fact means and where it is from. FLOPs that need a formula are in `idlmav.metrics.flops`.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["DTYPE_BYTES", "LAYERS", "OPS", "SAME_OP", "categories", "category", "docs_url", "fact", "ops_with"]

Facts = dict[str, Any]


_TABLE: dict[str, Any] = json.loads((files("idlmav") / "metrics" / "operations.json").read_text(encoding="utf-8"))
LAYERS: dict[str, Facts] = _TABLE["layers"]
"""Facts about the classes of torch.nn, under their names."""
OPS: dict[str, Facts] = _TABLE["ops"]
"""Facts about functions, under torch's own names; an alias (`SAME_OP`) has the facts of its op."""
SAME_OP: dict[str, str] = {name: facts["same_as"] for name, facts in OPS.items() if "same_as" in facts}
"""Alias -> the name of the op that graphs show."""
DTYPE_BYTES: dict[str, int] = {
    name: int(size) for size, names in _TABLE["dtypes"].items() if size.isdigit() for name in names
}
"""Bytes of one element of each dtype."""


def fact(name: str) -> dict[str, Any]:
    """
    Return the ops for which a fact is known, with its value.

    Raises
    ------
    KeyError
        If ``operations.json`` does not describe such a fact.
    """
    _TABLE["facts_about_ops"][name]
    return {op: facts[name] for op, facts in OPS.items() if name in facts}


def ops_with(name: str, value: object = True) -> frozenset[str]:
    """
    Return the ops for which a fact has a certain value.

    Examples
    --------
    >>> "transpose" in ops_with("shares_memory"), "item" in ops_with("returns", "data")
    (True, True)
    """
    return frozenset([op for op, found in fact(name).items() if found == value])


def categories() -> tuple[str, ...]:
    """Return every category in the order of the reference page."""
    return tuple(_TABLE["categories"])


@cache
def category(operation: str, op: str = "") -> str:
    """
    Return the category of a text of the Operation column, or of a torch function if that text is not listed.

    It is ``"Other"`` where neither is listed.

    Examples
    --------
    >>> category("nn.Conv2d"), category("add()"), category("nn.Unheard", "conv2d")
    ('Convolution', 'Arithmetic', 'Convolution')
    """
    return str(_facts_about(operation).get("category") or _facts_about(op).get("category", "Other"))


def docs_url(operation: str) -> str | None:
    """Return the page of torch's reference for a layer or function; ``None`` if the catalogue names none."""
    facts = _facts_about(operation)
    is_layer = operation.startswith("nn.")
    page = operation if is_layer and facts else facts.get("docs") if operation.endswith("()") else None
    return None if page is None else f"https://docs.pytorch.org/docs/stable/generated/torch.{page}.html"


def _facts_about(operation: str) -> Facts:
    if operation.startswith("nn."):
        return LAYERS.get(operation.removeprefix("nn."), {})
    name = operation.removesuffix("()")
    return OPS.get(SAME_OP.get(name, name), {})
