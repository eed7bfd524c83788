"""Numbers of real models: parameters as torch counts them, sums over modules, modules never reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from idlmav import MAV
from idlmav.graph import Graph


class Repeated(nn.Module):
    """One layer called three times, a second name for it, and a parameter that is used without a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.again = self.layer
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.again(self.layer(x))) * self.scale


class DeadBranch(nn.Module):
    """Layers that forward never calls, inside and outside of a container, and a layer whose weight alone is used."""

    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Linear(4, 4)
        self.direct = nn.Linear(4, 4, bias=False)
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 3)])
        self.aux = nn.Sequential(nn.Linear(4, 8), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks[0](F.linear(self.used(x), self.direct.weight))


class Small(nn.Module):
    """Weights of several widths, not all of which need a gradient, and buffers of whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Linear(4, 4).half()
        self.norm = nn.BatchNorm1d(4)
        self.levels = nn.Parameter(torch.zeros(3, 5, dtype=torch.int8), requires_grad=False)
        self.register_buffer("scale", torch.zeros(7, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.narrow(x.half()).float()) + self.levels.float().sum() * self.scale.sum().float()


def frozen_resnet(torchvision: Any) -> nn.Module:
    model: nn.Module = torchvision.models.resnet18(num_classes=10)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not name.startswith(("conv1", "bn1", "layer1"))
    return model


def tied_bert(_: Any) -> nn.Module:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        num_hidden_layers=2, hidden_size=32, num_attention_heads=2, intermediate_size=48, vocab_size=99
    )
    return transformers.BertForPreTraining(config).eval()


MODELS: dict[str, tuple[Callable[[Any], nn.Module], Callable[[], Any]]] = {
    "frozen resnet": (frozen_resnet, lambda: torch.zeros(2, 3, 64, 64)),
    "tied bert": (tied_bert, lambda: {"input_ids": torch.ones(2, 7, dtype=torch.long)}),
    "repeated": (lambda _: Repeated(), lambda: torch.zeros(2, 4)),
    "dead branch": (lambda _: DeadBranch(), lambda: torch.zeros(2, 4)),
    "small": (lambda _: Small(), lambda: torch.zeros(2, 4)),
    "attention": (lambda _: nn.TransformerEncoderLayer(8, 2, 16), lambda: torch.zeros(5, 2, 8)),
    "recurrent": (lambda _: nn.LSTM(4, 6, num_layers=2), lambda: torch.zeros(5, 2, 4)),
}


@pytest.fixture(scope="module", params=MODELS)
def captured(request: pytest.FixtureRequest, torchvision: Any) -> tuple[nn.Module, Graph]:
    make, inputs = MODELS[request.param]
    model = make(torchvision)
    return model, MAV(model, inputs()).graph


def own_numbers(module: nn.Module) -> dict[str, int]:
    """What torch says of a module's parameters and buffers."""
    parameters, buffers = list(module.parameters()), list(module.buffers())
    return {
        "param_count": sum(p.numel() for p in parameters),
        "trainable_count": sum(p.numel() for p in parameters if p.requires_grad),
        "frozen_count": sum(p.numel() for p in parameters if not p.requires_grad),
        "param_bytes": sum(p.numel() * p.element_size() for p in parameters),
        "buffer_bytes": sum(b.numel() * b.element_size() for b in buffers),
        "weight_bytes": sum(t.numel() * t.element_size() for t in (*parameters, *buffers)),
    }


def test_totals_and_modules_are_as_torch_counts_them(captured: tuple[nn.Module, Graph]) -> None:
    model, graph = captured
    for path, module in model.named_modules():
        wanted = own_numbers(module)
        assert {name: getattr(graph.module_by_path[path], name) for name in wanted} == wanted, path
    wanted = own_numbers(model)
    assert {name: getattr(graph.totals, name) for name in wanted} == wanted


def test_shared_parameters_are_those_with_two_names(captured: tuple[nn.Module, Graph]) -> None:
    model, graph = captured
    names: dict[int, int] = {}
    for _, parameter in model.named_parameters(remove_duplicate=False):
        names[id(parameter)] = names.get(id(parameter), 0) + 1
    shared = sum(p.numel() for p in model.parameters() if names[id(p)] > 1)
    assert graph.totals.shared_count == shared
    assert (shared > 0) == isinstance(model, Repeated) or "Bert" in type(model).__name__


def test_module_sums_are_those_of_children_and_own_ops(captured: tuple[nn.Module, Graph]) -> None:
    _, graph = captured
    for module in graph.modules:
        children = [m for m in graph.modules if m.path and m.path.rpartition(".")[0] == module.path and m is not module]
        ops = [n for n in graph.nodes if n.kind == "op" and n.path == module.path]
        known = sum(child.flops_known for child in children) + sum(n.flops or 0 for n in ops)
        assert module.flops_known == known, module.path
        used = sum(child.activation_bytes for child in children) + sum(n.activation_bytes or 0 for n in ops)
        assert module.activation_bytes == used, module.path


@pytest.mark.parametrize(
    ("name", "missed"),
    [
        ("dead branch", ["blocks.1", "aux", "aux.0", "aux.1"]),
        ("repeated", []),
        ("small", []),
        ("frozen resnet", []),
        ("recurrent", []),
    ],
)
def test_modules_that_are_never_reached_are_listed(name: str, missed: list[str], torchvision: Any) -> None:
    make, inputs = MODELS[name]
    graph = MAV(make(torchvision), inputs()).graph
    assert [module.path for module in graph.unreached] == missed
    totals = graph.totals
    top = [m for m in graph.unreached if not any(m.path.startswith(f"{other.path}.") for other in graph.unreached)]
    # DeadBranch's layer of which only the weight is used has no bias that would be left over.
    assert totals.param_count - totals.param_reached == sum(m.param_count for m in top)


def test_attention_uses_its_projection_without_calling_it() -> None:
    graph = MAV(nn.MultiheadAttention(8, 2), (torch.zeros(5, 2, 8),) * 3).graph
    projection = graph.module_by_path["out_proj"]
    assert (projection.calls, projection.reached) == (0, True)
    assert graph.totals.param_reached == graph.totals.param_count


def test_lazy_parameters_are_unknown_not_none() -> None:
    model = nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 2))
    graph = MAV(model, torch.zeros(2, 4)).graph
    assert (graph.totals.param_count, graph.totals.param_unknown) == (8, 2)
    assert [module.param_unknown for module in graph.modules] == [2, 2, 0]


def test_a_failing_model_counts_what_is_known() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(5, 2))
    graph = MAV(model, torch.zeros(3, 4)).graph
    assert graph.errors
    assert graph.totals.param_count == sum(p.numel() for p in model.parameters())
    assert graph.totals.flops == 2 * 3 * 4 * 4
    assert graph.totals.flops_unknown == 1
