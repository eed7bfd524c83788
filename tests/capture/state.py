"""Everything that a forward pass could change in a model or in the process, to be compared before and after."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["assert_same", "changes", "generators", "state"]


def state(model: nn.Module) -> dict[str, Any]:
    """Return values, identities, attributes, modes and hooks of a model, by path and name."""
    found: dict[str, Any] = {}
    for path, module in model.named_modules():
        for name, value in module.__dict__.items():
            key = f"{path}.{name}"
            if isinstance(value, dict):
                found[key] = [(k, id(v)) for k, v in value.items()]
            elif isinstance(value, (list, set)):
                found[key] = [id(item) for item in value]
            else:
                found[key] = value if isinstance(value, (bool, int, float, str, tuple, type(None))) else id(value)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        found[name] = (
            tensor.detach().clone(),
            tensor._version,
            tensor.requires_grad,
            tensor.grad,
            type(tensor),
            tensor.device,
        )
    return found


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return the names of what differs between two states."""
    found = [name for name in {**before, **after} if (name in before) != (name in after)]
    for key, value in before.items():
        other = after.get(key)
        if isinstance(value, tuple) and value and isinstance(value[0], Tensor):
            if other is None or not _equal_bits(value[0], other[0]) or value[1:] != other[1:]:
                found.append(key)
        elif value != other and key not in found:
            found.append(key)
    return found


def assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Fail with the names of what differs between two states."""
    assert changes(before, after) == []


def _equal_bits(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors are equal, where what was never initialized may be no number."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return one.is_meta or torch.equal(one, other) or torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def generators() -> list[Any]:
    """Return the states of torch's, Python's and NumPy's generators."""
    numpy_state = np.random.get_state()
    return [torch.get_rng_state().tolist(), random.getstate(), numpy_state[1].tolist(), numpy_state[2:]]
