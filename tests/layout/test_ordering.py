"""Few edges cross: known minima are reached, and the routes decide between orders that seem equal."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from layout import networks as net
from layout.invariants import crossings, problems

from idlmav.layout import Network
from idlmav.layout.engine import lay_out_network
from idlmav.layout.layered import level


def scrambled_tree(depth: int, seed: int) -> Network:
    """A binary tree and its mirror image below it, joined at the leaves: planar, its nodes in a random order."""
    random = Random(seed)
    rows: list[list[int]] = []
    count = 0
    for depth_at in [*range(depth), *reversed(range(depth - 1))]:
        rows.append(random.sample(range(count, count + 2**depth_at), 2**depth_at))
        count += 2**depth_at
    edges = []
    for upper, lower in pairwise(rows):
        wide, narrow = (lower, upper) if len(lower) > len(upper) else (upper, lower)
        pairs = [(wide[place], narrow[place // 2]) for place in range(len(wide))]
        edges += [(min(pair), max(pair)) for pair in pairs]
    return net.network(sorted(edges), count=count)


@pytest.mark.parametrize("seed", range(4))
def test_a_planar_graph_is_drawn_without_crossings(seed: int) -> None:
    layout = lay_out_network(scrambled_tree(5, seed))
    assert problems(layout) == []
    assert crossings(layout) == 0


def test_dense_layers_cross_no_more_than_lanes_on_two_sides_require() -> None:
    layers = 12
    edges = []
    for layer in range(layers):
        # cat, conv: every cat reads the outputs of all convs before it, and the input.
        edges += [(0, 2 * layer + 1)] + [(2 * before + 2, 2 * layer + 1) for before in range(layer)]
        edges.append((2 * layer + 1, 2 * layer + 2))
    layout = lay_out_network(net.network(sorted(set(edges))))
    assert problems(layout) == []
    # The newest route crosses the bus on its side, or as many routes: half of the older ones if the sides alternate.
    assert crossings(layout) <= sum(layer // 2 for layer in range(layers))


def test_the_routes_decide_between_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = [net.random_network(seed, most=60) for seed in range(30)]
    chosen = sum(crossings(lay_out_network(network)) for network in networks)
    monkeypatch.setattr(level, "route_crossings", lambda geometry, segments, followed: 0)
    assert chosen < sum(crossings(lay_out_network(network)) for network in networks)
