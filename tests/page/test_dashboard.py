"""The dashboard as Bokeh models, without a browser: what the controller looks for is there, under its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import holoviews as hv
import panel as pn
import pytest
from assets.node import run_js
from bokeh.models import PanTool, TapTool, WheelZoomTool
from pictures import picture_of

import idlmav
from idlmav import MAV
from idlmav.scene.constants import CONSTANTS
from idlmav.state import has_drop_down, value_names

ASSETS = Path(idlmav.__file__).parent / "page" / "assets"
PARTS = ("overview", "graph", "slider", "flat_slider", "table")


@pytest.fixture(scope="module")
def mav() -> MAV:
    return picture_of("unet")


@pytest.fixture(scope="module")
def root(mav) -> Any:
    return mav.draw_interactive_graph().get_root()


def names_and_tags(root: Any) -> list[str]:
    """Names and tags of a dashboard's models that hold its uid, as the browser compares them."""
    found = []
    for model in root.select({}):
        for text in (model.name, *model.tags):
            if isinstance(text, str) and text.startswith("idlmav-"):
                found.append(text)
    return found


def parts(root: Any) -> set[str]:
    return {text.rpartition("-")[2] for text in names_and_tags(root)}


def figure(root: Any, part: str) -> Any:
    (found,) = [m for m in root.select({}) if str(m.name).endswith(f"-{part}")]
    return found


def script(name: str) -> str:
    return (ASSETS / f"{name}.js").read_text("utf-8")


# -------------------------------------------------------------------------------- Python and JavaScript agree


def test_every_part_that_the_controller_looks_for_is_there(root):
    text = script("page/controller")
    wanted = set(re.findall(r'(?:find|part|bindWidget)\("(\w+)"', text))
    wanted |= {button["name"] for button in CONSTANTS["buttons"]}
    wanted |= {name for name in value_names() if has_drop_down(name)}
    assert {"graph", "overview", "table", "slider", "detail", "root", "query", "color_by", "fold", "theme"} <= wanted
    assert parts(root) == wanted


def test_every_part_is_there_once_and_under_one_uid(root):
    found = names_and_tags(root)
    assert len(found) == len(set(found))
    assert len({text.rpartition("-")[0] for text in found}) == 1


@pytest.fixture(scope="module")
def drawn(mav) -> dict[str, dict[str, list[Any]]]:
    """Columns that the browser fills each layer of the graph with, everything in view."""
    code = """
        const { Geometry } = await load("graph/geometry");
        const { Coloring } = await load("legend/colors");
        const { Store } = await load("base/store");
        const { THEMES } = await load("page/theme");
        const { collectVisible } = await load("graph/visible");
        const draw = await load("graph/drawing");
        const { applyCompute } = await load("detail/compute");
        applyCompute(input, {compute_unit: "flops", estimates: "shown"});
        const geometry = new Geometry(input);
        geometry.update([], "none");
        const appearance = {theme: THEMES.light, coloring: new Coloring(input, "operation"), matches: null,
          dimmedInk: () => null, groupMatches: () => true};
        const visible = collectVisible(geometry, {left: 0, right: geometry.width, top: 0, bottom: geometry.height, scale: 1});
        const context = {geometry, appearance, scale: 1, store: new Store({selected: geometry.nodeIds[1]}), hovered: ""};
        const texts = draw.drawTexts(visible, context);
        return {
          frames: draw.drawFrames(visible, context), edges: draw.drawEdges(visible, context),
          junctions: (await load("graph/junctions")).drawJunctions(visible, context),
          arrows: draw.drawArrows(visible, context), nodes: draw.drawNodes(visible, context),
          plates: draw.drawPlates(texts.titles, context), halo: draw.drawHalo(context),
          labels: texts.labels.data, sublabels: texts.sublabels.data, titles: texts.titles.data,
        };
    """
    return run_js(code, mav.scene(), char_width=60)


