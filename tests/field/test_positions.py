"""
Errors that values cause: found at their op with torch's own words where the values are known, never claimed otherwise.

The truth is the model's real run (issue 12, point 5; reported of summaries that draw a model which cannot run).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from idlmav.capture import capture

R, I = torch.randn, torch.tensor


class Does(nn.Module):
    def __init__(self, function: Callable[..., Any], *layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.before = nn.Identity()
        self.layers = nn.ModuleList(layers)

    def forward(self, *args: Any) -> Any:
        return self.function(*self.layers, *args)


def table(**settings: Any) -> nn.Embedding:
    return nn.Embedding(10, 4, **settings)


def written(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y[i] = 0
    return y


def handled(e: nn.Module, i: Tensor) -> Tensor:
    try:
        return e(i)
    except IndexError:
        return e(i.clamp(max=9))


def edges(x: Tensor, edge_index: Tensor) -> Tensor:
    source, target = edge_index
    return torch.zeros(x.shape[0], x.shape[1]).index_add_(0, target, x[source])


Case = tuple[Callable[..., Any], tuple[nn.Module, ...], tuple[Any, ...]]
WRONG: dict[str, Case] = {
    "token": (lambda e, i: e(i), (table(),), (I([[1, 2, 10]]),)),
    "negative token": (lambda e, i: e(i), (table(),), (I([[1, -1]]),)),
    "token of 32 bits": (lambda e, i: e(i), (table(),), (I([[1, 12]], dtype=torch.int32),)),
    "shifted token": (lambda e, i: e(i + 8), (table(),), (I([[1, 2]]),)),
    "position": (lambda e, x: x + e(torch.arange(x.shape[1])), (table(),), (R(2, 11, 4),)),
    "offset position": (lambda e, x: x + e(torch.arange(x.shape[1]) + 2), (table(),), (R(2, 9, 4),)),
    "summed position": (lambda e, i: e(torch.cumsum((i != 0).int(), 1) + 8), (table(),), (I([[1, 2, 3]]),)),
    "bag": (lambda e, i: e(i), (nn.EmbeddingBag(10, 4),), (I([[1, 10]]),)),
    "offset of a bag": (lambda e, i, o: e(i, o), (nn.EmbeddingBag(10, 4),), (I([1, 2, 3]), I([0, 5]))),
    "class": (lambda x, t: F.cross_entropy(x, t), (), (R(3, 5), I([0, 5, 1]))),
    "class of a layer": (lambda c, x, t: c(x, t), (nn.CrossEntropyLoss(),), (R(3, 5), I([0, 5, 1]))),
    "negative class": (lambda x, t: F.cross_entropy(x, t), (), (R(3, 5), I([0, -1, 1]))),
    "class of a pixel": (lambda x, t: F.cross_entropy(x, t), (), (R(1, 5, 2, 2), I([[[0, 1], [9, 2]]]))),
    "log likelihood": (lambda x, t: F.nll_loss(x.log_softmax(-1), t), (), (R(3, 5), I([0, 5, 1]))),
    "shifted classes": (
        lambda x, t: F.cross_entropy(x[:, :-1].reshape(-1, 5), t[:, 1:].reshape(-1)), (), (R(2, 3, 5), I([[0, 1, 6], [1, 2, 3]]))),
    "margin": (lambda x, t: F.multi_margin_loss(x, t), (), (R(3, 5), I([0, 5, 1]))),
    "one hot": (lambda t, x: F.one_hot(t, 5) * x, (), (I([0, 5, 1]), R(5))),
    "row": (lambda x, i: x.index_select(0, i), (), (R(4, 2), I([0, 4]))),
    "brackets": (lambda x, i: x[i], (), (R(4, 2), I([0, 4]))),
    "far from the end": (lambda x, i: x[i], (), (R(4, 2), I([0, -5]))),
    "second in brackets": (lambda x, i: x[:, i], (), (R(4, 2), I([0, 2]))),
    "after dots": (lambda x, i: x[..., i], (), (R(4, 3, 2), I([0, 2]))),
    "pairs": (lambda x, i: x[i, i], (), (R(4, 2), I([0, 2]))),
    "write": (written, (), (R(4, 2), I([0, 4]))),
    "edge": (edges, (), (R(4, 3), I([[0, 1], [2, 4]]))),
    "source of an edge": (edges, (), (R(4, 3), I([[0, 7], [2, 3]]))),
    "gather": (lambda x, i: x.gather(1, i), (), (R(4, 2), I([[0], [1], [2], [0]]))),
    "scatter": (lambda x, i: torch.zeros(3, 2).scatter_add(0, i[:, None].expand(-1, 2), x), (), (R(4, 2), I([0, 1, 2, 3]))),
    "reduce": (
        lambda x, i: x.new_zeros(3, 2).scatter_reduce(0, i[:, None].expand(-1, 2), x, "amax"), (), (R(4, 2), I([0, 1, 2, 3]))),
    "copy": (lambda x, i: x.new_zeros(3, 2).index_copy(0, i, x), (), (R(4, 2), I([0, 1, 2, 3]))),
    "take": (lambda x, i: torch.take(x, i), (), (R(4, 2), I([0, 8]))),
    "negative length": (
        lambda x, n: pack_padded_sequence(x, n, batch_first=True, enforce_sorted=False).data, (), (R(2, 5, 3), I([3, -1]))),
    "no length": (lambda x, n: pack_padded_sequence(x, n, batch_first=True).data, (), (R(2, 5, 3), I([3, 0]))),
    "unsorted lengths": (lambda x, n: pack_padded_sequence(x, n, batch_first=True).data, (), (R(2, 5, 3), I([3, 4]))),
    "negative repeats": (lambda x, n: x.repeat_interleave(n, 0), (), (R(2, 5), I([4, -3]))),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_known_value_out_of_range_is_an_error_of_its_op(name: str) -> None:
    function, layers, args = WRONG[name]
    model = Does(function, *layers)
    with pytest.raises((IndexError, RuntimeError)) as real:
        model(*args)
    for graph in (capture(model, args), capture(model, args)):  # the second finds all ops in the memo
        assert [(failure.kind, failure.message) for failure in graph.errors] == [
            (type(real.value).__name__, str(real.value))
        ]
        node = graph.node_by_id[graph.errors[0].node or ""]
        assert node.status == "failed"
        assert node.op != "raise"


RIGHT: dict[str, Case] = {
    "last token": (lambda e, i: e(i), (table(),), (I([[0, 9]]),)),
    "padding": (lambda e, i: e(i), (table(padding_idx=0),), (I([[0, 0]]),)),
    "padding from the end": (lambda e, i: e(i), (table(padding_idx=-1),), (I([[9, 0]]),)),
    "last position": (lambda e, x: x + e(torch.arange(x.shape[1])), (table(),), (R(2, 10, 4),)),
    "ignored class": (lambda x, t: F.cross_entropy(x, t), (), (R(3, 5), I([0, -100, 1]))),
    "another ignored class": (lambda x, t: F.cross_entropy(x, t, ignore_index=7), (), (R(3, 5), I([0, 7, 1]))),
    "ignored in a layer": (lambda c, x, t: c(x, t), (nn.NLLLoss(ignore_index=-1),), (R(3, 5), I([0, -1, 1]))),
    "class of one row": (lambda x, t: F.cross_entropy(x, t), (), (R(5), I(4))),
    "probabilities": (lambda x, t: F.cross_entropy(x, t), (), (R(3, 5), torch.ones(3, 5) * 9)),
    "negative": (lambda x, i: x[i], (), (R(4, 2), I([0, -4]))),
    "batch of one": (lambda x, i: x[:, i], (), (R(1, 9), I([0, 8]))),
    "after dots": (lambda x, i: x[..., i], (), (R(1, 1, 9), I([0, 8]))),
    "new dimension": (lambda x, i: x[None, i], (), (R(9, 1), I([0, 8]))),
    "mask": (lambda x, i: x[i > 2], (), (R(4), I([9, 9, 0, 0]))),
    "take from the end": (lambda x, i: torch.take(x, i), (), (R(4, 2), I([-8, 7]))),
    "longer than the batch": (lambda x, n: pack_padded_sequence(x, n, batch_first=True, enforce_sorted=False).data, (), (R(2, 5, 3), I([3, 4]))),
    "handled": (handled, (table(),), (I([[1, 10]]),)),
    "clamped": (lambda e, i: e(i.clamp(0, 9)), (table(),), (I([[-7, 10]]),)),
    "edges": (edges, (), (R(4, 3), I([[0, 1], [2, 3]]))),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_value_that_is_allowed_is_no_error(name: str) -> None:
    function, layers, args = RIGHT[name]
    model = Does(function, *layers)
    model(*args)
    assert capture(model, args).errors == ()


UNKNOWN: dict[str, Case] = {
    "of floats": (lambda e, x: e(x.argmax(-1) + 9), (table(),), (R(2, 5),)),
    "class of floats": (lambda x: F.one_hot(x.argmax(-1), 5) + F.one_hot((x > 9).long().sum(-1), 5), (), (R(2, 5),)),
    "of a guessed number": (lambda e, x: e(torch.arange(3) + 9 - int((x * 0).sum().item()) * 9), (table(),), (R(2, 5).to("meta"),)),
    "of random numbers": (lambda e, x: e(torch.randint(8, 14, (3,))) + x, (table(),), (R(4),)),
    "without content": (lambda e, i: e(i + 20), (table(),), (torch.empty(2, 3, dtype=torch.long, device="meta"),)),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN)
def test_nothing_is_claimed_of_unknown_values(name: str) -> None:
    function, layers, args = UNKNOWN[name]
    assert capture(Does(function, *layers), args).errors == ()


def test_nothing_is_claimed_of_assumed_inputs() -> None:
    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = nn.Embedding(10, 4), nn.Embedding(6, 4)

        def forward(self, ids: Tensor) -> Tensor:
            return self.tokens(ids + 7) + self.places(torch.arange(ids.shape[1]))

    assert capture(Positions(), None).errors == ()


def test_a_large_table_needs_no_memory() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Embedding(1_000_000, 4096), nn.Linear(4096, 8))
    graph = capture(model, (I([[5, 1_000_000]]),))
    assert [(failure.node, failure.message) for failure in graph.errors] == [("0", "index out of range in self")]
    assert graph.node_by_id["1"].shapes == ((1, 2, 8),)
