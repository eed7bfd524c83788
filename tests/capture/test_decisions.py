"""Values that a model reads: true where that is cheap; otherwise guessed, marked, and the other guess tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from capture.compare import differences
from idlmav.capture import capture
from idlmav.capture.data import replay
from idlmav.capture.reruns import real_call
from idlmav.graph import Graph


class Layers(nn.Module):
    """Four layers and a function that uses them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.net = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 1))
        self.norm = nn.BatchNorm1d(4)
        self.function = function

    def forward(self, *args: Any) -> Any:
        return self.function(self, *args)


def notes(graph: Graph) -> set[str]:
    return {note for node in graph.nodes for note in node.notes}


def true_condition(m: Layers, x: Tensor) -> Tensor:
    return m.b(m.a(x)) if (m.a(x) * 0 - 1).mean() < 0 else x


def false_condition(m: Layers, x: Tensor) -> Tensor:
    return m.b(x) if m.a(x).sum() > 1e6 else m.c(x)


def number_of_turns(m: Layers, x: Tensor) -> Tensor:
    for i in range(int((m.a(x).abs() > -1).sum(1).max().item())):
        x = x + i
    return x


def while_large(m: Layers, x: Tensor) -> Tensor:
    y = x.abs() + 1
    while y.norm() > 0.5:
        y = y * 0.5
    return m.a(y)


def list_of_values(m: Layers, x: Tensor) -> list[Tensor]:
    return [m.b(x) for value in m.a(x).mean(1).tolist() if value > -1e9]


def array(m: Layers, x: Tensor) -> Tensor:
    found = m.a(x).numpy()
    found[:] = 1.0  # reaches no tensor of ours
    return m.b(x) if m.a(x).max() < 100 else x


def masks(m: Layers, x: Tensor) -> tuple[Tensor, ...]:
    y = m.a(x)
    return m.b(y[y[:, 0] * 0 == 0]), y[y > 0], torch.masked_select(y, y < 0), y[:, y[0] > 0]


def positions(m: Layers, x: Tensor) -> tuple[Any, ...]:
    return torch.nonzero(m.a(x) > 0), (x > 0).nonzero(as_tuple=True), torch.where(m.a(x) > 0), torch.argwhere(x > 0)


def unique_values(m: Layers, x: Tensor) -> tuple[Any, ...]:
    best = m.a(x).argmax(-1)
    return (
        best.unique(), torch.unique(best, return_counts=True), torch.unique_consecutive(best), torch.bincount(best),
        torch.unique(x.round(), dim=0), torch.repeat_interleave(x, best + 1, dim=0),
    )  # fmt: skip


def experts(m: Layers, x: Tensor) -> Tensor:
    best, out = m.a(x).softmax(-1).argmax(-1), torch.zeros_like(x)
    for number, expert in enumerate([m.b, m.c, m.a]):
        index = torch.where(best == number)[0]
        if index.numel():
            out.index_add_(0, index, expert(x[index]))
    return out


def sizes(m: Layers, x: Tensor) -> tuple[Tensor, ...]:
    n = (x.sum() * 0 + 2).long()
    return m.a(x)[:n], torch.arange(n), torch.zeros(n, 2), x[:, n], x.new_zeros(n.item() + 1, 2), x.repeat(n, 1)


def overwritten(m: Layers, x: Tensor) -> Tensor:
    y = m.a(x).clone()
    y[0] = -100.0
    row = y[0]
    row.add_(1000.0)
    if y[0].sum() > 100:
        y = m.b(y)
    kept = y[1:].mean()
    y.zero_()
    if y.abs().sum() == 0:
        y = m.c(y)
    return m.a(y) if kept != 0 else y


def in_place_layers(m: Layers, x: Tensor) -> Tensor:
    y = F.relu(m.a(x), inplace=True)
    y += 1
    return m.b(y) if y.min() >= 1 else x


def layers_looked_up(m: Layers, x: Tensor) -> Tensor:
    return m.b(x) if (m.net(m.net[0].weight[:1, :4] + x) < 1e9).all() else x


def statistics(m: Layers, x: Tensor) -> Tensor:
    y = m.norm(x)
    return m.b(y) if y.mean().abs() < 1e-3 or not m.training else m.c(y)


def checks(m: Layers, x: Tensor) -> Tensor:
    if torch.isnan(x).any() or not torch.allclose(x, x) or torch.equal(x, x + 1):
        raise ValueError("not reached")
    assert torch.isfinite(m.a(x)).all()
    return m.b(x)


def dropped(m: Layers, x: Tensor) -> Tensor:
    y = F.dropout(m.a(x) * 0 + 1, 0.5, True)
    return m.b(y) if ((y == 0) | (y == 2)).all() else m.c(y)


