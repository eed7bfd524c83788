"""The picture and `mav.state` follow each other; dashboards that share no MAV do not hear of each other."""

from __future__ import annotations

import panel as pn
import pytest
from browser.driver import Dashboard, contains, middle

from idlmav import MAV
from idlmav.page.views.controller import Controller

CONV = "layer1.0.conv1"


@pytest.fixture
def mav(resnet20):
    return MAV(resnet20)


@pytest.fixture
def dashboard(chromium_page, serve_here, mav):
    chromium_page.goto(serve_here(mav))
    return Dashboard(chromium_page, mav=mav)


# ---- from Python to the page


def test_selecting_moves_the_picture(dashboard, mav):
    mav.state.selected = "layer3.2.conv2"
    dashboard.wait_selected("layer3.2.conv2")
    dashboard.wait("d.nodes().some((node) => node.id === 'layer3.2.conv2')")
    dashboard.rest()
    assert contains(dashboard.graph, *middle(dashboard.box("layer3.2.conv2")))
    assert "selected" in dashboard.row("layer3.2.conv2").get_attribute("class")
    dashboard.views_agree()
    mav.state.selected = ""
    dashboard.wait_selected("")
    assert dashboard.page.locator(".tabulator-row.selected").count() == 0


def test_folds_and_choices_appear(dashboard, mav):
    mav.state.folded = ["layer1"]
    dashboard.wait("d.nodes().some((node) => node.id === 'layer1' && node.folded)")
    mav.state.param.update(color_by="flops", size_by="param_count", query="layer1", theme="dark")
    dashboard.wait("d.rows().slice(0, 3).join() === 'layer1,layer1.0,layer1.0.conv1'")
    assert dashboard.page.get_by_label("Colour", exact=True).input_value() == "FLOPs"
    assert dashboard.page.get_by_label("Size", exact=True).input_value() == "Parameters"
    assert dashboard.page.get_by_label("Search", exact=True).input_value() == "layer1"
    assert "log scale" in dashboard.page.locator(".legend").inner_text()
    assert dashboard.pixel(*dashboard.empty_ground()) == (0x14, 0x18, 0x1F)
    mav.state.param.update(folded=[], query="", color_by="operation", size_by="none", theme="light")
    dashboard.wait("d.rows()[0] === 'x' && d.nodes().every((node) => !node.folded)")
    assert dashboard.pixel(*dashboard.empty_ground()) == (255, 255, 255)


def test_a_viewport_is_shown(dashboard, mav, wait_until):
    dashboard.rest()
    wait_until(dashboard.python_agrees)  # or the page's first answer comes after ours
    left, right, top, bottom = dashboard.state["viewport"]
    mav.state.viewport = (left, right, top + 2000, bottom + 2000)
    dashboard.wait("Math.abs(d.state.viewport[2] - arg) < 1", top + 2000)
    dashboard.views_agree()
    wait_until(dashboard.python_agrees)


def test_a_range_of_values_dims_the_others(dashboard, mav, resnet20):
    mav.state.param.update(color_by="param_count", value_range=(10_000, 20_000))
    found = {node.id for node in resnet20.nodes if 10_000 <= node.param_count <= 20_000}
    dashboard.page.locator(".matches", has_text=f"{len(found)} found").wait_for()
    dashboard.call("fit")
    dashboard.wait("d.nodes().length === arg", len(resnet20.nodes))
    assert {name for name, alpha in dashboard.alphas().items() if alpha == 1} == found


# ---- from the page to Python


def test_what_a_person_does_is_watched(dashboard, mav, wait_until):
    seen = []
    mav.state.param.watch(
        lambda *events: seen.extend((event.name, event.new) for event in events),
        ["selected", "folded", "query", "color_by", "theme"],
    )
    dashboard.rest()
    dashboard.click(dashboard.box("conv1"))
    wait_until(lambda: seen == [("selected", "conv1")])
    dashboard.click_row("bn1")
    wait_until(lambda: seen[1:] == [("selected", "bn1")])
    dashboard.page.mouse.dblclick(*dashboard.title("layer1"))
    wait_until(lambda: ("folded", ["layer1"]) in seen)
    dashboard.choose("Colour", "Category")
    wait_until(lambda: seen[-1] == ("color_by", "category"))
    dashboard.press("Light or dark")
    wait_until(lambda: seen[-1] == ("theme", "dark"))
    dashboard.search("fc")
    wait_until(lambda: seen[-1] == ("query", "fc"))
    viewport = mav.state.viewport
    dashboard.press("Fit")
    wait_until(lambda: mav.state.viewport != viewport)
    dashboard.rest()
    wait_until(dashboard.python_agrees)


