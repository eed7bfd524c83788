"""Failures and assumptions of one run."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import product
from types import CodeType, FrameType
from typing import Any

import torch
from torch import Tensor

from idlmav.capture.record.operands import Operands
from idlmav.capture.record.source import Where, locate, locate_error, source_line
from idlmav.capture.record.trace import SIGNATURES, CallRecord, OpRecord, Trace
from idlmav.capture.record.values import tensors_in
from idlmav.capture.repair.demands import Demand
from idlmav.capture.repair.tracebacks import rewritable, will_be_handled
from idlmav.capture.repair.unknown import Assumption, Key, Part, Plan, Unknown, make_unknown, resized
from idlmav.capture.run import causes
from idlmav.capture.shapes.rules.registry import contiguous
from idlmav.capture.torch_private import DisableTorchFunction

__all__ = ["Rerun", "Session", "Stopped", "raised", "unknown"]

_FAILURES_AT_MOST = 400
_LOOPS_AT_MOST = 4000


def raised(*args: Any) -> None:
    """Stand for a statement or a layer that raised."""


def unknown(*args: Any) -> None:
    """Stand for a call of something that is not known."""


raised.__name__ = "raise"


class Rerun(BaseException):
    """Ends a run because functions have to be rewritten first; no model catches it."""

    def __init__(self, codes: list[CodeType]) -> None:
        super().__init__("functions are rewritten, then the model runs again")
        self.codes = codes


class Stopped(BaseException):
    """Ends a run with too many failures."""


class Session:
    """
    Notes failures and assumptions of one run.

    Attributes
    ----------
    assumed : dict of Key to Assumption
        Every assumed result.
    failures : dict of int to BaseException
        By op, the exception raised there.
    mismatches : dict of int to list of (Key, int, int, int)
        By failed op: which output of which op had a wrong size, along which dimension, its size, and the one demanded.
    consequences : set of int
        Failed ops whose error follows from another.
    doubtful : set of int
        Failed statements that read values of unknown size, on which it depends whether they are consequences.
    rankless : set of Key
        Outputs whose number of dimensions is not known.
    parts : dict of Key to dict of Part to (Key, Tensor)
        Parts that the model has read from unknown values.
    rank_of : dict of int to (Key, int)
        By ``id`` of a meta tensor that stands for an unknown tensor: the assumption that its rank follows, and by how much.
    """

    def __init__(self, trace: Trace, operands: Operands, plan: Plan, rewritten: set[CodeType]) -> None:
        self.trace = trace
        self.operands = operands
        self.plan = plan
        self.rewritten = rewritten
        self.assumed: dict[Key, Assumption] = {}
        self.failures: dict[int, BaseException] = {}
        self.mismatches: dict[int, list[tuple[Key, int, int, int]]] = {}
        self.consequences: set[int] = set()
        self.doubtful: set[int] = set()
        self.rankless: set[Key] = set()
        self.parts: dict[Key, dict[Part, tuple[Key, Tensor]]] = {}
        self.rank_of: dict[int, tuple[Key, int]] = {}
        weights = [x.dtype for _, x, is_buffer in operands.own if x.is_floating_point() and not is_buffer]
        self.usual_type = Counter(weights).most_common(1)[0][0] if weights else None
        self._mistyped: set[Where | int] = set()
        self._places: set[tuple[str | None, str, str]] = set()
        self._loops = 0

    # ---- results that were not computed

    def assume(self, op: OpRecord, prior: Assumption) -> Tensor:
        """Return an assumed result as the next output of an op."""
        key = (op.index, len(op.outputs))
        found = self.assumed[key] = self.plan.applied(key, prior)
        tensor: Tensor
        if found.rank_known:
            tensor = contiguous(found.sizes, found.dtype)
        else:
            tensor = make_unknown(found.sizes, found.dtype, key)
            self.rankless.add(key)
        op.outputs = (*op.outputs, self.trace.register(op, key[1], tensor))
        return tensor

    def prior(self, values: Any, like: Any = None) -> Assumption:
        """Return a guess of a result: like the first float among its operands, with the batch known."""
        tensors = tensors_in(values)
        found = like if isinstance(like, Tensor) else next((x for x in tensors if x.is_floating_point()), None)
        sizes, dtype, batch = [1], torch.get_default_dtype(), False
        if found is not None:
            sizes, dtype, batch = list(found.shape), found.dtype, True
        elif tensors:  # integers are probably ids, which become vectors
            sizes, batch = [*tensors[0].shape, 64], True
        if isinstance(found, Unknown):
            source = self.assumed.get(found.key)
            batch = found.offset == 0 and source is not None and source.known[:1] == [True]
        return Assumption(sizes, [d == 0 and batch for d in range(len(sizes))], False, dtype)

    def prior_argument(self, given: Any) -> Assumption:
        """Return a guess of a missing argument: like those that are given, else like the last result."""
        firsts = (op.outputs[0] for op in reversed(self.trace.ops) if op.outputs)
        made = next((token for token in firsts if isinstance(token, int)), None)
        if made is None or tensors_in(given):
            return self.prior(given)
        return self.prior((), SIGNATURES.meta_tensor(made))

    def part_of(self, tensor: Unknown, args: tuple[Any, ...] = (), part: Part | None = None) -> Tensor:
        """Return an item, an attribute or the result of a call of something unknown; a named part is always the same."""
        parts: dict[Any, tuple[Key, Tensor]] = {}
        if part is not None and not tensor.offset:
            parts = self.parts.setdefault(tensor.key, {})
        if part in parts:
            return parts[part][1]
        with DisableTorchFunction():
            given = tensors_in(args)
            op = self.trace.ops[self.trace.origins[id(tensor)][0]]
            prior = Assumption(list(tensor.shape), [False] * tensor.dim(), False, tensor.dtype)
            if given:
                op = self.trace.new_op(unknown, locate(sys._getframe(1)))
                op.origins = [self.origin_of(value) for value in (tensor, *given)]
                prior = self.prior(given)
            made = self.assume(op, prior)
            parts[part] = self.trace.origins[id(made)][:2], made
            return made

    def origin_of(self, tensor: Tensor) -> Any:
        """Return the origin of a tensor."""
        return self.trace.origins.get(id(tensor)) or self.operands.adopt(tensor)

    # ---- what consumers demand

    def pin_rank(self, tensor: Unknown, rank: int, *, firm: bool = False) -> tuple[int, ...]:
        """Note that a tensor has so many dimensions; return its sizes then."""
        with DisableTorchFunction():
            self.plan.pin_rank(tensor.key, rank - tensor.offset, firm=firm)
            return tuple(resized(list(tensor.shape), rank, self.plan.spatial))

    def note_wrong_types(self, op: OpRecord, wrong: list[Demand]) -> None:
        """Note operands of the wrong element type; later errors with the same source are consequences."""
        roots: set[Where | int] = set()
        for demand in wrong:
            # The operand is wrong, and not the weight, if the weight has the type of most of the model's parameters.
            if demand.dtype is self.usual_type is not demand.operand.dtype:
                roots |= self._roots(demand.operand)
        if roots & self._mistyped:
            self.consequences.add(op.index)
        self._mistyped |= roots

    def _roots(self, tensor: Tensor) -> set[Where | int]:
        """Return the ops (by line) or inputs that an element type comes from."""
        found: set[Where | int] = set()
        waiting, seen = [self.origin_of(tensor)[0]], set[int]()
        while waiting:
            index = waiting.pop()
            if index < 0 or index in seen:
                continue
            seen.add(index)
            op = self.trace.ops[index]
            before = [o[0] for o in op.origins if o[0] >= 0 and _part_of(o, 2) is tensor.dtype]
            waiting += before
            if not before:
                found.add(op.where or index)  # a cast in a loop is one error
        return found

    def gives_way(self, demand: Demand) -> bool:
        """Return whether an operand only disagrees with the shape that a failed op declares, which can change."""
        key = self._assumed_like(demand.operand, 0)
        if key is not None and any(self._yields(key, dim) for dim, _ in demand.mismatches()):
            return True
        key = self._assumed_like(demand.operand, 2) if demand.wrong_type() else None
        return key is not None and not self.assumed[key].typed and self.plan.told(key).dtype in (None, demand.dtype)

    def learn(self, demand: Demand) -> None:
        """Pin the demand of an op to the assumption that its operand comes from; ids have rank 2."""
        key = self._assumed_like(demand.operand, 0)
        known = self.assumed[key].known if key is not None else []
        for dim, size in demand.mismatches():
            if key is not None and dim < len(known) and (not known[dim] or self._yields(key, dim)):
                self.plan.pin_size(key, dim, size)
        key = self._assumed_like(demand.operand, 2) if demand.wrong_type() else None
        if key is not None and demand.dtype is not None:
            if not demand.dtype.is_floating_point and not self.assumed[key].rank_known:
                self.plan.pin_rank(key, 2, firm=True)
            self.plan.pin_dtype(key, demand.dtype)

    def _yields(self, key: Key, dim: int) -> bool:
        """Return whether a consumer may change a declared size; only the first one may."""
        return self.assumed[key].soft and dim not in self.plan.told(key).sizes

    def _assumed_like(self, tensor: Tensor, part: int) -> Key | None:
        """Return the assumption that a tensor comes from through ops that keep shape (`part` 0) or type (2)."""
        index, output, _ = self.origin_of(tensor)
        wanted = tuple(tensor.shape) if part == 0 else tensor.dtype
        while index >= 0:
            if (index, output) in self.assumed:
                return index, output
            before = [o for o in self.trace.ops[index].origins if o[0] >= 0 and _part_of(o, part) == wanted]
            if not before:
                return None
            index, output, _ = before[0]
        return None

    def settle(self, found: list[Demand]) -> dict[int, Tensor]:
        """Return meta tensors as demanded by ``id`` of the unknown operands; add the demands to the plan."""
        replaced: dict[int, Tensor] = {}
        for demand in found:
            tensor = demand.operand
            if not isinstance(tensor, Unknown) or id(tensor) in replaced:
                continue
            rank = tensor.dim()
            if demand.ranks:
                told = self.plan.told(tensor.key).rank is not None
                rank = rank if told and rank in demand.ranks else demand.ranks[0]
            elif demand.sizes:
                rank = max(rank, demand.least_rank(), 2)
            else:
                continue
            self.plan.pin_rank(tensor.key, rank - tensor.offset, firm=bool(demand.ranks))
            sizes = resized(list(tensor.shape), rank, self.plan.spatial)
            for dim, size in demand.sizes.items():
                sizes[dim] = size
                if tensor.offset == 0 and self.plan.told(tensor.key).rank in (None, rank):
                    self.plan.pin_size(tensor.key, dim % rank, size)
            if demand.dtype is not None and demand.wrong_type():
                self.plan.pin_dtype(tensor.key, demand.dtype)
            replaced[id(tensor)] = self.plain(tensor, sizes, demand.dtype)
        return replaced

    def plain(self, tensor: Tensor, sizes: Any = None, dtype: torch.dtype | None = None) -> Tensor:
        """Return an ordinary meta tensor that has the origin of a tensor."""
        stand_in = contiguous(tensor.shape if sizes is None else sizes, dtype or tensor.dtype)
        index, output, _ = self.origin_of(tensor)
        self.trace.origins[id(stand_in)] = index, output, SIGNATURES.token(stand_in)
        if isinstance(tensor, Unknown):
            self.rank_of[id(stand_in)] = tensor.key, tensor.offset
        self.trace.kept.append(stand_in)
        return stand_in

    def is_unsure(self, tensors: list[Tensor]) -> bool:
        """Return whether a tensor depends on an assumption that is not confirmed."""
        unsure = self.unsure()
        return bool(unsure) and any(self.origin_of(tensor)[0] in unsure for tensor in tensors)

    def unsure(self) -> set[int]:
        """Return the ops whose result depends on an assumption that is not confirmed."""
        found = {key[0] for key, value in self.assumed.items() if not (value.rank_known and all(value.known))}
        for op in self.trace.ops[min(found) :] if found else ():
            if any(origin[0] in found for origin in op.origins):
                found.add(op.index)
        return found

    # ---- failures

    def note(self, op: OpRecord, error: BaseException, *, doubtful: bool = False) -> None:
        """Note the failure of an op; the same failure in a later call of the module counts as a consequence."""
        if len(self.failures) > _FAILURES_AT_MOST:
            raise Stopped
        path = op.call.path if op.call is not None else ""
        place = source_line(op.where), path, type(error).__name__
        if doubtful:
            self.doubtful.add(op.index)
        if place in self._places:
            self.consequences.add(op.index)
        elif op.index not in self.failures:
            self._places.add(place)
        self.failures[op.index] = op.error = error

    def fail(
        self, error: BaseException, values: Any, call: CallRecord | None = None, where: Where | None = None,
        *, doubtful: bool = False,
        follows: bool = False,
    ) -> OpRecord:  # fmt: skip
        """Add an op for a statement or a layer that raised, unless an op has raised the error already."""
        for before, op in product(causes(error), self.trace.ops):
            if op.error is before:
                if op.index not in self.failures:
                    self.note(op, before)
                return op
        op = self.trace.new_op(raised, where or locate_error(error) or locate(sys._getframe(2)))
        op.call = call or self.trace.current
        op.origins = [self.origin_of(tensor) for tensor in tensors_in(values)]
        if not any(origin[0] >= 0 for origin in op.origins):
            before_it = [made for made in self.trace.ops[:-1] if made.outputs]
            last = ([made for made in before_it if made.call is op.call] or before_it)[-1:]
            op.origins += [(made.index, 0, None) for made in last]
        op.args = tuple(tensors_in(values))
        self.note(op, error, doubtful=doubtful)
        if follows:
            self.consequences.add(op.index)
        return op

    def let_pass(self, error: BaseException, frame: FrameType | None) -> None:
        """Raise an exception again if the model handles it; raise `Rerun` if functions have to be rewritten."""
        if will_be_handled(error, frame):
            raise error
        codes = rewritable(error, self.rewritten)
        if codes:
            raise Rerun(codes)

    def loops(self) -> bool:
        """Return whether a loop may go on, which may wait for a result that is only assumed."""
        self._loops += 1
        return not self.failures or self._loops < _LOOPS_AT_MOST


def _part_of(origin: Any, part: int) -> Any:
    return SIGNATURES.values[origin[2]][part] if origin[2] is not None else None
