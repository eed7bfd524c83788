"""A live notebook in JupyterLab: Python and the picture follow each other, without the network."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
DRAW = """\
{first}
from idlmav import MAV, plotly_renderer_context
from idlmav.capture.gallery import MODELS
mav = MAV(*MODELS["resnet20"].make())
with plotly_renderer_context("notebook"):
    display(mav.draw_interactive_graph())
"""
FOLLOW = """\
mav.state.param.watch(lambda event: mav.state.param.update(query=event.new), "selected")
mav.state.selected = "layer2.0.conv1"
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, wait_until: Callable[..., None]) -> Iterator[tuple[str, Path]]:
    """Address of a JupyterLab and the folder that it shows."""
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    homes = {name: str(folder / "home") for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=", "--ServerApp.password="]
    options.append("--LabApp.news_url=")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options],
        cwd=folder,
        env=os.environ | homes | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/api").status == 200
        except urllib.error.URLError:
            return False

    wait_until(answers, 60.0)
    yield f"http://127.0.0.1:{port}", folder
    server.terminate()
    server.wait(20)


def run_all_cells(page: Page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


@pytest.mark.heavy
@pytest.mark.parametrize(
    "first", ["", "import panel as pn; pn.extension(inline=True)"], ids=["alone", "after-extension"]
)
def test_a_live_notebook(first, lab, chromium_page, page_problems):
    address, folder = lab
    name = f"{'after' if first else 'alone'}.ipynb"
    cells = [nbformat.v4.new_code_cell(text) for text in (DRAW.format(first=first), FOLLOW)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / name)
    page = chromium_page
    page.goto(f"{address}/lab/tree/{name}?reset")
    page.get_by_text("| Idle").wait_for(timeout=60_000)
    run_all_cells(page)
    page.wait_for_function("window.idlmav?.length === 1", timeout=60_000)
    page.evaluate("window.idlmav[0].ready")

    # What Python said before the page was there has arrived, and nothing of it is lost when the page speaks.
    page.wait_for_function("window.idlmav[0].state.selected === 'layer2.0.conv1'")
    page.evaluate("window.idlmav[0].fit()")
    page.wait_for_function("window.idlmav[0].nodes().length > 60")
    assert page.evaluate("window.idlmav[0].state.selected") == "layer2.0.conv1"

    # Python hears of a selection: its callback answers with a search.
    page.evaluate("window.idlmav[0].select('layer1.0.conv2')")
    page.wait_for_function("window.idlmav[0].state.query === 'layer1.0.conv2'")

    # Running the cells again leaves one dashboard, a new one, which Python's words reach as well.
    before = page.evaluate_handle("window.idlmav[0]")
    run_all_cells(page)
    page.wait_for_function("old => window.idlmav.length === 1 && window.idlmav[0] !== old", arg=before, timeout=60_000)
    page.evaluate("window.idlmav[0].ready")
    page.wait_for_function("window.idlmav[0].state.selected === 'layer2.0.conv1'")
    assert page_problems == []
