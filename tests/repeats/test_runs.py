"""Runs of blocks that are alike, in graphs written down by hand: found, and broken by any change of one block."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from repeats.networks import BLOCK_OPS, SPOILERS, Builder, block_plans, planned, residual_block, stack

from idlmav.graph import Edge, Graph
from idlmav.layout import Group, network_of
from idlmav.layout.input.labels import node_sizes
from idlmav.layout.input.repeats import find_repeats


def groups_of(graph: Graph) -> dict[str, Group]:
    return {group.id: group for group in network_of(graph, node_sizes(graph)).groups}


def runs(graph: Graph) -> dict[str, int]:
    """Ids of the repeats with their counts."""
    return {name: group.count for name, group in groups_of(graph).items() if group.kind == "repeat"}


# -------------------------------------------------------------------------------------------- what a run becomes


def test_a_run_is_a_group_with_its_first_block_and_the_rest():
    groups = groups_of(stack(5))
    repeat, rest = groups["layers.0..4"], groups["layers.1..4"]
    assert (repeat.kind, repeat.count, repeat.title, repeat.parent) == ("repeat", 5, "5 x Block", "")
    assert (rest.kind, rest.count, rest.title, rest.parent) == ("rest", 4, "4 more", "layers.0..4")
    assert groups["layers.0"].parent == "layers.0..4"
    assert [groups[f"layers.{i}"].parent for i in range(1, 5)] == ["layers.1..4"] * 4
    assert [groups[f"layers.{i}.act"].parent for i in range(5)] == [f"layers.{i}" for i in range(5)]


def test_two_blocks_need_no_frame_for_the_other_one():
    groups = groups_of(stack(2))
    assert [name for name, group in groups.items() if group.kind != "module"] == ["layers.0..1"]
    assert {groups["layers.0"].parent, groups["layers.1"].parent} == {"layers.0..1"}


def test_one_block_is_no_run():
    assert runs(stack(1)) == {}


def test_a_module_that_holds_nothing_else_is_the_run_itself():
    model = Builder()
    x = model.op("input")
    outer = model.call("body", class_name="Sequential")
    for number in range(3):
        call = model.call(f"body.{number}", outer)
        x = model.op("relu", model.op("linear", x, call=call), call=call)
    groups = groups_of(model.graph())
    assert (groups["body"].kind, groups["body"].count, groups["body"].title) == ("repeat", 3, "body: 3 x Block")
    assert [name for name, group in groups.items() if group.kind == "rest"] == ["body.1..2"]
    assert groups["body"].path == "body"


def test_ids_of_runs_are_no_module_paths_and_no_nodes():
    graph = stack(4)
    new = {name for name, group in groups_of(graph).items() if group.kind != "module"}
    assert new
    assert not new & ({module.path for module in graph.modules} | {node.id for node in graph.nodes})


def test_classes_do_not_matter():
    model = Builder()
    x = model.op("input")
    for number, class_name in enumerate(["Block", "Copied", "Renamed"]):
        x = residual_block(model, f"part{number}", x, class_name=class_name)
    assert runs(model.graph()) == {"part0..part2": 3}


# ------------------------------------------------------------------------------------------------------- weights


def test_shared_weights_are_distinguished_from_equal_weights():
    assert groups_of(stack(12))["layers.0..11"].title == "12 x Block"
    assert groups_of(stack(12, weights="one"))["layers.0..11"].title == "12 x Block, shared weights"


def test_one_module_called_often_shares_its_weights():
    model = Builder()
    x = model.op("input")
    for _ in range(12):
        x = residual_block(model, "layer", x)
    groups = groups_of(model.graph())
    assert groups["layer..layer#12"].title == "12 x Block, shared weights"
    assert groups["layer#7"].parent == "layer#2..layer#12"


def test_weights_under_another_name_are_the_same():
    graph = stack(2)
    by_name = {parameter.name: parameter for parameter in graph.parameters}
    kept = [
        replace(parameter, aliases=(name.replace("layers.0", "layers.1"),))
        for name, parameter in by_name.items()
        if "layers.1" not in name
    ]
    assert groups_of(replace(graph, parameters=tuple(kept)))["layers.0..1"].title == "2 x Block, shared weights"


def test_groups_of_layers_that_share_are_counted():
    model = Builder()
    x = model.op("input")
    for number in range(6):
        x = residual_block(model, f"layers.{number}", x, weights=f"set{number // 3}")
    assert groups_of(model.graph())["layers.0..5"].title == "6 x Block, 2 sets of weights"


# ------------------------------------------------------------------------------------------------ what breaks one


@pytest.mark.parametrize("name", SPOILERS)
@pytest.mark.parametrize("block", [1, 3, 5])
def test_one_changed_block_breaks_the_run(name, block):
    graph = stack(6)
    assert runs(graph) == {"layers.0..5": 6}
    # The second linear layer of the block: not its first op, which joins it to the one before.
    spoiled = SPOILERS[name](graph, 1 + BLOCK_OPS * block + 3)
    found = {group for group, _ in runs(spoiled).items()}
    expected = {f"layers.{a}..{b}" for a, b in ((0, block - 1), (block + 1, 5)) if b > a}
    assert found == expected


def test_a_block_that_reads_from_further_back_breaks_the_run():
    graph = stack(6)
    outputs = [graph.nodes[BLOCK_OPS * (block + 1)].id for block in range(6)]
    reader = graph.nodes[1 + BLOCK_OPS * 4].id
    edges = [Edge(outputs[1], reader) if (e.source, e.target) == (outputs[3], reader) else e for e in graph.edges]
    assert edges != list(graph.edges)
    assert "layers.0..5" not in runs(replace(graph, edges=tuple(edges)))


def test_a_tensor_that_leaves_one_block_only_breaks_the_run():
    graph = stack(6)
    inside = graph.nodes[1 + BLOCK_OPS * 2 + 1].id
    edges = (*graph.edges, Edge(inside, graph.nodes[-1].id))
    assert runs(replace(graph, edges=edges)) == {"layers.0..1": 2, "layers.3..5": 3}


def test_the_last_block_need_not_be_read_in_full():
    """Two streams, of which only one is used in the end."""
    model = Builder()
    x, y = model.op("left"), model.op("right")
    for number in range(4):
        call = model.call(f"layers.{number}")
        x, y = model.op("a", x, y, call=call), model.op("b", y, x, call=call)
    model.op("norm", x)
    assert runs(model.graph()) == {"layers.0..3": 4}


@pytest.mark.parametrize("inputs", ["same", "own"])
def test_blocks_may_all_read_one_tensor_or_each_its_own(inputs):
    model = Builder()
    sources = [model.op("mask") if inputs == "own" or not number else "" for number in range(5)]
    x = model.op("input")
    for number in range(5):
        call = model.call(f"layers.{number}")
        x = model.op("relu", model.op("mix", x, sources[number] or sources[0], call=call), call=call)
    assert runs(model.graph()) == {"layers.0..4": 5}
    graph = model.graph()
    reader = next(node.id for node in graph.nodes if node.path == "layers.3")
    other = sources[2] if inputs == "own" else graph.nodes[1].id
    edges = [
        replace(e, source=other) if e.target == reader and graph.node_by_id[e.source].op == "mask" else e
        for e in graph.edges
    ]
    assert "layers.0..4" not in runs(replace(graph, edges=tuple(edges)))


def test_cells_may_read_the_last_two():
    model = Builder()
    before, last = model.op("stem"), model.op("input")
    for number in range(5):
        call = model.call(f"cells.{number}")
        made = model.op("cat", model.op("conv", before, call=call), model.op("pool", last, call=call), call=call)
        before, last = last, made
    assert runs(model.graph()) == {"cells.0..4": 5}


# -------------------------------------------------------------------------------------------- several units in turn


def alternating(blocks: int) -> Builder:
    """Attention and feed-forward modules that the model itself adds up."""
    model = Builder()
    x = model.op("add", model.op("tokens"), model.op("positions"))
    for number in range(blocks):
        for part in ("attention", "forward"):
            call = model.call(f"{part}.{number}", class_name=part.title())
            y = model.op(part, model.op("norm", x, call=call), call=call, weight=f"{part}.{number}.w")
            x = model.op("add", x, y)
    model.op("norm", x)
    return model


def test_modules_in_turn_are_a_run():
    model = Builder()
    x = model.op("input")
    for number in range(3):
        for part in "ab":
            call = model.call(f"{part}.{number}", class_name=part.upper())
            x = model.op("relu" if part == "a" else "gelu", model.op("linear", x, call=call), call=call)
    groups = groups_of(model.graph())
    (repeat,) = [group for group in groups.values() if group.kind == "repeat"]
    assert (repeat.title, repeat.count) == ("3 x (A, B)", 3)
    (rest,) = [group for group in groups.values() if group.kind == "rest"]
    assert [groups[name].parent for name in ("a.0", "b.0")] == [repeat.id] * 2
    assert {groups[name].parent for name in ("a.1", "b.1", "a.2", "b.2")} == {rest.id}


def test_blocks_are_cut_where_the_fewest_tensors_pass():
    """The model's first ``add`` looks like the last op of a block; the blocks begin behind it."""
    graph = alternating(4).graph()
    network = network_of(graph, node_sizes(graph))
    (repeat,) = [number for number, group in enumerate(network.groups) if group.kind == "repeat"]
    direct = [node for node, group in zip(graph.nodes, network.group_of, strict=True) if group == repeat]
    assert [node.id for node in direct] == [graph.nodes[5].id, graph.nodes[8].id]
    assert (network.groups[repeat].count, network.groups[repeat].title) == (4, "4 x (Attention, Forward)")


