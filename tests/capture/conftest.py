"""Fixtures for capture's tests: models that are slow to build are built once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def counted_flops() -> Callable[..., int]:
    """``counted_flops(model, args, kwargs)``: what torch's own counter says on the meta device."""

    def on_meta(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.to("meta")
        if isinstance(value, dict):
            return {key: on_meta(item) for key, item in value.items()}
        return type(value)(map(on_meta, value)) if isinstance(value, (list, tuple)) else value

    def count(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model.to("meta")(*on_meta(args), **on_meta(kwargs))
        return counter.get_total_flops()

    return count
