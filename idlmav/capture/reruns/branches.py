"""Other branches: if a guess leads to an error or leaves modules unreached, the opposite guess is tried."""

from __future__ import annotations

from collections.abc import Callable

from idlmav.capture.data.decisions import SIZES, Guess
from idlmav.capture.run import Run

__all__ = ["RERUNS_AT_MOST", "try_branches"]

RERUNS_AT_MOST = 4


def try_branches(finished: Run, again: Callable[[frozenset[Guess]], Run]) -> Run:
    """
    Return the best run over several guesses: one without an error, and of these the one that reaches most modules.

    `again` runs the model with opposite guesses at the given places.
    """
    best, tried = finished, set[frozenset[Guess]]([frozenset()])
    for _ in range(RERUNS_AT_MOST):
        if best.error is None and not _unreached(best):
            break
        # The last guess first: it is the nearest to the error.
        places = [
            place
            for place in reversed(list(best.mode.decisions.guessed))
            if best.branches ^ {place} not in tried and (place != SIZES or best.error is not None)
        ]
        if not places:
            break
        branches = best.branches ^ {places[0]}
        tried.add(branches)
        best = max(best, again(branches), key=_worth)  # the earlier one if they are equal
    return best


def _worth(run: Run) -> tuple[bool, int, int]:
    return run.error is None, -_unreached(run), len(run.trace.ops)


def _unreached(run: Run) -> int:
    """Return how many modules without children were not called."""
    called = {call.path for call in run.trace.calls}
    return sum(1 for path, module in run.tree.modules if path not in called and not module._modules)
