"""Directions and turns: chosen in a page without a kernel, and on a server."""

from __future__ import annotations

import pytest
from browser.driver import Dashboard
from models import WORKING

from idlmav import MAV

SIDEWAYS = ("Right", "Left")


def unet() -> MAV:
    return MAV(WORKING["unet"].model(), WORKING["unet"].args(), latent="bottom")


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
