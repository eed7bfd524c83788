"""The toolbar: what the model is, search, drop-downs, buttons; and the slider beside the graph."""

from __future__ import annotations

from html import escape

import panel as pn

from idlmav.graph import Graph
from idlmav.scene import summary
from idlmav.state import COLOR_BY, SIZE_BY, ViewState
from idlmav.views.assets import stylesheet

__all__ = ["slider_view", "toolbar"]

WIDGET_PX = 46
"""Height of a widget with its label above."""


def toolbar(uid: str, graph: Graph, state: ViewState) -> pn.FlexBox:
    """
    Return the line above the views.

    Parameters
    ----------
    uid : str
        Unique id of the dashboard; each widget's tag is ``uid`` and what it sets.
    graph : Graph
        With totals.
    state : ViewState
        For the values that the widgets show first.
    """
    sheets = [stylesheet("widgets.css")]

    # Sizing is said everywhere, because the page around may have set another default.
    # The controller gives them titles: Panel's own tooltips cover the button beside.
    def button(name: str, label: str, width: int) -> pn.widgets.Button:
        return pn.widgets.Button(
            label=label,
            tags=[f"{uid}-{name}"],
            stylesheets=sheets,
            width=width,
            height=28,
            sizing_mode="fixed",
            margin=(0, 3),
        )

    def select(name: str, label: str, options: dict[str, str]) -> pn.widgets.Select:
        return pn.widgets.Select(
            label=label,
            options={text: value for value, text in options.items()},
            value=getattr(state, name),
            tags=[f"{uid}-{name}"],
            stylesheets=sheets,
            width=128,
            height=WIDGET_PX,
            sizing_mode="fixed",
            margin=(0, 4),
        )

    search = pn.widgets.TextInput(
        label="Search",
        placeholder="conv1   ·   params>1e6 & op==conv2d",
        value=state.query,
        tags=[f"{uid}-query"],
        stylesheets=sheets,
        width=210,
        height=WIDGET_PX,
        sizing_mode="fixed",
        margin=(0, 4),
    )
    return pn.FlexBox(
        pn.pane.HTML(
            _heading(graph),
            stylesheets=sheets,
            margin=(0, 6),
            sizing_mode="stretch_width",
            styles={"flex": "1 1 250px"},
        ),
        search,
        select("color_by", "Colour", COLOR_BY),
        select("size_by", "Size", SIZE_BY),
        button("fit", "Fit", 42),
        button("fold", "Fold", 50),
        button("unfold", "Unfold", 64),
        button("theme", "◐", 36),
        align_items="end",
        flex_wrap="wrap",
        gap="4px 0",
        sizing_mode="stretch_width",
        margin=(6, 6, 2, 6),
    )


def _heading(graph: Graph) -> str:
    texts = {name: escape(text) for name, text in summary(graph).items()}
    flops = (
        f'<span title="{texts["flops_details"]}">{texts["flops"]}</span>' if texts["flops_details"] else texts["flops"]
    )
    facts = " · ".join([texts["ops"], texts["params"], flops, texts["weights"]])
    return (
        f'<div class="idlmav-heading"><b>{texts["name"]}</b> <span title="{texts["inputs"]}">{facts}</span>'
        f"<br><span>{texts['inputs']}</span></div>"
    )


def slider_view(uid: str, direction: str) -> pn.widgets.RangeSlider:
    """Return the slider that shows and sets the visible part of the flow, beside or below the graph."""
    upright = direction in ("down", "up")
    size = {"sizing_mode": "stretch_height", "width": 26} if upright else {"sizing_mode": "stretch_width"}
    return pn.widgets.RangeSlider(
        label="",
        start=0,
        end=1,
        value=(0, 1),
        step=1,
        show_value=False,
        tooltips=False,
        orientation="vertical" if upright else "horizontal",
        direction="ltr",
        bar_color="#8b96a5",
        tags=[f"{uid}-slider"],
        stylesheets=[stylesheet("widgets.css")],
        margin=(12, 2, 12, 6),
        **size,
    )
