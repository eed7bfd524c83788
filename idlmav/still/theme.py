"""The light and the dark theme: all colours but those of data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from idlmav.scene.constants import CONSTANTS

__all__ = ["THEMES", "Theme"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """
    Colours of one theme, ``#rrggbb``.

    Attributes
    ----------
    paper, text, muted : str
        Background, titles of folded groups, titles of open ones.
    edge, frame_line, node_line : str
        Lines.
    frames : sequence of str
        Fills of frames, alternating by depth.
    group : str
        Fill of a folded group that is not coloured by a number.
    accent, error : str
        Borders of the selected box and of failed ones.
    into, out_of : str
        Edges into the selected box, and out of it.
    """

    paper: str
    text: str
    muted: str
    edge: str
    frame_line: str
    node_line: str
    frames: Sequence[str]
    group: str
    accent: str
    error: str
    into: str
    out_of: str


_NAMES = {field.name for field in fields(Theme)}
THEMES = {
    name: Theme(**{field: color for field, color in colors.items() if field in _NAMES})
    for name, colors in CONSTANTS["themes"].items()
}