def test_every_layer_that_the_browser_fills_is_in_the_figure(root, drawn):
    text = script("graph/graph_view")
    wanted = set(re.findall(r'(?:fill|glyph|layers\.get)\("(\w+)"', text))
    wanted |= set(re.findall(r"^ +(\w+): textLayer\(", script("graph/drawing"), re.MULTILINE))
    layers = [renderer.name for renderer in figure(root, "graph").renderers]
    assert set(layers) == wanted == set(drawn)
    assert len(layers) == len(wanted)


def test_what_lies_on_top_is_drawn_last(root):
    layers = [renderer.name for renderer in figure(root, "graph").renderers]
    order = ["frames", "junctions", "edges", "plates", "nodes", "labels", "titles"]
    assert [name for name in layers if name in order] == order


def test_every_layer_that_the_browser_fills_is_in_the_overview(root):
    wanted = set(re.findall(r'layers\.get\("(\w+)"', script("graph/overview_view")))
    assert {renderer.name for renderer in figure(root, "overview").renderers} == wanted


def test_glyphs_read_the_columns_that_the_browser_writes(root, drawn):
    for renderer in figure(root, "graph").renderers:
        spec = renderer.glyph.properties_with_values(include_defaults=False)
        fields = {value.field for value in spec.values() if hasattr(value, "field")}
        columns = drawn[renderer.name]
        assert fields, renderer.name
        assert fields <= set(columns), renderer.name
        assert fields <= set(renderer.data_source.data), "the first picture, which has no data yet, draws too"
        assert len({len(column) for column in columns.values()}) == 1, renderer.name


def test_the_browser_fills_what_the_model_has(mav, drawn):
    assert len(drawn["nodes"]["x0"]) == len(mav.graph.nodes)
    assert len(drawn["frames"]["x0"]) == len(mav.layout.frames)
    assert len(drawn["edges"]["xs"]) == len(drawn["arrows"]["x"]) == len(mav.graph.edges)
    assert len(drawn["halo"]["x0"]) == 1
    assert drawn["nodes"]["title"] == [node.id for node in mav.graph.nodes]
    x, y, width, height = zip(*(mav.layout.boxes[node.id] for node in mav.graph.nodes), strict=True)
    assert drawn["nodes"]["x0"] == pytest.approx(x)
    assert drawn["nodes"]["y1"] == pytest.approx([a + b for a, b in zip(y, height, strict=True)])
    assert drawn["nodes"]["x1"] == pytest.approx([a + b for a, b in zip(x, width, strict=True)])


# ------------------------------------------------------------------------------------------------ the figures


@pytest.mark.parametrize("part", ["graph", "overview"])
def test_figures_are_painted_on_a_canvas_and_nothing_around(root, part):
    plot = figure(root, part)
    assert plot.output_backend == "canvas"
    assert plot.toolbar.logo is None
    assert not any(axis.visible for axis in plot.axis)
    assert not plot.legend


def test_the_graph_pans_zooms_and_taps_on_nodes(root):
    plot = figure(root, "graph")
    assert {type(tool) for tool in plot.tools} == {PanTool, WheelZoomTool, TapTool}
    (nodes,) = [renderer for renderer in plot.renderers if renderer.name == "nodes"]
    assert plot.select_one({"type": TapTool}).renderers == [nodes]
    for renderer in plot.renderers:
        assert renderer.selection_glyph is None
        assert renderer.nonselection_glyph is None, "a tap must not dim what is not selected"


def test_two_dashboards_have_nothing_in_common(mav, root):
    other = mav.draw_interactive_graph().get_root()
    assert parts(other) == parts(root)
    assert not set(names_and_tags(other)) & set(names_and_tags(root))
    graphs = figure(root, "graph"), figure(other, "graph")
    assert graphs[0].x_range is not graphs[1].x_range
    assert not {renderer.data_source.id for renderer in graphs[0].renderers} & {
        renderer.data_source.id for renderer in graphs[1].renderers
    }


def test_graph_and_overview_have_ranges_of_their_own(root):
    assert figure(root, "graph").x_range is not figure(root, "overview").x_range


# ------------------------------------------------------------------------------------------ panels switched off


