"""The texts of boxes and frames, and the sizes that they need."""

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
"""How far the cards behind the folded box of a run are visible."""
NAMES_SHOWN = 3
BOLD = 1.1
"""How much wider bold text is."""
_NARROW = frozenset("fijlrtI.,:;'|!()[]{}-/ ")
_WIDE = frozenset("mwMWG@%×✕")


def text_width(text: str, font_px: float = FONT_PX) -> float:
    """Return an estimate in px, rather too large than too small, of the width of a line in a sans-serif font."""
    units = sum(0.36 if char in _NARROW else 0.92 if char in _WIDE else 0.62 for char in text)
    return units * font_px


def short_shape(shape: Shape | None) -> str:
    """Write a shape as ``16×64×80×80``, as in the boxes."""
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
    size_of: dict[tuple[str, str], tuple[float, float]] = {}
    sizes = {}
    for node in graph.nodes:
        texts = node_label(node), node_sublabel(node)
        if texts not in size_of:
            size_of[texts] = node_size(node)
        sizes[node.id] = size_of[texts]
    return sizes


def group_title(path: str, module: ModuleInfo | None, around: str = "") -> str:
    """Return the title of a frame: the path of its module, without that of the frame around, and its class."""
    name = path.rpartition(".")[2] if path == around else path.removeprefix(f"{around}.")
    return f"{name}: {module.class_name}" if module else name


def block_name(parts: Sequence[ModuleInfo | Node]) -> str:
    """Return the name of the blocks of a run: their class, or the names of the modules or ops that form a block."""
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
    """Return the title of a run of blocks: ``12 x BertLayer``, and whether they share weights."""
    if weight_sets == 1:
        return f"{count} x {name}, shared weights"
    if 0 < weight_sets < count:
        return f"{count} x {name}, {weight_sets} sets of weights"
    return f"{count} x {name}"


def group_size(title: str, cards: bool = False) -> tuple[float, float]:
    """Return width and height in px of a folded group's box, with the cards behind it for a run."""
    behind = CARDS_PX if cards else 0.0
    return max(90.0, round(BOLD * text_width(title) + 2 * MARGIN_PX + 28.0)) + behind, GROUP_HEIGHT_PX + behind
