"""Models that differentiate inside their forward pass have the graph of a real run, and stay unchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from capture.compare import differences
from idlmav.capture import capture
from idlmav.capture.reruns import autograd_run


class Layers(nn.Module):
    """Three layers and a function that uses them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


class Exponential(torch.autograd.Function):
    """An op with a derivative of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * ctx.saved_tensors[0].exp()


def gradient_penalty(m: Layers, x: Tensor) -> Tensor:
    point = x.detach().clone().requires_grad_(True)
    y = m.a(point)
    (gradient,) = torch.autograd.grad(y, point, torch.ones_like(y), create_graph=True)
    return ((gradient.norm(2, dim=1) - 1) ** 2).mean() + m.b(x).mean()


def forces(m: Layers, x: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        x = x.requires_grad_()
        energy = m.b(m.a(x).tanh()).sum()
        return energy, -torch.autograd.grad(energy, x)[0]


def backward_and_gradient(m: Layers, x: Tensor) -> Tensor:
    m.a(x).sum().backward()
    return m.b(x) + m.a.weight.grad[0]


def backward_of_input(m: Layers, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    torch.autograd.backward(m.a(x).sum())
    return x.grad * 2


def inner_loop(m: Layers, x: Tensor) -> Tensor:
    weights = dict(m.a.named_parameters())
    for _ in range(2):
        loss = (torch.func.functional_call(m.a, weights, (x,)) ** 2).mean()
        gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        weights = {name: w - 0.1 * g for (name, w), g in zip(weights.items(), gradients, strict=True)}
    return torch.func.functional_call(m.a, weights, (x,))


def functional_gradient(m: Layers, x: Tensor) -> Tensor:
    return torch.func.grad(lambda t: m.a(t).pow(2).sum())(x) + m.b(x)


def forward_mode(m: Layers, x: Tensor) -> Any:
    return torch.func.jvp(m.a, (x,), (torch.ones_like(x),))


def gradient_per_sample(m: Layers, x: Tensor) -> Any:
    return torch.func.vmap(torch.func.grad(lambda t: m.a(t).sum()))(x)


def jacobians(m: Layers, x: Tensor) -> Any:
    return torch.func.jacrev(m.a)(x[0]), torch.autograd.functional.jacobian(m.b, x[0])


def hooks_on_tensors(m: Layers, x: Tensor) -> Tensor:
    y = m.a(x)
    y.register_hook(lambda gradient: gradient * 2)
    y.retain_grad()
    return m.b(y)


def checkpointed(m: Layers, x: Tensor) -> Tensor:
    return checkpoint(m.a, m.c(x), use_reentrant=True) + checkpoint(lambda t: m.b(t).relu(), x, use_reentrant=False)


def own_function(m: Layers, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(Exponential.apply(m.a(x)).sum(), x)[0]


def own_function_without_backward(m: Layers, x: Tensor) -> Tensor:
    return m.b(Exponential.apply(m.a(x)))


def langevin(m: Layers, x: Tensor) -> Tensor:
    for _ in range(3):
        x = x.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(m.a(x).pow(2).sum(), x)
        x = x - 0.1 * gradient + 0.01 * torch.randn_like(x)
    return x.detach()


def inner_optimizer(m: Layers, x: Tensor) -> Tensor:
    weight = m.a.weight.detach().clone().requires_grad_(True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        F.linear(x, weight).pow(2).mean().backward()
        optimizer.step()
    return F.linear(x, weight)


def decides_on_gradient(m: Layers, x: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(m.a(x).sum(), x)
    return m.b(x) if gradient.abs().sum() > 0 else m.c(x)


def enabled(m: Layers, x: Tensor) -> Tensor:
    with torch.enable_grad():
        y = m.a(x)
    return y + m.b(x)


DIFFERENTIATING = [
    gradient_penalty, forces, backward_and_gradient, backward_of_input, inner_loop, functional_gradient, forward_mode,
    gradient_per_sample, jacobians, hooks_on_tensors, checkpointed, own_function, own_function_without_backward, langevin,
    inner_optimizer, decides_on_gradient, enabled,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")  # of checkpoints, without autograd
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch itself, on the first use of jvp
@pytest.mark.parametrize("around", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("function", DIFFERENTIATING)
def test_agrees_with_a_real_run(function: Callable[..., Any], around: Any) -> None:
    model, x = Layers(function), torch.randn(3, 4)
    with around():
        graph = capture(model, (x,))
    assert graph.errors == ()
    found, again = differences(model, (x,), {}, grad=True)
    assert found == []
    assert [node.id for node in again.nodes] == [node.id for node in graph.nodes]
    assert not {note for node in graph.nodes for note in node.notes} & {"guess", "zeros"}


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("function", DIFFERENTIATING)
def test_gradients_and_weights_are_as_found(function: Callable[..., Any]) -> None:
    model, x = Layers(function), torch.randn(3, 4)
    model.a.weight.grad = torch.full((4, 4), 7.0)
    x.requires_grad_(function is own_function)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state, flag = torch.get_rng_state(), x.requires_grad
    capture(model, (x,))
    assert torch.equal(model.a.weight.grad, torch.full((4, 4), 7.0))
    assert model.b.weight.grad is None
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())
    assert (x.requires_grad, x.grad, x._version) == (flag, None, 0)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled()
    assert not model.a.weight._backward_hooks


def test_steps_of_an_optimizer_on_own_weights_are_undone() -> None:
    def trains(m: Layers, x: Tensor) -> Tensor:
        optimizer = torch.optim.SGD(m.a.parameters(), lr=0.1)
        m.a(x).pow(2).mean().backward()
        optimizer.step()
        return m.a(x)

    model = Layers(trains)
    before = model.a.weight.clone()
    graph = capture(model, (torch.randn(3, 4),))
    assert graph.errors == ()
    assert torch.equal(model.a.weight, before)
    assert model.a.weight.grad is None
    assert [node.path for node in graph.nodes if node.op == "linear"] == ["a", "a"]


def test_flops_are_counted_for_the_forward_ops() -> None:
    graph = capture(Layers(forces), (torch.randn(3, 4),))
    assert [node.flops for node in graph.nodes if node.op == "linear"] == [2 * 3 * 4 * 4] * 2
    assert graph.node_by_id["grad"].flops_source == "unknown"


def test_models_without_memory_differentiate_too() -> None:
    with torch.device("meta"):
        model = Layers(forces)
    graph = capture(model, (torch.randn(3, 4),))
    assert graph.errors == ()
    assert graph.node_by_id["grad"].shapes == ((3, 4),)


def test_values_that_cost_too_much_are_guessed_and_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autograd_run, "WEIGHTS_AT_MOST", 10)
    graph = capture(Layers(decides_on_gradient), (torch.randn(3, 4),))
    assert graph.errors == ()
    assert graph.node_by_id["bool"].notes == ("guess",)


def test_an_error_behind_a_gradient_is_located() -> None:
    def fails(m: Layers, x: Tensor) -> Tensor:
        _, force = forces(m, x)
        return m.c(force @ force)

    graph = capture(Layers(fails), (torch.randn(3, 4),))
    assert [(failure.kind, failure.node) for failure in graph.errors] == [("RuntimeError", "matmul")]
    assert graph.node_by_id["grad"].shapes == ((3, 4),)
    assert graph.module_by_path["c"].calls == 1


def test_an_interruption_while_it_differentiates_restores_everything() -> None:
    def interrupted(m: Layers, x: Tensor) -> Tensor:
        forces(m, x)
        raise KeyboardInterrupt

    model, x = Layers(interrupted), torch.randn(3, 4)
    state = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        capture(model, (x,))
    assert torch.nn.Module._call_impl.__module__ == "torch.nn.modules.module"
    assert torch.equal(torch.get_rng_state(), state)


def test_inputs_are_found_for_a_model_that_differentiates() -> None:
    graph = capture(Layers(forces), None)
    assert graph.errors == ()
    assert graph.inputs.startswith("x: assumed (")
    assert len(graph.node_by_id["grad"].shapes) == 1
