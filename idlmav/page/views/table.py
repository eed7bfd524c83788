"""The table of groups and ops, which the controller fills from the scene and links with the graph."""

from __future__ import annotations

import pandas as pd
import panel as pn

from idlmav.page.bundle import stylesheet
from idlmav.scene.constants import CONSTANTS

__all__ = ["table_view"]


def table_view(uid: str) -> pn.widgets.Tabulator:
    """
    Return the table of a dashboard, with the tag ``uid + "-table"`` and without rows and columns.

    `assets/table/grid.js` makes these from the scene, so that nothing is in a page twice and folding needs no server.
    """
    return pn.widgets.Tabulator(
        pd.DataFrame(),
        tags=[f"{uid}-table"],
        show_index=False,
        disabled=True,
        selectable=False,
        pagination=None,
        layout="fit_columns",
        theme="simple",
        sizing_mode="stretch_both",
        min_height=100,
        margin=0,
        configuration={"rowHeight": CONSTANTS["row_px"], "renderVerticalBuffer": 4 * CONSTANTS["row_px"]},
        css_classes=["idlmav-table"],
        stylesheets=[stylesheet("table/table.css")],
    )
