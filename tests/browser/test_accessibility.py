"""axe-core finds nothing serious in any state; names, roles and what is said; no motion for who wants none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from browser.driver import Dashboard
from pictures import picture_of
from playwright.sync_api import Browser

from idlmav import MAV
from idlmav.graph import Graph

AXE = Path(find_spec("axe_playwright_python").origin).with_name("axe.min.js")
SERIOUS = """
async () => {
  const {violations} = await axe.run(document, {resultTypes: ["violations"]});
  const serious = violations.filter(({impact}) => impact === "serious" || impact === "critical");
  return serious.flatMap(({id, nodes}) => nodes.map(({html, failureSummary}) => [id, html.slice(0, 200), failureSummary]));
}
"""
Open = Callable[..., Dashboard]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, resnet20: Graph) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("saved")
    mavs = {"resnet20": MAV(resnet20), "failing": picture_of("wrong_channels")}
    for name, mav in mavs.items():
        mav.save(folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in mavs}


@pytest.fixture(scope="module")
def open_file(browser: Browser, files: dict[str, Path]) -> Iterator[Open]:
    """Open a file under a preference, each once a module."""
    contexts: dict[tuple[Any, ...], Any] = {}

    def open_it(name: str, **options: Any) -> Dashboard:
        key = (name, *options.items())
        if key not in contexts:
            contexts[key] = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True, **options)
            page = contexts[key].new_page()
            page.goto(files[name].as_uri())
            page.evaluate(AXE.read_text("utf-8"))
        dashboard = Dashboard(contexts[key].pages[0])
        dashboard.rest()
        return dashboard

    yield open_it
    for context in contexts.values():
        context.close()


def selected(dashboard: Dashboard) -> None:
    box = next(box for box in dashboard.nodes() if box["kind"] == "op")
    dashboard.click(box)
    dashboard.wait_selected(box["id"])


def searched(dashboard: Dashboard) -> None:
    dashboard.search("conv")
    dashboard.page.keyboard.press("Enter")


def wrong(dashboard: Dashboard) -> None:
    dashboard.search("flop>3")


def filtered(dashboard: Dashboard) -> None:
    dashboard.page.locator(".chip").first.click()
    dashboard.wait("d.state.highlighted.length === 1")


def folded(dashboard: Dashboard) -> None:
    dashboard.press("Fold")
    dashboard.wait("d.state.folded.length > 0")


def by_number(dashboard: Dashboard) -> None:
    dashboard.choose("Colour", "FLOPs")
    dashboard.page.locator(".brush").wait_for()


def helped(dashboard: Dashboard) -> None:
    dashboard.press("Keys and search (?)")
    dashboard.page.get_by_role("dialog").wait_for()


STATES = {
    "resnet20": (selected, searched, wrong, filtered, folded, by_number, helped),
    "failing": (selected, folded, helped),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", STATES)
def test_nothing_serious_is_found_in_any_state(open_file: Open, name: str, scheme: str) -> None:
    dashboard = open_file(name, color_scheme=scheme)
    page = dashboard.page
    found = {"opened": page.evaluate(SERIOUS)}
    for state in STATES[name]:
        state(dashboard)
        dashboard.rest()
        found[state.__name__] = page.evaluate(SERIOUS)
        page.keyboard.press("Escape")
        for member, value in (("search", ""), ("select", ""), ("highlight", [])):
            dashboard.call(member, value)
        dashboard.call("unfold_all")
    assert {state: problems for state, problems in found.items() if problems} == {}


def test_axe_would_find_what_it_is_asked_for(open_file: Open) -> None:
    page = open_file("resnet20", color_scheme="light").page
    page.evaluate(
        """() => {
          const host = document.body.appendChild(document.createElement("div"));
          host.id = "bad";
          host.attachShadow({mode: "open"}).innerHTML = "<input><p style='color: #bbb; background: #fff'>pale</p>";
        }"""
    )
    found = {rule for rule, *_ in page.evaluate(SERIOUS)}
    page.evaluate("() => document.querySelector('#bad').remove()")
    assert {"label", "color-contrast"} <= found


def test_graph_and_overview_say_what_they_are(open_file: Open, resnet20: Graph) -> None:
    page = open_file("resnet20", color_scheme="light").page
    graph = page.get_by_role("application", name=f"Graph of {resnet20.name}")
    assert "? lists all keys" in graph.get_attribute("aria-label")
    assert graph.get_attribute("tabindex") == "0"
    ops = resnet20.totals.node_count
    assert page.get_by_role("img", name=f"{resnet20.name}: {ops} ops").count() == 1
    assert page.get_by_role("img", name=f"Overview of {resnet20.name}").count() == 1
    for end in ("Start", "End"):
        assert page.get_by_role("slider", name=f"{end} of the part that is shown").count() > 0


def test_what_is_selected_and_found_is_said(open_file: Open) -> None:
    dashboard = open_file("resnet20", color_scheme="light")
    page = dashboard.page
    said = page.get_by_role("status")
    page.get_by_role("application").focus()
    page.keyboard.press("Home")
    dashboard.wait_selected("x")
    page.keyboard.press("ArrowDown")
    said.get_by_text("conv1, nn.Conv2d, (1, 16, 32, 32) float32, 432 parameters").wait_for()
    dashboard.call("select", "layer1.0")
    said.get_by_text("layer1.0, open, BasicBlock").wait_for()
    page.get_by_role("application").focus()
    page.keyboard.press("Enter")
    dashboard.wait("d.state.folded.join() === 'layer1.0'")
    page.keyboard.press("Enter")
    dashboard.search("/conv2$/")
    said.get_by_text("9 found").wait_for()
    dashboard.search("flop>3")
    said.get_by_text("There is no field 'flop'.").wait_for()
    dashboard.call("search", "")
    dashboard.call("select", "")
    said.get_by_text("Nothing is selected.").wait_for()


def test_a_failure_is_told_without_colour(open_file: Open) -> None:
    dashboard = open_file("failing", color_scheme="light")
    texts = dashboard.layer("labels")["text"]
    assert [text.count("✕") for text in texts if text.startswith("✕ ")] == [1]
    widths = dashboard.layer("nodes")["width"]
    assert sorted(set(widths)) == [1, 3]
    dashboard.press("Fold")
    dashboard.wait("d.nodes().some((node) => node.folded)")
    dashboard.rest()
    assert [text for text in dashboard.layer("labels")["text"] if text.startswith("▸ ✕ ")]
    dashboard.call("unfold_all")


def test_nothing_moves_by_itself_for_who_wants_no_motion(open_file: Open) -> None:
    page = open_file("resnet20", reduced_motion="reduce").page
    scales = """async () => {
      const [d] = window.idlmav;
      const seen = [d.state.viewport.join()];
      d.select("fc");
      const until = performance.now() + 500;
      const models = Bokeh.documents.flatMap((document) => [...document._all_models.values()]);
      const {y_range: range} = models.find((model) => model.name?.endsWith("-graph"));
      const starts = new Set([range.start]);
      while (performance.now() < until) {
        await new Promise(requestAnimationFrame);
        starts.add(range.start);
      }
      return starts.size;
    }"""
    assert page.evaluate(scales) <= 2
