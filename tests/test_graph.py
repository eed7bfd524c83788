"""The data model: look-ups, the table, and an import that stays light."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pandas as pd
import pytest

import idlmav
from idlmav.graph import Graph, ParameterInfo, format_shape, format_shapes


@pytest.mark.parametrize(("records", "field"), [("nodes", "id"), ("edges", "source"), ("modules", "path")])
def test_a_graph_is_frozen(small_graph, records, field):
    with pytest.raises(FrozenInstanceError):
        setattr(getattr(small_graph, records)[0], field, "other")
    with pytest.raises(FrozenInstanceError):
        small_graph.name = "other"


def test_neighbours_agree_with_the_edges(small_graph):
    assert small_graph.sources["block:add"] == ("x", "block.conv")
    assert small_graph.targets["x"] == ("block.conv", "block:add")
    assert small_graph.sources["x"] == small_graph.targets["output"] == ()
    pairs = {(source, target) for target, sources in small_graph.sources.items() for source in sources}
    assert pairs == {(edge.source, edge.target) for edge in small_graph.edges}
    assert pairs == {(source, target) for source, targets in small_graph.targets.items() for target in targets}


def test_lookups_find_every_node_and_module(small_graph):
    assert [small_graph.node_by_id[node.id] for node in small_graph.nodes] == list(small_graph.nodes)
    assert [small_graph.module_by_path[module.path] for module in small_graph.modules] == list(small_graph.modules)


def test_the_call_chain_leads_from_the_op_to_the_model(small_graph):
    conv = small_graph.node_by_id["block.conv"]
    assert [call.path for call in small_graph.call_chain(conv)] == ["block.conv", "block", ""]
    assert list(small_graph.call_chain(small_graph.nodes[0])) == []


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((), "()"),
        ((5,), "(5,)"),
        ((2, 64, 7, 7), "(2, 64, 7, 7)"),
        ((2, None), "(2, ?)"),
        ((None,), "(?,)"),
        (None, "?"),
    ],
)
def test_a_shape_is_written_as_python_would(shape, text):
    assert format_shape(shape) == text


def test_several_shapes_are_separated():
    assert format_shapes([(1, 2), None]) == "(1, 2), ?"
    assert format_shapes([]) == ""


@pytest.mark.parametrize(("shape", "count"), [((), 1), ((3, 4, 5), 60), ((0, 4), 0), (None, 0)])
def test_a_parameter_counts_its_elements(shape, count):
    assert ParameterInfo(name="w", shape=shape, dtype="float32", itemsize=4).numel == count


def test_the_table_has_the_documented_columns(small_graph):
    frame = small_graph.to_frame()
    kinds = {"int64": "int64", "Int64": "Int64", "object": "object", "str": None}
    schema = _schema(Graph.to_frame.__doc__)
    assert list(frame.columns) == list(schema)
    assert frame.index.name == "id"
    assert list(frame.index) == [node.id for node in small_graph.nodes]
    for column, kind in schema.items():
        if kinds[kind]:
            assert frame[column].dtype == kinds[kind], column
        else:
            assert pd.api.types.is_string_dtype(frame[column].dtype), column


def test_the_table_says_unknown_instead_of_zero(small_graph):
    frame = small_graph.to_frame()
    assert frame.loc["block.conv", "flops"] == 10368
    assert frame["flops"].isna().sum() == 4
    assert frame.loc["fc", "error"] == "RuntimeError: shapes <b>do not</b> match"
    assert frame.loc["x", "error"] is None
    assert frame["param_count"].sum() == sum(node.param_count for node in small_graph.nodes)


def test_an_empty_graph_has_an_empty_table():
    frame = Graph(name="Empty").to_frame()
    assert len(frame) == 0
    assert list(frame.columns) == list(_schema(Graph.to_frame.__doc__))


def _schema(text: str) -> dict[str, str]:
    rows = [line.split() for line in text.splitlines() if line.strip().startswith("``")]
    return {row[0].strip("`"): row[1] for row in rows}


def test_importing_the_package_is_light(run_python):
    heavy = run_python(
        """
        import idlmav, idlmav.graph.files
        idlmav.Graph, idlmav.GraphFormatError, idlmav.__version__
        heavy = {"torch", "panel", "bokeh", "holoviews", "pandas", "param", "numpy"}
        print(sorted(heavy & set(sys.modules)))
        """
    )
    assert heavy.strip() == "[]"


def test_public_names_exist():
    assert set(idlmav.__all__) <= set(dir(idlmav))
    for name in idlmav.__all__:
        assert getattr(idlmav, name) is not None


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'idlmav' has no attribute 'Mav'"):
        idlmav.Mav  # noqa: B018
