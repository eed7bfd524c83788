"""A connected page takes its libraries from CDNs; here the installed packages answer for them."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import bokeh
import panel
import pytest
from playwright.sync_api import Page, Route

from idlmav import MAV, plotly_renderer_context
from idlmav.graph import Graph

PANEL = Path(panel.__file__).parent / "dist"
BOKEH = Path(bokeh.__file__).parent / "server" / "static" / "js"


def on_disk(url: str) -> Path:
    """Return the file of an installed package that the CDN has under an address."""
    path = url.partition("?")[0]
    if "/dist/" in path:
        return PANEL / path.split("/dist/", 1)[1]
    return BOKEH / path.rpartition("/")[2].replace(f"-{bokeh.__version__}", "")


def answer(missing: list[str], route: Route) -> None:
    """Answer for the CDNs, and note what they would not have."""
    file = on_disk(route.request.url)
    if not file.exists():
        missing.append(route.request.url)
    route.fulfill(path=file)


@pytest.mark.heavy
def test_a_connected_page_works_with_what_the_cdn_has(resnet20: Graph, chromium_page: Page, page_problems, tmp_path):
    with plotly_renderer_context("notebook_connected"):
        release = MAV(resnet20).draw_release_graph()
    release.save(tmp_path / "connected.html")
    missing: list[str] = []

    chromium_page.route(re.compile("^https?://"), partial(answer, missing))
    chromium_page.goto((tmp_path / "connected.html").as_uri())
    chromium_page.wait_for_function("window.idlmav?.length === 1")
    chromium_page.evaluate("window.idlmav[0].ready")
    chromium_page.evaluate("window.idlmav[0].select('layer2.0.conv1')")
    chromium_page.wait_for_function("window.idlmav[0].rows().includes('layer2.0.conv1')")
    chromium_page.wait_for_function("window.idlmav[0].nodes().some((node) => node.id === 'layer2.0.conv1')")
    assert missing == []
    assert page_problems == []
