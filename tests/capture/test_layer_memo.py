"""Layers are looked up only if the catalogue lists everything that their ``forward`` reads."""

from __future__ import annotations

import dis
import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from idlmav.capture import capture
from idlmav.capture.mode import layer_memo
from idlmav.capture.mode.layer_memo import LEAVES, leaf_of
from idlmav.metrics.catalogue import LAYERS

LISTED = sorted(name for name, facts in LAYERS.items() if "reads" in facts)


def ops(model: nn.Module, *, calls: int = 2) -> list[str]:
    """Capture several times, so that every layer that can be looked up is; return the last graph's ops."""
    for _ in range(calls):
        graph = capture(model, (torch.zeros(1, 3, 8, 8),))
    return [node.op for node in graph.nodes if node.kind == "op"]


@pytest.mark.parametrize("name", LISTED)
def test_the_installed_torch_has_the_listed_settings_only(name: str) -> None:
    assert leaf_of(getattr(nn, name)) is not None
    assert getattr(nn, name) in LEAVES


def read_attributes(kind: type[nn.Module], method: str = "forward") -> set[str]:
    """Return the attributes of ``self`` that a method of torch reads, and those of the methods that it calls."""
    found: set[str] = set()
    instructions = list(dis.get_instructions(getattr(kind, method)))
    for before, instruction in itertools.pairwise(instructions):
        if instruction.opname in ("LOAD_ATTR", "LOAD_METHOD") and before.argval == "self":
            name = str(instruction.argval)
            found |= read_attributes(kind, name) if inspect.isfunction(getattr(kind, name, None)) else {name}
    return found


@pytest.mark.parametrize("name", LISTED)
def test_forward_reads_the_listed_attributes_only(name: str) -> None:
    """Torch's byte code is the independent source."""
    facts = LAYERS[name]
    derived = {
        "_reversed_padding_repeated_twice",  # from padding, dilation and the sizes of the weight
        "num_batches_tracked",  # a layer that counts batches is never looked up
        "running_mean", "running_var", "training",
    }  # fmt: skip
    read = read_attributes(getattr(nn, name))
    assert read <= {*facts["reads"], *facts.get("tensors", []), *derived}
    assert not facts["reads"] or read & set(facts["reads"]), "the byte code was not understood"


def with_power(own: Any) -> Any:
    """Return a constructor with a setting that torch's does not have."""

    def constructor(self: nn.Module, inplace: bool = False, *, power: int = 1) -> None:
        own(self, inplace)
        self.power = power

    return constructor


def variadic(own: Any) -> Any:
    """Return a constructor that takes whatever it is given."""

    def constructor(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        own(self, *args, **kwargs)

    return constructor


@pytest.mark.parametrize("changed", [with_power, variadic, functools.partial])
def test_a_constructor_with_an_unlisted_setting_is_not_covered(
    changed: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert leaf_of(nn.ReLU) is not None
    monkeypatch.setattr(nn.ReLU, "__init__", changed(nn.ReLU.__init__))
    assert leaf_of(nn.ReLU) is None


@pytest.mark.parametrize("in_table", [False, True])
def test_a_new_setting_is_seen_in_the_graph(in_table: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later torch might give ReLU a setting that forward reads: two values of it give two graphs."""
    own = nn.ReLU.forward

    def forward(self: nn.ReLU, x: Tensor) -> Tensor:
        return own(self, x) if self.power == 1 else own(self, x).square()

    monkeypatch.setattr(nn.ReLU, "__init__", with_power(nn.ReLU.__init__))
    monkeypatch.setattr(nn.ReLU, "forward", forward)
    forward.__module__ = own.__module__
    if not in_table:  # as when idlmav is imported with that torch
        monkeypatch.delitem(LEAVES, nn.ReLU)
        assert leaf_of(nn.ReLU) is None
    assert ops(nn.Sequential(nn.ReLU(), nn.ReLU())) == ["relu", "relu"]
    assert ops(nn.Sequential(nn.ReLU(power=2), nn.ReLU())) == ["relu", "square", "relu"]


def test_a_constructor_patched_after_the_import_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_memo, "LEAF_MEMO", {})
    monkeypatch.setattr(nn.GELU, "__init__", variadic(nn.GELU.__init__))
    ops(nn.Sequential(nn.GELU(), nn.GELU()))
    assert not layer_memo.LEAF_MEMO


def test_a_subclass_runs_its_own_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    class Leaky(nn.ReLU):
        def __init__(self, slope: float) -> None:
            super().__init__()
            self.slope = slope

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + self.slope * x

    monkeypatch.setattr(layer_memo, "LEAF_MEMO", {})
    assert leaf_of(Leaky) is None
    assert ops(Leaky(0.1)) == ["relu", "mul", "add"]
    assert not layer_memo.LEAF_MEMO


@pytest.mark.parametrize("facts", [{"reads": []}, {"reads": ["inplace"], "unread": []}, {"reads": ["negative_slope"]}])
def test_a_line_that_lists_too_little_is_not_used(facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYERS, "LeakyReLU", facts)
    assert leaf_of(nn.LeakyReLU) is None
