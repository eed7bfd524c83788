"""The scene: plain columns that say the same as the graph, its table and its module totals."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from pictures import BROKEN, WORKING, graph_of, picture_of

from idlmav import MAV
from idlmav.graph import Graph, ModuleInfo
from idlmav.graph.text import humane, humane_bytes, thousands
from idlmav.layout import compute_layout
from idlmav.layout.input.labels import node_sizes
from idlmav.metrics.totals import complete
from idlmav.scene.build import METRICS, Scene, build_scene
from idlmav.scene.palette import Palette
from idlmav.state import COLOR_BY, SIZE_BY


@pytest.fixture(scope="module", params=[*WORKING, *BROKEN])
def mav(request) -> MAV:
    return picture_of(request.param)


def scene_of(graph: Graph, **palette) -> Scene:
    return build_scene(graph, compute_layout(graph, node_sizes(graph)), Palette(**palette))


def test_it_is_json(mav):
    scene = mav.scene()
    assert json.loads(json.dumps(scene, allow_nan=False)) == scene


def test_every_column_is_as_long_as_its_ids(mav):
    scene = mav.scene()
    for kind in ("nodes", "groups"):
        geometry = scene["geometry"][kind]
        count = len(geometry["ids"])
        assert {len(column) for column in geometry.values() if column is not None} <= {count}
        assert {name: len(column) for name, column in scene[kind].items()} == dict.fromkeys(scene[kind], count)
    for coding in scene["colors"].values():
        assert len(coding["of"]) == len(mav.graph.nodes)
        assert len(coding["names"]) == len(coding["colors"]) == len(coding["inks"]) == len(set(coding["names"]))
        assert set(coding["of"]) == set(range(len(coding["names"])))
    edges = scene["geometry"]["edges"]
    assert len(edges["source"]) == len(edges["target"]) == len(edges["start"]) - 1 == len(mav.graph.edges)
    assert len(edges["xs"]) == len(edges["ys"]) == edges["start"][-1]


def test_every_choice_of_colour_and_size_has_its_columns(mav):
    scene = mav.scene()
    assert set(COLOR_BY) == set(scene["colors"]) | set(METRICS)
    assert set(SIZE_BY) == {"none", *METRICS}
    for name in METRICS:
        assert len(scene["nodes"][name]) == len(mav.graph.nodes)
        assert len(scene["groups"][name]) == len(mav.layout.groups)


def test_it_says_what_the_table_says(mav):
    nodes = mav.scene()["nodes"]
    frame = mav.graph.to_frame()
    assert mav.scene()["geometry"]["nodes"]["ids"] == list(frame.index)
    same = {"shape": "output_shape"} | {
        name: name
        for name in ("path", "op", "operation", "dtype", "param_count", "flops_source", "status", "error", "source")
    }
    for column, in_table in same.items():
        assert nodes[column] == frame[in_table].tolist(), column
    for column in ("flops", "activation_bytes"):
        known = frame[column].astype(object).where(frame[column].notna(), None)
        assert nodes[column] == known.tolist(), column


def test_a_group_sums_what_its_module_sums(mav):
    """Metrics adds up along module paths, the scene along groups: two ways to the same number."""
    scene = mav.scene()
    groups = list(mav.layout.groups.values())
    pieces: dict[str, dict[str, int]] = {}
    for i, group in enumerate(groups):
        if group.path not in mav.graph.module_by_path:
            assert group.kind != "module", "a run of blocks that are alike"
            continue
        if any(other.id == group.parent and other.path == group.path for other in groups):
            continue
        sums = pieces.setdefault(group.path, dict.fromkeys((*METRICS, "unknown_flops"), 0))
        for name in sums:
            sums[name] += scene["groups"][name][i]
    compared = 0
    for path, sums in pieces.items():
        module = mav.graph.module_by_path.get(path)
        if module is None:
            continue
        assert sums["activation_bytes"] == module.activation_bytes, path
        assert sums["flops"] == module.flops + module.flops_estimated, path
        assert sums["unknown_flops"] == module.flops_unknown, path
        assert sums["param_count"] <= module.param_count, "only parameters that an op reads"
        if not _reads_less_than_it_holds(mav.graph, module):
            assert sums["param_count"] == module.param_count, path
        compared += 1
    assert compared == len(pieces)


def _reads_less_than_it_holds(graph: Graph, module: ModuleInfo) -> bool:
    """Whether some parameter of a module is first read outside of it, or not at all."""

    def inside(path: str) -> bool:
        return path == module.path or path.startswith(f"{module.path}.")

    names = {name: p.name for p in graph.parameters for name in (p.name, *p.aliases)}
    first: dict[str, str] = {}
    for node in graph.nodes:
        for name in node.params:
            first.setdefault(names[name], node.path)
    buffers = {p.name for p in graph.parameters if p.buffer}
    held = {names[name] for other in graph.modules if inside(other.path) for name in other.params} - buffers
    return any(name not in first or not inside(first[name]) for name in held)


def test_groups_know_their_class_and_their_failures(mav):
    scene, graph = mav.scene(), mav.graph
    for path, class_name, failed, title, kind in zip(
        *(scene["groups"][name] for name in ("path", "class_name", "failed", "title", "kind")), strict=True
    ):
        if path not in graph.module_by_path:
            assert (kind, class_name) in (("repeat", ""), ("rest", ""))
            continue
        assert class_name == graph.module_by_path[path].class_name
        assert class_name in title or kind == "repeat"
        assert failed == graph.module_by_path[path].failed


@pytest.mark.parametrize("name", BROKEN)
def test_a_failure_is_listed_with_its_message_and_line(name):
    mav = picture_of(name)
    scene = mav.scene()
    assert len(scene["errors"]) == len(mav.graph.errors) >= 1
    for error, failure in zip(scene["errors"], mav.graph.errors, strict=True):
        assert error["message"] == f"{failure.kind}: {failure.message}"
        assert failure.message
        if failure.node is not None:
            at = scene["geometry"]["nodes"]["ids"].index(failure.node)
            assert scene["nodes"]["status"][at] == "failed"
            assert scene["nodes"]["sublabel"][at] == "failed"


def test_the_run_state_is_a_colour_of_its_own(small_graph):
    scene = scene_of(complete(small_graph))
    coding = scene["colors"]["status"]
    assert [coding["names"][k] for k in coding["of"]] == ["ran", "ran", "ran", "failed", "not run"]
    assert len(set(coding["colors"])) == 3


def test_modules_of_a_list_are_told_apart():
    coding = picture_of("unet").scene()["colors"]["module"]
    assert {"(model)", "down.0", "down.1", "grow.2", "up.2", "bottom", "pool", "head"} <= set(coding["names"])


HOSTILE = '<img src=x onerror="alert(1)"> & <b>bold</b>'


def hostile(graph: Graph) -> Graph:
    """Replace a graph's texts by HTML, the ids by ids that hold some."""
    nodes = []
    for node in graph.nodes:
        texts = {
            field.name: HOSTILE
            for field in fields(node)
            if field.name in ("operation", "args", "source", "error") and getattr(node, field.name)
        }
        nodes.append(replace(node, id=HOSTILE + node.id, **texts))
    edges = [replace(e, source=HOSTILE + e.source, target=HOSTILE + e.target) for e in graph.edges]
    modules = [replace(m, class_name=HOSTILE) if m.path else m for m in graph.modules]
    errors = [replace(e, node=HOSTILE + (e.node or ""), message=HOSTILE) for e in graph.errors]
    return replace(
        graph,
        name=HOSTILE,
        inputs=HOSTILE,
        nodes=tuple(nodes),
        edges=tuple(edges),
        modules=tuple(modules),
        errors=tuple(errors),
    )


