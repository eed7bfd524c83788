"""Run `torch.cond` and `torch.while_loop` as Python's ``if`` and ``while``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from idlmav.capture.record.classify import function_name

__all__ = ["run_control"]


def run_control(
    mode: TorchFunctionMode, func: Any, args: Any, kwargs: dict[str, Any], ask: Callable[[Tensor], Any]
) -> Any:
    """Run a control-flow op with a mode that sees the ops in it; `ask` tells whether a tensor is true."""
    condition, first, second, operands = list(args) + list(kwargs.values())

    def is_true(value: Any) -> bool:
        return bool(ask(value) if isinstance(value, Tensor) else value)

    def call(function: Any, *values: Any) -> Any:
        with mode:  # which is off while it handles a call
            return function(*values)

    if function_name(func) == "cond":
        return call(first if is_true(condition) else second, *operands)
    values = tuple(second)
    while is_true(call(condition, *values, *operands)):
        values = tuple(call(first, *values, *operands))
    return values
