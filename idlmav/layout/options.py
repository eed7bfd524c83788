"""Distances and effort of the layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Direction", "GroupKind", "Options", "TurnKind"]

Direction = Literal["down", "right", "up", "left"]
TurnKind = Literal["opposite", "perpendicular"]
GroupKind = Literal["module", "repeat", "rest"]
"""A module call; a run of blocks that are built alike; all blocks of such a run but the first."""
"""Where the flow turns to at a latent node: back, so that a U results, or to the side, an L."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    What can be chosen about a layout; the defaults are the distances of every picture.

    Attributes
    ----------
    rank_gap : float
        Least distance in px, along the flow, between a box and one that it feeds.
    node_gap : float
        Distance in px between neighbouring boxes, across the flow.
    lane_gap : float
        Distance in px between parallel lanes, and between a lane and a box.
    track_gap : float
        Distance in px between horizontal segments that lie above each other.
    port_gap : float
        Distance in px between the ends of edges on one side of a box.
    padding : float
        Room in px between a frame and its content.
    header : float
        Height in px of a frame's title bar, which is at the top in every direction.
    strip : float
        Height in px of an op that is merged into its neighbour, where the flow is vertical.
    bus_at : int
        So many edges that end on one side of a box share a bus; so many tensors with one destination share a port.
    skip_side : {1, -1}
        Side of the long skip connections: 1 is right of the flow, -1 left.
    sweeps : int
        Rounds of crossing reduction per start.
    passes : int
        Rounds of horizontal adjustment.
    """

    rank_gap: float = 30.0
    node_gap: float = 20.0
    lane_gap: float = 10.0
    track_gap: float = 8.0
    port_gap: float = 12.0
    padding: float = 12.0
    header: float = 20.0
    strip: float = 18.0
    bus_at: int = 4
    skip_side: Literal[1, -1] = 1
    sweeps: int = 24
    passes: int = 4
