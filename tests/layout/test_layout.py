"""Every layout keeps the invariants; known shapes come out as a person would draw them."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout import networks as net
from layout.invariants import problems

from idlmav.layout import (
    DIRECTIONS,
    Direction,
    Layout,
    Network,
    Options,
    fold,
)
from idlmav.layout.engine import lay_out_network
from idlmav.layout.layered import ranks, routes


def centre(layout: Layout, name: str) -> float:
    x, _, width, _ = layout.boxes[name]
    return x + width / 2


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", net.KNOWN)
def test_known_shapes_keep_the_invariants(name: str, direction: Direction) -> None:
    network = net.KNOWN[name]
    layout = lay_out_network(network, direction=direction)
    assert problems(layout) == []
    assert list(layout.boxes) == list(network.ids)
    assert len(layout.routes) == len(network.edges)


@settings(max_examples=300)
@given(net.networks(grouped=False))
def test_any_flat_graph_keeps_the_invariants(network: Network) -> None:
    assert problems(lay_out_network(network)) == []


@settings(max_examples=300)
@given(net.networks())
def test_any_grouped_graph_keeps_the_invariants(network: Network) -> None:
    assert problems(lay_out_network(network)) == []


@settings(max_examples=60)
@given(net.networks())
def test_every_direction_keeps_the_invariants(network: Network) -> None:
    for direction in DIRECTIONS[1:]:
        assert problems(lay_out_network(network, direction=direction)) == []


@settings(max_examples=40)
@given(net.networks())
def test_same_input_same_picture(network: Network) -> None:
    assert lay_out_network(network) == lay_out_network(network)


def test_a_chain_is_one_straight_column() -> None:
    layout = lay_out_network(net.chain(12))
    assert len({centre(layout, name) for name in layout.boxes}) == 1
    assert all(len(points) == 2 for points in layout.routes.values())
    tops = [box[1] for box in layout.boxes.values()]
    assert tops == [i * (38.0 + Options().rank_gap) for i in range(12)]


def test_the_main_path_of_residual_blocks_is_straight_and_skips_run_beside_it() -> None:
    layout = lay_out_network(net.residual(6))
    axis = centre(layout, "n0")
    assert {centre(layout, name) for name in layout.boxes} == {axis}
    skips = [points for (a, b), points in layout.routes.items() if int(b[1:]) - int(a[1:]) > 1]
    assert len(skips) == 6
    for points in skips:
        assert max(x for x, _ in points) > axis + net.SIZE[0] / 2


def test_many_tensors_for_one_op_share_a_port() -> None:
    layout = lay_out_network(net.dense(7))
    last = [points for (_, target), points in layout.routes.items() if target == "n13"]
    assert len(last) == 7
    frame = layout.frames["block/layer6"]
    assert len({x for points in last for x, y in points if y == frame[1]} | {points[-1][0] for points in last}) <= 2


def test_verticals_that_would_swap_columns_get_a_dogleg(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = [net.random_network(seed, most=14) for seed in (1000, 1585, 1833, 1859, 2435)]
    assert [problems(lay_out_network(network)) for network in networks] == [[]] * len(networks)
    # Without doglegs some of these graphs have edges on top of each other, so the line above tests something.
    monkeypatch.setattr(routes, "_split_conflicts", lambda geometry, drawn, arcs, followed: drawn)
    found = [problem for network in networks for problem in problems(lay_out_network(network))]
    assert any("lies on" in problem for problem in found)


def test_a_long_chain_needs_no_recursion() -> None:
    layout = lay_out_network(net.chain(50_000))
    assert layout.height == 50_000 * 38.0 + 49_999 * 30.0


def test_equal_blocks_look_equal() -> None:
    layout = lay_out_network(net.residual(6))
    shapes = {layout.frames[f"stage{i}/block{2 * i + 1}"][2:] for i in range(2)}
    assert len(shapes) == 1


def test_edges_must_point_forwards() -> None:
    with pytest.raises(ValueError, match="earlier node to a later one"):
        Network(ids=("a", "b"), sizes=(net.SIZE, net.SIZE), edges=((1, 0),))


def test_an_unknown_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="'sideways'"):
        lay_out_network(net.chain(2), direction="sideways")  # type: ignore[arg-type]


def test_edges_go_straight_or_short_where_boxes_are_wide_enough() -> None:
    # A skip beside one op leaves and enters near the corners, not at the centres.
    layout = lay_out_network(net.network([(0, 1), (1, 2), (0, 2)]))
    skip = layout.routes["n0", "n2"]
    lane = max(x for x, _ in skip)
    assert lane == centre(layout, "n1") + net.SIZE[0] / 2 + Options().lane_gap
    assert skip[0][0] == skip[-1][0] == centre(layout, "n0") + net.SIZE[0] / 2 - 6.0
    # Boxes that overlap across the flow are joined by a straight line.
    wide = net.network_of_paths([(200.0, 38.0), (80.0, 38.0), (80.0, 38.0)], [(0, 1), (0, 2)], [""] * 3)
    assert [len(points) for points in lay_out_network(wide).routes.values()] == [2, 2]


def with_outputs(network: Network, outputs: dict[tuple[int, int], int]) -> Network:
    """The same network, some of whose edges carry other outputs than the first."""
    return replace(network, outputs=outputs)


def test_every_tensor_of_a_node_has_a_route_of_its_own() -> None:
    # One node makes two tensors, each for two ops below; a third op lies between.
    edges = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4)]
    same = lay_out_network(net.network(edges))
    layout = lay_out_network(with_outputs(net.network(edges), {(0, 2): 1, (0, 4): 1}))
    assert problems(layout) == []

    def lanes(of: Layout, targets: tuple[int, ...]) -> set[float]:
        return {max(x for x, _ in of.routes["n0", f"n{target}"]) for target in targets}

    assert len(lanes(same, (2, 3, 4))) == 1
    assert len(lanes(layout, (2, 4))) == len(lanes(layout, (3,))) == 1
    assert lanes(layout, (2, 4)) != lanes(layout, (3,))
    assert len({layout.routes["n0", f"n{target}"][0] for target in (2, 4)}) == 1
    assert layout.routes["n0", "n2"][0] != layout.routes["n0", "n3"][0]


@settings(max_examples=100)
@given(net.networks(), st.randoms(use_true_random=False))
def test_nodes_with_several_tensors_keep_the_invariants(network: Network, random: Random) -> None:
    outputs = {ends: random.randint(1, 2) for ends in network.edges if random.random() < 0.6}
    assert problems(lay_out_network(with_outputs(network, outputs))) == []


def test_the_main_path_is_straight_through_groups() -> None:
    # Two branches exchange data in every stage; the longest path enters and leaves the groups by other ports than theirs.
    edges: list[tuple[int, int]] = []
    paths = ["", ""]
    a, b = 0, 1
    for stage in range(3):
        first = len(paths)
        paths += [f"s{stage}/x"] * 3 + [f"s{stage}/y"] * 2 + [f"s{stage}"] * 2
        edges += [(a, first), (first, first + 1), (first + 1, first + 2), (b, first + 3), (first + 3, first + 4)]
        edges += [(first + 2, first + 5), (first + 4, first + 5), (first + 2, first + 6), (first + 4, first + 6)]
        a, b = first + 5, first + 6
    edges += [(a, len(paths)), (b, len(paths))]
    layout = lay_out_network(net.network(sorted(set(edges)), [*paths, ""]))
    assert problems(layout) == []
    main = ["n0", *(f"n{7 * stage + 2 + step}" for stage in range(3) for step in (0, 1, 2, 5)), f"n{len(paths)}"]
    assert {centre(layout, name) for name in main} == {centre(layout, "n0")}


def test_a_longer_way_from_a_constant_does_not_move_the_entry_of_a_block() -> None:
    # n2 -> n10 enters a block that a chain of constants, n3 to n9, joins at its end: the longest path of all.
    edges = [(0, 1), (0, 2), (1, 2), (2, 10), *((i, i + 1) for i in range(3, 9)), (9, 13), (10, 11), (10, 12), (10, 13)]
    edges += [(11, 13), (12, 13), (13, 14), (14, 15), (14, 16), (15, 16)]
    layout = lay_out_network(net.network(edges))
    assert problems(layout) == []
    assert len(layout.routes["n2", "n10"]) == 2


def cached(blocks: int) -> Network:
    """A chain of blocks of three ops, the second of which is also read by the output."""
    last = 3 * blocks
    edges = [(i, i + 1) for i in range(last)] + [(3 * block + 1, last) for block in range(blocks)]
    return net.network(sorted(set(edges)))


def test_many_long_edges_into_one_box_share_a_route() -> None:
    few, many = lay_out_network(cached(20)), lay_out_network(cached(80))
    assert problems(few) == problems(many) == []
    assert many.width < few.width / 2  # only those from the last blocks have lanes of their own
    long = [points for (a, b), points in many.routes.items() if int(b[1:]) - int(a[1:]) > 8]
    assert len(long) == 77
    assert len({points[-1] for points in long}) == 1


@settings(max_examples=150)
@given(net.networks())
def test_collected_edges_keep_the_invariants(network: Network) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "_MANY", 2)
        patch.setattr(ranks, "_LONG", 2)
        assert problems(lay_out_network(network)) == []


def test_a_side_branch_that_bends_is_entered_and_left_at_its_centre() -> None:
    # Two branches of one op beside the main path; the edges of each bend on either side of it.
    layout = lay_out_network(net.network([(0, 1), (1, 2), (0, 3), (0, 4), (2, 5), (3, 5), (4, 5)], count=6))
    for branch in ("n3", "n4"):
        left, _, width, _ = layout.boxes[branch]
        assert layout.routes["n0", branch][-1][0] == left + width / 2
        assert layout.routes[branch, "n5"][0][0] == left + width / 2


def test_the_main_path_begins_at_an_input_rather_than_at_a_constant() -> None:
    # n0 -> n1 -> n6 -> n7 is the path from the input; the constants n2 to n5 join it by a longer path.
    edges = [(0, 1), (1, 6), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7)]
    network = net.network(edges)
    assert centre(lay_out_network(network), "n5") == centre(lay_out_network(network), "n6")
    layout = lay_out_network(replace(network, inputs=frozenset([0])))
    assert len({centre(layout, name) for name in ("n0", "n1", "n6", "n7")}) == 1
    assert problems(layout) == []


def test_tensors_that_leave_a_group_for_one_op_share_a_line() -> None:
    """Long edges to the output, like those of the caches of a transformer."""
    widths = []
    for blocks in (6, 40):
        paths, edges = [""], []
        for block in range(blocks):
            first = len(paths)
            edges += [(first - 1, first), (first, first + 1), (first, first + 2), (first + 1, first + 2)]
            paths += [f"stack/block{block}"] * 3
        output = len(paths)
        edges += [(1 + 3 * block + 1, output) for block in range(blocks)] + [(output - 1, output)]
        layout = lay_out_network(net.network(edges, [*paths, ""]))
        assert problems(layout) == []
        assert problems(fold(layout, [f"stack/block{block}" for block in range(0, blocks, 2)])) == []
        widths.append(layout.width)
    assert widths[1] < widths[0] + 60


def test_lines_between_two_groups_go_straight_on_though_the_second_one_is_wider() -> None:
    edges = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 5), (3, 6), (4, 7), (5, 7), (6, 7)]
    wide, narrow = (200.0, 60.0), (30.0, 26.0)
    paths = ["", "first", "first", "first", "second/a", "second/b", "second/c", ""]
    sizes = [net.SIZE, narrow, narrow, narrow, wide, wide, wide, net.SIZE]
    layout = lay_out_network(net.network_of_paths(sizes, edges, paths))
    assert problems(layout) == []
    # The third would have to pass another one.
    assert [len({x for x, _ in layout.routes[ends]}) for ends in (("n1", "n4"), ("n3", "n6"))] == [1, 1]
