"""The plainest picture: boxes in one column, straight from the graph, for when nothing else can be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from idlmav.graph import Graph, format_shapes
from idlmav.still.marks import Dot, Mark, Picture, Rect, Text
from idlmav.still.svg import to_svg
from idlmav.still.theme import THEMES

__all__ = ["plain_list", "plain_page", "plain_picture", "with_notes"]

_LINE_PX = 16.0
_WIDTH, _HEIGHT, _STEP, _MARGIN = 420.0, 38.0, 46.0, 20.0
_MOST_BOXES = 2000


def with_notes(picture: Picture, notes: Sequence[str], color: str) -> Picture:
    """Return a picture with lines of text above it."""
    if not notes:
        return picture
    room = _LINE_PX * len(notes) + 8.0
    lines = [
        Text(_MARGIN, _MARGIN + _LINE_PX * number, note, color, anchor="start") for number, note in enumerate(notes)
    ]
    width = max(picture.width, 2 * _MARGIN + 7.0 * max(map(len, notes)))
    marks = [_lower(mark, room) for mark in picture.marks]
    return replace(picture, width=width, height=picture.height + room, marks=[*lines, *marks])


def _lower(mark: Mark, by: float) -> Mark:
    if isinstance(mark, Rect | Text | Dot):
        return replace(mark, y=mark.y + by)
    return replace(mark, points=tuple((x, y + by) for x, y in mark.points))  # type: ignore[arg-type]


def plain_picture(graph: Graph, notes: Sequence[str]) -> Picture:
    """Draw the ops in their order, each with its name and its output shape; the first 2,000 of more."""
    theme = THEMES["light"]
    marks: list[Mark] = []
    nodes = graph.nodes[:_MOST_BOXES]
    for number, node in enumerate(nodes):
        y = _MARGIN + number * _STEP
        line = theme.error if node.status == "failed" else theme.node_line
        marks.append(Rect(_MARGIN, y, _WIDTH, _HEIGHT, theme.group, line))
        for text, below, bold in (
            (f"{node.operation}  {node.id}", 12.0, True),
            (format_shapes(node.shapes), 27.0, False),
        ):
            marks.append(Text(_MARGIN + 8, y + below, text[:60], theme.text, bold=bold, anchor="start"))
    height = 2 * _MARGIN + _STEP * len(nodes)
    picture = Picture(_WIDTH + 2 * _MARGIN, height, theme.paper, graph.name, graph.inputs, marks)
    return with_notes(picture, notes, theme.error)


def plain_list(graph: Graph, notes: Sequence[str]) -> str:
    """Return an SVG that lists the ops as text, made without any of the above."""
    lines = [*notes, *(f"{node.operation}  {node.id}  {format_shapes(node.shapes)}" for node in graph.nodes)]
    texts = [f'<text x="20" y="{20 + 16 * number}">{escape(line)}</text>' for number, line in enumerate(lines)]
    size = f'width="800" height="{40 + 16 * len(lines)}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" font-size="12" {size}>{"".join(texts)}</svg>'


def plain_page(graph: Graph, notes: Sequence[str]) -> str:
    """Return a page without scripts that shows `plain_picture`."""
    title = escape(graph.name)
    errors = "".join(f"<p>{escape(f'{failure.kind}: {failure.message}')}</p>" for failure in graph.errors)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1>{errors}{to_svg(plain_picture(graph, notes))}</body></html>"
    )
