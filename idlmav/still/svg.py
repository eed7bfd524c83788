"""A still picture as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from idlmav.layout import Point
from idlmav.still.marks import DASH_PX, Dot, Line, Mark, Picture, Rect, Text, Triangle

__all__ = ["svg_elements", "to_svg"]

_FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def to_svg(picture: Picture) -> str:
    """
    Write a picture as an SVG document.

    Parameters
    ----------
    picture : Picture
        Of `idlmav.still.still_picture`.

    Returns
    -------
    str
        One ``<svg>`` element without anything from elsewhere: no fonts, no scripts, no styles of the page around.
    """
    width, height = _number(picture.width), _number(picture.height)
    size = f'width="{width}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}" role="img" font-family="{_FONT}">',
        f"<title>{escape(picture.name)}</title>",
        f"<desc>{escape(picture.description)}</desc>",
        f'<rect {size} fill="{picture.background}"/>',
    ]
    lines += svg_elements(picture.marks)
    return "\n".join([*lines, "</svg>", ""])


def svg_elements(marks: Iterable[Mark]) -> list[str]:
    """Return each mark as an element."""
    return [_element(mark) for mark in marks]


def _element(mark: Mark) -> str:
    match mark:
        case Rect():
            return _rect(mark)
        case Line():
            path = _rounded(mark.points, mark.radius)
            return f'<path d="{path}" fill="none" stroke="{mark.color}" stroke-width="{_number(mark.width)}"/>'
        case Triangle():
            corners = " ".join(f"{_number(x)},{_number(y)}" for x, y in mark.points)
            return f'<polygon points="{corners}" fill="{mark.color}"/>'
        case Dot():
            return f'<circle cx="{_number(mark.x)}" cy="{_number(mark.y)}" r="{_number(mark.radius)}" fill="{mark.color}"/>'
        case Text():
            return _text(mark)


def _rect(rect: Rect) -> str:
    place = " ".join(
        f'{name}="{_number(value)}"'
        for name, value in zip(
            ("x", "y", "width", "height", "rx"), (rect.x, rect.y, rect.width, rect.height, rect.radius), strict=True
        )
    )
    line = f' stroke="{rect.line}" stroke-width="{_number(rect.line_width)}"' if rect.line else ""
    line += f' stroke-dasharray="{_number(DASH_PX[0])} {_number(DASH_PX[1])}"' if rect.dashed else ""
    opacity = f' opacity="{_number(rect.opacity)}"' if rect.opacity < 1.0 else ""
    return f'<rect {place} fill="{rect.fill}"{line}{opacity}/>'


def _text(text: Text) -> str:
    weight = ' font-weight="bold"' if text.bold else ""
    anchor = "" if text.anchor == "start" else f' text-anchor="{text.anchor}"'
    # 0.35 em below the middle is where a baseline belongs; not every viewer knows dominant-baseline.
    y = text.y + 0.35 * text.size
    return (
        f'<text x="{_number(text.x)}" y="{_number(y)}" font-size="{_number(text.size)}" fill="{text.color}"'
        f"{weight}{anchor}>{escape(text.text)}</text>"
    )


def _rounded(points: Sequence[Point], radius: float) -> str:
    """Return the path of a polyline whose corners are quadratic arcs."""
    parts = [f"M{_pair(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        into, out = math.dist(before, corner), math.dist(corner, after)
        size = min(radius, into / 2, out / 2)
        if size < 0.5:
            parts.append(f"L{_pair(corner)}")
            continue
        start, end = _towards(corner, before, size / into), _towards(corner, after, size / out)
        parts.append(f"L{_pair(start)}Q{_pair(corner)} {_pair(end)}")
    parts.append(f"L{_pair(points[-1])}")
    return "".join(parts)


def _towards(start: Point, end: Point, share: float) -> Point:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _pair(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
