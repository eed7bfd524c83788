"""Where boxes, frames and edges go: a layered layout for the graphs of neural networks."""

from __future__ import annotations

from idlmav.layout.engine import compute_layout
from idlmav.layout.folding.choices import chosen_folds, first_folds, folds_to_depth, group_depths, without_folds_around
from idlmav.layout.folding.columns import columns
from idlmav.layout.folding.fold import fold
from idlmav.layout.input.network import Network, network_of
from idlmav.layout.options import DIRECTIONS, TURNS, Direction, Options, TurnKind
from idlmav.layout.result import Box, Group, Layout, Point, Route

__all__ = [
    "DIRECTIONS",
    "TURNS",
    "Box",
    "Direction",
    "Group",
    "Layout",
    "Network",
    "Options",
    "Point",
    "Route",
    "TurnKind",
    "chosen_folds",
    "columns",
    "compute_layout",
    "first_folds",
    "fold",
    "folds_to_depth",
    "group_depths",
    "network_of",
    "without_folds_around",
]
