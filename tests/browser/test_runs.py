"""Runs of blocks that are alike, in a page: the first view, opening one in place, folding to a depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from types import ModuleType

import pytest
import torch
from browser.conftest import _open_offline, _open_page
from browser.driver import Dashboard, contains, middle
from playwright.sync_api import Browser

from idlmav import MAV

RUN, REST = "model.layers.0..79", "model.layers.1..79"


@pytest.fixture(scope="module")
def llama(torchvision: ModuleType) -> MAV:
    """Llama-70B, without its weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=8192,
        intermediate_size=28672,
        num_hidden_layers=80,
        num_attention_heads=64,
        num_key_value_heads=8,
        vocab_size=128256,
    )
    with torch.device("meta"):
        return MAV(LlamaForCausalLM(config).eval(), {"input_ids": torch.ones(1, 64, dtype=torch.long)})


@pytest.fixture(scope="module", params=["live", "file"])
def opened(
    request: pytest.FixtureRequest, browser: Browser, llama: MAV, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Dashboard, list[str]]]:
    problems: list[str] = []
    if request.param == "file":
        file = tmp_path_factory.mktemp("saved") / "llama.html"
        llama.save(file)
        with _open_offline(browser, problems, []) as page:
            page.goto(file.as_uri())
            yield Dashboard(page), problems
        return
    with _open_page(browser, problems) as page:
        page.goto(request.getfixturevalue("serve_here")(llama))
        yield Dashboard(page, mav=llama), problems


@pytest.fixture
def dashboard(opened: tuple[Dashboard, list[str]], wait_until: Callable[..., None]) -> Iterator[Dashboard]:
    dashboard, problems = opened
    dashboard.call("select", "")
    dashboard.choose("Depth", "Auto")
    dashboard.wait("d.state.folded.length === 4")
    dashboard.rest()
    yield dashboard
    assert dashboard.overlapping() == []
    assert dashboard.problems_of_edges() == []
    if dashboard.mav is not None:
        wait_until(dashboard.python_agrees)
    assert problems == []


def depth_shown(dashboard: Dashboard) -> str:
    return dashboard.page.get_by_label("Depth", exact=True).evaluate("(s) => s.options[s.selectedIndex].text")


def test_the_first_view_is_a_few_boxes(dashboard, llama):
    assert dashboard.state["folded"] == llama.scene()["first_folds"]
    dashboard.call("fit")
    dashboard.rest()
    boxes = {box["id"] for box in dashboard.nodes()}
    assert 10 <= len(boxes) <= 20
    assert {"input_ids", RUN, "lm_head", "output"} <= boxes
    assert "▸ 80 x LlamaDecoderLayer" in dashboard.layer("labels")["text"]
    assert len([title for title in dashboard.layer("nodes")["title"] if title == RUN]) == 3, "a stack of cards"


def test_a_run_opens_in_place_to_its_first_block(dashboard):
    dashboard.call("fit")
    dashboard.rest()
    place = middle(dashboard.box(RUN))
    dashboard.page.mouse.dblclick(*place)
    dashboard.wait("!d.state.folded.includes(arg)", RUN)
    dashboard.rest()
    x, y = dashboard.in_layout(*place)
    frames = dashboard.layer("frames")
    around = [
        dash
        for dash, x0, x1, y0, y1 in zip(*(frames[name] for name in ("dash", "x0", "x1", "y0", "y1")), strict=True)
        if x0 <= x <= x1 and y0 <= y <= y1
    ]
    assert "dashed" in around, "the frame is not where the box was"
    assert depth_shown(dashboard) == "–"
    dashboard.call("fit")
    dashboard.rest()
    shown = {box["id"] for box in dashboard.nodes()}
    assert "model.layers.0.self_attn.q_proj" in shown
    assert "model.layers.1.self_attn.q_proj" not in shown
    assert REST in shown


def test_folding_it_again_gives_the_box_back(dashboard):
    before = {box["id"] for box in dashboard.nodes()}
    dashboard.call("unfold", RUN)
    dashboard.wait("!d.state.folded.includes(arg)", RUN)
    dashboard.call("fold", RUN)
    dashboard.wait("d.state.folded.includes(arg)", RUN)
    assert depth_shown(dashboard) == "Auto"
    dashboard.rest()
    assert RUN in before & {box["id"] for box in dashboard.nodes()}


def test_a_selected_run_tells_its_sums_and_shows_its_row(dashboard, llama):
    dashboard.call("fit")
    dashboard.rest()
    dashboard.click(dashboard.box(RUN))
    dashboard.wait_selected(RUN)
    detail = dashboard.page.locator(".idlmav-detail")
    detail.get_by_text("80 x LlamaDecoderLayer", exact=True).wait_for()

    def fact(name: str) -> str:
        return detail.locator(f"dt:text-is('{name}') + dd").inner_text().replace("\u202f", "")

    one = [node for node in llama.graph.nodes if node.id.startswith("model.layers.5.") or ".layers.5:" in node.id]
    assert fact("Each").startswith(f"{len(one)} ops")
    assert f"{sum(node.param_count for node in one)} parameters" in fact("Each")
    assert fact("All 80").startswith(f"{80 * len(one)} ops")
    dashboard.wait("d.rows().includes(arg)", RUN)
    assert "selected" in dashboard.row(RUN).get_attribute("class")


@pytest.mark.parametrize(("depth", "seen", "hidden"), [(0, "model", RUN), (1, RUN, "model.layers.0")])
def test_a_depth_opens_that_many_levels(dashboard, depth, seen, hidden):
    dashboard.choose("Depth", str(depth))
    dashboard.wait("d.nodes().some((box) => box.id === arg && box.folded)", seen)
    assert hidden not in [box["id"] for box in dashboard.nodes()]
    assert depth_shown(dashboard) == str(depth)
    dashboard.call("unfold_to", depth + 1)
    dashboard.call("fit")
    dashboard.wait("d.nodes().some((box) => box.id === arg)", hidden)
    dashboard.call("fold_all")
    dashboard.wait("d.nodes().some((box) => box.id === 'model' && box.folded)")
    assert depth_shown(dashboard) == "0"


def test_the_path_to_a_selected_row_is_unfolded_on_demand(dashboard):
    wanted = "model.layers.40.mlp.up_proj"
    dashboard.call("select", wanted)
    dashboard.wait_selected(wanted)
    dashboard.rest()
    assert RUN in [box["id"] for box in dashboard.nodes()], "selecting alone unfolds nothing"
    dashboard.choose("Depth", "Selection")
    dashboard.wait("d.nodes().some((box) => box.id === arg)", wanted)
    dashboard.rest()
    assert contains(dashboard.graph, *middle(dashboard.box(wanted)))
    assert not {RUN, REST} & set(dashboard.state["folded"])
    assert "model.norm" in dashboard.state["folded"]


def test_python_folds_and_unfolds(dashboard, llama):
    if dashboard.mav is None:
        pytest.skip("a file has no Python behind it")
    steps = count()
    for command, shown in ((llama.fold, "0"), (lambda: llama.fold(1), "1"), (llama.unfold, "All")):
        command()
        dashboard.wait("d.state.folded.length === arg", len(llama.state.folded))
        assert depth_shown(dashboard) == shown, next(steps)
    llama.state.folded = llama.scene()["first_folds"]
    dashboard.wait("d.state.folded.length === 4")
    llama.fold()
    llama.unfold("model.layers.3.mlp")
    dashboard.wait("!d.state.folded.includes('model.layers.3.mlp') && d.state.folded.includes('model.layers.4.mlp')")
