"""The table's rows: a tree of groups and ops whose numbers are the graph's, folded, searched, sorted and copied."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from assets.node import run_js
from pictures import gallery_graph, picture_of

from idlmav import MAV
from idlmav.scene.build import thousands

RUN = """
    const { applyCompute } = await load("detail/compute");
    const { TableRows } = await load("table/rows");
    const { COLUMNS, columnQuery, csv, heading } = await load("table/columns");
    const { scene, unit = "flops", folded = [], found = null, width = 500 } = input;
    applyCompute(scene, {compute_unit: unit, estimates: "shown"});
    const rows = new TableRows(scene);
    const state = scene.geometry.groups.ids.map((id) => (folded.includes(id) ? 2 : 1));
    const wanted = found && ((row) => found.includes(rows.id(row)));
    const all = rows.tree(state, wanted);
    const column = (name) => COLUMNS.find((each) => each.name === name);
    const value = (name) => (row) => column(name).value(scene, rows.kind(row), rows.index(row));
    const tell = (row) => ({
      id: rows.id(row), kind: rows.kind(row), level: rows.levels[row], name: rows.name(row),
      outer: rows.outer[row] < 0 ? null : rows.id(rows.outer[row]), end: rows.ends[row], row,
      ...Object.fromEntries(COLUMNS.map(({name}) => [`_${name}`, value(name)(row)])),
      cells: Object.fromEntries(COLUMNS.filter(({cell}) => cell).map((each) => [
        each.name, each.cell(scene, rows.kind(row), rows.index(row), width)])),
    });
    return {
      rows: all.map(tell),
      sorted: ["name", "param_count", "flops"].map((name) => [false, true].map(
        (down) => rows.sorted(all, state, value(name), down).map((row) => rows.id(row)))),
      sums: Object.fromEntries(COLUMNS.filter(({sum}) => sum).map((each) => [each.name, each.sum(scene)])),
      headings: Object.fromEntries(COLUMNS.map((each) => [each.name, heading(each, scene, width)])),
      csv: csv(scene, all.map((row) => ({kind: rows.kind(row), index: rows.index(row)})), COLUMNS),
      queries: (input.texts ?? []).map((text) => columnQuery(column("flops"), scene, text)),
    };
