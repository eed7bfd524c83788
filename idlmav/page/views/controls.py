"""The toolbar (heading, search, drop-downs, buttons) and the slider beside the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

import panel as pn

from idlmav.graph import Graph
from idlmav.page.bundle import stylesheet
from idlmav.page.views.layers import area
from idlmav.scene.constants import CONSTANTS
from idlmav.state import ViewState, has_drop_down, titles, value_names

__all__ = ["slider_views", "toolbar"]

WIDGET_PX = 44
"""Height of a widget with its label above."""
BUTTON_PX = 28
TURNS = {
    "none": "–",
    "opposite": "U",
    "perpendicular": "L",
    "opposite here": "U here",
    "perpendicular here": "L here",
}
"""``here`` is at the selected op or module; the controller leaves out what cannot be chosen."""
MERGES = {"-1": "–", "0": "No params", "0.01": "≤ 1 %", "0.1": "≤ 10 %", "0.5": "≤ 50 %", "other": "Other"}
"""Which small ops are drawn on their neighbour's box, by merge threshold."""
DEPTHS = {
    "": "–",
    "auto": "Auto",
    **{str(depth): str(depth) for depth in range(CONSTANTS["depths_offered"] + 1)},
    "all": "All",
    "selected": "Selection",
}
"""Down to which depth groups are open; the controller leaves out depths that the model does not have."""
IN_LINE = ("color_by", "size_by")
"""Values whose drop-downs are always seen; the others are behind the button "More"."""


def toolbar(uid: str, graph: Graph, state: ViewState) -> pn.FlexBox:
    """
    Return the line above the views.

    The tag of a widget is the unique id of the dashboard, and the name of what it sets; the widgets first show the
    values of `state`.
    """
    heading = pn.pane.HTML(
        _heading(graph),
        stylesheets=[stylesheet("page/widgets.css")],
        margin=(0, 6),
        sizing_mode="stretch_width",
        styles={"flex": "1 1 170px"},
    )
    search = pn.widgets.TextInput(
        label="Search",
        placeholder="conv1  or  params>1e6",
        value=state.query,
        **_fixed(uid, "query", 236),
    )
    # The controller sets their titles: Panel's own tooltips cover the next button.
    buttons = [
        pn.widgets.Button(label=button["label"], **_fixed(uid, button["name"], button["width_px"], BUTTON_PX))
        for button in CONSTANTS["buttons"]
    ]
    wrapping = {"align_items": "end", "flex_wrap": "wrap", "gap": "4px 0"}
    # Where there is little width, all controls go into the next line together.
    styles = {"flex": "0 1 auto", "width": "auto"}
    shown = [*(_drop_down(uid, state, name, 112) for name in IN_LINE), _select(uid, "depth", "Depth", DEPTHS, "", 82)]
    controls = pn.FlexBox(search, *shown, *buttons, margin=(0, 2), styles=styles, **wrapping)
    return pn.FlexBox(
        heading,
        controls,
        _popover(uid, _rarer_drop_downs(uid, state)),
        **wrapping,
        sizing_mode="stretch_width",
        margin=(6, 6, 2, 6),
        styles={"position": "relative"},
    )


def _rarer_drop_downs(uid: str, state: ViewState) -> Iterator[pn.widgets.Select]:
    for name in value_names():
        label = ViewState.param[name].label
        if name == "turn":
            yield _select(uid, name, label, TURNS, state.turn, 100)
        elif name == "merge_threshold":
            # The controller chooses the option that is nearest to the number.
            yield _select(uid, name, label, MERGES, "-1", 100)
        elif name not in IN_LINE and has_drop_down(name):
            yield _drop_down(uid, state, name, 100)


def _drop_down(uid: str, state: ViewState, name: str, width_px: int) -> pn.widgets.Select:
    """Return the drop-down that sets a value of the state."""
    return _select(uid, name, ViewState.param[name].label, titles(name), getattr(state, name), width_px)


def _select(
    uid: str, name: str, label: str | None, texts: Mapping[str, str], value: str, width_px: int
) -> pn.widgets.Select:
    options = {text: value for value, text in texts.items()}
    return pn.widgets.Select(label=label, options=options, value=value, **_fixed(uid, name, width_px))


def _popover(uid: str, widgets: Iterable[Any]) -> pn.FlexBox:
    """Return the panel that the button "More" opens over the views."""
    # In CSS, because Panel would read a width as that of something that stretches.
    size = {"width": "232px", "height": "max-content", "max-height": "none"}
    return pn.FlexBox(
        *widgets,
        tags=[f"{uid}-popover"],
        gap="6px 0",
        margin=0,
        visible=False,
        styles={"position": "absolute", "right": "4px", "top": "100%", "z-index": "30"} | size,
        stylesheets=[stylesheet("page/popover.css")],
    )


def _fixed(uid: str, name: str, width_px: int, height_px: int = WIDGET_PX) -> dict[str, Any]:
    """Return a widget's tag, style and size; the size is given because a page may have changed Panel's default."""
    return {
        "tags": [f"{uid}-{name}"],
        "stylesheets": [stylesheet("page/widgets.css")],
        "width": width_px,
        "height": height_px,
        "sizing_mode": "fixed",
        "margin": (0, 4),
    }


def _heading(graph: Graph) -> str:
    name, inputs = escape(graph.name), escape(graph.inputs)
    return f'<div class="idlmav-heading"><b>{name}</b><br><span title="{inputs}">{inputs}</span></div>'


def slider_views(uid: str) -> list[pn.widgets.RangeSlider]:
    """
    Return the slider that shows and sets the visible part of the flow, once vertical and once horizontal.

    The controller shows the one that fits the direction: Bokeh cannot turn a slider that is drawn.
    """
    vertical = {"orientation": "vertical", "sizing_mode": "stretch_height", "width": 26, "margin": (12, 2, 12, 6)}
    horizontal = {"orientation": "horizontal", "sizing_mode": "stretch_width", "height": 26, "margin": (8, 14, 0, 14)}
    return [
        pn.widgets.RangeSlider(
            label="",
            start=0,
            end=1,
            value=(0, 1),
            step=1,
            show_value=False,
            tooltips=False,
            direction="ltr",
            bar_color="#8b96a5",
            tags=[f"{uid}-{name}"],
            stylesheets=[stylesheet("page/widgets.css")],
            visible=name == "slider",
            styles=area(name),
            **size,
        )
        for name, size in (("slider", vertical), ("flat_slider", horizontal))
    ]
