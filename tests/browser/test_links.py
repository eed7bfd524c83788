"""Every view follows the one that a person uses: in the app, with Python behind it, and in a saved file."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from browser.driver import contains, middle

BLOCK = "layer1.0"
CONV = "layer1.0.conv1"


# ---- selecting


def test_a_click_on_a_box_selects_its_row(dashboard):
    dashboard.call("fit")
    dashboard.wait("d.nodes().length > 70")
    dashboard.rest()
    box = dashboard.box("layer3.2.conv2")
    assert "layer3.2.conv2" not in dashboard.rows()
    dashboard.click(box)
    dashboard.wait_selected("layer3.2.conv2")
    dashboard.wait("d.rows().includes('layer3.2.conv2')")
    assert "selected" in dashboard.row("layer3.2.conv2").get_attribute("class")
    assert dashboard.page.locator(".tabulator-row.selected").count() == 1
    dashboard.rest()
    # What is under the mouse must not run away from it.
    assert dashboard.box("layer3.2.conv2") == box


def test_a_click_on_a_row_centers_its_box(dashboard, resnet20):
    last = [row for row in dashboard.rows() if row in resnet20.node_by_id][-2]
    assert last not in [node["id"] for node in dashboard.nodes()]
    before = dashboard.state["viewport"]
    dashboard.click_row(last)
    dashboard.wait_selected(last)
    dashboard.wait_moved(before)
    x, y = middle(dashboard.box(last))
    center_x, center_y = middle(dashboard.graph)
    assert abs(x - center_x) < 2
    assert abs(y - center_y) < 2


def test_a_click_on_empty_ground_clears(dashboard):
    dashboard.click(dashboard.box("conv1"))
    dashboard.wait_selected("conv1")
    dashboard.page.mouse.click(*dashboard.empty_ground())
    dashboard.wait_selected("")
    assert dashboard.page.locator(".tabulator-row.selected").count() == 0


def test_two_quick_clicks_on_different_boxes_are_no_double_click(dashboard):
    dashboard.click(dashboard.box("conv1"))
    dashboard.page.mouse.click(*dashboard.title(BLOCK))
    dashboard.wait_selected(BLOCK)
    assert dashboard.state["folded"] == []


def test_a_selected_box_shows_details(dashboard):
    dashboard.click(dashboard.box("conv1"))
    dashboard.page.locator(".idlmav-detail .title", has_text="conv1").wait_for()
    text = dashboard.page.locator(".idlmav-detail").inner_text()
    assert "nn.Conv2d" in text
    assert "432 parameters" in text


# ---- folding


def test_a_click_on_a_title_selects_the_group(dashboard):
    dashboard.page.mouse.click(*dashboard.title(BLOCK))
    dashboard.wait_selected(BLOCK)
    dashboard.page.locator(".idlmav-detail .title", has_text=BLOCK).wait_for()


@pytest.mark.parametrize(("group", "inside"), [(BLOCK, CONV), ("layer2", "layer2.0.conv1")])
def test_a_double_click_folds_and_unfolds(dashboard, group, inside):
    dashboard.call("select", inside)
    dashboard.rest()
    place = dashboard.title(group)
    dashboard.page.mouse.dblclick(*place)
    dashboard.wait("d.state.folded.join() === arg", group)
    dashboard.rest()
    box = dashboard.box(group)
    assert box["folded"]
    assert contains(box, *place), "the folded box is not under the mouse"
    assert inside not in [node["id"] for node in dashboard.nodes()]
    dashboard.page.mouse.dblclick(*place)
    dashboard.wait("d.state.folded.length === 0")
    dashboard.rest()
    assert dashboard.box(inside)
    assert max(abs(a - b) for a, b in zip(dashboard.title(group), place, strict=True)) < 1.5


def test_the_interface_folds_and_unfolds(dashboard):
    boxes = len(dashboard.nodes())
    dashboard.call("fold", BLOCK)
    dashboard.wait("d.nodes().some((node) => node.id === arg && node.folded)", BLOCK)
    assert dashboard.state["folded"] == [BLOCK]
    dashboard.call("unfold", BLOCK)
    dashboard.wait("d.state.folded.length === 0 && !d.nodes().some((node) => node.folded)")
    dashboard.rest()
    assert len(dashboard.nodes()) == boxes


def test_the_buttons_fold_and_unfold_everything(dashboard):
    dashboard.press("Fold")
    dashboard.wait("d.nodes().filter((node) => node.folded).length === 3")
    dashboard.rest()
    assert {node["id"] for node in dashboard.nodes()} >= {"layer1", "layer2", "layer3", "fc"}
    dashboard.press("Unfold")
    dashboard.wait("!d.nodes().some((node) => node.folded)")
    assert dashboard.state["folded"] == []


def test_selecting_inside_a_folded_group_shows_its_box(dashboard):
    dashboard.press("Fold")
    dashboard.wait("d.nodes().filter((node) => node.folded).length === 3")
    assert dashboard.row("layer1.0.conv1").count() == 0, "the table folds with the graph"
    dashboard.call("select", "layer1.0.conv1")
    dashboard.wait_selected("layer1.0.conv1")
    dashboard.rest()
    assert contains(dashboard.graph, *middle(dashboard.box("layer1")))
    assert "holds" in dashboard.row("layer1").get_attribute("class")


# ---- moving


def test_the_wheel_zooms_about_the_mouse(dashboard):
    before = dashboard.state["viewport"]
    place = middle(dashboard.box("relu"))
    under = dashboard.in_layout(*place)
    dashboard.wheel(place, -240)
    dashboard.wait_moved(before)
    after = dashboard.state["viewport"]
    assert after[1] - after[0] < 0.9 * (before[1] - before[0])
    assert max(abs(a - b) for a, b in zip(dashboard.in_layout(*place), under, strict=True)) < 3
    dashboard.views_agree()


def test_a_drag_pans(dashboard):
    before = dashboard.state["viewport"]
    x, y = dashboard.empty_ground()
    start = middle(dashboard.box("conv1"))
    dashboard.drag((x, y), (x + 40, y - 200))
    dashboard.wait_moved(before)
    now = middle(dashboard.box("conv1")) if dashboard.state["viewport"][2] < 100 else None
    after = dashboard.state["viewport"]
    scale = (before[1] - before[0]) / dashboard.graph["width"]
    assert abs((after[2] - before[2]) - 200 * scale) < 2
    assert abs((after[0] - before[0]) + 40 * scale) < 2
    assert now is None or abs(now[1] - start[1] + 200) < 2
    dashboard.views_agree()


def test_a_click_in_the_overview_moves_there(dashboard):
    before = dashboard.state["viewport"]
    x, y = middle(dashboard.overview)
    wanted = dashboard.in_layout(x, y + 150, "-overview")
    dashboard.page.mouse.click(x, y + 150)
    dashboard.wait_moved(before)
    left, right, top, bottom = dashboard.state["viewport"]
    per_px = dashboard.rest()["overview"]
    assert abs((left + right) / 2 - wanted[0]) < 2 * (per_px[1] - per_px[0]) / per_px[4]
    assert abs((top + bottom) / 2 - wanted[1]) < 2 * (per_px[3] - per_px[2]) / per_px[5]
    dashboard.views_agree()


def test_a_drag_in_the_overview_takes_the_window_along(dashboard):
    before = dashboard.state["viewport"]
    center = ((before[0] + before[1]) / 2, (before[2] + before[3]) / 2)
    x, y = dashboard.on_page(*center, "-overview")
    dashboard.drag((x, y), (x, y + 120))
    dashboard.wait_moved(before)
    after = dashboard.state["viewport"]
    *_, top, bottom, _, height = dashboard.rest()["overview"]
    assert abs(after[2] - before[2] - 120 * (bottom - top) / height) < 3 * (bottom - top) / height
    assert abs(after[3] - after[2] - before[3] + before[2]) < 1
    dashboard.views_agree()


def test_the_slider_sets_the_visible_part(dashboard):
    before = dashboard.state["viewport"]
    lower = dashboard.page.locator(".noUi-target:visible .noUi-handle").nth(1)
    start = middle(lower.bounding_box())
    assert contains(dashboard.page.locator(".noUi-target:visible").bounding_box(), *start, 10), (
        "the handle is not on its bar"
    )
    dashboard.drag(start, (start[0], start[1] + 100))
    dashboard.wait_moved(before)
    after = dashboard.state["viewport"]
    assert abs(after[2] - max(before[2], 0)) < 2
    assert after[3] > before[3] + 300
    dashboard.views_agree()


def test_the_slider_s_bar_is_dragged(dashboard):
    before = dashboard.state["viewport"]
    bar = dashboard.page.locator(".noUi-connect:visible").bounding_box()
    dashboard.drag(middle(bar), (middle(bar)[0], middle(bar)[1] + 200))
    dashboard.wait_moved(before)
    after = dashboard.state["viewport"]
    assert after[2] > before[2] + 1000
    dashboard.views_agree()


def test_the_fit_button_shows_everything(dashboard):
    before = dashboard.state["viewport"]
    dashboard.press("Fit")
    dashboard.wait_moved(before)
    graph = dashboard.graph
    boxes = {node["id"]: node for node in dashboard.nodes()}
    assert {"x", "output"} <= set(boxes)
    assert all(contains(graph, *middle(box)) for box in boxes.values())


# ---- table and graph


def test_scrolling_the_table_pans_the_graph(dashboard):
    before = dashboard.state["viewport"]
    dashboard.wheel(middle(dashboard.table.bounding_box()), 400)
    dashboard.wait_moved(before)
    dashboard.wait("d.rows()[0] !== 'x'")
    on_screen = {node["id"] for node in dashboard.nodes() if contains(dashboard.graph, *middle(node))}
    rows = dashboard.rows()
    assert on_screen <= set(rows) | {"x"}, "a box is shown whose row is not in view"
    assert len(on_screen) >= 5
    dashboard.views_agree()


def test_panning_the_graph_scrolls_the_table(dashboard):
    before = dashboard.state["viewport"]
    top = dashboard.rows()[0]
    x, y = dashboard.empty_ground()
    dashboard.drag((x, y + 200), (x, y - 200))
    dashboard.wait_moved(before)
    dashboard.wait("d.rows()[0] !== arg", top)
    on_screen = [node["id"] for node in dashboard.nodes() if contains(dashboard.graph, *middle(node))]
    assert set(on_screen) <= set(dashboard.rows())


def test_table_and_graph_reach_their_ends_together(dashboard):
    before = dashboard.state["viewport"]
    dashboard.wheel(middle(dashboard.table.bounding_box()), 100_000)
    dashboard.wait_moved(before)
    assert dashboard.rows()[-1] == "output"
    assert contains(dashboard.graph, *middle(dashboard.box("output")))
    before = dashboard.state["viewport"]
    dashboard.wheel(middle(dashboard.table.bounding_box()), -100_000)
    dashboard.wait_moved(before)
    assert contains(dashboard.graph, *middle(dashboard.box("x")))
    before = dashboard.state["viewport"]
    x, y, width, height = (dashboard.overview[key] for key in ("x", "y", "width", "height"))
    dashboard.page.mouse.click(x + width / 2, y + height - 40)
    dashboard.wait_moved(before)
    dashboard.wait("d.rows().at(-1) === 'output'")


def test_a_sorted_table_still_finds_its_row(dashboard):
    header = dashboard.page.locator(".tabulator-col button", has_text="Params")
    header.click()
    header.click()
    dashboard.wait("d.rows()[0] !== 'x'")
    assert dashboard.rows()[0] in {f"layer3.{k}.conv{n}" for k in range(3) for n in (1, 2)}
    dashboard.click(dashboard.box("x"))
    dashboard.wait_selected("x")
    dashboard.wait("d.rows().includes('x')")
    header.click()
    dashboard.page.mouse.click(*dashboard.empty_ground())
    dashboard.wait_selected("")


def test_an_edge_under_the_mouse_is_highlighted_and_says_what_flows(dashboard):
    dashboard.press("Fit")
    dashboard.rest()
    graph = dashboard.graph
    boxes = dashboard.nodes()

    def is_free(x, y):
        return contains(graph, x, y, -3) and not any(contains(box, x, y, 3) for box in boxes)

    found = []
    for edge in dashboard.edges():
        for (x0, y0), (x1, y1) in pairwise(edge["polyline"]):
            if is_free((x0 + x1) / 2, (y0 + y1) / 2):
                found.append((math.dist((x0, y0), (x1, y1)), edge, ((x0 + x1) / 2, (y0 + y1) / 2)))
    _, edge, place = max(found, key=lambda each: each[0])
    dashboard.page.mouse.move(*place)
    tip = dashboard.page.locator(".idlmav-tip")
    tip.filter(has_text="→").wait_for()
    sources, _, targets = tip.inner_text().partition("\n")[0].partition(" → ")
    ends = {(each["source"], each["target"]) for each in dashboard.edges()}
    # Where edges of one tensor share a line, all of them are meant.
    meant = {(source, target) for source in sources.split(", ") for target in targets.split(", ")}
    assert (edge["source"], edge["target"]) in meant <= ends
    assert "(" in tip.inner_text().partition("\n")[2]
    widths = dashboard.layer("edges")["width"]
    assert sum(width > 2 for width in widths) == len(meant)
    dashboard.page.mouse.move(*dashboard.empty_ground())
    tip.wait_for(state="hidden")
    assert all(width < 2 for width in dashboard.layer("edges")["width"])


def test_the_wheel_stops_where_nothing_larger_or_smaller_can_be_seen(dashboard):
    dashboard.call("select", CONV)
    dashboard.rest()
    place = middle(dashboard.box(CONV))
    dashboard.page.mouse.move(*place)
    for down in (-120, 120):
        sizes = []
        for _ in range(40):
            dashboard.page.mouse.wheel(0, down)
            left, right, _, _ = dashboard.rest()["ranges"]
            sizes.append(dashboard.graph["width"] / (right - left))
            if len(sizes) > 1 and sizes[-1] == sizes[-2]:
                break
        assert sizes[-1] == sizes[-2], "it stops"
        assert 0.02 < sizes[-1] <= 3.01
        if down < 0:
            assert abs(middle(dashboard.box(CONV))[0] - place[0]) < 3, "it turns about the mouse"


@pytest.mark.parametrize(("edge", "kept"), [("bottom", "top"), ("right", "left")])
def test_an_edge_of_the_window_in_the_overview_is_dragged(dashboard, edge, kept):
    sides = ("left", "right", "top", "bottom")
    dashboard.rest()
    before = dict(zip(sides, dashboard.state["viewport"], strict=True))
    seen = dashboard.rest()["window"]
    window = dict(zip(sides, (*seen[:2], *sorted(seen[2:])), strict=True))
    at = {"bottom": ("left", "bottom"), "right": ("right", "top")}[edge]
    inside = [(window[a] + window[b]) / 2 for a, b in (("left", "right"), ("top", "bottom"))]
    place = (inside[0], window[at[1]]) if edge == "bottom" else (window[at[0]], inside[1])
    x, y = dashboard.on_page(*place, "-overview")
    move = (0, 40) if edge == "bottom" else (-20, 0)
    dashboard.drag((x, y), (x + move[0], y + move[1]))
    dashboard.wait_moved(list(before.values()))
    after = dict(zip(sides, dashboard.state["viewport"], strict=True))
    assert after[kept] == pytest.approx(before[kept], abs=2)
    assert (after[edge] - before[edge]) * sum(move) > 0