# ---- who hears of whom


def _second_page(page, address, size=None):
    other = page.context.new_page()
    if size:
        other.set_viewport_size(size)
    other.goto(address)
    return other


def test_sessions_of_one_mav_share_its_state(chromium_page, serve_here, mav):
    address = serve_here(mav)
    chromium_page.goto(address)
    first = Dashboard(chromium_page)
    second = Dashboard(_second_page(chromium_page, address))
    first.rest()
    first.click(first.box("conv1"))
    second.wait_selected("conv1")
    second.page.mouse.dblclick(*second.title("layer1"))
    first.wait("d.nodes().some((node) => node.id === 'layer1' && node.folded)")


def test_the_first_answer_undoes_nothing(chromium_page, serve_here, mav, wait_until, monkeypatch):
    controllers = []
    # Python's answer to the pages' first word is held back.
    monkeypatch.setattr(Controller, "_handle_msg", lambda self, data: controllers.append(self))
    address = serve_here(mav)
    chromium_page.goto(address)
    first = Dashboard(chromium_page)
    second = Dashboard(_second_page(chromium_page, address), mav=mav)
    wait_until(lambda: len(controllers) == 2)
    first.call("select", "conv1")
    second.wait_selected("conv1")

    # What was true when the second page asked arrives now, with what nobody has changed since.
    controllers[1]._send_msg({"selected": "", "query": "bn"})
    second.wait("d.state.query === 'bn'")
    second.call("fold", "layer1")
    first.wait("d.state.folded.join() === 'layer1'")
    assert mav.state.selected == "conv1"
    assert first.state["selected"] == "conv1"


def test_windows_of_different_shape_come_to_rest(chromium_page, serve_here, mav, wait_until):
    address = serve_here(mav)
    chromium_page.goto(address)
    first = Dashboard(chromium_page, mav=mav)
    second = Dashboard(_second_page(chromium_page, address, {"width": 900, "height": 1100}), mav=mav)
    first.rest()
    heard = []
    mav.state.param.watch(lambda event: heard.append(event.new), "viewport")
    first.wheel(middle(first.graph), -240)
    wait_until(lambda: heard)
    for dashboard in (second, first, second, first):
        dashboard.views_agree()
    wait_until(first.python_agrees)
    left, right, top, bottom = first.state["viewport"]
    shown = second.state["viewport"]
    inside = (left - shown[0], shown[1] - right, top - shown[2], shown[3] - bottom)
    assert min(inside) > -1, "the other window does not show all of it"
    # The other window follows; it has nothing to say.
    assert len(heard) == 1


def test_sessions_of_a_function_are_apart(chromium_page, serve_here, resnet20):
    address = serve_here(lambda: MAV(resnet20))
    chromium_page.goto(address)
    first = Dashboard(chromium_page)
    second = Dashboard(_second_page(chromium_page, address))
    first.rest()
    first.click(first.box("conv1"))
    first.wait_selected("conv1")
    second.rest()
    second.click(second.box("bn1"))
    second.wait_selected("bn1")
    assert first.state["selected"] == "conv1"


