"""`MAV`: one line from a model to its picture. Captures once, draws as often as wanted."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idlmav.arguments import NO_INPUT, check_choice, check_model, split_arguments
from idlmav.errors import reject_unknown
from idlmav.export.resources import current_resources
from idlmav.graph import Graph, files
from idlmav.layout import DIRECTIONS, TURNS, Direction, Layout, TurnKind, chosen_folds, without_folds_around
from idlmav.layout.variants import Variant, Variants
from idlmav.metrics.totals import complete
from idlmav.scene.build import Scene, build_scene
from idlmav.scene.palette import DEFAULT_PALETTE, Palette, sequence, unknown_palette
from idlmav.state import COMPUTE_UNITS, ViewState

if TYPE_CHECKING:
    from panel.viewable import Viewable

    from idlmav.export.html import ReleaseGraph
    from idlmav.page.explorer import Explorer
    from idlmav.still import Picture

__all__ = ["MAV", "load"]

_CAPTURE_OPTIONS = ("device", "input_kwargs", "sizes")
_OPTIONS = (
    *_CAPTURE_OPTIONS, "palette", "avoid_palette_idxs", "fixed_color_map", "direction", "latent", "turn",
    "merge_threshold", "folded", "compute_unit",
)  # fmt: skip
_MOST_OPS_WITH_FLOWS = 3000
"""Up to this size a saved page holds the layouts for every direction and turn."""
_DRAW_OPTIONS = ("add_overview", "add_slider", "add_table", "height_px")


class MAV:
    """
    Picture of a PyTorch model.

    Parameters
    ----------
    model : torch.nn.Module
        Any model, whether it runs or not; it is left exactly as it is. Only shapes are computed, so nothing of its
        size is copied, and models on the meta device work too.
    inputs : object, optional
        What ``forward`` gets: a tensor, a tuple (positional arguments), a dict (keyword arguments), or another
        value as the only argument. Left out, inputs are found that the model takes, or it is drawn with unknown
        sizes; ``graph.inputs`` says what was assumed.
    device : str or torch.device, optional
        Device that the model sees; nothing is moved there.
    input_kwargs : mapping, optional
        Keyword arguments in addition to `inputs`.
    sizes : mapping of str to sequence of int or None, optional
        Sizes of inputs that are left out, by argument and per dimension, ``None`` for what is to be found:
        ``MAV(model, sizes={'x': (None, 3, 64, 64)})``.
    palette : str or sequence of str, optional
        A name known to Plotly Express, Bokeh or HoloViews, or hex colours.
    avoid_palette_idxs : collection of int, optional
        Indices of colours that are not used.
    fixed_color_map : mapping of str to int, optional
        Operation (``'nn.MaxPool2d'``, ``'add()'``) or category of the torch.nn reference (``'Convolution'``) to an
        index into the palette.
    direction : {'down', 'right', 'up', 'left'}, optional
        Where the data flows to.
    latent : str, optional
        Id of the op, or path of the module, at which the flow turns, such as the bottleneck of an autoencoder.
    turn : {'opposite', 'perpendicular', 'none'}, optional
        Where to: back, which makes a U with its skip connections straight across; to the side, an L; or straight on.
    merge_threshold : float, optional
        Which small ops are drawn on their neighbour's box. Negative: none. 0: those without parameters. Up to 1: also
        those with the fewest parameters that hold this share of all together.
    folded : {'auto', 'all', 'none'} or int or iterable of str, optional
        What is drawn as one box at first: of a large model what makes it clear, all modules, none, all but so many
        outer levels, or these modules.
    compute_unit : {'flops', 'macs'}, optional
        Whether the picture counts a multiply-add as 2 FLOPs or as 1 MAC; the graph itself holds FLOPs.

    Attributes
    ----------
    graph : Graph
        What was captured; ``graph.to_frame()`` gives a table.
    state : ViewState
        What is selected, folded, searched, coloured by, ...; set it to move the picture, watch it to follow.
    layout : Layout
        Boxes, routes and frames in px, y down.

    Raises
    ------
    TypeError
        For an unknown option or one of the wrong kind, or if `model` or `inputs` are of a kind that cannot be
        drawn. An error inside the model is not raised: the picture shows it.
    ValueError
        For an unknown palette, an index that it does not have, or an unknown direction, unit or module.

    Examples
    --------
    >>> from idlmav import MAV
    >>> mav = MAV(model, torch.randn(1, 3, 224, 224))  # doctest: +SKIP
    >>> mav.save("model.html")  # doctest: +SKIP
    """

    def __init__(
        self,
        model: Any,
        inputs: Any = NO_INPUT,
        *,
        device: Any = None,
        input_kwargs: Mapping[str, Any] | None = None,
        sizes: Mapping[str, Sequence[int | None]] | None = None,
        palette: str | Sequence[str] = DEFAULT_PALETTE,
        avoid_palette_idxs: Collection[int] = (),
        fixed_color_map: Mapping[str, int] | None = None,
        direction: Direction = "down",
        latent: str | None = None,
        turn: TurnKind = "opposite",
        merge_threshold: float = -1.0,
        folded: str | int | Iterable[str] = "auto",
        compute_unit: str = "flops",
        **unknown: Any,
    ) -> None:
        reject_unknown("MAV", unknown, _OPTIONS)
        check_choice("direction", direction, DIRECTIONS)
        check_choice("turn", turn, TURNS)
        check_choice("compute_unit", compute_unit, COMPUTE_UNITS)
        self._compute_unit = compute_unit
        self._palette = _make_palette(palette, avoid_palette_idxs, fixed_color_map)
        self._first_flow = Variant(direction, latent or "", turn, merge_threshold)
        if isinstance(model, Graph):
            self.graph = model
        else:
            # Late, so that a saved graph opens in an interpreter that has no torch.
            from idlmav.capture import capture

            check_model(model)
            args, kwargs = split_arguments(model, inputs, input_kwargs)
            self.graph = complete(capture(model, args, kwargs, device=device, assume=inputs is NO_INPUT, sizes=sizes))
        self._flows = Variants(self.graph)
        if latent or merge_threshold >= 0.0:
            self._flows.layout(self._first_flow)  # says at once if there is no such op
        self._first_folded = None if folded == "auto" else self._chosen_folds(self._first_flow, folded)

    @cached_property
    def state(self) -> ViewState:
        """What a person can change, shared by all dashboards of this object; a large model is folded at first."""
        flow, folded = self._first_flow, self._first_folded
        return ViewState(
            direction=flow.direction,
            latent=flow.latent,
            turn=flow.turn,
            merge_threshold=flow.merge_threshold,
            folded=self._chosen_folds(flow, "auto") if folded is None else folded,
            compute_unit=self._compute_unit,
        )

    @property
    def layout(self) -> Layout:
        """Boxes, routes and frames in px for the state's direction and turn, everything unfolded."""
        return self._flows.layout(self.state.flow)

    def scene(self, *, with_flows: bool = False) -> Scene:
        """
        Return what every renderer draws from; see `idlmav.scene.build.build_scene`.

        Parameters
        ----------
        with_flows : bool
            Whether to add the layouts for the other directions and turns, for readers who have no kernel.
        """
        flow = self.state.flow
        others: dict[str, Layout] | None = {} if with_flows else None
        if others is not None and len(self.graph.nodes) <= _MOST_OPS_WITH_FLOWS:
            others = {other.key: self._flows.layout(other) for other in flow.others()}
        return build_scene(self.graph, self.layout, self._palette, flow=flow.key, latent=flow.latent, others=others)

    def fold(self, folded: str | int | Iterable[str] = 0) -> None:
        """Fold what is named, as `MAV` takes it, and nothing else: 0 every module, 1 all but the outermost."""
        self.state.folded = self._chosen_folds(self.state.flow, folded)

    def _chosen_folds(self, flow: Variant, folded: str | int | Iterable[str]) -> list[str]:
        known = {*self.graph.module_by_path, *self.graph.node_by_id}
        return chosen_folds(self._flows.layout(flow), folded, known)

    def unfold(self, name: str = "") -> None:
        """Unfold what is around a node or group and the group itself, such as `state.selected`; by default all."""
        self.state.folded = without_folds_around(self.layout, self.state.folded, name) if name else []

    # ---- drawing

    def draw_interactive_graph(
        self,
        *,
        add_overview: bool = True,
        add_slider: bool = True,
        add_table: bool = True,
        height_px: int | None = 640,
        **unknown: Any,
    ) -> Viewable:
        """
        Return the linked picture for a notebook or an app.

        Parameters
        ----------
        add_overview, add_slider, add_table : bool
            Whether to show these panels beside the graph.
        height_px : int or None
            Height; ``None`` fills the page.

        Returns
        -------
        panel.viewable.Viewable
            Displays itself in a notebook; with a kernel, `state` and the picture follow each other.

        Raises
        ------
        TypeError
            For an unknown option.
        """
        reject_unknown("draw_interactive_graph", unknown, _DRAW_OPTIONS)
        from idlmav.export.notebook import load_extension

        load_extension(current_resources())
        explorer = self._explorer(
            add_overview=add_overview, add_slider=add_slider, add_table=add_table, height_px=height_px
        )
        return explorer.__panel__()

    def draw_release_graph(
        self,
        *,
        add_overview: bool = True,
        add_slider: bool = True,
        add_table: bool = True,
        height_px: int = 640,
        **unknown: Any,
    ) -> ReleaseGraph:
        """
        Return the picture for readers who have no kernel, with every interaction.

        Parameters
        ----------
        add_overview, add_slider, add_table : bool
            Whether to show these panels beside the graph.
        height_px : int
            Height in a notebook.

        Returns
        -------
        ReleaseGraph
            Displays itself in a notebook, ``show()`` opens it, ``save(file)`` writes one HTML file.

        Raises
        ------
        TypeError
            For an unknown option.
        """
        reject_unknown("draw_release_graph", unknown, _DRAW_OPTIONS)
        from idlmav.export.html import release_graph

        scene = self.scene(with_flows=True)
        panels = {"add_overview": add_overview, "add_slider": add_slider, "add_table": add_table}
        view = self._explorer(lambda: scene, height_px=None, **panels).__panel__()
        return release_graph(
            view, scene, self.layout, self.state, panels=panels, resources=current_resources(), height_px=height_px
        )

    def _explorer(self, make_scene: Callable[[], Scene] | None = None, **options: Any) -> Explorer:
        from idlmav.page.explorer import Explorer

        return Explorer(self.graph, make_scene or self.scene, self.state, **options)

    def __panel__(self) -> Viewable:
        return self._explorer(height_px=None).__panel__()

    def servable(self, **options: Any) -> Viewable:
        """Mark the dashboard as what ``panel serve`` shows; `options` are those of Panel's ``servable``."""
        return self.__panel__().servable(**options)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        from idlmav.still import at_a_glance, choices, to_png

        # Panel returns nothing where there is no notebook.
        bundle = self.draw_interactive_graph()._repr_mimebundle_(include, exclude)
        data, metadata = bundle or ({"text/plain": repr(self)}, {})
        # For where no script runs, such as GitHub's view of notebooks.
        picture = at_a_glance(self.scene(), self.layout, choices(self.state))
        return {**data, "image/png": b64encode(to_png(picture, 1.5, colors=64)).decode()}, metadata

    def __repr__(self) -> str:
        totals = self.graph.totals
        failed = f", {len(self.graph.errors)} errors" if self.graph.errors else ""
        return f"MAV({self.graph.name}: {totals.node_count} nodes, {totals.param_count:,} parameters{failed})"

    # ---- files

    def save(self, file: str | Path, **options: Any) -> None:
        """
        Write the picture to a file.

        Parameters
        ----------
        file : str or Path
            Ends in ``.html``: one self-contained page with every interaction, no kernel and no network needed.
            Ends in ``.svg`` or ``.png``: the graph alone, folded, coloured and sized as `state` says, its selection
            marked, all dimmed but what its `query`, `highlighted` and `value_range` find.
        **options
            Those of `draw_release_graph`; none for a still picture.

        Raises
        ------
        ValueError
            If the name ends in something else.
        """
        path = Path(file)
        kind = path.suffix.lower()
        if kind in (".svg", ".png"):
            if options:
                raise TypeError(
                    f"save: a still picture has no options, got {', '.join(options)}. Set them in mav.state."
                )
            from idlmav.still import to_png, to_svg

            picture = self._still_picture()
            path.write_bytes(to_svg(picture).encode() if kind == ".svg" else to_png(picture))
            return
        if kind not in (".html", ".htm"):
            raise ValueError(
                f"save: a name that ends in .html, .svg or .png is needed, got {path.name!r}. "
                "A graph is saved by save_graph()."
            )
        self.draw_release_graph(**options).save(path)

    def _still_picture(self) -> Picture:
        from idlmav.still import choices, still_picture

        theme = "dark" if self.state.theme == "dark" else "light"
        return still_picture(self.scene(), self.layout, **choices(self.state), theme=theme)

    def save_graph(self, file: str | Path) -> None:
        """Write the graph as JSON, which `idlmav.load` opens where no torch is installed."""
        files.save(self.graph, file)


