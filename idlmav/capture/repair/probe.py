"""Inputs for a model that was given none: its first layers tell what they demand, then sizes are tried."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from idlmav.capture.repair import UNSPECIFIED, Repair
from idlmav.capture.repair.run import RepairRun
from idlmav.capture.repair.unknown import Assumption
from idlmav.capture.run import Run
from idlmav.capture.trace import META
from idlmav.capture.tree import Tree, uncompiled

__all__ = ["probed"]

_SPATIAL = (224, 32, 28, 64, 96, 128, 256, 299, 384, 512, *range(8, 160, 4))
_STEPS = (16, 8, 64, 197, 128, 512, 1000, 3000)
_BATCHES = (1, 2)
_INPUTS_AT_MOST = 6
_SAME_AT_MOST = 8


def probed(tree: Tree, device: torch.device, kwargs: dict[str, Any]) -> Run:
    """
    Return a run of a model whose positional arguments are not given.

    Parameters
    ----------
    tree : Tree
        The model.
    device : torch.device
        Where it believes to be.
    kwargs : dict
        The arguments that are given.

    Returns
    -------
    Run
        With inputs that work, or with inputs of unknown sizes.
    """
    names = _required(tree.model, kwargs)
    if not names:
        plain = Run(tree, device).forward((), kwargs)
        names = _wanted(tree.model, str(plain.error), [], kwargs)
        if plain.error is None or not names:
            return plain
    while True:
        found = _with_unknown(tree, device, names, kwargs)
        if isinstance(found, list) and len(found) <= _INPUTS_AT_MOST:
            names = found
            continue
        assert isinstance(found, Run)
        found.assumed = set(names)
        return found


def _with_unknown(tree: Tree, device: torch.device, names: list[str], kwargs: dict[str, Any]) -> Run | list[str]:
    """Return a run, or the names of the arguments that the model asks for too."""
    unknown = {**kwargs, **dict.fromkeys(names, UNSPECIFIED)}
    with Repair(tree, device, (), unknown) as repair:
        repair.plan.spatial = _SPATIAL[0]
        probe = repair.settled([])
        if len(names) < _INPUTS_AT_MOST:
            for error in probe.session.failures.values():
                more = _wanted(tree.model, str(error), names, kwargs)
                if more:
                    return [*names, *more]
        working = _tried(tree, device, kwargs, _assumptions(probe, names))
        if working is not None:
            return working
        # What ops far from the inputs demand is solved for here; that may have been all that was missing.
        finished = repair.finished([])
        return _tried(tree, device, kwargs, _assumptions(finished, names)) or finished


def _required(model: torch.nn.Module, given: dict[str, Any]) -> list[str]:
    return [p.name for p in _parameters(model) if p.default is p.empty and p.name not in given]


def _parameters(model: torch.nn.Module) -> list[inspect.Parameter]:
    try:
        parameters = inspect.signature(uncompiled(model).forward).parameters.values()
    except (TypeError, ValueError):
        return []
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [parameter for parameter in parameters if parameter.kind in named]


def _wanted(model: torch.nn.Module, message: str, names: list[str], given: dict[str, Any]) -> list[str]:
    """Return the first optional argument that an error message names, or simply the first if there is none yet."""
    parameters = [p.name for p in _parameters(model)]
    optional = [p.name for p in _parameters(model) if p.name not in names and p.name not in given]
    words = [word for word in re.findall(r"\w+", message) if len(word) > 2 and word in parameters]
    # A decoder that lacks its ids may call them as the encoder calls its own.
    kin = [name for word in words if word in names for name in optional if name.endswith(f"_{word}")]
    named = kin or [word for word in words if word in optional]
    if not named and names and "'NoneType' object has no attribute" in message:
        named = [p.name for p in _parameters(model) if p.name in optional and "Tensor" in str(p.annotation)]
    return named[:1] or (optional[:1] if not names else [])


def _assumptions(probe: RepairRun, names: list[str]) -> dict[str, Assumption]:
    """Return what is known of each input after a probe."""
    found: dict[str, Assumption] = {}
    for index, op in enumerate(probe.trace.ops[: len(probe.inputs)]):
        assumption = probe.session.assumed.get((index, 0))
        if op.args[0] in names and assumption is not None:
            found[op.args[0]] = assumption
    return found


def _tried(tree: Tree, device: torch.device, kwargs: dict[str, Any], known: dict[str, Assumption]) -> Run | None:
    """Return the first run without an error over usual sizes."""
    messages: list[str] = []
    for spatial, steps, batch in _combinations(known):
        inputs = {name: _example(value, spatial, steps, batch) for name, value in known.items()}
        run = Run(tree, device).forward((), {**kwargs, **inputs})
        if run.differentiates:
            from idlmav.capture.native import run_natively

            run = run_natively(tree, device, (), {**kwargs, **inputs})
        if run.error is None:
            return run
        messages.append(str(run.error))
        if len(messages) >= _SAME_AT_MOST and len(set(messages[-_SAME_AT_MOST:])) == 1:
            break  # the model's own error: no size mends it
    return None


def _combinations(known: dict[str, Assumption]) -> Iterator[tuple[int, int, int]]:
    images = any(len(value.sizes) > 3 for value in known.values())
    for size in _SPATIAL if images else _STEPS:
        for batch in _BATCHES:
            yield (size, _STEPS[0], batch) if images else (_SPATIAL[0], size, batch)


def _example(value: Assumption, spatial: int, steps: int, batch: int) -> Tensor:
    rank = len(value.sizes)
    usual = [batch, *([value.sizes[1]] if rank > 3 else [steps] if rank > 1 else [])]
    usual += [spatial if rank < 5 or dim > 2 else _STEPS[0] for dim in range(2, rank)] if rank > 3 else [steps] * rank
    sizes = [size if known else other for size, known, other in zip(value.sizes, value.known, usual, strict=False)]
    if value.dtype.is_floating_point:
        return torch.empty(sizes, dtype=value.dtype, device=META)
    return torch.zeros(sizes, dtype=value.dtype)
