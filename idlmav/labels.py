"""What the boxes say, and how large a box is that says it."""

from __future__ import annotations

from idlmav.graph import Graph, Module, Node, Shape

__all__ = ["FONT_PX", "group_size", "node_label", "node_size", "node_sizes", "node_sublabel", "text_width"]

FONT_PX = 12.0
"""Size of the text at zoom 1."""
SUBLABEL_PX = 10.0
NODE_HEIGHT_PX = 38.0
GROUP_HEIGHT_PX = 38.0
MARGIN_PX = 10.0
BOLD = 1.1
"""How much wider bold text is."""
_NARROW = frozenset("fijlrtI.,:;'|!()[]{}-/ ")
_WIDE = frozenset("mwMWG@%×✕")


def text_width(text: str, font_px: float = FONT_PX) -> float:
    """
    Estimate the width of a text in a sans-serif font.

    Parameters
    ----------
    text : str
        One line.
    font_px : float
        Font size in px.

    Returns
    -------
    float
        Width in px, rather a little too large than too small.
    """
    units = sum(0.36 if char in _NARROW else 0.92 if char in _WIDE else 0.62 for char in text)
    return units * font_px


def short_shape(shape: Shape | None) -> str:
    """Write a shape as ``16×64×80×80``, the form that boxes show."""
    if shape is None:
        return "?"
    return "×".join("?" if size is None else str(size) for size in shape) or "scalar"


def node_label(node: Node) -> str:
    """Return the first line of a node's box: the layer class or function, without ``nn.``; a cross if it failed."""
    if node.kind != "op":
        return node.id if node.kind == "input" else "output"
    name = node.operation.removeprefix("nn.").removesuffix("()")
    return f"✕ {name}" if node.status == "failed" else name


def node_sublabel(node: Node) -> str:
    """Return the second line of a node's box: the shape of its first output, and how many more there are."""
    if node.kind == "op" and node.status == "failed":
        return "failed"
    if not node.shapes:
        return "not run" if node.status == "not_run" else ""
    text = short_shape(node.shapes[0])
    return f"{text} +{len(node.shapes) - 1}" if len(node.shapes) > 1 else text


def node_size(node: Node) -> tuple[float, float]:
    """Return width and height in px of the box that holds a node's two lines."""
    width = max(BOLD * text_width(node_label(node)), text_width(node_sublabel(node), SUBLABEL_PX))
    return max(56.0, round(width + 2 * MARGIN_PX)), NODE_HEIGHT_PX


def node_sizes(graph: Graph) -> dict[str, tuple[float, float]]:
    """Return width and height in px for every node, by id."""
    known: dict[tuple[str, str], tuple[float, float]] = {}
    sizes = {}
    for node in graph.nodes:
        key = node_label(node), node_sublabel(node)
        size = known.get(key)
        if size is None:
            size = known[key] = node_size(node)
        sizes[node.id] = size
    return sizes


def group_title(path: str, module: Module | None) -> str:
    """Return the title of a frame: the last part of the module's path and its class."""
    name = path.rpartition(".")[2]
    return f"{name}: {module.class_name}" if module else name


def group_size(title: str) -> tuple[float, float]:
    """Return width and height in px of a folded group's box."""
    return max(90.0, round(BOLD * text_width(title) + 2 * MARGIN_PX + 16.0)), GROUP_HEIGHT_PX
