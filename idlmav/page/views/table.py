"""The table of groups and ops, which the controller fills from the scene and links with the graph."""

from __future__ import annotations

import pandas as pd
import panel as pn

from idlmav.page.bundle import stylesheet

__all__ = ["ROW_PX", "table_view"]

ROW_PX = 26
"""Height of a row in px, as in `assets/table/grid.js`."""


def table_view(uid: str) -> pn.widgets.Tabulator:
    """
    Return the table of a dashboard.

    Parameters
    ----------
    uid : str
        Unique id of the dashboard; the table's tag is ``uid + "-table"``.

    Returns
    -------
    panel.widgets.Tabulator
        Without rows and columns: `assets/table/grid.js` gives Tabulator what the scene holds anyway, so nothing is in a
        page twice, and folding asks no server.
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
        configuration={"rowHeight": ROW_PX, "renderVerticalBuffer": 4 * ROW_PX},
        css_classes=["idlmav-table"],
        stylesheets=[stylesheet("table/table.css")],
    )
