"""Facts about ops are data: complete for torch's layers, without contradictions, and true for the installed torch."""

from __future__ import annotations

import ast
import inspect
import json
import operator
import re
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from idlmav.metrics.catalogue import DTYPE_BYTES, OPS, SAME_OP, categories, category, docs_url, ops_with
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


TEXT = (files("idlmav") / "metrics" / "operations.json").read_text(encoding="utf-8")
TABLE = json.loads(TEXT)


@pytest.mark.parametrize("group", ["layers", "ops"])
def test_every_name_has_one_entry_and_the_entries_are_sorted(group: str) -> None:
    block = TEXT[TEXT.index(f'"{group}": {{') :]
    names = re.findall(r'^  "(.*?)": {', block[: block.index("\n }")], re.MULTILINE)
    assert names == sorted(set(names)) == list(TABLE[group])


@pytest.mark.parametrize(("group", "facts"), [("layers", "facts_about_layers"), ("ops", "facts_about_ops")])
def test_every_fact_has_a_meaning_and_a_source(group: str, facts: str) -> None:
    used = {name for entry in TABLE[group].values() for name in entry}
    assert used == set(TABLE[facts])
    assert all(len(text) > 40 and text.endswith(".") for text in TABLE[facts].values())


def test_a_fact_without_a_description_is_an_error() -> None:
    with pytest.raises(KeyError):
        ops_with("moves_data_somewhere")


def test_one_name_has_one_truth() -> None:
    """An alias has the facts of its op, and FLOPs are stated in one way."""
    for name, target in SAME_OP.items():
        assert target not in SAME_OP, name
        assert OPS[name].keys() <= {"same_as", "property", "operator"}, name
    for name, facts in OPS.items():
        ways = facts.keys() & {"flops", "flops_per_output", "flops_per_input", "same_as"}
        assert len(ways) <= 1, name
        assert facts.get("category", "Shape") in categories(), name
        assert "flops" in facts or "shares_memory" not in facts, f"{name}: a view computes nothing"


def test_the_code_holds_no_list_of_ops_of_its_own() -> None:
    """A set of op names in the code is a second truth; tables from ops to functions are none."""
    package = Path(str(files("idlmav")))
    guilty = []
    for path in sorted(package.rglob("*.py")):
        for found in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                {item.value for item in found.elts if isinstance(item, ast.Constant)}
                if isinstance(found, ast.Set)
                else set()
            )
            if len(names & OPS.keys()) >= 5:
                guilty.append(f"{path.relative_to(package)}:{found.lineno}")
    assert guilty == []


def test_operators_have_the_name_of_their_op() -> None:
    torch = pytest.importorskip("torch")
    from idlmav.capture.record.classify import op_name, writes_in_place

    for name, facts in OPS.items():
        if "operator" in facts:
            for form in (f"__{name}__", f"__r{name}__", f"__i{name}__"):
                function = getattr(torch.Tensor, form, None)
                assert function is None or op_name(function) == SAME_OP.get(name, name), form
                assert function is None or writes_in_place(function) == form.startswith("__i"), form


def places() -> list[Any]:
    torch = pytest.importorskip("torch")
    names = ("linalg", "fft", "special", "nn.functional", "nn.utils.rnn", "nn.attention.flex_attention", "_C", "_C._nn")
    return [
        torch,
        torch.Tensor,
        torch.ops.aten,
        torch.ops.profiler,
        *[import_module(f"torch.{name}") for name in names],
    ]


def test_every_op_exists_in_torch() -> None:
    found = places()
    missing = []
    for name, facts in OPS.items():
        prefix, _, rest = name.partition("_")
        spellings = [name, f"{name}_", f"__{name}__", f"_{name}"] + (
            [rest] if prefix in ("fft", "linalg", "special") else []
        )
        if "outside" not in facts and not any(hasattr(place, text) for place in found for text in spellings):
            missing.append(name)
    assert missing == []


def test_names_from_outside_are_not_torchs() -> None:
    torch = pytest.importorskip("torch")
    outside = [name for name, facts in OPS.items() if "outside" in facts]
    assert [name for name in outside if hasattr(torch.Tensor, name) or callable(getattr(torch, name, None))] == []


def test_every_page_of_the_reference_names_something_in_torch() -> None:
    torch = pytest.importorskip("torch")
    for name, facts in OPS.items():
        page = facts.get("docs")
        assert page is None or operator.attrgetter(page)(torch), name


def test_every_dtype_of_torch_has_its_size() -> None:
    torch = pytest.importorskip("torch")
    dtypes = {value for value in vars(torch).values() if isinstance(value, torch.dtype)}
    assert {str(dtype).removeprefix("torch."): dtype.itemsize for dtype in dtypes} == DTYPE_BYTES


@pytest.mark.parametrize("name", sorted(ops_with("shares_memory") - {"identity"}))
def test_what_shares_memory_is_a_view_in_torch(name: str) -> None:
    """Torch's own schemas are an independent source: an op that is no view there must be a write or a number."""
    torch = pytest.importorskip("torch")
    packet = getattr(torch.ops.aten, name, None)
    schemas = [getattr(packet, overload)._schema for overload in packet.overloads()] if packet is not None else []
    views = any(result.alias_info is not None for schema in schemas for result in schema.returns)
    composite = {"broadcast_to", "conj", "data", "flatten", "imag", "item", "ravel", "real", "setitem", "tensor_split"}
    assert views or name in composite


def test_factories_are_torchs_constructors() -> None:
    pytest.importorskip("torch")
    from torch.utils._device import _device_constructors

    known = {function.__name__ for function in _device_constructors()}
    assert {name for name, facts in OPS.items() if "creates" in facts} <= known


def test_the_palette_names_ops_and_categories_of_the_catalogue() -> None:
    common = json.loads((files("idlmav") / "scene" / "palettes.json").read_text(encoding="utf-8"))["common"]
    assert set(common["operations"]) <= {*OPS, "Shape"}
    assert set(common["categories"]) <= set(categories())


def test_docs_url() -> None:
    assert docs_url("nn.Conv2d") == "https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html"
    assert docs_url("cat()") == "https://docs.pytorch.org/docs/stable/generated/torch.cat.html"
    assert docs_url("gelu()") == "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html"
    assert docs_url("view()") == "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html"
    assert docs_url("concat()") == docs_url("cat()")
    assert docs_url("fft_rfft()") == "https://docs.pytorch.org/docs/stable/generated/torch.fft.rfft.html"
    assert docs_url("identity()") is docs_url("input") is docs_url("mystery()") is None
    assert docs_url("nn.Mystery") is None
