"""Categories are data: complete for torch's layers, without contradictions."""

from __future__ import annotations

import inspect
import json
from importlib.resources import files

import pytest

from idlmav.metrics.catalogue import categories, category, docs_url
from idlmav.metrics.flops import ESTIMATES


@pytest.mark.parametrize(
    ("operation", "op", "wanted"),
    [
        ("nn.Conv2d", "conv2d", "Convolution"), ("nn.MaxPool2d", "max_pool2d", "Pooling"), ("add()", "add", "Arithmetic"),
        ("nn.ReLU", "relu", "Non-linear activations"), ("relu()", "relu", "Non-linear activations"),
        ("nn.BatchNorm2d", "batch_norm", "Normalization"), ("nn.LSTM", "lstm", "Recurrent"), ("nn.Embedding", "embedding", "Sparse"),
        ("scaled_dot_product_attention()", "scaled_dot_product_attention", "Transformer"), ("view()", "view", "Shape"),
        ("nn.Conv9d", "conv2d", "Convolution"), ("mystery()", "mystery", "Other"), ("input", "input", "Input and output"),
    ],
)  # fmt: skip
def test_category(operation: str, op: str, wanted: str) -> None:
    assert category(operation, op) == wanted
    assert wanted in categories()


def test_every_layer_of_torch_has_a_category() -> None:
    nn = pytest.importorskip("torch.nn")
    containers = {
        "Module",
        "Sequential",
        "ModuleList",
        "ModuleDict",
        "ParameterList",
        "ParameterDict",
        "Container",
        "DataParallel",
        "Buffer",
    }
    layers = {name for name, kind in vars(nn).items() if inspect.isclass(kind) and issubclass(kind, nn.Module)}
    assert [name for name in sorted(layers - containers) if category(f"nn.{name}") == "Other"] == []


def test_every_op_with_a_formula_has_a_category() -> None:
    assert [op for op in sorted(ESTIMATES) if category(f"{op}()", op) == "Other"] == []


def test_the_table_is_sorted_and_says_where_it_is_from() -> None:
    table = json.loads((files("idlmav") / "metrics" / "operations.json").read_text(encoding="utf-8"))
    assert table["source"].startswith("Sections of https://docs.pytorch.org/")
    for name, members in table["categories"].items():
        assert members.keys() == {"layers", "functions"}, name
        for names in members.values():
            assert names == sorted(set(names)), name
    functions = [op for members in table["categories"].values() for op in members["functions"]]
    assert len(functions) == len(set(functions))


def test_docs_url() -> None:
    assert docs_url("nn.Conv2d") == "https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html"
    assert docs_url("cat()") == "https://docs.pytorch.org/docs/stable/generated/torch.cat.html"
    assert docs_url("gelu()") == "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html"
    assert docs_url("view()") == "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html"
    assert docs_url("mystery()") is None
    assert docs_url("nn.Mystery") is None
