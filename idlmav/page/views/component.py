"""What is common to the browser-side components."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import Any

from bokeh.document import Document
from bokeh.model import Model
from panel.custom import JSComponent
from panel.io.state import state
from pyviz_comms import Comm

__all__ = ["Component"]


class Component(JSComponent):
    """
    A component of plain JavaScript, which browsers run as it is.

    Panel's JavaScript compiles what is not marked as a bundle as if it were TypeScript: 0.2 s more for every page, and
    slower code.
    """

    __abstract = True

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        properties = super()._get_properties(doc)
        # Panel keeps modules by this, so that dashboards of different versions in a page stay apart.
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
        model.data._callbacks = {}
        if root.ref["id"] not in state._views:
            _forget(root)
        if not self._models:
            self.stop()

    def start(self) -> None:
        """Prepare to be shown; called each time that the component is shown in a document."""

    def stop(self) -> None:
        """Release what `start` took; called when no document shows the component any more."""


def _forget(root: Model) -> None:
    """
    Remove a view that is gone from two tables of Panel, which would keep it and its document for ever.

    Panel empties them when a server's session ends, but not for a notebook's cell and a saved page.
    """
    if root.document is not None:
        state._stylesheets.pop(root.document, None)
    comms = state._comm_manager._comms
    for name, comm in list(comms.items()):
        if isinstance(comm._on_msg, partial) and comm._on_msg.args[:1] == (root.ref["id"],):
            del comms[name]
