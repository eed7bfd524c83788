"""The layouts of one graph: one for every way that it is drawn, made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from idlmav.graph import Graph
from idlmav.layout import Layout, compute_layout
from idlmav.layout.input.labels import node_sizes
from idlmav.layout.input.small_ops import small_ops

__all__ = ["DIRECTIONS", "TURNS", "Variant", "Variants"]

DIRECTIONS = ("down", "right", "up", "left")
TURNS = ("opposite", "perpendicular", "none")
"""Where the flow goes on from the latent op: back, to the side, or straight on."""


@dataclass(frozen=True, slots=True)
class Variant:
    """
    Where the data flows in a picture, and what has no box of its own in it.

    Attributes
    ----------
    direction : {'down', 'right', 'up', 'left'}
        Before it turns.
    latent : str
        Id of the op, or path of the module, at which it turns; empty for none.
    turn : {'opposite', 'perpendicular', 'none'}
        Where to.
    merge_threshold : float
        Which ops are merged into their neighbour; see `idlmav.layout.input.small_ops.small_ops`.
    """

    direction: str = "down"
    latent: str = ""
    turn: str = "opposite"
    merge_threshold: float = -1.0

    @property
    def turns(self) -> bool:
        """Whether there is a place to turn at, and a wish to."""
        return bool(self.latent) and self.turn != "none"

    @property
    def key(self) -> str:
        """Name of the flow among those with the same latent op, as the browser makes it, too."""
        return f"{self.direction} {self.turn}" if self.turns else self.direction

    def others(self) -> Iterator[Variant]:
        """Yield the flows that a reader may want to see instead."""
        for direction in DIRECTIONS:
            for turn in TURNS if self.latent else ("none",):
                flow = replace(self, direction=direction, turn=turn)
                if flow.key != self.key:
                    yield flow


@dataclass(slots=True)
class Variants:
    """
    The layouts of one graph.

    Parameters
    ----------
    graph : Graph
        With totals.
    """

    graph: Graph
    _known: dict[tuple[str, str, float], Layout] = field(default_factory=dict)

    def layout(self, flow: Variant) -> Layout:
        """
        Return the layout of a flow, everything unfolded.

        Raises
        ------
        ValueError
            If there is no such latent op, direction or turn, or the threshold is no number up to 1.
        """
        key = flow.key, flow.latent if flow.turns else "", max(flow.merge_threshold, -1.0)
        found = self._known.get(key)
        if found is None:
            turn: Any = flow.turn if flow.turns else "opposite"
            direction: Any = flow.direction
            found = self._known[key] = compute_layout(
                self.graph,
                node_sizes(self.graph),
                direction=direction,
                latent=flow.latent if flow.turns else None,
                turn=turn,
                small=small_ops(self.graph, flow.merge_threshold),
            )
        return found
