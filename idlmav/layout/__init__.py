"""
The layout of a graph: boxes, frames and routes in px, as a layered layout (Sugiyama) with nested groups.

The steps in order, each with what it hands on:

1. `input`: `labels` estimates the sizes of boxes; `groups`, `repeats` and `naming` find and name the groups; `network`
   returns them with the edges as a `Network`. `stacks` merges small ops into their neighbours.
2. `compound`: assigns nodes, groups and edges to levels, with a port for every tensor that crosses a border, and lays the
   levels out from the innermost outwards (nested groups: Sugiyama and Misue 1991). Hands on absolute coordinates.
3. `layered`, for one level; `level` calls the others:
   a. `regions`: chains and blocks with a single entry and exit (program structure tree, Johnson et al. 1994, by cycle
      space sampling, Pritchard and Thurimella 2011). A region is an item of the region around it.
   b. `ranks`: longest-path ranks with a pull towards the sinks, the main path, and dummies for long edges (Sugiyama et
      al. 1981; no network simplex).
   c. `order`: barycentre and median sweeps, transposition of neighbours, several starts (Gansner et al. 1993).
   d. `alignment`: straight arcs in order of priority (after the vertical alignment of Brandes and Koepf 2002).
   e. `ports` and `across`: offsets on the boxes, then x by packing and median passes (after Gansner et al. 1993).
   f. `routes` and `along`: horizontal segments with doglegs (Deutsch 1976), then y against the contour of things above.
   g. `crossings`: of several orders the one whose routes cross least. `memo`: equal regions are laid out once.
4. `turn`: for a U or an L, parts of the network are laid out apart by step 2 and then joined.
5. `directions`: maps the flow downwards to one of four directions. `engine` runs steps 1 to 5 and returns a `Layout`.
6. `folding`: `fold` returns the layout with some groups folded, by monotone maps of both axes (Hsueh and Pederson 1979).
7. `variants`: the layouts of one graph for every direction, turn and merge threshold, computed when asked for.

`options` has the choices and distances of a layout, `result` its values. References with DOIs are in the modules.
"""

from __future__ import annotations

from idlmav.layout.engine import compute_layout
from idlmav.layout.folding.choices import chosen_folds, first_folds, folds_to_depth, group_depths, without_folds_around
from idlmav.layout.folding.columns import columns
from idlmav.layout.folding.fold import fold
from idlmav.layout.input.network import Network, network_of
from idlmav.layout.options import DIRECTIONS, TURNS, Direction, Options, TurnKind
from idlmav.layout.result import Box, Group, Layout, Point, Route

__all__ = [
    "DIRECTIONS", "TURNS", "Box", "Direction", "Group", "Layout", "Network", "Options", "Point", "Route", "TurnKind",
    "chosen_folds", "columns", "compute_layout", "first_folds", "fold", "folds_to_depth", "group_depths", "network_of",
    "without_folds_around",
]  # fmt: skip
