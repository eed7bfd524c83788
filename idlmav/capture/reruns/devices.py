"""
Where tensors lie: a second run that follows devices, made only for a model that mixes them.

Carriers are all on the meta device, and a tensor's ``device`` answers where the model believes to be, which hides that
an op gets operands from two devices. Nothing of this is asked of a model that stays on one device.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from idlmav.capture.mode.recording_mode import FastMode
from idlmav.capture.record.classify import DEVICE, FACTORY, KINDS, classify, function_name, is_inplace_call, op_name
from idlmav.capture.record.operands import tensors_in
from idlmav.capture.record.trace import CONSTANT, OpRecord
from idlmav.capture.run import Run
from idlmav.capture.tree import Tree
from idlmav.metrics.catalogue import ops_with

__all__ = ["PlacedMode", "Places", "accept", "follow_devices"]

_MOVES = frozenset({Tensor.to, Tensor.cuda, Tensor.cpu})
_NEED_ONE_DEVICE = ops_with("needs_one_device")
_EXPANDED_AT_MOST = 1 << 24


class Places:
    """
    On which device each tensor of a model lies.

    Parameters
    ----------
    tree : Tree
        The model.
    inputs : object
        What the user feeds; tensors on the meta device are where the model is.
    home : torch.device
        Where the model believes to be.
    moved : bool
        Whether the user has said so: then parameters and inputs are thought to be moved there.
    """

    def __init__(self, tree: Tree, inputs: Any, home: torch.device, moved: bool) -> None:
        own = {name: tensor.device for name, tensor, _ in tree.tensors}
        # A model without memory is where its inputs are.
        moved = moved or all(device.type == "meta" for device in own.values())
        self.home, self.moved = home, moved
        self.own = {} if moved else own
        given = {tensor.device for tensor in tensors_in(inputs)} if own and not moved else set()
        self.mixed = len({*self.own.values()} | {device for device in given if device.type != "meta"}) > 1
        self.inputs = [home if moved or x.is_meta else x.device for x in tensors_in(inputs)]

    def worth_following(self, run: Run) -> bool:
        """Return whether operands of one op may lie on different devices."""
        if self.mixed:
            return True
        away = self.home.type != torch.get_default_device().type
        return any(
            self._leaves_home(op)
            for op in run.trace.ops
            if op.func in _MOVES or (op.kwargs and "device" in op.kwargs) or (away and KINDS.get(op.func) == FACTORY)
        )

    def _leaves_home(self, op: OpRecord) -> bool:
        target = target_of(op.func, op.args, op.kwargs or {})
        if target is None and KINDS.get(op.func) == FACTORY:
            target = torch.get_default_device()
        return target is not None and target.type != self.home.type

    def of_parameter(self, name: str) -> torch.device:
        """Return where a parameter or a buffer lies."""
        return self.own.get(name, self.home)


def target_of(func: Any, args: Any, kwargs: dict[str, Any]) -> torch.device | None:
    """Return the device that a call names."""
    name = function_name(func)
    if name == "cpu":
        return torch.device("cpu")
    found = kwargs.get("device")
    if found is None and name in ("to", "cuda"):
        named = [value for value in args[1:] if isinstance(value, (str, int, torch.device))]
        found = next((value for value in named if not isinstance(value, bool)), "cuda" if name == "cuda" else None)
    if isinstance(found, int):
        return torch.device("cuda", found)
    return None if found is None else torch.device(found)


class PlacedMode(FastMode):
    """
    A function mode that follows devices; mixed into the mode of a run.

    Attributes
    ----------
    places : Places
        Where the model's own tensors lie.
    mismatches : dict of int to RuntimeError
        By op, what torch would say.
    """

    places: Places
    mismatches: dict[int, RuntimeError]
    _by_op: dict[int, torch.device | None]

    def follow(self, places: Places) -> None:
        """Start to follow devices."""
        self.places, self.mismatches, self._by_op = places, {}, {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Treat a call as the mode does, and note where its result lies."""
        kind = KINDS.get(func)
        kind = classify(func) if kind is None else kind
        if kind == DEVICE:
            place = self._place(args[0]) or self.device
            name = function_name(func)
            return place if name == "device" else name == f"is_{place.type}"
        operands = [(x, self._place(x)) for x in tensors_in((args, kwargs or {}))]
        first = len(self.trace.ops)
        result = super().__torch_function__(func, types, args, kwargs)
        if len(self.trace.ops) > first:
            with torch._C.DisableTorchFunction():
                op = self.trace.ops[first]
                self._by_op[op.index] = self._landed(op, func, args, kwargs or {}, operands)
        return result

    def _place(self, tensor: Tensor) -> torch.device | None:
        """Return where a tensor lies; ``None`` if that cannot be known."""
        origin = self.origin_of(tensor)
        if origin[0] == CONSTANT:
            return None if tensor.is_meta or self.places.moved else tensor.device
        if origin[0] < 0:
            return self.places.of_parameter(origin[1])
        if origin[0] < len(self.places.inputs) and origin[0] not in self._by_op:
            return self.places.inputs[origin[0]]
        return self._by_op.get(origin[0])

    def _landed(
        self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any], operands: list[tuple[Tensor, Any]]
    ) -> torch.device | None:
        target = target_of(func, args, kwargs)
        if target is not None or (KINDS.get(func) == FACTORY and not operands):
            return _numbered(target or torch.get_default_device())
        if op_name(func) in ("to", "type_as") and len(operands) > 1:
            return operands[-1][1]
        # A single number on the CPU is taken everywhere.
        found = {
            _numbered(place) for x, place in operands if place is not None and not (x.dim() == 0 and _is_cpu(place))
        }
        if len(found) < 2 or op.error is not None:
            return next(iter(found), None) or next((place for _, place in operands if place is not None), None)
        if {place.type for place in found} == {"cpu", "meta"}:
            return self._really(op, func, args, kwargs)
        if op_name(func) in _NEED_ONE_DEVICE:
            names = " and ".join(dict.fromkeys(str(_numbered(place)) for _, place in operands if place is not None))
            self.mismatches[op.index] = RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, {names}!"
            )
            return None
        return _numbered(operands[0][1]) if operands[0][1] is not None else None

    def _really(self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any]) -> torch.device | None:
        """Run an op on operands of which some have no memory: only torch's kernels know which do with that."""

        def placed(value: Any) -> Any:
            if isinstance(value, Tensor):
                place = self._place(value) or self.device
                if is_inplace_call(func, args, kwargs):
                    return torch.empty(value.shape, dtype=value.dtype, device=place)
                return torch.zeros((), dtype=value.dtype, device=place).expand(value.shape)
            if isinstance(value, (list, tuple)):
                return type(value)([placed(item) for item in value])
            return {key: placed(item) for key, item in value.items()} if isinstance(value, dict) else value

        if sum(tensor.numel() for tensor in tensors_in((args, kwargs))) > _EXPANDED_AT_MOST:
            return None
        try:
            result = func(*placed(list(args)), **placed(dict(kwargs)))
        except RuntimeError as error:
            if "device" in str(error):
                self.mismatches[op.index] = error
            return None
        return next((tensor.device for tensor in tensors_in(result)), None)


