"""Models that raise are rewritten with private names as in their class, and nothing but the model is rewritten."""

from __future__ import annotations

import statistics
from types import CodeType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from idlmav.capture import capture
from idlmav.capture.repair import rewrite


class Private(nn.Module):
    """Uses private names in every way that a method can."""

    def __init__(self) -> None:
        super().__init__()
        self.__layer = nn.Linear(4, 4)
        self.__scale = 2.0

    @staticmethod
    def __double(x: Tensor, *, __by: float = 2.0) -> Tensor:
        return x * __by

    def forward(self, x: Tensor) -> Tensor:
        __local = self.__layer(x)
        inner = lambda y: y * self.__scale
        __local = self.__double(inner(__local), __by=self.__scale)
        self.__scale = 3.0
        self.missing(__local)
        return self.__layer(__local)


class _Underscored(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.__layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        def __inner(y: Tensor) -> Tensor:
            return self.__layer(y)

        raise_here(x)
        return __inner(x).relu()


class __(nn.Module):  # noqa: N801
    def __init__(self) -> None:
        super().__init__()
        self.__layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        raise_here(x)
        return self.__layer(x)


class Derived(Private):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu()


def raise_here(x: Tensor) -> None:
    raise ValueError("here")


def nested() -> nn.Module:
    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.__layer = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            raise_here(x)
            return self.__layer(x)

    return Inner()


MODELS = {Private: 2, _Underscored: 1, __: 1, Derived: 2, nested: 1}


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_private_names_work(make: Any) -> None:
    graph = capture(make(), (torch.ones(2, 4),))
    assert len(graph.errors) == 1
    assert not any("has no attribute '__" in error.message for error in graph.errors)
    assert sum(node.op == "linear" for node in graph.nodes) == MODELS[make]


@pytest.mark.parametrize(
    "use",
    [lambda: statistics.mean([]), lambda: np.concatenate([np.ones(2), np.ones((2, 2))]), lambda: int("x")],
    ids=["statistics", "numpy", "int"],
)
def test_other_code_is_left_alone(use: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Uses(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = x * 2
            use()
            return y + 1

    files: list[str] = []
    original = rewrite.rewritten_code

    def noted(code: CodeType, runtime: Any) -> CodeType | None:
        files.append(code.co_filename)
        return original(code, runtime)

    monkeypatch.setattr("idlmav.capture.repair.rewritten_code", noted)
    graph = capture(Uses(), (torch.ones(2, 4),))
    assert [error.kind for error in graph.errors] in (["StatisticsError"], ["ValueError"])
    assert [node.op for node in graph.nodes if node.status == "ran"][:2] == ["input", "mul"]
    assert "add" in {node.op for node in graph.nodes}
    if files:
        assert set(files) == {__file__}
