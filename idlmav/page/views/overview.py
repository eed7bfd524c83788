"""The overview: the whole graph at a small size, with the visible part as a window to drag."""

from __future__ import annotations

from typing import Any

import panel as pn
from bokeh.models import PanTool

from idlmav.page.views.layers import area, figure_pane, rectangles

__all__ = ["overview_view"]


def overview_view(uid: str) -> pn.pane.HoloViews:
    """Return the pane of the overview, empty until the controller fills the figure ``uid + "-overview"``."""
    layers = [
        rectangles("boxes", ["fill"], fill_color="fill", line_color=None),
        rectangles("window", ["color"], fill_color="color", fill_alpha=0.12, line_color="color", line_width=1.5),
    ]
    size = {"sizing_mode": "stretch_height", "width": 120}
    return figure_pane(f"{uid}-overview", layers, _configure, styles=area("overview"), **size)


def _configure(figure: Any) -> None:
    # A pan tool that is not active makes Bokeh report drags without moving the plot itself.
    figure.tools = [PanTool()]
    figure.toolbar.active_drag = None
    figure.width = None
