"""Directions and turns: chosen in a page without a kernel, and on a server."""

from __future__ import annotations

from math import dist

import pytest
from browser.driver import Dashboard, middle
from pictures import picture_of

from idlmav import MAV

SIDEWAYS = ("Right", "Left")


def unet() -> MAV:
    return picture_of("unet", latent="bottom")


def opened_file(page, tmp_path) -> Dashboard:
    unet().save(tmp_path / "page.html")
    page.goto((tmp_path / "page.html").as_uri())
    dashboard = Dashboard(page)
    dashboard.rest()
    return dashboard


def straight(dashboard: Dashboard) -> int:
    """Skip connections between the two columns that are one line."""
    edges = [edge["polyline"] for edge in dashboard.edges()]
    return sum(len(points) == 2 and abs(points[0][0] - points[1][0]) > 40 for points in edges)


@pytest.mark.parametrize("flow", ["Right", "Up", "Left"])
def test_a_page_without_a_kernel_turns(offline_page, tmp_path, flow):
    dashboard = opened_file(offline_page, tmp_path)
    before = dashboard.state
    dashboard.choose("Flow", flow)
    dashboard.wait("d.state.direction === arg", flow.lower())
    dashboard.rest()
    overview, graph = dashboard.overview, dashboard.graph
    if flow in SIDEWAYS:
        assert overview["width"] > 4 * overview["height"]
        assert graph["y"] >= overview["y"] + overview["height"] - 1
    else:
        assert overview["height"] > overview["width"]
    assert graph["width"] > 400
    dashboard.views_agree()
    first = dashboard.box("x") if any(node["id"] == "x" for node in dashboard.nodes()) else dashboard.nodes()[0]
    assert first["width"] > 0
    dashboard.choose("Flow", "Down")
    dashboard.wait("d.state.direction === 'down'")
    dashboard.rest()
    assert dashboard.overview["height"] > dashboard.overview["width"]
    assert dashboard.state["folded"] == before["folded"]
    dashboard.views_agree()


def test_a_u_becomes_an_l_and_a_straight_flow(offline_page, tmp_path):
    dashboard = opened_file(offline_page, tmp_path)
    dashboard.press("Fit")
    dashboard.rest()
    assert straight(dashboard) >= 1
    dashboard.choose("Turn", "–")
    dashboard.wait("d.state.turn === 'none'")
    dashboard.rest()
    dashboard.press("Fit")
    dashboard.rest()
    assert straight(dashboard) == 0
    dashboard.choose("Turn", "L")
    dashboard.wait("d.state.turn === 'perpendicular'")
    dashboard.rest()
    dashboard.views_agree()


def test_a_group_of_a_u_folds_in_place(offline_page, tmp_path):
    dashboard = opened_file(offline_page, tmp_path)
    dashboard.press("Fit")
    dashboard.rest()
    group = next(iter(unet().layout.groups))
    dashboard.call("fold", group)
    dashboard.wait("d.nodes().some((node) => node.id === arg && node.folded)", group)
    dashboard.rest()
    assert dashboard.overlapping() == []
    assert dashboard.problems_of_edges() == []


def options(dashboard: Dashboard, label: str) -> list[str]:
    """The entries of a drop-down, or none if it is not shown."""
    if not dashboard.page.get_by_label("Compute", exact=True).is_visible():
        dashboard.press("More")
    select = dashboard.page.get_by_label(label, exact=True)
    return select.locator("option").all_inner_texts() if select.is_visible() else []


@pytest.mark.parametrize("latent", ["", "bottom"])
def test_a_page_without_a_kernel_offers_only_what_it_holds(offline_page, tmp_path, latent):
    picture_of("unet", latent=latent).save(tmp_path / "page.html")
    offline_page.goto((tmp_path / "page.html").as_uri())
    dashboard = Dashboard(offline_page)
    dashboard.rest()
    dashboard.call("select", "head")
    dashboard.wait("d.state.selected === 'head'")
    assert options(dashboard, "Turn") == (["–", "U", "L"] if latent else [])
    assert options(dashboard, "Merge") == []
    if latent:
        titles = offline_page.locator("[title*='needs Python']")
        assert titles.get_attribute("title") == "Turns at bottom; another place needs Python"


def test_the_flow_turns_at_the_selection(chromium_page, serve_here, wait_until):
    mav = picture_of("unet")
    chromium_page.goto(serve_here(mav))
    dashboard = Dashboard(chromium_page)
    dashboard.rest()
    assert options(dashboard, "Turn") == ["–"]
    dashboard.call("select", "bottom")
    wait_until(lambda: options(dashboard, "Turn") == ["–", "U here", "L here"])
    dashboard.choose("Turn", "U here")
    selected = dashboard.state["selected"]
    dashboard.wait("d.state.latent === arg", selected)
    wait_until(lambda: mav.layout.latent == selected)
    dashboard.rest()
    dashboard.press("Fit")
    dashboard.rest()
    assert straight(dashboard) >= 1
    dashboard.views_agree()
    dashboard.choose("Turn", "–")
    wait_until(lambda: mav.state.turn == "none")
    dashboard.rest()
    assert options(dashboard, "Turn") == ["–", "U", "L", "U here", "L here"]
    mav.state.param.update(latent="", turn="opposite")
    dashboard.wait("d.state.latent === ''")
    wait_until(lambda: options(dashboard, "Turn") == ["–", "U here", "L here"])


def test_small_ops_are_merged_and_the_middle_of_the_view_stays(chromium_page, serve_here, wait_until):
    mav = picture_of("unet")
    chromium_page.goto(serve_here(mav))
    dashboard = Dashboard(chromium_page)
    dashboard.rest()
    dashboard.call("select", "bottom")
    dashboard.rest()
    length = dashboard.rest()["slider"][3]
    frame = dashboard.graph
    boxes = [box for box in dashboard.nodes() if box["kind"] == "op"]
    before = min(boxes, key=lambda box: dist(middle(box), middle(frame)))
    dashboard.choose("Merge", "No params")
    wait_until(lambda: mav.state.merge_threshold == 0.0)
    wait_until(lambda: dashboard.rest()["slider"][3] < length - 100)
    after = dashboard.box(before["id"])
    assert middle(after) == pytest.approx(middle(before), abs=1.0)
    mav.state.merge_threshold = 0.3
    wait_until(lambda: "Other" in options(dashboard, "Merge"))
    dashboard.choose("Merge", "–")
    wait_until(lambda: mav.state.merge_threshold == -1.0)
    wait_until(lambda: "Other" not in options(dashboard, "Merge"))
    dashboard.rest()
    dashboard.views_agree()


def test_a_server_lays_it_out_anew(chromium_page, serve_here, wait_until):
    mav = unet()
    chromium_page.goto(serve_here(mav))
    dashboard = Dashboard(chromium_page)
    dashboard.rest()
    dashboard.choose("Flow", "Right")
    wait_until(lambda: dashboard.overview["width"] > 4 * dashboard.overview["height"])
    assert mav.state.direction == "right"
    mav.state.turn = "none"
    dashboard.wait("d.state.turn === 'none'")
    dashboard.rest()
    dashboard.views_agree()
