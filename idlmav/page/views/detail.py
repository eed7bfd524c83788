"""The panel with the details of the selection."""

from __future__ import annotations

import param

from idlmav.page.bundle import bundle, stylesheet
from idlmav.page.panel_private import Component

__all__ = ["Detail"]


class Detail(Component):
    """Texts about the selection, set by the controller; shown as text, never as HTML."""

    content = param.Dict({"title": "", "detail": "", "error": ""})

    _esm = bundle("detail/detail.js")
    _stylesheets = [stylesheet("detail/detail.css")]
