"""Small tensors of the model stay real until activations are written into them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from capture.compare import differences
from idlmav.capture import capture


class Positions(nn.Module):
    """Writes what depends on the input into a small tensor that it made."""

    def forward(self, x: Tensor) -> Tensor:
        table = torch.zeros(4, 6)
        table[:, :3] = torch.sin(x)
        table[:, 3:] = torch.cos(x)
        return table[None].expand(2, -1, -1)


class IntoAView(nn.Module):
    """The same through a view, which others look at, too."""

    def forward(self, x: Tensor) -> Tensor:
        table = torch.zeros(4, 6)
        rows = table.view(2, 2, 6)
        table[:, :3].copy_(x)
        return rows + 1


class IntoOut(nn.Module):
    """The same through ``out=``."""

    def forward(self, x: Tensor) -> Tensor:
        table = torch.zeros(4, 3)
        torch.mul(x, 2, out=table)
        return table.exp()


class SizeFromATensor(nn.Module):
    """Computes a size with torch, on numbers."""

    def forward(self, x: Tensor) -> Tensor:
        parts = torch.div(x.shape[-1], 3, rounding_mode="trunc")
        x = x.reshape(-1, parts, 3)
        return x.expand(torch.tensor(2), *x.shape[1:])


def test_a_real_tensor_that_activations_are_written_into_has_their_edge() -> None:
    found, graph = differences(Positions(), (torch.randn(4, 3),), {})
    assert found == []
    for _ in range(2):  # cold and warm
        graph = capture(Positions(), (torch.randn(4, 3),))
        assert graph.sources["getitem"] == ("setitem#2",)
        assert set(graph.sources["setitem#2"]) == {"setitem", "cos"}


def test_views_of_an_overwritten_tensor_lose_their_values() -> None:
    found, graph = differences(IntoAView(), (torch.randn(4, 3),), {})
    assert found == []
    assert "copy" in graph.sources["add"]


def test_a_tensor_written_by_out_has_the_ops_edge() -> None:
    found, graph = differences(IntoOut(), (torch.randn(4, 3),), {})
    assert found == []
    assert graph.sources["exp"] == ("mul",)


def test_sizes_are_computed_with_tensors() -> None:
    found, graph = differences(SizeFromATensor(), (torch.zeros(1, 6),), {})
    assert found == []
    assert graph.nodes[-1].shapes == ((2, 2, 3),)


def test_functions_under_vmap_are_seen() -> None:
    class Mapped(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.vmap(lambda row: (row * 2).relu())(x)

    graph = capture(Mapped(), (torch.zeros(3, 4),))
    assert graph.errors == ()
    assert graph.nodes[-1].shapes == ((3, 4),)
