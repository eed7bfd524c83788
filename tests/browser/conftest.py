"""A real Chromium, pages that must stay free of errors, and servers to point them at."""

from __future__ import annotations

import asyncio
import logging
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from browser.driver import Dashboard
from pictures import gallery_graph
from playwright.sync_api import Browser, Page, sync_playwright

from idlmav import MAV
from idlmav.graph import Graph

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_SECONDS = 120
PAGE_SECONDS = 30


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium, one a test module."""
    names = ("chromium", "google-chrome", "chromium-browser")
    program = next(filter(None, map(shutil.which, names)), None)
    assert program, f"None of {', '.join(names)} is on the PATH; `nox -s ui` installs one."
    # Ended with the module: Playwright keeps an event loop running, which notebooks and servers trip over.
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def page_problems() -> list[str]:
    """What the test's page reports as errors on its console or raises: has to be empty at the test's end."""
    return []


@pytest.fixture
def network_attempts() -> list[str]:
    """Addresses that `offline_page` was asked for and refused: has to be empty at the test's end."""
    return []


@contextmanager
def _open_page(browser: Browser, problems: list[str], **options: Any) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 900}, service_workers="block", **options)
    context.set_default_timeout(PAGE_SECONDS * 1000)
    page = context.new_page()
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert problems == []


@contextmanager
def _open_offline(browser: Browser, problems: list[str], attempts: list[str]) -> Iterator[Page]:
    local = ("file:", "data:", "blob:", "about:")
    with _open_page(browser, problems, offline=True) as page:
        page.on("request", lambda request: request.url.startswith(local) or attempts.append(request.url))
        page.on("websocket", lambda socket: attempts.append(socket.url))
        yield page
    assert attempts == []


@pytest.fixture
def chromium_page(browser: Browser, page_problems: list[str]) -> Iterator[Page]:
    """A page, 1400 x 900 px, in a context of its own."""
    with _open_page(browser, page_problems) as page:
        yield page


@pytest.fixture
def offline_page(browser: Browser, page_problems: list[str], network_attempts: list[str]) -> Iterator[Page]:
    """A page that opens files but has no network; an attempt to use it fails the test."""
    with _open_offline(browser, page_problems, network_attempts) as page:
        yield page


@pytest.fixture(scope="module")
def serve_command() -> Iterator[Callable[..., str]]:
    """``serve_command("apps/explorer.py")``: what a person does on the command line; returns the app's address."""
    stops: list[Callable[[], None]] = []

    def serve(app: str | Path, *arguments: str) -> str:
        address, stop = _start_panel(app, *arguments)
        stops.append(stop)
        return address

    yield serve
    for stop in stops:
        stop()


@pytest.fixture(scope="module")
def served_app(serve_command: Callable[..., str]) -> str:
    """Address of the explorer, served by ``panel serve apps/explorer.py``."""
    return serve_command("apps/explorer.py")


def _open_connections(log: list[str]) -> int:
    return sum(("connection opened" in line) - ("connection closed" in line) for line in log)


def _start_panel(app: str | Path, *arguments: str) -> tuple[str, Callable[[], None]]:
    command = [sys.executable, "-u", "-m", "panel", "serve", str(app), "--port", "0", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    log: list[str] = []

    def listen() -> None:
        for line in process.stdout:
            log.append(line)
            lines.put(line)
        lines.put(None)

    listener = threading.Thread(target=listen)
    listener.start()

    def stop() -> None:
        # A server that ends while a page closes its connection logs an error.
        deadline = time.monotonic() + 10
        with suppress(queue.Empty):
            while _open_connections(log) and lines.get(timeout=max(0.0, deadline - time.monotonic())) is not None:
                pass
        process.terminate()
        process.wait(timeout=20)
        listener.join(timeout=20)
        process.stdout.close()
        text = "".join(log)
        assert "Traceback" not in text, text
        assert " ERROR " not in text, text

    try:
        # The port is the system's choice; the server names it once it listens.
        while (line := lines.get(timeout=START_SECONDS)) is not None:
            if found := re.search(r"running at: (\S+)", line):
                # The first visitor waits for the import of torch, on a busy machine longer than a browser would.
                with urlopen(found[1], timeout=START_SECONDS) as answer:
                    answer.read()
                return found[1], stop
    except queue.Empty:
        log.append(f"(nothing for {START_SECONDS} s)")
    process.kill()
    pytest.fail("panel serve did not start:\n" + "".join(log))


class _ErrorLog(logging.Handler):
    """Errors that a server's callbacks would otherwise only write to a log that nobody reads."""

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = self.format(record)
        # A page may be closed at any time, also while the server writes to it.
        if "WebSocketClosedError" not in message:
            self.messages.append(message)


@pytest.fixture(scope="module")
def serve_here() -> Iterator[Callable[[Any], str]]:
    """``serve_here(app)``: serve an object or a function from this process, so that its state can be watched."""
    errors = _ErrorLog()
    logging.getLogger().addHandler(errors)
    stops: list[Callable[[], None]] = []

    def serve(app: Any) -> str:
        address, stop = _start_thread(app)
        stops.append(stop)
        return address

    yield serve
    for stop in stops:
        stop()
    logging.getLogger().removeHandler(errors)
    assert errors.messages == []


def _start_thread(app: Any) -> tuple[str, Callable[[], None]]:
    from panel.io.server import get_server

    started: queue.SimpleQueue[Any] = queue.SimpleQueue()

    async def run() -> None:
        ended = asyncio.Event()
        try:
            server = get_server(app, port=0, show=False, start=False)
            server.start()
        except BaseException as error:
            started.put(error)
            raise
        started.put((server.port, asyncio.get_running_loop(), ended))
        await ended.wait()
        server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    answer = started.get(timeout=START_SECONDS)
    if isinstance(answer, BaseException):
        raise answer
    port, loop, ended = answer

    def stop() -> None:
        loop.call_soon_threadsafe(ended.set)
        thread.join(timeout=20)
        assert not thread.is_alive()

    return f"http://localhost:{port}/", stop


# ---------------------------------------------------------------------------------------------- the linked dashboard


@pytest.fixture(scope="session")
def resnet20() -> Graph:
    """The gallery's first model."""
    return gallery_graph("resnet20")


@pytest.fixture(scope="module", params=["served", "live", "file"])
def opened(
    request: pytest.FixtureRequest, browser: Browser, resnet20: Graph, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Dashboard, list[str]]]:
    """One page a module with `resnet20`: in the app, served by this process, and as a file without a network."""
    problems: list[str] = []
    if request.param == "file":
        file = tmp_path_factory.mktemp("saved") / "resnet20.html"
        MAV(resnet20).save(file)
        with _open_offline(browser, problems, []) as page:
            page.goto(file.as_uri())
            yield Dashboard(page), problems
        return
    mav = MAV(resnet20) if request.param == "live" else None
    address = request.getfixturevalue("served_app") if mav is None else request.getfixturevalue("serve_here")(mav)
    with _open_page(browser, problems) as page:
        page.goto(address)
        yield Dashboard(page, mav=mav), problems


@pytest.fixture
def dashboard(opened: tuple[Dashboard, list[str]], wait_until: Callable[..., None]) -> Iterator[Dashboard]:
    """
    The dashboard of ResNet-20 on each of three ways, as if just opened.

    Afterwards the views agree, Python's state is the page's where there is Python, and the page has no errors.
    """
    dashboard, problems = opened
    dashboard.reset()
    yield dashboard
    dashboard.views_agree()
    if dashboard.mav is not None:
        wait_until(dashboard.python_agrees)
    assert problems == []
