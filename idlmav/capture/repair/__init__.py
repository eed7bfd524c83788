"""
Models that raise: run to their end, with each error once at its place and unknown sizes marked as such.

The loop (`Repair.finished`)::

    settled        run; if it ends in a `Rerun`, rewrite the functions that raised and run again; until a run
                   neither asks for that nor learns anything
    _unknown_sizes change each assumed size and run: what changes with it is unknown; what then fails is confirmed
    _solved        choose assumed sizes with which ops far from them fit, and settle again
    _decide        tell causes from consequences; write unknown sizes into the records

Four stages hold what is known. `Plan` (`unknown`): known before a run, grows from run to run. `Pins` (`unknown`): rank,
sizes and type that ops demand of one assumed result. `Session` (`session`): failures and assumptions of one run.
`UnknownSizes` (`unknown_sizes`): the sizes that differ between runs with other assumptions.

`rewrite` puts each statement of a function into a ``try`` that calls `runtime`. `run` and `repair_mode` go on after an
error with the shape that layers and ops declare (`declared`), or with operands as ops demand them (`demands`).
`tracebacks` finds the functions that an error came through, `calls` arguments that a function does not take. `inputs`
finds inputs where none are given, and `sizes` tries sizes for them.
"""

from __future__ import annotations

import copy
import warnings
from contextlib import ExitStack
from types import CodeType
from typing import Any, Self

import torch

from idlmav.capture.data.decisions import Guess
from idlmav.capture.data.outcomes import Outcomes
from idlmav.capture.record.trace import OpRecord, signature_of
from idlmav.capture.repair import runtime
from idlmav.capture.repair.repair_mode import RepairMode
from idlmav.capture.repair.rewrite import rewritten_code, swapped
from idlmav.capture.repair.run import DeviceRepairMode, RepairRun
from idlmav.capture.repair.session import Session
from idlmav.capture.repair.tracebacks import rewritable
from idlmav.capture.repair.unknown import Key, Plan
from idlmav.capture.repair.unknown_sizes import UnknownSizes, shape_of_output
from idlmav.capture.reruns.devices import DeviceMap, accept
from idlmav.capture.run import Run
from idlmav.capture.tree import Tree

__all__ = ["Repair", "repaired"]

_RUNS_AT_MOST = 40
_CHANGES_AT_MOST = 24


def repaired(tree: Tree, args: tuple[Any, ...], kwargs: dict[str, Any], failed: Run, device_map: DeviceMap) -> Run:
    """Return a run of a model that raises, to its end."""
    codes = rewritable(failed.error, set()) if failed.error is not None else []
    with Repair(tree, failed.mode.device, args, kwargs) as repair:
        repair.branches, repair.outcomes = failed.branches, failed.outcomes
        run = repair.finished(codes)
        if device_map.worth_following(run):
            repair.follow_devices(run, device_map)
        return run


