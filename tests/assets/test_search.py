"""Search expressions, compared with pandas and with Python on the same graph."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from assets.node import run_js
from pictures import picture_of

from idlmav import MAV

RUN = """
    const { matcher } = await load("search/find");
    return input.queries.map((query) => {
      const test = matcher(input.scene, query);
      return test === null ? null : input.scene.geometry.nodes.ids.filter((_, i) => test(i));
    });
"""


@pytest.fixture(scope="module")
def mav() -> MAV:
    return picture_of("unet")


@pytest.fixture(scope="module")
def frame(mav) -> pd.DataFrame:
    frame = mav.graph.to_frame()
    return frame.assign(label=mav.scene()["nodes"]["label"], category=mav.scene()["nodes"]["category"])


def search(mav: MAV, *queries: str) -> list[list[str] | None]:
    return run_js(RUN, {"scene": mav.scene(), "queries": queries})


CONDITIONS: dict[str, Any] = {
    "params>1000": lambda f: f.param_count > 1000,
    "params > 1e3": lambda f: f.param_count > 1000,
    "parameters>=1168": lambda f: f.param_count >= 1168,
    "param_count==0": lambda f: f.param_count == 0,
    "params=0": lambda f: f.param_count == 0,
    "params!=0": lambda f: f.param_count != 0,
    "flops<1e5": lambda f: (f.flops < 1e5).fillna(False),
    "flops<=0": lambda f: (f.flops <= 0).fillna(False),
    "FLOPs>1e6": lambda f: (f.flops > 1e6).fillna(False),
    "bytes>1e4": lambda f: (f.activation_bytes > 1e4).fillna(False),
    "activations>1e4": lambda f: (f.activation_bytes > 1e4).fillna(False),
    "op==conv2d": lambda f: f.op == "conv2d",
    "op = CONV2D": lambda f: f.op == "conv2d",
    "op=='conv2d'": lambda f: f.op == "conv2d",
    'operation=="nn.Conv2d"': lambda f: f.operation == "nn.Conv2d",
    "op!=conv2d": lambda f: f.op != "conv2d",
    "category==Convolution": lambda f: f.category == "Convolution",
    "module==bottom": lambda f: f.path == "bottom",
    "path==bottom.conv1": lambda f: f.path == "bottom.conv1",
    "status==ran": lambda f: f.status == "ran",
    "dtype==float32": lambda f: f.dtype == "float32",
    "params>1e3 & op==conv2d": lambda f: (f.param_count > 1000) & (f.op == "conv2d"),
    "conv & params>1e3": lambda f: (
        (f.index.str.contains("conv") | f.operation.str.lower().str.contains("conv")) & (f.param_count > 1000)
    ),
    "down.0 & op==batch_norm": lambda f: f.index.str.startswith("down.0") & (f.op == "batch_norm"),
    "params>1 & params<100 & op==batch_norm": lambda f: f.param_count.between(2, 99) & (f.op == "batch_norm"),
}


def test_conditions_find_what_pandas_finds(mav, frame):
    found = search(mav, *CONDITIONS)
    expected = {query: list(frame.index[condition(frame)]) for query, condition in CONDITIONS.items()}
    assert dict(zip(CONDITIONS, found, strict=True)) == expected
    assert all(
        0 < len(ids) < len(frame) for query, ids in expected.items() if query not in ("status==ran", "dtype==float32")
    )


@pytest.mark.parametrize("word", ["conv", "CONV", "down.0", "  pool  ", "nn.Max", "cat()", "x", "2d"])
def test_words_are_found_in_names_and_operations(mav, frame, word):
    wanted = word.strip().lower()
    texts = frame.reset_index()[["id", "operation", "op", "label"]]
    rows = [any(wanted in text.lower() for text in row) for row in texts.itertuples(index=False)]
    (found,) = search(mav, word)
    assert found == list(frame.index[rows])
    assert found


def test_several_words_must_all_be_found(mav):
    both, one, other = search(mav, "down & conv1", "down", "conv1")
    assert both == [node for node in one if node in other]
    assert both


# As the page writes them; Python adds the place (a character, from 1) and begins in lower case.
PROBLEMS = {
    "nosuchfield>3": ("There is no field 'nosuchfield'.", 1),
    "flop>3": ("There is no field 'flop'. Did you mean 'flops'? Fields: params, flops,", 1),
    "conv & parms>1": ("There is no field 'parms'. Did you mean 'params'?", 8),
    "params>many": ("Expected a number after '>', as in params>1M, got 'many'", 8),
    "conv | params >= ": ("Expected a number after '>=', as in params>1M", 17),
    "params~3": ("params is a number: compare it with ==, !=, <, <=, > or >=, not with ~", 7),
    "op>conv": ("op is a text: compare it with ==, != or ~ (contains), not with >", 3),
    "op==": ("Expected a text after '=='", 5),
    "(conv | relu": ("'(' was never closed", 1),
    "x & ( (conv)": ("'(' was never closed", 5),
    "conv)": ("Unmatched ')'", 5),
    "conv & !": ("Expected a term after '!'", 8),
    "/conv[/": ("Not a regular expression: unterminated character ", 1),
    "/conv/g": ("Expected i or nothing after /conv/, got 'g'", 7),
    "op~/(/": ("Not a regular expression: ", 4),
}
PROBLEM = """
    const { search } = await load("search/find");
    return input.queries.map((query) => {
      const { nodes, groups, unreached, problem, hint } = search(input.scene, query);
      return { silent: !nodes && !groups && !unreached, problem, hint };
    });
