"""The layouts of one graph, one for each direction, turn and merge threshold, computed when first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from idlmav.graph import Graph
from idlmav.graph.plainer import Problems
from idlmav.layout.engine import compute_layout
from idlmav.layout.input.labels import node_sizes
from idlmav.layout.input.network import Grouping
from idlmav.layout.input.small_ops import small_ops
from idlmav.layout.options import DIRECTIONS, TURNS, Direction, TurnKind
from idlmav.layout.plainest import column_layout
from idlmav.layout.result import Layout

__all__ = ["Variant", "Variants"]


@dataclass(frozen=True, slots=True)
class Variant:
    """
    The choices that decide on the layout of a graph.

    Attributes
    ----------
    direction : {'down', 'right', 'up', 'left'}
        Where the data flows before it turns.
    latent : str
        Id of the op, or path of the module, at which the flow turns; empty for none.
    turn : {'opposite', 'perpendicular', 'none'}
        Where it turns to.
    merge_threshold : float
        Which ops are merged into their neighbour; see `idlmav.layout.input.small_ops.small_ops`.
    """

    direction: Direction = "down"
    latent: str = ""
    turn: TurnKind = "opposite"
    merge_threshold: float = -1.0

    @property
    def turns(self) -> bool:
        """Whether the flow turns."""
        return bool(self.latent) and self.turn != "none"

    @property
    def key(self) -> str:
        """Name of the variant among those with the same latent op; the browser builds the same name."""
        return f"{self.direction} {self.turn}" if self.turns else self.direction

    def others(self) -> Iterator[Variant]:
        """Yield the variants with another direction or turn."""
        for direction in DIRECTIONS:
            for turn in TURNS if self.latent else TURNS[-1:]:
                variant = replace(self, direction=direction, turn=turn)
                if variant.key != self.key:
                    yield variant


@dataclass(slots=True)
class Variants:
    """The layouts of one graph, which has its totals; `problems` notes what cannot be laid out as asked."""

    graph: Graph
    problems: Problems = field(default_factory=Problems)
    _layouts: dict[tuple[str, str, float], Layout] = field(default_factory=dict)

    def layout(self, variant: Variant) -> Layout:
        """
        Return the layout of a variant, with all groups open.

        Raises
        ------
        ValueError
            If there is no such latent op, direction or turn, or the threshold is not a number up to 1.
        """
        latent = variant.latent if variant.turns else ""
        key = variant.key, latent, max(variant.merge_threshold, -1.0)
        if key not in self._layouts:
            self._layouts[key] = self.problems.plainer(
                "the layout",
                lambda: self._made(variant, latent),
                ("Small ops have boxes of their own", lambda: self._made(variant, latent, merges=False)),
                ("Equal blocks are not put together", lambda: self._made(variant, latent, "calls", merges=False)),
                ("The flow does not turn", lambda: self._made(variant, "", "calls", merges=False)),
                ("Modules have no frames", lambda: self._made(variant, "", "none", merges=False)),
                ("The ops are drawn in one column", lambda: column_layout(self.graph, variant.direction)),
            )
        return self._layouts[key]

    def _made(self, variant: Variant, latent: str, grouping: Grouping = "runs", *, merges: bool = True) -> Layout:
        return compute_layout(
            self.graph,
            node_sizes(self.graph),
            direction=variant.direction,
            latent=latent,
            turn=variant.turn,
            small=small_ops(self.graph, variant.merge_threshold) if merges else (),
            grouping=grouping,
        )
