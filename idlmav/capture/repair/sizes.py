"""Find sizes with which a model runs: try usual ones where its layers demand none."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from idlmav.capture.record.trace import META
from idlmav.capture.repair.unknown import Assumption, Part
from idlmav.capture.run import Run
from idlmav.errors import text_of

__all__ = ["SPATIAL", "Structure", "working"]

SPATIAL = (224, 32, 28, 64, 96, 128, 256, 299, 384, 512, *range(8, 160, 4))
"""Heights and widths of images, the most usual first."""
_STEPS = (16, 8, 64, 197, 128, 512, 1000, 3000)
_BATCHES = (1, 2)
_SAME_AT_MOST = 8
_GUIDED_AT_MOST = 80
_GUIDED_DEPTH = 4
_NUMBERS_AT_MOST = 6


Structure = Assumption | dict[Part, Any]
"""An input: one tensor, or parts that are structures again."""
_Attempt = Callable[[dict[str, Any]], Run]


def working(known: dict[str, Structure], attempt: _Attempt) -> Run | None:
    """
    Return the first run without an error; ``None`` if the model raises with all sizes that were tried.

    `known` has what is known of each input, and `attempt` runs the model with inputs by name.
    """
    leaves = [leaf for value in known.values() for leaf in _leaves(value)]
    # In videos the frames may come before the channels.
    films = [leaf for leaf in leaves if len(leaf.sizes) == 5 and not leaf.known[1]]
    if films:
        sizes = [_usual(leaf, SPATIAL[0], _STEPS[0], 1) for leaf in leaves]
        for leaf, one in zip(leaves, sizes, strict=True):
            one[1:3] = reversed(one[1:3]) if leaf in films else one[1:3]
        run = attempt(_inputs(known, sizes))
        if run.error is None:
            return run
    messages: list[str] = []
    for spatial, steps, batch in _combinations(leaves):
        run = attempt(_inputs(known, [_usual(leaf, spatial, steps, batch) for leaf in leaves]))
        if run.error is None:
            return run
        messages.append(text_of(run.error))
        if len(messages) >= _SAME_AT_MOST and len(set(messages[-_SAME_AT_MOST:])) == 1:
            break  # the sizes do not matter
    return _guided(known, leaves, attempt, messages[0]) if messages else None


def _guided(known: dict[str, Structure], leaves: list[Assumption], attempt: _Attempt, message: str) -> Run | None:
    """Try the numbers that the model's own error messages name, one size after the other."""
    current = [_usual(leaf, SPATIAL[0], _STEPS[0], _BATCHES[0]) for leaf in leaves]
    seen, left = {message}, _GUIDED_AT_MOST
    for _ in range(_GUIDED_DEPTH):
        numbers = list(dict.fromkeys(int(n) for n in re.findall(r"\b\d{1,5}\b", message) if int(n) > 1))
        places = [(i, d) for i, leaf in enumerate(leaves) for d, size_known in enumerate(leaf.known) if not size_known]
        changes = [[place] for place in reversed(places)]
        # Images are square more often than not.
        changes = [[(i, d - 1), (i, d)] for i, d in places if d > 2 and (i, d - 1) in places] + changes
        for number, change in itertools.product(numbers[:_NUMBERS_AT_MOST], changes):
            sizes = [list(one) for one in current]
            for index, dim in change:
                sizes[index][dim] = number
            if sizes == current:
                continue
            if left == 0:
                return None
            left -= 1
            run = attempt(_inputs(known, sizes))
            if run.error is None:
                return run
            if text_of(run.error) not in seen:
                current, message = sizes, text_of(run.error)
                seen.add(message)
                break
        else:
            return None
    return None


def _leaves(value: Structure) -> Iterator[Assumption]:
    if isinstance(value, Assumption):
        yield value
    else:
        for part in value.values():
            yield from _leaves(part)


def _combinations(leaves: list[Assumption]) -> Iterator[tuple[int, int, int]]:
    images = any(len(value.sizes) > 3 for value in leaves)
    for size in SPATIAL if images else _STEPS:
        for batch in _BATCHES:
            yield (size, _STEPS[0], batch) if images else (SPATIAL[0], size, batch)


def _usual(value: Assumption, spatial: int, steps: int, batch: int) -> list[int]:
    rank = len(value.sizes)
    usual = [batch, *([value.sizes[1]] if rank > 3 else [steps] if rank > 1 else [])]
    usual += [spatial if rank < 5 or dim > 2 else _STEPS[0] for dim in range(2, rank)] if rank > 3 else [steps] * rank
    return [size if known else other for size, known, other in zip(value.sizes, value.known, usual, strict=False)]


def _inputs(known: dict[str, Structure], sizes: list[list[int]]) -> dict[str, Any]:
    each = iter(sizes)
    return {name: _made(value, each) for name, value in known.items()}


def _made(value: Structure, sizes: Iterator[list[int]]) -> Any:
    if isinstance(value, Assumption):
        return _example(value.dtype, next(sizes))
    parts = {part: _made(item, sizes) for part, item in value.items()}
    if all(isinstance(part.name, int) for part in parts):
        last = max(int(part.name) for part in parts)
        filler = next(iter(parts.values()))
        return [parts.get(Part(index), filler) for index in range(last + 1)]
    named = {part.name: item for part, item in parts.items()}
    return SimpleNamespace(**named) if any(part.attribute for part in parts) else named  # type: ignore[arg-type]


def _example(dtype: torch.dtype, sizes: list[int]) -> Tensor:
    if dtype.is_floating_point:
        return torch.empty(sizes, dtype=dtype, device=META)
    return torch.zeros(sizes, dtype=dtype)
