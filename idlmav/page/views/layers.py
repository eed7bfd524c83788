"""
HoloViews elements as named layers.

The elements only declare layers: which glyph, which columns, in which order. Each holds one dummy row, and a hook names
its renderer and ties its glyph to columns; the browser's controller fills in the data. Real data here would be in a
page twice, and a saved page, which has no kernel, could not fold, zoom or search it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import holoviews as hv
import holoviews.plotting.bokeh
import numpy as np
import pandas as pd
import panel as pn

__all__ = ["BACKEND", "area", "figure_pane", "layer", "paths", "points", "rectangles", "texts"]

Hook = Callable[[Any, Any], None]
BACKEND: dict[str, Any] = {"plot.output_backend": "canvas"}
"""Canvas instead of HoloViews' default webgl, which redraws a frame buffer for every edge."""
MIN_HEIGHT_PX = 200
_CORNERS = ["x0", "y0", "x1", "y1"]


def layer(name: str, **glyph: Any) -> Hook:
    """
    Return a HoloViews hook that gives a renderer the name by which the controller finds it.

    It also sets properties of its glyph; a string that is a column of the data becomes a field.
    """

    def hook(plot: Any, element: Any) -> None:
        renderer = plot.handles["glyph_renderer"]
        renderer.name = name
        source = renderer.data_source
        rows = len(next(iter(source.data.values()), ()))
        for column in (str(dimension) for dimension in element.dimensions()):
            # HoloViews keeps only the columns that its own options use.
            if column not in source.data:
                source.data[column] = [_FIRST.get(column, 0.0)] * rows
        renderer.nonselection_glyph = renderer.selection_glyph = renderer.muted_glyph = None
        known = renderer.glyph.properties()
        renderer.glyph.update(**{key: value for key, value in glyph.items() if key in known})

    return hook


_FIRST = {"dash": "solid"} | dict.fromkeys(("fill", "line", "color"), "#000000") | dict.fromkeys(("text", "title"), "")
"""Values of the dummy row in columns that hold no numbers."""


def _frame(columns: list[str]) -> pd.DataFrame:
    """Return one row, because HoloViews declares no glyph for an empty element; the controller replaces it."""
    return pd.DataFrame({name: [_FIRST.get(name, 0.0)] for name in columns})


def rectangles(name: str, columns: list[str], **glyph: Any) -> hv.Rectangles:
    """Return a layer of boxes with the given extra columns."""
    data = _frame([*_CORNERS, *columns])
    hook = layer(name, left="x0", right="x1", top="y0", bottom="y1", **glyph)
    return hv.Rectangles(data, _CORNERS, columns).opts(hooks=[hook], tools=[], backend="bokeh")


def paths(name: str, **glyph: Any) -> hv.Path:
    """Return a layer of polylines, each with a colour and a width."""
    hook = layer(name, xs="xs", ys="ys", **glyph)

    def columns(plot: Any, element: Any) -> None:
        data = plot.handles["glyph_renderer"].data_source.data
        data.update(color=["#000000"], width=[1.0])

    return hv.Path([np.zeros((2, 2))], ["x", "y"]).opts(hooks=[columns, hook], tools=[], backend="bokeh")


def points(name: str, columns: Sequence[str] = (), *, marker: str, **glyph: Any) -> hv.Points:
    """Return a layer of marks of one shape, each with a colour and the given extra columns."""
    extra = [*columns, "color"]
    hook = layer(name, x="x", y="y", line_color=None, **glyph)
    return hv.Points(_frame(["x", "y", *extra]), ["x", "y"], extra).opts(
        marker=marker, hooks=[hook], tools=[], backend="bokeh"
    )


def texts(name: str, *, style: str = "normal", align: str = "center") -> hv.Labels:
    """Return a layer of texts, each with its own colour; Bokeh paints sizes of their own too late while they change."""
    data = _frame(["x", "y", "text", "color"])
    font = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
    hook = layer(
        name,
        x="x",
        y="y",
        text="text",
        text_color="color",
        text_font_size={"value": "12px"},
        text_font_style=style,
        text_align=align,
        text_font={"value": font},
        text_baseline="middle",
    )
    return hv.Labels(data, ["x", "y"], ["text", "color"]).opts(hooks=[hook], backend="bokeh")


def area(name: str) -> dict[str, str]:
    """Return the styles that put a view into its area of the grid in ``assets/page/views.css``."""
    # Panel would reserve the height of all details, but they scroll.
    return {"grid-area": name} | ({"min-height": "0px"} if name == "side" else {})


def figure_pane(name: str, layers: list[Any], configure: Callable[[Any], None], **sizing: Any) -> pn.pane.HoloViews:
    """
    Return a pane with layers, the lowest first, on a bare figure without axes and toolbar.

    The controller finds the Bokeh figure by its name, and moves it; `configure` gives it its tools.
    """

    def hook(plot: Any, element: Any) -> None:
        figure = plot.state
        figure.name = name
        figure.toolbar.logo = None
        figure.min_border = 0
        # Bokeh measures an empty title at every paint.
        figure.title = None
        figure.outline_line_color = None
        # Bokeh builds and measures invisible axes, too.
        figure.below = figure.left = figure.center = []
        configure(figure)

    overlay = hv.Overlay(layers).opts(
        responsive=True,
        min_height=MIN_HEIGHT_PX,
        xaxis=None,
        yaxis=None,
        show_frame=False,
        show_legend=False,
        shared_axes=False,
        toolbar=None,
        default_tools=[],
        backend_opts=BACKEND,
        backend="bokeh",
        hooks=[hook],
    )
    return pn.pane.HoloViews(overlay, min_height=MIN_HEIGHT_PX, margin=0, linked_axes=False, backend="bokeh", **sizing)
