"""Saved graphs: what was written comes back, and what was not written by us is refused by name."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import fields, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlmav.errors import GraphFormatError
from idlmav.graph import Call, Edge, Failure, Graph, ModuleInfo, Node, ParameterInfo, Totals
from idlmav.graph.files import FORMAT, MAX_BYTES, VERSION, dumps, load, loads, save
from idlmav.graph.json_fields import MAX_INTEGER, set_fields

counts = st.integers(0, MAX_INTEGER)
texts = st.text(max_size=8)
optional_texts = st.none() | texts
shapes = st.none() | st.lists(st.none() | counts, max_size=4).map(tuple)


def names(size: int) -> st.SearchStrategy[list[str]]:
    return st.lists(texts, max_size=size, unique=True)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any consistent graph, every field of every record drawn at random."""
    parameters = draw(names(3))
    calls = [Call(draw(texts), draw(counts), None) for _ in range(draw(st.integers(0, 3)))]
    calls = [replace(call, parent=draw(st.none() | st.integers(0, index - 1)) if index else None)
             for index, call in enumerate(calls)]  # fmt: skip
    owned = st.lists(st.sampled_from(parameters), max_size=2).map(tuple) if parameters else st.just(())
    in_call = st.none() | st.integers(0, len(calls) - 1) if calls else st.none()
    ids = draw(names(5))
    nodes = tuple(
        draw(st.builds(Node, id=st.just(id_), op=texts, operation=texts, path=texts, call=in_call, params=owned,
                       kind=st.sampled_from(["op", "input", "output"]), shapes=st.just(tuple(made)),
                       dtypes=st.tuples(*[texts] * len(made)), args=texts, flops=st.none() | counts,
                       flops_source=st.sampled_from(["counted", "estimated", "measured", "unknown"]),
                       param_count=counts, shares_params=st.booleans(), activation_bytes=st.none() | counts,
                       status=st.sampled_from(["ran", "failed", "not_run"]), error=optional_texts,
                       source=optional_texts, notes=st.lists(texts, max_size=2).map(tuple)))
        for id_, made in [(id_, draw(st.lists(shapes, max_size=3))) for id_ in ids]
    )  # fmt: skip
    pairs = [(a, b) for b in range(len(nodes)) for a in range(b)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=6)) if pairs else []
    edges = tuple(
        Edge(ids[a], ids[b], draw(st.lists(st.integers(0, max(1, len(nodes[a].shapes)) - 1), max_size=2).map(tuple)))
        for a, b in chosen
    )
    sums = st.builds(Totals, **{field.name: counts for field in fields(Totals)})
    module_counts = {field.name: counts for field in fields(ModuleInfo) if field.type == "int"}
    modules = tuple(
        draw(st.builds(ModuleInfo, path=st.just(path), class_name=texts, class_path=texts, extra_repr=texts, params=owned,
                       failed=st.booleans(), **module_counts))
        for path in draw(names(3))
    )  # fmt: skip
    listed = tuple(
        draw(st.builds(ParameterInfo, name=st.just(name), shape=st.none() | st.lists(counts, max_size=3).map(tuple),
                       dtype=texts, itemsize=counts, trainable=st.booleans(), buffer=st.booleans(),
                       aliases=st.lists(texts, max_size=2).map(tuple)))
        for name in parameters
    )  # fmt: skip
    at = st.none() | st.sampled_from(ids) if ids else st.none()
    failures = st.lists(st.builds(Failure, at, texts, texts, texts, optional_texts), max_size=2).map(tuple)
    return Graph(
        name=draw(texts), nodes=nodes, edges=edges, modules=modules, calls=tuple(calls), parameters=listed,
        errors=draw(failures), totals=draw(sums), inputs=draw(texts), info=draw(st.dictionaries(texts, texts, max_size=2)),
    )  # fmt: skip


@given(graphs())
def test_any_graph_comes_back_equal(graph):
    text = dumps(graph)
    assert loads(text) == graph
    assert dumps(loads(text)) == text


def test_a_graph_with_every_field_comes_back_from_a_file(small_graph, tmp_path):
    save(small_graph, tmp_path / "m.mav.json")
    found = load(str(tmp_path / "m.mav.json"))
    assert found == small_graph
    assert isinstance(found.nodes[1].shapes[0], tuple)
    # Equality alone would not notice a field that the hand-made graph leaves at its default everywhere.
    for kind, records in [(Node, found.nodes), (ParameterInfo, found.parameters)]:
        assert {name for record in records for name in set_fields(record)} == {field.name for field in fields(kind)}


def test_the_file_is_plain_json_without_defaults(small_graph):
    text = dumps(small_graph)
    data = json.loads(text)
    assert (data["format"], data["version"]) == (FORMAT, VERSION)
    assert data["nodes"][4] == {
        "id": "output",
        "kind": "output",
        "op": "output",
        "operation": "output",
        "status": "not_run",
    }
    assert data["edges"][0] == {"source": "x", "target": "block.conv"}
    assert len(text.splitlines()) > len(small_graph.nodes) + len(small_graph.edges)
    assert json.loads(dumps(Graph(name="Empty"))) == {"format": FORMAT, "version": VERSION, "name": "Empty"}