def test_two_dashboards_in_one_page_are_apart(chromium_page, serve_here, resnet20, wait_until):
    one, two = MAV(resnet20), MAV(resnet20)
    chromium_page.set_viewport_size({"width": 1400, "height": 1400})
    column = pn.Column(one.draw_interactive_graph(), two.draw_interactive_graph(), sizing_mode="stretch_width")
    chromium_page.goto(serve_here(column))
    chromium_page.wait_for_function("() => window.idlmav?.length === 2")
    first, second = Dashboard(chromium_page, 0), Dashboard(chromium_page, 1)
    below = second if middle(second.nodes()[0])[1] > middle(first.nodes()[0])[1] else first
    above = first if below is second else second
    above.click(above.box("conv1"))
    above.wait_selected("conv1")
    below.click(below.box("bn1"))
    below.wait_selected("bn1")
    below.call("search", "fc")
    below.wait("d.rows().join() === 'fc'")
    assert above.state["selected"] == "conv1"
    assert above.state["query"] == ""
    assert above.rows()[0] == "x"
    assert chromium_page.locator(".tabulator-row.selected").count() == 1
    wait_until(lambda: {one.state.selected, two.state.selected} == {"conv1", "bn1"})


def test_two_dashboards_of_one_mav_in_one_page_follow_each_other(chromium_page, serve_here, mav):
    chromium_page.set_viewport_size({"width": 1400, "height": 1400})
    column = pn.Column(mav.draw_interactive_graph(), mav.draw_interactive_graph(), sizing_mode="stretch_width")
    chromium_page.goto(serve_here(column))
    chromium_page.wait_for_function("() => window.idlmav?.length === 2")
    first, second = Dashboard(chromium_page, 0), Dashboard(chromium_page, 1)
    first.click(first.box(CONV if CONV in [node["id"] for node in first.nodes()] else "conv1"))
    second.wait("d.state.selected !== ''")
    assert chromium_page.locator(".tabulator-row.selected").count() == 2


# ---- panels off


@pytest.mark.parametrize(
    "off",
    [("add_overview",), ("add_slider",), ("add_table",), ("add_overview", "add_slider", "add_table")],
    ids=" and ".join,
)
def test_panels_are_switched_off(chromium_page, serve_here, mav, wait_until, off):
    shown = dict.fromkeys(("add_overview", "add_slider", "add_table"), True) | dict.fromkeys(off, False)
    chromium_page.goto(serve_here(mav.draw_interactive_graph(**shown)))
    dashboard = Dashboard(chromium_page, mav=mav)
    assert chromium_page.locator(".bk-Figure").count() == 1 + shown["add_overview"]
    assert chromium_page.locator(".noUi-target:visible").count() == shown["add_slider"]
    assert chromium_page.locator(".idlmav-table").count() == shown["add_table"]
    dashboard.rest()
    dashboard.click(dashboard.box("conv1"))
    dashboard.wait_selected("conv1")
    before = dashboard.state["viewport"]
    dashboard.wheel(middle(dashboard.graph), 200)
    dashboard.wait_moved(before)
    dashboard.views_agree()
    dashboard.search("fc")
    assert dashboard.rows() == (["fc"] if shown["add_table"] else [])
    dashboard.press("Fold")
    dashboard.wait("d.nodes().some((node) => node.folded)")
    dashboard.press("Unfold")
    dashboard.wait("d.nodes().every((node) => !node.folded)")
    if shown["add_overview"]:
        before = dashboard.state["viewport"]
        dashboard.page.mouse.click(*middle(dashboard.overview))
        dashboard.wait_moved(before)
        dashboard.views_agree()
    if shown["add_table"]:
        dashboard.search("")
        dashboard.click_row("relu")
        dashboard.wait_selected("relu")
    dashboard.rest()
    wait_until(dashboard.python_agrees)


def test_the_page_s_colors_are_followed(chromium_page, serve_here, mav):
    chromium_page.emulate_media(color_scheme="dark")
    chromium_page.goto(serve_here(mav))
    dashboard = Dashboard(chromium_page)
    dashboard.wait("JSON.stringify(d.state.theme) === '\"auto\"'")
    assert dashboard.pixel(*dashboard.empty_ground()) == (0x14, 0x18, 0x1F)
    chromium_page.emulate_media(color_scheme="light")
    chromium_page.wait_for_function("() => getComputedStyle(document.documentElement).colorScheme === 'light'")
    assert dashboard.pixel(*dashboard.empty_ground()) == (255, 255, 255)
    assert mav.state.theme == "auto"
