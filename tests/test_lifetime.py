"""Dashboards end: one that is closed, saved or dropped is collected and no longer follows the state; live ones do."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
from collections.abc import Iterator
from typing import Any
from weakref import ref

import panel as pn
import pytest
from bokeh.client import ClientSession
from bokeh.document import Document
from panel.config import _cleanup_panel
from panel.io.server import get_server
from panel.io.state import state as panel_state
from pictures import picture_of

from idlmav import MAV, plotly_renderer_context
from idlmav.page.explorer import Explorer
from idlmav.page.views.controller import Controller

MANY = 50


@pytest.fixture
def mav() -> MAV:
    return picture_of("unet")


@pytest.fixture
def born(monkeypatch) -> list[ref[Any]]:
    """Weak references to every dashboard and controller that the test makes."""
    references: list[ref[Any]] = []
    for cls in (Explorer, Controller):

        def init(self: Any, *args: Any, made: Any = cls.__init__, **options: Any) -> None:
            references.append(ref(self))
            made(self, *args, **options)

        monkeypatch.setattr(cls, "__init__", init)
    return references


@pytest.fixture
def drawn(monkeypatch) -> list[str]:
    """Directions of the scenes that are sent to dashboards from now on."""
    directions: list[str] = []
    draw = Controller._draw

    def noted(self: Controller) -> None:
        directions.append(self._state.direction)
        draw(self)

    monkeypatch.setattr(Controller, "_draw", noted)
    return directions


def watchers(mav: MAV) -> int:
    return sum(len(found) for by_what in mav.state.param.watchers.values() for found in by_what.values())


def alive(born: list[ref[Any]]) -> int:
    gc.collect()
    return sum(found() is not None for found in born)


def close(root: Any) -> None:
    """End a view as Panel does when a notebook deletes the output of a cell."""
    _cleanup_panel(root.ref["id"])


def leaves_nothing(mav: MAV, born: list[ref[Any]], drawn: list[str], count: int) -> None:
    assert len(born) == 2 * count
    assert alive(born) == 0
    assert watchers(mav) == 0
    del drawn[:]
    mav.state.direction = "right" if mav.state.direction != "right" else "down"
    assert drawn == []


def test_dashboards_that_were_never_shown_are_collected(mav, born, drawn):
    for _ in range(MANY):
        mav.draw_interactive_graph()
    leaves_nothing(mav, born, drawn, MANY)


def test_dashboards_that_were_closed_are_collected(mav, born, drawn):
    for _ in range(MANY):
        view = mav.draw_interactive_graph()
        close(view.get_root())
    del view
    leaves_nothing(mav, born, drawn, MANY)


def test_the_output_of_a_cell_that_is_run_again_is_collected(mav, born, drawn):
    for _ in range(5):
        view = mav.draw_interactive_graph()
        document, comm = Document(), panel_state._comm_manager.get_server_comm()
        root = view._render_model(document, comm)
        view._render_mimebundle(root, document, comm)
        close(root)
    del view, root, document
    leaves_nothing(mav, born, drawn, 5)


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_saved_pages_leave_nothing_behind(mav, born, drawn, tmp_path):
    mav.state.query = "conv"
    with plotly_renderer_context("notebook_connected"):  # packing the libraries takes a while
        for _ in range(MANY):
            mav.save(tmp_path / "m.html")
    leaves_nothing(mav, born, drawn, MANY)


def test_a_saved_page_keeps_the_state_of_its_moment(mav):
    mav.state.param.update(selected="pool", folded=["bottom"])
    release = mav.draw_release_graph()
    before = release.html
    mav.state.param.update(selected="", folded=[])
    assert release.html == before
    assert release.picture.description == mav.draw_release_graph().picture.description


def test_saving_changes_nothing_for_a_live_dashboard(mav):
    controller = mav.draw_interactive_graph().objects[1]
    mav.draw_release_graph()
    mav.state.param.update(selected="pool", direction="up")
    assert (controller.selected, controller.direction) == ("pool", "up")
    controller.selected = "bottom"
    assert mav.state.selected == "bottom"


# ------------------------------------------------------------------------------------------------- a real server


@pytest.fixture
def address(mav) -> Iterator[str]:
    """Address of a Panel server, for a session's socket, whose sessions end as soon as nobody is connected."""
    started: queue.SimpleQueue[Any] = queue.SimpleQueue()

    async def run() -> None:
        soon = {"unused_session_lifetime_milliseconds": 1, "check_unused_sessions_milliseconds": 20}
        server = get_server(lambda: mav, port=0, show=False, start=False, **soon)
        server.start()
        ended = asyncio.Event()
        started.put((server.port, asyncio.get_running_loop(), ended))
        await ended.wait()
        server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    port, loop, ended = started.get(timeout=60)
    # Bokeh's ClientSession asks for the event loop of its thread, and Python 3.12 warns where there is none.
    own = asyncio.new_event_loop()
    asyncio.set_event_loop(own)
    yield f"ws://localhost:{port}/ws"
    asyncio.set_event_loop(None)
    own.close()
    loop.call_soon_threadsafe(ended.set)
    thread.join(timeout=20)
    assert not thread.is_alive()


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_closed_sessions_leave_nothing_behind(mav, born, drawn, address, wait_until):
    for _ in range(MANY):
        session = ClientSession(websocket_url=address)
        session.connect()
        session.close()
    wait_until(lambda: watchers(mav) == 0, timeout=60)
    wait_until(lambda: alive(born) == 0, timeout=60)
    leaves_nothing(mav, born, drawn, MANY)


# ------------------------------------------------------------------------------------------------- those that live


def test_a_live_dashboard_follows_beside_dead_ones(mav, drawn):
    view = mav.draw_interactive_graph()
    view.get_root()
    for _ in range(5):
        other = mav.draw_interactive_graph()
        close(other.get_root())
    del drawn[:]
    mav.state.param.update(direction="up", selected="pool")
    assert drawn == ["up"]
    assert (view.objects[1].direction, view.objects[1].selected) == ("up", "pool")


def test_a_dashboard_in_two_documents_lives_until_both_are_gone(mav, drawn):
    view = mav.draw_interactive_graph()
    first, second = view.get_root(), view.get_root()
    close(first)
    mav.state.selected = "pool"
    assert view.objects[1].selected == "pool"
    close(second)
    assert watchers(mav) == 0
    mav.state.selected = "bottom"
    assert view.objects[1].selected == "pool"


def test_a_dashboard_that_is_shown_again_is_up_to_date(mav):
    view = mav.draw_interactive_graph()
    close(view.get_root())
    assert view.objects[1].scene == "{}", "its scene is not kept"
    mav.state.param.update(direction="left", selected="pool")
    view.get_root()
    controller = view.objects[1]
    assert (controller.direction, controller.selected) == ("left", "pool")
    assert '"direction":"left"' in controller.scene
    mav.state.selected = "bottom"
    assert controller.selected == "bottom"


def test_a_dashboard_that_an_app_takes_out_stops(mav):
    view = mav.draw_interactive_graph()
    app = pn.Column(view)
    app.get_root()
    app[:] = []
    assert watchers(mav) == 0
    app.append(view)
    mav.state.selected = "pool"
    assert view.objects[1].selected == "pool"
