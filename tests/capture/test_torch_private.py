"""What capture uses of torch and CPython without a promise: all of it is there, and what is missing is named."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from idlmav.capture import capture, python_private, torch_private
from idlmav.graph import Graph

LACKING = {
    "2.4": ("torch._C._is_torch_function_all_disabled", "torch.compiler.set_stance"),
    "2.5": ("torch.compiler.set_stance",),
}
"""By version of torch, what older ones lack that capture works without."""


def test_the_installed_torch_has_everything() -> None:
    assert torch_private.missing() == LACKING.get(torch.__version__.rpartition(".")[0], ())


def test_the_running_python_works_as_expected() -> None:
    assert python_private.missing() == ()


@pytest.fixture
def loaded_again() -> Callable[[], ModuleType]:
    """Load the adapter once more, as it is with what torch has at this moment."""

    def load() -> ModuleType:
        spec = importlib.util.spec_from_file_location("loaded_again", Path(torch_private.__file__))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_a_missing_name_with_something_in_its_place_is_listed(
    monkeypatch: pytest.MonkeyPatch, loaded_again: Callable[[], ModuleType]
) -> None:
    lacking = loaded_again().missing()
    monkeypatch.delattr(torch._C, "_is_any_autocast_enabled")
    monkeypatch.delattr(nn.modules.pooling, "_MaxPoolNd")
    adapter = loaded_again()
    found = [name for name in adapter.missing() if name not in lacking]
    assert found == ["torch._C._is_any_autocast_enabled", "torch.nn.modules.pooling._MaxPoolNd"]
    adapter.check()
    assert adapter.any_autocast() is False
    assert not isinstance(nn.MaxPool2d(2), adapter.Pools)


def test_a_missing_name_that_is_needed_is_named_when_a_model_is_captured(
    monkeypatch: pytest.MonkeyPatch, loaded_again: Callable[[], ModuleType]
) -> None:
    monkeypatch.delattr(torch._C, "_disabled_torch_function_impl")
    adapter = loaded_again()
    monkeypatch.setattr(torch_private, "_needed", adapter._needed)
    with pytest.raises(RuntimeError, match=r"torch \d.*lacks torch\._C\._disabled_torch_function_impl\. Install"):
        capture(nn.ReLU(), (torch.zeros(2),))


@pytest.mark.parametrize(
    ("name", "fallback"),
    [("function_mode_depth", lambda: 0), ("functions_disabled", lambda: True), ("GLOBAL_HOOKS", ({"unknown": None},))],
)
def test_capture_works_without_what_the_memo_of_layers_asks(
    name: str, fallback: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from idlmav.capture.mode import layer_memo

    def captured() -> Graph:
        return capture(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), (torch.zeros(2, 3),))

    expected = captured()
    layer_memo.LEAF_MEMO.clear()
    monkeypatch.setattr(layer_memo, name, fallback)
    assert captured() == expected
    assert not layer_memo.LEAF_MEMO, "layers were looked up all the same"


def _raised(call: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the message is what is tested
        call()
    return caught.value


def test_torch_words_its_messages_as_expected() -> None:
    meta = torch.zeros(2, device="meta")
    with warnings.catch_warnings(action="ignore"):  # nested tensors are a prototype
        nested = torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])
    assert torch_private.needs_grad(_raised(lambda: torch.zeros(2).sum().backward()))
    assert torch_private.is_about_nested(_raised(lambda: nested.shape))
    assert torch_private.needs_values(_raised(lambda: meta.sum().item()))
    assert torch_private.needs_values(_raised(lambda: torch.zeros(2) + meta))
    assert not torch_private.needs_values(_raised(lambda: torch.zeros(2) + torch.zeros(3)))
    assert torch_private.is_about_devices(_raised(lambda: torch.cat([torch.zeros(2), meta])))


def test_private_names_of_torch_are_used_in_the_adapter_only() -> None:
    package = Path(torch_private.__file__).parent
    words = ("torch._C", "torch._ops", "torch._VF", "torch._subclasses", "_python_dispatch", "_cdata", "_call_impl(")
    found = [
        f"{path.relative_to(package)}: {word}"
        for path in package.rglob("*.py")
        if path != Path(torch_private.__file__)
        for word in words
        if word in path.read_text("utf-8")
    ]
    assert found == []
