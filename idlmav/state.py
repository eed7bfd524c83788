"""
What a person can change about a picture, and nothing else.

`ViewState` is the only declaration of these values. Everybody else asks it: the page's controller and through it the
browser (`declaration`), the page's address, still pictures, the options of `MAV`, and the table in the documentation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any, Literal, TypedDict

import param

from idlmav.layout.variants import Variant
from idlmav.scene.constants import CONSTANTS
from idlmav.search.query import QueryError, parse

__all__ = [
    "COLOR_BY", "COMPUTE_UNITS", "ESTIMATES", "SIZE_BY", "ViewOptions", "ViewState", "declaration", "from_browser",
    "has_drop_down", "layout_names", "markdown_table", "still_names", "titles", "to_browser", "value_names",
]  # fmt: skip

COLOR_BY = {
    "operation": "Operation",
    "category": "Category",
    "module": "Module",
    **CONSTANTS["metrics"],
    "status": "Run state",
}
SIZE_BY = {"none": "Text", **CONSTANTS["metrics"]}
COMPUTE_UNITS: dict[str, str] = CONSTANTS["compute_units"]
"""What a multiply-add counts as: 2 FLOPs or 1 MAC; everything else is halved, too."""
ESTIMATES = {"shown": "Shown", "hidden": "Hidden"}
_DIRECTIONS = {"down": "Down", "right": "Right", "up": "Up", "left": "Left"}
_TURNS = {"opposite": "U", "perpendicular": "L", "none": "–"}
_THEMES = {"auto": "Auto", "light": "Light", "dark": "Dark"}


def _by_title(titles: Mapping[str, str]) -> dict[str, str]:
    return {title: value for value, title in titles.items()}


class _Query(param.String):  # type: ignore[type-arg]
    """A search; Python code is told if it cannot be read."""

    def _validate(self, val: Any) -> None:
        super()._validate(val)
        if not isinstance(val, _Unfinished):
            parse(val)


class _Unfinished(str):
    """A search that somebody still types in the page: it cannot be read yet, which is no error."""

    __slots__ = ()


class _Numbers(param.Tuple):  # type: ignore[type-arg]
    """Finite numbers, as a tuple or a list."""

    def __set__(self, obj: Any, val: Any) -> None:
        super().__set__(obj, tuple(map(_number, val)) if isinstance(val, list | tuple) else val)

    def _refuse(self, val: Any, rule: str) -> None:
        raise ValueError(f"{self.name}: {rule} is needed, or None, got {val!r}.")


class _Viewport(_Numbers):
    def _validate(self, val: Any) -> None:
        if val is None:
            return
        if not (isinstance(val, tuple) and len(val) == self.length and all(map(_is_finite, val))):
            self._refuse(val, "a tuple of four numbers (left, right, top, bottom)")
        left, right, top, bottom = val
        if not (left < right and top < bottom):
            self._refuse(val, "a part of the picture with left < right and top < bottom (y points down)")


class _Range(_Numbers):
    def _validate(self, val: Any) -> None:
        if val is None:
            return
        ends = [end for end in val if end is not None] if isinstance(val, tuple) and len(val) == self.length else []
        if not ends or not all(map(_is_finite, ends)) or ends != sorted(ends):
            self._refuse(val, "a tuple (smallest, largest) of two numbers, one of which may be None for no limit,")


def _is_finite(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _number(value: Any) -> Any:
    """Return a NumPy number as one that JSON can hold."""
    if isinstance(value, bool | int | float) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


class ViewState(param.Parameterized):
    """
    The state of one dashboard, the same in Python and in the browser.

    Set a parameter to move the picture; watch it to follow what the person does:
    ``mav.state.param.watch(print, "selected")``.

    A parameter's ``metadata`` holds what is special about it: ``layout`` if a change needs another layout,
    ``drop_down`` if a drop-down of the toolbar sets it directly, ``address=False`` if a link does not pass it on,
    ``still=False`` if still pictures do not depend on it.
    """

    selected = param.String("", doc="Id of the selected node or group, or a module path; empty for none.")
    folded = param.List([], item_type=str, doc="Ids of the groups that are drawn as one box.")
    query = _Query("", doc="Text that is searched in names and operations; empty for none.")
    color_by = param.Selector(
        default="operation",
        objects=_by_title(COLOR_BY),
        label="Colour",
        doc="What the colour of a box shows.",
        metadata={"drop_down": True},
    )
    size_by = param.Selector(
        default="none",
        objects=_by_title(SIZE_BY),
        label="Size",
        doc="What the height of a box shows.",
        metadata={"drop_down": True},
    )
    value_range = _Range(
        None,
        length=2,
        doc="Smallest and largest value that is not dimmed, of `color_by`, else of `size_by`, if that is a number, in "
        "the unit shown. One end may be None for no limit; None shows all.",
    )
    highlighted = param.List(
        [],
        item_type=str,
        doc="Names of the legend that alone are not dimmed, where `color_by` is no number; empty for all. Names that "
        "are not in the legend are ignored; choosing another colour in the page clears it.",
    )
    direction = param.Selector(
        default="down",
        objects=_by_title(_DIRECTIONS),
        label="Flow",
        doc="Direction in which the data flows.",
        metadata={"layout": True, "drop_down": True},
    )
    turn = param.Selector(
        default="opposite",
        objects=_by_title(_TURNS),
        label="Turn",
        doc="Where the flow goes on from `latent`: back (a U), to the side (an L), or straight on.",
        metadata={"layout": True},
    )
    latent = param.String(
        "",
        doc="Id of the op, or path of the module, at which the flow turns; empty for none.",
        metadata={"layout": True},
    )
    merge_threshold = param.Number(
        default=-1.0,
        bounds=(None, 1.0),
        label="Merge",
        doc="Which small ops are drawn on their neighbour's box. Negative: none. 0: those without parameters. Up to 1: "
        "also those with the fewest parameters that hold this share of all together.",
        metadata={"layout": True},
    )
    compute_unit = param.Selector(
        default="flops",
        objects=_by_title(COMPUTE_UNITS),
        label="Compute",
        doc="One multiply-add: 2 FLOPs or 1 MAC.",
        metadata={"drop_down": True},
    )
    estimates = param.Selector(
        default="shown",
        objects=_by_title(ESTIMATES),
        label="Estimates",
        doc="Whether numbers that are only estimated are shown and summed up.",
        metadata={"drop_down": True},
    )
    viewport = _Viewport(
        None,
        length=4,
        doc="Left, right, top and bottom of the visible part in layout px, y down; None until a browser has shown it.",
        metadata={"still": False},
    )
    theme = param.Selector(
        default="auto",
        objects=_by_title(_THEMES),
        doc="Light, dark, or as the page around is.",
        metadata={"address": False, "still": False},
    )

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
    viewport: tuple[float, float, float, float] | None
    theme: Literal["auto", "light", "dark"]


def _values() -> dict[str, Any]:
    """Return the parameters by name, in the order of their declaration."""
    return {name: ViewState.param[name] for name in ViewState.param if name != "name"}


def _is(parameter: Any, flag: str, usual: bool = False) -> bool:
    return bool((parameter.metadata or {}).get(flag, usual))


def value_names() -> tuple[str, ...]:
    """Return the names of all values; the browser and Python keep them equal."""
    return tuple(_values())


def layout_names() -> tuple[str, ...]:
    """Return the names of the values that decide on the layout."""
    return tuple(name for name, parameter in _values().items() if _is(parameter, "layout"))


def still_names() -> tuple[str, ...]:
    """Return the names of the values that decide how a still picture draws a layout."""
    return tuple(
        name
        for name, parameter in _values().items()
        if not _is(parameter, "layout") and _is(parameter, "still", usual=True)
    )


def has_drop_down(name: str) -> bool:
    """Return whether a drop-down of the toolbar sets a value directly."""
    return _is(ViewState.param[name], "drop_down")


def titles(name: str) -> dict[str, str]:
    """Return how the page names the choices of a value, by choice."""
    return {choice: title for title, choice in ViewState.param[name].names.items()}


def _choices(parameter: Any) -> list[str] | None:
    return list(parameter.objects) if isinstance(parameter, param.Selector) else None


def _kind(parameter: Any) -> str:
    kinds = {param.List: "list", param.Tuple: "tuple", param.Number: "number"}
    return next((kind for cls, kind in kinds.items() if isinstance(parameter, cls)), "text")


def declaration() -> list[dict[str, Any]]:
    """
    Return what the browser needs to know of the values, JSON-able.

    Returns
    -------
    list of dict
        In the order of `ViewState`.

        **Schema**

        =============  ==================================================================================
        key            meaning
        =============  ==================================================================================
        ``name``       of the value
        ``kind``       ``text``, ``list`` (of texts), ``tuple`` (of numbers) or ``number``
        ``default``    as `to_browser` returns it
        ``choices``    the texts that are allowed, or ``None`` for any
        ``length``     of a tuple, else ``None``
        ``most``       largest number that is allowed, or ``None`` for any
        ``layout``     whether a change needs another layout
        ``address``    whether a link passes it on
        ``drop_down``  whether a drop-down sets it directly
        =============  ==================================================================================
    """
    return [
        {
            "name": name,
            "kind": _kind(parameter),
            "default": to_browser(parameter.default),
            "choices": _choices(parameter),
            "length": parameter.length if isinstance(parameter, param.Tuple) else None,
            "most": (parameter.bounds or (None, None))[1] if isinstance(parameter, param.Number) else None,
            "layout": _is(parameter, "layout"),
            "address": _is(parameter, "address", usual=True),
            "drop_down": has_drop_down(name),
        }
        for name, parameter in _values().items()
    ]


def to_browser(value: Any) -> Any:
    """Return a value as the browser has it: there are no tuples."""
    return list(value) if isinstance(value, tuple) else value


def from_browser(name: str, value: Any) -> Any:
    """Return a value that comes from the browser so that `ViewState` takes it, also a search that is still typed."""
    parameter = ViewState.param[name]
    if isinstance(parameter, param.Tuple):
        return None if value is None else tuple(value)
    if isinstance(parameter, _Query):
        try:
            parse(value)
        except QueryError:
            return _Unfinished(value)
    return value


def markdown_table() -> str:
    """Return a table of the values for the documentation, as Markdown."""
    rows = ["| value | default | meaning |", "|---|---|---|"]
    for name, parameter in _values().items():
        choices = _choices(parameter)
        offered = f" One of {', '.join(f'`{choice!r}`' for choice in choices)}." if choices else ""
        rows.append(f"| `{name}` | `{parameter.default!r}` | {parameter.doc}{offered} |")
    return "\n".join(rows) + "\n"