def test_runs_nest():
    model = Builder()
    x = model.op("input")
    for number in range(4):
        for part in range(3):
            call = model.call(f"local.{number}.{part}", class_name="Local")
            x = model.op("relu", model.op("window", x, call=call), call=call)
        call = model.call(f"all.{number}", class_name="Global")
        x = model.op("relu", model.op("attend", x, call=call), call=call)
    groups = groups_of(model.graph())
    titles = [group.title for group in groups.values() if group.kind == "repeat"]
    assert titles[0] == "4 x (3 x Local, Global)"
    assert titles[1:] == ["3 x Local"] * 4


def test_ops_of_a_loop_without_modules_are_a_run():
    model = Builder()
    x = model.op("input")
    for number in range(4):
        x = model.op("relu", model.op("linear", x, weight=f"w{number}"))
    assert [group.title for group in groups_of(model.graph()).values()] == ["4 x (linear, relu)", "3 more"]


def test_a_few_ops_are_not_worth_a_frame():
    model = Builder()
    x = model.op("input")
    for number in range(2):
        x = model.op("relu", model.op("linear", x, weight=f"w{number}"))
    assert groups_of(model.graph()) == {}


@pytest.mark.parametrize(("count", "found"), [(3, {}), (8, {"experts.0..7": 8})])
def test_blocks_beside_each_other_are_a_run_from_four_on(count, found):
    model = Builder()
    x = model.op("input")
    made = []
    for number in range(count):
        call = model.call(f"experts.{number}")
        made.append(model.op("relu", model.op("linear", x, call=call), call=call))
    model.op("sum", *made)
    assert runs(model.graph()) == found


