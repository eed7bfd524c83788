"""Draw the marks of a still picture like ``assets/graph/drawing.js`` at zoom 1 (a test compares)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import replace
from typing import Any

from idlmav.errors import did_you_mean
from idlmav.layout import Box, Layout, Point, fold, group_depths
from idlmav.layout.input.labels import BOLD, text_width
from idlmav.scene.build import METRICS, Scene
from idlmav.scene.constants import CONSTANTS
from idlmav.search.matches import find_matches
from idlmav.state import ViewState, still_names
from idlmav.still.compute import shown_compute
from idlmav.still.junctions import junctions
from idlmav.still.marks import Dot, Line, Mark, Picture, Rect, Text, Triangle
from idlmav.still.plain import with_notes
from idlmav.still.selection import shown_as
from idlmav.still.sizing import growth, stretch
from idlmav.still.theme import THEMES, Theme

__all__ = ["MARGIN_PX", "Drawing", "choices", "still_picture"]

MARGIN_PX = 20.0
"""Width of the margins around the layout."""
_LABEL_PX, _SUBLABEL_PX, _TITLE_PX = (CONSTANTS[name] for name in ("label_px", "sublabel_px", "title_px"))
_LINE_PX, _HOT_PX = CONSTANTS["line_px"], CONSTANTS["highlighted_line_px"]
_ARROW_PX = (8.0, CONSTANTS["arrow_length_px"])
"""Width and length of an arrow's head."""
_CARDS, _CARD_PX = CONSTANTS["cards"], CONSTANTS["card_px"]
"""Cards behind the box of a folded run, and the visible part of each."""
_DIMMED = CONSTANTS["dimmed_alpha"]
_FAILED = CONSTANTS["failed_sign"]
"""Marks a folded failure for readers who do not see its colour; the border is thicker, too."""
_UNKNOWN = CONSTANTS["unknown"]["fill"], CONSTANTS["unknown"]["ink"]


def choices(state: ViewState) -> dict[str, Any]:
    """Return the options of `still_picture` for a state, without the theme."""
    return {name: copy(getattr(state, name)) for name in still_names()}


def still_picture(
    scene: Scene,
    layout: Layout,
    *,
    theme: str | Theme = "light",
    **chosen: Any,
) -> Picture:
    """
    Draw a scene at zoom 1.

    Parameters
    ----------
    scene : dict
        Of `idlmav.scene.build.build_scene`.
    layout : Layout
        The one the scene was built from, everything unfolded.
    theme : {'light', 'dark'} or Theme
        Colours of everything that is not data.
    **chosen
        What `choices` returns, or some of it; the other values are the defaults of `idlmav.state.ViewState`.

    Returns
    -------
    Picture
        Marks, back to front.
    """
    values = {name: ViewState.param[name].default for name in still_names()}
    for name in chosen.keys() - values.keys():
        raise TypeError(f"still_picture() got an unexpected option {name!r}.{did_you_mean(name, values)}")
    shown = theme if isinstance(theme, Theme) else THEMES[theme]
    return with_notes(Drawing(scene, layout, values | chosen, shown).picture(), scene["notes"], shown.error)


