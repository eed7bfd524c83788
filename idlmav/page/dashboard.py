"""The dashboard of a picture, or the plainest one: a picture without any control."""

from __future__ import annotations

from typing import Any

import panel as pn
from panel.viewable import Viewable

from idlmav.page.explorer import Explorer
from idlmav.scene.scene_cache import SceneCache
from idlmav.state import ViewState
from idlmav.still import plain_picture, to_svg

__all__ = ["dashboard"]


def dashboard(scenes: SceneCache, state: ViewState, **options: Any) -> Viewable:
    """Return the views of a picture; `options` are those of `idlmav.page.explorer.Explorer`."""
    problems = scenes.variants.problems

    def views() -> Viewable:
        scenes.shared(state.flow)  # the views ask for it when they are shown, which is too late
        return Explorer(scenes.graph, lambda: scenes.shared(state.flow), state, **options).__panel__()

    return problems.plainer("the dashboard", views, ("The ops are drawn in one column", lambda: _plain(scenes)))


def _plain(scenes: SceneCache) -> Viewable:
    return pn.pane.HTML(to_svg(plain_picture(scenes.graph, scenes.variants.problems.notes)))
