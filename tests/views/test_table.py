"""The table: a row an op in the graph's order, numbers that say what they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from models import BROKEN, WORKING
from torch import nn

from idlmav import MAV
from idlmav.graph import Graph
from idlmav.metrics import complete
from idlmav.scene import thousands
from idlmav.views.table import TITLES, table_view


@pytest.fixture(scope="module", params=["unet", "lstm", "shared", "empty", "unfinished"])
def graph(request) -> Graph:
    example = (WORKING | BROKEN)[request.param]
    return MAV(example.model(), example.args()).graph


def bokeh_table(graph: Graph) -> Any:
    return table_view("uid", graph).get_root()


def test_a_row_stands_for_the_node_of_its_index(graph):
    """The controller selects rows by the index of the node."""
    ids = list(bokeh_table(graph).source.data["id"])
    assert ids[: len(graph.nodes)] == [node.id for node in graph.nodes]
    assert ids[len(graph.nodes) :] == [module.path for module in graph.unreached]


def test_columns_are_titled_and_the_rest_is_hidden(graph):
    table = bokeh_table(graph)
    hidden = {f"{name}_{kind}" for name in ("param", "flops", "bytes") for kind in ("text", "title")}
    hidden |= {"status", "error"}
    shown = [column.field for column in table.columns if column.field not in table.hidden_columns]
    assert shown == list(TITLES)
    titles = {column.field: column.title for column in table.columns}
    assert titles["id"] == "Name"
    assert titles["param_count"].startswith("Params [")
    assert titles["flops"] == "FLOPs", "the controller adds the sum in the unit that is shown"
    assert set(table.source.data) >= hidden, "formatters and row colours read them"


def test_numbers_are_numbers_so_that_they_sort(graph):
    data = bokeh_table(graph).source.data
    for node, params, flops in zip(graph.nodes, data["param_count"], data["flops"], strict=False):
        assert params == node.param_count
        assert flops == node.flops or (node.flops is None and flops != flops)  # noqa: PLR0124 - NaN


def test_nobody_edits_it_and_one_row_is_selected_at_a_time(graph):
    table = table_view("uid", graph)
    assert table.disabled
    assert table.selectable == 1
    assert table.pagination is None, "the graph's scrolling needs every row"
    assert "uid-table" in table.get_root().tags


def test_exact_numbers_are_there_on_hover(graph):
    data = bokeh_table(graph).source.data
    for node, param, activation in zip(graph.nodes, data["param_title"], data["bytes_title"], strict=False):
        if node.params:
            assert param.startswith(thousands(node.param_count))
        if node.activation_bytes is not None:
            assert activation == f"{thousands(node.activation_bytes)} B"


class DeadBranch(nn.Module):
    """Layers that forward never calls."""

    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Linear(4, 4)
        self.add = nn.Linear(4, 2)
        self.rest = nn.ModuleList([nn.ReLU()])

    def forward(self, x):
        return self.used(x) + 1


def test_modules_that_are_never_called_have_rows_behind_the_ops():
    graph = MAV(DeadBranch(), torch.zeros(2, 4)).graph
    data = bokeh_table(graph).source.data
    count = len(graph.nodes)
    ids = list(data["id"])
    assert ids[:count] == [node.id for node in graph.nodes]
    assert ids[count:] == ["add (module)", "rest.0"], "an op is called add, too"
    assert len(set(ids)) == len(ids)
    assert list(data["operation"][count:]) == ["nn.Linear", "nn.ReLU"]
    assert list(data["param_count"][count:]) == [10, 0]
    assert set(data["status"][count:]) == set(data["output_shape"][count:]) == {"never called"}
    assert all(value != value for value in data["flops"][count:])  # noqa: PLR0124 - NaN
    scene = MAV(graph).scene()
    assert scene["unreached"]["ids"] == ids[count:]
    assert scene["unreached"]["path"] == ["add", "rest.0"]


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
    assert set(templates) == set(TITLES)
    for template in templates.values():
        raw = [piece.split("%>")[0].strip() for piece in template.split("<%=")[1:]]
        assert raw, template
        assert all("?" in piece and piece.endswith('""') for piece in raw), "only one of two fixed texts"
