"""One run of a model that raises: its layers return the shapes that they declare, its functions are rewritten."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from idlmav.capture.mode.layer_memo import OFF
from idlmav.capture.record.source import Where, locate_error
from idlmav.capture.record.trace import MODEL_ERRORS, CallRecord
from idlmav.capture.record.values import tensors_in
from idlmav.capture.repair.calls import fitting
from idlmav.capture.repair.declared import accepted_rank, declared_by_module, kernel_of
from idlmav.capture.repair.demands import Demand
from idlmav.capture.repair.repair_mode import Recovery, RepairMode
from idlmav.capture.repair.session import Rerun, Session, Stopped
from idlmav.capture.repair.tracebacks import came_through, will_be_handled
from idlmav.capture.repair.unknown import ACTIVE, Assumption, Plan, Unknown, resized
from idlmav.capture.reruns.devices import DeviceMode
from idlmav.capture.run import Run, model_input
from idlmav.capture.torch_private import DisableTorchFunction
from idlmav.capture.tree import Tree

__all__ = ["DeviceRepairMode", "RepairRun", "Unspecified"]


@dataclass(frozen=True)
class Unspecified:
    """An argument of which only some sizes are known; without sizes, the rank is unknown, too."""

    sizes: tuple[int | None, ...] = ()


class RepairRun(Run):
    """
    A forward pass that no exception ends.

    Attributes
    ----------
    session : Session
        Failures and assumptions of this run.
    wanted : list of CodeType
        Functions that have to be rewritten before the model can run to its end.
    """

    def __init__(
        self, tree: Tree, device: torch.device, plan: Plan, rewritten: set[Any], mode: type[RepairMode] = RepairMode
    ) -> None:
        super().__init__(tree, device)
        self.session = Session(self.trace, self.operands, plan, rewritten)
        self.failures = self.recovery = Recovery(self.trace, self.session)
        self.mode = mode(self.trace, self.operands, device, self.recovery, self.session)
        self.operands.may_be_wrapped = True
        self.layer_memo.depth = OFF
        self.wanted: list[Any] = []

    frames = 4

    def forward(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RepairRun:
        """Run the model once."""
        before, ACTIVE.session = ACTIVE.session, self.session
        try:
            super().forward(args, kwargs)
        except Rerun as rerun:
            self.wanted = rerun.codes
        except Stopped:
            pass  # the graph is larger than anybody reads
        finally:
            ACTIVE.session = before
        return self

    def _take(self, value: Any, name: str) -> Any:
        return self._unspecified(name, value) if isinstance(value, Unspecified) else super()._take(value, name)

    def _unspecified(self, name: str, given: Unspecified) -> Tensor:
        op = self.trace.new_op(model_input, None)
        op.args = (name,)
        usual = resized([1], len(given.sizes), self.session.plan.spatial) if given.sizes else [1]
        sizes = [other if size is None else size for size, other in zip(given.sizes, usual, strict=False)] or [1]
        known = [size is not None for size in given.sizes] or [False]
        prior = Assumption(sizes, known, bool(given.sizes), torch.get_default_dtype(), typed=False)
        tensor = self.session.assume(op, prior)
        self.inputs.append((name, tensor))
        return tensor

    def call_module(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a module; if it raises, note the error and return the shape that it declares."""
        if id(module) not in self.paths:
            return super().call_module(module, args, kwargs)
        first = len(self.trace.calls)
        raised: Exception | None = None
        try:
            result = super().call_module(module, args, kwargs)
        except MODEL_ERRORS as error:  # noted on a node, or raised again
            with DisableTorchFunction():
                completed = fitting(module.forward, args, kwargs, error)
                if completed is None:
                    return self._stand_in(self.trace.calls[first], module, args, kwargs, error)
                self.session.let_pass(error, sys._getframe(1))
            raised = error
        if raised is not None and completed is not None:  # outside of the handler
            return self._entered(self.trace.calls[first], module, raised, *completed)
        if isinstance(result, Unknown) and first < len(self.trace.calls):
            with DisableTorchFunction():
                return self._declared(module, result, args, kwargs)
        return result

    # ---- a module that raises

    def _stand_in(self, call: CallRecord, module: torch.nn.Module, args: Any, kwargs: Any, error: Exception) -> Any:
        if will_be_handled(error, sys._getframe(1)):
            raise error
        session, tensors = self.session, tensors_in((args, kwargs))
        declared = declared_by_module(module, tensors)
        first = next((tensor for tensor in tensors if isinstance(tensor, Unknown)), None)
        rank = accepted_rank(module) if first is not None else None
        if first is not None and rank is not None:
            session.plan.pin_rank(first.key, rank - first.offset, firm=True)
        composite = bool(module._modules) and came_through(error, getattr(type(module).forward, "__code__", None))
        if declared is None or (composite and not isinstance(module, torch.nn.MultiheadAttention)):
            session.let_pass(error, None)
        written = not isinstance(error, NotImplementedError)
        follows = declared is not None and session.is_unsure(tensors) and written
        kernel = kernel_of(module) if written else None
        ran = kernel is None and any(op.call is call and op.outputs for op in self.trace.ops[call.first_op :])
        own = list(module._parameters.values()) if kernel is not None else []
        values: Any = () if ran else (args, kwargs, own)
        op = session.fail(error, values, call, locate_error(error), doubtful=follows)
        op.func = kernel or op.func
        if isinstance(module, torch.nn.RNNBase) and tensors and own and isinstance(own[0], Tensor):
            demand = Demand(tensors[0], sizes={-1: module.input_size}, dtype=own[0].dtype)
            session.note_wrong_types(op, [demand])
            if follows or session.gives_way(demand):
                session.learn(demand)
        if declared is None:
            return session.assume(op, session.prior((args, kwargs)))
        return _shaped(module, [session.assume(op, output) for output in declared])

    def _declared(self, module: torch.nn.Module, result: Unknown, args: Any, kwargs: Any) -> Any:
        """Return the shape that a layer declares in place of an unknown result."""
        declared = declared_by_module(module, tensors_in((args, kwargs)))
        op = self.trace.ops[self.trace.origins[id(result)][0]]
        if declared is None or op.error is None:
            return result
        return _shaped(module, [self.session.assume(op, output) for output in declared])

    # ---- arguments that forward does not take

    def _entered(
        self, call: CallRecord, module: torch.nn.Module, error: Exception, args: Any, kwargs: Any, missing: list[str]
    ) -> Any:
        """Call a module again, with something unknown for the arguments that are missing."""
        with DisableTorchFunction():
            if call.index == len(self.trace.calls) - 1:
                self.trace.calls.pop()  # forward was not entered
                if call.parent is not None:
                    call.parent.children -= 1
            index = len(self.trace.calls)
            where = locate_error(error) or _definition(module)
            op = self.session.fail(error, (args, kwargs), call, where)
            given = [self.session.assume(op, self.session.prior_argument((args, kwargs))) for _ in missing]
            kwargs = {**kwargs, **dict(zip(missing, given, strict=True))}
        try:
            return self.call_module(module, args, kwargs)
        finally:
            if index < len(self.trace.calls) and op.func.__name__ == "raise":
                op.call = self.trace.calls[index]


class DeviceRepairMode(DeviceMode, RepairMode):
    """A mode that treats tensors of unknown structure, and follows devices."""


def _definition(module: torch.nn.Module) -> Where | None:
    code = getattr(getattr(module.forward, "__func__", module.forward), "__code__", None)
    return (code, 0) if code is not None else None


def _shaped(module: torch.nn.Module, tensors: list[Tensor]) -> Any:
    """Return the outputs of a layer in the structure in which it returns them."""
    if isinstance(module, torch.nn.LSTM):
        return tensors[0], (tensors[1], tensors[2])
    if isinstance(module, torch.nn.LSTMCell) or len(tensors) > 1:
        return tuple(tensors)
    return tensors[0]
