"""Small ops merged into their neighbour: chains only, boxes that touch, everything else as before."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout import networks as net
from layout.invariants import problems
from pictures import picture_of

from idlmav.layout import Network, compute_layout, fold
from idlmav.layout.engine import lay_out_network
from idlmav.layout.input.labels import node_sizes
from idlmav.layout.input.small_ops import small_ops
from idlmav.layout.input.stacks import find_stacks

directions = st.sampled_from(["down", "right", "up", "left"])


@st.composite
def stacked(draw: st.DrawFn) -> Network:
    network = draw(net.networks())
    nodes = st.sets(st.sampled_from(range(len(network.ids))))
    return replace(network, stacks=find_stacks(network, draw(nodes), draw(nodes) if draw(st.booleans()) else ()))


@settings(max_examples=200)
@given(network=net.networks(), data=st.data())
def test_only_chains_within_one_frame_are_merged(network: Network, data: st.DataObject) -> None:
    nodes = st.sets(st.sampled_from(range(len(network.ids))))
    small, apart = data.draw(nodes), data.draw(nodes)
    stacks = find_stacks(network, small, apart)
    out_degree, in_degree = (Counter(edge[end] for edge in network.edges) for end in (0, 1))
    members = [node for stack in stacks for node in stack]
    assert len(members) == len(set(members))
    assert not apart & set(members)
    for stack in stacks:
        assert len({network.group_of[node] for node in stack}) == 1
        assert set(pairwise(stack)) <= set(network.edges)
        assert all(out_degree[node] == 1 for node in stack[:-1])
        assert all(in_degree[node] == 1 for node in stack[1:])
        # A merged op is small, and neither a join nor a fork.
        hosts = [node for node in stack if node not in small or in_degree[node] != 1 or out_degree[node] > 1]
        assert len(hosts) <= 1


@settings(max_examples=200)
@given(network=stacked(), direction=directions, data=st.data())
def test_the_invariants_hold_with_stacks(network: Network, direction: str, data: st.DataObject) -> None:
    turns = data.draw(st.booleans())
    latent = data.draw(st.sampled_from(network.ids)) if turns else None
    layout = lay_out_network(network, direction=direction, latent=latent)
    assert problems(layout) == []
    assert layout.boxes.keys() == set(network.ids)
    if layout.groups:
        folded = fold(layout, data.draw(st.sets(st.sampled_from(list(layout.groups)))))
        assert problems(folded) == []


@settings(max_examples=60)
@given(network=stacked(), direction=directions)
def test_the_boxes_of_a_stack_touch_along_the_flow(network: Network, direction: str) -> None:
    layout = lay_out_network(network, direction=direction)
    axis, sign = {"down": (1, 1), "up": (1, -1), "right": (0, 1), "left": (0, -1)}[direction]
    for stack in network.stacks:
        for a, b in pairwise(stack):
            first, second = layout.boxes[network.ids[a]], layout.boxes[network.ids[b]]
            if sign < 0:
                first, second = second, first
            assert first[axis] + first[axis + 2] == pytest.approx(second[axis], abs=0.11)
            assert (first[1 - axis], first[3 - axis]) == (second[1 - axis], second[3 - axis])
            assert (network.ids[a], network.ids[b]) not in layout.routes


def test_the_layers_of_a_cnn_become_stacks_of_convolution_norm_and_activation() -> None:
    mav = picture_of("unet")
    sizes = node_sizes(mav.graph)
    small = small_ops(mav.graph, 0.02)
    layout = compute_layout(mav.graph, sizes, small=small)
    plain = compute_layout(mav.graph, sizes)
    assert problems(layout) == []
    assert layout.height < 0.75 * plain.height
    assert len(layout.routes) < len(plain.routes)


@pytest.mark.parametrize("name", ["unet", "transformer", "lstm"])
def test_nothing_is_merged_below_zero_and_more_and_more_above(name: str) -> None:
    graph = picture_of(name).graph
    assert small_ops(graph, -1) == frozenset()
    found = [small_ops(graph, threshold) for threshold in (0, 0.1, 0.5, 1)]
    assert all(fewer <= more for fewer, more in pairwise(found))
    by_id = graph.node_by_id
    assert all(not by_id[node].params for node in found[0])
    for share, chosen in zip((0, 0.1, 0.5, 1), found, strict=True):
        assert sum(by_id[node].param_count for node in chosen) <= share * graph.totals.param_count
    assert not any(by_id[node].kind != "op" for node in found[-1])


def test_a_threshold_above_one_is_refused() -> None:
    graph = picture_of("lstm").graph
    with pytest.raises(ValueError, match="merge_threshold"):
        small_ops(graph, 1.5)
    with pytest.raises(ValueError, match="merge_threshold"):
        small_ops(graph, float("nan"))
