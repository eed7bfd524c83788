"""A forward that prints: the texts that it makes of values are no reason to run it more often (it ran 23 times)."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
import torch
from torch import Tensor, nn

from idlmav.capture import capture

FORMATTED: dict[str, Callable[[Tensor], str]] = {
    "digits": lambda x: f"{x.mean():.3f}",
    "width": lambda x: f"{x.std():>8.2e} {x.max():5}",
    "sign": lambda x: f"{x.flatten()[0]:+.1f}",
    "format": lambda x: "{:.2f}".format(x.norm()),  # noqa: UP032 - the call is what is tested
    "percent": lambda x: "%.2f" % x.norm(),  # noqa: UP031 - the same
    "item": lambda x: f"{x.mean().item():.3f}",
    "position": lambda x: f"{x.argmax():3d}",
    "tensor": lambda x: f"{x}",
    "str": lambda x: str(x.sum()),
    "shape": lambda x: f"{x.shape} {x.dtype} {x.numel() / 1e3:.1f}",
}


class Prints(nn.Module):
    """Makes texts of what its layers return."""

    def __init__(self, first: nn.Module, text: Callable[[Tensor], str]) -> None:
        super().__init__()
        self.first, self.text = first, text

    def forward(self, x: Tensor) -> Tensor:
        self.text(x)
        y = self.first(x)
        self.text(y)
        return y


@pytest.mark.parametrize("given", [True, False], ids=["given", "assumed"])
@pytest.mark.parametrize("kind", ["linear", "convolution"])
@pytest.mark.parametrize("name", FORMATTED)
def test_a_forward_that_prints_runs_at_most_three_times(name: str, kind: str, given: bool) -> None:
    calls = StringIO()  # a list would be put back
    text = FORMATTED[name]

    def counting(x: Tensor) -> str:
        calls.write(".")
        return text(x)

    first = nn.Linear(8, 4) if kind == "linear" else nn.Conv2d(3, 4, 3)
    x = torch.rand(2, 8) if kind == "linear" else torch.rand(2, 3, 8, 8)
    graph = capture(Prints(first, counting), (x,) if given else None)
    assert 1 <= len(calls.getvalue()) / 2 <= 3
    assert graph.errors == ()
    assert graph.node_by_id["first"].shapes[0][1] == 4
    assert "raise" not in graph.node_by_id


@pytest.mark.parametrize("scale", [1.0, 7.5])
def test_texts_have_the_true_values_of_small_models(scale: float) -> None:
    texts = StringIO()

    def kept(x: Tensor) -> str:
        text = f"{x.sum():.3f}\n"
        texts.write(text)
        return text

    x = torch.full((1, 8), scale)
    model = Prints(nn.Linear(8, 4), kept)
    capture(model, (x,))
    captured = texts.getvalue()
    model(x)
    assert captured != ""
    assert texts.getvalue() == captured * 2
