"""The base of the browser-side components."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from bokeh.document import Document
from panel.custom import JSComponent

__all__ = ["Component"]


class Component(JSComponent):
    """
    A component of plain JavaScript, which browsers run as it is.

    Panel compiles every module that is not marked as a bundle as if it were TypeScript, which takes 0.2 s in each page
    and makes the code slower.
    """

    __abstract = True

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        properties = super()._get_properties(doc)
        # Panel's key for modules: a hash keeps dashboards of different versions in one page apart.
        properties["bundle"] = sha256(properties["esm"].encode()).hexdigest()
        return properties