def test_a_module_may_know_a_shared_parameter_under_its_other_name(small_graph):
    head = replace(small_graph.modules[3], params=("tied",))
    graph = replace(small_graph, modules=(*small_graph.modules[:3], head))
    assert loads(dumps(graph)) == graph


def test_text_that_cannot_be_encoded_is_replaced_when_saving():
    graph = Graph(name="Net", nodes=(Node(id="x", op="x", operation="x", source="caf\udce9.py:1"),))
    assert loads(dumps(graph)).nodes[0].source == "caf?.py:1"


def change(graph: Graph, path: list[str | int], value: object) -> str:
    """Return a saved graph in which one field has another value; ``...`` removes it."""
    data = json.loads(dumps(graph))
    place = data
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(data)


WRONG = {
    "text for a size": (["nodes", 1, "shapes", 0, 1], "x", r"^nodes\[1\]\.shapes\[0\]\[1\]: expected an integer .* or null, got 'x'\."),
    "negative size": (["nodes", 1, "shapes", 0, 1], -1, r"^nodes\[1\]\.shapes\[0\]\[1\]: .* got -1"),
    "truth for a count": (["nodes", 1, "param_count"], True, r"^nodes\[1\]\.param_count: expected an integer.* got true"),
    "fraction": (["nodes", 1, "flops"], 1.5, r"^nodes\[1\]\.flops: .* got 1\.5"),
    "beyond a column": (["nodes", 1, "flops"], 2**63, r"^nodes\[1\]\.flops: .* got a huge number"),
    "number for text": (["nodes", 0, "op"], 7, r"^nodes\[0\]\.op: expected text, got 7"),
    "null for text": (["nodes", 0, "op"], None, r"^nodes\[0\]\.op: expected text, got null"),
    "list for text": (["name"], ["Net"], r"^name: expected text, got a list of 1"),
    "text for a list": (["nodes", 1, "notes"], "inplace", r"^nodes\[1\]\.notes: expected a list, got 'inplace'"),
    "object for a list": (["nodes"], {"0": {}}, r"^nodes: expected a list, got an object of 1"),
    "text for truth": (["modules", 0, "failed"], "yes", r"^modules\[0\]\.failed: expected true or false"),
    "unknown choice": (["nodes", 3, "status"], "fail", r"^nodes\[3\]\.status: expected one of ran, failed, not_run, got 'fail'"),
    "unhashable choice": (["nodes", 3, "status"], [], r"^nodes\[3\]\.status: expected one of"),
    "number for a record": (["edges", 2], 3, r"^edges\[2\]: expected an object, got 3"),
    "unknown field": (["nodes", 0, "shape"], [], r"^nodes\[0\]: there is no field 'shape'\. Did you mean 'shapes'\?"),
    "unknown top field": (["layout"], {}, r"^file: there is no field 'layout'"),
    "missing field": (["nodes", 2, "operation"], ..., r"^nodes\[2\]: the field 'operation' is missing"),
    "missing name": (["name"], ..., r"^file: the field 'name' is missing"),
    "number in info": (["info", "torch"], 2, r"^info\.torch: expected text, got 2"),
    "number for info": (["info"], 2, r"^info: expected an object of texts, got 2"),
    "totals": (["totals", "flops"], "1", r"^totals\.flops: expected an integer"),
    "half a surrogate": (["inputs"], "\ud800", r"^inputs: expected text, got half a surrogate pair"),
    "same id twice": (["nodes", 2, "id"], "x", r"^nodes\[2\]\.id: expected a new id, got 'x' again"),
    "same path twice": (["modules", 3, "path"], "block", r"^modules\[3\]\.path: expected a new path"),
    "same parameter twice": (["parameters", 1, "name"], "block.conv.weight", r"^parameters\[1\]\.name: expected a new name"),
    "dangling source": (["edges", 0, "source"], "y", r"^edges\[0\]\.source: expected the id of a node, got 'y'"),
    "dangling target": (["edges", 0, "target"], "y", r"^edges\[0\]\.target: expected the id of a node, got 'y'"),
    "edge against the order": (["edges", 4, "target"], "x", r"^edges\[4\]\.target: expected a later node .* got 'x'"),
    "edge to itself": (["edges", 4, "target"], "fc", r"^edges\[4\]\.target: expected a later node"),
    "edge twice": (["edges", 1, "target"], "block.conv", r"^edges\[1\]: expected each pair .* once"),
    "missing output": (["edges", 3, "outputs"], [2], r"^edges\[3\]\.outputs: expected indices of the source's 2 outputs"),
    "missing call": (["nodes", 1, "call"], 4, r"^nodes\[1\]\.call: expected one of 4 calls, got 4"),
    "call in itself": (["calls", 1, "parent"], 1, r"^calls\[1\]\.parent: expected an earlier call, got 1"),
    "calls in a circle": (["calls", 0, "parent"], 3, r"^calls\[0\]\.parent: expected an earlier call, got 3"),
    "missing parameter": (["nodes", 1, "params", 0], "w", r"^nodes\[1\]\.params\[0\]: expected the name of a parameter, got 'w'"),
    "missing parameter of a module": (["modules", 2, "params", 0], "w", r"^modules\[2\]\.params\[0\]: .* got 'w'"),
    "dangling failure": (["errors", 0, "node"], "y", r"^errors\[0\]\.node: expected the id of a node, got 'y'"),
    "other format": (["format"], "onnx", r"^format: expected 'idlmav-graph'"),
    "no format": (["format"], ..., r"^format: expected"),
    "future version": (["version"], VERSION + 1, r"^version: expected 1, got 2\. Update idlmav"),
    "text version": (["version"], "1", r"^version: expected 1, got '1'"),
    "true version": (["version"], True, r"^version: expected 1, got true"),
    "no version": (["version"], ..., r"^version: expected 1, got null"),
    "very long text": (["nodes", 3, "status"], "a" * 10**6, r"got 'a{59}\.\.\.\. Save the graph again"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "value", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_field_is_named(small_graph, path, value, message):
    with pytest.raises(GraphFormatError, match=message):
        loads(change(small_graph, path, value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "file: expected JSON"),
        ("hello", "file: expected JSON"),
        ("[]", "file: expected an object, got a list of 0"),
        ("3", "file: expected an object, got 3"),
        ("null", "file: expected an object, got null"),
        ('{"format":"idlmav-graph","version":1,"name":NaN}', "NaN is not a number"),
        ('{"format":"idlmav-graph","version":1,"name":-Infinity}', "-Infinity is not a number"),
        ('{"format":"idlmav-graph","version":1e999,"name":""}', "version: expected 1, got inf"),
        ('{"format":"idlmav-graph","version":1,"name":"a","name":"b"}', "field 'name' appears twice"),
        ('{"format":"idlmav-graph","version":1,"name":' + "9" * 100_000 + "}", "file: expected JSON, got an error"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a":' * 200_000, "nested too deeply"),
        ("[]," * 9_000_000, "file: graphs with more than 8,000,000 lists and objects are not read"),
        (" " * (MAX_BYTES + 1), "file: graphs above 128 MB are not read"),
    ],
    ids=["empty", "words", "list", "number", "null", "nan", "infinity", "overflow", "twice", "digits", "deep", "deeper",
         "many", "big"],
)  # fmt: skip
def test_text_that_is_not_a_graph_is_refused(text, message):
    with pytest.raises(GraphFormatError, match=message):
        loads(text)


def test_a_truncated_file_is_refused_wherever_it_ends(small_graph):
    text = dumps(small_graph).rstrip()
    for end in range(0, len(text), 97):
        with pytest.raises(GraphFormatError):
            loads(text[:end])


@given(st.data())
def test_a_damaged_file_is_refused_or_still_a_graph(small_graph, data):
    """Whatever happens to a byte: no error but ours gets out."""
    text = dumps(small_graph)
    at = data.draw(st.integers(0, len(text) - 1))
    with_other = text[:at] + data.draw(st.sampled_from('0-9.x"[]{},:n\\ue')) + text[at + 1 :]
    with suppress(GraphFormatError):
        assert isinstance(loads(with_other), Graph)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "m.mav.json"
    path.write_bytes(b"\x89PNG\r\n")
    with pytest.raises(GraphFormatError, match=r"not valid UTF-8 \(byte 0\)"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.mav.json")


def test_a_byte_order_mark_is_ignored(small_graph, tmp_path):
    path = tmp_path / "m.mav.json"
    path.write_text(dumps(small_graph), encoding="utf-8-sig")
    assert load(path) == small_graph


def test_a_graph_opens_where_torch_cannot_be_imported(small_graph, tmp_path, run_python):
    path = tmp_path / "m.mav.json"
    save(small_graph, path)
    code = f"from idlmav.graph import files\ngraph = files.load({str(path)!r})\nprint(len(graph.nodes))"
    assert run_python(code, without=["torch", "numpy", "pandas", "panel"]) == "5\n"


@pytest.mark.heavy
def test_fifty_thousand_nodes_open_as_they_were():
    nodes = tuple(
        Node(id=f"layers.{i // 10}.mlp:op{i}", op="linear", operation="nn.Linear", path=f"layers.{i // 10}.mlp",
             shapes=((1, 128, 4096),), dtypes=("float32",), flops=i, flops_source="counted", source="model.py:10")
        for i in range(50_000)
    )  # fmt: skip
    graph = Graph(name="Net", nodes=nodes, edges=tuple(map(Edge, *zip(*_pairs(nodes), strict=True))))
    text = dumps(graph)
    assert len(text) < 20e6
    assert loads(text) == graph


def _pairs(nodes: tuple[Node, ...]) -> list[tuple[str, str]]:
    return [(a.id, b.id) for a, b in pairwise(nodes)]