"""


def test_what_is_wrong_with_a_query_is_said(mav):
    found = run_js(PROBLEM, {"scene": mav.scene(), "queries": list(PROBLEMS)})
    for (query, (problem, _)), told in zip(PROBLEMS.items(), found, strict=True):
        assert told["silent"], query
        assert told["problem"].startswith(problem), query


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("op==conv3d", "No op 'conv3d' in this model. Did you mean 'conv2d'?"),
        ("category==Convolutoin", "No category 'Convolutoin' in this model. Did you mean 'Convolution'?"),
        ("class==DubleConv", "No class 'DubleConv' in this model. Did you mean 'DoubleConv'?"),
        ("op==conv2d", ""),
        ("op==nothinglikeit", "No op 'nothinglikeit' in this model."),
        ("op!=conv3d", ""),
    ],
)
def test_a_value_that_nothing_has_is_said(mav, query, hint):
    (told,) = run_js(PROBLEM, {"scene": mav.scene(), "queries": [query]})
    assert told == {"silent": False, "problem": "", "hint": hint}


REGULAR: dict[str, Any] = {
    "/conv[12]$/": lambda f: f.index.str.contains("conv[12]$"),
    "/CONV[12]$/i": lambda f: f.index.str.contains("conv[12]$"),
    "/^down/ & !/norm/": lambda f: f.index.str.contains("^down") & ~f.index.str.contains("norm"),
    "/norm(1|2) ": lambda f: f.index.str.contains("norm(?:1|2)"),  # still being typed
    "path~/^up\\.[01]/": lambda f: f.path.str.contains(r"^up\.[01]"),
    "!params>0": lambda f: ~(f.param_count > 0),
    "norm1 | norm2": lambda f: f.index.str.contains("norm[12]"),
    "norm1 || norm2": lambda f: f.index.str.contains("norm[12]"),
    "conv1 && !up": lambda f: f.index.str.contains("conv1") & ~f.index.str.contains("up"),
    "conv1 | pool & params>0": lambda f: f.index.str.contains("conv1"),
    "(conv1 | pool) & params==0": lambda f: f.index.str.contains("pool"),
    "!(conv | norm | relu)": lambda f: ~f.index.str.contains("conv|norm|relu") & ~f.operation.str.contains("Conv"),
    "cat() | (grow)": lambda f: (f.op == "cat") | f.index.str.contains("grow"),
    "'cat()'": lambda f: f.op == "cat",
    "params>1k": lambda f: f.param_count > 1000,
    "params>=1.168k": lambda f: f.param_count >= 1168,
    "params<1,000": lambda f: f.param_count < 1000,
    "macs>0.05M": lambda f: (f.flops / 2 > 50_000).fillna(False),
    "bytes>=16KiB": lambda f: f.activation_bytes >= 16 * 1024,
    "bytes>=16kB": lambda f: f.activation_bytes >= 16_000,
    "params<1b": lambda f: f.param_count < 1e9,
    "op==Conv2d": lambda f: f.op == "conv2d",
    "op==conv*": lambda f: f.op.str.startswith("conv"),
    "class==Conv2d": lambda f: f.operation == "nn.Conv2d",
    "op~norm": lambda f: f.op.str.contains("norm"),
    "path==down.0.*": lambda f: f.path.str.startswith("down.0."),
    "name==bottom.conv1": lambda f: f.index == "bottom.conv1",
    "dtype==torch.float32": lambda f: f.dtype == "float32",
    "status==not run": lambda f: f.status == "not_run",
}


def test_expressions_find_what_pandas_finds(mav, frame):
    found = search(mav, *REGULAR)
    expected = {query: list(frame.index[condition(frame)]) for query, condition in REGULAR.items()}
    assert dict(zip(REGULAR, found, strict=True)) == expected


@pytest.mark.parametrize(
    "written", ["(2, 8, 32, 32)", "(2,8,32,32)", "2x8x32x32", "2×8×32×32", "[2, 8, 32, 32]", "*x32x32"]
)
def test_a_shape_is_found_however_it_is_written(mav, frame, written):
    (found,) = search(mav, f"shape=={written}")
    suffix = ", 32, 32)" if "*" in written else "(2, 8, 32, 32)"
    assert found == list(frame.index[frame.output_shape.str.endswith(suffix)])
    assert found


GROUPS = """
    const { search } = await load("search/find");
    const { ids } = input.scene.geometry.groups;
    return input.queries.map((query) => { const { groups } = search(input.scene, query); return ids.filter((_, i) => groups(i)); });
