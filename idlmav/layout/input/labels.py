"""What the boxes say, and how large a box is that says it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from idlmav.graph import Graph, ModuleInfo, Node, Shape

__all__ = [
    "FONT_PX", "block_name", "group_size", "group_title", "node_label", "node_size", "node_sizes", "node_sublabel",
    "repeat_title", "text_width",
]  # fmt: skip

FONT_PX = 12.0
"""Size of the text at zoom 1."""
SUBLABEL_PX = 10.0
NODE_HEIGHT_PX = 38.0
GROUP_HEIGHT_PX = 38.0
MARGIN_PX = 10.0
CARDS_PX = 6.0
"""How far the cards behind the folded box of a run show."""
NAMES_SHOWN = 3
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


def group_title(path: str, module: ModuleInfo | None, around: str = "") -> str:
    """Return the title of a frame: what the path of the frame around does not say of the module's, and its class."""
    name = path.rpartition(".")[2] if path == around else path.removeprefix(f"{around}.")
    return f"{name}: {module.class_name}" if module else name


def block_name(parts: Sequence[ModuleInfo | Node]) -> str:
    """Return what the blocks of a run are called: their class, or what several modules or ops in turn are."""
    names = _in_turn(parts)
    if len(names) > NAMES_SHOWN:
        names = _in_turn([part for part in parts if isinstance(part, ModuleInfo)]) or names
    if len(names) > NAMES_SHOWN:
        names = [*names[: NAMES_SHOWN - 1], "…"]
    return names[0] if len(parts) == 1 else f"({', '.join(names)})"


def _in_turn(parts: Sequence[ModuleInfo | Node]) -> list[str]:
    names = [part.class_name if isinstance(part, ModuleInfo) else node_label(part) for part in parts]
    runs = ((name, len(list(same))) for name, same in groupby(names))
    return [name if count == 1 else f"{count} x {name}" for name, count in runs]


def repeat_title(count: int, name: str, weight_sets: int = 0) -> str:
    """Return the title of a run of blocks: ``12 x BertLayer``, and whether they have the same weights."""
    if weight_sets == 1:
        return f"{count} x {name}, shared weights"
    if 0 < weight_sets < count:
        return f"{count} x {name}, {weight_sets} sets of weights"
    return f"{count} x {name}"


def group_size(title: str, cards: bool = False) -> tuple[float, float]:
    """Return width and height in px of a folded group's box, and of the cards behind that of a run."""
    stack = CARDS_PX if cards else 0.0
    return max(90.0, round(BOLD * text_width(title) + 2 * MARGIN_PX + 28.0)) + stack, GROUP_HEIGHT_PX + stack
