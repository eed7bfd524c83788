"""
Colours: palettes by name, one stable colour per operation, and text that stays readable on them.

A colour depends on the operation and the options only, never on the model, so the same operation has
the same colour in every picture and in every process.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from numbers import Integral
from zlib import crc32

from idlmav.errors import did_you_mean
from idlmav.metrics.catalogue import categories, category

__all__ = ["DEFAULT_PALETTE", "GRADIENT", "Palette", "contrast", "ink", "known_palettes", "sequence"]

_DATA = json.loads((files("idlmav") / "scene" / "palettes.json").read_text("utf-8"))
DEFAULT_PALETTE = "Light"
_LIGHT: tuple[str, ...] = tuple(_DATA["Light"])
GRADIENT: tuple[str, ...] = tuple(_DATA["gradient"])
"""Colours for a number, from small to large; the lightness falls steadily, so it also reads in grey."""
NEUTRAL = "#e8ebef"
"""Inputs and outputs are no operations: they stay outside of the palette."""
_COMMON: tuple[str, ...] = tuple(_DATA["common"]["operations"])
"""Operations that most models have, each with a colour of its own in the default palette."""
_COMMON_CATEGORIES: tuple[str, ...] = tuple(_DATA["common"]["categories"])
"""Categories that are side by side in most models: the colours that colour-blind eyes tell apart."""
_PLAIN = frozenset({"Shape", "Conversion", "Creation"})
"""Categories that compute nothing; they share one colour, grey in the default palette."""
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


_PALETTES = {DEFAULT_PALETTE: _LIGHT, **{name: tuple(colors) for name, colors in _DATA["palettes"].items()}}


def known_palettes() -> list[str]:
    """Return the names that `sequence` knows by itself."""
    return [*_PALETTES]


def sequence(palette: str | Sequence[str]) -> tuple[str, ...] | None:
    """
    Return the hex colours of a palette, given its name, in any case, or hex colours such as ``"#1f77b4"``.

    It is ``None`` for a name that is not known here; `idlmav.page.colormaps.colormap` looks up those of Bokeh and HoloViews.

    Raises
    ------
    TypeError
        If it is neither a name nor a list.
    ValueError
        If a list is empty or holds something else than hex colours.
    """
    if isinstance(palette, str):
        return {name.casefold(): colors for name, colors in _PALETTES.items()}.get(palette.casefold())
    if not isinstance(palette, Iterable):
        raise TypeError(f"palette: a name or a list of hex colours is needed, got {type(palette).__name__}.")
    colors = tuple(palette)
    wrong = [color for color in colors if not (isinstance(color, str) and _HEX.fullmatch(color))]
    if wrong or not colors:
        got = repr(wrong[0]) if wrong else "an empty list"
        raise ValueError(f"palette: a list of hex colours such as '#1f77b4' is needed, got {got}.")
    return tuple(color.lower() for color in colors)


def unknown_palette(name: str, others: Iterable[str] = ()) -> ValueError:
    """Return the error for an unknown palette name."""
    known = [*known_palettes(), *others]
    shown = ", ".join(known_palettes())
    return ValueError(
        f"palette: {name!r} is not known.{did_you_mean(name, known)} Known names: {shown}, and those of Bokeh and "
        "HoloViews; a list of hex colours works too."
    )


@dataclass(frozen=True, kw_only=True)
class Palette:
    """
    The user's choice of colours.

    Attributes
    ----------
    colors : tuple of str
        Hex colours.
    avoid : collection of int
        Indices into `colors` that are never used, not even through `fixed`.
    fixed : mapping of str to int
        Operation (``'nn.MaxPool2d'``, ``'add()'``) or category (``'Convolution'``) to an index into `colors`. An
        entry for an operation takes precedence over one for its category.
    """

    colors: tuple[str, ...] = _LIGHT
    avoid: Collection[int] = frozenset()
    fixed: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.colors)
        for name, index in [
            *((repr(key), value) for key, value in self.fixed.items()),
            *(("avoid", i) for i in self.avoid),
        ]:
            if isinstance(index, bool) or not isinstance(index, Integral) or not 0 <= index < count:
                where = "avoid_palette_idxs" if name == "avoid" else f"fixed_color_map[{name}]"
                raise ValueError(f"{where}: the palette has the indices 0 to {count - 1}, got {index!r}.")
            if name != "avoid" and index in self.avoid:
                raise ValueError(f"fixed_color_map[{name}]: colour {index} is also in avoid_palette_idxs.")
        if len(set(self.avoid)) >= count:
            raise ValueError(f"avoid_palette_idxs: all {count} colours of the palette are avoided; leave one.")
        for name in self.fixed:
            known = name.startswith("nn.") or name.endswith("()") or name in ("input", "output", *categories())
            if not known:
                raise ValueError(
                    f"fixed_color_map: {name!r} is neither an operation ('nn.Conv2d', 'add()') nor a category."
                    f"{did_you_mean(name, categories())} Categories: {', '.join(categories())}."
                )

    def operation(self, operation: str, op: str) -> str:
        """Return the colour of an operation, given its text in the Operation column and its torch function."""
        index = self.fixed.get(operation)
        if index is None and op in ("input", "output"):
            return NEUTRAL
        if index is None:
            index = self.fixed.get(category(operation, op))
        if index is not None:
            return self.colors[index]
        plain = op not in _COMMON and category(operation, op) in _PLAIN
        return self._free("Shape" if plain else op)

    def category(self, name: str) -> str:
        """Return the colour of a category."""
        if name in self.fixed:
            return self.colors[self.fixed[name]]
        return NEUTRAL if name == "Input and output" else self._free(name, _COMMON_CATEGORIES)

    def name(self, name: str) -> str:
        """Return the colour of anything else, such as a module."""
        return self._free(name)

    def _free(self, key: str, common: Sequence[str] = _COMMON) -> str:
        used = set(self.avoid) | set(self.fixed.values())
        free = [i for i in range(len(self.colors)) if i not in used]
        free = free or [i for i in range(len(self.colors)) if i not in self.avoid]
        known = next((names for names in (common, _COMMON) if key in names), None)
        place = known.index(key) if known else crc32(key.encode())
        return self.colors[free[place % len(free)]]


def luminance(color: str) -> float:
    """Return the relative luminance of a hex colour, 0 (black) to 1 (white), as WCAG 2.1 defines it."""

    def linear(channel: int) -> float:
        value = channel / 255
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(color[i : i + 2], 16)) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two hex colours, 1 to 21, as WCAG 2.1 defines it."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def ink(fill: str) -> str:
    """Return the text colour that reads better on a fill: a near-black or white."""
    return max("#10151c", "#ffffff", key=lambda color: contrast(color, fill))
