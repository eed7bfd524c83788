"""What a saved page shows before it is live: the first view as SVG, in the place where the graph will be."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from idlmav.layout import Box, Layout
from idlmav.scene.build import Scene
from idlmav.search.matches import find_matches
from idlmav.still.compute import shown_compute
from idlmav.still.draw import MARGIN_PX, draw, shown_layout
from idlmav.still.marks import Dot, Picture, Rect, Shape, Text
from idlmav.still.selection import shown_as
from idlmav.still.svg import svg_elements
from idlmav.still.themes import THEMES, Theme

__all__ = ["PAGE_THEME", "first_view", "theme_css"]

PAGE_THEME = Theme(
    **{field.name: f"var(--{field.name.replace('_', '-')})" for field in fields(Theme) if field.name != "frames"},
    frames=("var(--frames)", "var(--frames-1)"),
)
"""Colours that a style sheet (`theme_css`) decides on."""
Viewport = tuple[float, float, float, float]
_SEEN_PX = 2400.0, 1800.0
"""Of the layout: a window of 1680 x 1260 px at the smallest scale of the first view."""
_MOST_SHAPES = 400
_FRAMED_PX = {"along": 900.0, "across": 1600.0}
"""Of the picture, along the flow and across, where no script finds out how large the window is."""


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
    Write what is seen of a scene first as HTML.

    Parameters
    ----------
    scene, layout
        As for `idlmav.still.still_picture`.
    chosen : mapping
        Its options; see `idlmav.still.choices`.
    viewport : tuple of float, optional
        Left, right, top and bottom of what was visible last, in px of the layout; ``None`` for the start of the flow.

    Returns
    -------
    str
        A heading and an ``<svg>`` element, which ``assets/saved/first_view.js`` moves to where the graph will be.
    """
    counted = shown_compute(scene, chosen["compute_unit"], chosen["estimates"])
    shown = shown_layout(counted, layout, chosen["folded"], chosen["size_by"])
    filters = {name: chosen[name] for name in ("query", "highlighted", "value_range", "color_by", "size_by")}
    picture = draw(
        counted,
        shown,
        find_matches(counted, **filters),
        color_by=chosen["color_by"],
        selected=chosen["selected"],
        theme=PAGE_THEME,
    )
    selected = {**shown.frames, **shown.boxes}.get(shown_as(counted, shown, chosen["selected"]))
    place = {
        "picture": {"width": shown.width, "height": shown.height, "direction": shown.direction},
        "first": _rectangle(_first_box(shown)),
        "selected": selected and _rectangle(selected),
        "viewport": viewport,
        "margin": MARGIN_PX,
    }
    seen = part_seen_first(picture, shown, viewport, selected)
    framed = " ".join(f"{value:.0f}" for value in _framed(picture, shown, viewport, selected))
    return (
        f"<h1>{escape(picture.name)}</h1><p>{escape(picture.description)}</p>\n"
        f'<svg role="img" aria-label={quoteattr(picture.name)} data-place={quoteattr(json.dumps(place))} '
        f'viewBox="{framed}" preserveAspectRatio="xMidYMin">\n' + "\n".join(svg_elements(seen.shapes)) + "\n</svg>"
    )


def part_seen_first(
    picture: Picture, layout: Layout, viewport: Viewport | None = None, selected: Box | None = None
) -> Picture:
    """Return the picture without the shapes that the first view cannot show; those that remain stay in place."""
    start = _region(layout, viewport)
    regions: list[tuple[Box, Callable[[Box], Box]]] = [(start, partial(_nearer_to_start, layout))]
    if selected is not None:
        # It is in the middle, unless it is seen at the start, which depends on how large the window is.
        regions = [(_around(selected), _nearer_to_middle), *(regions if _reaches(selected, start) else [])]
    most = _MOST_SHAPES // len(regions)
    seen: set[int] = set().union(*(_few(picture, region, smaller, most) for region, smaller in regions))
    return replace(picture, shapes=[shape for place, shape in enumerate(picture.shapes) if place in seen])


