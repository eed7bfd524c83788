"""The first view of a saved page as SVG, shown in the place of the graph until the page is live."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from idlmav.layout import Box, Layout
from idlmav.scene.build import Scene
from idlmav.still.draw import MARGIN_PX, Drawing
from idlmav.still.marks import Dot, Mark, Picture, Rect, Text
from idlmav.still.svg import svg_element
from idlmav.still.theme import THEMES, Theme

__all__ = ["PAGE_THEME", "first_view", "theme_css"]

PAGE_THEME = Theme(
    **{field.name: f"var(--{field.name.replace('_', '-')})" for field in fields(Theme) if field.name != "frames"},
    frames=("var(--frames)", "var(--frames-1)"),
)
"""Colours as variables, whose values are in the style sheet of `theme_css`."""
Viewport = tuple[float, float, float, float]
_SEEN_PX = 2400.0, 1800.0
"""The part of the layout that fits into a window of 1680 x 1260 px at the smallest scale of the first view."""
_MOST_MARKS = 400
_FRAMED_PX = {"along": 900.0, "across": 1600.0}
"""The part of the picture, along the flow and across, that is shown without scripts, which measure the window."""


def theme_css(theme: str) -> str:
    """Return the rules behind `PAGE_THEME` for 'light', 'dark' or, as the reader prefers, 'auto'."""
    light, dark = (_variables(THEMES[name]) for name in ("light", "dark"))
    if theme != "auto":
        return f":root {{color-scheme: {theme}; {dark if theme == 'dark' else light}}}"
    return (
        f":root {{color-scheme: light; {light}}}\n"
        f"@media (prefers-color-scheme: dark) {{:root {{color-scheme: dark; {dark}}}}}"
    )


def _variables(theme: Theme) -> str:
    pairs = [(f"--{f.name.replace('_', '-')}", getattr(theme, f.name)) for f in fields(theme) if f.name != "frames"]
    pairs += [("--frames", theme.frames[0]), ("--frames-1", theme.frames[1])]
    return " ".join(f"{name}: {color};" for name, color in pairs)


def first_view(scene: Scene, layout: Layout, chosen: Mapping[str, Any], viewport: Viewport | None = None) -> str:
    """
    Write the part of a scene that is seen first as HTML: a heading and an ``<svg>`` element.

    ``assets/saved/first_view.js`` moves that to where the graph will be. The viewport is the part that was visible last:
    left, right, top and bottom in px of the layout, or ``None`` for the start of the flow.
    """
    drawing = Drawing(scene, layout, chosen, PAGE_THEME)
    shown, selected, picture = drawing.layout, drawing.place, drawing.picture()
    place = {
        "picture": {"width": shown.width, "height": shown.height, "direction": shown.direction},
        "first": _rectangle(_first_box(shown)),
        "selected": selected and _rectangle(selected),
        "viewport": viewport,
        "margin": MARGIN_PX,
    }
    seen = _seen_first(picture.marks, shown, viewport, selected)
    framed = " ".join(f"{value:.0f}" for value in _framed(picture, shown, viewport, selected))
    return (
        f"<h1>{escape(picture.name)}</h1><p>{escape(picture.description)}</p>\n"
        f'<svg role="img" aria-label={quoteattr(picture.name)} data-place={quoteattr(json.dumps(place))} '
        f'viewBox="{framed}" preserveAspectRatio="xMidYMin">\n' + "\n".join(map(svg_element, seen)) + "\n</svg>"
    )


def _seen_first(marks: Sequence[Mark], layout: Layout, viewport: Viewport | None, selected: Box | None) -> list[Mark]:
    """
    Return the marks that a window may show at first, the nearest of very many.

    The whole still picture would make the page of ResNet-18 3.8 % larger, as it cannot be packed.
    """
    start, reach = _first_box(layout), _SEEN_PX
    if viewport is not None:
        left, right, top, bottom = viewport
        start, reach = (left, top, right - left, bottom - top), (right - left, bottom - top)
    middles = [(start, reach)]
    if selected is not None:
        # It is in the middle, unless it is seen at the start, which depends on the size of the window.
        middles = [(selected, _SEEN_PX), *(middles if _distance(start, reach, selected) < 1.0 else [])]
    near = [(min(_distance(*middle, _bounds(mark)) for middle in middles), at) for at, mark in enumerate(marks)]
    seen = sorted(place for place in near if place[0] < 1.0)[:_MOST_MARKS]
    return [marks[at] for at in sorted(at for _, at in seen)]


def _distance(start: Box, reach: tuple[float, float], box: Box) -> float:
    """Return how far a box is from the middle of another, as a share of `reach` (across, down); 0 if it covers that."""
    x, y = start[0] + start[2] / 2, start[1] + start[3] / 2
    across = max(box[0] - x, x - box[0] - box[2], 0.0)
    down = max(box[1] - y, y - box[1] - box[3], 0.0)
    return max(across / reach[0], down / reach[1])


def _bounds(mark: Mark) -> Box:
    """Return the bounds of a mark in px of the layout."""
    if isinstance(mark, Rect):
        return mark.x - MARGIN_PX, mark.y - MARGIN_PX, mark.width, mark.height
    if isinstance(mark, Text | Dot):
        return mark.x - MARGIN_PX, mark.y - MARGIN_PX, 0.0, 0.0
    xs, ys = zip(*mark.points, strict=True)
    return min(xs) - MARGIN_PX, min(ys) - MARGIN_PX, max(xs) - min(xs), max(ys) - min(ys)


def _framed(picture: Picture, layout: Layout, viewport: Viewport | None, selected: Box | None) -> Box:
    """Return the part that is shown without scripts, in px of the picture."""
    if viewport is not None:
        left, right, top, bottom = viewport
        return left + MARGIN_PX, top + MARGIN_PX, right - left, bottom - top
    x, y, box_width, box_height = selected or _first_box(layout)
    sideways = layout.direction in ("left", "right")
    width = min(picture.width, _FRAMED_PX["along" if sideways else "across"])
    height = min(picture.height, _FRAMED_PX["across" if sideways else "along"])
    # Around the first op or the selection, as far as the picture reaches.
    starts = (x + box_width / 2 + MARGIN_PX - width / 2, y + box_height / 2 + MARGIN_PX - height / 2)
    rooms = (picture.width - width, picture.height - height)
    across, down = (min(max(start, 0.0), room) for start, room in zip(starts, rooms, strict=True))
    return across, down, width, height


def _rectangle(box: Box) -> dict[str, float]:
    return dict(zip("xywh", box, strict=True))


def _first_box(layout: Layout) -> Box:
    return next(iter(layout.boxes.values()), (0.0, 0.0, layout.width, layout.height))
