"""The light and the dark theme: all colours but those of data, as in ``assets/page/theme.js`` (a test compares)."""

from __future__ import annotations

from dataclasses import dataclass

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
    frames : tuple of str
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
    frames: tuple[str, str]
    group: str
    accent: str
    error: str
    into: str
    out_of: str


THEMES = {
    "light": Theme(
        paper="#ffffff",
        text="#1b2330",
        muted="#5c6675",
        edge="#8b96a5",
        frame_line="#c3ccd9",
        node_line="#5c6675",
        frames=("#f3f5f9", "#e9edf4"),
        group="#ffffff",
        accent="#d1480a",
        error="#b3261e",
        into="#1668b8",
        out_of="#b0560a",
    ),
    "dark": Theme(
        paper="#14181f",
        text="#e6eaf0",
        muted="#a3adba",
        edge="#75808f",
        frame_line="#465161",
        node_line="#0c0f14",
        frames=("#1c232d", "#242c38"),
        group="#2f3947",
        accent="#ff9d5c",
        error="#ff8a80",
        into="#6cb6ff",
        out_of="#ffb86b",
    ),
}
