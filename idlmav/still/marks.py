"""The marks of a still picture, in px with y down."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from idlmav.layout import Point

__all__ = ["DASH_PX", "Dot", "Line", "Mark", "Picture", "Rect", "Text", "Triangle"]

Anchor = Literal["middle", "start"]


@dataclass(frozen=True, slots=True)
class Rect:
    """A box with round corners."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    line: str = ""
    line_width: float = 1.0
    radius: float = 6.0
    opacity: float = 1.0
    dashed: bool = False
    """Whether its line consists of dashes of `DASH_PX`."""


DASH_PX = 6.0, 4.0
"""Length of a dash and of the gap after it."""


@dataclass(frozen=True, slots=True)
class Line:
    """An orthogonal polyline whose corners are rounded."""

    points: tuple[Point, ...]
    color: str
    width: float = 1.2
    radius: float = 6.0

    def corners(self) -> Iterator[tuple[Point, Point, Point]]:
        """Yield the start, control point and end of the quadratic arc at each corner; all the same where it is tiny."""
        for before, corner, after in zip(self.points, self.points[1:], self.points[2:], strict=False):
            into, out = math.dist(before, corner), math.dist(corner, after)
            size = min(self.radius, into / 2, out / 2)
            if size < 0.5:
                yield corner, corner, corner
            else:
                yield _towards(corner, before, size / into), corner, _towards(corner, after, size / out)


def _towards(start: Point, end: Point, share: float) -> Point:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


@dataclass(frozen=True, slots=True)
class Triangle:
    """The head of an arrow."""

    points: tuple[Point, Point, Point]
    color: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A dot where lines part or meet."""

    x: float
    y: float
    color: str
    radius: float = 2.5


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text, vertically centred at y."""

    x: float
    y: float
    text: str
    color: str
    size: float = 12.0
    bold: bool = False
    anchor: Anchor = "middle"


Mark = Rect | Line | Triangle | Dot | Text


@dataclass(frozen=True, slots=True)
class Picture:
    """
    A still picture.

    Attributes
    ----------
    width, height : float
        Size in px, margins included; the origin of the marks is its upper left corner.
    background : str
        Colour behind the marks.
    name, description : str
        Texts for readers who do not see the picture.
    marks : list of Mark
        Back to front.
    """

    width: float
    height: float
    background: str
    name: str = ""
    description: str = ""
    marks: list[Mark] = field(default_factory=list)
