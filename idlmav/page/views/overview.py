"""The overview: the whole graph at a small size, with the visible part as a window to drag."""

from __future__ import annotations

from typing import Any

import panel as pn
from bokeh.models import PanTool

from idlmav.page.views.layers import area, figure_pane, rectangles

__all__ = ["overview_view"]


def overview_view(uid: str, width_px: int = 120) -> pn.pane.HoloViews:
    """
    Return the pane of the overview, empty until the controller fills it.

    Parameters
    ----------
    uid : str
        Unique id of the dashboard; the figure is named ``uid + "-overview"``.
    width_px : int
        Width of the pane.
    """
    layers = [
        rectangles("boxes", ["fill"], fill_color="fill", line_color=None),
        rectangles("window", ["color"], fill_color="color", fill_alpha=0.12, line_color="color", line_width=1.5),
    ]
    size = {"sizing_mode": "stretch_height", "width": width_px}
    return figure_pane(f"{uid}-overview", layers, _configure, styles=area("overview"), **size)


def _configure(figure: Any) -> None:
    # A pan tool that is not active makes Bokeh report drags without moving the plot itself.
    figure.tools = [PanTool()]
    figure.toolbar.active_drag = None
    figure.width = None
