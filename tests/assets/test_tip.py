"""The tip about a box stands beside it."""

from __future__ import annotations

import pytest
from assets.node import run_js

PLACE = """
const { tipPlace } = await load("graph/tip");
return tipPlace(...input);
"""


def place(box, size, figure):
    names = ("x", "y", "width", "height")
    boxes = [dict(zip(names, box, strict=True)), dict(zip("wh", size, strict=True))]
    found = run_js(PLACE, [*boxes, dict(zip(names[2:], figure, strict=True))])
    return found["x"], found["y"]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((100, 50, 80, 40), (188, 50)),
        # No room at the right.
        ((350, 50, 80, 40), (142, 50)),
        # Neither there nor at the left: under it, and at the bottom over it.
        ((60, 50, 380, 40), (60, 98)),
        ((60, 250, 380, 40), (60, 182)),
        # Never beyond the figure.
        ((100, -20, 80, 40), (188, 4)),
        ((100, 280, 80, 40), (188, 236)),
        ((-50, -50, 600, 500), (4, 4)),
    ],
)
def test_a_tip_is_beside_the_box_and_inside_the_figure(box, expected):
    assert place(box, (200, 60), (500, 300)) == expected
