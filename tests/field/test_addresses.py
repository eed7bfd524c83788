"""Addresses that a model asks for are real: code in C may use them, and tensors that share memory have the same."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from idlmav.capture import capture


class Asks(nn.Module):
    """Hands its input and its weight to a function."""

    def __init__(self, use: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(12.0).reshape(3, 4))
        self.use = use

    def forward(self, x: Tensor) -> Tensor:
        assert self.use(self, x) is not False
        return x @ self.weight


def read(address: int, count: int) -> list[float]:
    return list((ctypes.c_float * count).from_address(address))


def copies_in_c(m: Asks, x: Tensor) -> None:
    y = x * 2
    out = torch.empty_like(y)
    ctypes.memmove(out.data_ptr(), y.data_ptr(), y.numel() * y.element_size())


def fills_a_large_one(m: Asks, x: Tensor) -> None:
    large = x.new_zeros(1 << 22)
    ctypes.memset(large.data_ptr(), 1, 1 << 24)


def writes_into_the_weight(m: Asks, x: Tensor) -> bool:
    before = read(m.weight.data_ptr(), 12)
    ctypes.memset(m.weight.data_ptr(), 0, 48)
    return before == [float(i) for i in range(12)]


def as_a_key(m: Asks, x: Tensor) -> bool:
    y, z = x * 2, x * 2
    found = {y.data_ptr(): "y", z.data_ptr(): "z", m.weight.data_ptr(): "w"}
    return found[y.data_ptr()] == "y" and len(found) == 3


def of_views(m: Asks, x: Tensor) -> bool:
    y = x * 2
    same = y.view(-1).data_ptr() == y.data_ptr() and y.detach().data_ptr() == y.data_ptr()
    return same and y[1].data_ptr() == y.data_ptr() + 12 and y.clone().data_ptr() != y.data_ptr()


def of_the_weights_view(m: Asks, x: Tensor) -> bool:
    return m.weight.t().data_ptr() == m.weight.data_ptr() == m.weight.data.data_ptr()


def of_storages(m: Asks, x: Tensor) -> bool:
    y = x * 2
    row = y[1]
    ctypes.memset(row.untyped_storage().data_ptr(), 1, row.untyped_storage().nbytes())
    return row.untyped_storage().data_ptr() == y.data_ptr() == y.storage().data_ptr()


def sets_a_storage(m: Asks, x: Tensor) -> bool:
    y = x * 2
    address = y.untyped_storage().data_ptr()
    y.new_empty(0).set_(y.untyped_storage(), 0, (2, 3), (3, 1))
    return address != 0


def through_numpy(m: Asks, x: Tensor) -> None:
    array = (x * 2).numpy()
    ctypes.memset(array.__array_interface__["data"][0], 1, array.nbytes)
    np.asarray(x).sum()


def of_numbers(m: Asks, x: Tensor) -> bool:
    ids = torch.arange(4)
    return list((ctypes.c_int64 * 4).from_address(ids.data_ptr())) == [0, 1, 2, 3]


def of_nothing(m: Asks, x: Tensor) -> bool:
    return (x[:0] * 2).data_ptr() == 0


USES = (
    copies_in_c, fills_a_large_one, writes_into_the_weight, as_a_key, of_views, of_the_weights_view, of_storages,
    sets_a_storage, through_numpy, of_numbers, of_nothing,
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_addresses_are_real(use: Callable[[Any, Tensor], Any]) -> None:
    model, x = Asks(use), torch.ones(2, 3)
    for _ in range(2):
        assert capture(model, (x,)).errors == ()
    assert torch.equal(model.weight, torch.arange(12.0).reshape(3, 4))


def test_addresses_on_a_missing_device_are_an_error_of_the_picture() -> None:
    if torch.cuda.is_available():
        pytest.skip("the device is there")
    graph = capture(Asks(lambda m, x: (x * 2).data_ptr() > 0), (torch.ones(2, 3),), device="cuda")
    assert len(graph.errors) == 1
    assert "memory" in graph.errors[0].message