class Repair:
    """Runs a model until a run learns nothing new."""

    def __init__(self, tree: Tree, device: torch.device, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.tree = tree
        self.device = device
        self.inputs = args, kwargs
        self.branches: frozenset[Guess] = frozenset()
        self.outcomes: Outcomes | None = None
        self.plan = Plan()
        self.rewritten: set[CodeType] = set()
        self.solved_keys: set[Key] = set()
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._undo.close()

    def finished(self, codes: list[CodeType]) -> RepairRun:
        """Return the last run, with its failures and unknown sizes decided."""
        run = self.settled(codes)
        run, unknown_sizes = self._solved(run)
        _decide(run, unknown_sizes)
        return run

    def settled(self, codes: list[CodeType]) -> RepairRun:
        """Run until a run learns nothing new; return that."""
        self._rewrite(codes)
        for _ in range(_RUNS_AT_MOST):
            self.plan.changed = False
            run = self._run(self.plan)
            if run.wanted:
                self._rewrite(run.wanted)
            elif not self.plan.changed:
                break
        return run

    def _run(self, plan: Plan, device_map: DeviceMap | None = None) -> RepairRun:
        kind = RepairMode if device_map is None else DeviceRepairMode
        run = RepairRun(self.tree, self.device, plan, self.rewritten, kind).taking(self.branches, self.outcomes)
        if device_map is not None and isinstance(run.mode, DeviceRepairMode):
            run.mode.follow(device_map)
        # The run that failed has shown the model's warnings already; ops on assumed results warn of more.
        with warnings.catch_warnings(action="ignore"):
            return run.forward(*self.inputs)

    def follow_devices(self, run: RepairRun, device_map: DeviceMap) -> None:
        """Run once more with devices followed; add the errors of ops with operands on several to the settled run."""
        placed = self._run(Plan(self.plan.pins, frozen=True, spatial=self.plan.spatial), device_map)
        assert isinstance(placed.mode, DeviceRepairMode)
        accept(run, placed, placed.mode)

    def _rewrite(self, codes: list[CodeType]) -> None:
        for code in codes:
            self.rewritten.add(code)
            replacement = rewritten_code(code, runtime)
            if replacement is not None:
                self.rewritten.add(replacement)
                self._undo.enter_context(swapped(code, replacement))

    # ---- which sizes are known

    def _changes(self, run: RepairRun) -> list[frozenset[tuple[Key, int]]]:
        assumed = run.session.assumed.items()
        found = [(key, dim) for key, value in assumed for dim, known in enumerate(value.known) if not known]
        single = [frozenset([change]) for change in found[:_CHANGES_AT_MOST]]
        rest = frozenset(found[_CHANGES_AT_MOST:])
        return [*single, rest] if rest else single

    def _altered(self, change: frozenset[tuple[Key, int]]) -> RepairRun:
        plan = Plan(self.plan.pins, change, frozen=True, spatial=self.plan.spatial)
        return self._run(plan)

    def _unknown_sizes(self, run: RepairRun) -> tuple[UnknownSizes, dict[tuple[Key, int], RepairRun]]:
        """Change each assumed size; where that fails although the assumption does not, the size is confirmed."""
        unknown_sizes, runs = UnknownSizes(), {}
        for change in self._changes(run):
            altered = self._altered(change)
            if altered.wanted:
                self._rewrite(altered.wanted)
                altered = self._altered(change)
            new = set(altered.session.failures) - set(run.session.failures)
            confirmed = new and len(altered.trace.ops) >= min(new) and len(change) == 1
            if confirmed and not any(key in self.solved_keys for key, _ in change):
                for key, dim in change:
                    self.plan.pin_size(key, dim, run.session.assumed[key].sizes[dim])
                continue
            unknown_sizes.compare(run.session, altered.session)
            for one in change if len(change) == 1 else ():
                runs[one] = altered
        return unknown_sizes, runs

    def _solved(self, run: RepairRun) -> tuple[RepairRun, UnknownSizes]:
        """Choose assumed sizes that meet the demands of ops far from them."""
        for _ in range(4):
            unknown_sizes, runs = self._unknown_sizes(run)
            step = self._step(run.session, runs)
            if step is None:
                break
            key, dim, size = step
            before = copy.deepcopy(self.plan.pins)
            others = sum(1 for other in runs if other[0] == key)
            self.plan.pin_size(key, dim, size)
            better = self.settled([])
            if len(better.session.failures) >= len(run.session.failures):
                self.plan.pins = before
                break
            if others > 1:
                self.solved_keys.add(key)
            run = better
        return run, unknown_sizes

    def _step(self, session: Session, runs: dict[tuple[Key, int], RepairRun]) -> tuple[Key, int, int] | None:
        """Return an assumed size that makes one op fit, if sizes grow in proportion or by a constant."""
        for index, found in session.mismatches.items():
            for (made, output), dim, size, wanted in found:
                if made < 0:
                    continue
                for (key, place), altered in runs.items():
                    ops = altered.trace.ops
                    if made >= len(ops) or ops[made].func is not session.trace.ops[made].func:
                        continue
                    if output >= len(ops[made].outputs) or index >= len(ops):
                        continue
                    changed = shape_of_output(ops[made], output)
                    if dim >= len(changed) or changed[dim] == size:
                        continue
                    value = session.assumed[key].sizes[place]
                    # The assumed size was doubled: this gives the slope.
                    slope = (changed[dim] - size) / value
                    solution = value + (wanted - size) / slope
                    if solution >= 1 and solution == int(solution) and int(solution) != value:
                        return key, place, int(solution)
        return None


def _decide(run: RepairRun, unknown_sizes: UnknownSizes) -> None:
    """Tell causes from consequences, and mark unknown sizes in the records."""
    session = run.session
    unsure = session.unsure()
    causes = []
    for index, error in session.failures.items():
        op = run.trace.ops[index]
        if index in session.doubtful:
            # The statement read sizes that are unknown; those of the batch do not count, as little depends on them.
            keys = [origin[:2] for origin in op.origins if origin[0] >= 0]
            follows = any(key in session.rankless or unknown_sizes.unknown.get(key, set()) - {0} for key in keys)
        else:
            follows = _follows(session, unknown_sizes, op, unsure)
        op.error = None if follows or index in session.consequences else error
        if op.error is not None:
            causes.append(index)
    run.error_ops = sorted(causes)
    for key in {*unknown_sizes.unknown, *session.rankless}:
        op = run.trace.ops[key[0]]
        sizes, dtype = signature_of(op.outputs[key[1]])
        unknown = unknown_sizes.unknown.get(key, ())
        known = tuple(None if dim in unknown else size for dim, size in enumerate(sizes))
        op.outputs = (
            *op.outputs[: key[1]],
            (None if key in session.rankless else known, dtype),
            *op.outputs[key[1] + 1 :],
        )
    for index in unknown_sizes.flops:
        run.trace.ops[index].flops = None


def _follows(session: Session, unknown_sizes: UnknownSizes, op: OpRecord, unsure: set[int]) -> bool:
    """Return whether an op failed only because of assumed sizes."""
    if not any(origin[0] in unsure and origin[0] != op.index for origin in op.origins):
        return False
    if op.func.__name__ == "raise":
        return False  # decided when it was raised
    unknown = unknown_sizes.unknown
    found = [item for item in session.mismatches.get(op.index, []) if item[0][0] >= 0]
    if found:
        return all(key in session.rankless or dim in unknown.get(key, ()) for key, dim, _, _ in found)
    return any(origin[:2] in session.rankless or unknown.get(origin[:2]) for origin in op.origins if origin[0] >= 0)
