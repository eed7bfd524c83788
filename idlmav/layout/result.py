"""The result of the layout: frozen values in px, y pointing down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from idlmav.layout.options import Direction, GroupKind, Options

__all__ = ["Box", "Group", "Layout", "Point", "Route"]

Point = tuple[float, float]
Route = tuple[Point, ...]
Box = tuple[float, float, float, float]
"""Left, top, width and height in px."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """
    The ops of one module call, or of a run of blocks that are built alike, drawn in a frame that folds.

    Attributes
    ----------
    id : str
        The module path; ``"path#2"`` for the second call of a module, or the second piece of a group
        that had to be split because the data leaves and re-enters it; ``"path (module)"`` if a node has that id.
    path : str
        The module path; for a run the paths of its first and its last block, which is no module's path.
    parent : str
        Id of the group around this one, ``""`` if there is none.
    title : str
        Text of the frame's header and of the folded box.
    folded_size : tuple of float
        Width and height in px of the folded box.
    direction : {'down', 'right', 'up', 'left'} or None
        Where the data flows inside; ``None`` for the direction of the whole picture.
    kind : {'module', 'repeat', 'rest'}
        A ``repeat`` holds a run of blocks that are built alike: the first one, and a ``rest`` with the others. A module
        that holds nothing but a run is a repeat itself.
    count : int
        How many blocks a repeat or a rest holds.
    """

    id: str
    path: str
    parent: str = ""
    title: str = ""
    folded_size: tuple[float, float] = (90.0, 38.0)
    direction: Direction | None = None
    kind: GroupKind = "module"
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Layout:
    """
    The place of everything. All coordinates are multiples of 0.1 px; the bounding box starts at (0, 0).

    Attributes
    ----------
    boxes : mapping of str to tuple
        Left, top, width, height of every visible node, and of every folded group under its id.
    routes : mapping of (str, str) to tuple of points
        Orthogonal polyline of every visible edge, by ids of source and target, from the source's border to
        the target's, with sharp corners.
    frames : mapping of str to tuple
        Left, top, width, height of every open group.
    groups : mapping of str to Group
        Every group, parents before children, whether it is visible or not.
    group_of : mapping of str to str
        Innermost group of every node, ``""`` for none.
    direction : {'down', 'right', 'up', 'left'}
        Where the data flows, before it turns.
    latent : str or None
        Id of the op, or path of the module, at which the flow turns.
    width, height : float
        Size of the picture.
    options : Options
        The distances that it was made with.
    """

    boxes: Mapping[str, Box]
    routes: Mapping[tuple[str, str], Route]
    frames: Mapping[str, Box]
    groups: Mapping[str, Group]
    group_of: Mapping[str, str]
    direction: Direction = "down"
    latent: str | None = None
    width: float = 0.0
    height: float = 0.0
    options: Options = field(default_factory=Options)

    def is_folded(self, name: str) -> bool:
        """Return whether a visible box is a folded group; an op may have the id of the group that it is in."""
        return name in self.groups and name not in self.frames
