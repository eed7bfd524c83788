"""The graph: boxes, frames, edges and texts as HoloViews layers in one figure."""

from __future__ import annotations

from typing import Any

import panel as pn
from bokeh.models import PanTool, TapTool, WheelZoomTool

from idlmav.page.bundle import stylesheet
from idlmav.page.views.layers import area, figure_pane, paths, points, rectangles, texts

__all__ = ["graph_view"]


def graph_view(uid: str) -> pn.pane.HoloViews:
    """Return the pane of the graph, empty until the controller fills the figure ``uid + "-graph"``."""
    layers = [
        rectangles(
            "frames", ["fill", "line", "dash"], fill_color="fill", line_color="line", line_dash="dash", border_radius=8
        ),
        points("junctions", marker="circle", fill_color="color"),
        paths("edges", line_color="color", line_width="width", line_join="round", line_cap="round"),
        rectangles("plates", ["fill"], fill_color="fill", line_color=None),
        points("arrows", ["angle"], marker="triangle", angle="angle", fill_color="color"),
        rectangles("halo", ["color"], fill_color=None, line_color="color", line_width=3, border_radius=9),
        rectangles(
            "nodes",
            ["fill", "line", "width", "alpha", "title"],
            fill_color="fill",
            line_color="line",
            line_width="width",
            fill_alpha="alpha",
            line_alpha="alpha",
            border_radius=6,
        ),
        texts("labels", style="bold"),
        texts("sublabels"),
        texts("titles", style="bold", align="left"),
    ]
    return figure_pane(f"{uid}-graph", layers, _configure, sizing_mode="stretch_both", styles=area("graph"))


def _configure(figure: Any) -> None:
    nodes = [renderer for renderer in figure.renderers if renderer.name == "nodes"]
    pan, zoom = PanTool(), WheelZoomTool(zoom_together="all")
    figure.stylesheets = [stylesheet("graph/graph.css")]
    # The controller selects; the tool only makes the figure report taps.
    figure.tools = [pan, zoom, TapTool(renderers=nodes)]
    figure.toolbar.active_drag = pan
    figure.toolbar.active_scroll = zoom
