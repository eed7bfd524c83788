"""A table of the modules as text, for terminals and logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from idlmav.graph.frame import module_columns
from idlmav.graph.graph import Graph
from idlmav.graph.modules import ModuleInfo
from idlmav.graph.text import flops_text, humane, humane_bytes

__all__ = ["summary"]

_HEADER = ("Module", "Class", "Output shape", "Params", "Share", "FLOPs", "Notes")
_CUT = (0, 1, 2)
"""Columns that are cut, the longest first, if the table is too wide; the rest holds numbers and short notes."""
_NUMBERS = (3, 4, 5)
_SHORTEST = 12
_GAP = "  "
_LABEL = len("Never called")
_MOST_ERRORS = _MOST_NAMES = 3


def summary(graph: Graph, depth: int | None = None, width: int = 100) -> str:
    """Return the text that `Graph.summary` describes."""
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 0):
        raise ValueError(f"depth: expected a number of levels from 0 or None, got {depth!r}.")
    rows = _rows(graph, depth)
    widths = _widths([_HEADER, *rows], width)
    rule = "─" * (sum(widths) + len(_GAP) * (len(widths) - 1))
    lines = [_line(row, widths) for row in [_HEADER, *rows]]
    return "\n".join([lines[0], rule, *lines[1:], rule, *_totals(graph)])


def _rows(graph: Graph, depth: int | None) -> list[tuple[str, ...]]:
    columns: dict[str, list[Any]] = module_columns(graph)
    shared = {name for p in graph.parameters if p.aliases and not p.buffer for name in (p.name, *p.aliases)}
    rows: list[tuple[str, ...]] = []
    for i, (path, level) in enumerate(zip(columns["path"], columns["depth"], strict=True)):
        if depth is not None and level > depth:
            continue
        module, status = graph.module_by_path[path], columns["status"][i]
        notes = [status.replace("_", " ")] if status != "ran" else []
        notes += [f"{module.calls} calls"] if module.calls > 1 else []
        notes += ["shared"] if shared.intersection(module.params) else []
        notes += [f"{_count_inside(columns['depth'], i)} inside"] if level == depth else []
        rows.append((
            "  " * level + _printable(columns["name"][i]),
            _printable(module.class_name),
            columns["output_shape"][i],
            f"{module.param_count:,}" if module.param_count else "?" if module.param_unknown else "",
            _percent(columns["param_share"][i]),
            _flops(module),
            ", ".join(note for note in notes if note != "0 inside"),
        ))  # fmt: skip
    return rows


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.0005 else "<0.1%" if share else ""


def _flops(module: ModuleInfo) -> str:
    """Write the FLOPs of a module with the marks of the page: ~ for estimated, ≥ where some are unknown."""
    known = module.flops_known
    if module.flops_unknown:
        return f"≥ {humane(known)}" if known else "?"
    return f"~{humane(known)}" if known and known == module.flops_estimated else humane(known) if known else ""


def _count_inside(levels: Sequence[int], i: int) -> int:
    """Return how many modules are below one, in the order of the tree."""
    after = levels[i + 1 :]
    return next((count for count, level in enumerate(after) if level <= levels[i]), len(after))


def _widths(rows: Sequence[tuple[str, ...]], width: int) -> list[int]:
    """Return the width of each column: as wide as its longest text, less where the table would not fit."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    while excess > 0 and max(widths[i] for i in _CUT) > _SHORTEST:
        widths[max(_CUT, key=widths.__getitem__)] -= 1
        excess -= 1
    return widths


def _line(row: tuple[str, ...], widths: Sequence[int]) -> str:
    cells = [
        text.rjust(width) if i in _NUMBERS else (_cut_name if i == 0 else _cut)(text, width).ljust(width)
        for i, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return _GAP.join(cells).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _cut_name(text: str, width: int) -> str:
    """Cut the indent of a module that is nested deeply before its name."""
    name = text.lstrip(" ")
    indent = len(text) - len(name)
    if len(text) <= width or indent < width // 2:
        return _cut(text, width)
    kept = max(width // 2, width - len(name))
    return _cut("…".rjust(kept) + name, width)


def _totals(graph: Graph) -> list[str]:
    """Return the lines below the table: sums over the model, what was fed, what failed."""
    totals = graph.totals
    parts = [f"{totals.trainable_count:,} trainable", f"{totals.frozen_count:,} frozen"]
    parts += [f"{totals.shared_count:,} shared by several modules, counted once"] if totals.shared_count else []
    parts += [f"{totals.param_unknown} of unknown size"] if totals.param_unknown else []
    lines = [
        ("Inputs", graph.inputs),
        ("Parameters", f"{totals.param_count:,} ({', '.join(parts)})"),
        ("Weights", humane_bytes(totals.weight_bytes)),
        ("Activations", f"{'≥ ' if totals.activation_unknown else ''}{humane_bytes(totals.activation_bytes)}"),
        ("FLOPs", f"{flops_text(totals)} (1 multiply-add = 2 FLOPs)"),
        ("Never called", _some([module.path for module in graph.unreached])),
    ]
    for failure in graph.errors[:_MOST_ERRORS]:
        place = f" ({failure.source})" if failure.source else ""
        message = failure.message.strip().partition("\n")[0]
        lines.append(("Failed", f"{failure.node or failure.path or graph.name}: {failure.kind}: {message}{place}"))
    return [f"{name.ljust(_LABEL)}  {_printable(text)}" for name, text in lines if text]


def _printable(text: str) -> str:
    """Replace characters that would end the line or steer a terminal; names in a saved graph may hold any."""
    return text if text.isprintable() else "".join([letter if letter.isprintable() else "\ufffd" for letter in text])


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
