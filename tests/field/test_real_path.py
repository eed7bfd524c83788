"""Branches follow what the user's call would do: gradients, types, and constants whose values an op reads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from idlmav.capture import capture


class Branches(nn.Module):
    """Takes one way or the other by what a function says."""

    def __init__(self, question: Callable[[Any, Tensor], bool]) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.register_buffer("steps", torch.tensor([1, 3]))
        self.question = question

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x) if self.question(self, x) else torch.tanh(x)


@torch.no_grad()
def without(m: Any, x: Tensor) -> Tensor:
    return m.layer(x)  # type: ignore[no-any-return]


def after_switching(m: Any, x: Tensor) -> bool:
    with torch.no_grad():
        y = m.layer(x)
    z = m.layer(x)
    return z.requires_grad and not y.requires_grad


def set_by_the_model(m: Any, x: Tensor) -> bool:
    y = (x * 2).detach()
    y.requires_grad_()
    return y.requires_grad and y.is_leaf and y.grad_fn is None


QUESTIONS: dict[str, Callable[[Any, Tensor], bool]] = {
    "is_grad_enabled": lambda m, x: torch.is_grad_enabled(),
    "switched off inside": lambda m, x: without(m, x).requires_grad,
    "switched off for a part": after_switching,
    "requires_grad of an input": lambda m, x: x.requires_grad,
    "requires_grad of a weight": lambda m, x: m.layer.weight.requires_grad and not m.frozen.weight.requires_grad,
    "requires_grad of a result": lambda m, x: m.layer(x).requires_grad,
    "requires_grad of a frozen layer's": lambda m, x: m.frozen(x).requires_grad,
    "requires_grad through views": lambda m, x: m.layer(x).view(-1)[0].requires_grad,
    "requires_grad of integers": lambda m, x: m.layer(x).argmax().requires_grad,
    "requires_grad of what is cut off": lambda m, x: m.layer(x).detach().requires_grad,
    "requires_grad in place": lambda m, x: x.clone().add_(m.layer.weight.sum()).requires_grad,
    "set by the model": set_by_the_model,
    "grad_fn of an input": lambda m, x: x.grad_fn is None,
    "grad_fn of a result": lambda m, x: m.layer(x).grad_fn is None,
    "is_leaf": lambda m, x: x.is_leaf and m.layer.weight.is_leaf and not m.layer(x).is_leaf,
    "type of an input": lambda m, x: x.type() == "torch.FloatTensor",
    "type of a result": lambda m, x: x.double().type() == "torch.DoubleTensor",
    "type of integers": lambda m, x: m.steps.type() == x.argmax().type() == "torch.LongTensor",
    "a parameter that stays one": lambda m, x: isinstance(m.layer.weight.to(x.device), nn.Parameter),
    "a parameter of the same type": lambda m, x: isinstance(m.layer.weight.float().contiguous(), nn.Parameter),
    "a parameter of another type": lambda m, x: isinstance(m.layer.weight.double(), nn.Parameter),
}
MODES: dict[str, Callable[[], Any]] = {"grad": contextlib.nullcontext, "no_grad": torch.no_grad}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("requires", [False, True], ids=["plain input", "input with gradient"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_way_of_the_real_call(question: str, requires: bool, mode: str) -> None:
    model, x = Branches(QUESTIONS[question]), torch.ones(2, 4, requires_grad=requires)
    with MODES[mode]():
        real = model(x.clone() if question == "requires_grad in place" else x)
        graph = capture(model, (x,))
        assert torch.is_grad_enabled() == (mode == "grad")
    taken = "sigmoid" if torch.equal(real, torch.sigmoid(x)) else "tanh"
    assert graph.errors == ()
    assert graph.nodes[-2].op == taken
    assert not any("guess" in node.notes for node in graph.nodes)


def inverse(window: Callable[[Any], Tensor]) -> Callable[[Any, Tensor], Tensor]:
    def compute(m: Any, x: Tensor) -> Tensor:
        spectrum = torch.stft(x, 16, window=window(m), return_complex=True)
        return torch.istft(spectrum, 16, window=window(m))

    return compute


CONSTANTS: dict[str, tuple[Callable[[Any, Tensor], Tensor], tuple[int, ...]]] = {
    "window made in forward": (inverse(lambda m: torch.hann_window(16)), (2, 64)),
    "window in a buffer": (inverse(lambda m: m.window), (2, 64)),
    "window that was computed": (inverse(lambda m: m.window.sqrt() + 0.1), (2, 64)),
    "counts": (lambda m, x: torch.bincount(m.steps), (2, 64)),
    "repeats": (lambda m, x: torch.repeat_interleave(x, m.steps, dim=0), (2, 64)),
    "sizes of parts": (lambda m, x: torch.split(x, m.steps.tolist())[-1], (4, 64)),
    "one hot": (lambda m, x: F.one_hot(m.steps), (2, 64)),
}


@pytest.mark.filterwarnings("ignore:istft will require")
@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_keep_their_values(name: str) -> None:
    compute, shape = CONSTANTS[name]

    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("window", torch.hann_window(16))
            self.register_buffer("steps", torch.tensor([1, 3]))

        def forward(self, x: Tensor) -> Tensor:
            return compute(self, x)

    model, x = Reads(), torch.randn(*shape)
    graph = capture(model, (x,))
    assert graph.errors == ()
    assert graph.nodes[-1].shapes == (tuple(model(x).shape),)
