"""
Capture: the graph of any model from one forward pass that computes shapes only.

The steps, in the order in which they are tried; each is reached only where the one before does not do:

1. `run`: forward runs once on meta tensors. `mode.recording_mode` records each op, `outside.module_calls` each module
   call, `outside.restore` leaves the model as found. A layer that is one op is looked up as a whole (`mode.layer_memo`).
2. What an op returns is looked up by its function and the shapes of its operands (`record.memo`). An op that is met
   for the first time asks a shape rule (`shapes.rules`); where there is none, torch's kernels (`shapes.kernels`).
3. Where an op raises there, it runs on zeros: for ops without a meta kernel, and for torch's own message
   (`mode.failures`).
4. Where the model asks for values (``if x.sum() > 0``), small tensors are real; else the ops that lead to the value
   run on the user's tensors (`data.replay`); where that costs too much, the answer is guessed (`data.decisions`).
   After a guess the model itself is called once, if that can be done and is cheap enough (`reruns.real_call`), and a
   second run reads all values there (`data.outcomes`). Else, where guesses lead to an error, or past modules, the
   opposite answer is tried (`reruns.branches`).
5. Where the model differentiates, a copy of it runs with autograd (`reruns.autograd_run`).
6. Where the model raises, it runs again with its errors noted and their results assumed, until nothing new is
   learnt (`repair`). The same finds inputs where none are given (`repair.inputs`).
7. Where tensors lie on several devices, one more run follows these (`reruns.devices`).

`describe` makes a `Graph` of the records. `record.values` walks nested values; `torch_private` and `python_private`
hold what no other project promises to keep. Only this package and the gallery import torch.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from idlmav.capture.describe import describe, modules_alone
from idlmav.capture.outside.containers import hold_iterators
from idlmav.capture.record.values import tensors_in
from idlmav.capture.reruns.branches import try_branches
from idlmav.capture.reruns.copied import copied
from idlmav.capture.reruns.devices import DeviceMap, follow_devices
from idlmav.capture.run import Run
from idlmav.capture.torch_private import COMPILER, check
from idlmav.capture.tree import Tree, class_name
from idlmav.errors import WrongTypeError, WrongValueError
from idlmav.graph import Graph
from idlmav.graph.paused_gc import paused_gc
from idlmav.graph.plainer import Problems

__all__ = ["capture"]


# Around the whole call, so that the records are gone before the collector is on again and walks over them.
@paused_gc()
def capture(
    model: torch.nn.Module,
    args: tuple[Any, ...] | None = (),
    kwargs: dict[str, Any] | None = None,
    *,
    device: Any = None,
    assume: bool = False,
    sizes: Mapping[str, Sequence[int | None]] | None = None,
    problems: Problems | None = None,
) -> Graph:
    """
    Return the graph of a model's forward pass for the given inputs.

    Parameters
    ----------
    model : torch.nn.Module
        Any model, on any device, also without memory (on the meta device). It is left as found.
    args : tuple or None
        Positional arguments of forward; ``None`` to take the inputs that the model brings along, else to assume some. Only shapes and types of tensors are read,
        and the content of small tensors of whole numbers or truth values, on which control flow may depend.
    kwargs : dict, optional
        Keyword arguments.
    device : str or torch.device, optional
        Device that the model sees as that of its tensors; by default that of its parameters.
    assume : bool
        Whether to find inputs for the arguments that are not given. `Graph.inputs` tells which ones are assumed;
        if the model runs with no sizes, they stay unknown.
    sizes : mapping of str to sequence of int or None, optional
        Sizes of inputs that are assumed, by the name of the argument: ``{"x": (None, 3, 64, None)}``. A
        size of ``None`` is found.
    problems : Problems, optional
        Notes what capture itself failed at; the model is then drawn as far as it is known, or its modules alone.

    Returns
    -------
    Graph
        Without totals (see `idlmav.metrics.totals.complete`). A model that raises is drawn as far as it is known, with
        the error on the node that raised.

    Raises
    ------
    TypeError
        If `model` is not a module, `args` not a tuple, or a value in `sizes` not a sequence.
    ValueError
        If `sizes` names an input that is not assumed, or has a number of dimensions that it cannot have.
    """
    check()
    if not isinstance(model, torch.nn.Module):
        raise WrongTypeError(
            f"capture() needs a torch.nn.Module, got {type(model).__name__}. Pass the model itself, not its output."
        )
    if args is None:
        args, assume = (), True
    if not isinstance(args, tuple):
        raise WrongTypeError(
            f"capture() needs a tuple of positional arguments, got {type(args).__name__}. Write capture(model, (x,))."
        )
    kwargs, assume = dict(kwargs or {}), assume and not args
    if sizes and not assume:
        raise WrongValueError(
            "sizes: only applies to assumed inputs, but inputs are given. Pass inputs of the wanted sizes instead."
        )
    home = None if device is None else torch.device(device)
    problems = problems or Problems()
    graph = problems.plainer(
        "capture",
        lambda: _captured(model, args, kwargs, home, assume, sizes, problems),
        ("Only the modules are drawn, without the tensors between them", lambda: modules_alone(Tree(model))),
        ("Nothing is drawn", lambda: Graph(name=class_name(type(model)))),
    )
    if not problems.found:
        return graph
    notes = [*graph.info.get("notes", "").splitlines(), *problems.notes]
    return replace(graph, info={**graph.info, "notes": "\n".join(notes)})


def _captured(
    model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], device: torch.device | None, assume: bool,
    sizes: Mapping[str, Sequence[int | None]] | None, problems: Problems,
) -> Graph:  # fmt: skip
    args, kwargs = hold_iterators(args), {name: hold_iterators(value) for name, value in kwargs.items()}
    tree = Tree(model)
    # Running lazy layers would give them their sizes: a copy runs instead.
    runnable = Tree(copied(tree, {})) if tree.has_lazy else tree
    on = _device(tree, (args, kwargs), device)
    finished, own = None, None
    if assume:
        from idlmav.capture.repair.missing_inputs import with_assumed_inputs
        from idlmav.capture.repair.own_inputs import own_inputs

        for own in own_inputs(runnable.model, kwargs) if not sizes else ():
            finished = _run(runnable, on, own.args, own.kwargs, problems)
            if own.is_promised or finished.error is None:
                args, kwargs = own.args, own.kwargs
                break
        else:
            return describe(with_assumed_inputs(runnable, on, kwargs, sizes), tree)
    finished = finished or _run(runnable, on, args, kwargs, problems)
    device_map = DeviceMap(runnable, (args, kwargs), on, device is not None)
    if finished.error is not None:
        from idlmav.capture.repair import repaired  # late: most models run

        first = finished
        finished = problems.plainer(
            "repair",
            lambda: repaired(runnable, args, kwargs, first, device_map),
            ("The model is drawn up to its first error", lambda: first),
        )
    elif not finished.differentiates and device_map.worth_following(finished):
        follow = partial(follow_devices, finished, device_map, args, kwargs)
        problems.plainer("following devices", follow, ("Devices are not compared", lambda: None))
    return describe(finished, tree, origin=own.origin if own else "")


def _run(tree: Tree, on: torch.device, args: tuple[Any, ...], kwargs: dict[str, Any], problems: Problems) -> Run:
    """Run a model once; again with autograd if it differentiates, or with other guesses if these lead nowhere."""
    loaded = COMPILER in sys.modules
    finished = Run(tree, on).forward(args, kwargs)
    if not loaded and COMPILER in sys.modules:
        # The model itself has loaded the compiler, which was not switched off yet.
        finished = Run(tree, on).forward(args, kwargs)
    if finished.differentiates or finished.is_nested:
        from idlmav.capture.reruns.autograd_run import run_with_autograd  # late: hardly any model does

        with_autograd = partial(run_with_autograd, tree, on, args, kwargs)
        first = finished
        other = problems.plainer("autograd", with_autograd, ("The model is drawn up to its gradients", lambda: first))
        return other if finished.differentiates or other.error is None else finished
    if finished.trace.guessed:
        guessed = finished
        return problems.plainer(
            "real call",
            lambda: _answered(tree, on, args, kwargs, guessed),
            ("Values that the model asks for are guessed", lambda: guessed),
        )
    return finished


def _answered(tree: Tree, on: torch.device, args: tuple[Any, ...], kwargs: dict[str, Any], finished: Run) -> Run:
    """Return a run with the values of a real call in the place of guesses; other guesses where it tells none."""
    from idlmav.capture.reruns.real_call import outcomes_of  # late: few models let data decide

    outcomes = outcomes_of(finished, args, kwargs)
    if outcomes is not None:
        finished = Run(tree, on).taking(frozenset(), outcomes).forward(args, kwargs)
    if not finished.mode.decisions.guessed:
        return finished
    return try_branches(finished, lambda branches: Run(tree, on).taking(branches, outcomes).forward(args, kwargs))


def _device(tree: Tree, inputs: Any, device: Any) -> torch.device:
    if device is not None:
        return torch.device(device)
    first = next((tensor for _, tensor, is_buffer in tree.tensors if not is_buffer), None)
    if first is None:
        first = next(iter(tensors_in(inputs)), None)
    # A model without memory behaves as it would on the CPU.
    return torch.device("cpu") if first is None or first.is_meta else first.device
