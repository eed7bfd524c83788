"""Arrow keys lead along edges, to the box beside, and to every box of real layouts."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Any

import pytest
from assets.node import run_js
from pictures import picture_of

from idlmav import MAV

RUN = """
    const { Geometry } = await load("graph/geometry");
    const { boxes, neighbour } = await load("graph/navigation");
    const geometry = new Geometry(input.scene);
    geometry.update(input.folded, "none");
    const keys = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];
    const to = (id) => Object.fromEntries(keys.map((key) => [key, neighbour(geometry, id, key)]));
    return {
      boxes: boxes(geometry),
      steps: Object.fromEntries([...boxes(geometry), ...geometry.groupIds].map((id) => [id, to(id)])),
    };
"""


def steps(mav: MAV, folded: list[str] | None = None) -> dict[str, Any]:
    return run_js(RUN, {"scene": mav.scene(), "folded": folded or []})


@pytest.fixture(scope="module")
def residual() -> MAV:
    return picture_of("unet")


FORWARD = {"down": "ArrowDown", "up": "ArrowUp", "right": "ArrowRight", "left": "ArrowLeft"}
BACK = {"down": "ArrowUp", "up": "ArrowDown", "right": "ArrowLeft", "left": "ArrowRight"}


@pytest.mark.parametrize("direction", FORWARD)
def test_arrows_along_the_flow_follow_edges_there_and_back(direction):
    mav = picture_of("unet", direction=direction)
    edges = {(edge.source, edge.target) for edge in mav.graph.edges}
    found = steps(mav)["steps"]
    for node in mav.graph.nodes:
        after, before = found[node.id][FORWARD[direction]], found[node.id][BACK[direction]]
        assert ((node.id, after) in edges) if any(node.id == source for source, _ in edges) else after == ""
        assert ((before, node.id) in edges) if any(node.id == target for _, target in edges) else before == ""


def test_arrows_across_follow_the_skip_connection_of_a_u():
    mav = picture_of("unet", latent="bottom")
    edges = {(edge.source, edge.target) for edge in mav.graph.edges}
    found = steps(mav)["steps"]
    across = [(node, step["ArrowRight"]) for node, step in found.items() if step["ArrowRight"]]
    assert len([pair for pair in across if pair in edges]) >= 3


def test_arrows_across_go_to_the_branch_beside():
    mav = picture_of("branches")
    found = steps(mav)["steps"]
    row = sorted(("left", "middle", "right"), key=lambda name: mav.layout.boxes[name][0])
    for a, b in pairwise(row):
        assert found[a]["ArrowRight"] == b
        assert found[b]["ArrowLeft"] == a
    assert found[row[0]]["ArrowLeft"] == found[row[2]]["ArrowRight"] == ""


def test_arrows_select_folded_groups_like_boxes(residual):
    found = steps(residual, ["bottom", "down.0"])
    assert {"bottom", "down.0"} <= set(found["boxes"])
    assert found["steps"]["x"]["ArrowDown"] == "down.0"
    assert found["steps"]["down.0"]["ArrowUp"] == "x"
    assert "bottom.conv1" not in found["boxes"]


def test_an_arrow_along_the_flow_enters_an_open_group(residual):
    found = steps(residual)["steps"]
    assert found["bottom"]["ArrowDown"] == "bottom.conv1"
    outside = found["bottom"]["ArrowUp"]
    assert outside
    assert not outside.startswith("bottom")


@pytest.mark.parametrize("name", ["unet", "residual", "transformer"])
def test_every_box_can_be_reached(name):
    mav = picture_of(name)
    found = steps(mav)
    known, queue = {found["boxes"][0]}, deque([found["boxes"][0]])
    while queue:
        for after in found["steps"][queue.popleft()].values():
            if after and after not in known:
                known.add(after)
                queue.append(after)
    assert known == set(found["boxes"])


def test_boxes_are_in_the_order_of_the_flow(residual):
    assert steps(residual)["boxes"] == [node.id for node in residual.graph.nodes]
