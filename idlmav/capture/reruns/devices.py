"""
Devices of tensors: a second run that follows them, for models that use more than one.

In the first run a tensor's ``device`` is always that of the model, which hides that an op gets operands from two devices.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from idlmav.capture.mode.layer_memo import OFF
from idlmav.capture.mode.recording_mode import RecordingMode
from idlmav.capture.record.classify import DEVICE, FACTORY, KINDS, classify, function_name, is_inplace_call, op_name
from idlmav.capture.record.trace import CONSTANT, OpRecord
from idlmav.capture.record.values import map_tensors, tensors_in
from idlmav.capture.run import Run
from idlmav.capture.torch_private import DisableTorchFunction, is_about_devices
from idlmav.capture.tree import Tree
from idlmav.metrics.catalogue import ops_with

__all__ = ["DeviceMap", "DeviceMode", "accept", "follow_devices"]

_MOVES = frozenset({Tensor.to, Tensor.cuda, Tensor.cpu})
_NEED_ONE_DEVICE = ops_with("needs_one_device")
"""Ops that refuse operands on two devices; all others are taken to accept them."""
_EXPANDED_AT_MOST = 1 << 24


class DeviceMap:
    """
    The device of each parameter, buffer and input of a model.

    Parameters
    ----------
    tree : Tree
        The model.
    inputs : object
        The user's inputs; those on the meta device count as being on the model's.
    home : torch.device
        The device that the model sees.
    moved : bool
        Whether the user has chosen it: then parameters and inputs count as being there, too.
    """

    def __init__(self, tree: Tree, inputs: Any, home: torch.device, moved: bool) -> None:
        own = {name: tensor.device for name, tensor, _ in tree.tensors}
        # A model without memory is on the device of its inputs.
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


class DeviceMode(RecordingMode):
    """
    A function mode that follows devices; mixed into the mode of a run.

    Attributes
    ----------
    device_map : DeviceMap
        Devices of the model's own tensors.
    mismatches : dict of int to RuntimeError
        By op, the error that torch would raise.
    """

    device_map: DeviceMap
    mismatches: dict[int, RuntimeError]
    _by_op: dict[int, torch.device | None]

    def follow(self, device_map: DeviceMap) -> None:
        """Start to follow devices."""
        self.device_map, self.mismatches, self._by_op = device_map, {}, {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Treat a call as the mode does, and note the device of its result."""
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
            with DisableTorchFunction():
                op = self.trace.ops[first]
                self._by_op[op.index] = self._landed(op, func, args, kwargs or {}, operands)
        return result

    def _place(self, tensor: Tensor) -> torch.device | None:
        """Return the device of a tensor; ``None`` if it is not known."""
        origin = self.origin_of(tensor)
        if origin[0] == CONSTANT:
            return None if tensor.is_meta or self.device_map.moved else tensor.device
        if origin[0] < 0:
            return self.device_map.own.get(origin[1], self.device_map.home)
        if origin[0] < len(self.device_map.inputs) and origin[0] not in self._by_op:
            return self.device_map.inputs[origin[0]]
        return self._by_op.get(origin[0])

    def _landed(
        self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any], operands: list[tuple[Tensor, Any]]
    ) -> torch.device | None:
        target = target_of(func, args, kwargs)
        if target is not None or (KINDS.get(func) == FACTORY and not operands):
            return _numbered(target or torch.get_default_device())
        if op_name(func) in ("to", "type_as") and len(operands) > 1:
            return operands[-1][1]
        # Every op accepts a single number on the CPU.
        found = {
            _numbered(place)
            for x, place in operands
            if place is not None and not (x.dim() == 0 and place.type == "cpu")
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
        """Run an op on operands of which some have no memory, which some of torch's kernels accept."""

        def placed(tensor: Tensor) -> Tensor:
            place = self._place(tensor) or self.device
            if is_inplace_call(func, args, kwargs):
                return torch.empty(tensor.shape, dtype=tensor.dtype, device=place)
            return torch.zeros((), dtype=tensor.dtype, device=place).expand(tensor.shape)

        if sum(tensor.numel() for tensor in tensors_in((args, kwargs))) > _EXPANDED_AT_MOST:
            return None
        try:
            args_there, kwargs_there = map_tensors(placed, (args, kwargs), lambda end: end)
            result = func(*args_there, **kwargs_there)
        except RuntimeError as error:
            if is_about_devices(error):
                self.mismatches[op.index] = error
            return None
        return next((tensor.device for tensor in tensors_in(result)), None)


def _numbered(place: torch.device) -> torch.device:
    """Return a device with its number: ``cuda`` is ``cuda:0``."""
    return place if place.index is not None or place.type in ("cpu", "meta") else torch.device(place.type, 0)


class _DeviceRun(Run):
    """A run that follows devices."""

    def __init__(self, tree: Tree, device: torch.device, device_map: DeviceMap) -> None:
        super().__init__(tree, device)
        self.mode: DeviceMode = DeviceMode(self.trace, self.operands, device, self.failures)
        self.mode.follow(device_map)
        self.layer_memo.depth = OFF


def follow_devices(run: Run, device_map: DeviceMap, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Run a model once more, following devices, and add errors of ops with operands on several to its run."""
    placed = _DeviceRun(run.tree, run.mode.device, device_map)
    placed.taking(run.branches, run.outcomes)
    placed.forward(args, kwargs)
    accept(run, placed, placed.mode)


def accept(run: Run, placed: Run, mode: DeviceMode) -> None:
    """Add the errors of a run that followed devices to another run of the same ops."""
    ops, others = run.trace.ops, placed.trace.ops
    if mode.mismatches and [op.func for op in ops] == [op.func for op in others]:
        for index, error in mode.mismatches.items():
            ops[index].error = error
        run.error_ops = sorted({*(run.error_ops or ()), *mode.mismatches})
