"""Layouts of captured models, open and folded level by level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from layout.invariants import problems
from models import WORKING
from torch import Tensor, nn

from idlmav.capture import capture
from idlmav.gallery.architectures import Autoencoder, UNet
from idlmav.layout import Layout, columns, compute_layout, fold
from idlmav.layout.input.labels import node_sizes


@pytest.mark.parametrize("name", sorted(WORKING))
def test_captured_models_keep_the_invariants(name: str) -> None:
    example = WORKING[name]
    graph = capture(example.model(), example.args(), example.kwargs())
    layout = compute_layout(graph, node_sizes(graph))
    assert problems(layout) == []
    assert list(layout.boxes) == [node.id for node in graph.nodes]
    assert set(layout.routes) == {(edge.source, edge.target) for edge in graph.edges}
    assert columns(layout, graph)["nodes"]["ids"] == list(layout.boxes)
    depth = {"": 0}
    for group in layout.groups.values():
        depth[group.id] = depth[group.parent] + 1
    for level in range(1, max(depth.values()) + 1):
        assert problems(fold(layout, [group for group in layout.groups if depth[group] == level])) == []


class Hourglass(nn.Module):
    """Down and up again twice over, each level joined to its partner by a convolution of its own, added."""

    def __init__(self, width: int = 8, depth: int = 3) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(width, width, 3, stride=2, padding=1) for _ in range(depth))
        self.skip = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(depth))
        self.middle = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU())
        self.up = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down, skip in zip(self.down, self.skip, strict=True):
            skips.append(skip(x))
            x = down(x).relu()
        x = self.middle(x)
        for up in self.up:
            x = up(nn.functional.interpolate(x, scale_factor=2.0)) + skips.pop()
        return x


def segmentation() -> nn.Module:
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    return lraspp_mobilenet_v3_large(weights=None, weights_backbone=None).eval()


def t5() -> nn.Module:
    from transformers import T5Config, T5ForConditionalGeneration

    return T5ForConditionalGeneration(
        T5Config(d_model=16, d_kv=4, d_ff=32, num_layers=3, num_heads=4, vocab_size=50)
    ).eval()


IDS = {name: torch.zeros(1, 5, dtype=torch.long) for name in ("input_ids", "decoder_input_ids")}
TURNING: dict[str, tuple[Callable[[], nn.Module], dict[str, Any], str, int]] = {
    "unet": (UNet, {"x": torch.zeros(1, 1, 32, 32)}, "bottleneck", 4),
    "autoencoder": (Autoencoder, {"x": torch.zeros(1, 1, 28, 28)}, "latent", 0),
    "hourglass": (Hourglass, {"x": torch.zeros(1, 8, 16, 16)}, "middle", 3),
    "segmentation": (segmentation, {"input": torch.zeros(1, 3, 64, 64)}, "backbone.16", 0),
    "t5": (t5, IDS, "encoder.final_layer_norm", 0),
}
"""Model, inputs, where it turns, and how many skip connections run straight across at least."""


@pytest.mark.parametrize("name", TURNING)
def test_models_with_a_bottleneck_are_drawn_as_a_u_and_as_an_l(name: str, torchvision: Any) -> None:
    make, inputs, latent, skips = TURNING[name]
    graph = capture(make(), (), inputs)
    assert graph.errors == ()
    sizes = node_sizes(graph)
    for turn, corners in (("opposite", 0), ("perpendicular", 1)):
        for direction in ("down", "left"):
            layout = compute_layout(graph, sizes, latent=latent, turn=turn, direction=direction)
            assert layout.latent == latent
            assert problems(layout) == []
            assert problems(fold(layout, [group for group in layout.groups if "." not in group])) == []
            flows = {layout.groups[group].direction for group in layout.groups} - {None}
            across = [
                (source, target)
                for (source, target), points in layout.routes.items()
                if len(points) == 2 + corners and _far_apart(layout, source, target)
            ]
            assert len(across) >= skips
            assert len(flows) <= 2


def _far_apart(layout: Layout, source: str, target: str) -> bool:
    """Whether an edge joins the two columns: the boxes lie beside each other across the first flow."""
    axis = 0 if layout.direction in ("down", "up") else 1
    (low, size), (other, other_size) = (
        (layout.boxes[name][axis], layout.boxes[name][axis + 2]) for name in (source, target)
    )
    return low + size < other or other + other_size < low
