"""FLOPs or MACs, with estimates or without: what the browser shows follows from the graph's numbers."""

from __future__ import annotations

from typing import Any

import pytest
from assets.node import run_js
from pictures import picture_of

from idlmav import MAV
from idlmav.graph.text import humane, humane_bytes, thousands
from idlmav.state import COMPUTE_UNITS, ESTIMATES

RUN = """
    const { applyCompute, cellText, headerText } = await load("detail/compute");
    const { facts } = await load("detail/totals");
    const { Coloring } = await load("legend/colors");
    const { matcher, unreachedMatcher } = await load("search/find");
    const { groupFacts, hoverText, nodeFacts, unreachedFacts } = await load("detail/facts_text");
    const { scene } = input;
    return input.views.map((view) => {
      applyCompute(scene, view);
      const each = (ids, get) => ids.map((_, i) => get(scene, i));
      return {
        flops: scene.nodes.flops, groups: scene.groups.flops, header: headerText(scene),
        cells: each(scene.geometry.nodes.ids, cellText), facts: facts(scene),
        details: each(scene.geometry.nodes.ids, nodeFacts).map((found) => hoverText(found).detail),
        folded: each(scene.geometry.groups.ids, groupFacts).map((found) => hoverText(found).detail),
        missed: each(scene.unreached.ids, unreachedFacts).map((found) => hoverText(found).detail),
        legend: new Coloring(scene, "flops").legend(),
        found: (input.queries ?? []).map((query) => [
          scene.geometry.nodes.ids.filter((_, i) => matcher(scene, query)(i)),
          scene.unreached.ids.filter((_, i) => unreachedMatcher(scene, query)(i)),
        ]),
      };
    });
"""
VIEWS = [{"compute_unit": unit, "estimates": estimates} for unit in COMPUTE_UNITS for estimates in ESTIMATES]
FLOPS, FLOPS_COUNTED, MACS, MACS_COUNTED = range(4)


def shown(mav: MAV, *queries: str) -> list[dict[str, Any]]:
    return run_js(RUN, {"scene": mav.scene(), "views": VIEWS, "queries": queries})


@pytest.fixture(scope="module")
def mystery() -> MAV:
    return picture_of("mystery")


@pytest.mark.parametrize("name", ["unet", "lstm", "shared", "unfinished"])
def test_macs_are_half_and_hidden_estimates_are_gone(name: str) -> None:
    mav = picture_of(name)
    views = shown(mav)
    nodes = mav.graph.nodes
    assert views[FLOPS]["flops"] == [node.flops for node in nodes]
    assert views[MACS]["flops"] == [None if node.flops is None else node.flops / 2 for node in nodes]
    assert views[FLOPS_COUNTED]["flops"] == [None if node.flops_source == "estimated" else node.flops for node in nodes]
    for flops, macs in ((FLOPS, MACS), (FLOPS_COUNTED, MACS_COUNTED)):
        halves = [None if value is None else value / 2 for value in views[flops]["groups"]]
        assert views[macs]["groups"] == halves
    sums = mav.scene()["summary"]["flops"]
    assert sums in [text for text, *_ in views[FLOPS]["facts"]], "the browser writes what a still picture says"
    assert len(views[FLOPS]["legend"]["gradient"]) > 2
    assert [value / 2 for value in views[FLOPS]["legend"]["range"]] == views[MACS]["legend"]["range"]