def test_html_in_names_stays_as_it_is(small_graph):
    """The scene holds text; whoever shows it escapes it (tests of the views and of the browser)."""
    scene = scene_of(hostile(complete(small_graph)))
    assert scene["totals"]["name"] == scene["totals"]["inputs"] == HOSTILE
    assert scene["nodes"]["operation"][1] == HOSTILE
    assert scene["errors"][0]["message"] == f"RuntimeError: {HOSTILE}"
    assert scene["geometry"]["nodes"]["ids"][0].startswith(HOSTILE)
    assert HOSTILE in scene["groups"]["title"][0]
    assert json.loads(json.dumps(scene, allow_nan=False)) == scene


def test_an_empty_graph_is_a_scene():
    scene = scene_of(Graph(name="Nothing"))
    assert scene["geometry"]["nodes"]["ids"] == scene["geometry"]["groups"]["ids"] == scene["errors"] == []
    assert scene["totals"]["node_count"] == 0


# ---------------------------------------------------------------------------------------------------- numbers


def test_the_scene_holds_the_totals(mav):
    totals = dict(mav.scene()["totals"])
    assert (totals.pop("name"), totals.pop("inputs")) == (mav.graph.name, mav.graph.inputs)
    assert totals == {field.name: getattr(mav.graph.totals, field.name) for field in fields(mav.graph.totals)}


def test_parameters_are_named_with_what_is_special_about_them():
    texts = scene_of(graph_of("frozen"))["nodes"]["params"]
    assert texts[1].split("; ")[-3:] == [
        "running_var (4,) float32, buffer",
        "weight (4,) float32, frozen",
        "bias (4,) float32",
    ]
    assert texts[2] == "weight (2, 4) float32"
    assert any(", shared with " in text for text in picture_of("shared").scene()["nodes"]["params"])


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 FLOPs"),
        (999, "999 FLOPs"),
        (1000, "1 kFLOPs"),
        (1234, "1.23 kFLOPs"),
        (999_999, "1000 kFLOPs"),
        (1.8e9, "1.8 GFLOPs"),
        (29_603_512_320, "29.6 GFLOPs"),
        (123e12, "123 TFLOPs"),
        (5e15, "5000 TFLOPs"),
    ],
)
def test_numbers_are_written_for_people(number, text):
    assert humane(number, "FLOPs") == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (46_755_328, "44.6 MiB"),
        (3 << 40, "3 TiB"),
        (3 << 50, "3072 TiB"),
    ],
)
def test_bytes_are_written_for_people(count, text):
    assert humane_bytes(count) == text


@pytest.mark.parametrize("number", [0, 7, 999, 1000, 11_689_512, 10**12])
def test_thousands_are_separated(number):
    text = thousands(number)
    assert int(text.replace("\u202f", "")) == number
    assert all(len(part) == 3 for part in text.split("\u202f")[1:])
    assert 1 <= len(text.split("\u202f")[0]) <= 3
