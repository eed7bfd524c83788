"""Equal regions are laid out once, with the same result as if each were laid out by itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout import networks as net

from idlmav.layout import Layout, Network
from idlmav.layout.engine import lay_out_network
from idlmav.layout.layered import level
from idlmav.layout.layered.memo import Memo


@st.composite
def repeated(draw: st.DrawFn) -> Network:
    """Two kinds of blocks one after the other, with skip connections over several of them and several outputs a node."""
    kinds = [draw(net.networks(grouped=False, most=9)) for _ in range(2)]
    order = draw(st.lists(st.integers(0, 1), min_size=2, max_size=8))
    edges: list[tuple[int, int]] = []
    outputs: dict[tuple[int, int], int] = {}
    starts = [0]
    for kind in order:
        first, block = starts[-1], kinds[kind]
        edges += [(first + source, first + target) for source, target in block.edges]
        outputs.update({(first + source, first + target): 1 for source, target in block.edges if target % 3 == 0})
        starts.append(first + len(block.ids))
    ends = starts[:-1]
    edges += [(after - 1, after) for after in ends[1:]]
    for pair in draw(st.lists(st.tuples(st.sampled_from(ends), st.sampled_from(ends)), max_size=2)):
        edges += [pair] if pair[0] < pair[1] else []
    paths = [f"block{number}" for number, (a, b) in enumerate(pairwise(starts)) for _ in range(b - a)]
    network = net.network(sorted(set(edges)), paths if draw(st.booleans()) else None, starts[-1])
    return replace(network, outputs=outputs)


def without_memo(network: Network) -> Layout:
    """The layout if no region is taken from the memo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Memo, "find", lambda memo, signature: None)
        return lay_out_network(network)


@settings(max_examples=200)
@given(repeated())
def test_repeated_blocks_have_the_same_layout_without_the_memo(network: Network) -> None:
    assert lay_out_network(network) == without_memo(network)


@settings(max_examples=60)
@given(net.networks())
def test_any_network_has_the_same_layout_without_the_memo(network: Network) -> None:
    assert lay_out_network(network) == without_memo(network)


def test_equal_blocks_are_laid_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    lay_out_block = level._lay_out_block
    monkeypatch.setattr(
        level, "_lay_out_block", lambda region, *rest: calls.append(region) or lay_out_block(region, *rest)
    )
    lay_out_network(replace(net.residual(40), groups=(), group_of=()))
    assert len(calls) <= 2
