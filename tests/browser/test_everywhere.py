"""One script against a saved page, the served app, an executed notebook under nbviewer's policy, and JupyterLab."""

from __future__ import annotations

import http.server
import os
import re
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import nbformat
import pytest
from browser.conftest import ROOT, _open_offline, _open_page
from browser.surface import Surface, use
from browser.test_connected import answer
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from playwright.sync_api import Browser

from idlmav import MAV

DRAW = """\
from idlmav import MAV, plotly_renderer_context
from idlmav.gallery.models import MODELS
mav = MAV(*MODELS["resnet20"].make())
with plotly_renderer_context("{renderer}"):
    mav.draw_release_graph().show()
"""
# What nbviewer's page has around a notebook: AMD's define, which scripts in the same window would take for theirs.
AROUND = """<script>
window.define = () => { throw new Error("a script of a picture found define"); };
window.define.amd = {};
window.require = window.requirejs = window.define;
window.jQuery = window.$ = () => {};
</script></head>"""


class _Nbviewer(http.server.SimpleHTTPRequestHandler):
    """Serves files with the policy of nbviewer.org."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", "connect-src 'none';")
        super().end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def nbviewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of executed notebooks, ``notebook.html`` and ``notebook_connected.html``, as nbviewer shows them."""
    folder = tmp_path_factory.mktemp("nbviewer")
    environment = {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder / "ipython")}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    names = ("notebook", "notebook_connected")
    cells = [nbformat.v4.new_code_cell(DRAW.format(renderer=name)) for name in names]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(folder)}}).execute(
        env=os.environ | environment
    )
    exporter = HTMLExporter(template_name="lab", require_js_url="", jquery_url="", mathjax_url="", mermaid_js_url="")
    for name, cell in zip(names, cells, strict=True):
        notebook.cells = [cell]
        html, _ = exporter.from_notebook_node(notebook)
        (folder / f"{name}.html").write_text(html.replace("</head>", AROUND, 1), "utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Nbviewer, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def problems() -> list[str]:
    return []


def test_in_a_saved_page(browser: Browser, resnet20, tmp_path: Path, problems):
    MAV(resnet20).save(tmp_path / "page.html")
    attempts: list[str] = []
    with _open_offline(browser, problems, attempts) as page:
        page.goto((tmp_path / "page.html").as_uri())
        use(Surface(page))
        # Neither icons, fonts, source maps nor anything else.
        assert attempts == []


def test_in_the_served_app(browser: Browser, served_app: str, problems):
    with _open_page(browser, problems) as page:
        page.goto(served_app)
        use(Surface(page))


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["notebook", "notebook_connected"])
def test_in_nbviewer(browser: Browser, nbviewer: str, name: str, problems):
    asked: list[str] = []
    missing: list[str] = []
    with _open_page(browser, problems) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.route(re.compile("^https?://(?!127)"), partial(answer, missing))
        page.goto(f"{nbviewer}/{name}.html")
        page.locator("iframe").scroll_into_view_if_needed()
        assert not page.locator("img").first.is_visible(), "the image is for where frames are taken out"
        use(Surface(page, page.frames[1]))
    hosts = {
        re.sub(r"^(https?://[^/]+).*", r"\1", url) for url in asked if not url.startswith(("blob:", "data:", "about:"))
    }
    cdns = {"https://cdn.bokeh.org", "https://cdn.holoviz.org"} if name.endswith("connected") else set()
    assert hosts == {nbviewer} | cdns
    assert missing == []
