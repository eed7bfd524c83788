"""
Errors that values cause: a position, a class or a length that is known, and out of range.

Kernels on the meta device read no values. Where the content of an operand of whole numbers is known (the user's input, a
buffer, what the model makes of sizes), its smallest and largest number are compared with the size that they select from;
if they do not fit, torch itself runs the op on zeros, and only what it raises counts.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from idlmav.capture.record.classify import function_name, op_name
from idlmav.capture.record.trace import OpRecord, Trace
from idlmav.capture.record.values import tensors_in
from idlmav.capture.shapes.kernels import on_zeros
from idlmav.metrics.catalogue import fact

__all__ = ["SELECTS", "misplaced"]

SELECTS = fact("index")
"""Op -> what the whole numbers among its operands select."""
_RANDOM = ("rand", "empty", "normal", "bernoulli", "multinomial")


def misplaced(
    trace: Trace, given: dict[int, Tensor], op: OpRecord, args: Any, kwargs: dict[str, Any]
) -> Exception | None:
    """Return the error that torch raises because of the values of known operands; ``None`` if there is none."""
    func, name = op.func, op_name(op.func)
    try:
        if not _is_suspicious(SELECTS[name], args, kwargs) or not _is_known(trace, given, op):
            return None
    except (IndexError, TypeError, KeyError, AttributeError):
        return None  # an unusual call
    if name == "embedding":  # the table may be large, and each of its columns tells the same
        args = (args[0], torch.zeros(args[1].shape[0], 1, dtype=args[1].dtype), *args[2:])
    try:
        on_zeros(func, args, kwargs)
    except (IndexError, RuntimeError) as error:
        return error
    return None


def _ends(tensor: Any) -> tuple[int, int] | None:
    """Return the smallest and the largest number of a tensor whose content is known."""
    whole = isinstance(tensor, Tensor) and not tensor.is_meta and not tensor.is_floating_point()
    if not whole or tensor.dtype in (torch.bool, torch.uint8) or not tensor.numel():
        return None
    low, high = torch.aminmax(tensor)
    return int(low), int(high)


def _is_suspicious(selects: str, args: Any, kwargs: dict[str, Any]) -> bool:
    if selects == "rows":
        return _exceeds(args[0], 0, args[1].shape[0]) or _exceeds(kwargs.get("offsets"), 0, args[0].numel() + 1)
    if selects == "dimension":
        dim = args[1] if len(args) > 1 else kwargs["dim"]
        index = args[2] if len(args) > 2 else kwargs["index"]
        return _exceeds(index, 0, args[0].shape[dim] if args[0].dim() else 1)
    if selects == "elements":
        return _exceeds(args[1] if len(args) > 1 else kwargs["index"], -args[0].numel(), args[0].numel())
    if selects == "items":
        return _items_exceed(args[0], args[1])
    if selects == "classes":
        scores, target = args[0], args[1] if len(args) > 1 else kwargs["target"]
        return not target.is_floating_point() and _exceeds(target, 0, scores.shape[1 if scores.dim() > 1 else 0])
    return any(_exceeds(tensor, 0, 1 << 62) for tensor in tensors_in((args[1:], kwargs))) or _is_unsorted(args, kwargs)


def _exceeds(index: Any, least: int, size: int) -> bool:
    ends = _ends(index)
    return ends is not None and (ends[0] < least or ends[1] >= size)


def _is_unsorted(args: Any, kwargs: dict[str, Any]) -> bool:
    lengths: Any = args[1] if len(args) > 1 else kwargs.get("lengths")
    return _ends(lengths) is not None and lengths.dim() == 1 and bool((lengths.diff() > 0).any())


def _items_exceed(tensor: Tensor, index: Any) -> bool:
    """Return whether an index in brackets holds a position that its dimension has not."""
    parts = list(index) if isinstance(index, (tuple, list)) else [index]
    taken = [part.dim() if isinstance(part, Tensor) and part.dtype is torch.bool else 1 for part in parts]
    taken = [0 if part is None or part is Ellipsis else count for part, count in zip(parts, taken, strict=True)]
    if sum(taken) > tensor.dim():
        return False
    position = 0
    for part, count in zip(parts, taken, strict=True):
        if part is Ellipsis:
            position += tensor.dim() - sum(taken)
        elif count == 1 and _exceeds(part, -tensor.shape[position], tensor.shape[position]):
            return True
        position += count
    return False


def _is_known(trace: Trace, given: dict[int, Tensor], op: OpRecord) -> bool:
    """Return whether what an op reads of real operands is true: no guess, no input that is made up, no random number."""
    if trace.assumes_inputs:
        return False
    # A number that was guessed, or a size that stands for one that nobody knows, may be in what the model makes of numbers.
    guessed = any("guess" in other.flags or other.error is not None for other in trace.ops)
    waiting = [index for index, _, token in op.origins if index >= 0 and token is None]
    seen = set(waiting)
    while waiting:
        other = trace.ops[waiting.pop()]
        name = function_name(other.func)
        if name == "model_input":
            if other.index not in given or given[other.index].is_meta:
                return False
            continue
        made_up = other.error is not None or not {"guess", "zeros", "opaque"}.isdisjoint(other.flags)
        if made_up or name.startswith(_RANDOM) or (guessed and not other.origins):
            return False
        for index, _, _ in other.origins:
            if index >= 0 and index not in seen:
                seen.add(index)
                waiting.append(index)
    return True
