"""The overview: the whole graph, small, with the visible part as a window to drag."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import panel as pn
from bokeh.models import PanTool

from idlmav.views.layers import BACKEND, plot_named, rectangles

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
    overlay = hv.Overlay(layers).opts(
        responsive=True,
        min_height=200,
        xaxis=None,
        yaxis=None,
        show_frame=False,
        show_legend=False,
        shared_axes=False,
        toolbar=None,
        default_tools=[],
        backend_opts=BACKEND,
        backend="bokeh",
        hooks=[plot_named(f"{uid}-overview", _configure)],
    )
    return pn.pane.HoloViews(
        overlay,
        sizing_mode="stretch_height",
        width=width_px,
        min_height=200,
        margin=0,
        linked_axes=False,
        backend="bokeh",
    )


def _configure(figure: Any) -> None:
    # A pan tool that is not active makes Bokeh report drags without moving the plot itself.
    figure.tools = [PanTool()]
    figure.toolbar.active_drag = None
    figure.min_border = 0
    figure.outline_line_color = None
    figure.xgrid.visible = figure.ygrid.visible = False
    figure.width = None
