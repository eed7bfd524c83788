"""True values: the recorded ops that lead to a value run on the user's own tensors, if they are cheap enough."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from idlmav.capture.record.classify import FACTORY, KINDS, function_name, is_inplace_call
from idlmav.capture.record.operands import Operands
from idlmav.capture.record.trace import BUFFER, CONSTANT, PARAMETER, OpRecord, Origin, Trace, signature_of
from idlmav.capture.record.values import map_tensors, tensors_in
from idlmav.capture.shapes.kernels import MOVE_TO_DEVICE, on_device
from idlmav.capture.torch_private import DisableTorchFunction, no_dispatch_modes, storage_id

__all__ = ["BYTES_AT_MOST", "FLOPS_AT_MOST", "Replay"]

FLOPS_AT_MOST = 10_000_000_000
"""FLOPs that one capture spends on decisions: a fraction of a second."""
BYTES_AT_MOST = 1 << 29
"""Bytes that these ops write, and read of the weights."""
SECONDS_AT_MOST = 2.0
"""For ops of which nobody knows what they cost."""
_CPU = torch.device("cpu")


class _UnknownError(Exception):
    """A value cannot be computed, or costs too much."""


class Replay:
    """
    Computes the values of a meta tensor: runs the ops that lead to it on the user's own tensors.

    Each op runs once, so that all decisions of a forward pass together cost at most that forward pass.

    Attributes
    ----------
    given : dict of int to Tensor
        By record of an input, the user's tensor.
    """

    def __init__(self, trace: Trace, operands: Operands) -> None:
        self.trace = trace
        self.operands = operands
        self.given: dict[int, Tensor] = {}
        self.flops_left = FLOPS_AT_MOST
        self.bytes_left = BYTES_AT_MOST
        self.seconds_left = SECONDS_AT_MOST
        self._values: dict[tuple[int, int], Tensor] = {}
        self._done: set[int] = set()
        self._too_dear: set[int] = set()
        self._own: dict[str, Tensor] = {}
        self._last_write = -1

    def arguments(self, args: Any, kwargs: dict[str, Any], origins: list[Origin]) -> tuple[Any, Any] | None:
        """Return the arguments of a call with true tensors, to be read only; ``None`` if they are not known."""
        with _for_real():
            try:
                self._make([origin[0] for origin in origins])
                return self._substituted(args, kwargs, origins)
            except _UnknownError:
                return None

    def numbers(self, args: Any, kwargs: dict[str, Any], origins: list[Origin]) -> tuple[Any, Any] | None:
        """Return the arguments of a call with integers in place of the tensors that hold one; ``None`` if none does."""
        tensors = tensors_in((args, kwargs))
        places = [i for i, tensor in enumerate(tensors) if i and tensor.dim() == 0 and not tensor.is_floating_point()]
        found = self.arguments([tensors[i] for i in places], {}, [origins[i] for i in places if i < len(origins)])
        if not places or found is None:
            return None
        for place, tensor in zip(places, found[0], strict=True):
            tensors[place] = tensor.item()
        return _substituted((args, kwargs), tensors)

    def result(self, op: OpRecord) -> Any:
        """Return the true result of a recorded op; ``NotImplemented`` if it is not known."""
        found = self.arguments(op.args, op.kwargs or {}, op.origins)
        if found is None or is_inplace_call(op.func, *found):
            return NotImplemented
        with _for_real():
            try:
                return self._call(op, *found)
            except Exception:  # noqa: BLE001 - the error on meta tensors is reported
                return NotImplemented

    # ---- the slice

    def _make(self, wanted: list[int]) -> None:
        ops = self._slice(wanted)
        if ops and ops[0] < self._last_write:
            # A value was overwritten since: run everything again in the order of the program.
            self._values.clear()
            self._done.clear()
            self._own.clear()
            self._last_write = -1
            ops = self._slice(wanted)
        self._pay(ops)
        for index in ops:
            started = time.monotonic()
            self._run(self.trace.ops[index])
            self.seconds_left -= time.monotonic() - started
            if self.seconds_left < 0:
                raise _UnknownError

    def _slice(self, wanted: list[int]) -> list[int]:
        found: set[int] = set()
        waiting = list(wanted)
        while waiting:
            index = waiting.pop()
            if index >= 0 and index not in found and index not in self._done:
                if index in self._too_dear:
                    raise _UnknownError
                found.add(index)
                waiting += [origin[0] for origin in self.trace.ops[index].origins]
        return sorted(found)

    def _pay(self, ops: list[int]) -> None:
        """Take the cost of ops from what is left."""
        flops, size = self._cost(ops)
        if flops > self.flops_left or size > self.bytes_left:
            self._note_too_dear(ops)
            raise _UnknownError
        self.flops_left -= flops
        self.bytes_left -= size

    def _note_too_dear(self, ops: list[int]) -> None:
        """Note an early op that already costs too much, so that later questions end there."""
        low, high = 0, len(ops) - 1
        while low < high:
            middle = (low + high) // 2
            flops, size = self._cost(self._slice([ops[middle]]))
            if flops > self.flops_left or size > self.bytes_left:
                high = middle
            else:
                low = middle + 1
        self._too_dear.add(ops[high])

    def _cost(self, ops: list[int]) -> tuple[int, int]:
        """Return FLOPs and bytes of ops."""
        flops = size = 0
        seen: set[str] = set()
        for index in ops:
            op = self.trace.ops[index]
            if op.error is not None or (function_name(op.func) == "model_input" and index not in self.given):
                raise _UnknownError
            flops += op.flops or 0
            size += sum(_bytes(made) for made in op.outputs)
            for kind, name, token in op.origins:
                if kind in (PARAMETER, BUFFER) and name not in seen:
                    seen.add(name)
                    size += _bytes(token) if token is not None else 0
        return flops, size

    def _run(self, op: OpRecord) -> None:
        if op.index in self.given:
            self._values[op.index, 0] = self._detached(self.given[op.index])
            self._done.add(op.index)
            return
        try:
            args, kwargs = self._substituted(op.args, op.kwargs or {}, op.origins)
            inplace = "inplace" in op.flags
            if inplace:
                self._may_write(kwargs.get("out", args[0] if args else None))
                self._last_write = op.index
            # The same noise every time, however often it is computed.
            torch.default_generator.manual_seed(op.index)
            result = self._call(op, args, kwargs)
        except _UnknownError:
            raise
        except Exception as error:
            raise _UnknownError from error
        if inplace:
            target = kwargs.get("out")
            result = args[0] if target is None and args else target
        self._keep(op, tensors_in(result))

    def _keep(self, op: OpRecord, made: list[Tensor]) -> None:
        if len(made) < len(op.outputs):
            raise _UnknownError
        for position, (tensor, output) in enumerate(zip(made, op.outputs, strict=False)):
            shape, dtype = signature_of(output)
            if tuple(tensor.shape) != shape or tensor.dtype is not dtype:
                raise _UnknownError  # an earlier guess has led elsewhere
            self._values[op.index, position] = tensor
        self._done.add(op.index)

    def _call(self, op: OpRecord, args: Any, kwargs: dict[str, Any]) -> Any:
        func, name = op.func, function_name(op.func)
        if name == "identity" or name in MOVE_TO_DEVICE:
            return args[0]
        module = op.call.module if op.call is not None else None
        if "opaque" in op.flags and module is not None:
            return module.forward(*args, **kwargs)
        if not op.args and not op.kwargs and op.origins:  # looked up as a whole
            if module is None or (module.training and any(origin[0] == BUFFER for origin in op.origins)):
                raise _UnknownError
            return type(module).forward(module, args[0])
        if name == "embedding" and len(args) > 3 and args[3] is not None:
            raise _UnknownError  # with `max_norm` it writes into the weights
        if KINDS.get(func) == FACTORY:
            kwargs = {key: value for key, value in kwargs.items() if key not in ("device", "pin_memory", "generator")}
        else:
            args, kwargs = on_device(func, args, kwargs, _CPU)
        with _autocast_of(op):
            return func(*args, **kwargs)

    # ---- operands

    def _substituted(self, args: Any, kwargs: Any, origins: list[Origin]) -> tuple[Any, Any]:
        tensors = tensors_in((args, kwargs))
        if not tensors:
            # A layer that was looked up has no arguments: its input comes first. Factories have sizes only.
            return (tuple(args) or tuple(self._value(origin, None) for origin in origins[:1])), kwargs
        if len(tensors) > len(origins):
            raise _UnknownError
        true = [self._value(origin, tensor) for origin, tensor in zip(origins, tensors, strict=False)]
        return _substituted((args, kwargs), true)

    def _value(self, origin: Origin, tensor: Tensor | None) -> Tensor:
        index, output, _ = origin
        if index >= 0:
            found = self._values.get((index, output))
            if found is None:
                raise _UnknownError
            return found
        if index == CONSTANT:
            if tensor is None:
                raise _UnknownError
            tensor = self.operands.stood_for(tensor)
            return self._detached(tensor)
        name = str(output)
        tensor = self._users.get(name)
        if tensor is None:
            raise _UnknownError
        if index == PARAMETER:
            return self._readable(tensor)
        if name not in self._own:  # may be written into
            self._own[name] = self._detached(tensor)
        return self._own[name]

    def _readable(self, tensor: Tensor) -> Tensor:
        if tensor.is_meta or torch.nn.parameter.is_lazy(tensor):
            raise _UnknownError
        return tensor.detach() if tensor.device.type == "cpu" else tensor.detach().cpu()

    def _detached(self, tensor: Tensor) -> Tensor:
        readable = self._readable(tensor)
        return readable.clone() if tensor.device.type == "cpu" else readable

    def _may_write(self, target: Any) -> None:
        """Refuse to write into the user's weights, also through views."""
        users = {storage_id(value) for value in self._users.values() if value.layout is torch.strided}
        if any(storage_id(tensor) in users for tensor in tensors_in(target)):
            raise _UnknownError

    @cached_property
    def _users(self) -> dict[str, Tensor]:
        return {name: tensor for name, tensor, _ in self.operands.own}


def _substituted(value: Any, others: list[Any]) -> Any:
    """Return a nested value with its tensors replaced, in the order of `tensors_in`."""
    each = iter(others)
    return map_tensors(lambda tensor: next(each), value)


def _bytes(output: Any) -> int:
    shape, dtype = signature_of(output)
    return math.prod(shape) * dtype.itemsize if shape is not None and None not in shape else BYTES_AT_MOST + 1


@contextlib.contextmanager
def _for_real() -> Iterator[None]:
    """Switch off modes, autograd and autocast, and restore the random number generator afterwards."""
    state = torch.get_rng_state()
    plain = torch.autocast("cpu", enabled=False)
    with DisableTorchFunction(), no_dispatch_modes(), torch.no_grad(), plain:
        try:
            yield
        finally:
            torch.set_rng_state(state)


def _autocast_of(op: OpRecord) -> Any:
    found = [flag for flag in op.flags if isinstance(flag, torch.dtype)]
    return torch.autocast("cpu", found[0]) if found else contextlib.nullcontext()
