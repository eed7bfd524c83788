"""A flow that turns at a latent node: a U or an L, its skip connections straight across."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout import networks as net
from layout.invariants import problems
from layout.test_fold import as_layout, fold_states, run_in_node

from idlmav.layout import DIRECTIONS, Direction, Layout, Network, TurnKind, fold
from idlmav.layout.engine import lay_out_network
from idlmav.layout.turn.split import AFTER, BEFORE, LATENT, latent_nodes, parts_of

TURNS: tuple[TurnKind, ...] = ("opposite", "perpendicular")
directions, turns = st.sampled_from(DIRECTIONS), st.sampled_from(TURNS)
ALONG = {"down": (1, 1), "up": (1, -1), "right": (0, 1), "left": (0, -1)}
"""Axis and sign of a direction."""


def hourglass(depth: int) -> Network:
    """Encoder, bottleneck of two ops and decoder; the last op of a level is joined to the first of its partner."""
    edges, paths, skips = [], [""], []

    def add(path: str) -> None:
        edges.append((len(paths) - 1, len(paths)))
        paths.append(path)

    for level in range(depth):
        for _ in range(2 + level % 2):
            add(f"down{level}")
        skips.append(len(paths) - 1)
        add("")  # pooling
    for _ in range(2):
        add("bottleneck")
    for level in reversed(range(depth)):
        for number in range(3):
            add(f"up{level}")
            if number == 0:
                edges.append((skips[level], len(paths) - 1))
    add("")
    return net.network(sorted(edges), paths)


def skips_of(network: Network) -> list[tuple[str, str]]:
    """Return the edges that pass the bottleneck."""
    latent = {
        node for node, group in enumerate(network.group_of) if group >= 0 and network.groups[group].path == "bottleneck"
    }
    return [
        (network.ids[source], network.ids[target])
        for source, target in network.edges
        if source < min(latent) and target > max(latent)
    ]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_skip_connections_of_a_u_run_straight_across(direction: Direction) -> None:
    network = hourglass(4)
    layout = lay_out_network(network, direction=direction, latent="bottleneck", turn="opposite")
    across = 1 - ALONG[direction][0]
    for source, target in skips_of(network):
        points = layout.routes[source, target]
        assert len(points) == 2
        assert points[0][1 - across] == points[1][1 - across]
        assert points[0][across] < points[1][across]
    assert problems(layout) == []


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_second_column_of_a_u_flows_back(direction: Direction) -> None:
    layout = lay_out_network(hourglass(3), direction=direction, latent="bottleneck", turn="opposite")
    axis, sign = ALONG[direction]
    first = [layout.frames[f"down{level}"][axis] * sign for level in range(3)]
    second = [layout.frames[f"up{level}"][axis] * sign for level in range(3)]
    assert first == sorted(first)
    assert second == sorted(second)  # up0 comes last, and is level with down0
    latent = layout.frames["bottleneck"]
    others = [frame for name, frame in layout.frames.items() if name != "bottleneck"]
    assert all(latent[axis] * sign > frame[axis] * sign for frame in others)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_skip_connections_of_an_l_have_one_corner(direction: Direction) -> None:
    network = hourglass(3)
    layout = lay_out_network(network, direction=direction, latent="bottleneck", turn="perpendicular")
    assert [len(layout.routes[skip]) for skip in skips_of(network)] == [3, 3, 3]
    assert problems(layout) == []


def test_the_title_bars_are_at_the_top_in_every_direction() -> None:
    for direction in DIRECTIONS:
        for turn in TURNS:
            layout = lay_out_network(hourglass(2), direction=direction, latent="bottleneck", turn=turn)
            header = layout.options.header
            for name, (_, top, _, _) in layout.frames.items():
                inside = [layout.boxes[node][1] for node, group in layout.group_of.items() if group == name]
                assert min(inside) >= top + header - 0.11, (direction, turn, name)


def test_a_skip_connection_that_is_not_nested_gets_a_lane() -> None:
    # 0 1 2 | 3 | 4 5 6: one skip crosses the other.
    network = net.network([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (1, 5), (2, 6)])
    layout = lay_out_network(network, latent="n3")
    straight = [edge for edge in (("n1", "n5"), ("n2", "n6")) if len(layout.routes[edge]) == 2]
    assert len(straight) == 1
    assert problems(layout) == []


def test_an_obstructed_skip_connection_gets_a_lane() -> None:
    # Three ops side by side, each with a skip connection: only the nearest to the second column is unobstructed.
    edges = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8), (1, 6), (2, 7), (3, 8)]
    layout = lay_out_network(net.network(sorted(edges)), latent="n5")
    assert problems(layout) == []
    assert sum(len(layout.routes[edge]) == 2 for edge in (("n1", "n6"), ("n2", "n7"), ("n3", "n8"))) <= 1


def test_the_parts() -> None:
    # 2 is the latent op; 5 is a constant of the decoder, 6 a side path of the encoder, 7 feeds only that.
    edges = sorted([(0, 2), (2, 4), (1, 4), (0, 6), (3, 6)])
    network = net.network(edges, count=7)
    parts = parts_of(network, latent_nodes(network, "n2"))
    assert parts == [BEFORE, AFTER, LATENT, BEFORE, AFTER, AFTER, BEFORE]


def test_a_latent_op_at_an_end_changes_nothing() -> None:
    network = net.residual(3)
    assert lay_out_network(network, latent="n0") == lay_out_network(network)


def test_an_unknown_latent_op_is_refused_with_a_hint() -> None:
    with pytest.raises(ValueError, match=r"no op and no module 'botleneck'.*'bottleneck'"):
        lay_out_network(hourglass(2), latent="botleneck")
    with pytest.raises(ValueError, match="turn must be"):
        lay_out_network(hourglass(2), latent="bottleneck", turn="sideways")  # type: ignore[arg-type]


def test_a_piece_of_a_group_stands_for_the_group() -> None:
    network = net.network([(number, number + 1) for number in range(6)], ["", *["g"] * 5, ""])
    pieces = [name for name in lay_out_network(network, latent="n3").groups if "#" in name]
    assert pieces == ["g#2"]
    assert all(latent_nodes(network, name) == {1, 2, 3, 4, 5} for name in pieces)


def turned(network: Network, data: st.DataObject) -> Layout:
    """A layout that turns somewhere."""
    latent = data.draw(st.sampled_from([*network.ids, *(group.path for group in network.groups)]))
    return lay_out_network(network, latent=latent, turn=data.draw(turns), direction=data.draw(directions))


@settings(max_examples=300)
@given(network=net.networks(), data=st.data())
def test_the_invariants_hold_wherever_it_turns(network: Network, data: st.DataObject) -> None:
    layout = turned(network, data)
    assert problems(layout) == []
    assert layout.boxes.keys() == set(network.ids)
    assert len(layout.routes) == len(network.edges)


@settings(max_examples=200)
@given(network=net.networks(), data=st.data())
def test_every_fold_keeps_them(network: Network, data: st.DataObject) -> None:
    layout = turned(network, data)
    if layout.groups:
        folded = fold(layout, data.draw(st.sets(st.sampled_from(list(layout.groups)))))
        assert problems(folded) == []


def test_a_straight_skip_connection_stays_straight_when_its_ends_are_folded() -> None:
    layout = fold(lay_out_network(hourglass(3), latent="bottleneck"), ["down1", "up1"])
    assert len(layout.routes["down1", "up1"]) == 2
    assert problems(layout) == []


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_python_and_javascript_fold_alike(direction: Direction) -> None:
    layouts = [lay_out_network(hourglass(3), direction=direction, latent="bottleneck", turn=turn) for turn in TURNS]
    for seed in range(12):
        network = net.random_network(seed)
        layouts.append(lay_out_network(network, direction=direction, latent=network.ids[len(network.ids) // 2]))
    jobs = [(layout, fold_states(layout, seed)) for seed, layout in enumerate(layouts) if layout.groups]
    for (layout, states), results in zip(jobs, run_in_node(jobs), strict=True):
        for state, result in zip(states, results, strict=True):
            folded = [name for name, flag in zip(layout.groups, state, strict=True) if flag]
            assert as_layout(layout, result) == fold(layout, folded)
