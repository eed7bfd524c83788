"""A still picture as SVG."""

from __future__ import annotations

from xml.sax.saxutils import escape

from idlmav.layout import Point
from idlmav.still.marks import DASH_PX, Dot, Line, Mark, Picture, Rect, Text, Triangle

__all__ = ["svg_element", "to_svg"]

_FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def to_svg(picture: Picture) -> str:
    """Write a picture as an ``<svg>`` element that needs no fonts, no scripts and no styles of the page around it."""
    width, height = _number(picture.width), _number(picture.height)
    size = f'width="{width}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}" role="img" font-family="{_FONT}">',
        f"<title>{escape(picture.name)}</title>",
        f"<desc>{escape(picture.description)}</desc>",
        f'<rect {size} fill="{picture.background}"/>',
    ]
    lines += map(svg_element, picture.marks)
    return "\n".join([*lines, "</svg>", ""])


def svg_element(mark: Mark) -> str:
    """Return a mark as an element."""
    match mark:
        case Rect():
            return _rect(mark)
        case Line():
            return (
                f'<path d="{_rounded(mark)}" fill="none" stroke="{mark.color}" stroke-width="{_number(mark.width)}"/>'
            )
        case Triangle():
            corners = " ".join(f"{_number(x)},{_number(y)}" for x, y in mark.points)
            return f'<polygon points="{corners}" fill="{mark.color}"/>'
        case Dot():
            return f'<circle cx="{_number(mark.x)}" cy="{_number(mark.y)}" r="{_number(mark.radius)}" fill="{mark.color}"/>'
        case Text():
            return _text(mark)


def _rect(rect: Rect) -> str:
    sizes = {"x": rect.x, "y": rect.y, "width": rect.width, "height": rect.height, "rx": rect.radius}
    place = " ".join(f'{name}="{_number(value)}"' for name, value in sizes.items())
    line = f' stroke="{rect.line}" stroke-width="{_number(rect.line_width)}"' if rect.line else ""
    line += f' stroke-dasharray="{_number(DASH_PX[0])} {_number(DASH_PX[1])}"' if rect.dashed else ""
    opacity = f' opacity="{_number(rect.opacity)}"' if rect.opacity < 1.0 else ""
    return f'<rect {place} fill="{rect.fill}"{line}{opacity}/>'


def _text(text: Text) -> str:
    weight = ' font-weight="bold"' if text.bold else ""
    anchor = "" if text.anchor == "start" else f' text-anchor="{text.anchor}"'
    # The baseline is 0.35 em below the middle; not every viewer knows dominant-baseline.
    y = text.y + 0.35 * text.size
    return (
        f'<text x="{_number(text.x)}" y="{_number(y)}" font-size="{_number(text.size)}" fill="{text.color}"'
        f"{weight}{anchor}>{escape(text.text)}</text>"
    )


def _rounded(line: Line) -> str:
    """Return the path of a polyline with rounded corners."""
    parts = [f"M{_pair(line.points[0])}"]
    for start, corner, end in line.corners():
        parts.append(f"L{_pair(start)}" if start == end else f"L{_pair(start)}Q{_pair(corner)} {_pair(end)}")
    return "".join([*parts, f"L{_pair(line.points[-1])}"])


def _pair(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