def _is_cpu(place: torch.device) -> bool:
    return place.type == "cpu"


def _numbered(place: torch.device) -> torch.device:
    """Return a device with its number: ``cuda`` is ``cuda:0``."""
    return place if place.index is not None or place.type in ("cpu", "meta") else torch.device(place.type, 0)


class _PlacedRun(Run):
    """A run that follows devices."""

    def __init__(self, tree: Tree, device: torch.device, places: Places) -> None:
        super().__init__(tree, device)
        self.mode: PlacedMode = PlacedMode(self.trace, self.operands, device, self.failures)
        self.mode.follow(places)
        self.leaves.depth = -1  # no layer is looked up: each of its ops has to be seen


def follow_devices(run: Run, places: Places, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """
    Write the errors of ops with operands from several devices into a run that shapes alone let pass.

    Parameters
    ----------
    run : Run
        Finished; its `error_ops` are extended.
    places : Places
        Where the model's own tensors lie.
    args, kwargs : tuple, dict
        The inputs.
    """
    placed = _PlacedRun(run.tree, run.mode.device, places)
    placed.turned(run.flips)
    placed.forward(args, kwargs)
    accept(run, placed, placed.mode)


def accept(run: Run, placed: Run, mode: PlacedMode) -> None:
    """Write what a run that followed devices has found into another of the same ops."""
    ops, others = run.trace.ops, placed.trace.ops
    if mode.mismatches and [op.func for op in ops] == [op.func for op in others]:
        for index, error in mode.mismatches.items():
            ops[index].error = error
        run.error_ops = sorted({*(run.error_ops or ()), *mode.mismatches})
