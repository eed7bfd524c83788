"""What must hold for every layout, folded or not, checked without any code of the layout."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from itertools import pairwise

from idlmav.layout import Box, Layout, Point, Route

INSIDE = 1.0
"""So far (px) must something reach into a box before it counts."""
CLOSE = 1.0
"""Parallel lines closer than this (px) lie on top of each other."""
TOGETHER = 2.0
"""So long (px) may they do that."""


def problems(layout: Layout) -> list[str]:
    """Return everything that is wrong with a layout."""
    return [
        *_wrong_boxes(layout),
        *_wrong_frames(layout),
        *_wrong_ends(layout),
        *_obstructed_routes(layout),
        *_shared_lines(layout),
        *_wrong_extent(layout),
    ]


def around(layout: Layout, name: str) -> list[str]:
    """Return the ids of the groups around a node or a folded group, the innermost first."""
    return chain(layout, layout.groups[name].parent if layout.is_folded(name) else layout.group_of[name])


def chain(layout: Layout, group: str) -> list[str]:
    """Return a group and all around it."""
    found = []
    while group:
        found.append(group)
        group = layout.groups[group].parent
    return found


def _overlap(a: Box, b: Box, margin: float) -> bool:
    return (
        a[0] < b[0] + b[2] - margin
        and b[0] < a[0] + a[2] - margin
        and a[1] < b[1] + b[3] - margin
        and b[1] < a[1] + a[3] - margin
    )


def _contains(outer: Box, inner: Box) -> bool:
    return (
        outer[0] <= inner[0] + 0.11
        and outer[1] <= inner[1] + 0.11
        and outer[0] + outer[2] >= inner[0] + inner[2] - 0.11
        and outer[1] + outer[3] >= inner[1] + inner[3] - 0.11
    )


class _Nearby:
    """Boxes by where they begin along the longer side of the picture, so that only those in reach are compared."""

    def __init__(self, layout: Layout, boxes: Mapping[str, Box]) -> None:
        self.axis = 0 if layout.width > layout.height else 1
        self.boxes = sorted(boxes.items(), key=lambda item: item[1][self.axis])
        self.starts = [box[self.axis] for _, box in self.boxes]
        self.longest = max((box[self.axis + 2] for box in boxes.values()), default=0.0)

    def to(self, box: Box) -> list[tuple[str, Box]]:
        """Return the boxes that may overlap another one."""
        low, high = box[self.axis], box[self.axis] + box[self.axis + 2]
        first, after = bisect_left(self.starts, low - self.longest - 1.0), bisect_right(self.starts, high + 1.0)
        return self.boxes[first:after]


def _wrong_boxes(layout: Layout) -> Iterator[str]:
    nearby = _Nearby(layout, layout.boxes)
    for name, box in layout.boxes.items():
        for other, other_box in nearby.to(box):
            if name < other and _overlap(box, other_box, 0.5):
                yield f"boxes {name} and {other} overlap"


def _wrong_frames(layout: Layout) -> Iterator[str]:
    nearby = _Nearby(layout, layout.frames)
    for name, box in layout.boxes.items():
        own = around(layout, name)
        for group in own:
            if not _contains(layout.frames[group], box):
                yield f"{name} is not inside its frame {group}"
        for group, frame in nearby.to(box):
            if group not in own and _overlap(box, frame, 0.5):
                yield f"{name} is in the foreign frame {group}"
    outer = {name: chain(layout, layout.groups[name].parent) for name in layout.frames}
    for name, frame in layout.frames.items():
        for group in outer[name]:
            if not _contains(layout.frames[group], frame):
                yield f"frame {name} is not inside {group}"
        for other, other_frame in nearby.to(frame):
            apart = name < other and name not in outer[other] and other not in outer[name]
            if apart and _overlap(frame, other_frame, 0.5):
                yield f"frames {name} and {other} overlap"


def _flow(layout: Layout, box: Box) -> tuple[float, float]:
    """Where a box begins and ends along the flow."""
    x, y, width, height = box
    return {"down": (y, y + height), "right": (x, x + width), "up": (-y - height, -y), "left": (-x - width, -x)}[
        layout.direction
    ]


def _wrong_ends(layout: Layout) -> Iterator[str]:
    for (source, target), points in layout.routes.items():
        edge = f"{source} -> {target}"
        for a, b in pairwise(points):
            if a[0] != b[0] and a[1] != b[1]:
                yield f"{edge} has a slanted line from {a} to {b}"
        if layout.latent:  # flows in more than one direction
            yield from _apart_from_borders(edge, layout.boxes[source], layout.boxes[target], points)
            continue
        start = _flow(layout, (*points[0], 0, 0))[0]
        end = _flow(layout, (*points[-1], 0, 0))[0]
        leaves, enters = _flow(layout, layout.boxes[source])[1], _flow(layout, layout.boxes[target])[0]
        if abs(start - leaves) > 0.11 or not _contains(layout.boxes[source], (*points[0], 0, 0)):
            yield f"{edge} does not start on the border of its source"
        if abs(end - enters) > 0.11 or not _contains(layout.boxes[target], (*points[-1], 0, 0)):
            yield f"{edge} does not end on the border of its target"
        if enters < leaves - 0.11:
            yield f"{edge} runs against the flow"
        for a, b in pairwise(points):
            if _flow(layout, (*b, 0, 0))[0] < _flow(layout, (*a, 0, 0))[0] - 0.11:
                yield f"{edge} turns back from {a} to {b}"


def _apart_from_borders(edge: str, source: Box, target: Box, points: Route) -> Iterator[str]:
    for what, (x, y, width, height), point in (("start", source, points[0]), ("end", target, points[-1])):
        inside = (x - 0.11 <= point[0] <= x + width + 0.11, y - 0.11 <= point[1] <= y + height + 0.11)
        on_side = min(abs(point[0] - x), abs(point[0] - x - width)) <= 0.11
        on_end = min(abs(point[1] - y), abs(point[1] - y - height)) <= 0.11
        if not all(inside) or not (on_side or on_end):
            yield f"{edge} does not {what} on a border"


def _runs_through(a: Point, b: Point, box: Box) -> bool:
    line = (min(a[0], b[0]), min(a[1], b[1]), abs(a[0] - b[0]), abs(a[1] - b[1]))
    return (
        line[0] < box[0] + box[2] - INSIDE
        and line[0] + line[2] > box[0] + INSIDE
        and line[1] < box[1] + box[3] - INSIDE
        and line[1] + line[3] > box[1] + INSIDE
    )


def _obstructed_routes(layout: Layout) -> Iterator[str]:
    nearby = _Nearby(layout, layout.boxes), _Nearby(layout, layout.frames)
    for (source, target), points in layout.routes.items():
        own = {source, target, *around(layout, source), *around(layout, target)}
        for a, b in pairwise(points):
            line = (min(a[0], b[0]), min(a[1], b[1]), abs(a[0] - b[0]), abs(a[1] - b[1]))
            for name, box in (*nearby[0].to(line), *nearby[1].to(line)):
                if name not in own and _runs_through(a, b, box):
                    yield f"{source} -> {target} runs through {name}"


def _shared_lines(layout: Layout) -> Iterator[str]:
    for axis in (0, 1):
        lines = [
            (a[axis], min(a[1 - axis], b[1 - axis]), max(a[1 - axis], b[1 - axis]), edge)
            for edge, points in layout.routes.items()
            for a, b in pairwise(points)
            if a[axis] == b[axis]
        ]
        lines.sort()
        for number, (at, low, high, (source, target)) in enumerate(lines):
            for other_at, other_low, other_high, (other_source, other_target) in lines[number + 1 :]:
                if other_at - at >= CLOSE:
                    break
                apart = source != other_source and target != other_target
                if apart and min(high, other_high) - max(low, other_low) > TOGETHER:
                    yield f"{source} -> {target} lies on {other_source} -> {other_target}"


def _wrong_extent(layout: Layout) -> Iterator[str]:
    boxes = (*layout.boxes.values(), *layout.frames.values())
    xs = [x for x, _, width, _ in boxes for x in (x, x + width)]
    ys = [y for _, y, _, height in boxes for y in (y, y + height)]
    xs += [x for points in layout.routes.values() for x, _ in points]
    ys += [y for points in layout.routes.values() for _, y in points]
    extent = (min(xs, default=0.0), min(ys, default=0.0), max(xs, default=0.0), max(ys, default=0.0))
    expected = (0.0, 0.0, layout.width, layout.height)
    if any(abs(a - b) > 0.11 for a, b in zip(extent, expected, strict=True)):
        yield f"the picture spans {extent}, it says {expected}"


def crossings(layout: Layout) -> int:
    """Count the points at which a vertical line crosses a horizontal one of another tensor for another target."""
    across, down = [], []
    for edge, points in layout.routes.items():
        for a, b in pairwise(points):
            if a[1] == b[1]:
                across.append((a[1], min(a[0], b[0]), max(a[0], b[0]), edge))
            else:
                down.append((a[0], min(a[1], b[1]), max(a[1], b[1]), edge))
    found = {
        (x, y, source, other_source)
        for x, top, bottom, (source, target) in down
        for y, left, right, (other_source, other_target) in across
        if source != other_source and target != other_target and left < x < right and top < y < bottom
        # Where a hyperedge meets the bus that it is on, the lines join.
        if not _passes(layout.routes.get((source, other_target), ()), x, y)
        and not _passes(layout.routes.get((other_source, target), ()), x, y)
    }
    return len(found)


def _passes(points: Route, x: float, y: float) -> bool:
    return any(
        min(a[0], b[0]) <= x <= max(a[0], b[0]) and min(a[1], b[1]) <= y <= max(a[1], b[1]) for a, b in pairwise(points)
    )
