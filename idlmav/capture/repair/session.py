"""Failures and assumptions of one run."""

from __future__ import annotations

import sys
from collections import Counter
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
        self.usual_type = _usual_type(operands)
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
        if found is None and tensors:
            # Integers are probably ids, which become vectors.
            sizes = [*tensors[0].shape, 64]
            return Assumption(sizes, [True, *[False] * (len(sizes) - 1)], False, torch.get_default_dtype())
        if found is None:
            return Assumption([1], [False], False, torch.get_default_dtype())
        batch = True
        if isinstance(found, Unknown):
            source = self.assumed.get(found.key)
            batch = found.offset == 0 and source is not None and source.known[:1] == [True]
        known = [d == 0 and batch for d in range(found.dim())]
        return Assumption(list(found.shape), known, False, found.dtype)

    def prior_argument(self, given: Any) -> Assumption:
        """Return a guess of a missing argument: like those that are given, else like the last result."""
        firsts = (op.outputs[0] for op in reversed(self.trace.ops) if op.outputs)
        made = next((token for token in firsts if isinstance(token, int)), None)
        if made is None or tensors_in(given):
            return self.prior(given)
        return self.prior((), SIGNATURES.meta_tensor(made))

    def part_of(self, tensor: Unknown, args: tuple[Any, ...] = (), part: Part | None = None) -> Tensor:
        """Return an item, an attribute or the result of a call of something unknown; a named part is always the same."""
        if part is None or tensor.offset:
            return self._part(tensor, args)
        parts = self.parts.setdefault(tensor.key, {})
        if part not in parts:
            made = self._part(tensor, args)
            index, output, _ = self.trace.origins[id(made)]
            parts[part] = (index, output), made
        return parts[part][1]

    def _part(self, tensor: Unknown, args: tuple[Any, ...]) -> Tensor:
        with DisableTorchFunction():
            given = tensors_in(args)
            op = self.trace.ops[self.trace.origins[id(tensor)][0]]
            prior = Assumption(list(tensor.shape), [False] * tensor.dim(), False, tensor.dtype)
            if given:
                op = self.trace.new_op(unknown, locate(sys._getframe(1)))
                op.origins = [self.origin_of(value) for value in (tensor, *given)]
                prior = self.prior(given)
            return self.assume(op, prior)

    def origin_of(self, tensor: Tensor) -> Any:
        """Return the origin of a tensor."""
        return self.trace.origins.get(id(tensor)) or self.operands.adopt(tensor)

    # ---- what consumers demand

    def pin_rank(self, tensor: Unknown, rank: int, *, firm: bool = False) -> tuple[int, ...]:
        """Note that a tensor has so many dimensions; return its sizes then."""
        with DisableTorchFunction():
            self.plan.pin_rank(tensor.key, rank - tensor.offset, firm=firm)
            return tuple(resized(list(tensor.shape), rank, self.plan.spatial))

    def pin(self, tensor: Tensor, dim: int, size: int) -> bool:
        """
        Pin a size that a consumer demands to the assumption that it comes from through ops that keep shapes.

        Returns
        -------
        bool
            Whether there is one.
        """
        key = self._assumed_like(tensor, 0)
        if key is None or dim >= len(self.assumed[key].known):
            return False
        if self.assumed[key].known[dim] and not self._yields(key, dim):
            return False
        self.plan.pin_size(key, dim, size)
        return True

    def pin_dtype(self, tensor: Tensor, dtype: torch.dtype) -> None:
        """Pin an element type that a consumer demands, through ops that keep it; ids have rank 2."""
        key = self._assumed_like(tensor, 2)
        if key is not None:
            if not dtype.is_floating_point and not self.assumed[key].rank_known:
                self.plan.pin_rank(key, 2, firm=True)
            self.plan.pin_dtype(key, dtype)

    def note_wrong_types(self, op: OpRecord, wrong: list[Demand]) -> None:
        """
        Note operands of the wrong element type; later errors with the same source are consequences.

        The operand is wrong, and not the weight, if the weight has the type of most of the model's parameters.
        """
        roots: set[Where | int] = set()
        for demand in wrong:
            if demand.dtype is self.usual_type is not demand.operand.dtype:
                roots |= self._roots(demand.operand)
        if roots & self._mistyped:
            self.consequences.add(op.index)
        self._mistyped |= roots

    def _roots(self, tensor: Tensor) -> set[Where | int]:
        """Return the ops (by line) or inputs that an element type comes from."""
        dtype = tensor.dtype
        found: set[Where | int] = set()
        seen: set[int] = set()
        waiting = [self.origin_of(tensor)[0]]
        while waiting:
            index = waiting.pop()
            if index < 0 or index in seen:
                continue
            seen.add(index)
            before = [o[0] for o in self.trace.ops[index].origins if o[0] >= 0 and _part_of(o, 2) is dtype]
            waiting += before
            if not before:
                found.add(self.trace.ops[index].where or index)  # a cast in a loop is one error
        return found

    def gives_way(self, demand: Demand) -> bool:
        """Return whether an operand only disagrees with the shape that a failed op declares, which can change."""
        key = self._assumed_like(demand.operand, 0)
        if key is not None and any(self._yields(key, dim) for dim, _ in demand.mismatches()):
            return True
        if demand.dtype is None or demand.dtype is demand.operand.dtype:
            return False
        key = self._assumed_like(demand.operand, 2)
        return key is not None and not self.assumed[key].typed and self.plan.told(key).dtype in (None, demand.dtype)

    def learn(self, demand: Demand) -> None:
        """Pin the demand of an op to the assumption that its operand comes from."""
        for dim, size in demand.mismatches():
            self.pin(demand.operand, dim, size)
        if demand.dtype is not None and demand.dtype is not demand.operand.dtype:
            self.pin_dtype(demand.operand, demand.dtype)

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
            least = max([-dim if dim < 0 else dim + 1 for dim in demand.sizes], default=0)
            if demand.ranks:
                told = self.plan.told(tensor.key).rank is not None
                rank = rank if told and rank in demand.ranks else demand.ranks[0]
            elif demand.sizes:
                rank = max(rank, least, 2)
            else:
                continue
            self.plan.pin_rank(tensor.key, rank - tensor.offset, firm=bool(demand.ranks))
            sizes = resized(list(tensor.shape), rank, self.plan.spatial)
            for dim, size in demand.sizes.items():
                sizes[dim] = size
                if tensor.offset == 0 and self.plan.told(tensor.key).rank in (None, rank):
                    self.plan.pin_size(tensor.key, dim % rank, size)
            if demand.dtype is not None and demand.dtype is not tensor.dtype:
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

    def unsure(self) -> set[int]:
        """Return the ops whose result depends on an assumption that is not confirmed."""
        found = {key[0] for key, value in self.assumed.items() if not (value.rank_known and all(value.known))}
        if not found:
            return found
        for op in self.trace.ops[min(found) :]:
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
        cause = self._cause(error)
        if cause is not None:
            return cause
        op = self.trace.new_op(raised, where or locate_error(error) or locate(sys._getframe(2)))
        op.call = call or self.trace.current
        op.origins = [self.origin_of(tensor) for tensor in tensors_in(values)]
        if not any(origin[0] >= 0 for origin in op.origins):
            inside = [made for made in self.trace.ops[:-1] if made.outputs and made.call is op.call]
            last = (inside or [made for made in self.trace.ops[:-1] if made.outputs])[-1:]
            op.origins += [(made.index, 0, None) for made in last]
        op.args = tuple(tensors_in(values))
        self.note(op, error, doubtful=doubtful)
        if follows:
            self.consequences.add(op.index)
        return op

    def _cause(self, error: BaseException | None) -> OpRecord | None:
        """Return the op that has raised an exception or one of its causes."""
        for raised_before in causes(error):
            for op in self.trace.ops:
                if op.error is raised_before:
                    if op.index not in self.failures:
                        self.note(op, raised_before)
                    return op
        return None

    def knows(self, error: BaseException) -> bool:
        """Return whether an op has raised an exception already."""
        return any(op.error is error for op in self.trace.ops)

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


def _usual_type(operands: Operands) -> torch.dtype | None:
    """Return the element type that most of a model's parameters have."""
    counts = Counter(x.dtype for _, x, is_buffer in operands.own if x.is_floating_point() and not is_buffer)
    return counts.most_common(1)[0][0] if counts else None


def _part_of(origin: Any, part: int) -> Any:
    return SIGNATURES.values[origin[2]][part] if origin[2] is not None else None
