"""Palettes by the names of Plotly Express, Bokeh and HoloViews; these libraries are imported only when needed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from idlmav.scene.palette import Palette, sequence, unknown_palette

__all__ = ["colormap", "colormap_names", "make_palette"]

_MOST_COLORS = 20


def colormap_names() -> list[str]:
    """Return the names that `colormap` knows."""
    import holoviews.plotting.bokeh  # noqa: F401 - registers the backend
    from bokeh import palettes
    from holoviews.plotting.util import list_cmaps

    return sorted({*palettes.all_palettes, *list_cmaps()})


def colormap(name: str) -> tuple[str, ...] | None:
    """
    Return the hex colours of a palette of Bokeh or HoloViews, at most 20 of a continuous one.

    Names are, for example, ``"Category20"``, ``"Category20_7"``, ``"glasbey_light"``, ``"viridis"``; an unknown one
    gives ``None``.
    """
    from bokeh import palettes
    from holoviews.plotting.util import list_cmaps, process_cmap

    # Everybody writes "viridis", Bokeh "Viridis"; some names differ by nothing else, so an exact match comes first.
    names = colormap_names()
    if name not in names and not isinstance(getattr(palettes, name, None), tuple):
        name = {known.casefold(): known for known in names}.get(name.casefold(), name)
    exact = getattr(palettes, name, None) if re.fullmatch(r"[A-Z]\w*?\d+", name) else None
    found: Iterable[str] = ()
    if isinstance(exact, tuple):
        found = exact
    elif by_size := palettes.all_palettes.get(name):
        found = by_size[max(size for size in by_size if size <= _MOST_COLORS)]
    elif name in list_cmaps():
        found = dict.fromkeys(process_cmap(name, _MOST_COLORS))
    return tuple(color.lower()[:7] for color in found) or None


def make_palette(colors: str | Sequence[str], avoid: Collection[int], fixed: Mapping[str, int] | None) -> Palette:
    """
    Return the palette for the options ``palette``, ``avoid_palette_idxs`` and ``fixed_color_map`` of `idlmav.MAV`.

    Raises
    ------
    TypeError
        If an option is of another kind.
    ValueError
        For an unknown palette, or an index that it does not have.
    """
    found = sequence(colors) or colormap(str(colors))
    if found is None:
        raise unknown_palette(str(colors), colormap_names())
    if not isinstance(avoid, Iterable):
        raise TypeError(f"avoid_palette_idxs: expected a set or list of indices, got {type(avoid).__name__}.")
    if not isinstance(fixed, Mapping | None):
        raise TypeError(
            f"fixed_color_map: expected a dict of operations or categories to indices, got {type(fixed).__name__}."
        )
    return Palette(colors=found, avoid=frozenset(avoid), fixed=dict(fixed or {}))
