"""
A gallery of models to explore: ``panel serve apps/explorer.py``.

The first models are defined in the package itself; torchvision's follow when it is installed. Without torch, as in
Pyodide (``panel convert apps/explorer.py --to pyodide-worker``), they are saved graphs. Nothing that a visitor sends is
ever executed.
"""

# No `from __future__`: `panel convert` puts statements of its own before the script.
from collections.abc import Callable
from functools import partial
from html import escape
from importlib.util import find_spec
from typing import NamedTuple

import panel as pn

from idlmav import MAV, Graph
from idlmav.gallery.saved import saved_models
from idlmav.page.bundle import stylesheet

pn.extension("tabulator")


class Exhibit(NamedTuple):
    """What there is to see in a model, and its graph for who wants to."""

    summary: str
    graph: Callable[[], Graph]


def exhibits() -> dict[str, Exhibit]:
    """Return what the gallery shows by title."""
    if find_spec("torch") is None:
        return {model.title: Exhibit(model.summary, model.graph) for model in saved_models()}
    from idlmav.gallery.models import GalleryModel, all_models

    def capture(model: GalleryModel) -> Graph:
        return MAV(*model.make()).graph

    return {model.title: Exhibit(model.summary, partial(capture, model)) for model in all_models()}


MODELS = exhibits()


def graph_of(title: str) -> Graph:
    """Make a model's graph once for all visitors; it is frozen, so they can share it."""
    return pn.state.as_cached(f"idlmav graph of {title}", MODELS[title].graph)


def summary(title: str) -> str:
    """Return the line that says what there is to see in a model."""
    return f'<span class="idlmav-heading"><span>{escape(MODELS[title].summary)}</span></span>'


def explorer(title: str) -> pn.viewable.Viewable:
    """Return the dashboard of one model, with a state of its own for this visitor."""
    return MAV(graph_of(title)).__panel__()


chooser = pn.widgets.Select(
    label="Model", options=list(MODELS), width=260, margin=(8, 12, 0, 12), stylesheets=[stylesheet("page/widgets.css")]
)
if pn.state.location:
    pn.state.location.sync(chooser, {"value": "model"})
    if chooser.value not in MODELS:
        chooser.value = next(iter(MODELS))
about = pn.pane.HTML(
    pn.bind(summary, chooser),
    stylesheets=[stylesheet("page/widgets.css")],
    margin=(30, 12, 0, 0),
)
pn.Column(
    pn.Row(chooser, about, margin=0),
    pn.panel(pn.bind(explorer, chooser), sizing_mode="stretch_both", margin=0),
    sizing_mode="stretch_both",
    margin=0,
).servable(title="IDLMAV explorer")
