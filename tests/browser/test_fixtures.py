"""The fixtures notice what they promise to notice."""

from __future__ import annotations

import panel as pn
import pytest


def test_a_served_object_is_live_in_both_directions(chromium_page, serve_here, wait_until):
    box = pn.widgets.TextInput(label="Query", value="before")
    chromium_page.goto(serve_here(box))
    field = chromium_page.get_by_label("Query")
    field.wait_for()
    field.fill("typed")
    field.press("Enter")
    wait_until(lambda: box.value == "typed")
    box.value = "set"
    chromium_page.wait_for_function("() => Bokeh.documents[0].roots()[0].value === 'set'")


def test_the_command_line_serves_a_script(chromium_page, serve_command, tmp_path):
    app = tmp_path / "app.py"
    app.write_text("import panel as pn\npn.pane.Markdown('Hello from a script').servable()\n")
    chromium_page.goto(serve_command(app))
    chromium_page.get_by_text("Hello from a script").wait_for()


@pytest.mark.parametrize(
    ("script", "address"),
    [
        ("fetch('http://127.0.0.1:9/data.json').catch(() => 0)", "http://127.0.0.1:9/data.json"),
        ("new WebSocket('ws://127.0.0.1:9/ws')", "ws://127.0.0.1:9/ws"),
        ("new Image().src = 'http://127.0.0.1:9/image.png'", "http://127.0.0.1:9/image.png"),
    ],
)
def test_an_offline_page_notices_every_attempt(
    offline_page, network_attempts, page_problems, wait_until, tmp_path, script, address
):
    page_file = tmp_path / "page.html"
    page_file.write_text(f"<script>{script}</script>")
    offline_page.goto(page_file.as_uri())
    offline_page.wait_for_load_state("networkidle")
    assert network_attempts == [address]
    # The attempt was meant: without this the fixture fails the test, as it should any other.
    network_attempts.clear()
    page_problems.clear()


@pytest.mark.parametrize("script", ["console.error('broken')", "throw Error('broken')"])
def test_a_page_notices_errors(chromium_page, page_problems, tmp_path, script):
    page_file = tmp_path / "page.html"
    page_file.write_text(f"<script>{script}</script>")
    chromium_page.goto(page_file.as_uri())
    chromium_page.wait_for_function("() => document.readyState === 'complete'")
    assert [problem for problem in page_problems if "broken" in problem]
    page_problems.clear()