@pytest.mark.parametrize("off", [(), ("overview",), ("slider",), ("table",), ("overview", "slider", "table")])
def test_panels_are_switched_off_one_by_one(mav, off):
    drawn = mav.draw_interactive_graph(**{f"add_{part}": False for part in off}).get_root()
    assert set(PARTS) - parts(drawn) == {*off, *(["flat_slider"] if "slider" in off else [])}
    kinds = {type(model).__name__ for model in drawn.select({})}
    assert ("DataTabulator" in kinds) == ("table" not in off)
    assert ("RangeSlider" in kinds) == ("slider" not in off)


def test_a_dashboard_has_the_height_that_was_asked_for(mav):
    assert mav.draw_interactive_graph(height_px=321).get_root().height == 321
    filling = mav.draw_interactive_graph(height_px=None).get_root()
    assert filling.height is None
    assert filling.sizing_mode == "stretch_both"


def test_there_is_an_upright_slider_and_a_lying_one_that_is_hidden_at_first(root):
    sliders = [model for model in root.select({}) if type(model).__name__ == "RangeSlider"]
    assert {slider.orientation: slider.visible for slider in sliders} == {"vertical": True, "horizontal": False}


@pytest.mark.parametrize("off", [(), ("overview",), ("slider",), ("table",), ("overview", "slider", "table")])
def test_every_view_has_its_area_of_the_grid(mav, off):
    drawn = mav.draw_interactive_graph(**{f"add_{part}": False for part in off}).get_root()
    (views,) = [model for model in drawn.select({}) if any(str(tag).endswith("-views") for tag in model.tags)]
    assert ("no-table" in views.css_classes) == ("below" in views.css_classes) == ("table" in off)
    areas = [child.styles["grid-area"] for child in views.children]
    assert set(areas) == {
        "graph",
        "side",
        *({"overview", "slider"} - {*off}),
        *([] if "slider" in off else ["flat_slider"]),
    }
    assert len(areas) == len(set(areas))


# -------------------------------------------------------------------------------------------- good neighbours


@pytest.fixture
def stretched() -> Iterator[None]:
    before = pn.config.sizing_mode
    pn.config.sizing_mode = "stretch_width"
    yield
    pn.config.sizing_mode = before


def sizes(root: Any) -> dict[str, tuple[Any, ...]]:
    return {
        model.tags[0].rpartition("-")[2]: (model.width, model.sizing_mode)
        for model in root.select({})
        if type(model).__name__ in ("Button", "CustomSelect", "TextInput", "RangeSlider", "DataTabulator")
    }


@pytest.mark.usefixtures("stretched")
def test_a_sizing_mode_set_for_the_page_does_not_break_the_toolbar(mav, root):
    assert sizes(mav.draw_interactive_graph().get_root()) == sizes(root)
    assert all(
        mode == "fixed" for name, (_, mode) in sizes(root).items() if name not in ("slider", "flat_slider", "table")
    )


@pytest.mark.parametrize("backend", ["plotly", "bokeh"])
def test_the_users_holoviews_backend_stays(mav, root, backend, monkeypatch):
    # Other backends are not installed here; HoloViews asks only whether the current one is loaded.
    for table in (hv.Store.renderers, hv.Store._options, hv.Store._custom_options):
        monkeypatch.setitem(table, backend, table["bokeh"])
    monkeypatch.setattr(hv.Store, "current_backend", backend)
    drawn = mav.draw_interactive_graph().get_root()
    assert hv.Store.current_backend == backend
    layers = [[renderer.name for renderer in figure(one, "graph").renderers] for one in (drawn, root)]
    assert layers[0] == layers[1]


def test_drawing_leaves_no_holoviews_option_behind(mav):
    bare = hv.Rectangles([(0, 0, 1, 1)])
    before = hv.render(bare, backend="bokeh")
    mav.draw_interactive_graph().get_root()
    after = hv.render(bare, backend="bokeh")
    assert (after.output_backend, after.name, len(after.tools)) == (
        before.output_backend,
        before.name,
        len(before.tools),
    )


@pytest.mark.parametrize("name", ["wrong_size", "unfinished"])
def test_a_model_that_fails_has_the_same_parts(name, root):
    assert parts(picture_of(name).draw_interactive_graph().get_root()) == parts(root)
