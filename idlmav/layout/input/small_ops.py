"""Choose the small ops that may be merged into their neighbour."""

from __future__ import annotations

from idlmav.errors import WrongValueError
from idlmav.graph import Graph

__all__ = ["small_ops"]


def small_ops(graph: Graph, threshold: float) -> frozenset[str]:
    """
    Choose the ops that may be merged into their neighbour.

    Parameters
    ----------
    graph : Graph
        With totals (`idlmav.metrics.totals.complete`).
    threshold : float
        Negative: none. 0: those without parameters. Up to 1: also the ops with the fewest parameters that together hold
        at most this share of all parameters.

    Returns
    -------
    frozenset of str
        Ids, without inputs, outputs and ops that failed. The edges decide which of them are merged
        (`idlmav.layout.input.stacks.find_stacks`).

    Raises
    ------
    ValueError
        If the threshold is above 1 or not a number.
    """
    if not threshold <= 1.0:
        raise WrongValueError(f"merge_threshold: a number up to 1 is needed, got {threshold!r}.")
    if threshold < 0.0:
        return frozenset()
    ops = [node for node in graph.nodes if node.kind == "op" and node.status != "failed"]
    found = {node.id for node in ops if not node.params}
    # An op that shares its parameters with an earlier one counts as having none, but is not small.
    rest = sorted((node for node in ops if node.params and not node.shares_params), key=lambda node: node.param_count)
    allowed = threshold * sum(node.param_count for node in rest)
    for node in rest:
        allowed -= node.param_count
        if allowed < 0.0:
            break
        found.add(node.id)
    return frozenset(found)
