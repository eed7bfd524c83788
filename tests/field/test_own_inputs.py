"""Inputs that a model brings along are used before anything is guessed, and the picture says where they come from."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
import torchvision_shim  # noqa: F401 - timm and transformers import torchvision
from torch import Tensor, nn

from idlmav import MAV


class Plain(nn.Module):
    """A model of two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(6, 4), nn.Linear(5, 4)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.left(x) if y is None else self.left(x) + self.right(y)


class OnlyDict(nn.Module):
    """A model whose only argument is a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 4)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.layer(batch["x"])


def with_value(model: nn.Module, name: str, value: Any) -> nn.Module:
    setattr(model, name, value)
    return model


def first_shapes(model: nn.Module, **options: Any) -> list[tuple[int, ...]]:
    mav = MAV(model, **options)
    return [node.shapes[0] for node in mav.graph.nodes if node.kind == "input"]


# Lightning: https://lightning.ai/docs, LightningModule.example_input_array: a tensor, a tuple or a dict for forward.
@pytest.mark.parametrize(
    ("model", "value", "shapes"),
    [
        (Plain(), torch.zeros(7, 6), [(7, 6)]),
        (Plain(), (torch.zeros(7, 6),), [(7, 6)]),
        (Plain(), (torch.zeros(7, 6), torch.zeros(7, 5)), [(7, 6), (7, 5)]),
        (Plain(), {"x": torch.zeros(7, 6), "y": torch.zeros(7, 5)}, [(7, 6), (7, 5)]),
        (Plain(), OrderedDict(x=torch.zeros(7, 6)), [(7, 6)]),
        (OnlyDict(), {"x": torch.zeros(7, 6)}, [(7, 6)]),
        (OnlyDict(), ({"x": torch.zeros(7, 6)},), [(7, 6)]),
    ],
)
@pytest.mark.parametrize("name", ["example_input_array", "example_inputs", "dummy_inputs", "sample_input"])
def test_an_example_of_the_model_is_used(model: nn.Module, name: str, value: Any, shapes: list[Any]) -> None:
    model = with_value(model, name, value)
    try:
        mav = MAV(model)
    finally:
        delattr(model, name)
    assert [node.shapes[0] for node in mav.graph.nodes if node.kind == "input"] == shapes
    assert mav.graph.inputs.endswith(f"(from {name})")
    assert "assumed" not in mav.graph.inputs
    assert not mav.graph.errors


def test_lightnings_example_is_used_although_forward_fails_with_it() -> None:
    graph = MAV(with_value(Plain(), "example_input_array", torch.zeros(2, 9))).graph
    assert graph.inputs == "x: (2, 9) float32 (from example_input_array)"
    assert "cannot be multiplied" in graph.errors[0].message


def test_an_example_that_another_library_calls_so_is_passed_over_if_forward_fails_with_it() -> None:
    graph = MAV(with_value(Plain(), "dummy_inputs", torch.zeros(2, 9))).graph
    assert graph.inputs.startswith("x: assumed")
    assert not graph.errors


@pytest.mark.parametrize("value", [None, "text", 3, [], ["a", "b"], {"x": 1}, lambda: torch.zeros(7, 6)])
def test_what_holds_no_tensor_is_no_example(value: Any) -> None:
    graph = MAV(with_value(Plain(), "example_inputs", value)).graph
    assert graph.inputs.startswith("x: assumed")


def test_a_property_that_raises_is_no_example() -> None:
    class Lazy(Plain):
        @property
        def example_input_array(self) -> Tensor:
            raise RuntimeError("the data are not loaded")

    assert MAV(Lazy()).graph.inputs.startswith("x: assumed")


def test_given_inputs_and_sizes_take_precedence() -> None:
    model = with_value(Plain(), "example_input_array", torch.zeros(7, 6))
    assert first_shapes(model, inputs=torch.zeros(3, 6)) == [(3, 6)]
    assert first_shapes(model, sizes={"x": (4, None)}) == [(4, 6)]


def test_keyword_arguments_of_the_user_are_put_beside_the_example() -> None:
    model = with_value(Plain(), "example_input_array", (torch.zeros(7, 6), torch.zeros(7, 5)))
    graph = MAV(model, input_kwargs={"y": torch.zeros(1, 5)}).graph
    assert graph.inputs == "x: (7, 6) float32, y: (1, 5) float32 (from example_input_array, beside what was given)"


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch itself, on the first use of its compiler
def test_the_example_of_a_compiled_model_is_that_of_its_original() -> None:
    model = torch.compile(with_value(Plain(), "example_input_array", torch.zeros(7, 6)))
    assert first_shapes(model) == [(7, 6)]


def test_the_page_and_the_picture_say_where_the_input_comes_from(tmp_path: Any) -> None:
    mav = MAV(with_value(Plain(), "example_input_array", torch.zeros(7, 6)))
    assert "from example_input_array" in mav.summary()
    mav.save(tmp_path / "page.html")
    assert "from example_input_array" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("resnet10t", {}, "(1, 3, 176, 176) float32 (from default_cfg)"),
        ("tf_mobilenetv3_small_minimal_100", {}, "(1, 3, 224, 224) float32 (from default_cfg)"),
        ("vit_tiny_patch16_384", {}, "(1, 3, 384, 384) float32 (from default_cfg)"),
    ],
)
def test_timm_models_have_the_size_of_their_configuration(name: str, options: Any, text: str) -> None:
    import timm

    with torch.device("meta"):
        model = timm.create_model(name, pretrained=False, **options)
    assert model.default_cfg["input_size"][1] == int(text.split(", ")[2])
    graph = MAV(model).graph
    assert graph.inputs == f"x: {text}"
    assert not graph.errors


@pytest.mark.parametrize("size", [(3, 224, 224), [3, 224, 224], (3, 0, 224), "224", None, (3,), (3, 2.5, 2)])
def test_a_configuration_that_is_no_size_is_passed_over(size: Any) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    graph = MAV(with_value(model, "default_cfg", {"input_size": size})).graph
    assert not graph.errors
    assert graph.inputs.endswith("(from default_cfg)") == (size in ((3, 224, 224), [3, 224, 224]))


def test_transformers_dummy_inputs_are_used_where_they_fit() -> None:
    from transformers import BertConfig, BertModel, ViTConfig, ViTModel

    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    bert = BertModel(BertConfig(**small))
    graph = MAV(bert).graph
    rows, steps = bert.dummy_inputs["input_ids"].shape
    assert graph.inputs == f"input_ids: ({rows}, {steps}) int64 (from dummy_inputs)"
    # transformers has tokens as dummy inputs of image models, too.
    graph = MAV(ViTModel(ViTConfig(image_size=32, patch_size=8, **small))).graph
    assert graph.inputs.startswith("pixel_values: assumed (1, 3, 32, 32)")


def test_a_traced_graph_has_the_sizes_it_was_traced_with() -> None:
    exported = torch.export.export(Plain().eval(), (torch.zeros(7, 6), torch.zeros(7, 5)))
    assert first_shapes(exported.module()) == [(7, 6), (7, 5)]
