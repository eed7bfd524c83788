"""What a person can change about a picture, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypedDict

import param

from idlmav.layout.options import DIRECTIONS, TURNS
from idlmav.layout.variants import Variant

__all__ = [
    "COLOR_BY", "COMPUTE_UNITS", "ESTIMATES", "FLOW", "SHARED", "SIZE_BY", "THEMES", "ViewOptions", "ViewState",
]  # fmt: skip

COLOR_BY = {
    "operation": "Operation",
    "category": "Category",
    "module": "Module",
    "param_count": "Parameters",
    "flops": "FLOPs",
    "activation_bytes": "Activation bytes",
    "status": "Run state",
}
SIZE_BY = {
    "none": "Text",
    "param_count": "Parameters",
    "flops": "FLOPs",
    "activation_bytes": "Activation bytes",
}
COMPUTE_UNITS = {"flops": "FLOPs", "macs": "MACs"}
"""What a multiply-add counts as: 2 FLOPs or 1 MAC; everything else is halved, too."""
ESTIMATES = {"shown": "Shown", "hidden": "Hidden"}
THEMES = ("auto", "light", "dark")


class ViewState(param.Parameterized):
    """
    The state of one dashboard, the same in Python and in the browser.

    Set a parameter to move the picture; watch it to follow what the person does:
    ``mav.state.param.watch(print, "selected")``.
    """

    selected = param.String("", doc="Id of the selected node or group, or a module path; empty for none.")
    folded = param.List([], item_type=str, doc="Ids of the groups that are drawn as one box.")
    viewport = param.Tuple(
        (0.0, 0.0, 0.0, 0.0),
        length=4,
        doc="Left, right, top and bottom of the visible part in layout px, y down; all 0 until a browser has shown it.",
    )
    query = param.String("", doc="Text that is searched in names and operations; empty for none.")
    color_by = param.Selector(default="operation", objects=list(COLOR_BY), doc="What the colour of a box tells.")
    size_by = param.Selector(default="none", objects=list(SIZE_BY), doc="What the height of a box tells.")
    value_range = param.Parameter(
        None,
        doc="Smallest and largest value (of `color_by`, else of `size_by`, if a number) that is not dimmed, in the "
        "unit shown; None for all.",
    )
    highlighted = param.List(
        [],
        item_type=str,
        doc="Names of the legend (of a `color_by` that is no number) that alone are not dimmed; empty for all. What "
        "the legend has not is passed over; a person who changes the colour empties it.",
    )
    compute_unit = param.Selector(
        default="flops", objects=list(COMPUTE_UNITS), doc="One multiply-add: 2 FLOPs or 1 MAC."
    )
    estimates = param.Selector(
        default="shown", objects=list(ESTIMATES), doc="Whether numbers that are only estimated are shown and summed up."
    )
    direction = param.Selector(default="down", objects=list(DIRECTIONS), doc="Where the data flows to.")
    latent = param.String("", doc="Id of the op, or path of the module, at which the flow turns; empty for none.")
    turn = param.Selector(
        default="opposite", objects=list(TURNS), doc="Where the flow turns to: back (a U), to the side (an L), or not."
    )
    merge_threshold = param.Number(
        default=-1.0,
        bounds=(None, 1.0),
        doc="Which small ops are drawn on their neighbour's box. Negative: none. 0: those without parameters. Up to 1: "
        "also those with the fewest parameters that hold this share of all together.",
    )
    theme = param.Selector(default="auto", objects=list(THEMES), doc="Light, dark, or as the page around is.")

    @property
    def flow(self) -> Variant:
        """Where the data flows, and what is merged."""
        return Variant(self.direction, self.latent, self.turn, self.merge_threshold)


class ViewOptions(TypedDict, total=False):
    """
    The values of `ViewState` for type checkers, which cannot read Param, as options of `idlmav.MAV`.

    A test compares both. Only `folded` is wider: there it may also be a word, a number of levels or a module.
    """

    selected: str
    folded: str | int | Iterable[str]
    query: str
    color_by: Literal["operation", "category", "module", "param_count", "flops", "activation_bytes", "status"]
    size_by: Literal["none", "param_count", "flops", "activation_bytes"]
    value_range: tuple[float | None, float | None] | None
    highlighted: list[str]
    direction: Literal["down", "right", "up", "left"]
    turn: Literal["opposite", "perpendicular", "none"]
    latent: str
    merge_threshold: float
    compute_unit: Literal["flops", "macs"]
    estimates: Literal["shown", "hidden"]
    viewport: tuple[float, float, float, float]
    theme: Literal["auto", "light", "dark"]


SHARED = (
    "selected",
    "folded",
    "viewport",
    "query",
    "color_by",
    "size_by",
    "value_range",
    "highlighted",
    "compute_unit",
    "estimates",
    "theme",
    "direction",
    "turn",
    "latent",
    "merge_threshold",
)
"""What the browser and Python keep equal."""
FLOW = ("direction", "latent", "turn", "merge_threshold")
"""What decides on the layout."""
