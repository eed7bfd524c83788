"""The whole model in one picture of the size of a page, for readers that show images only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idlmav.layout import Layout, folds_to_depth, group_depths
from idlmav.scene.build import Scene
from idlmav.still.draw import still_picture
from idlmav.still.marks import Picture

__all__ = ["at_a_glance"]

_LONGEST_PX = 2400.0


def at_a_glance(scene: Scene, layout: Layout, chosen: Mapping[str, Any]) -> Picture:
    """
    Draw a scene as `idlmav.still.still_picture` does, with more groups folded if it is longer than a few screens.

    It is at most 2400 px long, unless it has too many ops outside of modules.
    """
    picture = still_picture(scene, layout, **chosen)
    depth = max(group_depths(layout).values(), default=0)
    while depth > 0 and max(picture.width, picture.height) > _LONGEST_PX:
        depth -= 1
        picture = still_picture(scene, layout, **{**chosen, "folded": folds_to_depth(layout, depth)})
    return picture
