"""
One HTML file that unpacks itself.

The libraries and the document are compressed, and unpacked by the browser's ``DecompressionStream`` without replacing
the page, so the first picture stays until the dashboard is ready.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from idlmav.page.bundle import bundle, stylesheet

__all__ = ["FirstPicture", "pack"]

_HARMLESS = str.maketrans("&<>`", ",./:")
"""Base 85 takes 6 % less than base 64, and these digits need no escaping in HTML and in an attribute."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~".translate(_HARMLESS)
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
html, body {{height: 100%; margin: 0; background: var(--paper);}} body {{display: flow-root;}} [data-root-id] {{height: 100%;}}
{css}</style>
{scripts}</head>
<body><p id="note" hidden></p>
<div id="still" class="{classes}">{first}</div>
<script>{{{place}}}</script>
<div id="root" data-root-id="{root_id}"></div>
<script type="application/octet-stream" id="packed" data-size="{size}" data-alphabet="{alphabet}">{packed}</script>
<script type="module">{unpack}</script></body></html>
"""


@dataclass(frozen=True, slots=True)
class FirstPicture:
    """
    The picture that a page shows until it has unpacked itself, and where no script runs.

    Attributes
    ----------
    html : str
        With one ``<svg>``.
    css : str
        Colours.
    classes : list of str
        The parts of the dashboard that decide on the place of the graph.
    """

    html: str
    css: str
    classes: list[str]


def pack(
    title: str, document: Any, root_id: str, scripts: Sequence[str], urls: Sequence[str], first: FirstPicture
) -> str:
    """
    Write a page for a Bokeh document (as JSON) whose model `root_id` fills it.

    Parameters
    ----------
    scripts : sequence of str
        JavaScript that is packed into the page.
    urls : sequence of str
        Addresses of JavaScript that the browser fetches.
    """
    items = [{"docid": "page", "roots": {root_id: "root"}, "root_ids": [root_id]}]
    start, end = (json.dumps(part, separators=(",", ":"), ensure_ascii=False) for part in (items, {"page": document}))
    # Without a time stamp, so equal pages are equal files.
    data = gzip.compress("\0".join([start, *scripts, end]).encode(), 9, mtime=0)
    return _PAGE.format(
        title=escape(title),
        scripts="".join(f'<script defer src="{escape(url)}"></script>\n' for url in urls),
        root_id=escape(root_id),
        packed=base64.b85encode(data, pad=True).decode().translate(_HARMLESS),
        size=len(data),
        alphabet=_DIGITS,
        unpack=bundle("saved/unpack.js"),
        css=f"{first.css}\n{stylesheet('saved/first_view.css')}",
        classes=" ".join(first.classes),
        first=first.html,
        place=bundle("saved/first_view.js"),
    )