"""
NUMBERS = ("param_count", "flops", "activation_bytes")


def table(mav: MAV, **options: Any) -> dict[str, Any]:
    return run_js(RUN, {"scene": mav.scene(), **options}, char_width=60)


@pytest.fixture(scope="module", params=["resnet20", "unet", "lstm", "shared", "unfinished", "empty"])
def mav(request) -> MAV:
    if request.param in ("shared", "empty"):
        return picture_of(request.param)
    return MAV(gallery_graph(request.param))


@pytest.fixture(scope="module")
def resnet() -> MAV:
    return MAV(gallery_graph("resnet20"))


def test_every_op_group_and_module_never_called_has_one_row(mav):
    rows = table(mav)["rows"]
    assert len({(row["kind"], row["id"]) for row in rows}) == len(rows)
    ids = {kind: {row["id"] for row in rows if row["kind"] == kind} for kind in ("nodes", "groups")}
    assert ids["nodes"] == {node.id for node in mav.graph.nodes}
    assert ids["groups"] == set(mav.layout.groups)
    assert sum(row["kind"] == "unreached" for row in rows) == len(mav.graph.unreached)


def test_the_contents_of_a_group_follow_it_and_siblings_are_in_the_order_of_their_first_op(mav):
    rows = table(mav)["rows"]
    order = {node.id: i for i, node in enumerate(mav.graph.nodes)}
    groups = mav.layout.groups

    def first(row):
        return min((order[r["id"]] for r in rows[row["row"] : row["end"]] if r["kind"] == "nodes"), default=len(order))

    starts: dict[Any, list[int]] = {}
    for row in rows:
        parent = groups[row["id"]].parent if row["kind"] == "groups" else mav.layout.group_of.get(row["id"], "")
        if row["kind"] != "unreached":
            assert row["outer"] == (parent or None)
        starts.setdefault(row["outer"], []).append(first(row))
        assert row["level"] == (0 if row["outer"] is None else 1 + next(
            each["level"] for each in rows if each["kind"] == "groups" and each["id"] == row["outer"]
        ))  # fmt: skip
    assert all(found == sorted(found) for found in starts.values())


def test_names_leave_out_the_path_of_the_group_around(resnet):
    names = {row["id"]: row["name"] for row in table(resnet)["rows"]}
    assert names["layer1"] == "layer1"
    assert names["layer1.0"] == "0"
    assert names["layer1.0.conv1"] == "conv1"
    assert names["layer1.0:add"] == "add"
    assert names["x"] == "x"


def test_the_contents_of_a_folded_group_have_no_rows(resnet):
    every = [row["id"] for row in table(resnet)["rows"]]
    folded = [row["id"] for row in table(resnet, folded=["layer1", "layer2.0", "layer1.0"])["rows"]]
    hidden = ("layer1.", "layer2.0.", "layer1:", "layer2.0:")
    assert folded == [name for name in every if not name.startswith(hidden)]
    assert "layer1" in folded


def test_a_search_lists_its_finds_with_the_groups_around_also_folded_ones(resnet):
    rows = table(resnet, folded=["layer3"], found=["layer3.0.conv2", "fc"])["rows"]
    assert [row["id"] for row in rows if row["kind"] != "groups"] == ["layer3.0.conv2", "fc"]
    outer = {row["outer"] for row in rows} - {None}
    assert {row["id"] for row in rows if row["kind"] == "groups"} == outer


# ---- numbers


def test_numbers_are_those_of_the_frame(mav):
    frame = mav.graph.to_frame()
    for row in table(mav)["rows"]:
        if row["kind"] != "nodes":
            continue
        expected = frame.loc[row["id"]]
        assert row["_param_count"] == expected["param_count"]
        assert row["_operation"] == expected["operation"]
        assert row["_shape"] == expected["output_shape"]
        assert row["_dtype"] == expected["dtype"]
        assert row["_source"] == (expected["source"] or "")
        node = mav.graph.node_by_id[row["id"]]
        assert row["_activation_bytes"] == node.activation_bytes
        assert row["_flops"] == (node.flops if node.kind == "op" else None)


def test_a_group_is_the_sum_of_its_rows_and_roots_sum_to_the_totals(mav):
    seen = table(mav)
    rows = seen["rows"]
    for name in NUMBERS:
        of = {(row["kind"], row["id"]): row[f"_{name}"] or 0 for row in rows}
        inner: dict[Any, int] = {}
        for row in rows:
            if row["kind"] != "unreached":
                inner[row["outer"]] = inner.get(row["outer"], 0) + of[row["kind"], row["id"]]
        for row in rows:
            if row["kind"] == "groups":
                assert of["groups", row["id"]] == inner[row["id"]], (name, row["id"])
        totals = mav.graph.totals
        expected = {
            "param_count": totals.param_reached,
            "flops": totals.flops + totals.flops_estimated + totals.flops_measured,
            "activation_bytes": totals.activation_bytes,
        }
        # Inputs are not activations of the model.
        fed = sum(getattr(node, name) or 0 for node in mav.graph.nodes if node.kind != "op" and name != "flops")
        assert inner.get(None, 0) - fed == expected[name]
    assert seen["sums"]["param_count"] == mav.graph.totals.param_count


def test_the_header_has_the_exact_sum_if_there_is_room(resnet):
    count = resnet.graph.totals.param_count
    assert table(resnet)["headings"]["param_count"]["text"] == f"Params\n[{thousands(count)}]"
    narrow = table(resnet, width=60)["headings"]["param_count"]
    assert narrow["text"] == "Params\n[272 k]" if count == 272_474 else thousands(count) not in narrow["text"]
    assert thousands(count) in narrow["title"]


def test_macs_are_half_of_the_flops(resnet):
    flops, macs = table(resnet), table(resnet, unit="macs")
    assert [row["_flops"] and row["_flops"] / 2 for row in flops["rows"]] == [row["_flops"] for row in macs["rows"]]
    assert macs["headings"]["flops"]["text"].startswith("MACs\n[")


def test_cells_show_the_exact_number_on_hover(mav):
    for row in table(mav)["rows"]:
        params, activation = row["cells"]["param_count"], row["cells"]["activation_bytes"]
        if row["kind"] == "nodes":
            node = mav.graph.node_by_id[row["id"]]
            assert bool(params["title"]) == bool(node.params)
            assert params["text"] == thousands(node.param_count) + (" shared" if node.shares_params else "")
        if row["kind"] != "unreached" and row["_activation_bytes"] is not None:
            assert f"{thousands(row['_activation_bytes'])} B" in activation["title"]


# ---- order


def test_sorted_rows_are_the_boxes_that_are_drawn(resnet):
    seen = table(resnet, folded=["layer2"])
    boxes = {row["id"] for row in seen["rows"] if row["kind"] != "groups"} | {"layer2"}
    values = {row["id"]: row for row in seen["rows"]}
    for name, (up, down) in zip(("name", "param_count", "flops"), seen["sorted"], strict=True):
        assert set(up) == set(down) == boxes
        assert len(up) == len(boxes)
        if name == "name":
            continue
        known = [values[each][f"_{name}"] for each in up if values[each][f"_{name}"] is not None]
        assert known == sorted(known)
        known.reverse()
        assert [values[each][f"_{name}"] for each in down][: len(known)] == known, "what is unknown comes last"


def test_modules_never_called_are_the_last_rows():
    mav = picture_of("never_called")
    rows = table(mav)["rows"][-2:]
    assert [row["id"] for row in rows] == ["add (module)", "rest.0"], "an op is called add, too"
    assert [row["_operation"] for row in rows] == ["nn.Linear", "nn.ReLU"]
    assert [row["_param_count"] for row in rows] == [10, 0]
    assert {row["cells"]["shape"]["text"] for row in rows} == {"never called"}
    assert {row["_flops"] for row in rows} == {None}


# ---- in narrow columns


@pytest.mark.parametrize(
    ("shape", "width", "text"),
    [
        ("(1, 64, 112, 112)", 130, "(1, 64, 112, 112)"),
        ("(1, 64, 112, 112)", 103, "(1,64,112,112)"),
        ("(1, 64)", 60, "(1,64)"),
        # The text is cut between numbers.
        ("(1, 64, 112, 112)", 90, "(1,64,112,…)"),
        ("(1, 64, 112, 112)", 70, "(1,64,…)"),
        ("(2, 64, 768), (2, 768)", 110, "(2, 64, 768),…"),
        ("(2, 64, 768), (2, 768)", 140, "(2, 64, 768), (2,…)"),
        ("", 60, ""),
    ],
)
def test_a_shape_is_cut_between_numbers(shape, width, text):
    code = "const { shapeText } = await load('table/columns'); return shapeText(input.shape, input.width);"
    assert run_js(code, {"shape": shape, "width": width}, char_width=60) == text


def test_only_tensors_that_could_fit_are_measured():
    code = """
      const measured = [], of = (text) => { measured.push(text); return {width: 60 * text.length}; };
      globalThis.document = {createElement: () => ({getContext: () => ({measureText: of})})};
      const { shapeText } = await load("table/columns");
      return {text: shapeText(input, 140), count: measured.length, longest: Math.max(...measured.slice(1).map((text) => text.length))};
    """
    found = run_js(code, ", ".join(["(2, 768)"] * 2000))
    assert found["text"] == "(2, 768), (2,…)"
    assert found["count"] < 40
    assert found["longest"] < 200


def test_an_operation_that_does_not_fit_leaves_out_nn(resnet):
    def first(width):
        row = next(row for row in table(resnet, width=width)["rows"] if row["id"] == "bn1")
        return row["cells"]["operation"]

    assert first(500) == {"text": "nn.BatchNorm2d", "title": "nn.BatchNorm2d"}
    assert first(90) == {"text": "BatchNorm2d", "title": "nn.BatchNorm2d"}


# ---- filters and copies


def test_a_bare_number_in_the_filter_of_a_header_means_at_least(resnet):
    texts = ["1e6", ">1e6", " <= 5 ", "=0", "many", ">", ""]
    expected = ["flops>=1e6", "flops>1e6", "flops<=5", "flops=0", None, None, None]
    assert table(resnet, texts=texts)["queries"] == expected
    assert table(resnet, unit="macs", texts=["7"])["queries"] == ["macs>=7"]


def test_a_copy_has_whole_ids_and_raw_numbers(mav):
    seen = table(mav)
    header, *lines = csv.reader(io.StringIO(seen["csv"]))
    assert header[:2] == ["Kind", "Name"]
    at = header.index("Params")
    assert [line[1] for line in lines] == [row["id"] for row in seen["rows"]]
    assert [line[at] for line in lines] == [str(row["_param_count"]) for row in seen["rows"]]
    shape = header.index("Output shape")
    kinds = [row["kind"] for row in seen["rows"]]
    expected = [row["_shape"] for row in seen["rows"]]
    assert [line[shape] for line, kind in zip(lines, kinds, strict=True) if kind == "nodes"] == [
        text for text, kind in zip(expected, kinds, strict=True) if kind == "nodes"
    ]
