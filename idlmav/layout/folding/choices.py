"""Choose the groups to fold: those of the first view, all, those below a depth, by name, or none around a node."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from idlmav.errors import WrongTypeError, WrongValueError, did_you_mean
from idlmav.layout.result import Layout

__all__ = [
    "FOLD_ABOVE", "FOLD_WORDS", "chosen_folds", "first_folds", "folds_to_depth", "group_depths", "without_folds_around",
]  # fmt: skip

FOLD_ABOVE = 300
"""A model with more nodes is folded in the first view."""
FOLD_WORDS = ("auto", "all", "none")
_NEEDED = "folded: 'auto', 'all', 'none', a depth, a module or a list of modules is needed"
MOST_BOXES = 25
FEWEST_BOXES = 10


def first_folds(layout: Layout) -> list[str]:
    """
    Return the groups that are folded in the first view of a model.

    There are none up to `FOLD_ABOVE` nodes. Else these are all runs of blocks that are built alike and then, from the
    deepest groups on, as many more as it takes to show about `FEWEST_BOXES` to `MOST_BOXES` boxes.
    """
    if len(layout.group_of) <= FOLD_ABOVE:
        return []
    groups = layout.groups
    folded = {name for name, group in groups.items() if group.kind != "module"}
    hidden: dict[str, bool] = {"": False}
    boxes = dict.fromkeys(["", *groups], 0)
    for around in layout.group_of.values():
        boxes[around] += 1
    depth = group_depths(layout)
    levels: dict[int, list[str]] = {}
    for name, group in groups.items():
        hidden[name] = hidden[group.parent] or name in folded
        if not hidden[group.parent]:
            levels.setdefault(depth[name], []).append(name)
    # Count from the innermost groups on: a folded group is one box.
    total = sum(boxes[name] for name in ["", *groups] if not hidden[name])
    total += sum(hidden[name] and not hidden[group.parent] for name, group in groups.items())
    for level in sorted(levels, reverse=True):
        total = _fold_level(layout, levels[level], folded, boxes, total)
    return [name for name in groups if name in folded]


def _fold_level(layout: Layout, names: list[str], folded: set[str], boxes: dict[str, int], total: int) -> int:
    """Fold groups of one depth while there are too many boxes; add their boxes to those of the groups around."""
    unfolded = sorted((name for name in names if name not in folded), key=lambda name: -boxes[name])
    saved = sum(boxes[name] - 1 for name in unfolded)
    # Fold all groups of the depth or none, if enough boxes are left.
    together = total - saved >= FEWEST_BOXES
    chosen = total > MOST_BOXES
    for name in unfolded:
        if chosen and (together or total > MOST_BOXES):
            folded.add(name)
            total -= boxes[name] - 1
    for name in names:
        boxes[layout.groups[name].parent] += 1 if name in folded else boxes[name]
    return total


def group_depths(layout: Layout) -> dict[str, int]:
    """Return how many groups are around each group, itself included."""
    depths = {"": 0}
    for name, group in layout.groups.items():
        depths[name] = depths[group.parent] + 1
    del depths[""]
    return depths


def folds_to_depth(layout: Layout, depth: int) -> list[str]:
    """
    Return the groups that are folded if `depth` levels of groups are open: all for 0.

    The other blocks of a run stay folded at any depth, because they are built like the first.
    """
    depths = group_depths(layout)
    return [name for name, group in layout.groups.items() if depths[name] > depth or group.kind == "rest"]


def chosen_folds(layout: Layout, wanted: str | int | Iterable[str], known: Collection[str] = ()) -> list[str]:
    """
    Return the groups that a user asks to fold.

    Parameters
    ----------
    layout : Layout
        With all groups open.
    wanted : str or int or iterable of str
        ``'auto'`` for those of the first view, ``'all'``, ``'none'``, how many levels stay open, or one or several names:
        ids of groups and nodes, and paths of modules. A list of modules, which has no frame, stands for the modules in
        it. A node has no frame either: nothing folds for its id.
    known : collection of str
        Valid paths that have nothing to fold, such as a layer that is one box.

    Raises
    ------
    TypeError
        If it is of another kind.
    ValueError
        If there is no such word, depth, module or node.
    """
    if isinstance(wanted, str):
        if wanted == "auto":
            return first_folds(layout)
        if wanted in FOLD_WORDS:
            return list(layout.groups) if wanted == "all" else []
        names: Iterable[str] = [wanted]
    elif isinstance(wanted, int) and not isinstance(wanted, bool):
        if wanted < 0:
            raise WrongValueError(f"folded: a depth from 0 on is needed, got {wanted}.")
        return folds_to_depth(layout, wanted)
    elif isinstance(wanted, bool) or not isinstance(wanted, Iterable):
        raise WrongTypeError(f"{_NEEDED}, got {type(wanted).__name__}.")
    else:
        names = wanted
    words = FOLD_WORDS if isinstance(wanted, str) else ()
    found = {group for name in names for group in _groups_named(layout, name, known, words)}
    return [name for name in layout.groups if name in found]


def _groups_named(layout: Layout, name: str, known: Collection[str], words: Collection[str]) -> list[str]:
    groups = layout.groups
    found = [key for key, group in groups.items() if name in (key, group.path)]
    if not found:
        inside = [key for key, group in groups.items() if group.path.startswith(f"{name}.")]
        found = [key for key in inside if groups[key].parent not in inside]
    if not found and name not in known and name not in layout.group_of:
        names = (*words, *(group.path for group in groups.values()), *groups, *known, *layout.group_of)
        text = f"{_NEEDED}, got {name!r}." if words else f"folded: there is no module {name!r}."
        raise WrongValueError(text + did_you_mean(str(name), names))
    return found


def without_folds_around(layout: Layout, folded: list[str], name: str) -> list[str]:
    """
    Return the groups that stay folded if a node, or the inside of a group, is to be visible.

    Raises
    ------
    KeyError
        If there is no node or group with this id.
    """
    if name not in layout.group_of and name not in layout.groups:
        raise KeyError(f"no node or group {name!r} in this layout")
    around = set()
    group = layout.group_of.get(name, name)
    while group:
        around.add(group)
        group = layout.groups[group].parent
    return [other for other in folded if other not in around]
