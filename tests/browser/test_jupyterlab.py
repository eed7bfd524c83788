"""A live notebook in JupyterLab, without the network: Python and the picture follow each other."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from browser.conftest import ROOT, START_SECONDS, _open_page
from browser.surface import POLL_MS, Surface, use
from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

MODEL = """\
from idlmav import MAV
from idlmav.gallery.models import MODELS
mav = MAV(*MODELS["resnet20"].make())
other = MAV(mav.graph)
_ = mav.state.param.watch(lambda event: other.state.param.update(query=event.new), "selected")
"""
FIRST = "display(mav)"
SECOND = "mav.draw_interactive_graph(add_overview=False)"
OTHER = "other.draw_interactive_graph(height_px=400)"
SAY = """mav.state.selected = "layer2.0.conv1" """


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address of a JupyterLab and the folder that it shows."""
    folder = tmp_path_factory.mktemp("lab")
    homes = {name: str(folder / "home") for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    options = ["--no-browser", "--allow-root", "--port=0", "--IdentityProvider.token=", "--ServerApp.password="]
    options += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    # It would ask in a window of its own whether to fetch news.
    settings = folder / "home/lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"fetchNews": "false"}')
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "jupyterlab", *options],
        cwd=folder,
        env=os.environ | homes | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    addresses: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in server.stderr:
            if found := re.search(r"http://(?:localhost|127\.0\.0\.1):(\d+)/", line):
                addresses.put(f"http://127.0.0.1:{found[1]}")

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield addresses.get(timeout=START_SECONDS), folder
    finally:
        server.terminate()
        server.wait(30)
        listener.join(30)
        server.stderr.close()


def write(folder: Path, name: str, *cells: str) -> None:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata=kernel)
    nbformat.write(notebook, folder / name)


def run_all_cells(page: Page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def hear(frame: str | bytes, told: list[str]) -> None:
    """Note what a frame of a web socket tells of Bokeh's models."""
    text = frame.decode("utf-8", "replace") if isinstance(frame, bytes) else frame
    if "PATCH-DOC" in text:
        told.append(text[text.index("PATCH-DOC") :])


def wait_dashboards(page: Page, count: int) -> None:
    page.wait_for_function("(count) => window.idlmav?.length === count", arg=count, timeout=90_000)
    page.evaluate("() => Promise.all(window.idlmav.map((dashboard) => dashboard.ready))")


def wait(page: Page, condition: str) -> None:
    """Wait until JavaScript about all dashboards holds, or tell what they are like."""
    try:
        page.wait_for_function(f"() => {condition}", polling=POLL_MS)
    except PlaywrightTimeout as error:
        seen = page.evaluate("() => [document.visibilityState, ...window.idlmav.map(({state}) => state)]")
        raise AssertionError(f"{condition} never held; seen last: {seen}") from error


@pytest.fixture
def told() -> list[str]:
    """What the page tells Python."""
    return []


@pytest.fixture
def open_notebook(browser: Browser, lab: tuple[str, Path], told: list[str]):
    address, folder = lab
    problems: list[str] = []
    asked: list[str] = []
    with _open_page(browser, problems) as page:

        def open_it(name: str, *cells: str) -> Page:
            write(folder, name, *cells)
            page.on("request", lambda request: asked.append(request.url))
            page.on("websocket", lambda socket: socket.on("framesent", lambda frame: hear(frame, told)))
            page.goto(f"{address}/lab/tree/{name}?reset")
            page.bring_to_front()
            page.get_by_text("| Idle").wait_for(timeout=90_000)
            return page

        yield open_it
        assert [url for url in asked if not url.startswith((address, "blob:", "data:", "about:"))] == []
    assert problems == []


@pytest.mark.heavy
def test_a_live_dashboard_is_used_as_everywhere(open_notebook, told):
    page = open_notebook("alone.ipynb", MODEL, FIRST)
    run_all_cells(page)
    wait_dashboards(page, 1)
    page.locator(".idlmav-table .tabulator-row").first.scroll_into_view_if_needed()
    use(Surface(page))
    # Python hears of the state, not of what is drawn.
    assert any('"attr":"selected","new":"conv1"' in message for message in told)
    assert [message[:500] for message in told if '"attr":"data"' in message] == []
    assert page.evaluate("() => window.idlmav[0].missing_names") == []


@pytest.mark.heavy
def test_python_and_the_page_follow_each_other_and_cells_run_again(open_notebook, told):
    page = open_notebook("together.ipynb", MODEL, FIRST, SECOND, OTHER, SAY)
    run_all_cells(page)
    wait_dashboards(page, 3)

    # Python set this before the pages were there; both pictures of the object show it, the other one does not.
    wait(page, "window.idlmav.slice(0, 2).every(({state}) => state.selected === 'layer2.0.conv1')")
    assert page.evaluate("() => window.idlmav[2].state.selected") == ""

    # Python hears of a selection: its callback searches in the other object's picture.
    page.evaluate("() => window.idlmav[0].select('layer1.0.conv2')")
    wait(page, "window.idlmav[1].state.selected === 'layer1.0.conv2'")
    wait(page, "window.idlmav[2].state.query === 'layer1.0.conv2'")
    assert page.evaluate("() => window.idlmav.map(({state}) => state.query)") == ["", "", "layer1.0.conv2"]
    # What Python has set is not told back to it, where it would undo what was chosen meanwhile.
    assert [message[:500] for message in told if '"attr":"selected","new":"layer2.0.conv1"' in message] == []

    # Cells that run again leave nothing behind.
    for _ in range(2):
        before = page.evaluate_handle("() => [...window.idlmav]")
        run_all_cells(page)
        page.wait_for_function(
            "(old) => window.idlmav.length === 3 && window.idlmav.every((dashboard) => !old.includes(dashboard))",
            arg=before,
            timeout=90_000,
        )
        wait_dashboards(page, 3)
    wait(page, "window.idlmav.slice(0, 2).every(({state}) => state.selected === 'layer2.0.conv1')")
    page.wait_for_function("() => document.querySelectorAll('.jp-OutputArea-output').length >= 3")
