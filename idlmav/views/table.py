"""The table: one row an op, linked with the graph by the controller."""

from __future__ import annotations

import pandas as pd
import panel as pn
from bokeh.models.widgets.tables import HTMLTemplateFormatter

from idlmav.graph import Graph, Node
from idlmav.scene import humane, humane_bytes, thousands
from idlmav.views.assets import stylesheet

__all__ = ["table_view"]

TITLES = {
    "id": "Name",
    "operation": "Operation",
    "output_shape": "Output shape",
    "param_count": "Params",
    "flops": "FLOPs",
    "activation_bytes": "Activations",
    "dtype": "dtype",
    "source": "Source",
}
WIDTHS_PX = {
    "id": 160,
    "operation": 122,
    "output_shape": 122,
    "param_count": 122,
    "flops": 126,
    "activation_bytes": 88,
    "dtype": 66,
    "source": 210,
}
_HIDDEN = ["param_text", "flops_text", "bytes_text", "status", "error"]


def table_view(uid: str, graph: Graph) -> pn.widgets.Tabulator:
    """
    Return the table of a graph's nodes.

    Parameters
    ----------
    uid : str
        Unique id of the dashboard; the table's tag is ``uid + "-table"``.
    graph : Graph
        With totals.

    Returns
    -------
    panel.widgets.Tabulator
        Rows in the order of `Graph.nodes`.
    """
    totals = graph.totals
    titles = TITLES | {
        "param_count": f"Params [{humane(totals.param_count)}]",
        "flops": f"FLOPs [{humane(totals.flops)}]",
    }
    return pn.widgets.Tabulator(
        _frame(graph),
        tags=[f"{uid}-table"],
        titles=titles,
        widths=WIDTHS_PX,
        hidden_columns=_HIDDEN,
        text_align=dict.fromkeys(("param_count", "flops", "activation_bytes"), "right"),
        formatters=_formatters(),
        header_tooltips={
            "flops": "One multiply-add counts as 2. ~: estimated. The sum in the header holds what is counted by formula.",
            "activation_bytes": "Bytes of the op's outputs",
        },
        show_index=False,
        disabled=True,
        selectable=1,
        pagination=None,
        layout="fit_data",
        theme="simple",
        sizing_mode="stretch_both",
        min_height=200,
        margin=0,
        configuration={"rowHeight": 26, "columnDefaults": {"headerSortTristate": True}},
        stylesheets=[stylesheet("table.css")],
    )


def _frame(graph: Graph) -> pd.DataFrame:
    frame = graph.to_frame().reset_index()
    frame = frame[[*TITLES, "status", "error"]]
    nodes = graph.nodes
    texts = {
        "param_text": [thousands(node.param_count) + (" shared" if node.shares_params else "") for node in nodes],
        "flops_text": [flops_text(node) for node in nodes],
        "bytes_text": [_bytes_text(node) for node in nodes],
    }
    numbers = {name: frame[name].astype("float64") for name in ("flops", "activation_bytes")}
    return frame.assign(**numbers, source=frame["source"].fillna(""), error=frame["error"].fillna(""), **texts)


def flops_text(node: Node) -> str:
    """Write a node's FLOPs with what they are: ``~`` for estimated, ``unknown`` instead of a number."""
    if node.kind != "op":
        return ""
    if node.flops is None:
        return "unknown"
    return ("" if node.flops_source == "counted" else "~") + humane(node.flops)


def _bytes_text(node: Node) -> str:
    return "unknown" if node.activation_bytes is None else humane_bytes(node.activation_bytes)


def _formatters() -> dict[str, HTMLTemplateFormatter]:
    """Return formatters that show the written number, and the exact one on hover."""

    def number(text: str) -> str:
        return (
            f'<span class="<%= {text} === "unknown" ? "idlmav-muted" : "" %>" '
            f'title="<%- value === null || isNaN(value) ? "" : value %>"><%- {text} %></span>'
        )

    # The end of a long path tells more than its start.
    failed = '<%= status === "failed" ? "idlmav-failed" : "" %>'
    name = f'<span class="idlmav-path {failed}" title="<%- value %>"><bdi><%- value %></bdi></span>'
    templates = {
        "id": name,
        "param_count": number("param_text"),
        "flops": number("flops_text"),
        "activation_bytes": number("bytes_text"),
    }
    return {column: HTMLTemplateFormatter(template=template) for column, template in templates.items()}
