"""The mouse finds all edges that share a line."""

from __future__ import annotations

import pytest
from assets.node import run_js

CODE = """
    const { GraphView } = await load("graph/graph_view");
    const { edgesByBox } = await load("graph/geometry");
    const { edgeText } = await load("detail/facts_text");
    const [a, b, c, d, e] = [0, 1, 2, 3, 4].map((index) => ({group: false, index}));
    const edge = (source, target, k, ...points) => ({
      source, target, edges: [k], xs: points.map(([x]) => x), ys: points.map(([, y]) => y),
    });
    const edges = [
      edge(a, b, 0, [0, 0], [0, 100]),
      edge(a, c, 1, [0, 0], [0, 40], [50, 40], [50, 100]),
      edge(a, d, 2, [0, 0], [0, 40], [90, 40], [90, 100]),
      edge(e, d, 3, [-50, 60], [90, 60], [90, 100]),  // crosses the trunk, and ends where another one does
    ];
    const scene = {tensors: {names: ["(3)", "(4)"], of: [0, 0, 0, 1]}};
    const nodeGroup = [-1, -1, -1, -1, -1];
    const geometry = {edges, nodeGroup, edgesIn: edgesByBox(edges), idOf: ({index}) => "abcde"[index], scene};
    const view = {scale: 1, visible: {closed: {owner: []}}, geometry};
    const found = GraphView.prototype.edgesAt.call(view, ...input);
    return [found, found.length === 0 ? "" : edgeText(geometry, found)];
"""


@pytest.mark.parametrize(
    ("place", "edges", "text"),
    [
        ((1, 20), [0, 1, 2], "a → b, c, d\n(3)"),
        ((30, 41), [1, 2], "a → c, d\n(3)"),
        ((70, 39), [2], "a → d\n(3)"),
        ((1, 90), [0], "a → b\n(3)"),
        ((-30, 62), [3], "e → d\n(4)"),
        ((91, 80), [2, 3], "a, e → d\n(3)\n(4)"),
        ((20, 80), [], ""),
    ],
)
def test_the_mouse_finds_all_edges_of_a_shared_line_and_no_other(place, edges, text):
    assert run_js(CODE, list(place)) == [edges, text]