def mixed_precision(m: Layers, x: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        y = m.b(m.a(x))
    return m.c(x) if (y.float().bfloat16() == y).all() else x


def split_into_equal(m: Layers, x: Tensor) -> Tensor:
    left, right = m.a(x).split(2, dim=-1)
    return m.b(x) if left.shape == right.shape and torch.stack([left, right]).sum() < 1e6 else x


DECIDING = [
    true_condition, false_condition, number_of_turns, while_large, list_of_values, array, masks, positions, unique_values,
    experts, sizes, overwritten, in_place_layers, layers_looked_up, statistics, checks, dropped, mixed_precision,
    split_into_equal,
]  # fmt: skip


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("function", DECIDING)
def test_decisions_are_those_of_a_real_run(function: Callable[..., Any], training: bool) -> None:
    model, x = Layers(function).train(training), torch.randn(3, 4)
    before, state = x.clone(), torch.get_rng_state()
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for _ in range(2):  # cold memo and warm
        found, graph = differences(model, (x,), {})
        assert found == []
        assert not notes(graph) & {"guess", "zeros"}
        assert torch.equal(x, before)
        assert all(torch.equal(tensor, kept[name]) for name, tensor in model.state_dict().items())
        torch.set_rng_state(state)  # the comparison ran for real


def test_every_op_is_computed_once_for_all_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    plain = replay.Replay._call

    def counting(self: Any, op: Any, args: Any, kwargs: Any) -> Any:
        computed.append(op.index)
        return plain(self, op, args, kwargs)

    monkeypatch.setattr(replay.Replay, "_call", counting)
    capture(Layers(while_large), (torch.ones(3, 4),))
    assert len(computed) == len(set(computed)) > 10


def test_a_model_that_decides_nothing_computes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any, *args: Any) -> Any:
        raise AssertionError("computed")

    monkeypatch.setattr(replay.Replay, "_make", refuse)
    assert capture(Layers(lambda m, x: m.net(m.norm(x))), (torch.ones(3, 4),)).errors == ()


@pytest.mark.parametrize("limit", ["FLOPS_AT_MOST", "BYTES_AT_MOST"])
def test_values_that_cost_too_much_are_guessed_and_marked(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, limit, 10)
    monkeypatch.setattr(real_call, limit, 10)
    graph = capture(Layers(true_condition), (torch.ones(3, 4),))
    assert graph.errors == ()
    assert graph.node_by_id["bool"].notes == ("guess",)
    graph = capture(Layers(lambda m, x: sizes(m, m.a(x))), (torch.ones(3, 4),))
    assert graph.errors == ()
    assert "guess" in notes(graph)


def test_the_opposite_is_tried_after_a_guess_that_raises() -> None:
    def refuses(m: Layers, x: Tensor) -> Tensor:
        if not (m.a(x) > 1e9).any():
            raise ValueError("too small")
        return m.b(x)

    meta = torch.empty(3, 4, device="meta")
    graph = capture(Layers(refuses), (meta,))
    assert graph.errors == ()
    assert [node.path for node in graph.nodes if node.op == "linear"] == ["a", "b"]
    assert graph.node_by_id["bool"].notes == ("guess",)


def test_the_guess_that_reaches_more_modules_is_kept() -> None:
    def early_exit(m: Layers, x: Tensor) -> Tensor:
        for layer in (m.a, m.b, m.c):
            x = layer(x)
            if not x.max() > 0.9:
                return x
        return m.norm(m.net(x).expand(-1, 4))

    graph = capture(Layers(early_exit), (torch.empty(3, 4, device="meta"),))
    assert graph.errors == ()
    assert [module.path for module in graph.modules if not module.calls] == []


def test_opposite_guesses_are_tried_a_few_times_only() -> None:
    calls: list[None] = []

    def hopeless(m: Layers, x: Tensor) -> Tensor:
        calls.append(None)
        if x.sum() > 0:
            x = m.a(x)
        if x.mean() > 0:
            x = m.b(x)
        for number in range(50):
            if x.max() > number:
                x = m.c(x)
        return x

    graph = capture(Layers(hopeless), (torch.empty(3, 4, device="meta"),))
    assert graph.errors == ()
    assert len(calls) <= 5
    assert graph.module_by_path["norm"].calls == 0


def test_a_loop_that_waits_for_unknown_data_ends() -> None:
    def waits(m: Layers, x: Tensor) -> Tensor:
        while not (x > 0).all():
            x = m.a(x)
        while torch.is_nonzero(x.sum()):
            x = m.b(x)
        return x

    graph = capture(Layers(waits), (torch.empty(3, 4, device="meta"),))
    assert graph.errors == ()
    assert len(graph.nodes) < 200


