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
"""Regular and bold fonts, in the order of preference."""
_SUBSTITUTES = str.maketrans({"▸": ">", "▾": "v", "✕": "X", "×": "x", "…": "..."})
"""Substitutes for characters that Pillow's own font lacks."""


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
        Reduce the image to so many colours, up to 256: with 64 the file is a third as large.

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
        """Blend a box with the picture below it."""
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
        points = [line.points[0]]
        for (ax, ay), (x, y), (bx, by) in line.corners():
            arc = [(step / 8, 1 - step / 8) for step in range(9 if (ax, ay) != (bx, by) else 1)]
            points += [
                (u * u * ax + 2 * t * u * x + t * t * bx, u * u * ay + 2 * t * u * y + t * t * by) for t, u in arc
            ]
        path = [(x * self.scale, y * self.scale) for x, y in (*points, line.points[-1])]
        self.pen.line(path, fill=line.color, width=max(1, round(line.width * self.scale)), joint="curve")

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
    """Cut a polyline into dashes and gaps of the given lengths, and yield the dashes."""
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
    """Return a font, and whether it has all characters that boxes show."""
    from PIL import ImageFont

    for name in _FONTS[bold]:
        with suppress(OSError):  # not on this machine
            return ImageFont.truetype(name, size), True
    return ImageFont.load_default(size), False
