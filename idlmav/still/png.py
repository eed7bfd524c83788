"""A still picture as PNG, drawn by Pillow, which comes with Bokeh."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from idlmav.layout import Point
from idlmav.still.marks import DASH_PX, Dot, Line, Picture, Rect, Text, Triangle

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["to_png"]

_MOST_PIXELS = 64_000_000
_LONGEST_PX = 30_000
_LEGIBLE_PX = 4.0
_FONTS = {
    False: ("DejaVuSans.ttf", "Arial.ttf", "LiberationSans-Regular.ttf", "Helvetica.ttc"),
    True: ("DejaVuSans-Bold.ttf", "Arial Bold.ttf", "arialbd.ttf", "LiberationSans-Bold.ttf"),
}
"""Looked for in this order, by whether they are bold."""
_SUBSTITUTES = str.maketrans({"▸": ">", "▾": "v", "✕": "X", "×": "x", "…": "..."})
"""Signs that the font of Pillow itself lacks."""


def to_png(picture: Picture, scale: float = 2.0, *, colors: int | None = None) -> bytes:
    """
    Draw a picture.

    Parameters
    ----------
    picture : Picture
        Of `idlmav.still.still_picture`.
    scale : float
        Pixels for one px; less where the image would have more than 64 million pixels or 30,000 on a side.
    colors : int, optional
        How many colours are kept, up to 256: with 64 the file is a third as large.

    Returns
    -------
    bytes
        A PNG file.
    """
    from PIL import Image

    area, longest = picture.width * picture.height, max(picture.width, picture.height)
    scale = min(scale, math.sqrt(_MOST_PIXELS / area), _LONGEST_PX / longest)
    size = max(1, math.ceil(picture.width * scale)), max(1, math.ceil(picture.height * scale))
    image = Image.new("RGB", size, picture.background)
    canvas = _Canvas(image, scale)
    for mark in picture.marks:
        canvas.draw(mark)
    if colors is not None:
        image = image.quantize(colors, dither=Image.Dither.NONE)
    file = BytesIO()
    image.save(file, "PNG", optimize=colors is not None)
    return file.getvalue()


class _Canvas:
    def __init__(self, image: Image.Image, scale: float) -> None:
        from PIL import ImageDraw

        self.image, self.pen, self.scale = image, ImageDraw.Draw(image), scale

    def draw(self, mark: Rect | Line | Triangle | Dot | Text) -> None:
        match mark:
            case Rect():
                self._rect(mark) if mark.opacity >= 1.0 else self._translucent(mark)
            case Line():
                self._line(mark)
            case Triangle():
                self.pen.polygon([(x * self.scale, y * self.scale) for x, y in mark.points], fill=mark.color)
            case Dot():
                x, y, r = mark.x * self.scale, mark.y * self.scale, mark.radius * self.scale
                self.pen.ellipse((x - r, y - r, x + r, y + r), fill=mark.color)
            case Text():
                self._text(mark)

    def _rect(self, rect: Rect) -> None:
        scale = self.scale
        corners = [rect.x * scale, rect.y * scale, (rect.x + rect.width) * scale, (rect.y + rect.height) * scale]
        line_width = max(1, round(rect.line_width * scale))
        self.pen.rounded_rectangle(
            corners,
            radius=rect.radius * scale,
            fill=None if rect.fill == "none" else rect.fill,
            outline=None if rect.dashed else rect.line or None,
            width=line_width,
        )
        if rect.dashed and rect.line:
            for dash in _dashes(_outline(corners, rect.radius * scale), [length * scale for length in DASH_PX]):
                self.pen.line(dash, fill=rect.line, width=line_width, joint="curve")

    def _translucent(self, rect: Rect) -> None:
        """Draw a box as a browser does: what is below it shines through."""
        from PIL import Image

        margin = rect.line_width
        left, top = (math.floor((start - margin) * self.scale) for start in (rect.x, rect.y))
        right = math.ceil((rect.x + rect.width + margin) * self.scale) + 1
        bottom = math.ceil((rect.y + rect.height + margin) * self.scale) + 1
        below = self.image.crop((left, top, right, bottom))
        above = below.copy()
        x, y = rect.x - left / self.scale, rect.y - top / self.scale
        _Canvas(above, self.scale).draw(replace(rect, x=x, y=y, opacity=1.0))
        self.image.paste(Image.blend(below, above, rect.opacity), (left, top))

    def _line(self, line: Line) -> None:
        scale, width = self.scale, max(1, round(line.width * self.scale))
        points = [(x * scale, y * scale) for x, y in line.points]
        for number, (start, end) in enumerate(pairwise(points)):
            # Each piece begins and ends where the arcs of its corners do.
            first = self._radius(points, number) if number else 0.0
            last = self._radius(points, number + 1) if number + 2 < len(points) else 0.0
            length = math.dist(start, end) or 1.0
            dx, dy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
            piece = [(start[0] + dx * first, start[1] + dy * first), (end[0] - dx * last, end[1] - dy * last)]
            self.pen.line(piece, fill=line.color, width=width)
            if last:
                self._corner(points, number + 1, last, line.color, width)

    def _radius(self, points: list[tuple[float, float]], corner: int) -> float:
        before, at, after = points[corner - 1 : corner + 2]
        return min(6.0 * self.scale, math.dist(before, at) / 2, math.dist(at, after) / 2)

    def _corner(self, points: list[tuple[float, float]], corner: int, radius: float, color: str, width: int) -> None:
        before, at, after = points[corner - 1 : corner + 2]
        ends = []
        for other in (before, after):
            length = math.dist(at, other) or 1.0
            ends.append(tuple(at[i] + (other[i] - at[i]) * radius / length for i in (0, 1)))
        (ax, ay), (bx, by) = ends
        steps = [index / 8 for index in range(9)]
        curve = [
            (
                (1 - t) ** 2 * ax + 2 * t * (1 - t) * at[0] + t * t * bx,
                (1 - t) ** 2 * ay + 2 * t * (1 - t) * at[1] + t * t * by,
            )
            for t in steps
        ]
        self.pen.line(curve, fill=color, width=width, joint="curve")

    def _text(self, text: Text) -> None:
        size = text.size * self.scale
        if size < _LEGIBLE_PX:
            return
        font, complete = _font(round(size, 1), text.bold)
        written = text.text if complete else text.text.translate(_SUBSTITUTES)
        anchor = "mm" if text.anchor == "middle" else "lm"
        self.pen.text((text.x * self.scale, text.y * self.scale), written, fill=text.color, font=font, anchor=anchor)


def _outline(corners: list[float], radius: float) -> list[Point]:
    """Return the outline of a rounded rectangle as a polyline, clockwise from the end of its first corner."""
    left, top, right, bottom = corners
    centers = [(right, top, 1, 1), (right, bottom, 1, -1), (left, bottom, -1, -1), (left, top, -1, 1)]
    points: list[Point] = [(left + radius, top)]
    for number, (x, y, across, down) in enumerate(centers):
        for step in range(9):
            angle = math.pi / 2 * (number - 1 + step / 8)
            middle = x - across * radius, y + down * radius
            points.append((middle[0] + radius * math.cos(angle), middle[1] + radius * math.sin(angle)))
    return points


def _dashes(points: list[Point], lengths: list[float]) -> Iterator[list[Point]]:
    """Cut a polyline into dashes; every second one of `lengths` is left out."""
    piece, kind, left = [points[0]], 0, lengths[0]
    for start, end in pairwise(points):
        length, done = math.dist(start, end), 0.0
        while length - done > left:
            done += left
            share = done / length
            cut = start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
            if kind == 0:
                yield [*piece, cut]
            piece, kind = [cut], 1 - kind
            left = lengths[kind]
        left -= length - done
        piece.append(end)
    if kind == 0:
        yield piece


@lru_cache(maxsize=64)
def _font(size: float, bold: bool) -> tuple[Any, bool]:
    """Return a font, and whether it has every sign that boxes show."""
    from PIL import ImageFont

    for name in _FONTS[bold]:
        with suppress(OSError):  # not on this machine
            return ImageFont.truetype(name, size), True
    return ImageFont.load_default(size), False