def load(file: str | Path, **options: Any) -> MAV:
    """
    Open a saved graph.

    Parameters
    ----------
    file : str or Path
        Written by `MAV.save_graph`.
    **options
        ``palette``, ``avoid_palette_idxs``, ``fixed_color_map``, ``direction``, ``folded`` and ``compute_unit`` as for `MAV`.

    Returns
    -------
    MAV
        Draws like the original; torch is not needed.

    Raises
    ------
    GraphFormatError
        If the file is not a graph or was damaged; the message names the field.
    """
    reject_unknown("load", options, _OPTIONS[len(_CAPTURE_OPTIONS) :])
    return MAV(files.load(file), **options)


def _make_palette(colors: str | Sequence[str], avoid: Collection[int], fixed: Mapping[str, int] | None) -> Palette:
    found = sequence(colors)
    if found is None:
        # Bokeh's and HoloViews' names; late, because most pictures do not need these libraries to find colours.
        from idlmav.page.colormaps import colormap, colormap_names

        found = colormap(str(colors))
        if found is None:
            raise unknown_palette(str(colors), colormap_names())
    if not isinstance(avoid, Iterable):
        raise TypeError(f"avoid_palette_idxs: a set or list of indices is needed, got {type(avoid).__name__}.")
    if not isinstance(fixed, Mapping | None):
        raise TypeError(
            f"fixed_color_map: a dict of operations or categories to indices is needed, got {type(fixed).__name__}."
        )
    return Palette(colors=found, avoid=frozenset(avoid), fixed=dict(fixed or {}))
