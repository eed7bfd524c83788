"""The table: one row an op, linked with the graph by the controller."""

from __future__ import annotations

import pandas as pd
import panel as pn
from bokeh.models.widgets.tables import HTMLTemplateFormatter

from idlmav.graph import Graph, Module, Node
from idlmav.scene import NEVER_CALLED, humane, humane_bytes, module_operation, thousands, unreached_ids
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
    "id": 136,
    "operation": 123,
    "output_shape": 118,
    "param_count": 126,
    "flops": 119,
    "activation_bytes": 88,
    "dtype": 66,
    "source": 210,
}
_TEXTS = ("param_text", "param_title", "flops_text", "flops_title", "bytes_text", "bytes_title")
_HIDDEN = [*_TEXTS, "status", "error"]


MUTED = f'<%= status === "not_run" || status === "{NEVER_CALLED}" ? "idlmav-muted" : "" %>'
"""Class of a cell whose op did not run."""


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
        Rows in the order of `Graph.nodes`, then a row for each of `Graph.unreached`. The controller writes the texts
        of the FLOPs, which depend on the unit.
    """
    titles = TITLES | {"param_count": f"Params [{humane(graph.totals.param_count)}]"}
    return pn.widgets.Tabulator(
        _frame(graph),
        tags=[f"{uid}-table"],
        titles=titles,
        widths=WIDTHS_PX,
        hidden_columns=_HIDDEN,
        text_align=dict.fromkeys(("param_count", "flops", "activation_bytes"), "right"),
        formatters=_formatters(),
        header_tooltips={
            "param_count": "Elements in the parameters that the op reads first",
            "flops": "~ estimated, ? unknown. The sum in the header holds what is counted by torch's formulas.",
            "activation_bytes": "Bytes of the op's outputs that are new memory",
        },
        show_index=False,
        disabled=True,
        selectable=1,
        pagination=None,
        layout="fit_data",
        theme="simple",
        sizing_mode="stretch_both",
        min_height=100,
        margin=0,
        configuration={"rowHeight": 26, "columnDefaults": {"headerSortTristate": True}},
        stylesheets=[stylesheet("table.css")],
    )


def _frame(graph: Graph) -> pd.DataFrame:
    nodes, modules = graph.nodes, graph.unreached
    frame = graph.to_frame().reset_index()[[*TITLES, "status", "error"]]
    frame = frame.assign(
        **{name: frame[name].astype("float64") for name in ("flops", "activation_bytes")},
        **{name: frame[name].fillna("") for name in ("source", "error")},
        param_text=[thousands(node.param_count) + (" shared" if node.shares_params else "") for node in nodes],
        param_title=[_parameters_title(node) for node in nodes],
        bytes_text=[_bytes_text(node) for node in nodes],
        bytes_title=["" if n.activation_bytes is None else f"{thousands(n.activation_bytes)} B" for n in nodes],
        flops_text="",
        flops_title="",
    )
    if modules:
        rows = [_unreached_row(id_, module) for id_, module in zip(unreached_ids(graph), modules, strict=True)]
        frame = pd.DataFrame({name: [*frame[name], *(row.get(name, "") for row in rows)] for name in map(str, frame)})
    return frame


def _unreached_row(row_id: str, module: Module) -> dict[str, object]:
    return {
        "id": row_id,
        "operation": module_operation(module),
        "output_shape": NEVER_CALLED,
        "dtype": "",
        "param_count": module.param_count,
        "param_text": thousands(module.param_count),
        "param_title": f"{thousands(module.param_count)} in this module and all below",
        "flops": float("nan"),
        "activation_bytes": float("nan"),
        "bytes_text": "",
        "bytes_title": "",
        "status": NEVER_CALLED,
    }


def _parameters_title(node: Node) -> str:
    if not node.params:
        return ""
    again = "; parameters of an earlier op count there" if node.shares_params else ""
    return f"{thousands(node.param_count)} first read here{again}"


def _bytes_text(node: Node) -> str:
    return "?" if node.activation_bytes is None else humane_bytes(node.activation_bytes)


def _formatters() -> dict[str, HTMLTemplateFormatter]:
    """Return formatters that show the written number, and the exact one on hover; texts that are cut are there, too."""

    def number(name: str) -> str:
        return f'<span class="{MUTED}" title="<%- {name}_title %>"><%- {name}_text %></span>'

    text = f'<span class="{MUTED}" title="<%- value %>"><%- value %></span>'
    # The end of a long path tells more than its start.
    failed = '<%= status === "failed" ? "idlmav-failed" : "" %>'
    name = f'<span class="idlmav-path {failed} {MUTED}" title="<%- value %>"><bdi><%- value %></bdi></span>'
    templates = {
        "id": name,
        **dict.fromkeys(("operation", "output_shape", "dtype", "source"), text),
        "param_count": number("param"),
        "flops": number("flops"),
        "activation_bytes": number("bytes"),
    }
    return {column: HTMLTemplateFormatter(template=template) for column, template in templates.items()}
