"""Caches of functions: a capture neither reads tensors from them nor leaves any in them."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from idlmav.capture import capture

SIZE = 1 << 17  # more than what stays real
made: list[object] = []


@lru_cache(maxsize=4)
def table(size: int) -> Tensor:
    return torch.zeros(size) + 1


@cache
def in_a_dict(size: int) -> dict[str, Any]:
    return {"table": [torch.ones(size)]}


@cache
def registry() -> list[int]:
    made.append(registry)
    return []


def wrapped(function: Any) -> Any:
    keeping = lru_cache(maxsize=1)(function)

    def call(*args: Any) -> Any:
        return keeping(*args)

    return call


class Cached(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        registry().append(1)
        return x + table(SIZE) + table(SIZE) + in_a_dict(SIZE)["table"][0] + self.own(SIZE)

    @staticmethod
    @wrapped
    def own(size: int) -> Tensor:
        return torch.ones(size)


@pytest.fixture(autouse=True)
def empty_caches() -> None:
    for function in (table, in_a_dict, registry):
        function.cache_clear()
    made.clear()


def test_a_capture_leaves_nothing_behind() -> None:
    model, x = Cached(), torch.ones(SIZE)
    capture(model, (x,))
    assert table.cache_info().currsize == 0
    assert in_a_dict.cache_info().currsize == 0
    assert torch.equal(model(x), torch.full((SIZE,), 5.0))
    assert torch.equal(table(SIZE), torch.ones(SIZE))


def test_the_graph_does_not_depend_on_what_ran_before() -> None:
    model, x = Cached(), torch.ones(SIZE)
    first = capture(model, (x,))
    model(x)
    assert capture(model, (x,)) == first
    assert [node.op for node in first.nodes if node.kind == "op"] == [
        "zeros",
        "add",
        "add",
        "add",
        "ones",
        "add",
        "ones",
        "add",
    ]


def test_caches_without_tensors_are_kept() -> None:
    model, x = Cached(), torch.ones(SIZE)
    model(x)
    before = registry()
    capture(model, (x,))
    assert registry() is before
    assert len(made) == 1


def test_no_tensor_stays_in_a_cache_after_an_interruption() -> None:
    class Stops(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            table(SIZE)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        capture(Stops(), (torch.ones(2),))
    assert table.cache_info().currsize == 0