# ------------------------------------------------------------------------------------------------------ any graph


@settings(max_examples=150)
@given(block_plans())
def test_any_block_in_a_row_is_found(plan):
    graph = planned(plan)
    count, reads, _ = plan
    used = {source for sources in reads for source in sources}
    assume(used >= {-1, *range(len(reads) - 1)})
    (group,) = [group for group in groups_of(graph).values() if group.kind == "repeat" and group.parent == ""]
    assert group.count == count
    assert group.title == f"{count} x Block"


@settings(max_examples=150)
@given(plan=block_plans(), name=st.sampled_from(sorted(SPOILERS)), data=st.data())
def test_any_spoilt_block_is_left_out(plan, name, data):
    graph = planned(plan)
    count, reads, inner = plan
    assume(len(reads) > 1)
    block = data.draw(st.integers(1, count - 1))
    op = data.draw(st.integers(1, len(reads) - 1))
    at = 1 + block * len(reads) + op
    spoiled = SPOILERS[name](graph, at)
    # A group of a single unit is dissolved: the change may turn a block into another picture altogether.
    assume(spoiled.edges != graph.edges or spoiled.nodes != graph.nodes)
    assume(name != "nesting" or (sum(inner) not in (0, 1, len(inner)) and inner[op]))
    for group in groups_of(spoiled).values():
        if group.kind == "repeat" and group.parent == "" and group.id.startswith("layers.0.."):
            assert int(group.id.removeprefix("layers.0..")) < block


def test_labels_and_edges_may_be_anything():
    """Groups that other ops run through are never part of a run."""
    group_of, blocks = find_repeats([0, 0, 1, 0, 0, 0], [()] * 6, [(0, 3, 0), (1, 4, 0)], [0, 1, -1, 0, 1, 1], [-1, -1])
    assert [block.kind for block in blocks] == ["module", "module"]
    assert group_of == [0, 1, -1, 0, 1, 1]
    assert find_repeats([], [], [], [], []) == ([], [])
