"""What people write who know another tool: one error that says what to write, and never where forward can mean it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from idlmav import MAV

X, Y = torch.ones(2, 4), torch.ones(2, 4)


class Pair(nn.Module):
    """Takes two tensors."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class Untyped(nn.Module):
    """Takes what its annotations do not say."""

    def forward(self, x, y=None):  # type: ignore[no-untyped-def]
        x = x if isinstance(x, Tensor) else torch.stack(list(x))
        return x if y is None else x + y


class Sizes(nn.Module):
    """Takes numbers."""

    def forward(self, a, b, c, d=1):  # type: ignore[no-untyped-def]
        return torch.zeros(a, b, c, d) + 1


class OneList(nn.Module):
    """Takes a list of tensors, as torchvision's detection models."""

    def forward(self, images: list[Tensor], targets: list[Any] | None = None) -> Tensor:
        return torch.stack(images)


class Many(nn.Module):
    """Takes any number of inputs."""

    def forward(self, *xs: Any) -> Tensor:
        return sum(x.sum() if isinstance(x, Tensor) else torch.ones(x).sum() for x in xs)


@pytest.mark.parametrize(
    ("model", "inputs", "message"),
    [
        (Pair(), [X, Y], r"forward\(x, y\) takes 2 inputs, got one list of 2\. Write a tuple: MAV\(model, \(x, y\)\)"),
        (Pair(), [X, Y, X], r"got one list of 3\. Write a tuple"),
        (nn.Bilinear(4, 4, 2), [X, Y], r"Write a tuple: MAV\(model, \(input1, input2\)\)"),
        (
            nn.Conv2d(3, 4, 3),
            (1, 3, 224, 224),
            r"takes tensors, got sizes\. Write MAV\(model, sizes=\{'input': \(1, 3, 224, 224\)\}\)",
        ),
        (nn.Sequential(nn.ReLU()), (1, 3, 8, 8), r"or pass tensors such as torch\.zeros\(1, 3, 8, 8\)"),
        (Untyped(), (1, 3, 8), r"sizes=\{'x': \(1, 3, 8\)\}"),
        (Pair(), [(1, 3), (1, 3)], r"sizes=\{'x': \(1, 3\), 'y': \(1, 3\)\}"),
        (Pair(), ((1, 3), (1, 3)), r"sizes=\{'x': \(1, 3\), 'y': \(1, 3\)\}"),
        (nn.Linear(4, 4), [(2, 4)], r"sizes=\{'input': \(2, 4\)\}"),
        (nn.Linear(4, 4), np.ones((2, 4)), r"got a NumPy array\. Write torch\.as_tensor\(x\)"),
    ],
)
def test_inputs_that_forward_cannot_mean(model: nn.Module, inputs: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        MAV(model, inputs)


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (OneList(), [X, Y]),
        (Untyped(), [X, Y]),
        (Untyped(), (X, Y)),
        (Sizes(), (2, 3, 4)),
        (Sizes(), (2, 3, 4, 5)),
        (Many(), (2, 3, 4, 5)),
        (Many(), [X, Y]),
        (Pair(), (X, Y)),
    ],
    ids=str,
)
def test_inputs_that_forward_can_mean_go_on(model: nn.Module, inputs: Any) -> None:
    real = isinstance(inputs, list) and isinstance(model, Many)
    graph = MAV(model, inputs).graph
    assert bool(graph.errors) == real


@pytest.mark.parametrize("name", ["input_size", "input_shape", "input_sizes", "shape"])
def test_sizes_under_the_names_of_other_tools(name: str) -> None:
    with pytest.raises(TypeError, match=rf"has no option '{name}'\. Write sizes=\{{'x': \(1, 3, 224, 224\)\}}"):
        MAV(nn.ReLU(), **{name: (1, 3, 8, 8)})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["input_data", "dummy_input", "example_inputs", "args", "model_args", "input", "x"])
def test_inputs_under_the_names_of_other_tools(name: str) -> None:
    with pytest.raises(TypeError, match=rf"has no option '{name}'\. Pass the inputs after the model: MAV\(model, x\)"):
        MAV(nn.ReLU(), **{name: X})  # type: ignore[arg-type]


class LightningModule(nn.Module):
    """As Lightning's: forward says that there is none."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return super().forward(*args, **kwargs)  # type: ignore[misc]


class Classifier(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(4, 4)

    def training_step(self, batch: Any, index: int) -> Tensor:
        return self.net(batch[0]).sum()


class Steps(nn.Module):
    """No forward at all."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(4, 4)

    def training_step(self, batch: Any, index: int) -> Tensor:
        return self.net(batch[0]).sum()


@pytest.mark.parametrize("given", [(X,), ()], ids=["an input", "no input"])
@pytest.mark.parametrize("kind", [Classifier, Steps])
def test_a_model_without_forward_names_its_steps(kind: type[nn.Module], given: Any) -> None:
    (failure,) = MAV(kind(), *given).graph.errors
    assert failure.message == (
        f"{kind.__name__} has no forward(), only training_step(). Write one that calls its layers, or draw the module "
        "inside it: MAV(model.net, x)."
    )


def test_containers_have_no_forward() -> None:
    (failure,) = MAV(nn.ModuleList([nn.Linear(4, 4)]), X).graph.errors
    assert failure.message == "ModuleList has no forward(). Write one that calls its layers."


class Pipeline:
    """An object that holds a model."""

    def __init__(self) -> None:
        self.name, self.unet = "odd", nn.ReLU()


Keras: Any = type("Sequential", (), {"__module__": "keras.src.models.sequential", "__call__": lambda self, x: x})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (nn.ReLU, r"got the class ReLU\. Write ReLU\(\.\.\.\)"),
        ({"fc.weight": X}, r"got dict\. Weights alone have no forward: build the model, call its load_state_dict\(\)"),
        (nn.ReLU().state_dict(), r"got OrderedDict\. Weights alone have no forward"),
        ("model.pt", r"got str\. Build the model, load these weights into it"),
        (Path("model.safetensors"), r"Build the model, load these weights into it"),
        ("x.mav.json", r"Open a saved graph with idlmav\.load\(\)"),
        ("resnet18", r"Build the model that is called 'resnet18'"),
        (lambda x: x, r"got function\. Put what it computes into the forward"),
        (torch.relu, r"Put what it computes into the forward"),
        (X, r"got Tensor\. The model comes first: MAV\(model, x\)"),
        ([nn.ReLU(), nn.ReLU()], r"Write MAV\(torch\.nn\.Sequential\(\*layers\), x\)"),
        (Keras(), r"Models of keras are not supported, only those of PyTorch"),
        (Pipeline(), r"got Pipeline\. Pass the module inside it: \.unet"),
        (torch.export.export(nn.ReLU(), (X,)), r"got ExportedProgram\. Write MAV\(program\.module\(\), x\)"),
        (None, r"got NoneType\.$"),
    ],
    ids=lambda given: type(given).__name__ if not isinstance(given, str) else given[:20],
)
def test_what_is_no_model_is_told_the_way_to_one(given: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        MAV(given, X)
