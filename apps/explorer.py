"""
A gallery of models to explore: ``panel serve apps/explorer.py``.

The first models are defined in the package itself; torchvision's follow when it is installed. Nothing that a
visitor sends is ever executed.
"""

from __future__ import annotations

from html import escape

import panel as pn

from idlmav import MAV, Graph
from idlmav.capture.gallery import GalleryModel, all_models
from idlmav.views.assets import stylesheet

pn.extension("tabulator")

MODELS: dict[str, GalleryModel] = {model.title: model for model in all_models()}


def graph_of(title: str) -> Graph:
    """Capture a model once for all visitors; the graph is frozen, so they can share it."""

    def capture() -> Graph:
        return MAV(*MODELS[title].make()).graph

    return pn.state.as_cached(f"idlmav graph of {title}", capture)


def summary(title: str) -> str:
    """Return the line that says what there is to see in a model."""
    return f'<span class="idlmav-heading"><span>{escape(MODELS[title].summary)}</span></span>'


def explorer(title: str) -> pn.viewable.Viewable:
    """Return the dashboard of one model, with a state of its own for this visitor."""
    return MAV(graph_of(title)).__panel__()


chooser = pn.widgets.Select(
    label="Model", options=list(MODELS), width=260, margin=(8, 12, 0, 12), stylesheets=[stylesheet("widgets.css")]
)
if pn.state.location:
    pn.state.location.sync(chooser, {"value": "model"})
    if chooser.value not in MODELS:
        chooser.value = next(iter(MODELS))
about = pn.pane.HTML(
    pn.bind(summary, chooser),
    stylesheets=[stylesheet("widgets.css")],
    margin=(30, 12, 0, 0),
)
pn.Column(
    pn.Row(chooser, about, margin=0),
    pn.panel(pn.bind(explorer, chooser), sizing_mode="stretch_both", margin=0),
    sizing_mode="stretch_both",
    margin=0,
).servable(title="IDLMAV explorer")
