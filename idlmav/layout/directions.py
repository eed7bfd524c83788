"""Turn a layout that flows downwards into any of the four directions, and round it to 0.1 px."""

from __future__ import annotations

import math
from collections.abc import Sequence

from idlmav.layout.compound import Insets
from idlmav.layout.options import Direction, Options
from idlmav.layout.result import Box, Point, Route

__all__ = ["Orientation", "flow_axis", "frame_insets", "is_mirrored", "is_transposed", "round_px", "swapped"]


def round_px(value: float) -> float:
    """Round to 0.1 px, halves upwards, as the browser does."""
    return math.floor(value * 10.0 + 0.5) / 10.0


def is_transposed(direction: Direction) -> bool:
    """Whether the flow is horizontal."""
    return direction in ("right", "left")


def flow_axis(direction: Direction) -> int:
    """Return the axis of the flow: 0 is x, 1 is y."""
    return 0 if is_transposed(direction) else 1


def is_mirrored(direction: Direction) -> bool:
    """Whether the flow runs against its axis."""
    return direction in ("up", "left")


def swapped(size: tuple[float, float], direction: Direction) -> tuple[float, float]:
    """Return width and height, swapped if the flow is horizontal."""
    return (size[1], size[0]) if is_transposed(direction) else size


def frame_insets(direction: Direction, options: Options) -> Insets:
    """Return the room inside a frame in flow coordinates; the title bar is at the top of the picture."""
    pad, header = options.padding, options.header
    if is_transposed(direction):
        return Insets(pad, pad, header, pad)
    if is_mirrored(direction):
        return Insets(pad, header, pad, pad)
    return Insets(header, pad, pad, pad)


class Orientation:
    """The map from flow coordinates to the picture, which all boxes, frames and routes span."""

    def __init__(self, direction: Direction, boxes: Sequence[Box], routes: Sequence[Sequence[Point]]) -> None:
        self.transposed, self.mirrored = is_transposed(direction), is_mirrored(direction)
        points = [corner for x, y, width, height in boxes for corner in ((x, y), (x + width, y + height))]
        points += [point for route in routes for point in route]
        xs, ys = [x for x, _ in points], [y for _, y in points]
        self.x0, self.y0 = min(xs, default=0.0), min(ys, default=0.0)
        across = round_px(max(xs, default=0.0) - self.x0)
        self.along = round_px(max(ys, default=0.0) - self.y0)
        self.size = swapped((across, self.along), direction)

    def point(self, x: float, y: float) -> Point:
        """Return a point of the picture."""
        x, y = round_px(x - self.x0), round_px(y - self.y0)
        if self.mirrored:
            y = round_px(self.along - y)
        return (y, x) if self.transposed else (x, y)

    def box(self, box: Box) -> Box:
        """Return a box of the picture."""
        left, top, width, height = box
        a, b = self.point(left, top), self.point(left + width, top + height)
        x, y = min(a[0], b[0]), min(a[1], b[1])
        return x, y, round_px(max(a[0], b[0]) - x), round_px(max(a[1], b[1]) - y)

    def route(self, points: Sequence[Point]) -> Route:
        """Return a polyline of the picture, without repeated and collinear points."""
        turned: list[Point] = []
        x0 = y0 = math.inf
        for x, y in points:
            # Sums of floats differ in the last digit; rounding must not make a slanted line of them.
            x0 = x0 if abs(x - x0) < 1e-3 else x
            y0 = y0 if abs(y - y0) < 1e-3 else y
            point = self.point(x0, y0)
            if turned and point == turned[-1]:
                continue
            if len(turned) > 1 and _is_collinear(turned[-2], turned[-1], point):
                turned[-1] = point
            else:
                turned.append(point)
        return tuple(turned)


def _is_collinear(a: Point, b: Point, c: Point) -> bool:
    return (a[0] == b[0] == c[0]) or (a[1] == b[1] == c[1])
