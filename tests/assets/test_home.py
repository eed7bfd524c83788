"""The first view shows the whole graph, its whole width or its first op."""

from __future__ import annotations

import pytest
from assets.node import run_js

RUN = "const { homeView } = await load('graph/home'); return homeView(input.geometry, input.figure, input.first);"
FIRST = {"x": 100, "y": 200, "w": 80, "h": 40}


def home(width: float, height: float, direction: str = "down", seen: tuple[float, float] = (500, 400)):
    figure = dict(zip(("inner_width", "inner_height"), seen, strict=True))
    found = run_js(
        RUN, {"geometry": {"width": width, "height": height, "direction": direction}, "figure": figure, "first": FIRST}
    )
    across, down = (size / found["scale"] for size in seen)
    return found["scale"], found["x"] - across / 2, found["y"] - down / 2


def test_a_small_graph_is_shown_whole():
    scale, left, top = home(400, 300)
    assert scale >= 0.7
    assert left < 0
    assert top < 0


def test_a_long_graph_is_shown_in_its_whole_width_from_the_top():
    scale, left, top = home(600, 9000)
    assert 0.7 <= scale < 1
    assert left == pytest.approx(-20)
    assert top == pytest.approx(-20)


@pytest.mark.parametrize(
    ("direction", "size", "near"),
    [
        ("down", (2000, 9000), (None, 180)),
        ("right", (9000, 2000), (80, None)),
        ("up", (2000, 9000), (None, 260 - 400 / 0.7)),
        ("left", (9000, 2000), (200 - 500 / 0.7, None)),
    ],
)
def test_a_wide_graph_begins_with_its_first_op(direction, size, near):
    scale, *corner = home(*size, direction)
    assert scale == 0.7
    middle = (140 - 250 / 0.7, 220 - 200 / 0.7)
    expected = [at if at is not None else other for at, other in zip(near, middle, strict=True)]
    assert corner == pytest.approx(expected)