def test_the_model_fails_at_the_end_of_the_true_path() -> None:
    def fails(m: Layers, x: Tensor) -> Tensor:
        x = m.b(x) if m.a(x * 0).sum() != m.a(x * 0).sum() else m.c(x)
        return x @ x

    graph = capture(Layers(fails), (torch.ones(3, 4),))
    assert [failure.kind for failure in graph.errors] == ["RuntimeError"]
    assert graph.module_by_path["c"].calls == 1
    assert graph.module_by_path["b"].calls == 0


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch itself, as it loads the compiler
def test_control_flow_as_ops_is_followed() -> None:
    def branches(m: Layers, x: Tensor) -> Tensor:
        return torch.cond(m.a(x).sum() < 1e6, lambda t: m.b(t), lambda t: m.c(t), (x,))

    def turns(m: Layers, x: Tensor) -> Any:
        loop = torch._higher_order_ops.while_loop
        return loop(lambda i, y: i < 3, lambda i, y: (i + 1, m.b(y)), (torch.tensor(0), x))

    for _ in range(2):
        graph = capture(Layers(branches), (torch.ones(3, 4),))
        assert graph.errors == ()
        assert [node.path for node in graph.nodes if node.op == "linear"] == ["a", "b"]
        assert "guess" not in notes(graph)
        graph = capture(Layers(turns), (torch.ones(3, 4),))
        assert [node.path for node in graph.nodes if node.op == "linear"] == ["b", "b", "b"]
        assert graph.sources["output"] == ("add#3", "b#3")
    graph = capture(Layers(branches), (torch.empty(3, 4, device="meta"),))
    assert graph.errors == ()
    assert "guess" in notes(graph)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_nested_tensors_have_sizes_that_are_not_known() -> None:
    def nests(m: Layers, x: Tensor) -> Tensor:
        return m.a(torch.nested.nested_tensor([x, x[:2]])).to_padded_tensor(0.0)

    graph = capture(Layers(nests), (torch.ones(3, 4),))
    assert graph.errors == ()
    assert graph.node_by_id["a"].shapes == (None,)
    assert graph.nodes[-1].shapes == ((2, 3, 4),)


@torch.library.custom_op("idlmav_tests::doubled", mutates_args=(), schema="(Tensor x, int times) -> Tensor")
def doubled(x: Tensor, times: int) -> Tensor:
    """An op without a kernel for the meta device."""
    return x.repeat(times, 1) * 2


@torch.library.custom_op("idlmav_tests::positive", mutates_args=(), schema="(Tensor x) -> Tensor")
def positive(x: Tensor) -> Tensor:
    """An op whose size depends on values."""
    return x[x > 0].clone()


@torch.library.custom_op("idlmav_tests::first_column", mutates_args=(), schema="(Tensor x) -> Tensor")
def first_column(x: Tensor) -> Tensor:
    """An op that tells its shape."""
    return x[:, :1].clone()


@first_column.register_fake
def _(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[0], 1)


@torch.library.custom_op("idlmav_tests::add_one", mutates_args=("x",), schema="(Tensor(a!) x) -> ()")
def add_one(x: Tensor) -> None:
    """An op that writes into its operand."""
    x.add_(1)


def custom(m: Layers, x: Tensor) -> Any:
    y = m.a(x)
    add_one(y)
    return m.b(doubled(y, 2)), positive(x), first_column(y) * 2


LIBRARY = torch.library.Library("idlmav_library", "DEF")
LIBRARY.define("both(Tensor x, Tensor y) -> (Tensor, Tensor)")
LIBRARY.impl("both", lambda x, y: (x + y, (x * y).sum(0)), "CPU")


def of_a_library(m: Layers, x: Tensor) -> Tensor:
    added, total = torch.ops.idlmav_library.both(m.a(x), x)
    return torch.ops.aten.relu(m.b(added)) + torch.ops.aten.mul.Tensor(total, 2)


@pytest.mark.parametrize("function", [custom, of_a_library])
def test_custom_ops(function: Callable[..., Any]) -> None:
    found, graph = differences(Layers(function), (torch.randn(3, 4),), {})
    assert found == []
    assert graph.errors == ()


def test_custom_ops_that_are_too_large_are_errors_and_no_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    from idlmav.capture.shapes import kernels

    monkeypatch.setattr(replay, "BYTES_AT_MOST", 10)
    monkeypatch.setattr(kernels, "_ZEROS_AT_MOST", 1)
    graph = capture(Layers(lambda m, x: m.b(doubled(m.a(x), 2))), (torch.randn(3, 4),))
    assert [failure.node for failure in graph.errors] == ["doubled"]
    assert graph.module_by_path["b"].calls == 1


class Named(nn.Module):
    """Looks a layer up by the text of a number."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({"expert_0": nn.Linear(4, 4), "expert_1": nn.Linear(4, 4)})

    def forward(self, x: Tensor) -> Tensor:
        best = x.sum(0).argmax() % 2
        return self.layers[f"expert_{best}"](x)


def test_numbers_in_text_are_true() -> None:
    x = torch.zeros(3, 4)
    for position in (0, 1):
        x[0, position] = position + 1
        found, graph = differences(Named(), (x,), {})
        assert found == []
        assert graph.module_by_path[f"layers.expert_{position}"].calls == 1
    graph = capture(Named(), (x.to("meta"),))
    assert graph.errors == ()
    assert graph.module_by_path["layers.expert_0"].calls == 1


def test_tensors_made_for_a_decision_are_real_too() -> None:
    def offset(m: Layers, x: Tensor) -> Tensor:
        total = (x * torch.ones(4) - torch.arange(2, 6)).sum()
        return m.a(x) if total > 0 else m.b(x)

    for value, taken in ((0.0, "b"), (9.0, "a")):
        found, graph = differences(Layers(offset), (torch.full((3, 4), value),), {})
        assert found == []
        assert graph.module_by_path[taken].calls == 1
