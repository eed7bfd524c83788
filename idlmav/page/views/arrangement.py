"""First arrangement of the views, as `assets/page/arrange.js` makes it, so that the browser lays out the page once."""

from __future__ import annotations

from collections.abc import Sequence

from idlmav.scene.constants import CONSTANTS

__all__ = ["area", "grid"]

_COLUMNS = {"graph": "minmax(0, 1fr)", "side": f"{100 * CONSTANTS['side_share']:.2f}%"}
_BORDER_PX = CONSTANTS["border_px"]


def area(name: str) -> dict[str, str]:
    """Return the styles of one of the views in the grid."""
    # Panel would reserve the height of all details, but they scroll.
    return {"grid-area": name} | ({"min-height": "0px"} if name == "side" else {})


def grid(beside: Sequence[str], *, has_table: bool) -> dict[str, str]:
    """
    Return the styles of the container for a vertical flow in a wide page.

    Parameters
    ----------
    beside : sequence of str
        Names of the graph and the views beside it, from the left.
    has_table : bool
        Whether the side holds a table; details alone stand below the graph and take the height that they need.
    """
    columns = [_COLUMNS.get(name, "max-content") for name in beside]
    if len(beside) == 1:
        columns = ["minmax(0, 1fr)"]
    areas, rows = [list(beside)], ["minmax(0, 1fr)"]
    if has_table:
        areas[0] += ["split", "side"]
        columns += [f"{_BORDER_PX}px", _COLUMNS["side"]]
    else:
        areas += [[name] * len(beside) for name in ("split", "side")]
        rows += ["0px", "max-content"]
    return {
        "display": "grid",
        "grid-template-areas": " ".join(f'"{" ".join(names)}"' for names in areas),
        "grid-template-columns": " ".join(columns),
        "grid-template-rows": " ".join(rows),
    }
