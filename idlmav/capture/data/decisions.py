"""Answers to a model that reads values (a truth value, a number, an array), and tensors it makes (arange, zeros)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from idlmav.capture.data.replay import Replay
from idlmav.capture.record.classify import RETURN_TRUTH, function_name
from idlmav.capture.record.operands import SMALL, Operands
from idlmav.capture.record.source import Where
from idlmav.capture.record.trace import META, OpRecord, Trace
from idlmav.capture.record.values import map_tensors, tensors_in
from idlmav.capture.shapes.rules.registry import contiguous
from idlmav.metrics.catalogue import ops_with

__all__ = ["SIZES", "Decisions", "Guess"]

_FROM_VALUES = ops_with("creates", "from values")
_FROM_SIZES = ops_with("creates", "from sizes")
_RANDOM_OR_EMPTY = frozenset({"rand", "randn", "empty"})
_ARRAY_AT_MOST = 1 << 22
_SIZE_AT_MOST = 16
SIZES = "sizes"
"""Stands for all guesses of sizes: turned round, these are the largest possible ones."""
Guess = Where | str | None
"""Place of a guessed truth value, or `SIZES`."""


class Decisions:
    """
    Answers with the true value if the operands are real, else with a guess, which the record notes.

    Attributes
    ----------
    branches : frozenset of Where
        Places at which a guess is turned round.
    guessed : dict of Where to None
        Places at which a truth value was guessed, in order; `SIZES` among them if a size was.
    """

    def __init__(self, trace: Trace, operands: Operands, replay: Replay) -> None:
        self.trace = trace
        self.replay = replay
        self.operands = operands
        self.asked: dict[Any, int] = {}
        self.branches: frozenset[Guess] = frozenset()
        self.guessed: dict[Guess, None] = {}

    @property
    def size_at_most(self) -> int | None:
        """Largest size that is guessed: small, so that loops over what was found are short."""
        return None if SIZES in self.branches else _SIZE_AT_MOST

    def guess_size(self, op: OpRecord) -> None:
        """Mark an op whose size is guessed."""
        self.trace.mark_guess(op)
        self.guessed.setdefault(SIZES)

    def ask(self, op: OpRecord | None, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Return the value that a function reads from a tensor; `op` is its record if it has to be guessed."""
        if op is None:
            return func(*self.operands.replace(args), **kwargs)
        tensor, name = args[0], function_name(func)
        self.trace.mark_guess(op)
        if name in RETURN_TRUTH:
            # A loop that waits for a condition must end: after a while the other answer is given.
            seen = self.asked[op.where] = self.asked.get(op.where, 0) + 1
            self.guessed.setdefault(op.where)
            guess = name in ("equal", "allclose") or self._made_by(tensor) == "all"
            return (guess != (op.where in self.branches)) != (seen > 16)
        if name in ("tolist", "numpy", "__array__"):
            shape = tensor.shape if tensor.numel() <= _ARRAY_AT_MOST else (1,)
            zeros = torch.zeros(shape, dtype=tensor.dtype)
            return zeros.tolist() if name == "tolist" else zeros.numpy()
        value: float = 1.0 if tensor.dtype.is_floating_point else 1
        if name == "__format__":
            return format(0, *args[1:])  # mostly the position of a layer
        if tensor.dtype is torch.bool and name == "item":
            return False
        return float(value) if name == "__float__" else int(value) if name in ("__int__", "__index__") else value

    def _made_by(self, tensor: Tensor) -> str:
        index = self.trace.origins.get(id(tensor), (-1, 0, None))[0]
        func = self.trace.ops[index].func if index >= 0 else None
        return function_name(func) if callable(func) else ""

    def create(self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any]) -> Tensor:
        """Return a new tensor: real if it is small, so that masks made of it can be computed, else a meta tensor."""
        name = function_name(func)
        args = self.operands.replace(tuple(args))
        operands = tensors_in((args, kwargs))
        true = self.replay.arguments(args, kwargs, op.origins) if any(tensor.is_meta for tensor in operands) else None
        if true is not None:
            args, kwargs = true
        elif any(tensor.is_meta for tensor in operands):
            self.trace.mark_guess(op)
            if name in _FROM_VALUES:
                dtype = kwargs.get("dtype") or operands[0].dtype
                return contiguous(_nested_shape(args[0]), dtype)
            args = map_tensors(lambda tensor: 1 if tensor.is_meta and tensor.dim() == 0 else tensor, args)
        kwargs = {key: value for key, value in kwargs.items() if key not in ("device", "pin_memory", "requires_grad")}
        count = _element_count(name, args, kwargs)
        real = count <= (64 if name in _RANDOM_OR_EMPTY else SMALL)
        if not real:
            kwargs.pop("generator", None)
        return func(*args, **kwargs, device="cpu" if real else META)


def _nested_shape(value: Any) -> tuple[int, ...]:
    if isinstance(value, Tensor):
        return tuple(value.shape)
    if isinstance(value, (list, tuple)):
        return (len(value), *(_nested_shape(value[0]) if value else ()))
    return ()


def _element_count(name: str, args: Any, kwargs: dict[str, Any]) -> int:
    if name not in _FROM_SIZES:
        return 0
    size = kwargs.get("size", args[0] if args else 0)
    if isinstance(size, (tuple, list)):
        sizes = list(size)
    else:
        sizes = [value for value in args if isinstance(value, int)] if name not in ("full", "randint") else [size]
    if name == "eye" and len(sizes) == 1:
        sizes *= 2
    return math.prod(int(value) for value in sizes if isinstance(value, int))
