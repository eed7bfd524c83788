"""The browser-side controller as a Panel component whose parameters mirror the state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakMethod, finalize

import param

from idlmav.layout.variants import Variant
from idlmav.page.bundle import bundle, stylesheet
from idlmav.page.panel_private import Component
from idlmav.scene.build import Scene
from idlmav.state import FLOW, SHARED, ViewState

__all__ = ["Controller"]


class Controller(Component):
    """
    All links between the views, run by the browser; shows the legend and the errors itself.

    The parameters named in `idlmav.state.SHARED` are the state. Where there is a kernel they are kept equal to a
    `ViewState`; a saved file has no kernel and works the same.
    """

    uid = param.String(doc="Unique id of the dashboard; figures and widgets are found by it.")
    fills_page = param.Boolean(False, doc="Whether the page around takes the theme, too.")
    scene = param.String("{}", doc="What to draw as JSON, which passes through Bokeh faster than a dict.")
    selected = param.String("")
    folded = param.List([])
    viewport = param.List([0.0, 0.0, 0.0, 0.0])
    query = param.String("")
    color_by = param.String("operation")
    size_by = param.String("none")
    value_range = param.Parameter(None)
    highlighted = param.List([])
    direction = param.String("down")
    turn = param.String("opposite")
    latent = param.String("")
    merge_threshold = param.Number(-1.0)
    compute_unit = param.String("flops")
    estimates = param.String("shown")
    theme = param.String("auto")

    _esm = bundle("page/controller.js")
    _stylesheets = [stylesheet("page/controller.css")]

    def __init__(self, make_scene: Callable[[], Scene], state: ViewState, **params: Any) -> None:
        super().__init__(**{name: _to_browser(getattr(state, name)) for name in SHARED}, **params)
        self._state, self._make_scene = state, make_scene
        self._drawn: Variant | None = None
        self._watching: list[finalize[..., Any]] = []
        self.param.watch(self._tell, list(SHARED))
        self.start()

    def start(self) -> None:
        """Follow the state from now on; nothing happens if that is so already."""
        if self._watching:
            return
        self.param.update({name: _to_browser(getattr(self._state, name)) for name in SHARED})
        if self._drawn != self._state.flow:
            self._draw()
        self._watching = [
            _watch(self._state, self, self._show, SHARED),
            _watch(self._state, self, self._show_flow, FLOW),
        ]

    def stop(self) -> None:
        """Stop following the state, and free the scene: Panel or a notebook may keep the view for long."""
        for unwatch in self._watching:
            unwatch()
        self._watching = []
        self._drawn, self.scene = None, "{}"

    def _draw(self) -> None:
        self.scene = _to_json(self._make_scene())
        self._drawn = self._state.flow

    def _handle_msg(self, data: Any) -> None:
        # In a notebook, what Python set between displaying and the page's first word was lost on the way.
        if data == "hello":
            self._send_msg({name: _to_browser(getattr(self._state, name)) for name in SHARED})

    def _show(self, *events: param.parameterized.Event) -> None:
        self.param.update({event.name: _to_browser(event.new) for event in events})

    def _show_flow(self, *events: param.parameterized.Event) -> None:
        try:
            self._draw()
        except ValueError:
            # There is no such op: the state returns to what is drawn.
            self._state.param.update({event.name: event.old for event in events})
            raise

    def _tell(self, *events: param.parameterized.Event) -> None:
        # A tuple parameter refuses the list that comes from the browser.
        self._state.param.update({event.name: _from_browser(event.name, event.new) for event in events})


def _watch(state: ViewState, owner: object, method: Callable[..., None], names: Iterable[str]) -> finalize[..., Any]:
    """
    Call a method of `owner` when values of the state change, for as long as `owner` lives.

    The state outlives its dashboards, so it holds no more than weak references to them.

    Returns
    -------
    weakref.finalize
        Called, it ends the watching; it is called at the latest when the owner is collected.
    """
    reference = WeakMethod(method)

    def call(*events: param.parameterized.Event) -> None:
        if (found := reference()) is not None:
            found(*events)

    unwatch = finalize(owner, state.param.unwatch, state.param.watch(call, list(names)))
    unwatch.atexit = False
    return unwatch


def _to_json(scene: Scene) -> str:
    return json.dumps(scene, separators=(",", ":"), ensure_ascii=False)


def _to_browser(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _from_browser(name: str, value: Any) -> Any:
    return tuple(value) if name in ("viewport", "value_range") and value is not None else value
