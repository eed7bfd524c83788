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
from idlmav.state import ViewState, declaration, from_browser, layout_names, to_browser, value_names

__all__ = ["Controller"]


# Panel makes the browser's model of a class when the class is made, so these parameters have to be there before.
_Values: Any = param.parameterized_class(
    "_Values", {value["name"]: param.Parameter(value["default"]) for value in declaration()}
)


class Controller(Component, _Values):
    """
    All links between the views, run by the browser; shows the legend and the errors itself.

    It has a parameter for each value of `ViewState`, as the browser has it. Where there is a kernel they are kept
    equal to the state; a saved file has no kernel and works the same.
    """

    uid = param.String(doc="Unique id of the dashboard; figures and widgets are found by it.")
    fills_page = param.Boolean(False, doc="Whether the page around takes the theme, too.")
    scene = param.String("{}", doc="What to draw as JSON, which passes through Bokeh faster than a dict.")
    fields = param.String("[]", doc="What the browser knows of the values of the state (`declaration`), as JSON.")

    _esm = bundle("page/controller.js")
    _stylesheets = [stylesheet("page/controller.css")]

    def __init__(self, make_scene: Callable[[], Scene], state: ViewState, **params: Any) -> None:
        self._state, self._make_scene = state, make_scene
        super().__init__(fields=_to_json(declaration()), **self._values(), **params)
        self._drawn: Variant | None = None
        self._watching: list[finalize[..., Any]] = []
        self.param.watch(self._take, list(value_names()))
        self.start()

    def _values(self) -> dict[str, Any]:
        return {name: to_browser(getattr(self._state, name)) for name in value_names()}

    def start(self) -> None:
        """Follow the state from now on; nothing happens if that is so already."""
        if self._watching:
            return
        self.param.update(self._values())
        if self._drawn != self._state.flow:
            self._draw()
        self._watching = [
            _watch(self._state, self, self._show, value_names()),
            _watch(self._state, self, self._show_flow, layout_names()),
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
        # In a notebook, changes made in Python before the page connected were lost.
        if data == "connected":
            self._send_msg(self._values())

    def _show(self, *events: param.parameterized.Event) -> None:
        self.param.update({event.name: to_browser(event.new) for event in events})

    def _show_flow(self, *events: param.parameterized.Event) -> None:
        try:
            self._draw()
        except ValueError:
            # There is no such op: the state returns to what is drawn.
            self._state.param.update({event.name: event.old for event in events})
            raise

    def _take(self, *events: param.parameterized.Event) -> None:
        self._state.param.update({event.name: from_browser(event.name, event.new) for event in events})


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


def _to_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
