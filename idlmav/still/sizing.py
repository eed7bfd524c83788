"""Stretch boxes along the flow by a number, as ``assets/graph/sizing.js`` does (a test compares)."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from idlmav.layout import Box, Layout, Route
from idlmav.scene.constants import CONSTANTS

__all__ = ["growth", "stretch"]

MOST_PX = CONSTANTS["growth_px"]
"""Growth of the box with the largest number."""
_ON_BORDER = 0.05
"""Distance in px below which a point lies on the end of a box."""


def growth(values: Sequence[float | None]) -> list[float]:
    """Return the growth of each box in px; its square is proportional to the number."""
    largest = max((value for value in values if value), default=1.0)
    return [math.floor(MOST_PX * math.sqrt((value or 0.0) / largest) + 0.5) for value in values]


def stretch(layout: Layout, extra: Mapping[str, float]) -> Layout:
    """Stretch boxes along the flow by their `extra` px, if they have any, and move everything after them."""
    axis = 0 if layout.direction in ("left", "right") else 1
    move = _steps(layout, extra, axis)
    sides = _side_ends(layout, axis)
    boxes = {}
    for name, found in layout.boxes.items():
        low, size = found[axis], found[axis + 2]
        # A folded group grows with the ops beside it.
        end = move(low + size) if layout.is_folded(name) else move(low) + size + extra.get(name, 0.0)
        if name in sides:
            end = max(end, move(sides[name]))
        boxes[name] = _placed(found, axis, move(low), end)
    frames = {
        name: _placed(found, axis, move(found[axis]), move(found[axis] + found[axis + 2]))
        for name, found in layout.frames.items()
    }
    return replace(
        layout,
        boxes=boxes,
        frames=frames,
        routes={ends: _route(ends, points, layout, boxes, axis, move) for ends, points in layout.routes.items()},
        width=move(layout.width) if axis == 0 else layout.width,
        height=move(layout.height) if axis == 1 else layout.height,
    )


def _side_ends(layout: Layout, axis: int) -> dict[str, float]:
    """Return by box the last position along the flow of an edge that ends on its side, as straight skip edges do."""
    found: dict[str, float] = {}
    for ends, points in layout.routes.items():
        for name, place in zip(ends, (0, -1), strict=True):
            at = points[place][axis]
            if not layout.is_folded(name) and _on_side(at, layout.boxes[name], axis):
                found[name] = max(found.get(name, at), at)
    return found


def _on_side(at: float, box: Box, axis: int) -> bool:
    return box[axis] + _ON_BORDER < at < box[axis] + box[axis + 2] - _ON_BORDER


def _placed(box: Box, axis: int, low: float, high: float) -> Box:
    x, y, width, height = box
    return (low, y, high - low, height) if axis == 0 else (x, low, width, high - low)


def _steps(layout: Layout, extra: Mapping[str, float], axis: int) -> Callable[[float], float]:
    """Return a map with a step just before the end of each growing box; boxes side by side share it."""
    growing = [
        (box[axis] + box[axis + 2], box[axis], extra[name])
        for name, box in layout.boxes.items()
        if not layout.is_folded(name) and extra.get(name, 0.0) > 0.0
    ]
    at: list[float] = []
    sums = [0.0]
    for end, start, wanted in sorted(growing, key=lambda found: found[0]):
        missing = wanted - (sums[-1] - sums[bisect_left(at, start)])
        if missing > 0.0:
            at.append(end - 0.5)
            sums.append(sums[-1] + missing)
    return lambda value: value + sums[bisect_left(at, value)]


def _route(
    ends: tuple[str, str],
    points: Route,
    layout: Layout,
    boxes: Mapping[str, Box],
    axis: int,
    move: Callable[[float], float],
) -> Route:
    """Move a route, and keep its ends on the borders of boxes, which may grow less than the boxes beside them."""
    moved = [(move(x), y) if axis == 0 else (x, move(y)) for x, y in points]
    for name, place in zip(ends, (0, -1), strict=True):
        if layout.is_folded(name):
            continue
        old, new = layout.boxes[name], boxes[name]
        if _on_side(points[place][axis], old, axis):
            continue
        low, high = old[axis], old[axis] + old[axis + 2]
        near = abs(points[place][axis] - low) < abs(points[place][axis] - high)
        value = new[axis] + (0.0 if near else new[axis + 2])
        x, y = moved[place]
        moved[place] = (value, y) if axis == 0 else (x, value)
    return tuple(moved)
