"""The panels around the graph: details with links, a border to drag, a place for each in a narrow window."""

from __future__ import annotations

import pytest
from browser.driver import middle


def place(dashboard, selector: str) -> dict[str, float]:
    return dashboard.page.locator(selector).bounding_box()


def test_links_in_the_details_select(dashboard):
    dashboard.call("select", "layer1.0.conv2")
    detail = dashboard.page.locator(".idlmav-detail")
    detail.get_by_text("layer1.0.relu", exact=True).click()
    dashboard.wait_selected("layer1.0.relu")
    detail.locator(".title", has_text="layer1.0.relu").wait_for()


def test_details_take_no_room_when_they_come(dashboard):
    dashboard.rest()
    before = dashboard.graph
    dashboard.call("select", "layer1.0.conv2")
    dashboard.page.locator(".idlmav-detail .title").wait_for()
    dashboard.rest()
    assert dashboard.graph == before


def test_the_border_between_graph_and_table_is_dragged(dashboard, wait_until):
    dashboard.rest()
    before = dashboard.graph
    x, y = middle(place(dashboard, ".idlmav-splitter"))
    dashboard.drag((x, y), (x - 100, y))
    wait_until(lambda: dashboard.graph["width"] == pytest.approx(before["width"] - 100, abs=6))
    dashboard.page.locator(".idlmav-splitter").press("ArrowRight")
    wait_until(lambda: dashboard.graph["width"] > before["width"] - 90)
    dashboard.drag(middle(place(dashboard, ".idlmav-splitter")), (x, y))
    wait_until(lambda: dashboard.graph["width"] == pytest.approx(before["width"], abs=6))


def test_more_opens_and_closes(dashboard):
    flow = dashboard.page.get_by_label("Flow", exact=True)
    assert not flow.is_visible()
    dashboard.press("More")
    flow.wait_for(state="visible")
    dashboard.page.keyboard.press("Escape")
    flow.wait_for(state="hidden")
    dashboard.press("More")
    flow.wait_for(state="visible")
    dashboard.page.mouse.click(*middle(dashboard.graph))
    flow.wait_for(state="hidden")


@pytest.mark.parametrize("width", [1400, 600])
def test_more_is_under_its_button(dashboard, width):
    page = dashboard.page
    size = page.viewport_size
    try:
        page.set_viewport_size({"width": width, "height": 900})
        dashboard.rest()
        dashboard.press("More")
        fields = [page.get_by_label(label, exact=True) for label in ("Flow", "Compute", "Estimates")]
        fields[0].wait_for(state="visible")
        button = page.get_by_role("button", name="More", exact=True).bounding_box()
        places = [field.bounding_box() for field in fields]
        assert 0 < min(place["y"] for place in places) - button["y"] - button["height"] < 50
        assert min(place["x"] for place in places) < middle(button)[0] < max(p["x"] + p["width"] for p in places)
        assert all(0 <= place["x"] <= width - place["width"] for place in places)
        page.keyboard.press("Escape")
    finally:
        page.set_viewport_size(size)


def test_links_stand_beside_the_facts_where_there_is_room(dashboard):
    dashboard.call("select", "layer1.0.conv2")
    facts, links = (place(dashboard, f".idlmav-detail .{name}") for name in ("about", "ways"))
    assert links["x"] >= facts["x"] + facts["width"]
    assert links["y"] == facts["y"]


def fits(detail: dict[str, float], graph: dict[str, float]) -> bool:
    bottom = detail["y"] + detail["height"]
    return detail["y"] > graph["y"] + 200 and detail["width"] > 550 and graph["width"] > 400 and bottom < 900.5


def test_in_a_narrow_window_the_table_is_below(dashboard, wait_until):
    page = dashboard.page
    size = page.viewport_size
    wide = dashboard.graph
    try:
        page.set_viewport_size({"width": 600, "height": 900})
        wait_until(lambda: fits(place(dashboard, ".idlmav-detail"), dashboard.graph))
    finally:
        page.set_viewport_size(size)
    wait_until(lambda: abs(dashboard.graph["width"] - wide["width"]) < 3)
