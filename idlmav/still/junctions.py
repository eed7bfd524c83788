"""Find the forks of lines that several edges share, as ``assets/graph/junctions.js`` does (a test compares)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from idlmav.layout import Point, Route

__all__ = ["junctions"]


def junctions(routes: Iterable[Route]) -> list[Point]:
    """
    Return the points where edges of one source part, or edges of one target meet.

    Dots at these points, as in a circuit diagram, tell them from crossings.
    """
    routes = list(routes)
    found: dict[Point, None] = {}
    for one_way in (routes, [route[::-1] for route in routes]):
        together: dict[Point, list[Route]] = {}
        for route in one_way:
            together.setdefault(route[0], []).append(route)
        for group in together.values():
            _add_forks(found, group)
    return list(found)


def _add_forks(found: dict[Point, None], group: Sequence[Route]) -> None:
    """Follow routes that begin at one point until they part."""
    waiting = [(0, list(group))]
    while waiting:
        at, members = waiting.pop()
        ways: dict[tuple[int, int], list[Route]] = {}
        for route in members:
            if at + 1 < len(route):
                (x0, y0), (x1, y1) = route[at : at + 2]
                ways.setdefault(((x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)), []).append(route)
        for way in ways.values():
            if len(way) < 2:
                continue
            corners: dict[Point, list[Route]] = {}
            for route in way:
                corners.setdefault(route[at + 1], []).append(route)
            start = way[0][at]
            last = max(_distance(start, corner) for corner in corners)
            for corner, turning in corners.items():
                turns = {_way(route, at + 1) for route in turning if at + 2 < len(route)}
                if turns and len(turns) + (_distance(start, corner) < last) > 1:
                    found[corner] = None
                if len(turning) > 1:
                    waiting.append((at + 1, turning))


def _way(route: Route, at: int) -> tuple[bool, bool]:
    (x0, y0), (x1, y1) = route[at : at + 2]
    return x1 > x0, y1 > y0


def _distance(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])
