"""The layouts of one graph: one for every direction and turn of the flow, made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from idlmav.graph import Graph
from idlmav.labels import node_sizes
from idlmav.layout import Layout, compute_layout
from idlmav.merge import small_ops

__all__ = ["DIRECTIONS", "TURNS", "Flow", "Flows"]

DIRECTIONS = ("down", "right", "up", "left")
TURNS = ("opposite", "perpendicular", "none")
"""Where the flow goes on from the latent op: back, to the side, or straight on."""


@dataclass(frozen=True, slots=True)
class Flow:
    """
    Where the data flows in a picture.

    Attributes
    ----------
    direction : {'down', 'right', 'up', 'left'}
        Before it turns.
    latent : str
        Id of the op, or path of the module, at which it turns; empty for none.
    turn : {'opposite', 'perpendicular', 'none'}
        Where to.
    """

    direction: str = "down"
    latent: str = ""
    turn: str = "opposite"

    @property
    def turns(self) -> bool:
        """Whether there is a place to turn at, and a wish to."""
        return bool(self.latent) and self.turn != "none"

    @property
    def key(self) -> str:
        """Name of the flow among those with the same latent op, as the browser makes it, too."""
        return f"{self.direction} {self.turn}" if self.turns else self.direction

    def others(self) -> Iterator[Flow]:
        """Yield the flows that a reader may want to see instead."""
        for direction in DIRECTIONS:
            for turn in TURNS if self.latent else ("none",):
                flow = Flow(direction, self.latent, turn)
                if flow.key != self.key:
                    yield flow


@dataclass(slots=True)
class Flows:
    """
    The layouts of one graph.

    Parameters
    ----------
    graph : Graph
        With totals.
    merge_threshold : float
        Which ops are merged into their neighbour; see `idlmav.merge.small_ops`.
    """

    graph: Graph
    merge_threshold: float = -1.0
    _known: dict[str, Layout] = field(default_factory=dict)

    def layout(self, flow: Flow) -> Layout:
        """
        Return the layout of a flow, everything unfolded.

        Raises
        ------
        ValueError
            If there is no such latent op, or no such direction or turn.
        """
        key = f"{flow.key} {flow.latent}" if flow.turns else flow.key
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
                small=small_ops(self.graph, self.merge_threshold),
            )
        return found
