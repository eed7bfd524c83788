"""The scenes of one graph: one for every way that it is drawn, made when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from idlmav.graph import Graph
from idlmav.layout import Layout
from idlmav.layout.variants import Variant, Variants
from idlmav.scene.build import Scene, build_scene
from idlmav.scene.palette import Palette

__all__ = ["SceneCache"]

_MOST_OPS_WITH_FLOWS = 3000
"""Up to this size a saved page holds the layouts for every direction and turn."""


@dataclass(slots=True)
class SceneCache:
    """The scenes of a graph with totals, in the user's colours."""

    graph: Graph
    palette: Palette
    variants: Variants
    last_image: tuple[object, str] | None = None
    """What the last image for viewers without scripts depends on, and the image."""
    _last: tuple[Variant, Scene] | None = field(default=None, init=False)

    def make(self, flow: Variant, *, with_flows: bool = False) -> Scene:
        """Return a new scene, on demand with the layouts for the other directions and turns."""
        others: dict[str, Layout] | None = {} if with_flows else None
        if others is not None and len(self.graph.nodes) <= _MOST_OPS_WITH_FLOWS:
            others = {other.key: self.variants.layout(other) for other in flow.others()}
        layout = self.variants.layout(flow)
        scene = build_scene(self.graph, layout, self.palette, flow=flow.key, latent=flow.latent, others=others)
        scene["notes"] = list(dict.fromkeys([*scene["notes"], *self.variants.problems.notes]))
        return scene

    def shared(self, flow: Variant) -> Scene:
        """Return the scene that is made once for all who only read it; the last one is kept."""
        if self._last is None or self._last[0] != flow:
            self._last = flow, self.make(flow)
        return self._last[1]
