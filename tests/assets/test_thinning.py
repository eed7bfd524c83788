"""At a small scale one line is drawn where several would look alike, and the mouse finds closed boxes."""

from __future__ import annotations

import pytest
from assets.node import run_js

# Two rows of two modules: 0 and 1 lie in 2, which is drawn as one box at a small scale; node 4 lies outside of it.
CODE = """
    const { distinctLines } = await load("graph/thinning");
    const node = (index) => ({group: false, index});
    const edge = (source, target, ...points) => ({
      source: node(source), target: node(target), xs: points.map(([x]) => x), ys: points.map(([, y]) => y),
    });
    const geometry = {
      groups: {x: [100], y: [1000], w: [800], h: [1000]}, nodeGroup: [-1, 0, 0, 0, -1],
      edges: [
        edge(0, 1, [500, 0], [500, 500], [300, 500], [300, 1200]),
        edge(0, 2, [500, 0], [500, 500], [300, 500], [300, 1800]),
        edge(0, 3, [500, 0], [500, 500], [700, 500], [700, 1200]),
        edge(0, 4, [504, 0], [504, 500], [304, 500], [304, 1000]),
        edge(3, 4, [700, 1900], [700, 5000]),
        edge(0, 4, [500, 0], [500, 8]),
      ],
    };
    const window = {left: -1000, right: 2000, top: -1000, bottom: 3000, ...input.window};
    const all = geometry.edges.map((_, k) => k);
    const {lines, standIn} = distinctLines(geometry, all, {owner: [input.isClosed ? 0 : -1]}, window);
    return {lines, standIn: [...standIn]};
"""


def thinned(*, is_closed: bool, **window: float) -> dict[str, list]:
    return run_js(CODE, {"isClosed": is_closed, "window": window})


def test_all_lines_that_differ_are_drawn():
    assert thinned(is_closed=False, scale=1.0) == {"lines": [0, 1, 2, 3, 4, 5], "standIn": []}


def test_edges_that_enter_a_closed_box_at_one_place_are_one_line():
    assert thinned(is_closed=True, scale=1.0) == {"lines": [0, 2, 3, 4, 5], "standIn": [[1, 0]]}


def test_lines_within_a_px_are_drawn_once_and_shorter_ones_not_at_all():
    assert thinned(is_closed=True, scale=0.05) == {"lines": [0, 2, 4], "standIn": [[1, 0], [3, 0]]}


@pytest.mark.parametrize("scale", [0.05, 1.0])
def test_only_the_parts_in_a_window_are_compared(scale):
    found = thinned(is_closed=False, scale=scale, bottom=480, left=495, right=502)
    assert found["lines"][0] == 0
    assert {drawn for _, drawn in found["standIn"]} == {0}
    assert [k for k, _ in found["standIn"]] == [1, 2], "edge 3 runs beside the window, the others are short or far"


def test_the_part_of_an_edge_that_leaves_a_closed_box_is_drawn():
    assert 4 in thinned(is_closed=True, scale=0.05, top=2100)["lines"]
    assert 4 not in thinned(is_closed=True, scale=0.05, bottom=1950)["lines"], "it is behind the box"


def test_the_mouse_finds_the_closed_box_and_not_its_contents():
    code = """
        const { hit } = await load("graph/visible");
        const geometry = {
          nodes: {x: [120, 2000], y: [120, 0], w: [10, 10], h: [10, 10]},
          groups: {x: [0, 100], y: [0, 100], w: [1000, 800], h: [1000, 800]},
        };
        const at = (visible) => hit(geometry, visible, 125, 125);
        return [
          at({nodes: [0, 1], groups: [], frames: [0, 1]}), at({nodes: [1], groups: [1], frames: [0]}),
          at({nodes: [1], groups: [], frames: [0, 1]}), at({nodes: [1], groups: [], frames: []}), at(null),
        ];
    """
    assert run_js(code) == [
        {"group": False, "index": 0, "isFrame": False},
        {"group": True, "index": 1, "isFrame": False},
        {"group": True, "index": 1, "isFrame": True},
        None,
        None,
    ]
