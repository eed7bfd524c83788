"""Copy a model whose parts cannot all be copied: locks, loggers, files, generators."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

from torch import nn

from idlmav.capture.tree import Tree

__all__ = ["copied"]


def copied(tree: Tree, memo: dict[int, Any]) -> nn.Module:
    """
    Return a deep copy of a model; what cannot be copied is shared.

    `memo` has what stands for objects in the copy, by id, as for `copy.deepcopy`.
    """
    found: Any = None
    with contextlib.suppress(Exception):  # also a RecursionError of a model that is nested deeply
        found = copy.deepcopy(tree.model, dict(memo))
    is_copy = isinstance(found, nn.Module) and found is not tree.model
    return found if is_copy else _module_by_module(tree, memo)


def _module_by_module(tree: Tree, memo: dict[int, Any]) -> nn.Module:
    memo = {**memo, **{id(module): object.__new__(type(module)) for _, module in tree.modules}}
    for _, module in tree.modules:
        attributes = {name: _part(value, memo) for name, value in vars(module).items()}
        vars(memo[id(module)]).update(attributes)
    found: nn.Module = memo[id(tree.model)]
    return found


def _part(value: Any, memo: dict[int, Any]) -> Any:
    try:
        return copy.deepcopy(value, memo)
    except Exception:  # noqa: BLE001 - whatever the reason, it is shared
        kind = type(value)
        if kind is dict:
            return {key: _part(item, memo) for key, item in value.items()}
        return kind([_part(item, memo) for item in value]) if kind in (list, tuple) else value
