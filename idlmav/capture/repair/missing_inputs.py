"""Find inputs for a model: its first layers demand ranks and channels, then the other sizes are tried."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from idlmav.capture.python_private import is_about_none
from idlmav.capture.repair import Repair
from idlmav.capture.repair.run import RepairRun, Unspecified
from idlmav.capture.repair.sizes import SPATIAL, Structure, working
from idlmav.capture.repair.unknown import Key
from idlmav.capture.reruns.autograd_run import run_with_autograd
from idlmav.capture.run import Run
from idlmav.capture.tree import Tree, uncompiled
from idlmav.errors import WrongTypeError, WrongValueError, did_you_mean, text_of

__all__ = ["with_assumed_inputs"]

_INPUTS_AT_MOST = 6
Sizes = Mapping[str, Sequence[int | None]]
"""By name of an input, its sizes, ``None`` for those to be found."""


def with_assumed_inputs(tree: Tree, device: torch.device, kwargs: dict[str, Any], sizes: Sizes | None = None) -> Run:
    """
    Return a run of a model with inputs that work, or with inputs of unknown sizes; only `kwargs` are given.

    `sizes` are those of inputs that are assumed; see `idlmav.capture.capture`.

    Raises
    ------
    TypeError, ValueError
        If `sizes` does not name an input, holds other values than integers, or too many or too few of them.
    """
    tree.assumes_inputs = True
    sizes = _checked(tree.model, sizes or {}, kwargs)
    names = [p.name for p in _parameters(tree.model) if p.default is p.empty and p.name not in kwargs]
    names += [name for name in sizes if name not in names]
    if not names:
        plain = Run(tree, device).forward((), kwargs)
        names = _wanted(tree.model, text_of(plain.error), [], kwargs)
        if plain.error is None or not names:
            return plain
    while True:
        found = _with_unknown(tree, device, names, kwargs, sizes)
        if isinstance(found, list) and len(found) <= _INPUTS_AT_MOST:
            names = found
            continue
        assert isinstance(found, Run)
        found.assumed = {name for name, _ in found.inputs if re.split(r"[.\[]", name)[0] in names}
        return found


def _with_unknown(
    tree: Tree, device: torch.device, names: list[str], kwargs: dict[str, Any], sizes: Sizes
) -> Run | list[str]:
    """Return a run, or the names of the arguments with those that the model needs as well."""
    unknown = {**kwargs, **{name: Unspecified(tuple(sizes.get(name, ()))) for name in names}}

    def attempt(inputs: dict[str, Any]) -> Run:
        run = Run(tree, device).forward((), {**kwargs, **inputs})
        return run_with_autograd(tree, device, (), {**kwargs, **inputs}) if run.differentiates else run

    with Repair(tree, device, (), unknown) as repair:
        repair.plan.spatial = SPATIAL[0]
        probe = repair.settled([])
        if len(names) < _INPUTS_AT_MOST:
            for error in probe.session.failures.values():
                more = _wanted(tree.model, text_of(error), names, kwargs)
                if more:
                    return [*names, *more]
        found = _working(probe, names, attempt)
        if found is not None:
            return found
        # Ops far from the inputs have demands, too, which this meets.
        finished = repair.finished([])
        found = _working(finished, names, attempt)
    if found is None and sizes:
        _check_ranks(_with_unknown(tree, device, names, kwargs, {}), sizes)
    return found or finished


def _working(probe: RepairRun, names: list[str], attempt: Callable[[dict[str, Any]], Run]) -> Run | None:
    """Return a run without an error, with inputs of one tensor each or of the parts that the model has read."""
    whole, parted = _structures(probe, names, False), _structures(probe, names, True)
    surely = any(
        isinstance(value, dict) and not all(isinstance(part.name, int) for part in value) for value in parted.values()
    )
    tried = [parted] if surely else [whole] if whole == parted else [whole, parted]
    return next((found for one in tried if (found := working(one, attempt)) is not None), None)


def _checked(model: torch.nn.Module, sizes: Sizes, given: Mapping[str, Any]) -> dict[str, tuple[int | None, ...]]:
    if not isinstance(sizes, Mapping):
        raise WrongTypeError(f"sizes: a dict such as {{'x': (None, 3, 64, 64)}} is needed, got {type(sizes).__name__}.")
    known = [parameter.name for parameter in _parameters(model) if parameter.name not in given]
    for name, value in sizes.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise WrongValueError(
                f"sizes: forward has no input {name!r} that is to be assumed.{did_you_mean(str(name), known)} Inputs: {names}."
            )
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise WrongTypeError(
                f"sizes: {name!r} needs a tuple such as (None, 3, 64, 64), got {type(value).__name__}."
            )
        for size in value:
            if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
                raise WrongValueError(f"sizes: {name!r} needs whole numbers or None, got {size!r} in {tuple(value)}.")
    return {name: tuple(value) for name, value in sizes.items()}


def _check_ranks(free: Run | list[str], sizes: Sizes) -> None:
    """Raise if the model does not run with the given number of sizes, but runs with another."""
    if not isinstance(free, Run) or free.error is not None or isinstance(free, RepairRun):
        return
    for name, tensor in free.inputs:
        if name in sizes and len(sizes[name]) != tensor.dim():
            raise WrongValueError(
                f"sizes: {name!r} has {tensor.dim()} dimensions, as in {tuple(tensor.shape)}, got "
                f"{len(sizes[name])} sizes: {tuple(sizes[name])}. Write None for a size that is to be found."
            )


def _parameters(model: torch.nn.Module) -> list[inspect.Parameter]:
    try:
        parameters = inspect.signature(uncompiled(model).forward).parameters.values()
    except (TypeError, ValueError):
        return []
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [parameter for parameter in parameters if parameter.kind in named]


def _wanted(model: torch.nn.Module, message: str, names: list[str], given: dict[str, Any]) -> list[str]:
    """Return an optional argument that an error message names, or the first one if `names` is empty."""
    parameters = [p.name for p in _parameters(model)]
    optional = [p.name for p in _parameters(model) if p.name not in names and p.name not in given]
    words = [word for word in re.findall(r"\w+", message) if len(word) > 2 and word in parameters]
    # A decoder's message may use the encoder's name of the argument.
    kin = [name for word in words if word in names for name in optional if name.endswith(f"_{word}")]
    named = kin or [word for word in words if word in optional]
    if not named and names and is_about_none(message):
        named = [p.name for p in _parameters(model) if p.name in optional and "Tensor" in str(p.annotation)]
    return named[:1] or (optional[:1] if not names else [])


def _structures(probe: RepairRun, names: list[str], parted: bool) -> dict[str, Structure]:
    """Return what a run has learnt about each input, as a whole or in the parts that the model has read."""
    found: dict[str, Structure] = {}
    for index, op in enumerate(probe.trace.ops[: len(probe.inputs)]):
        if op.args[0] in names and (index, 0) in probe.session.assumed:
            found[op.args[0]] = _structure(probe, (index, 0), parted)
    return found


def _structure(probe: RepairRun, key: Key, parted: bool) -> Structure:
    parts = probe.session.parts.get(key, {}) if parted else {}
    if not parts:
        return probe.session.assumed[key]
    return {part: _structure(probe, other, parted) for part, (other, _) in parts.items()}
