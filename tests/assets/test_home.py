"""Where the first view is."""

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


def test_all_of_a_picture_is_shown_if_that_can_be_read():
    scale, left, top = home(400, 300)
    assert scale >= 0.7
    assert left < 0
    assert top < 0


def test_all_of_the_width_is_shown_from_the_top_if_that_can_be_read():
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
def test_where_not_all_of_the_width_can_be_seen_the_first_op_is_at_the_start(direction, size, near):
    scale, *corner = home(*size, direction)
    assert scale == 0.7
    middle = (140 - 250 / 0.7, 220 - 200 / 0.7)
    expected = [at if at is not None else other for at, other in zip(near, middle, strict=True)]
    assert corner == pytest.approx(expected)