def test_every_cell_says_what_its_number_is(mystery: MAV) -> None:
    views = shown(mystery)
    for view, unit, per in ((FLOPS, "FLOPs", 1), (MACS, "MACs", 2)):
        for node, cell in zip(mystery.graph.nodes, views[view]["cells"], strict=True):
            if node.kind != "op":
                assert cell == {"text": "", "title": ""}
            elif node.flops is None:
                assert cell == {"text": "?", "title": f"{unit} unknown"}
            else:
                mark = "~" if node.flops_source == "estimated" else ""
                assert cell["text"] == mark + humane(node.flops // per)
                assert cell["title"].startswith(f"{thousands(node.flops // per)} {unit}, {node.flops_source} ")
    hidden = [cell["text"] for cell in views[FLOPS_COUNTED]["cells"]]
    assert hidden == ["", "1.02 k", "–", "1.02 k", "–", "0", "?", ""]


def test_sums_name_their_parts_and_what_is_missing(mystery: MAV) -> None:
    views = shown(mystery)
    texts = [[text for text, *_ in view["facts"]] for view in views]
    assert "≥ 2.05 kFLOPs counted + 128 estimated, 1 op unknown" in texts[FLOPS]
    assert "≥ 2.05 kFLOPs counted, 1 op unknown" in texts[FLOPS_COUNTED]
    assert "≥ 1.02 kMACs counted + 64 estimated, 1 op unknown" in texts[MACS]
    assert [view["header"] for view in views] == ["FLOPs [≥2.05 k]"] * 2 + ["MACs [≥1.02 k]"] * 2
    assert texts[FLOPS][-1] == "1 multiply-add = 2 FLOPs"
    assert texts[MACS][-1] == "1 multiply-add = 1 MAC"


def test_the_facts_account_for_ops_parameters_and_modules(mystery: MAV) -> None:
    totals = mystery.graph.totals
    facts = {text: title for text, title, *_ in shown(mystery)[FLOPS]["facts"]}
    assert facts[f"{totals.node_count} ops"].startswith(f"{totals.node_count} ops captured, {totals.node_count} drawn")
    reached = f"{thousands(144)} of {thousands(144 + 1240)} parameters reached"
    assert facts[reached].splitlines() == [
        f"{thousands(1384)} in total", f"{thousands(1320)} trainable", "64 frozen",
        "0 shared by several modules, counted once",
    ]  # fmt: skip
    assert "64 frozen" in facts
    assert f"weights {humane_bytes(4 * 1384)}" in facts
    assert f"activations {humane_bytes(totals.activation_bytes)}" in facts
    assert "1 module never called" in facts


def test_nothing_special_is_not_mentioned() -> None:
    texts = " ".join(text for text, *_ in shown(picture_of("linear"))[FLOPS]["facts"])
    for word in ("frozen", "shared", "unknown", "estimated", "never", "≥"):
        assert word not in texts
    assert "64 FLOPs counted" in texts
    lazy = " ".join(text for text, *_ in shown(picture_of("lazy"))[FLOPS]["facts"])
    assert "2 of unknown size" in lazy


def test_details_tell_numbers_and_parameters(mystery: MAV) -> None:
    flops, *_, macs = shown(mystery)
    at = [node.id for node in mystery.graph.nodes].index("layer")
    assert "72 parameters · 1.02 kFLOPs counted · 256 B" in flops["details"][at]
    assert "72 parameters · 512 MACs counted · 256 B" in macs["details"][at]
    assert "weight (8, 8) float32, frozen; bias (8,) float32" in flops["details"][at]
    assert any("FLOPs unknown" in text for text in flops["details"])
    (inner,) = flops["folded"]
    assert "2 ops · 1.02 kFLOPs counted + 64 estimated · activations 512 B" in inner
    assert "72 parameters · weights 288 B" in inner
    assert flops["missed"] == [f"nn.Linear\nnever called\n{thousands(1240)} parameters · weights 4.84 KiB"]


def test_a_group_of_unknown_ops_alone_is_unknown() -> None:
    flops, *_ = shown(picture_of("exponential"))
    assert flops["groups"] == [None]
    assert "2 ops · ? FLOPs, 2 ops unknown" in flops["folded"][0]


def test_a_search_means_the_unit_that_it_names(mystery: MAV) -> None:
    views = shown(mystery, "flops==1024", "macs==512", "flops>=64", "dead", "status==never called", "params>1000")
    for view in views:
        assert view["found"][0] == view["found"][1] == [["layer", "inner.0"], []]
        assert [found[1] for found in view["found"][3:]] == [["dead"]] * 3
    assert views[FLOPS]["found"][2] == views[MACS]["found"][2] == [["layer", "relu", "inner.0", "inner.1"], []]
    assert views[FLOPS_COUNTED]["found"][2] == views[MACS_COUNTED]["found"][2] == [["layer", "inner.0"], []]


def test_bytes_are_written_alike_in_both_languages() -> None:
    numbers = [0, 1, 1023, 1024, 46_755_328, 3 << 40, 5 << 50, 999 * 1024, 1_048_575]
    code = 'const { humaneBytes } = await load("base/text"); return input.map(humaneBytes);'
    assert run_js(code, numbers) == [humane_bytes(number) for number in numbers]
    assert run_js('return (await load("base/text")).thousands(1234.5);') == "1\u202f234.5"
