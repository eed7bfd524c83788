"""Find unknown sizes: those that change when an assumed size is changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from idlmav.capture.record.trace import OpRecord, signature_of
from idlmav.capture.repair.session import Session
from idlmav.capture.repair.unknown import Key

__all__ = ["UnknownSizes", "doubtful_sizes", "shape_of_output"]


def doubtful_sizes(session: Session) -> list[tuple[Key, int]]:
    """Return the sizes that a run has assumed."""
    return [(key, dim) for key, value in session.assumed.items() for dim, known in enumerate(value.known) if not known]


def shape_of_output(op: OpRecord, output: int) -> tuple[int, ...]:
    """Return the sizes with which a run went on."""
    return signature_of(op.outputs[output])[0]


@dataclass
class UnknownSizes:
    """
    Unknown sizes, found by comparing runs.

    Attributes
    ----------
    unknown : dict of Key to set of int
        By output, the dimensions that depend on an assumption.
    flops : set of int
        Ops whose FLOPs depend on an assumption.
    """

    unknown: dict[Key, set[int]] = field(default_factory=dict)
    flops: set[int] = field(default_factory=set)

    def compare(self, run: Session, altered: Session) -> None:
        """Add what differs between a run and the same with assumed sizes changed."""
        for op, other in zip(run.trace.ops, altered.trace.ops, strict=False):
            if op.func is not other.func:
                break  # the model took another branch: the rest cannot be compared
            if op.flops != other.flops:
                self.flops.add(op.index)
            for output in range(min(len(op.outputs), len(other.outputs))):
                sizes, changed = shape_of_output(op, output), shape_of_output(other, output)
                if len(sizes) != len(changed):
                    continue
                differ = {dim for dim, pair in enumerate(zip(sizes, changed, strict=True)) if pair[0] != pair[1]}
                if differ:
                    self.unknown.setdefault((op.index, output), set()).update(differ)

    def is_known(self, key: Key, dim: int | None, rankless: set[Key]) -> bool:
        """Return whether a size is known; without a dimension, whether all sizes of an output are."""
        if key in rankless:
            return False
        found = self.unknown.get(key, set())
        return not found if dim is None else dim not in found
