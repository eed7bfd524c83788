"""One run of a model that fails: its modules return what they declare, its functions are guarded."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from idlmav.capture.mode.layer_memo import NoLayerMemo
from idlmav.capture.record.source import Where, locate_error
from idlmav.capture.record.trace import CallRecord
from idlmav.capture.record.values import tensors_in
from idlmav.capture.repair.calls import fitting
from idlmav.capture.repair.declared import accepted_rank, declared_by_module, kernel_of
from idlmav.capture.repair.demands import Demand
from idlmav.capture.repair.repair_mode import Recovery, RepairMode
from idlmav.capture.repair.session import Rerun, Session, Stopped
from idlmav.capture.repair.tracebacks import came_through, will_be_handled
from idlmav.capture.repair.unknown import ACTIVE, Assumption, Plan, Unknown, resized
from idlmav.capture.reruns.devices import DeviceMode
from idlmav.capture.run import Run, argument_names, model_input
from idlmav.capture.torch_private import DisableTorchFunction
from idlmav.capture.tree import Tree

__all__ = ["DeviceRepairRun", "RepairRun", "Unspecified"]


@dataclass(frozen=True)
class Unspecified:
    """An argument of which nothing is known but some sizes; without any, not even their number."""

    sizes: tuple[int | None, ...] = ()


class RepairRun(Run):
    """
    A forward pass that no exception ends.

    Parameters
    ----------
    tree : Tree
        The model with its modules.
    device : torch.device
        Where the model believes to be.
    plan : Plan
        What earlier runs have told; this one adds to it.
    rewritten : set of CodeType
        Code that is guarded already, or cannot be.

    Attributes
    ----------
    session : Session
        What failed and what was assumed.
    wanted : list of CodeType
        Functions that have to be guarded before the model can run to its end.
    """

    def __init__(self, tree: Tree, device: torch.device, plan: Plan, rewritten: set[Any]) -> None:
        super().__init__(tree, device)
        self.session = Session(self.trace, self.operands, plan, rewritten)
        self.failures = self.recovery = Recovery(self.trace, self.session)
        self.mode = RepairMode(self.trace, self.operands, device, self.recovery, self.session)
        self.operands.may_be_wrapped = True
        self.layer_memo = NoLayerMemo(self.trace, self.mode.recorder)
        self.wanted: list[Any] = []

    def forward(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RepairRun:
        """Run the model once."""
        before = getattr(ACTIVE, "session", None)
        ACTIVE.session = self.session
        try:
            super().forward(args, kwargs)
        except Rerun as rerun:
            self.wanted = rerun.codes
        except Stopped:
            pass  # what is drawn by then is more than anybody looks at
        finally:
            if before is None:
                del ACTIVE.session
            else:
                ACTIVE.session = before
        return self

    def _take_inputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        known_args = tuple(None if isinstance(value, Unspecified) else value for value in args)
        known_kwargs = {name: None if isinstance(value, Unspecified) else value for name, value in kwargs.items()}
        taken_args, taken_kwargs = super()._take_inputs(known_args, known_kwargs)
        names = argument_names(self.model, args)
        args = tuple(
            self._unspecified(name, value) if isinstance(value, Unspecified) else taken
            for name, value, taken in zip(names, args, taken_args, strict=True)
        )
        kwargs = {
            name: self._unspecified(name, value) if isinstance(value, Unspecified) else taken_kwargs[name]
            for name, value in kwargs.items()
        }
        return args, kwargs

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
        """Call a module; what it raises is noted, and what it declares stands for its result."""
        if id(module) not in self.paths:
            return super().call_module(module, args, kwargs)
        first = len(self.trace.calls)
        raised: Exception | None = None
        try:
            result = super().call_module(module, args, kwargs)
        except Exception as error:  # noqa: BLE001 - noted on a node, or raised again
            with DisableTorchFunction():
                completed = fitting(module.forward, args, kwargs, error)
                if completed is None:
                    return self._stand_in(self.trace.calls[first], module, args, kwargs, error)
                self.session.let_pass(error, sys._getframe(1))
            raised = error
        if raised is not None and completed is not None:  # outside of the handler: what is raised now has other causes
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
        unsure = session.unsure() if session.assumed else set()
        follows = declared is not None and any(session.origin_of(tensor)[0] in unsure for tensor in tensors)
        follows = follows and not isinstance(error, NotImplementedError)
        kernel = kernel_of(module) if not isinstance(error, NotImplementedError) else None
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
        """Return what a layer declares in place of the unknown result that a failure in it has left."""
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
                self.trace.calls.pop()  # it was not entered
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


class _DeviceRepairMode(DeviceMode, RepairMode):
    """A mode that knows tensors of unknown structure, and where tensors lie."""


class DeviceRepairRun(RepairRun):
    """A run that no exception ends, with devices followed."""

    def __init__(self, tree: Tree, device: torch.device, plan: Plan, rewritten: set[Any]) -> None:
        super().__init__(tree, device, plan, rewritten)
        self.mode: _DeviceRepairMode = _DeviceRepairMode(self.trace, self.operands, device, self.recovery, self.session)


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
