"""The dashboard: the views of one model, built once and linked by the controller."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import panel as pn
from panel.viewable import Viewable, Viewer

from idlmav.graph import Graph
from idlmav.page.bundle import stylesheet
from idlmav.page.views.controller import Controller
from idlmav.page.views.controls import slider_views, toolbar
from idlmav.page.views.detail import Detail
from idlmav.page.views.graph import graph_view
from idlmav.page.views.layers import area
from idlmav.page.views.overview import overview_view
from idlmav.page.views.table import table_view
from idlmav.scene.build import Scene
from idlmav.scene.constants import CONSTANTS
from idlmav.state import ViewState

__all__ = ["Explorer"]

_numbers = count(1)


class Explorer(Viewer):
    """
    One dashboard.

    Parameters
    ----------
    graph : Graph
        With totals.
    make_scene : callable
        Returns the scene for the state's flow.
    state : ViewState
        Shared by all dashboards of one `MAV`; it keeps none of them alive.
    add_overview, add_slider, add_table : bool
        Whether to show the panel.
    height_px : int or None
        Height, or ``None`` to fill the page.
    """

    def __init__(
        self,
        graph: Graph,
        make_scene: Callable[[], Scene],
        state: ViewState,
        *,
        add_overview: bool = True,
        add_slider: bool = True,
        add_table: bool = True,
        height_px: int | None = 640,
    ) -> None:
        super().__init__()
        # Unique in a page even if several kernels or sessions contribute to it.
        self.uid = f"idlmav-{next(_numbers)}-{id(self):x}"
        self.controller = Controller(
            make_scene,
            state,
            uid=self.uid,
            fills_page=height_px is None,
            sizing_mode="stretch_width",
            margin=0,
        )
        self._layout = pn.Column(
            toolbar(self.uid, graph, state),
            self.controller,
            self._views(add_overview, add_slider, add_table),
            tags=[f"{self.uid}-root"],
            margin=0,
            stylesheets=[stylesheet("page/dashboard.css")],
            sizing_mode="stretch_both" if height_px is None else "stretch_width",
            height=height_px,
        )

    def _views(self, add_overview: bool, add_slider: bool, add_table: bool) -> pn.Row:
        return pn.Row(
            *([overview_view(self.uid)] if add_overview else []),
            graph_view(self.uid),
            *(slider_views(self.uid) if add_slider else []),
            self._side(add_table),
            sizing_mode="stretch_both",
            margin=0,
            min_height=200,
            css_classes=["idlmav-views", *([] if add_table else ["below", "no-table"])],
            tags=[f"{self.uid}-views"],
            stylesheets=[stylesheet("page/views.css")],
        )

    def _side(self, add_table: bool) -> pn.Column:
        # The same height with and without a selection, so that nothing moves on a click.
        height = {"height": f"{CONSTANTS['detail_px']}px"}
        detail = Detail(sizing_mode="stretch_width", styles=height, margin=0, tags=[f"{self.uid}-detail"])
        return pn.Column(
            *([table_view(self.uid)] if add_table else []),
            detail,
            sizing_mode="stretch_both" if add_table else "stretch_width",
            margin=0,
            styles=area("side"),
            tags=[f"{self.uid}-side"],
        )

    def __panel__(self) -> Viewable:
        return self._layout
