"""The table: a row an op in the graph's order, numbers that say what they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from models import BROKEN, WORKING

from idlmav import MAV
from idlmav.graph import Graph, Node
from idlmav.metrics import complete
from idlmav.views.table import TITLES, flops_text, table_view


@pytest.fixture(scope="module", params=["unet", "lstm", "shared", "empty", "unfinished"])
def graph(request) -> Graph:
    example = (WORKING | BROKEN)[request.param]
    return MAV(example.model(), example.args()).graph


def bokeh_table(graph: Graph) -> Any:
    return table_view("uid", graph).get_root()


def test_a_row_stands_for_the_node_of_its_index(graph):
    """The controller selects rows by the index of the node."""
    assert list(bokeh_table(graph).source.data["id"]) == [node.id for node in graph.nodes]


def test_columns_are_titled_and_the_rest_is_hidden(graph):
    table = bokeh_table(graph)
    hidden = {"param_text", "flops_text", "bytes_text", "status", "error"}
    shown = [column.field for column in table.columns if column.field not in table.hidden_columns]
    assert shown == list(TITLES)
    titles = {column.field: column.title for column in table.columns}
    assert titles["id"] == "Name"
    assert titles["param_count"].startswith("Params [")
    assert titles["flops"].startswith("FLOPs [")
    assert set(table.source.data) >= hidden, "formatters and row colours read them"


def test_numbers_are_numbers_so_that_they_sort(graph):
    data = bokeh_table(graph).source.data
    for node, params, flops in zip(graph.nodes, data["param_count"], data["flops"], strict=True):
        assert params == node.param_count
        assert flops == node.flops or (node.flops is None and flops != flops)  # noqa: PLR0124 - NaN


def test_nobody_edits_it_and_one_row_is_selected_at_a_time(graph):
    table = table_view("uid", graph)
    assert table.disabled
    assert table.selectable == 1
    assert table.pagination is None, "the graph's scrolling needs every row"
    assert "uid-table" in table.get_root().tags


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"flops": 1_800_000_000, "flops_source": "counted"}, "1.8 G"),
        ({"flops": 1_800_000_000, "flops_source": "estimated"}, "~1.8 G"),
        ({"flops": 12, "flops_source": "measured"}, "~12"),
        ({"flops": 0, "flops_source": "counted"}, "0"),
        ({"flops": None}, "unknown"),
        ({"flops": None, "kind": "input", "op": "input"}, ""),
    ],
)
def test_flops_say_what_they_are(changes, text):
    assert flops_text(replace(Node(id="a", op="conv2d", operation="nn.Conv2d"), **changes)) == text


def test_shared_parameters_are_named_as_such():
    example = WORKING["shared"]
    graph = MAV(example.model(), example.args()).graph
    texts = dict(zip(*(bokeh_table(graph).source.data[name] for name in ("id", "param_text")), strict=True))
    again = [node for node in graph.nodes if node.shares_params]
    assert again
    assert all(texts[node.id] == f"{node.param_count} shared" for node in again)


def test_html_in_a_cell_is_escaped(small_graph):
    """Underscore's ``<%- %>`` escapes, ``<%= %>`` does not: nothing of the user's may go into the second."""
    html = "<img src=x onerror=alert(1)>"
    nodes = tuple(replace(node, operation=html) for node in small_graph.nodes)
    table = bokeh_table(complete(replace(small_graph, nodes=nodes)))
    templates = {
        column.field: column.formatter.template for column in table.columns if hasattr(column.formatter, "template")
    }
    assert set(templates) == {"id", "param_count", "flops", "activation_bytes"}
    for template in templates.values():
        raw = [piece.split("%>")[0].strip() for piece in template.split("<%=")[1:]]
        assert raw, template
        assert all("?" in piece and piece.endswith('""') for piece in raw), "only one of two fixed texts"
    plain = {column.field: type(column.formatter).__name__ for column in table.columns}
    assert {plain[name] for name in ("operation", "output_shape", "source")} == {"StringFormatter"}
