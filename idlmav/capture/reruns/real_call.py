"""
One real call of the user's model, for all values that nothing else could tell.

A run on meta tensors that had to guess is followed by the model itself, on the user's inputs, with a mode that notes
what each torch function returns (`Witness`). The next run on meta tensors reads the outcomes in the same order
(`data.outcomes`). The model and the process are left as found: the call gets copies of inputs and buffers, and what
it writes into other memory of the user's is put back.
"""

from __future__ import annotations

import contextlib
import copy
import math
import sys
import time
import warnings
from contextlib import ExitStack
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.jit import ScriptModule
from torch.overrides import TorchFunctionMode

from idlmav.capture.data.outcomes import Event, Outcomes, place_of
from idlmav.capture.mode.control_flow import run_control
from idlmav.capture.mode.overrides import overrider, overrides
from idlmav.capture.outside.containers import Drained
from idlmav.capture.outside.module_calls import call_original
from idlmav.capture.record.classify import (
    AUTOGRAD,
    CONTROL,
    DATA,
    KINDS,
    SET,
    UNNOTED,
    classify,
    function_name,
    is_inplace_call,
    op_name,
)
from idlmav.capture.record.operands import meta_like
from idlmav.capture.record.trace import signature_of, storage_key
from idlmav.capture.record.values import map_tensors, tensors_in
from idlmav.capture.run import Run
from idlmav.capture.torch_private import DisableTorchFunction, preserve_version, schema_writes
from idlmav.capture.tree import Tree

__all__ = ["outcomes_of"]

FLOPS_AT_MOST = 2_000_000_000_000
"""FLOPs of a real call, as the run before has counted them."""
FLOPS_PER_SECOND = 20_000_000_000
"""What even a slow machine computes; a call that takes longer does something else, and ends."""
BYTES_AT_MOST = 1 << 32
"""Bytes of the largest result in it, and of the model's buffers, which are copied."""
SECONDS_OF_PYTHON = 15.0
"""CPU seconds for what has no FLOPs."""
SECONDS_AT_MOST = 60.0
"""Seconds on the clock, other programs on a busy machine included, after which a call ends in any case."""
_CPU_TIME_EVERY = 8
"""Calls between two looks at the CPU time, which takes longer than most ops."""
_NORMS = frozenset({"batch_norm", "instance_norm"})
"""They write into running statistics, the operands after the first."""
_EMBEDDINGS = frozenset({"embedding", "embedding_bag"})
"""They write into their weights if these have a largest norm."""


class OutOfTime(BaseException):
    """Ends a real call that takes too long, or that cannot be followed."""


def outcomes_of(finished: Run, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcomes | None:
    """Return what a real call of the model tells; ``None`` if it cannot be made, or would cost too much."""
    flops = sum(op.flops or 0 for op in finished.trace.ops)
    if flops > FLOPS_AT_MOST or not _is_real(finished.tree, (args, kwargs)) or _bytes(finished) > BYTES_AT_MOST:
        return None
    run = RealRun(finished.tree, finished.mode.device, SECONDS_OF_PYTHON + flops / FLOPS_PER_SECOND)
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())  # the run before has shown those of the model
        warnings.simplefilter("ignore")
        if torch.cuda.is_initialized():
            stack.enter_context(torch.random.fork_rng())
        try:
            run.forward(args, kwargs)
        except OutOfTime:
            pass
        finally:
            run.witness.put_back()
    return Outcomes(run.witness.events)


def _is_real(tree: Tree, inputs: Any) -> bool:
    """Return whether the model and all inputs have memory."""
    given = tensors_in(inputs)
    return not any(tensor.is_meta or torch.nn.parameter.is_lazy(tensor) for tensor in given) and not any(
        tensor.is_meta for _, tensor, _ in tree.tensors
    )


def _bytes(finished: Run) -> int:
    """Return the bytes of the largest result of an op, or of all buffers if these are more."""
    made = [signature_of(output) for op in finished.trace.ops for output in op.outputs]
    sizes = [math.prod(shape) * dtype.itemsize for shape, dtype in made if shape is not None and None not in shape]
    buffers = [tensor for _, tensor, is_buffer in finished.tree.tensors if is_buffer]
    return max([*sizes, sum(buffer.numel() * buffer.element_size() for buffer in buffers)])


