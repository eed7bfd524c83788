"""Layouts of captured models, open and folded level by level."""

from __future__ import annotations

import pytest
from layout.invariants import problems
from models import WORKING

from idlmav.capture import capture
from idlmav.labels import node_sizes
from idlmav.layout import columns, compute_layout, fold


@pytest.mark.parametrize("name", sorted(WORKING))
def test_captured_models_keep_the_invariants(name: str) -> None:
    example = WORKING[name]
    graph = capture(example.model(), example.args(), example.kwargs())
    layout = compute_layout(graph, node_sizes(graph))
    assert problems(layout) == []
    assert list(layout.boxes) == [node.id for node in graph.nodes]
    assert set(layout.routes) == {(edge.source, edge.target) for edge in graph.edges}
    assert columns(layout, graph)["nodes"]["ids"] == list(layout.boxes)
    depth = {"": 0}
    for group in layout.groups.values():
        depth[group.id] = depth[group.parent] + 1
    for level in range(1, max(depth.values()) + 1):
        assert problems(fold(layout, [group for group in layout.groups if depth[group] == level])) == []