class Drawing:
    """
    A still picture in the making, from the arguments of `still_picture`; `chosen` has all of `choices`.

    Attributes
    ----------
    layout : Layout
        With groups folded and boxes stretched.
    place : Box or None
        The box or frame that represents the selection.
    """

    def __init__(self, scene: Scene, layout: Layout, chosen: Mapping[str, Any], theme: Theme) -> None:
        scene = shown_compute(scene, chosen["compute_unit"], chosen["estimates"])
        geometry, color_by, size_by = scene["geometry"], chosen["color_by"], chosen["size_by"]
        layout = fold(layout, [group for group in chosen["folded"] if group in layout.groups])
        if size_by in METRICS:
            extra = zip(geometry["nodes"]["ids"], growth(scene["nodes"][size_by]), strict=True)
            layout = stretch(layout, dict(extra))
        filters = {name: chosen[name] for name in ("query", "highlighted", "value_range", "color_by", "size_by")}
        self.scene, self.layout, self.matches = scene, layout, find_matches(scene, **filters)
        self.color_by, self.theme, self.selected = color_by, theme, chosen["selected"]
        self.shown = shown_as(scene, layout, self.selected)
        self.place = {**layout.frames, **layout.boxes}.get(self.shown)
        self.node_index = {name: number for number, name in enumerate(geometry["nodes"]["ids"])}
        self.group_index = {name: number for number, name in enumerate(geometry["groups"]["ids"])}
        self.depth = {name: depth - 1 for name, depth in group_depths(layout).items()}
        positive = [number for number in scene["nodes"][color_by] if number] if color_by in METRICS else []
        self.scale = (min(positive), max(positive)) if positive else (1, 1)

    def picture(self) -> Picture:
        """Return the picture."""
        summary = self.scene["summary"]
        marks = [*self._frames(), *self._edges(), *self._halo(), *self._boxes(), *self._titles()]
        return Picture(
            width=self.layout.width + 2 * MARGIN_PX,
            height=self.layout.height + 2 * MARGIN_PX,
            background=self.theme.paper,
            name=summary["name"],
            description=", ".join(
                filter(None, (*(summary[name] for name in ("inputs", "ops", "params", "flops")), *self.scene["notes"]))
            ),
            marks=[_moved(mark) for mark in marks],
        )

    def _frames(self) -> Iterator[Mark]:
        for name, box in self.layout.frames.items():
            fill, is_run = self.theme.frames[self.depth[name] % 2], self.layout.groups[name].kind != "module"
            yield Rect(*box, fill, self.theme.frame_line, radius=8.0, dashed=is_run)

    def _edges(self) -> Iterator[Mark]:
        for x, y in junctions(self.layout.routes.values()):
            yield Dot(x, y, self.theme.edge)
        # The edges of the selection come last, so that they lie on top.
        routes = sorted(self.layout.routes.items(), key=lambda route: self.shown in route[0])
        for ends, points in routes:
            yield Line(points, self._edge_color(ends), _HOT_PX if self.shown in ends else _LINE_PX)
        for ends, points in routes:
            yield Triangle(_arrow(points[-2], points[-1]), self._edge_color(ends))

    def _edge_color(self, ends: tuple[str, str]) -> str:
        if self.shown not in ends:
            return self.theme.edge
        return self.theme.into if ends[1] == self.shown else self.theme.out_of

    def _halo(self) -> Iterator[Mark]:
        if self.place:
            x, y, width, height = self.place
            yield Rect(x - 4, y - 4, width + 8, height + 8, "none", self.theme.accent, 3.0, 9.0)

    def _boxes(self) -> Iterator[Mark]:
        for name, box in self.layout.boxes.items():
            yield from self._group(name, box) if self.layout.is_folded(name) else self._node(name, box)

    def _border(self, name: str, failed: bool, line: str) -> tuple[str, float]:
        if failed:
            return self.theme.error, 3.0
        return self.theme.accent if name == self.selected else line, 1.0

    def _node(self, name: str, box: Box) -> Iterator[Mark]:
        nodes, theme, index = self.scene["nodes"], self.theme, self.node_index[name]
        fill, ink = self._node_colors(index)
        status = nodes["status"][index]
        failed, dimmed = status == "failed", status == "not_run" or not self.matches.nodes[index]
        yield Rect(*box, fill, *self._border(name, failed, theme.node_line), opacity=_DIMMED if dimmed else 1.0)
        x, y, width, height = box
        # An op that is merged into its neighbour has room for one line.
        sublabel = nodes["sublabel"][index] if height > _LABEL_PX + _SUBLABEL_PX + 4 else ""
        color = theme.muted if dimmed else ink
        middle, center = x + width / 2, y + height / 2
        yield from _fitted(
            middle, center - (7 if sublabel else 0), nodes["label"][index], width - 6, color, _LABEL_PX, True
        )
        yield from _fitted(middle, center + 8, sublabel, width - 6, color, _SUBLABEL_PX)

    def _group(self, name: str, box: Box) -> Iterator[Mark]:
        groups, theme, index = self.scene["groups"], self.theme, self.group_index[name]
        fill, ink = theme.group, theme.text
        if self.color_by in METRICS:
            fill, ink = self._by_number(groups[self.color_by][index])
        failed, dimmed = groups["failed"][index], not self.matches.groups[index]
        sign = _FAILED if failed else ""
        x, y, width, height = box
        line, cards = theme.node_line, 0
        if groups["kind"][index] != "module":
            line, cards = theme.edge, _CARDS
            width, height = width - _CARDS * _CARD_PX, height - _CARDS * _CARD_PX
        for step in range(cards, -1, -1):
            place = x + step * _CARD_PX, y + step * _CARD_PX, width, height
            yield Rect(*place, fill, *self._border(name, failed, line), opacity=_DIMMED if dimmed else 1.0)
        text, color = _title(f"▸ {sign}", groups["title"][index], width - 8, _LABEL_PX), theme.muted if dimmed else ink
        yield from _fitted(x + width / 2, y + height / 2, text, width - 8, color, _LABEL_PX, True)

    def _titles(self) -> Iterator[Mark]:
        header = self.layout.options.header
        for name, (x, y, width, _) in self.layout.frames.items():
            room = width - 14
            title = _fit(_title("▾ ", self.layout.groups[name].title, room, _TITLE_PX), room, _TITLE_PX, True)
            if not title:
                continue
            # A plate, so that an edge that enters the frame there passes behind the text.
            plate = _width(title, _TITLE_PX, True) + 5
            fill = self.theme.frames[self.depth[name] % 2]
            yield Rect(x + 6, y + header / 2 + 1 - 0.62 * _TITLE_PX, plate, 1.24 * _TITLE_PX, fill, radius=2.0)
            is_found = self.matches.found[self.group_index[name]]
            color = self.theme.accent if is_found else self.theme.muted
            yield Text(x + 8, y + header / 2 + 1, title, color, _TITLE_PX, True, "start")

    def _node_colors(self, index: int) -> tuple[str, str]:
        if self.color_by in METRICS:
            return self._by_number(self.scene["nodes"][self.color_by][index])
        encoded = self.scene["colors"][self.color_by]
        place = encoded["of"][index]
        return encoded["colors"][place], encoded["inks"][place]

    def _by_number(self, value: float | None) -> tuple[str, str]:
        if value is None:
            return _UNKNOWN
        low, high = self.scale
        share = 0.0 if value <= low else math.log(value / low) / math.log(high / low) if high > low else 1.0
        gradient: list[Any] = self.scene["gradient"]
        step = min(len(gradient) - 1, int(share * len(gradient)))
        return gradient[step], self.scene["gradient_inks"][step]


