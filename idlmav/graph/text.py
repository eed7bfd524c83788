"""Numbers and shapes as text, the same in pictures, pages and tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from idlmav.graph.graph import Shape
    from idlmav.graph.modules import Totals

__all__ = ["flops_text", "format_shape", "format_shapes", "humane", "humane_bytes", "thousands"]


def format_shape(shape: Shape | None) -> str:
    """Write one shape as ``(2, 64, ?)``; ``?`` alone if the number of dimensions is unknown."""
    if shape is None:
        return "?"
    sizes = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({sizes},)" if len(shape) == 1 else f"({sizes})"


def format_shapes(shapes: Iterable[Shape | None]) -> str:
    """Write the shapes of all outputs, separated by commas."""
    return ", ".join(format_shape(shape) for shape in shapes)


def humane(number: float, unit: str = "") -> str:
    """Write a number with three significant digits and k, M, G or T: ``humane(1.8e9, 'FLOPs')`` is ``'1.8 GFLOPs'``."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= factor:
            return f"{_digits(number / factor)} {prefix}{unit}"
    return f"{number:g} {unit}".rstrip()


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"


def humane_bytes(count: float) -> str:
    """Write a number of bytes with binary units: ``humane_bytes(46755328)`` is ``'44.6 MiB'``."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{_digits(value)} {unit}"
        value /= 1024
    return f"{_digits(value)} TiB"


def thousands(number: int) -> str:
    """Write an integer with its thousands separated by narrow no-break spaces."""
    return f"{number:,}".replace(",", "\u202f")


def flops_text(totals: Totals, unit: str = "FLOPs", per: int = 1, *, hidden: bool = False) -> str:
    """Write the sum of FLOPs in a unit of `per` FLOPs, with the estimates or with these hidden."""
    unknown = totals.flops_unknown
    missing = f", {thousands(unknown)} {'op' if unknown == 1 else 'ops'} unknown" if unknown else ""
    named = {"counted": totals.flops, "measured": totals.flops_measured}
    if not hidden:
        named["estimated"] = totals.flops_estimated
    parts = [(name, value) for name, value in named.items() if value]
    if unknown and not parts:
        return f"? {unit}{missing}"
    parts = parts or [("counted", 0)]
    texts = [f"{humane(value / per, '' if i else unit)} {name}" for i, (name, value) in enumerate(parts)]
    return ("\u2265 " if unknown else "") + " + ".join(texts) + missing
