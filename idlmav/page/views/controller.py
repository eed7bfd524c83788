"""The browser-side controller as a Panel component whose parameters mirror the state."""

from __future__ import annotations

import json
from typing import Any

import param

from idlmav.page.bundle import bundle, stylesheet
from idlmav.page.views.component import Component
from idlmav.scene.build import Scene
from idlmav.state import ViewState, declaration, from_browser, to_browser, value_names

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

    def __init__(self, scene: Scene, state: ViewState, **params: Any) -> None:
        self._state = state
        super().__init__(scene=_to_json(scene), fields=_to_json(declaration()), **self._values(), **params)
        state.param.watch(self._show, list(value_names()))
        self.param.watch(self._take, list(value_names()))

    def _values(self) -> dict[str, Any]:
        return {name: to_browser(getattr(self._state, name)) for name in value_names()}

    def show_scene(self, scene: Scene) -> None:
        """Draw another scene; see `idlmav.scene.build.build_scene`."""
        self.scene = _to_json(scene)

    def _handle_msg(self, data: Any) -> None:
        # In a notebook, changes made in Python before the page connected were lost.
        if data == "connected":
            self._send_msg(self._values())

    def _show(self, *events: param.parameterized.Event) -> None:
        self.param.update({event.name: to_browser(event.new) for event in events})

    def _take(self, *events: param.parameterized.Event) -> None:
        self._state.param.update({event.name: from_browser(event.name, event.new) for event in events})


def _to_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
