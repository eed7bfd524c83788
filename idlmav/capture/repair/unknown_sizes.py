"""Find unknown sizes: those that change when an assumed size is changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from idlmav.capture.record.trace import OpRecord, signature_of
from idlmav.capture.repair.session import Session
from idlmav.capture.repair.unknown import Key

__all__ = ["UnknownSizes", "shape_of_output"]


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
