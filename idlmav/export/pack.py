"""
One HTML file that unpacks itself.

The libraries and the documents are compressed, and unpacked by the browser's ``DecompressionStream``. They come to
life inside the page as it is, so what the page shows before stays until they are ready.
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

__all__ = ["Still", "pack"]

_HARMLESS = str.maketrans("&<>`", ",./:")
"""Base 85 takes 6 % less than base 64; with these digits it stays the same inside HTML and inside an attribute."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~".translate(_HARMLESS)
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
html, body {{height: 100%; margin: 0; background: var(--paper);}} body {{display: flow-root;}} [data-root-id] {{height: 100%;}}
{css}</style>
{scripts}</head>
<body><p id="note" hidden></p>
<div id="still" class="{classes}">{still}</div>
<script>{{{place}}}</script>
{roots}
<script type="application/octet-stream" id="packed" data-size="{size}" data-alphabet="{alphabet}">{packed}</script>
<script type="module">{unpack}</script></body></html>
"""


@dataclass(frozen=True, slots=True)
class Still:
    """
    What a page shows until it has unpacked itself, and where no script runs.

    Attributes
    ----------
    html : str
        With one ``<svg>``.
    css : str
        Colours.
    classes : list of str
        What decides where the graph will be.
    """

    html: str
    css: str
    classes: list[str]


def pack(
    title: str,
    docs: Any,
    items: Sequence[dict[str, Any]],
    scripts: Sequence[str],
    urls: Sequence[str],
    still: Still,
) -> str:
    """
    Write a page.

    Parameters
    ----------
    title : str
        Title of the page.
    docs, items : nested dicts and lists
        Bokeh's documents and what of them to show where.
    scripts : sequence of str
        JavaScript that is packed into the page.
    urls : sequence of str
        Addresses of JavaScript that the browser fetches.
    still : Still
        What is seen first.

    Returns
    -------
    str
        HTML.
    """
    first, last = (json.dumps(part, separators=(",", ":"), ensure_ascii=False) for part in (items, docs))
    parts = [first, *scripts, last]
    # No time stamp: the file says nothing about when it was made.
    data = gzip.compress("\0".join(parts).encode(), 9, mtime=0)
    return _PAGE.format(
        title=escape(title),
        scripts="".join(f'<script defer src="{escape(url)}"></script>\n' for url in urls),
        roots="".join(
            f'<div id="{element}" data-root-id="{model}"></div>'
            for item in items
            for model, element in item["roots"].items()
        ),
        packed=base64.b85encode(data, pad=True).decode().translate(_HARMLESS),
        size=len(data),
        alphabet=_DIGITS,
        unpack=bundle("saved/unpack.js"),
        css=f"{still.css}\n{stylesheet('saved/first_view.css')}",
        classes=" ".join(still.classes),
        still=still.html,
        place=bundle("saved/first_view.js"),
    )