"""


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("DoubleConv", lambda path, class_name: class_name == "DoubleConv"),
        ("class==doubleconv", lambda path, class_name: class_name == "DoubleConv"),
        ("down", lambda path, class_name: "down" in path),
        ("/^bottom$/", lambda path, class_name: path == "bottom"),
        ("path==down.*", lambda path, class_name: path.startswith("down.")),
        ("DoubleConv & !up", lambda path, class_name: class_name == "DoubleConv" and "up" not in path),
        ("params>1", lambda path, class_name: False),
        ("down & op!=conv2d", lambda path, class_name: False),
    ],
)
def test_modules_are_found_by_path_and_class(mav, query, wanted):
    scene = mav.scene()
    (found,) = run_js(GROUPS, {"scene": scene, "queries": [query]})
    columns = zip(
        scene["geometry"]["groups"]["ids"], scene["groups"]["path"], scene["groups"]["class_name"], strict=True
    )
    assert found == [name for name, path, class_name in columns if wanted(path, class_name)]


def test_a_number_of_a_class_is_that_of_its_modules(mav):
    (found,) = run_js(GROUPS, {"scene": mav.scene(), "queries": ["class==DoubleConv & params>10k"]})
    large = {m.path for m in mav.graph.modules if m.class_name == "DoubleConv" and m.param_count > 10_000}
    assert set(found) == large
    assert large


@pytest.mark.parametrize("query", ["", "   ", "&", " & & "])
def test_an_empty_query_tests_nothing(mav, query):
    assert search(mav, query) == [None]


def test_an_unknown_number_is_never_found():
    mav = picture_of("unfinished")
    unknown = {node.id for node in mav.graph.nodes if node.flops is None}
    assert unknown
    known = [node.id for node in mav.graph.nodes if node.flops is not None]
    small, rest, both = search(mav, "flops<1", "flops>=1", "flops!=-1")
    assert sorted(small + rest) == sorted(known)
    assert both == known


def test_what_failed_is_found():
    mav = picture_of("wrong_size")
    failed, not_run = search(mav, "status==failed", "status==not_run")
    assert failed == [node.id for node in mav.graph.nodes if node.status == "failed"]
    assert not_run == [node.id for node in mav.graph.nodes if node.status == "not_run"]
    assert failed
