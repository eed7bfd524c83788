"""What is common to the browser-side components."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from bokeh.document import Document
from panel.custom import JSComponent

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
