"""Models without inputs: inputs are found and named in the graph; otherwise sizes are unknown."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import models
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from capture.inputless import INPUTLESS
from capture.mutations import MODELS
from idlmav.capture import capture
from idlmav.capture.repair import own_inputs


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
def test_inputs_are_found_and_named_in_the_graph(model: type[nn.Module], inputs: str) -> None:
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


UNSOLVED: set[str] = set()
"""Models of which not all sizes are found."""


@pytest.mark.parametrize("name", INPUTLESS)
def test_inputs_of_all_kinds_of_models_are_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_inputs, "own_inputs", lambda model, kwargs: iter(()))  # of timm and transformers
    graph = capture(INPUTLESS[name](), None)
    full = not graph.errors and all(
        shape and None not in shape for node in graph.nodes for shape in node.shapes if shape != ()
    )
    assert full == (name not in UNSOLVED), (graph.inputs, graph.errors)
    assert graph.inputs.count(": assumed (") == sum(node.kind == "input" for node in graph.nodes)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("Batch", "batch.table: assumed (1, 7) float32, batch.image: assumed (1, 1, 224, 224) float32"),
        ("Scales", "features.0: assumed (1, 8, 224, 224) float32, features.1: assumed (1, 16, 224, 224) float32"),
        ("Pairs", "pair.0: assumed (1, 5) float32, pair.1: assumed (1, 6) float32"),
        ("Optional", "x: assumed (1, 9) float32"),
        ("Film", "frames: assumed (1, 16, 3, 224, 224) float32"),
        ("Checked", "x: assumed (1, 4, 48, 48) float32"),
        ("vit_gray", "x: assumed (1, 1, 64, 32) float32"),
    ],
)
def test_parts_and_odd_sizes_are_found(name: str, inputs: str) -> None:
    assert capture(INPUTLESS[name](), None).inputs == inputs


@pytest.mark.parametrize(
    ("name", "sizes", "inputs"),
    [
        ("resnet18", {"x": (4, None, 64, None)}, "x: assumed (4, 3, 64, 224) float32"),
        ("Perceptron", {"features": (2, None, None)}, "features: assumed (2, 16, 20) float32"),
        ("bert", {"input_ids": (3, 7)}, "input_ids: assumed (3, 7) int64"),
        ("TwoTowers", {"ids": (None, 5)}, "image: assumed (1, 3, 224, 224) float32, ids: assumed (1, 5) int64"),
        ("Optional", {"x": (6, None), "mask": (6, 4)}, "x: assumed (6, 9) float32, mask: assumed (6, 4) float32"),
    ],
)
def test_assumed_sizes_are_overridden_per_dimension(
    name: str, sizes: dict[str, tuple[int | None, ...]], inputs: str
) -> None:
    graph = capture(INPUTLESS[name](), None, sizes=sizes)
    assert graph.inputs == inputs
    assert graph.errors == ()


def test_the_graph_with_sizes_that_do_not_fit_has_the_models_error() -> None:
    graph = capture(INPUTLESS["Perceptron"](), None, sizes={"features": (5, 19)})
    assert [error.node for error in graph.errors] == ["a"]
    assert graph.inputs == "features: assumed (5, 19) float32"
    assert graph.nodes[-1].shapes == ((5, 3),)


@pytest.mark.parametrize(
    ("sizes", "error", "text"),
    [
        ({"X": (1, 3, 64, 64)}, ValueError, "Did you mean 'x'"),
        ({"x": (3, 64)}, ValueError, "'x' has 4 dimensions, as in (1, 3, 224, 224), got 2 sizes: (3, 64)"),
        ({"x": (1, 3, 64.0, 64)}, ValueError, "needs whole numbers or None, got 64.0"),
        ({"x": 64}, TypeError, "needs a tuple such as"),
        ((1, 3, 64, 64), TypeError, "sizes: a dict such as"),
    ],
)
def test_wrong_sizes_are_refused(sizes: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        capture(INPUTLESS["resnet18"](), None, sizes=sizes)


def test_sizes_of_given_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="inputs are given"):
        capture(LeNet(), (torch.zeros(1, 1, 28, 28),), sizes={"x": (1, 1, 28, 28)})


def test_given_arguments_are_not_assumed() -> None:
    graph = capture(Pair(), (), {"y": torch.zeros(3, 4, 9)}, assume=True)
    assert graph.inputs == "y: (3, 4, 9) float32, x: assumed (1, 5) float32"


def test_a_model_that_always_fails_has_unknown_sizes() -> None:
    graph = capture(models.WrongSize(), None)
    assert [error.node for error in graph.errors] == ["second"]
    assert graph.inputs == "x: assumed (?, 8) float32"
    assert [node.shapes for node in graph.nodes] == [((None, size),) for size in (8, 16, 16, 4, 2, 2)]


def test_without_assume_missing_arguments_are_an_error() -> None:
    graph = capture(models.WrongSize(), ())
    assert graph.errors[0].kind == "TypeError"
    assert (graph.errors[0].source or "").startswith("models.py:")
