"""The line that says everything about the selection."""

from __future__ import annotations

import param

from idlmav.page.bundle import bundle, stylesheet
from idlmav.page.panel_private import Component

__all__ = ["Detail"]


class Detail(Component):
    """Texts that the controller sets when something is selected; shown as text, never as HTML."""

    content = param.Dict({"title": "", "detail": "", "error": ""})

    _esm = bundle("detail/detail.js")
    _stylesheets = [stylesheet("detail/detail.css")]
