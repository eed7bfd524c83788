"""The choices of a layout: its direction, where it turns, distances and effort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["DIRECTIONS", "TURNS", "Direction", "GroupKind", "Options", "TurnKind"]

Direction = Literal["down", "right", "up", "left"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
"""Where the data flows to."""
TurnKind = Literal["opposite", "perpendicular", "none"]
TURNS: tuple[TurnKind, ...] = get_args(TurnKind)
"""Where the flow goes on from the latent op or module: back (a U), to the side (an L), or straight on."""
GroupKind = Literal["module", "repeat", "rest"]
"""A module call; a run of blocks that are built alike; all blocks of such a run but the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    Distances and effort; every picture uses the defaults.

    Attributes
    ----------
    rank_gap : float
        Least distance in px, along the flow, between a box and a box that it feeds.
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
        Height in px of an op that is merged into its neighbour, if the flow is vertical.
    bus_at : int
        From this many edges that end on one side of a box they share a bus; from this many tensors with one
        destination they share a port.
    skip_side : {1, -1}
        Side of the long skip connections: 1 is right of the flow, -1 left.
    sweeps : int
        Most sweeps of crossing reduction per start.
    passes : int
        Most passes of adjustment across the flow.
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
