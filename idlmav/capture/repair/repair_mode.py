"""The function mode of a repair run: ops on unknown tensors, and results in place of those of ops that raise."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from idlmav.capture.mode.failures import Failures
from idlmav.capture.mode.recording_mode import RecordingMode
from idlmav.capture.record.classify import ASK, FACTORY, KINDS, OP, classify, function_name, is_inplace_call
from idlmav.capture.record.operands import Operands
from idlmav.capture.record.source import locate
from idlmav.capture.record.trace import PARAMETER, OpRecord, Trace
from idlmav.capture.record.values import map_tensors, tensors_in
from idlmav.capture.repair.declared import declared_by_op
from idlmav.capture.repair.demands import Demand, demands
from idlmav.capture.repair.session import Session
from idlmav.capture.repair.tracebacks import will_be_handled
from idlmav.capture.repair.unknown import Assumption, Unknown, UnknownShape, make_unknown, resized
from idlmav.capture.shapes.kernels import Kernels
from idlmav.capture.shapes.rules.registry import contiguous

__all__ = ["Recovery", "RepairMode"]

_RANKS = (4, 3, 2, 5, 1)


class RepairMode(RecordingMode):
    """A function mode that treats tensors of unknown structure."""

    def __init__(
        self, trace: Trace, operands: Operands, device: torch.device, failures: Recovery, session: Session
    ) -> None:
        super().__init__(trace, operands, device, failures)
        self.session = session
        failures.kernels = self.kernels

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Treat a call of any torch function by its kind and its operands."""
        if not any(isinstance(tensor, Unknown) for tensor in tensors_in((args, kwargs))):
            return super().__torch_function__(func, types, args, kwargs)
        kind = KINDS.get(func)
        kind = classify(func) if kind is None else kind
        if kind == ASK:
            return self._asked(func, args, kwargs or {})
        if kind == OP:
            return self._on_unknown(func, args, kwargs or {}, sys._getframe(1))
        if kind == FACTORY:
            return self._special(kind, func, self._plain(args), self._plain(kwargs or {}), sys._getframe(1))
        return super().__torch_function__(func, types, args, kwargs)

    def _asked(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if not isinstance(args[0], Unknown) or function_name(func) not in ("shape", "size"):
            return func(*args, **kwargs)
        sizes = UnknownShape.of(args[0])
        dim = args[1] if len(args) > 1 else kwargs.get("dim")
        return sizes if dim is None else sizes[dim]

    def _autograd(self, func: Any, args: Any, kwargs: dict[str, Any], frame: FrameType) -> Any:
        """Return gradients of the inputs' shapes; ignore everything else that differentiates."""
        if function_name(func) == "_make_dual":
            return args[0]
        if func is not torch.autograd.grad:
            return None
        outputs, inputs = args[0], args[1] if len(args) > 1 else kwargs["inputs"]
        op = self.trace.new_op(func, locate(frame))
        tensors = tensors_in(inputs)
        op.origins = [self.origin_of(tensor) for tensor in (*tensors_in(outputs), *tensors)]
        gradients = tuple([contiguous(tensor.shape, tensor.dtype) for tensor in tensors])
        op.flags = ("guess",)
        op.outputs = tuple([self.trace.register(op, i, gradient) for i, gradient in enumerate(gradients)])
        return gradients

    def _plain(self, value: Any) -> Any:
        """Return arguments with ordinary meta tensors in place of the unknown tensors."""
        return map_tensors(lambda x: self.session.plain(x) if isinstance(x, Unknown) else x, value)

    def _on_unknown(self, func: Any, args: Any, kwargs: dict[str, Any], frame: FrameType) -> Any:
        found = [d for d in demands(func, args, kwargs) if not (d.soft and _all_unknown(args))]
        replaced = self.session.settle(found)
        args, kwargs = _replaced((args, kwargs), replaced)
        rankless = [tensor for tensor in tensors_in((args, kwargs)) if isinstance(tensor, Unknown)]
        plain_args, plain_kwargs = self._plain((args, kwargs))
        result = self.run_op(func, plain_args, plain_kwargs, frame)
        return self._following(func, args, kwargs, result, rankless) if rankless else result

    def _following(self, func: Any, args: Any, kwargs: dict[str, Any], result: Any, rankless: list[Unknown]) -> Any:
        """Return results as unknown tensors if their rank depends on that of an unknown operand."""
        results = tensors_in(result)
        if not results or len(results) > 64:
            return result
        if not is_inplace_call(func, args, kwargs):
            # Try one dimension more: an op that refuses it demands the rank, one whose rank stays has a known one.
            more = {id(x): contiguous([*x.shape[:1], 2, *x.shape[1:]], x.dtype) for x in rankless}
            try:
                more_args, more_kwargs = _replaced((args, kwargs), more)
                probe, _, _ = self.kernels.evaluate(func, more_args, more_kwargs, False)
            except Exception:  # noqa: BLE001 - only whether it raises matters
                for tensor in rankless:
                    self.session.plan.pin_rank(tensor.key, tensor.dim() - tensor.offset)
                return result
            if [tensor.dim() for tensor in tensors_in(probe)] == [tensor.dim() for tensor in results]:
                return result
        return map_tensors(lambda tensor: self._wrapped(tensor, rankless[0]), result)

    def _wrapped(self, tensor: Tensor, source: Unknown) -> Tensor:
        made = make_unknown(list(tensor.shape), tensor.dtype, source.key, source.offset + tensor.dim() - source.dim())
        origin = self.trace.origins[id(made)] = self.trace.origins[id(tensor)]
        self.trace.kept.append(made)
        self.session.rankless.add(origin[:2])
        return made


class Recovery(Failures):
    """Goes on after an op has raised, with operands as it demands them or with the shape that it declares."""

    def __init__(self, trace: Trace, session: Session) -> None:
        super().__init__(trace)
        self.session = session
        self.kernels: Kernels

    def failed(self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> Any:
        """Return an assumed result of an op that raised."""
        error, result = self.really(op, func, args, kwargs, error)
        if result is not NotImplemented:
            return result
        if will_be_handled(error, sys._getframe(1)):
            op.error = error
            raise error
        return self.gone_on(op, func, args, kwargs, error)

    def misplaced(self, op: OpRecord, error: Exception) -> Any:
        """Return an assumed result of an op that the values of its operands make fail."""
        if will_be_handled(error, sys._getframe(1)):
            return super().misplaced(op, error)
        return self.gone_on(op, op.func, op.args, op.kwargs, error)

    def refused(self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> Any:
        """Return an assumed result of an op that a tensor's class has refused."""
        known = any(op.error is error for op in self.trace.ops)
        if known or will_be_handled(error, sys._getframe(1)):
            return super().refused(op, func, args, kwargs, error)
        return self.gone_on(op, func, args, kwargs, error)

    def gone_on(self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> Any:
        """Note the error of an op, and return an assumed result."""
        session = self.session
        session.note(op, error)
        args, kwargs = session.operands.replace((args, kwargs or {}), all_meta=True)
        result = self._corrected(op, func, args, kwargs)
        result = self._other_rank(func, args, kwargs) if result is None else result
        if result is not None:
            return result if op.outputs else self.registered(op, result)
        declared = declared_by_op(func, args, kwargs)
        if declared is None:
            return session.assume(op, session.prior((args, kwargs)))
        for demand in demands(func, args, kwargs):
            for dim, _ in demand.mismatches() if demand.keeps else ():
                declared.known[dim] = False
        return session.assume(op, declared)

    def _corrected(self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Run the op on operands as it demands them."""
        session, unsure = self.session, self.session.unsure()
        wrong = [demand for demand in demands(func, args, kwargs) if not demand.fits()]
        doubtful = [d for d in wrong if session.origin_of(d.operand)[0] in unsure or session.gives_way(d)]
        found = session.mismatches.setdefault(op.index, [])
        session.note_wrong_types(op, wrong)
        for demand in doubtful or wrong:
            index, output, _ = session.origin_of(demand.operand)
            found += [((index, output), dim, demand.operand.shape[dim], size) for dim, size in demand.mismatches()]
        for demand in doubtful:
            session.learn(demand)
        # Operands that disagree, as in ``x + skip``, are not corrected: either may be wrong.
        firm = [d for d in wrong if not d.soft and not (d.keeps and d.mismatches())]
        usable = doubtful or [d for d in firm if session.origin_of(d.operand)[0] != PARAMETER]
        for group in (usable, *[[demand] for demand in usable if len(usable) > 1]):
            result = self._evaluated(func, args, kwargs, group)
            if result is not None:
                return self._as_assumed(op, func, args, kwargs, group, result)
        return None

    def _evaluated(
        self, func: Any, args: Any, kwargs: dict[str, Any], changed: list[Demand], *, altered: bool = False
    ) -> Any:
        if not changed:
            return None
        new: dict[int, Tensor] = {}
        for demand in changed:
            x = demand.operand
            rank = _rank_demanded(demand)
            sizes = resized(list(x.shape), rank)
            if altered and rank > x.dim():  # then only the batch is more than a guess
                sizes[1:] = [2 * size for size in sizes[1:]]
            for dim, size in demand.sizes.items():
                sizes[dim] = size
            new[id(x)] = contiguous(sizes, demand.dtype or x.dtype)
        return self._try(func, *_replaced((args, kwargs), new))

    def _as_assumed(
        self, op: OpRecord, func: Any, args: Any, kwargs: dict[str, Any], changed: list[Demand], result: Any
    ) -> Any:
        """Return results as assumptions if a size was invented or the element type is not known."""
        invented = any(_rank_demanded(demand) > demand.operand.dim() for demand in changed)
        typed = not any(demand.wrong_type() for demand in changed)
        if is_inplace_call(func, args, kwargs) or (typed and not invented):
            return result
        other = self._evaluated(func, args, kwargs, changed, altered=True) if invented else result
        new = {}
        for tensor, altered in zip(tensors_in(result), tensors_in(other), strict=False):
            known = [size == changed_size for size, changed_size in zip(tensor.shape, altered.shape, strict=False)]
            assumption = Assumption(list(tensor.shape), known, True, tensor.dtype, typed=typed)
            new[id(tensor)] = self.session.assume(op, assumption)
        return _replaced(result, new)

    def _try(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        try:
            return self.kernels.evaluate(func, args, kwargs, is_inplace_call(func, args, kwargs))[0]
        except Exception:  # noqa: BLE001 - one of several attempts; the op's own error is noted already
            return None

    def _other_rank(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Run the op with another rank of an operand of which the rank is only assumed."""
        session = self.session
        for tensor in tensors_in((args, kwargs)):
            key, offset = session.rank_of.get(id(tensor), (None, 0))
            if key is None:
                continue
            for rank in _RANKS:
                sizes = resized(list(tensor.shape), rank, session.plan.spatial)
                new = {id(tensor): contiguous(sizes, tensor.dtype)}
                result = self._try(func, *_replaced((args, kwargs), new))
                if result is not None:
                    session.plan.pin_rank(key, rank - offset)
                    return result
        return None


def _rank_demanded(demand: Demand) -> int:
    rank = demand.operand.dim()
    return max(rank if not demand.ranks or rank in demand.ranks else demand.ranks[0], demand.least_rank())


def _all_unknown(args: Any) -> bool:
    """Return whether there are several operands, all of them unknown."""
    tensors = tensors_in(args)
    return len(tensors) > 1 and all(isinstance(tensor, Unknown) for tensor in tensors)


def _replaced(value: Any, new: dict[int, Tensor]) -> Any:
    """Return a nested value with other tensors for those of the given ids."""
    return map_tensors(lambda tensor: new.get(id(tensor), tensor), value)
