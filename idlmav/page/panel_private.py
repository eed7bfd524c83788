"""
Everything of Panel that its reference does not describe, in one place.

Bokeh is used by its documented interface only. `PRIVATE` names what does not work without each name; `lacking` finds the
names that an installed version does not have.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Literal

import panel as pn
from bokeh.core.property.descriptors import UnsetValueError
from bokeh.document import Document
from bokeh.model import Model
from bokeh.resources import CDN, INLINE
from panel.custom import JSComponent
from panel.io import Resources, state
from pyviz_comms import Comm

from idlmav.errors import IdlmavError

__all__ = ["PRIVATE", "Component", "document_parts", "forget", "lacking", "panel_stylesheet"]

_RESOURCES = "panel.io.resources"
PRIVATE = {
    f"{_RESOURCES}.bundle_resources": "saved pages: the JavaScript of Bokeh and of Panel's extensions cannot be collected",
    f"{_RESOURCES}.set_resource_mode": "saved pages: style sheets and widgets would be asked of a Panel server",
    f"{_RESOURCES}.CDN_DIST": "saved pages: addresses of Panel's style sheets cannot be told from paths",
    f"{_RESOURCES}.DIST_DIR": "saved pages: Panel's style sheets cannot be read",
    "panel.custom.JSComponent._get_properties": "every page: Panel compiles the modules of the page, which takes 0.2 s",
    "panel.custom.JSComponent._get_model": "notebooks and apps: a dashboard that is shown again does not follow the state",
    "panel.custom.JSComponent._cleanup": "notebooks and apps: a dashboard that is closed goes on drawing unseen",
    "panel.io.state.state._views": "saved pages and notebooks: the views of a page that is done are kept",
    "panel.io.state.state._stylesheets": "saved pages and notebooks: the documents of pages that are done are kept",
    "panel.io.state.state._comm_manager": "notebooks: the dashboards of cells that were run again are kept",
}
"""What does not work without a name."""


def lacking() -> dict[str, str]:
    """Return the part of `PRIVATE` that the installed Panel does not have."""
    return {name: without for name, without in PRIVATE.items() if _find(name) is None}


def _find(name: str) -> Any:
    try:
        return resolve_name(name)
    except (AttributeError, ImportError):
        return None


def _private(name: str) -> Any:
    found = _find(f"{_RESOURCES}.{name}")
    if found is None:
        lines = "\n".join(f"  {lost}: {without}" for lost, without in lacking().items())
        raise IdlmavError(f"Panel {pn.__version__} lacks names that idlmav needs; install panel 1.9.\n{lines}")
    return found


class Component(JSComponent):
    """
    A component of plain JavaScript, which browsers run as it is.

    Panel's JavaScript compiles a module that is not marked as a bundle as if it were TypeScript, which takes 0.2 s and
    makes the code slower.
    """

    __abstract = True

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        properties = super()._get_properties(doc)
        # Panel stores modules under this name, so dashboards of different versions in one page stay apart.
        properties["bundle"] = sha256(properties["esm"].encode()).hexdigest()
        return properties

    def _get_model(
        self, doc: Document, root: Model | None = None, parent: Model | None = None, comm: Comm | None = None
    ) -> Model:
        self.start()
        return super()._get_model(doc, root, parent, comm)

    def _cleanup(self, root: Model | None = None) -> None:
        # Panel calls this when a session ends, a notebook cell is cleared, or a layout drops the view.
        model, _ = self._models.get(root.ref["id"], (None, None)) if root is not None else (None, None)
        super()._cleanup(root)
        if root is None or model is None:
            return
        if not self._models:
            self.stop()
        with suppress(UnsetValueError):  # if the document is destroyed already, which took the callbacks with it
            model.data._callbacks = {}
        if root.ref["id"] not in _table("_views"):
            _free(root)

    def start(self) -> None:
        """Prepare to be shown; called each time that a document begins to show the component."""

    def stop(self) -> None:
        """Release everything that `start` took; called when no document shows the component any more."""


def forget(root: Model) -> None:
    """Let go of a view that was made without a session; Panel would keep it until its session ends."""
    for view in _table("_views").pop(root.ref["id"], ())[:1]:
        view._cleanup(root)


def _table(name: str) -> Any:
    """Return one of Panel's tables of what it serves; an empty one if it has none by that name: then nothing is freed."""
    return getattr(state, name, {})


def _free(root: Model) -> None:
    """
    Remove a view that is gone from two tables of Panel, which would keep it and its document for ever.

    Panel does so itself when a server's session ends, but not for the cells of a notebook and for saved pages.
    """
    if root.document is not None:
        _table("_stylesheets").pop(root.document, None)
    comms: dict[str, Any] = getattr(getattr(state, "_comm_manager", None), "_comms", {})
    for name, comm in list(comms.items()):
        if isinstance(comm._on_msg, partial) and comm._on_msg.args[:1] == (root.ref["id"],):
            del comms[name]


def document_parts(document: Document, mode: Literal["inline", "cdn"]) -> tuple[Any, list[str], list[str]]:
    """
    Return a document as JSON, and the addresses and texts of the JavaScript that it needs.

    Raises
    ------
    IdlmavError
        If the installed Panel lacks a name of `PRIVATE`.
    """
    resources = Resources.from_bokeh(INLINE if mode == "inline" else CDN, absolute=True)
    with _private("set_resource_mode")(mode):
        libraries = _private("bundle_resources")(document.roots, resources)
        return document.to_json(deferred=False), [str(url) for url in libraries.js_files], libraries.js_raw


def panel_stylesheet(url: str) -> str:
    """Return the text of one of Panel's style sheets, which are all part of its package."""
    relative = url.partition("?")[0].removeprefix(_private("CDN_DIST")).removeprefix("static/extensions/panel/")
    # No view uses the icon fonts.
    return "" if "font-awesome" in relative else (Path(_private("DIST_DIR")) / relative).read_text("utf-8")
