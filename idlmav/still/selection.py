"""Find the box or frame that represents the selection, as ``assets/graph/geometry.js`` does (a test compares)."""

from __future__ import annotations

from idlmav.layout import Layout
from idlmav.scene.build import Scene

__all__ = ["shown_as"]


def shown_as(scene: Scene, layout: Layout, selected: str) -> str:
    """
    Return the id of the box or frame that represents the selection: itself, or the outermost folded group around it.

    `selected` is the id of a node or group, or the path of an op. For anything else, such as a module that was never
    called, the result is ``""``.
    """
    name = selected
    if name not in layout.group_of and name not in layout.groups:
        paths = scene["nodes"]["path"]
        if not name or name not in paths:
            return ""
        name = scene["geometry"]["nodes"]["ids"][paths.index(name)]
    shown = name
    around = layout.group_of[name] if name in layout.group_of else layout.groups[name].parent
    while around:
        if around in layout.boxes:
            shown = around
        around = layout.groups[around].parent
    return shown
