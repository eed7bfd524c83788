"""Tensors on two devices: torch's own error, at the op that gets both, and none for models on one device."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from idlmav.capture import capture
from idlmav.graph import Graph

AT_LEAST_TWO = "Expected all tensors to be on the same device, but found at least two devices, {} and {}!"


class Net(nn.Module):
    """Two layers with a step between them."""

    def __init__(self, step: Callable[[Tensor, Net], Tensor]) -> None:
        super().__init__()
        self.a, self.norm, self.b = nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2)
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.relu(self.step(self.norm(self.a(x)), self)))


def _counted(x: Tensor) -> Tensor:
    return x + torch.arange(4, device=x.device)


def captured(step: Callable[[Tensor, Net], Tensor], device: str | None = None) -> Graph:
    return capture(Net(step), (torch.zeros(3, 4),), device=device)


@pytest.mark.parametrize(
    ("step", "node", "message"),
    [
        (lambda x, net: x + torch.ones(4, device="cuda"), "add", AT_LEAST_TWO.format("cpu", "cuda:0")),
        (lambda x, net: x.cuda(), "b", AT_LEAST_TWO.format("cuda:0", "cpu")),
        (lambda x, net: x.to("cuda:1").tanh(), "b", AT_LEAST_TWO.format("cuda:1", "cpu")),
        (lambda x, net: torch.cat([x, x.to(device="cuda")])[:3], "cat", AT_LEAST_TWO.format("cpu", "cuda:0")),
        (lambda x, net: x @ torch.eye(4).cuda(), "matmul", AT_LEAST_TWO.format("cpu", "cuda:0")),
        (lambda x, net: x + torch.zeros(4, device="meta"), "add", "Tensor on device meta is not on the expected device cpu!"),
    ],
)  # fmt: skip
def test_operands_on_two_devices_are_an_error_of_their_op(
    step: Callable[[Tensor, Net], Tensor], node: str, message: str
) -> None:
    graph = captured(step)
    assert [(error.node, error.kind, error.message) for error in graph.errors] == [(node, "RuntimeError", message)]
    names = [n.id for n in graph.nodes]
    assert [n.status for n in graph.nodes] == [
        "failed" if name == node else "ran" if names.index(name) < names.index(node) else "not_run" for name in names
    ]
    assert graph.nodes[-1].shapes == ((3, 2),)
    assert "test_devices.py:" in (graph.errors[0].source or "")


def test_a_weight_on_another_device_has_torchs_message() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    model[1].to("meta")
    with pytest.raises(RuntimeError) as really:
        model(torch.zeros(3, 4))
    graph = capture(model, (torch.zeros(3, 4),))
    assert [(error.node, error.message) for error in graph.errors] == [("1", str(really.value))]


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(lambda x, net: x.cuda().cpu(), id="there_and_back"),
        pytest.param(lambda x, net: x.to("cuda").to(net.b.weight.device), id="to_the_next_weight"),
        pytest.param(
            lambda x, net: (x.cuda() * 2 + torch.ones(4, device="cuda")).to(net.b.weight), id="like_the_next_weight"
        ),
        pytest.param(lambda x, net: x.cuda().mul(torch.tensor(2.0)).cpu(), id="a_number_on_the_cpu"),
        pytest.param(
            lambda x, net: _counted(x.cuda()).cpu(),
            id="made_where_the_operand_is",
        ),
        pytest.param(lambda x, net: x.cuda()[torch.arange(3)].cpu(), id="indices_on_the_cpu"),
        pytest.param(lambda x, net: x.to(x.device) + torch.ones(4, device=x.device), id="made_at_home"),
    ],
)
def test_tensors_moved_back_are_no_error(step: Callable[[Tensor, Net], Tensor]) -> None:
    assert captured(step).errors == ()


def test_a_virtual_device_holds_the_whole_model() -> None:
    assert captured(lambda x, net: x.cuda() + torch.ones(4, device="cuda"), "cuda").errors == ()
    errors = captured(lambda x, net: x + torch.ones(4), "cuda").errors
    assert [(error.node, error.message) for error in errors] == [("add", AT_LEAST_TWO.format("cuda:0", "cpu"))]


@pytest.mark.parametrize(("model", "inputs"), [("meta", "meta"), ("meta", "cpu"), ("cpu", "meta")])
def test_a_model_without_memory_is_on_the_device_of_its_inputs(model: str, inputs: str) -> None:
    with torch.device(model):
        net = Net(lambda x, net: x + torch.ones(4, device=x.device))
    assert capture(net, (torch.zeros(3, 4, device=inputs),)).errors == ()


def test_devices_are_followed_among_other_errors() -> None:
    def step(x: Tensor, net: Net) -> Tensor:
        x = x + torch.ones(4, device="cuda")
        return x * net.missing

    graph = captured(step)
    assert [(error.node, error.kind) for error in graph.errors] == [
        ("add", "RuntimeError"),
        ("raise", "AttributeError"),
    ]
    assert graph.nodes[-1].shapes == ((3, 2),)
