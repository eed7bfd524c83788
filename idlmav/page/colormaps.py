"""Palettes by the names that Bokeh and HoloViews give them."""

from __future__ import annotations

import re

import holoviews.plotting.bokeh  # noqa: F401 - registers the backend
from bokeh import palettes
from holoviews.plotting.util import list_cmaps, process_cmap

__all__ = ["colormap", "colormap_names"]

_MOST_COLORS = 20


def colormap_names() -> list[str]:
    """Return the names that `colormap` knows."""
    return sorted({*palettes.all_palettes, *list_cmaps()})


def colormap(name: str) -> tuple[str, ...] | None:
    """
    Return the colours of a palette of Bokeh or HoloViews.

    Parameters
    ----------
    name : str
        For example ``"Category20"``, ``"Category20_7"``, ``"glasbey_light"``, ``"viridis"``.

    Returns
    -------
    tuple of str or None
        Hex colours, at most 20 of a continuous palette; ``None`` if the name is unknown.
    """
    # Most people write "viridis", Bokeh "Viridis"; as some names differ in case only, an exact name goes first.
    names = colormap_names()
    if name not in names and not isinstance(getattr(palettes, name, None), tuple):
        name = {known.casefold(): known for known in names}.get(name.casefold(), name)
    exact = getattr(palettes, name, None) if re.fullmatch(r"[A-Z]\w*?\d+", name) else None
    if isinstance(exact, tuple):
        return tuple(color.lower()[:7] for color in exact)
    by_size = palettes.all_palettes.get(name)
    if by_size:
        largest = max(size for size in by_size if size <= _MOST_COLORS)
        return tuple(color.lower()[:7] for color in by_size[largest])
    if name in list_cmaps():
        return tuple(color.lower()[:7] for color in dict.fromkeys(process_cmap(name, _MOST_COLORS)))
    return None
