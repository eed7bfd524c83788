"""
Capture: the graph of any model from one forward pass that computes shapes only.

The only place of the package that imports torch. One rung of the ladder a module: `fast` (function mode, memo),
`rules` (shape rules), `modules` (calls), `source` (lines), `kernels` (what nothing else knows), `decisions` (data),
`repair` (models that raise), `guard` (the model is left as found), `describe` (records become a `Graph`).
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from idlmav.capture.describe import describe
from idlmav.capture.outside.containers import hold_iterators
from idlmav.capture.record.operands import tensors_in
from idlmav.capture.reruns.branches import flipped
from idlmav.capture.reruns.devices import Places, follow_devices
from idlmav.capture.run import Run
from idlmav.capture.tree import Tree
from idlmav.graph import Graph
from idlmav.graph.paused_gc import paused_gc

__all__ = ["capture"]


# Around the whole call: the records are gone before the collector, switched on again, would walk over them.
@paused_gc()
def capture(
    model: torch.nn.Module,
    args: tuple[Any, ...] | None = (),
    kwargs: dict[str, Any] | None = None,
    *,
    device: Any = None,
    assume: bool = False,
    sizes: Mapping[str, Sequence[int | None]] | None = None,
) -> Graph:
    """
    Return the graph of a model's forward pass for the given inputs.

    Parameters
    ----------
    model : torch.nn.Module
        Any model, on any device, also without memory (on the meta device). It is left as found.
    args : tuple or None
        Positional arguments of forward; ``None`` to have inputs assumed. Only shapes and types of tensors are read,
        and the content of small tensors of whole numbers or truth values, on which control flow may depend.
    kwargs : dict, optional
        Keyword arguments.
    device : str or torch.device, optional
        Where the model is to believe that its tensors are; by default where its parameters are.
    assume : bool
        Whether to find inputs for the arguments that are not given. What was assumed is said in `Graph.inputs`;
        where no sizes work they stay unknown.
    sizes : mapping of str to sequence of int or None, optional
        Sizes of inputs that are assumed, by the name of the argument: ``{"x": (None, 3, 64, None)}``; what is
        ``None`` is found.

    Returns
    -------
    Graph
        Without totals (see `idlmav.metrics.totals.complete`). A model that raises is drawn as far as it is known, with
        the error on the node that raised.

    Raises
    ------
    TypeError
        If `model` is no module, or `args` no tuple, or `sizes` holds something else than sizes.
    ValueError
        If `sizes` is given for an input that is not assumed, or with a number of dimensions that it cannot have.
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(
            f"capture() needs a torch.nn.Module, got {type(model).__name__}. Pass the model itself, not its output."
        )
    if args is None:
        args, assume = (), True
    if not isinstance(args, tuple):
        raise TypeError(
            f"capture() needs a tuple of positional arguments, got {type(args).__name__}. Write capture(model, (x,))."
        )
    kwargs, assume = dict(kwargs or {}), assume and not args
    if sizes and not assume:
        raise ValueError("sizes: is for inputs that are assumed, and inputs are given. Give them in the sizes wanted.")
    args, kwargs = hold_iterators(args), {name: hold_iterators(value) for name, value in kwargs.items()}
    tree = Tree(model)
    # Running lazy layers would give them their sizes: a copy runs instead.
    runnable = Tree(copy.deepcopy(model)) if tree.has_lazy else tree
    on = _device(model, (args, kwargs), device)
    if assume:
        from idlmav.capture.repair.inputs import probed

        return describe(probed(runnable, on, kwargs, sizes), tree)
    finished = _run(runnable, on, args, kwargs)
    places = Places(runnable, (args, kwargs), on, device is not None)
    if finished.error is not None:
        from idlmav.capture.repair import repaired  # late: most models run

        finished = repaired(runnable, args, kwargs, finished, places)
    elif not finished.differentiates and places.worth_following(finished):
        follow_devices(finished, places, args, kwargs)
    return describe(finished, tree)


def _run(tree: Tree, on: torch.device, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run:
    """Run a model once if it can be, natively where it differentiates or nests, and again where guesses were wrong."""
    loaded = "torch._dynamo" in sys.modules
    finished = Run(tree, on).forward(args, kwargs)
    if not loaded and "torch._dynamo" in sys.modules:
        # The model itself has loaded the compiler, which nobody had told to stay out.
        finished = Run(tree, on).forward(args, kwargs)
    if finished.differentiates or finished.is_nested:
        from idlmav.capture.reruns.autograd_run import run_natively  # late: hardly any model does

        native = run_natively(tree, on, args, kwargs)
        return native if finished.differentiates or native.error is None else finished
    if finished.mode.decisions.guessed:
        return flipped(finished, lambda flips: Run(tree, on).turned(flips).forward(args, kwargs))
    return finished


def _device(model: torch.nn.Module, inputs: Any, device: Any) -> torch.device:
    if device is not None:
        return torch.device(device)
    first: torch.Tensor | None = next(model.parameters(), None)
    if first is None:
        first = next(tensors_in(inputs), None)
    # A model without memory behaves as it would on the CPU.
    return torch.device("cpu") if first is None or first.is_meta else first.device
