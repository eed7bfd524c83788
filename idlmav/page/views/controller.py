"""The browser-side controller as a Panel component whose parameters mirror the state."""

from __future__ import annotations

import json
from typing import Any

import param

from idlmav.page.bundle import bundle, stylesheet
from idlmav.page.panel_private import Component
from idlmav.scene.build import Scene
from idlmav.state import SHARED, ViewState

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

    def __init__(self, scene: Scene, state: ViewState, **params: Any) -> None:
        values = {name: _to_browser(getattr(state, name)) for name in SHARED}
        super().__init__(scene=_to_json(scene), **values, **params)
        self._state = state
        state.param.watch(self._show, list(SHARED))
        self.param.watch(self._tell, list(SHARED))

    def show_scene(self, scene: Scene) -> None:
        """Draw another scene; see `idlmav.scene.build.build_scene`."""
        self.scene = _to_json(scene)

    def _handle_msg(self, data: Any) -> None:
        # In a notebook, what Python set between displaying and the page's first word was lost on the way.
        if data == "hello":
            self._send_msg({name: _to_browser(getattr(self._state, name)) for name in SHARED})

    def _show(self, *events: param.parameterized.Event) -> None:
        self.param.update({event.name: _to_browser(event.new) for event in events})

    def _tell(self, *events: param.parameterized.Event) -> None:
        # A tuple parameter refuses the list that comes from the browser.
        self._state.param.update({event.name: _from_browser(event.name, event.new) for event in events})


def _to_json(scene: Scene) -> str:
    return json.dumps(scene, separators=(",", ":"), ensure_ascii=False)


def _to_browser(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _from_browser(name: str, value: Any) -> Any:
    return tuple(value) if name in ("viewport", "value_range") and value is not None else value
