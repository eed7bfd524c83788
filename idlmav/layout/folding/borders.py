"""Where edges meet the frames of groups; and lengths in tenths of a px, whole numbers as in the browser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from idlmav.layout.directions import round_px
from idlmav.layout.folding.axis_map import Interval
from idlmav.layout.result import Box, Layout, Point

__all__ = ["BorderPoints", "extent", "find_border_points", "hull", "leave", "tenths"]

_ON_BORDER = 0.05
"""A point this close to a frame (px) lies on its border."""


@dataclass(slots=True)
class BorderPoints:
    """Where edges enter and leave the frame of a group, in their order, and how many have both ends inside."""

    entering: list[Point] = field(default_factory=list)
    leaving: list[Point] = field(default_factory=list)
    inside: int = 0

    def main_port(self, axis: int) -> float | None:
        """
        Return the coordinate across the flow of the main port.

        It is the first place at which one edge enters and another leaves; else the last at which an edge enters, or else
        leaves, since the newest tensor is on the main path. `None`, if no edge does, means the middle of the frame.
        """
        leaving = {point[axis] for point in self.leaving}
        through = (point for point in self.entering if point[axis] in leaving)
        ends = through, reversed(self.entering), reversed(self.leaving)
        first = next((point for points in ends for point in points), None)
        return None if first is None else first[axis]


def find_border_points(layout: Layout) -> dict[str, BorderPoints]:
    """
    Return the border points of every group of a layout with all groups open.

    Raises
    ------
    ValueError
        If a route does not leave a frame that holds only one of its ends.
    """
    border_points = {name: BorderPoints() for name in layout.groups}
    around: dict[str, dict[str, None]] = {"": {}}
    for name, group in layout.groups.items():
        around[name] = {name: None, **around[group.parent]}
    for (source, target), points in layout.routes.items():
        out, into = around[layout.group_of[source]], around[layout.group_of[target]]
        for name in out:
            if name in into:
                border_points[name].inside += 1
            else:
                border_points[name].leaving.append(leave(points, layout.frames[name])[1])
        for name in into:
            if name not in out:
                border_points[name].entering.append(leave(points[::-1], layout.frames[name])[1])
    return border_points


def leave(points: Sequence[Point], frame: Box) -> tuple[int, Point]:
    """Return the index of a route's first point outside a frame that it starts in, and where it crosses the border."""
    left, top = frame[0], frame[1]
    right, bottom = round_px(left + frame[2]), round_px(top + frame[3])
    for index, (x, y) in enumerate(points):
        inside_x = left - _ON_BORDER <= x <= right + _ON_BORDER
        if not (inside_x and top - _ON_BORDER <= y <= bottom + _ON_BORDER):
            return index, (min(max(x, left), right), min(max(y, top), bottom))
    raise ValueError("a route ends inside a frame that it should leave")


def tenths(value: float) -> int:
    """Return tenths of a px, halves upwards, as the browser rounds."""
    return math.floor(value * 10.0 + 0.5)


def extent(box: Box, axis: int) -> Interval:
    """Return where a box begins and ends on an axis."""
    low = tenths(box[axis])
    return low, low + tenths(box[axis + 2])


def hull(ends: Interval | None, more: Interval) -> Interval:
    """Return the smallest interval around two; the second one, if there is no first."""
    return (min(ends[0], more[0]), max(ends[1], more[1])) if ends else more