class RealRun(Run):
    """A forward pass for real, on copies of the inputs and buffers."""

    def __init__(self, tree: Tree, device: torch.device, seconds: float) -> None:
        super().__init__(tree, device)
        self.witness = Witness(seconds)
        self.mode = self.witness  # type: ignore[assignment]
        self.copier.stand_in_of = self._copied

    def _copied(self, tensor: Tensor) -> Tensor:
        if isinstance(tensor, torch.nn.Parameter) and id(tensor) in self.operands.names:
            return tensor
        copied = tensor.detach().clone().requires_grad_(tensor.requires_grad)
        self.witness.made.add(storage_key(copied))
        return copied

    def _take(self, value: Any, name: str) -> Any:
        if isinstance(value, Drained):
            return value.again(lambda item, index: self._take(item, f"{name}.{index}"))
        return self.copier.take(value, name)

    def _take_inputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        copies: dict[int, Tensor] = {}
        for _, module in self.tree.modules:
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    if id(buffer) not in copies:
                        copies[id(buffer)] = self._copied(buffer)
                    module._buffers[name] = copies[id(buffer)]  # put back with the containers of the module
        return super()._take_inputs(args, kwargs)

    def call_module(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a module; TorchScript is one op."""
        if not isinstance(module, ScriptModule):
            return call_original(module, args, kwargs)
        with DisableTorchFunction():
            return self.witness.noted(ScriptModule, module.forward, args, kwargs, sys._getframe(2))


class Witness(TorchFunctionMode):
    """
    A function mode that lets every torch function run, and notes what it returns.

    Attributes
    ----------
    events : list of Event
        Calls in their order.
    made : set of int
        Storages that belong to the call, into which it may write.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.made: set[int] = set()
        self._until = time.monotonic() + SECONDS_AT_MOST, time.thread_time() + seconds
        self._undo = ExitStack()
        self._saved: set[int] = set()

    def put_back(self) -> None:
        """Undo what the call wrote into memory that it has not made."""
        self._undo.close()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function and note its outcome."""
        kwargs = kwargs or {}
        if types and overrides(types):
            with self:
                return overrider(types).__torch_function__(func, types, args, kwargs)
        kind = KINDS.get(func)
        kind = classify(func) if kind is None else kind
        frame = sys._getframe(1)
        if kind == CONTROL:
            self.events.append(Event(place_of(func, frame), []))
            ask = Tensor.__bool__
            return run_control(self, func, args, kwargs, lambda value: self.noted(ask, ask, (value,), {}, frame))
        if kind not in UNNOTED:
            return self.noted(func, func, args, kwargs, frame)
        if kind == AUTOGRAD and (function_name(func) != "grad" or func is torch.autograd.grad):
            raise OutOfTime
        if kind == SET:
            self._save_property(args[0], function_name(func).removesuffix("_"))
        return func(*args, **kwargs)

    def noted(self, func: Any, call: Any, args: Any, kwargs: dict[str, Any], frame: FrameType) -> Any:
        """Call a function, and note its outcome as that of `func`."""
        late = time.monotonic() > self._until[0]
        if late or (len(self.events) % _CPU_TIME_EVERY == 0 and time.thread_time() > self._until[1]):
            raise OutOfTime
        operands = tensors_in((args, kwargs))
        event = Event(place_of(func, frame), [tensor.shape for tensor in operands])
        self.events.append(event)
        for tensor in self._written(func, args, kwargs):
            self._save(tensor)
        result = call(*args, **kwargs)
        found = tensors_in(result)
        if found:
            event.outcome = map_tensors(meta_like, result)
            foreign = {key for key in map(storage_key, operands) if key not in self.made}
            self.made.update({storage_key(tensor) for tensor in found} - foreign)
        elif KINDS.get(func) == DATA or result is None:
            event.outcome = copy.deepcopy(result)
        return result

    # ---- memory of the user's

    def _written(self, func: Any, args: Any, kwargs: dict[str, Any]) -> list[Tensor]:
        """Return the operands that a function may write into."""
        name = op_name(func)
        if name in _NORMS:
            return tensors_in((args[1:3], kwargs))
        with_norm = name in _EMBEDDINGS and (kwargs.get("max_norm") or args[3:4] not in ((), (None,)))
        if with_norm or schema_writes(func):
            return tensors_in((args, kwargs))
        if not is_inplace_call(func, args, kwargs):
            return []
        out = kwargs.get("out")
        return tensors_in(args[:1] if out is None else out) or tensors_in(kwargs)

    def _save(self, tensor: Tensor) -> None:
        """Have the memory of a tensor put back, if it was there before the call."""
        key = storage_key(tensor)
        if key in self.made or key in self._saved or tensor.layout is not torch.strided:
            return
        self._saved.add(key)
        storage = tensor.untyped_storage()
        self._undo.enter_context(preserve_version(tensor))
        self._undo.callback(storage.copy_, storage.clone())

    def _save_property(self, tensor: Tensor, name: str) -> None:
        """Have a property of a tensor put back, if the tensor was there before the call."""
        if storage_key(tensor) not in self.made:
            with contextlib.suppress(Exception):  # a property that cannot be read
                self._undo.callback(setattr, tensor, name, getattr(tensor, name))
