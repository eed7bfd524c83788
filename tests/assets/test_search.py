"""Search expressions, compared with pandas and with Python on the same graph."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from assets.node import run_js
from models import BROKEN, WORKING

from idlmav import MAV

RUN = """
    const { matcher } = await load("search");
    return input.queries.map((query) => {
      const test = matcher(input.scene, query);
      return test === null ? null : input.scene.geometry.nodes.ids.filter((_, i) => test(i));
    });
"""


@pytest.fixture(scope="module")
def mav() -> MAV:
    return MAV(WORKING["unet"].model(), WORKING["unet"].args())


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


@pytest.mark.parametrize(
    "text", ["nosuchfield>3", "params>many", "wibble==conv2d", "a>b", "==", ">3", "params>", "[a-", "\\", "*"]
)
def test_what_is_no_condition_is_searched_as_words(mav, text):
    assert search(mav, text) == [[]]


def test_an_unknown_field_is_found_as_a_word_where_it_is_one(small_graph):
    ids = [f"a>{node.id}" for node in small_graph.nodes]
    scene = {
        "geometry": {"nodes": {"ids": ids}},
        "nodes": {name: [""] * len(ids) for name in ("operation", "op", "label")},
    }
    assert run_js(RUN, {"scene": scene, "queries": ["a>x", "A>"]}) == [["a>x"], ids]


@pytest.mark.parametrize("query", ["", "   ", "&", " & & "])
def test_an_empty_query_tests_nothing(mav, query):
    assert search(mav, query) == [None]


def test_an_unknown_number_is_never_found():
    example = BROKEN["unfinished"]
    mav = MAV(example.model(), example.args())
    unknown = {node.id for node in mav.graph.nodes if node.flops is None}
    assert unknown
    known = [node.id for node in mav.graph.nodes if node.flops is not None]
    small, rest, both = search(mav, "flops<1", "flops>=1", "flops!=-1")
    assert sorted(small + rest) == sorted(known)
    assert both == known


def test_what_failed_is_found():
    example = BROKEN["wrong_size"]
    mav = MAV(example.model(), example.args())
    failed, not_run = search(mav, "status==failed", "status==not_run")
    assert failed == [node.id for node in mav.graph.nodes if node.status == "failed"]
    assert not_run == [node.id for node in mav.graph.nodes if node.status == "not_run"]
    assert failed
