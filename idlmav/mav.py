"""`MAV`: one line from a model to its picture. It captures once and draws as often as you like."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from idlmav import arguments
from idlmav.arguments import NO_INPUT, keyword_options, takes
from idlmav.export.resources import current_resources
from idlmav.graph import Graph, files
from idlmav.graph.plainer import Problems
from idlmav.layout import Layout, chosen_folds, without_folds_around
from idlmav.layout.variants import Variants
from idlmav.metrics.totals import complete
from idlmav.page.colormaps import make_palette
from idlmav.scene.build import Scene
from idlmav.scene.palette import DEFAULT_PALETTE
from idlmav.scene.scene_cache import SceneCache
from idlmav.search.find import find_ids
from idlmav.state import ViewOptions, ViewState

if TYPE_CHECKING:
    import torch
    from panel.io.location import Location
    from panel.viewable import Viewable
    from torch import nn

    from idlmav.arguments import PanelOptions, PictureOptions
    from idlmav.export.html import ReleaseGraph

__all__ = ["MAV", "load"]


@takes(*arguments.value_options(ViewState, ViewOptions.__annotations__, {"folded": "auto"}))
class MAV:
    """
    Picture of a PyTorch model.

    Parameters
    ----------
    model : torch.nn.Module or Graph
        Any model, whether it runs or not; it is left exactly as it is. Only shapes are computed, so no weights are
        copied, and models on the meta device work too. What ``forward`` changes in Python's objects is put back; what it
        writes elsewhere (files, sockets), and generators that it advances, are not. A `Graph`, such as ``mav.graph``, is
        drawn as it was captured.
    inputs : object, optional
        Arguments of ``forward``: a tensor, a tuple (positional arguments), a dict (keyword arguments), or another
        value as the only argument. If left out, those that the model brings along are taken (Lightning's
        ``example_input_array``, transformers' ``dummy_inputs``, timm's ``default_cfg``, a traced graph's); else suitable
        ones are searched for; if none are found, the model is drawn with unknown sizes. ``graph.inputs`` says which.
    device : str or torch.device, optional
        Device that the model sees; nothing is moved there.
    input_kwargs : mapping of str to object, optional
        Keyword arguments in addition to `inputs`.
    sizes : mapping of str to sequence of int or None, optional
        Sizes of inputs that are left out, by argument; those that are ``None`` are searched for:
        ``MAV(model, sizes={'x': (None, 3, 64, 64)})``.
    palette : str or sequence of str, default 'Light'
        A name known to Plotly Express, Bokeh or HoloViews, or hex colours.
    avoid_palette_idxs : collection of int, optional
        Indices of colours that are not used.
    fixed_color_map : mapping of str to int, optional
        Operation (``'nn.MaxPool2d'``, ``'add()'``) or category (``'Convolution'``) to an index into the palette.
    folded : {'auto', 'all', 'none'} or int or str or iterable of str, default 'auto'
        Groups that are drawn as one box at first: of a large model enough to make it clear, all, or none. A number
        leaves that many outer levels open, so 0 folds all. Module paths or group ids fold these.

    Attributes
    ----------
    graph : Graph
        The captured graph; ``graph.to_frame()`` gives a table.
    state : ViewState
        Everything that a reader can change. Set it to change the picture, watch it to follow the reader.
    layout : Layout
        Boxes, routes and frames in px, y down.

    Raises
    ------
    TypeError
        For an unknown option or one of the wrong kind, for inputs beside a graph, or if `model` or `inputs` are of a
        kind that cannot be drawn. An error inside the model is not raised: the picture shows it.
    ValueError
        For a value that an option does not have, such as an unknown palette, index, direction, unit or module.

    Examples
    --------
    >>> from idlmav import MAV
    >>> mav = MAV(model, torch.randn(1, 3, 224, 224), color_by="flops")  # doctest: +SKIP
    >>> mav.save("model.html")  # doctest: +SKIP
    """

    def __init__(
        self,
        model: nn.Module | Graph,
        inputs: object = NO_INPUT,
        *,
        device: str | torch.device | None = None,
        input_kwargs: Mapping[str, object] | None = None,
        sizes: Mapping[str, Sequence[int | None]] | None = None,
        palette: str | Sequence[str] = DEFAULT_PALETTE,
        avoid_palette_idxs: Collection[int] = (),
        fixed_color_map: Mapping[str, int] | None = None,
        **view: Unpack[ViewOptions],
    ) -> None:
        folded = view.pop("folded", "auto")
        self._start = arguments.start_values(ViewState, view)
        problems = self._problems = Problems()
        colors = make_palette(palette, avoid_palette_idxs, fixed_color_map)
        if isinstance(model, Graph):
            arguments.check_graph_alone(inputs=inputs, device=device, input_kwargs=input_kwargs, sizes=sizes)
            self.graph = model
        else:
            from idlmav.capture import capture  # late: a saved graph opens where there is no torch

            arguments.check_model(model)
            given = arguments.split_arguments(model, inputs, input_kwargs)
            assume = inputs is NO_INPUT
            graph = capture(model, *given, device=device, assume=assume, sizes=sizes, problems=problems)
            self.graph = problems.plainer("the sums", lambda: complete(graph), ("Sums are 0", lambda: graph))
        if problems.found:  # what is asked for need not be there
            self._start.latent, self._start.selected, folded = "", "", "auto"
        self._known = {*self.graph.module_by_path, *self.graph.node_by_id}
        self._variants = Variants(self.graph, self._problems)
        self._scenes = SceneCache(self.graph, colors, self._variants)
        if self._start.latent or self._start.merge_threshold >= 0.0:
            self._variants.layout(self._start.flow)  # raises if there is no such op
        arguments.check_selected(
            self._start.selected, self._known, lambda: self._variants.layout(self._start.flow).groups
        )
        self._folded = None if folded == "auto" else self._chosen_folds(folded)

    @cached_property
    def state(self) -> ViewState:
        """Everything that a reader can change, shared by all dashboards of this object."""
        self._start.folded = self._chosen_folds("auto") if self._folded is None else self._folded
        return self._start

    @property
    def layout(self) -> Layout:
        """Boxes, routes and frames in px for the state's direction and turn, everything unfolded."""
        return self._variants.layout(self.state.flow)

    def scene(self, *, with_flows: bool = False) -> Scene:
        """
        Return the columns that every renderer draws from; see `idlmav.scene.build.build_scene`.

        Parameters
        ----------
        with_flows : bool
            Whether to add the layouts for the other directions and turns, for readers who have no kernel.
        """
        return self._scenes.make(self.state.flow, with_flows=with_flows)

    def fold(self, folded: str | int | Iterable[str] = 0) -> None:
        """
        Fold these groups and unfold all others.

        Parameters
        ----------
        folded : str or int or iterable of str
            A module path or group id, or a list of them: ``mav.fold("layer1.0")``. A number is how many outer levels
            stay open: ``fold(0)`` folds all modules, ``fold(2)`` those below the second level. Words as for `MAV`.

        Raises
        ------
        TypeError, ValueError
            If it is of another kind, or if there is no such module.
        """
        self.state.folded = self._chosen_folds(folded)

    def unfold(self, name: str = "") -> None:
        """
        Unfold a group, and all groups around it.

        Parameters
        ----------
        name : str
            Module path, or id of a group or node, such as ``state.selected``; by default everything is unfolded.

        Raises
        ------
        KeyError
            If there is no such group or node.
        """
        self.state.folded = without_folds_around(self.layout, self.state.folded, name) if name else []

    def _chosen_folds(self, folded: str | int | Iterable[str]) -> list[str]:
        choose = partial(chosen_folds, self._variants.layout(self._start.flow), folded, self._known)
        return self._problems.plainer("folding", choose, ("Everything is unfolded", list))

    def find(self, query: str) -> list[str]:
        """
        Return the ids of the ops and modules that a search finds, as the page finds them.

        Parameters
        ----------
        query : str
            As in the page: words, ``/regular expressions/`` and conditions such as ``params>1M`` or ``class=Conv2d``,
            joined by ``&``, ``|``, ``!`` and parentheses.

        Returns
        -------
        list of str
            In the order of the flow, a module before its contents; empty for an empty query.

        Raises
        ------
        ValueError
            If the query cannot be understood; the message names the place.
        """
        from idlmav.still.compute import shown_compute

        scene = shown_compute(self._scenes.shared(self.state.flow), self.state.compute_unit, self.state.estimates)
        return find_ids(scene, query)

    def summary(self, depth: int | None = None) -> str:
        """
        Return a table of the modules as text, to print; see `Graph.summary`.

        Parameters
        ----------
        depth : int, optional
            Deepest level of modules that has rows; all by default.
        """
        ops = "\n".join(self.graph.node_by_id)
        summarise = partial(self.graph.summary, depth=depth)
        return self._problems.plainer("the summary", summarise, ("The ops are listed", lambda: ops))

    @property
    def report(self) -> str:
        """What idlmav could not draw as it should, as text to send in: no code, names or values; empty if all is well."""
        return self._problems.report(self.graph)

    # ---- drawing

    def draw_interactive_graph(
        self, *, add_overview: bool = True, add_slider: bool = True, add_table: bool = True, height_px: int | None = 640
    ) -> Viewable:
        """
        Return the linked picture for a notebook or an app.

        Parameters
        ----------
        add_overview, add_slider, add_table : bool, default True
            Whether to show these panels beside the graph.
        height_px : int or None, default 640
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
        from idlmav.export.notebook import load_extension
        from idlmav.page.dashboard import dashboard

        load_extension(current_resources())
        panels = {"add_overview": add_overview, "add_slider": add_slider, "add_table": add_table}
        return dashboard(self._scenes, self.state, **panels, height_px=height_px)

    def draw_release_graph(
        self, *, add_overview: bool = True, add_slider: bool = True, add_table: bool = True, height_px: int = 640
    ) -> ReleaseGraph:
        """
        Return the picture for readers who have no kernel, with every interaction.

        Parameters
        ----------
        add_overview, add_slider, add_table : bool, default True
            Whether to show these panels beside the graph.
        height_px : int, default 640
            Height in a notebook.

        Returns
        -------
        ReleaseGraph
            Displays itself in a notebook, ``show()`` opens it, ``save(file)`` writes one HTML file. It has a copy of
            `state`: later changes do not reach it.

        Raises
        ------
        TypeError
            For an unknown option.
        """
        from idlmav.export.html import released

        panels = {"add_overview": add_overview, "add_slider": add_slider, "add_table": add_table}
        return released(self._scenes, self.state, panels=panels, resources=current_resources(), height_px=height_px)

    def show(self) -> None:
        """Display the picture in a notebook, or open it as a page in the default browser from a script."""
        from idlmav.export.notebook import in_notebook

        if in_notebook():
            sys.modules["IPython"].display.display(self)
        else:
            self.draw_release_graph().show()

    def __panel__(self) -> Viewable:
        from idlmav.page.dashboard import dashboard

        return dashboard(self._scenes, self.state, height_px=None)

    def servable(
        self,
        title: str | None = None,
        *,
        location: bool | Location = True,
        area: str = "main",
        target: str | None = None,
    ) -> Viewable:
        """
        Mark the dashboard as the app that ``panel serve`` shows.

        Parameters
        ----------
        title : str, optional
            Title of the page.
        location, area, target
            Options of Panel's ``servable``.
        """
        return self.__panel__().servable(title, location=location, area=area, target=target)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        from idlmav.still import image_text

        # Panel returns nothing where there is no notebook; the image is for viewers that run no script, such as GitHub.
        bundle = self.draw_interactive_graph()._repr_mimebundle_(include, exclude)
        data, metadata = bundle or ({"text/plain": repr(self)}, {})
        return {**data, "image/png": image_text(self._scenes, self.state)}, metadata

    def __repr__(self) -> str:
        totals = self.graph.totals
        failed = f", {len(self.graph.errors)} errors" if self.graph.errors else ""
        return f"MAV({self.graph.name}: {totals.node_count} nodes, {totals.param_count:,} parameters{failed})"

    # ---- files

    @takes(*keyword_options(draw_release_graph))
    def save(self, file: str | PathLike[str], **options: Unpack[PanelOptions]) -> None:
        """
        Write the picture to a file.

        Parameters
        ----------
        file : str or path-like
            Ends in ``.html``: one self-contained page with every interaction, no kernel and no network needed.
            Ends in ``.svg`` or ``.png``: the graph alone, folded, coloured and sized as `state` says, its selection
            marked, and everything dimmed that its `query`, `highlighted` and `value_range` do not find. A still
            picture has none of the options below.

        Raises
        ------
        TypeError, ValueError
            For an unknown option, an option of a still picture, or another ending.
        """
        path = Path(file)
        if not arguments.check_picture_name(path, options):
            self.draw_release_graph(**options).save(path)
            return
        from idlmav.still import save_still

        save_still(path, self._scenes, self.state)

    def save_graph(self, file: str | PathLike[str]) -> None:
        """Write the graph as JSON, which `idlmav.load` opens where no torch is installed."""
        files.save(self.graph, Path(file))


@takes(*keyword_options(MAV, without=("device", "input_kwargs", "sizes")))
def load(file: str | PathLike[str], **options: Unpack[PictureOptions]) -> MAV:
    """
    Open a saved graph.

    Parameters
    ----------
    file : str or path-like
        Written by `MAV.save_graph`.

    Returns
    -------
    MAV
        Draws like the original; torch is not needed.

    Raises
    ------
    GraphFormatError
        If the file is not a graph or was damaged; the message names the field.
    """
    return MAV(files.load(Path(file)), **options)
