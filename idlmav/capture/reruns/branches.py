"""Rung 5, guessed: where a guess leads to an error or leaves modules unreached, the other answer is tried."""

from __future__ import annotations

from collections.abc import Callable

from idlmav.capture.record.source import Where
from idlmav.capture.run import Run

__all__ = ["RERUNS_AT_MOST", "flipped"]

RERUNS_AT_MOST = 4


def flipped(finished: Run, again: Callable[[frozenset[Where | None]], Run]) -> Run:
    """
    Return the best run that other guesses lead to: one without an error, and among these the one that reaches most.

    Parameters
    ----------
    finished : Run
        A run; without guesses, or if it reaches all modules without an error, it is returned at once.
    again : callable
        Runs the model with guesses turned round at the given places.
    """
    best, tried = finished, set[frozenset[Where | None]]([frozenset()])
    for _ in range(RERUNS_AT_MOST):
        if best.error is None and not _unreached(best):
            break
        # The last guess first: it is the nearest to the error.
        places = [place for place in reversed(list(best.mode.decisions.guessed)) if best.flips ^ {place} not in tried]
        if not places:
            break
        flips = best.flips ^ {places[0]}
        tried.add(flips)
        best = max(best, again(flips), key=_worth)  # the earlier one if they are equal
    return best


def _worth(run: Run) -> tuple[bool, int, int]:
    return run.error is None, -_unreached(run), len(run.trace.ops)


def _unreached(run: Run) -> int:
    """Return how many modules that have parameters or no children were not called."""
    called = {call.path for call in run.trace.calls}
    return sum(1 for path, module in run.tree.modules if path not in called and not module._modules)
