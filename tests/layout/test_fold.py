"""Folding keeps the invariants and the order of everything, and is the same in Python and in the browser."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout import networks as net
from layout.invariants import problems

import idlmav
from idlmav.layout import Direction, Layout, Network, columns, fold
from idlmav.layout.engine import lay_out_network
from idlmav.layout.folding.borders import find_border_points
from idlmav.layout.folding.cut_groups import find_cut_groups

FOLDER = Path(idlmav.__file__).parent / "page" / "assets" / "fold" / "fold.js"
RUNNER = Path(__file__).parent / "run_fold.mjs"
JOINED = [(0, 1), (2, 3), (3, 4), (4, 5), (5, 6), (1, 6), (6, 7)]
"""Two ways through a group."""
IN_ALL = ["", *["all"] * 6, ""]
directions = st.sampled_from(["down", "right", "up", "left"])


@settings(max_examples=200)
@given(network=net.networks(), direction=directions, data=st.data())
def test_every_fold_keeps_the_invariants(network: Network, direction: Direction, data: st.DataObject) -> None:
    layout = lay_out_network(network, direction=direction)
    if layout.groups:
        folded = fold(layout, data.draw(st.sets(st.sampled_from(list(layout.groups)))))
        assert problems(folded) == []


@settings(max_examples=200)
@given(network=net.networks(), direction=directions, data=st.data())
def test_no_edge_ends_at_the_corner_of_a_folded_group(
    network: Network, direction: Direction, data: st.DataObject
) -> None:
    layout = lay_out_network(network, direction=direction)
    across = 0 if direction in ("down", "up") else 1
    if not layout.groups:
        return
    folded = fold(layout, data.draw(st.sets(st.sampled_from(list(layout.groups)))))
    for ends, points in folded.routes.items():
        for name, point in zip(ends, (points[0], points[-1]), strict=True):
            if folded.is_folded(name):
                begin, length = folded.boxes[name][across], folded.boxes[name][across + 2]
                assert min(point[across] - begin, begin + length - point[across]) >= layout.options.port_gap / 2


@settings(max_examples=60)
@given(network=net.networks(), data=st.data())
def test_a_chain_of_folds_keeps_the_order_on_both_axes(network: Network, data: st.DataObject) -> None:
    layout = lay_out_network(network)
    if not layout.groups:
        return
    toggles = data.draw(st.lists(st.sampled_from(list(layout.groups)), min_size=1, max_size=6))
    folded: set[str] = set()
    for group in toggles:
        before, folded = fold(layout, folded), folded ^ {group}
        after = fold(layout, folded)
        for a, b in combinations(before.boxes.keys() & after.boxes.keys(), 2):
            (_, top_a, _, height_a), (_, top_b, _, height_b) = before.boxes[a], before.boxes[b]
            are_beside = top_a < top_b + height_b and top_b < top_a + height_a
            for axis in (0, 1) if are_beside else (1,):
                old = before.boxes[a][axis] - before.boxes[b][axis]
                new = after.boxes[a][axis] - after.boxes[b][axis]
                assert old * new >= 0 or min(abs(old), abs(new)) < 0.11


@pytest.mark.parametrize("direction", ["down", "right", "up", "left"])
def test_stages_one_after_another_fold_in_every_direction(direction: Direction) -> None:
    for seed in range(60):
        layout = lay_out_network(net.stages(seed), direction=direction)
        for state in fold_states(layout, seed):
            folded = [name for name, flag in zip(layout.groups, state, strict=True) if flag]
            assert problems(fold(layout, folded)) == []


@pytest.mark.parametrize("direction", ["down", "right", "up", "left"])
def test_a_line_runs_straight_through_folded_groups_that_follow_each_other(direction: Direction) -> None:
    axis = 0 if direction in ("down", "up") else 1
    bent = passed = straight = 0
    for seed in range(60):
        layout = lay_out_network(net.stages(seed), direction=direction)
        border_points = find_border_points(layout)
        stages = [name for name in layout.groups if "/" not in name]
        folded = fold(layout, stages)
        for name in stages:
            entering = {points[-1][axis] for ends, points in folded.routes.items() if ends[1] == name}
            leaving = {points[0][axis] for ends, points in folded.routes.items() if ends[0] == name}
            passed += bool(entering and leaving)
            straight += bool(entering & leaving)
            before = {point[axis] for point in border_points[name].entering}
            bent += bool(before) and before.isdisjoint(point[axis] for point in border_points[name].leaving)
    assert bent > 10, "all are in line while the groups are open"
    assert straight > 0.95 * passed, "more than a few would make the picture much wider"


def test_boxes_after_a_folded_group_move_sideways_only_if_nothing_is_beside_it() -> None:
    alone = fold(lay_out_network(net.network(JOINED, IN_ALL)), ["all"])
    beside = fold(lay_out_network(net.network([*JOINED[:-1], (0, 7), (6, 8), (7, 8)], [*IN_ALL[:-1], "", ""])), ["all"])
    assert alone.width == max(box[2] for box in alone.boxes.values())
    left, _, width, _ = beside.boxes["all"]
    assert beside.boxes["n7"][0] > left + width or beside.boxes["n7"][0] + beside.boxes["n7"][2] < left


def test_a_frame_around_a_folded_group_is_as_wide_as_its_content() -> None:
    # The wide part of a stage is folded; frame and title need less room than it had.
    fan = [(1, node) for node in range(2, 8)] + [(node, 8) for node in range(2, 8)]
    paths = ["", *["stage/wide"] * 8, "stage", ""]
    layout = lay_out_network(net.network([(0, 1), *fan, (8, 9), (9, 10)], paths))
    folded = fold(layout, ["stage/wide"])
    assert problems(folded) == []
    widest = max(box[2] for box in folded.boxes.values())
    assert folded.frames["stage"][2] <= widest + 2 * layout.options.padding
    assert folded.width == folded.frames["stage"][2] < layout.width / 2


def test_unfolding_gives_the_first_picture_back() -> None:
    layout = lay_out_network(net.residual(6))
    assert fold(layout, []) == layout


def test_a_folded_stage_is_one_box_of_its_own_size_on_the_main_path() -> None:
    layout = lay_out_network(net.residual(6))
    folded = fold(layout, ["stage1"])
    x, _, width, height = folded.boxes["stage1"]
    assert (width, height) == layout.groups["stage1"].folded_size
    assert x + width / 2 == folded.boxes["n0"][0] + folded.boxes["n0"][2] / 2
    assert not [name for name in (*folded.boxes, *folded.frames) if name.startswith("stage1/")]
    assert folded.height < layout.height
    ends = {end for edge in folded.routes for end in edge}
    assert "stage1" in ends
    assert ends <= folded.boxes.keys()


def test_groups_inside_a_folded_group_stay_hidden() -> None:
    layout = lay_out_network(net.residual(6))
    assert fold(layout, ["stage1", "stage1/block2"]) == fold(layout, ["stage1"])


def test_a_fold_of_everything_is_as_small_as_a_fresh_layout() -> None:
    layout = lay_out_network(net.residual(12))
    folded = fold(layout, [f"stage{i}" for i in range(6)])
    fresh = lay_out_network(
        Network(
            ids=tuple(folded.boxes),
            sizes=tuple(box[2:] for box in folded.boxes.values()),
            edges=tuple((i, i + 1) for i in range(len(folded.boxes) - 1)),
        )
    )
    assert folded.width * folded.height <= 1.05 * fresh.width * fresh.height


def test_bad_calls_are_refused() -> None:
    layout = lay_out_network(net.residual(4))
    with pytest.raises(KeyError, match="stage9"):
        fold(layout, ["stage9"])
    once = fold(layout, ["stage1"])
    with pytest.raises(ValueError, match="all groups open"):
        fold(once, ["stage0"])
    with pytest.raises(ValueError, match="all groups open"):
        columns(once)


# ------------------------------------------------------------------------------------------- the browser's side


def run_in_node(layouts: list[tuple[Layout, list[list[int]]]]) -> list[list[dict[str, Any]]]:
    node = shutil.which("node")
    assert node, "Node.js must be installed: fold.js is tested with it"
    jobs = [{"data": columns(layout), "states": states} for layout, states in layouts]
    job = json.dumps({"folder": FOLDER.as_uri(), "layouts": jobs})
    done = subprocess.run([node, str(RUNNER)], input=job, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def as_layout(layout: Layout, result: dict[str, Any]) -> Layout:
    """Turn the result of fold.js into a Layout."""
    ids, names = list(layout.boxes), list(layout.groups)
    nodes, groups = result["nodes"], result["groups"]

    def box(table: dict[str, list[float]], row: int) -> tuple[float, float, float, float]:
        return table["x"][row], table["y"][row], table["w"][row], table["h"][row]

    def end(value: dict[str, Any]) -> str:
        return names[value["index"]] if value["group"] else ids[value["index"]]

    boxes = {name: box(nodes, row) for row, name in enumerate(ids) if nodes["visible"][row]}
    boxes.update({name: box(groups, row) for row, name in enumerate(names) if groups["state"][row] == 2})
    return replace(
        layout,
        boxes=boxes,
        frames={name: box(groups, row) for row, name in enumerate(names) if groups["state"][row] == 1},
        routes={
            (end(edge["source"]), end(edge["target"])): tuple(zip(edge["xs"], edge["ys"], strict=True))
            for edge in result["edges"]
        },
        width=result["width"],
        height=result["height"],
    )


def fold_states(layout: Layout, seed: int) -> list[list[int]]:
    random = Random(seed)
    shares = (0.0, 0.1, 0.3, 0.6, 1.0)
    return [[int(random.random() < share) for _ in layout.groups] for share in shares]


@pytest.mark.parametrize("direction", ["down", "right", "up", "left"])
def test_python_and_javascript_fold_alike(direction: Direction) -> None:
    networks = [
        net.residual(6),
        net.u_shape(4),
        net.dense(7),
        *map(net.random_network, range(60)),
        *map(net.stages, range(40)),
    ]
    layouts = [lay_out_network(network, direction=direction) for network in networks]
    jobs = [(layout, fold_states(layout, seed)) for seed, layout in enumerate(layouts)]
    compared = split = 0
    for (layout, states), results in zip(jobs, run_in_node(jobs), strict=True):
        for state, result in zip(states, results, strict=True):
            folded = [name for name, flag in zip(layout.groups, state, strict=True) if flag]
            assert as_layout(layout, result) == fold(layout, folded)
            compared += bool(folded)
            split += bool(
                find_cut_groups(layout, find_border_points(layout), [name for name in folded if "/" not in name])
            )
    assert compared > 100
    assert split > 50, "few had a cut group"


def test_javascript_names_the_edges_that_it_merges() -> None:
    layout = lay_out_network(net.residual(6))
    state = [int(name in ("stage0", "stage2")) for name in layout.groups]
    [[result]] = run_in_node([(layout, [state])])
    holder = {"n0": "n0"} | {
        node: next((top for top in ("stage0", "stage2") if group.startswith(top)), node)
        for node, group in layout.group_of.items()
    }
    expected: dict[tuple[str, str], list[int]] = {}
    for number, (source, target) in enumerate(layout.routes):
        if holder[source] != holder[target]:
            expected.setdefault((holder[source], holder[target]), []).append(number)
    assert [edge["edges"] for edge in result["edges"]] == list(expected.values())
    assert any(len(edges) > 1 for edges in expected.values())


def test_edges_that_are_merged_leave_no_gap() -> None:
    # Every layer sends a tensor of its own to the last op: 40 lanes and tracks while all is open, one when folded.
    layers = 40
    edges = [(i, i + 1) for i in range(2 * layers)] + [(2 * i + 1, 2 * layers + 1) for i in range(layers)]
    paths = [f"all/layer{i // 2}" for i in range(2 * layers)] + ["", ""]
    layout = lay_out_network(net.network(sorted(set(edges)), paths))
    folded = fold(layout, ["all"])
    assert problems(folded) == []
    assert folded.boxes["all"][2] < 2 * layout.groups["all"].folded_size[0]
    assert folded.height < 4 * (net.SIZE[1] + 40)
    assert folded.width < 3 * net.SIZE[0]
