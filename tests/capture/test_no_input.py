"""Models without inputs: found where sizes work, said in the graph; unknown sizes otherwise."""

from __future__ import annotations

from types import ModuleType

import models
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from capture.mutations import MODELS
from idlmav.capture import capture


class LeNet(nn.Module):
    """Works with one image size only."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.head = nn.Linear(256, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.head(x.flatten(1))


class Flattened(nn.Module):
    """Its features are named by a view."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(784, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.view(-1, 784))


class Unpacks(nn.Module):
    """Tells the number of dimensions by unpacking the shape."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(12, 8)

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, width = x.shape
        return self.linear(x.reshape(batch * steps, width)).view(batch, steps, -1)


class Pair(nn.Module):
    """Two inputs, one by keyword, one optional."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(5, 8), nn.Conv1d(4, 8, 3)

    def forward(self, x: Tensor, *, y: Tensor, flag: bool = False) -> Tensor:
        return self.a(x).sum() + self.b(y).mean()


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (LeNet, "x: assumed (1, 1, 28, 28) float32"),
        (Flattened, "x: assumed (1, 784) float32"),
        (Unpacks, "x: assumed (1, 16, 12) float32"),
        (Pair, "x: assumed (1, 5) float32, y: assumed (1, 4, 16) float32"),
        (models.UNet, "x: assumed (1, 3, 224, 224) float32"),
        (models.LstmClassifier, "ids: assumed (1, 16) int64"),
        (models.TransformerClassifier, "x: assumed (1, 6, 16) float32"),
        (MODELS["translator"].model, "source: assumed (1, 16) int64, target: assumed (1, 16) int64"),
        (models.Empty, ""),
    ],
)
def test_inputs_are_found_and_said(model: type[nn.Module], inputs: str) -> None:
    graph = capture(model(), None)
    assert graph.inputs == inputs
    assert graph.errors == ()
    assert all(shape is not None and None not in shape for node in graph.nodes for shape in node.shapes)
    assert all(node.status == "ran" for node in graph.nodes)


@pytest.mark.parametrize("name", ["resnet50", "vit_b_16", "swin_t", "r3d_18", "inception_v3", "convnext_tiny"])
def test_torchvision_models_find_inputs(name: str, torchvision: ModuleType) -> None:
    options = {"init_weights": False} if name == "inception_v3" else {}
    with torch.device("meta"):
        model = torchvision.models.get_model(name, weights=None, **options).eval()
    graph = capture(model, None)
    assert graph.errors == ()
    assert "assumed (1, 3, " in graph.inputs


def test_what_is_given_is_not_assumed() -> None:
    graph = capture(Pair(), (), {"y": torch.zeros(3, 4, 9)}, assume=True)
    assert graph.inputs == "y: (3, 4, 9) float32, x: assumed (1, 5) float32"


def test_a_model_that_fails_anyway_is_drawn_with_unknown_sizes() -> None:
    graph = capture(models.WrongSize(), None)
    assert [error.node for error in graph.errors] == ["second"]
    assert graph.inputs == "x: assumed (?, 8) float32"
    assert [node.shapes for node in graph.nodes] == [((None, size),) for size in (8, 16, 16, 4, 2, 2)]


def test_without_assume_missing_arguments_are_an_error() -> None:
    graph = capture(models.WrongSize(), ())
    assert graph.errors[0].kind == "TypeError"
    assert (graph.errors[0].source or "").startswith("models.py:")
