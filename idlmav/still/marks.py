"""What a still picture is made of, back to front, in px with y down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Line", "Mark", "Picture", "Rect", "Text", "Triangle"]

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
    """Whether its line is of dashes of `DASH_PX`."""


DASH_PX = 6.0, 4.0
"""Length of a dash, and of the gap after it."""


@dataclass(frozen=True, slots=True)
class Line:
    """An orthogonal polyline whose corners are rounded."""

    points: tuple[tuple[float, float], ...]
    color: str
    width: float = 1.2
    radius: float = 6.0


@dataclass(frozen=True, slots=True)
class Triangle:
    """The head of an arrow."""

    points: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
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
        Fill of everything.
    name, description : str
        For those who do not see it.
    marks : list of Mark
        Back to front.
    """

    width: float
    height: float
    background: str
    name: str = ""
    description: str = ""
    marks: list[Mark] = field(default_factory=list)
