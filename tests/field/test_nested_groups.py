"""Groups have ids of their own, parents come before children: patterns of blocks, nested runs, odd names, recursion."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layout.invariants import problems
from repeats.networks import Builder
from torch import Tensor, nn

from idlmav.capture import capture
from idlmav.graph import Graph
from idlmav.layout import Group, Layout, Network, compute_layout
from idlmav.layout.input.labels import node_sizes

Block = tuple[object, ...]
"""What is in a block, in order: names of ops, and inner blocks."""


def checked(graph: Graph) -> Layout:
    """Return the layout of a graph after checking its groups and its geometry."""
    layout = compute_layout(graph, node_sizes(graph))
    seen = {""}
    for group in layout.groups.values():
        assert group.parent in seen
        assert group.id not in seen
        seen.add(group.id)
    assert set(layout.group_of.values()) <= seen
    # Every module call with two ops or more of its own has a frame.
    own = [node.call for node in graph.nodes]
    paths = {group.path for group in layout.groups.values()}
    calls = {call for call in own if call is not None and own.count(call) > 1 and graph.calls[call].parent is not None}
    assert {graph.calls[call].path for call in calls} <= paths
    assert problems(layout) == []
    return layout


# ------------------------------------------------------------------------------------------- made-up graphs

_OPS = st.sampled_from(["relu", "add", "linear"])
_BLOCKS = st.recursive(
    st.lists(_OPS, min_size=1, max_size=2).map(tuple),
    lambda inner: st.lists(_OPS | inner, min_size=1, max_size=3).map(tuple),
    max_leaves=6,
)


@st.composite
def patterns(draw: st.DrawFn) -> Block:
    """A few kinds of blocks in a pattern that repeats, as in models where every third layer is another one."""
    kinds = draw(st.lists(_BLOCKS, min_size=1, max_size=3))
    pattern = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4))
    times = draw(st.integers(1, 3))
    return (*draw(st.lists(_OPS | _BLOCKS, max_size=2)), *pattern * times, *pattern[: draw(st.integers(0, 3))])


def chain_of(block: Block, names: list[str] | None = None) -> Graph:
    """Return a chain of ops in nested calls; children are called 0, 1, 2 ... or have one of the names."""
    model = Builder()
    last: list[str] = []

    def add(block: Block, path: str, call: int) -> None:
        for number, item in enumerate(block):
            if isinstance(item, str):
                last[:] = [model.op(item, *last, call=call)]
            elif isinstance(item, tuple):
                name = names[number % len(names)] if names else str(number)
                inner = f"{path}.{name}" if path else name
                add(item, inner, model.call(inner, call))

    add(block, "", 0)
    return model.graph()


@settings(max_examples=150)
@given(patterns())
def test_parents_come_before_children_in_any_pattern_of_blocks(block: Block) -> None:
    checked(chain_of(block))


@settings(max_examples=60)
@given(patterns(), st.lists(st.sampled_from(["a", "a#2", "a..b", "(model)", "0..1", "a (module)"]), min_size=1))
def test_names_that_look_like_ids_of_groups_are_told_apart(block: Block, names: list[str]) -> None:
    checked(chain_of(block, names))


@pytest.mark.parametrize("every", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("count", [5, 6, 7, 9, 12])
def test_a_run_within_the_last_block_of_a_run_has_an_id_of_its_own(every: int, count: int) -> None:
    """Of transformers' ModernBERT: layers are built alike, every third reads another mask."""
    model = Builder()
    masks = [model.op(name) for name in ("everything", "near")]
    x = model.op("embedding")
    for number in range(count):
        call = model.call(f"layers.{number}")
        inside = model.call(f"layers.{number}.attention", call)
        y = model.op("softmax", model.op("linear", x, call=inside), masks[number % every > 0], call=inside)
        x = model.op("add", x, y, call=call)
    checked(model.graph())


@settings(max_examples=100)
@given(st.lists(st.integers(0, 2), min_size=4, max_size=14))
def test_equal_blocks_that_read_from_different_places(places: list[int]) -> None:
    model = Builder()
    masks = [model.op(f"mask{number}") for number in range(3)]
    x = model.op("embedding")
    for number, place in enumerate(places):
        call = model.call(f"layers.{number}")
        x = model.op("add", model.op("mul", x, masks[place], call=call), x, call=call)
    checked(model.graph())


def test_a_network_with_a_child_before_its_parent_is_refused() -> None:
    first, second = Group(id="b", path="b", parent="a"), Group(id="a", path="a")
    with pytest.raises(ValueError, match="after their parent, got 'b'"):
        Network(ids=("x",), sizes=((9.0, 9.0),), edges=(), groups=(first, second), group_of=(0,))
    with pytest.raises(ValueError, match="an id of their own"):
        Network(ids=("x",), sizes=((9.0, 9.0),), edges=(), groups=(second, second), group_of=(0,))


# ------------------------------------------------------------------------------------------- captured models


class Attention(nn.Module):
    """A layer that adds a mask to its scores."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.product = nn.LayerNorm(4), nn.Linear(4, 4)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return x + (self.product(self.norm(x)) + mask).softmax(-1)


class EveryFew(nn.Module):
    """Layers of which every third or so looks at everything, the others at what is near."""

    def __init__(self, every: int, count: int) -> None:
        super().__init__()
        self.every, self.layers = every, nn.ModuleList(Attention() for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        masks = torch.zeros(4, 4), torch.ones(4, 4).tril()
        for number, layer in enumerate(self.layers):
            x = layer(x, masks[number % self.every > 0])
        return x


@pytest.mark.parametrize("every", [2, 3, 4])
@pytest.mark.parametrize("count", [6, 9, 11])
def test_layers_that_differ_every_few_blocks(every: int, count: int) -> None:
    checked(capture(EveryFew(every, count), (torch.zeros(4, 4),)))


class Countdown(nn.Module):
    """A model that calls itself with a depth."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.inner = nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x: Tensor, depth: int = 3) -> Tensor:
        x = self.inner(self.fc(x)) + x
        return self(x, depth - 1) * 2 if depth else x


def test_a_model_that_calls_itself_has_a_frame_for_each_call() -> None:
    graph = capture(Countdown(), (torch.zeros(2, 4),))
    layout = checked(graph)
    assert [call.path for call in graph.calls].count("") == 4
    assert [node.op for node in graph.nodes].count("linear") == 8
    frames = [group.id for group in layout.groups.values() if group.path == ""]
    assert frames == ["(model)", "(model)#2", "(model)#3"]
    for outer, inner in pairwise(frames):
        assert layout.groups[inner].parent == outer