def _arrow(before: Point, end: Point) -> tuple[Point, Point, Point]:
    width, length = _ARROW_PX
    dx, dy = (end[0] > before[0]) - (end[0] < before[0]), (end[1] > before[1]) - (end[1] < before[1])
    x, y = end[0] - length * dx, end[1] - length * dy
    return end, (x - width / 2 * dy, y - width / 2 * dx), (x + width / 2 * dy, y + width / 2 * dx)


def _fitted(x: float, y: float, text: str, room: float, color: str, size: float, bold: bool = False) -> Iterator[Mark]:
    fitting = _fit(text, room, size, bold)
    if fitting:
        yield Text(x, y, fitting, color, size, bold)


def _title(sign: str, title: str, room: float, size: float) -> str:
    """Return a group's name and class, or the name alone where there is no room for both."""
    full = sign + title
    return full if _width(full, size, True) <= room else sign + title.split(": ")[0]


def _width(text: str, size: float, bold: bool) -> float:
    return text_width(text, size) * (BOLD if bold else 1.0)


def _fit(text: str, room: float, size: float, bold: bool = False) -> str:
    """Return a text, or as much of it as fits into a width in px, or nothing."""
    width = _width(text, size, bold)
    if width <= room:
        return text
    characters = int(len(text) * room / width) - 1
    return f"{text[:characters]}…" if characters >= 3 else ""


def _moved(mark: Mark) -> Mark:
    """Move a mark into the margins."""
    by = MARGIN_PX
    if isinstance(mark, Rect | Text | Dot):
        return replace(mark, x=mark.x + by, y=mark.y + by)
    points = tuple((x + by, y + by) for x, y in mark.points)
    return replace(mark, points=points)  # type: ignore[arg-type]
