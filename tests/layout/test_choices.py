"""Which groups are folded: at first, to a depth, around a node; the same in Python and in the browser."""

from __future__ import annotations

from dataclasses import replace

import pytest
from assets.node import run_js
from repeats.networks import Builder, residual_block, stack

from idlmav import MAV
from idlmav.graph import Graph
from idlmav.layout import (
    Layout,
    chosen_folds,
    compute_layout,
    first_folds,
    fold,
    folds_to_depth,
    group_depths,
    without_folds_around,
)
from idlmav.layout.folding.choices import FEWEST_BOXES, FOLD_ABOVE, MOST_BOXES
from idlmav.layout.input.labels import node_sizes


def layout_of(graph: Graph) -> Layout:
    return compute_layout(graph, node_sizes(graph))


def staged(stages: int, blocks: int, ops: int = 1) -> Graph:
    """Stages of unlike blocks, so that nothing is a run."""
    model = Builder()
    x = model.op("input")
    for stage in range(stages):
        outer = model.call(f"s{stage}")
        for block in range(blocks):
            call = model.call(f"s{stage}.b{block}", outer)
            for op in range(ops):
                x = model.op("relu", x, call=call, args=f"{stage}-{block}-{op}")
    return model.graph()


def test_what_is_small_is_open():
    small, large = stack(FOLD_ABOVE // 5 - 1), stack(FOLD_ABOVE // 5 + 1)
    assert len(small.nodes) <= FOLD_ABOVE < len(large.nodes)
    assert first_folds(layout_of(small)) == []
    assert first_folds(layout_of(large)) == ["layers.0..60", "layers.1..60"]


@pytest.mark.parametrize("shape", [(4, 8, 12), (2, 40, 5), (30, 3, 4), (6, 6, 40)])
def test_groups_are_folded_from_the_deepest_until_the_view_is_clear(shape):
    layout = layout_of(staged(*shape))
    folded = first_folds(layout)
    boxes = fold(layout, folded).boxes
    assert FEWEST_BOXES <= len(boxes) <= MOST_BOXES or len(boxes) == shape[0] + 1
    depths = group_depths(layout)
    open_depths = {depths[name] for name in layout.groups if name not in folded}
    assert all(depths[name] >= max(open_depths, default=0) for name in folded)


def test_a_view_that_is_clear_already_is_left_alone():
    graph = staged(3, 2, 60)
    layout = layout_of(graph)
    assert (
        first_folds(layout) == [name for name in layout.groups if ".b" in name]
        or len(fold(layout, first_folds(layout)).boxes) >= 4
    )


def test_what_cannot_be_folded_stays():
    model = Builder()
    x = model.op("input")
    for number in range(FOLD_ABOVE + 50):
        x = model.op("relu", x, args=str(number))
    assert first_folds(layout_of(model.graph())) == []


def test_a_depth_opens_that_many_levels():
    layout = layout_of(stack(4))
    depths = group_depths(layout)
    assert depths["layers.0..3"] == 1
    assert depths["layers.0"] == 2
    assert depths["layers.0.act"] == depths["layers.1"] == 3
    assert set(folds_to_depth(layout, 0)) == set(layout.groups)
    assert "layers.0..3" not in folds_to_depth(layout, 1)
    assert "layers.0" in folds_to_depth(layout, 1)
    assert folds_to_depth(layout, 9) == ["layers.1..3"]
    shown = fold(layout, folds_to_depth(layout, 2)).boxes
    assert {"layers.0.act", "layers.1..3"} <= set(shown)


def test_a_node_is_seen_when_nothing_around_it_is_folded():
    layout = layout_of(stack(4))
    inside = next(node for node, group in layout.group_of.items() if group == "layers.2.act")
    left = without_folds_around(layout, list(layout.groups), inside)
    assert inside in fold(layout, left).boxes
    assert set(layout.groups) - set(left) == {"layers.0..3", "layers.1..3", "layers.2", "layers.2.act"}
    assert "layers.2.act" in without_folds_around(layout, list(layout.groups), "layers.2")
    with pytest.raises(KeyError, match=r"no node or group 'layers\.9'"):
        without_folds_around(layout, [], "layers.9")


# ----------------------------------------------------------------------------------------------------- the object


@pytest.fixture
def large() -> MAV:
    return MAV(stack(80))


def test_a_large_model_begins_folded(large):
    assert large.state.folded == large.scene()["first_folds"] == ["layers.0..79", "layers.1..79"]


def test_what_the_user_folds_stays(large):
    large.state.folded = ["layers.3"]
    large.scene()
    assert large.state.folded == ["layers.3"]


def test_folding_by_commands(large):
    large.fold()
    assert set(large.state.folded) == set(large.layout.groups)
    large.fold(1)
    assert large.state.folded == folds_to_depth(large.layout, 1)
    large.unfold("layers.7.act")
    assert not {"layers.0..79", "layers.1..79", "layers.7", "layers.7.act"} & set(large.state.folded)
    assert "layers.6" in large.state.folded
    large.unfold()
    assert large.state.folded == []


def test_a_run_knows_its_sums_and_those_of_one_block():
    mav = MAV(stack(6))
    groups, ids = mav.scene()["groups"], mav.scene()["geometry"]["groups"]["ids"]
    at, inside = ids.index("layers.0..5"), ids.index("layers.2")
    assert (groups["kind"][at], groups["count"][at], groups["op_count"][at]) == ("repeat", 6, 30)
    assert (groups["kind"][inside], groups["count"][inside]) == ("module", 1)
    assert groups["one_param_count"][inside] is None


# ------------------------------------------------------------------------------------------------- the browser's side

CHOICES = """
    const { foldsToDepth, foldChoices, choiceOf, groupDepths, withoutFoldsAround } = await load("fold/choices");
    const { Picture } = await load("graph/geometry");
    const choices = foldChoices(input.scene);
    const picture = new Picture(input.scene);
    return {
      depths: groupDepths(input.scene.geometry.groups),
      folded: [0, 1, 2, 3, 9].map((depth) => foldsToDepth(input.scene, depth)),
      names: [...choices.keys()],
      named: [...choices.values()].map((folded) => choiceOf(choices, folded.toReversed())),
      other: choiceOf(choices, [input.scene.geometry.groups.ids[0], "x"]),
      around: input.names.map((name) => withoutFoldsAround(picture, picture.groupIds, name)),
    };
"""


@pytest.mark.parametrize("graph", [stack(5), stack(80), staged(3, 4, 30), Graph(name="Nothing")])
def test_python_and_javascript_choose_alike(graph):
    mav = MAV(graph)
    layout = mav.layout
    names = [*list(layout.group_of)[:40], *layout.groups]
    found = run_js(CHOICES, {"scene": mav.scene(), "names": names})
    assert found["depths"] == list(group_depths(layout).values())
    assert found["folded"] == [folds_to_depth(layout, depth) for depth in (0, 1, 2, 3, 9)]
    assert found["around"] == [without_folds_around(layout, list(layout.groups), name) for name in names]
    assert ("auto" in found["names"]) == bool(first_folds(layout))
    assert all(found["named"])
    assert found["other"] == ""


def test_two_runs_of_one_model_begin_alike():
    model = Builder()
    x = model.op("input")
    for stage in "ab":
        for number in range(40):
            x = residual_block(model, f"{stage}.{number}", x)
        x = model.op("pool", x)
    layout = layout_of(model.graph())
    assert first_folds(layout) == ["a.0..39", "a.1..39", "b.0..39", "b.1..39"]
    assert len(fold(layout, first_folds(layout)).boxes) == 5


def test_folds_can_be_given(large):
    graph = large.graph

    def folded(wanted):
        return MAV(graph, folded=wanted).state.folded

    layout = large.layout
    assert folded("auto") == first_folds(layout)
    assert folded("none") == []
    assert folded("all") == folded(0) == list(layout.groups)
    assert folded(2) == folds_to_depth(layout, 2)
    assert folded(["layers.7.act", "layers.3"]) == ["layers.3", "layers.7.act"]
    assert folded(iter(["layers.3"])) == ["layers.3"]
    large.fold(["layers.3"])
    assert large.state.folded == ["layers.3"]
    large.fold("auto")
    assert large.state.folded == first_folds(layout)


def test_a_list_of_modules_has_no_frame_but_what_is_in_it_folds():
    mav = MAV(staged(3, 2, 2), folded=["s1"])
    assert mav.state.folded == ["s1"]
    layout = mav.layout
    assert chosen_folds(replace(layout, groups={k: g for k, g in layout.groups.items() if k != "s1"}), ["s1"]) == [
        "s1.b0",
        "s1.b1",
    ]


def test_a_layer_that_is_one_box_is_no_mistake(large):
    op = large.graph.nodes[3].id
    assert MAV(large.graph, folded=[op]).state.folded == []


@pytest.mark.parametrize(
    ("wanted", "error", "text"),
    [
        (
            ["layers.7.atc"],
            ValueError,
            r"folded: there is no module 'layers\.7\.atc'\. Did you mean 'layers\.7\.act'\?",
        ),
        ("al", ValueError, r"there is no module 'al'\. Did you mean 'all'\?"),
        ("layers.7.atc", ValueError, r"there is no module 'layers\.7\.atc'\. Did you mean 'layers\.7\.act'\?"),
        (-1, ValueError, "a depth from 0 on is needed, got -1"),
        (True, TypeError, "got bool"),
        (None, TypeError, "got NoneType"),
        ([3], ValueError, "there is no module 3"),
    ],
)
def test_folds_that_do_not_exist_are_refused(large, wanted, error, text):
    with pytest.raises(error, match=text):
        MAV(large.graph, folded=wanted)
    with pytest.raises(error, match=text):
        large.fold(wanted)
