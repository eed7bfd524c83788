"""Where the views stand at first, as in `assets/page/arrange.js`, so that the browser measures the page only once."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["area", "grid"]

_COLUMNS = {"graph": "minmax(0, 1fr)", "side": "46.00%"}
_BORDER_PX = 7


def area(name: str) -> dict[str, str]:
    """Return the styles of one of the views in the grid."""
    # The table is smaller than Panel thinks: the details scroll.
    return {"grid-area": name} | ({"min-height": "0px"} if name == "side" else {})


def grid(beside: Sequence[str], *, has_table: bool) -> dict[str, str]:
    """
    Return the styles of the container if the data flow down or up and the page is wide.

    Parameters
    ----------
    beside : sequence of str
        The graph and what stands at its sides, from the left.
    has_table : bool
        Whether the side holds a table; details alone stand below the graph, as high as they need.
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