def _few(picture: Picture, region: Box, smaller: Callable[[Box], Box], most: int) -> set[int]:
    """Return the places of shapes in a region, which is made smaller as long as it holds too many."""
    while True:
        found = {place for place, shape in enumerate(picture.shapes) if _touches(shape, region)}
        if len(found) <= most or max(region[2:]) <= 200.0:
            return found
        region = smaller(region)


def _nearer_to_start(layout: Layout, region: Box) -> Box:
    x, y, width, height = region
    ends = 0.0 if layout.direction in ("down", "right") else 0.25
    center = _first_box(layout)
    if layout.direction in ("down", "up"):
        return center[0] + center[2] / 2 - 0.375 * width, y + ends * height, 0.75 * width, 0.75 * height
    return x + ends * width, center[1] + center[3] / 2 - 0.375 * height, 0.75 * width, 0.75 * height


def _nearer_to_middle(region: Box) -> Box:
    x, y, width, height = region
    return x + width / 8, y + height / 8, 0.75 * width, 0.75 * height


def _around(box: Box) -> Box:
    x, y, width, height = box
    across, down = (max(seen, size) for seen, size in zip(_SEEN_PX, (width, height), strict=True))
    return x + width / 2 - across / 2, y + height / 2 - down / 2, across, down


def _framed(picture: Picture, layout: Layout, viewport: Viewport | None, selected: Box | None) -> Box:
    """Return what is shown as long as no script runs, in px of the picture."""
    if viewport is not None:
        left, right, top, bottom = viewport
        return left + MARGIN_PX, top + MARGIN_PX, right - left, bottom - top
    x, y, box_width, box_height = selected or _first_box(layout)
    sideways = layout.direction in ("left", "right")
    width = min(picture.width, _FRAMED_PX["along" if sideways else "across"])
    height = min(picture.height, _FRAMED_PX["across" if sideways else "along"])
    # About the first op, or what is selected, as far as the picture reaches.
    starts = (x + box_width / 2 + MARGIN_PX - width / 2, y + box_height / 2 + MARGIN_PX - height / 2)
    rooms = (picture.width - width, picture.height - height)
    across, down = (min(max(start, 0.0), room) for start, room in zip(starts, rooms, strict=True))
    return across, down, width, height


def _rectangle(box: Box) -> dict[str, float]:
    return dict(zip("xywh", box, strict=True))


def _first_box(layout: Layout) -> Box:
    return next(iter(layout.boxes.values()), (0.0, 0.0, layout.width, layout.height))


def _region(layout: Layout, viewport: Viewport | None) -> Box:
    """Return what a large window may show at first, in px of the layout."""
    if viewport is not None:
        left, right, top, bottom = viewport
        return left - (right - left) / 2, top - (bottom - top) / 2, 2 * (right - left), 2 * (bottom - top)
    width, height = _SEEN_PX
    x, y, box_width, box_height = _first_box(layout)
    x, y = x + box_width / 2 - width / 2, y + box_height / 2 - height / 2
    if layout.width <= width:
        x = (layout.width - width) / 2
    if layout.height <= height:
        y = (layout.height - height) / 2
    starts = {"down": (x, -MARGIN_PX), "up": (x, layout.height + MARGIN_PX - height)}
    starts |= {"right": (-MARGIN_PX, y), "left": (layout.width + MARGIN_PX - width, y)}
    return (*starts[layout.direction], width, height)


def _touches(shape: Shape, region: Box) -> bool:
    """Return whether a shape reaches into a region of the layout."""
    x, y, width, height = region[0] + MARGIN_PX, region[1] + MARGIN_PX, *region[2:]
    if isinstance(shape, Rect):
        return _reaches((shape.x, shape.y, shape.width, shape.height), (x, y, width, height))
    if isinstance(shape, Text | Dot):
        return x <= shape.x <= x + width and y <= shape.y <= y + height
    xs, ys = zip(*shape.points, strict=True)
    return min(xs) < x + width and max(xs) > x and min(ys) < y + height and max(ys) > y


def _reaches(box: Box, region: Box) -> bool:
    (x, y, width, height), (left, top, across, down) = box, region
    return x < left + across and x + width > left and y < top + down and y + height > top
