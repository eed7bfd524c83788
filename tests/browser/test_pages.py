"""Saved pages of special models: one that fails, one with hostile names, a huge one, one inside a notebook's frame."""

from __future__ import annotations

import pytest
from browser.conftest import _open_page
from browser.driver import MODELS, Dashboard, contains, luminance, middle
from pictures import gallery_graph, picture_of

from idlmav import MAV, Graph
from idlmav.graph import Call, Edge, ModuleInfo, Node
from idlmav.metrics.totals import complete

HOSTILE = "<img src=x onerror=window.attacked=1>"
HUGE_BLOCKS = 500


@pytest.fixture
def opened(offline_page, tmp_path):
    def open_page(mav, before="", **options):
        offline_page.add_init_script(before)
        file = tmp_path / "page.html"
        mav.save(file, **options)
        offline_page.goto(file.as_uri())
        dashboard = Dashboard(offline_page)
        dashboard.rest()
        return dashboard

    return open_page


COUNT_LAYOUTS = """
let bokeh;
window.layouts = 0;
Object.defineProperty(window, "Bokeh", {get: () => bokeh, set: (value) => {
  bokeh = value;
  const {prototype} = bokeh.require("models/layouts/layout_dom").LayoutDOMView;
  const {update_layout: update} = prototype;
  prototype.update_layout = function () {
    if (this.is_layout_root) window.layouts++;
    return update.call(this);
  };
}});
"""


def test_a_page_is_laid_out_once(opened):
    dashboard = opened(picture_of("pair"), before=COUNT_LAYOUTS)
    assert dashboard.page.evaluate("window.layouts") == 1
    dashboard.press("More")
    dashboard.page.wait_for_function("() => window.layouts === 2")


SEE_WHAT_COVERS = """
const watch = () => {
  if (!window.idlmav?.length) return setTimeout(watch);
  window.idlmav[0].ready.then(() => { window.covered = document.getElementById("still") !== null; });
};
watch();
"""


def test_nothing_covers_a_page_that_is_ready(opened):
    dashboard = opened(picture_of("pair"), before=SEE_WHAT_COVERS)
    assert dashboard.page.evaluate("window.covered") is False


# ---- a model that fails


def test_the_banner_leads_to_the_failing_box(opened):
    mav = picture_of("wrong_channels")
    dashboard = opened(mav)
    (failed,) = (node for node in mav.graph.nodes if node.status == "failed")
    dashboard.press("Fold")
    dashboard.wait("d.nodes().some((node) => node.folded)")
    dashboard.press("Unfold")
    dashboard.wait("d.nodes().every((node) => !node.folded)")
    banner = dashboard.page.locator("button.error")
    assert failed.error.splitlines()[0][:40] in banner.inner_text()
    assert failed.source.rpartition("/")[2] in banner.inner_text()
    banner.click()
    dashboard.wait_selected(failed.id)
    dashboard.rest()
    box = dashboard.box(failed.id)
    assert contains(dashboard.graph, *middle(box))
    drawn = dashboard.layer("nodes")
    lines = dict(zip(drawn["title"], zip(drawn["line"], drawn["width"], strict=True), strict=True))
    assert lines.pop(failed.id) == ("#b3261e", 3)
    assert not any(color == "#b3261e" for color, _ in lines.values())
    border = dashboard.pixel(box["x"], middle(box)[1])
    assert border[0] > 150 > 2 * border[1], "the border is not red"
    assert (
        dashboard.page.locator(".idlmav-detail .idlmav-error")
        .inner_text()
        .startswith(failed.error.splitlines()[0][:40])
    )
    not_run = {node.id for node in mav.graph.nodes if node.status == "not_run"}
    assert not_run
    assert {name for name, alpha in dashboard.alphas().items() if alpha < 1} == not_run & set(dashboard.alphas())


def test_a_model_without_frames_has_no_titles(opened):
    dashboard = opened(picture_of("pair"))
    assert [text for text in dashboard.layer("titles")["text"] if text] == []
    assert len(dashboard.nodes()) == 4  # and no errors in the console, which the page's fixture looks for


# ---- modules that are never called


def test_modules_that_are_never_called_are_rows_without_a_box(opened):
    mav = picture_of("dead_branch")
    dashboard = opened(mav)
    dashboard.page.locator(".facts .unreached", has_text="2 modules never called").wait_for()
    viewport = dashboard.state["viewport"]
    dashboard.call("select", "dead.0")
    dashboard.wait("d.rows().includes('dead.0')")
    assert dashboard.state["viewport"] == viewport, "the graph does not move"
    detail = dashboard.page.locator(".idlmav-detail")
    detail.get_by_text("never called").wait_for()
    assert "150 parameters" in detail.inner_text()
    row = dashboard.row("dead.0")
    assert "selected" in row.get_attribute("class")
    assert "never called" in row.inner_text()
    muted = row.locator('[tabulator-field="name"]').evaluate("(cell) => getComputedStyle(cell).color")
    assert muted != dashboard.row("output").locator('[tabulator-field="name"]').evaluate(
        "(cell) => getComputedStyle(cell).color"
    )
    dashboard.click_row("dead")
    dashboard.wait_selected("dead")
    assert {node["id"] for node in dashboard.nodes()}.isdisjoint({"dead", "dead.0"})
    dashboard.click_row("output")
    dashboard.wait_selected("output")
    dashboard.rest()
    dashboard.box("output")


def test_a_search_finds_modules_that_are_never_called(opened):
    dashboard = opened(picture_of("dead_branch"))
    dashboard.search("dead")
    dashboard.wait("d.rows().join() === 'dead,dead.0'")
    dashboard.click_row("dead.0")
    dashboard.wait_selected("dead.0")
    dashboard.search("")
    dashboard.wait("d.rows().length > 10 && d.rows().includes('dead.0')")
    dashboard.views_agree()


def test_the_table_scrolls_to_its_end_and_the_graph_follows(opened):
    dashboard = opened(picture_of("dead_branch"))
    place = middle(dashboard.table.bounding_box())
    dashboard.wheel(place, 5000)
    dashboard.wait("d.rows().at(-1) === 'dead.0'")
    dashboard.wait("d.nodes().some((node) => node.id === 'output')")
    dashboard.views_agree()


# ---- hostile names


def test_html_in_names_is_text(opened):
    mav = picture_of("hostile_module")
    dashboard = opened(mav)
    page = dashboard.page
    linear = next(node for node in mav.graph.nodes if node.op == "linear")
    assert "<img" in linear.id
    dashboard.click(dashboard.box(linear.id))
    dashboard.wait_selected(linear.id)
    page.mouse.move(*middle(dashboard.box(linear.id)))
    page.locator(".idlmav-tip").get_by_text("nn.Linear").wait_for()
    page.locator("button.error").click()
    dashboard.wait("d.state.selected !== arg", linear.id)
    assert HOSTILE in page.locator("button.error").inner_text()
    dashboard.choose("Colour", "Module")
    dashboard.wait("d.state.color_by === 'module'")
    assert "<img" in page.locator(".legend").inner_text()
    dashboard.press("Fold")
    dashboard.wait("d.nodes().some((node) => node.folded)")
    dashboard.rest()
    folded = next(node for node in dashboard.nodes() if node["folded"])
    page.mouse.move(dashboard.graph["x"] + 5, dashboard.graph["y"] + 5)
    page.mouse.move(*middle(folded))
    page.locator(".idlmav-tip").get_by_text("ops").wait_for()
    assert page.evaluate("window.attacked") is None
    assert page.locator("img").count() == 0


# ---- a huge model


@pytest.fixture(scope="module")
def huge() -> Graph:
    """2,500 ops in 500 residual blocks."""
    nodes, edges, modules, calls = [Node(id="x", kind="input", op="input", operation="input")], [], [], [Call("")]
    modules.append(ModuleInfo(path="", class_name="Huge"))
    last = "x"
    for block in range(HUGE_BLOCKS):
        path = f"layers.{block}"
        modules.append(ModuleInfo(path=path, class_name="Block"))
        calls.append(Call(path, 1, 0))
        start = last
        for name, op, operation in (
            ("norm", "layer_norm", "nn.LayerNorm"),
            ("up", "linear", "nn.Linear"),
            ("act", "gelu", "nn.GELU"),
            ("down", "linear", "nn.Linear"),
            ("add", "add", "add()"),
        ):
            node = f"{path}.{name}"
            made = {"shapes": ((1, 8, 64),), "dtypes": ("float32",)}
            nodes.append(Node(id=node, op=op, operation=operation, path=path, call=block + 1, **made))
            edges.append(Edge(last, node))
            last = node
        edges.append(Edge(start, last))
    return complete(
        Graph(name="Huge", nodes=tuple(nodes), edges=tuple(edges), modules=tuple(modules), calls=tuple(calls))
    )


def test_a_huge_model_is_found_through(opened, huge):
    dashboard = opened(MAV(huge))
    assert dashboard.rows()[0] == "x"
    assert {node["id"] for node in dashboard.nodes()} == {"x", f"layers.0..{HUGE_BLOCKS - 1}"}
    dashboard.press("Unfold")
    dashboard.wait("d.state.folded.length === 0")
    dashboard.press("Fit")
    dashboard.wait("d.state.viewport[3] > 20000")
    dashboard.views_agree()
    assert 0 < len(dashboard.nodes()) < 1500
    dashboard.call("select", "layers.321.up")
    dashboard.wait("d.nodes().some((node) => node.id === 'layers.321.up' && node.height > 20)")
    dashboard.wait("d.rows().includes('layers.321.up')")
    dashboard.rest()
    assert contains(dashboard.graph, *middle(dashboard.box("layers.321.up")))
    assert len(dashboard.nodes()) < 1500
    dashboard.click(dashboard.box("layers.321.act"))
    dashboard.wait_selected("layers.321.act")
    before = dashboard.state["viewport"]
    dashboard.wheel(middle(dashboard.table.bounding_box()), 3000)
    dashboard.wait_moved(before)
    assert dashboard.problems_of_edges() == []
    dashboard.views_agree()
    dashboard.press("Fold")
    dashboard.wait("d.nodes().every((node) => node.folded || node.kind === 'input')")
    dashboard.rest()
    assert len(dashboard.nodes()) < 1500


# ---- what is drawn anew when the view changes

_DRAWN_PX = """
(name) => {
  const model = MODELS.find((model) => model.name?.endsWith("-graph")).renderers.find((one) => one.name === name);
  const {glyph} = Bokeh.index.find_one(model);
  return [parseFloat(glyph.text_font_size.value), parseFloat(model.glyph.text_font_size.value)];
}
""".replace("MODELS", MODELS)


def test_texts_grow_with_their_boxes_also_if_they_stay_the_same(opened):
    dashboard = opened(picture_of("wrong_channels"))
    for down in (0, -100, -100, 300):
        dashboard.wheel(middle(dashboard.graph), down)
        dashboard.rest()
        for layer in ("labels", "sublabels", "titles"):
            drawn, wanted = dashboard.page.evaluate(_DRAWN_PX, layer)
            assert drawn == wanted, layer


def test_calls_in_one_go_end_as_one_after_the_other(opened, resnet20):
    mav = MAV(resnet20)
    mav.fold(0)
    dashboard = opened(mav)
    # Each draws more texts than ever before, within one turn of the event loop.
    dashboard.page.evaluate("() => { const [d] = window.idlmav; d.unfold_to(1); d.unfold_to(2); d.unfold_all(); }")
    dashboard.rest()
    assert dashboard.state["folded"] == []
    titles = dashboard.layer("nodes")["title"]
    assert len(titles) > 10
    drawn = [text for text in dashboard.layer("labels")["text"] if text]
    assert set(drawn) >= {"x", "Conv2d", "BatchNorm2d", "ReLU"}


def test_another_flow_is_painted(opened):
    dashboard = opened(MAV(gallery_graph("autoencoder")))
    dashboard.choose("Flow", "Right")
    dashboard.wait("d.state.direction === 'right'")
    dashboard.rest()
    box = dashboard.box("encoder.0")
    # After an error Bokeh paints no more.
    assert dashboard.pixel(box["x"] + 6, middle(box)[1]) == tuple(int(box["color"][k : k + 2], 16) for k in (1, 3, 5))


# ---- before it is live

# Tells where the first view stood when it went.
_REMEMBER = """
const remove = Element.prototype.remove;
Element.prototype.remove = function () {
  if (this.id === "still") {
    window.seen = Array.from(this.querySelectorAll("text"), (text) => {
      const {x, y, width, height} = text.getBoundingClientRect();
      return {text: text.textContent, x, y, width, height};
    });
  }
  return remove.call(this);
};
"""


@pytest.mark.parametrize(
    ("direction", "selected", "panels"),
    [
        ("down", "", {}),
        ("right", "", {}),
        ("up", "", {"add_table": False, "add_overview": False}),
        ("down", "fc", {}),
        ("up", "fc", {"add_slider": False}),
    ],
)
def test_the_first_view_stands_where_the_graph_will_be(opened, resnet20, direction, selected, panels):
    mav = MAV(resnet20, direction=direction)
    mav.state.selected = selected
    dashboard = opened(mav, before=_REMEMBER, **panels)
    seen = dashboard.page.evaluate("window.seen")
    assert dashboard.page.locator("#still").count() == 0
    for name, label in [("fc", "Linear")] if selected else [("x", "x"), ("conv1", "Conv2d")]:
        box = dashboard.box(name)
        near = min(
            abs(x - middle(box)[0]) + abs(y - middle(box)[1])
            for x, y in (middle(item) for item in seen if item["text"] == label)
        )
        # The name stands in the upper half of the box; a line of the legend may have wrapped.
        assert near < 30


@pytest.mark.parametrize("direction", ["down", "right"])
def test_what_is_selected_stays_in_the_middle_whatever_the_window_is(opened, resnet20, direction):
    mav = MAV(resnet20, direction=direction)
    mav.state.selected = "layer2.1.conv1"
    dashboard = opened(mav)
    for size in (None, {"width": 1100, "height": 640}, {"width": 620, "height": 1000}):
        if size:
            dashboard.page.set_viewport_size(size)
            dashboard.page.wait_for_function(
                "(width) => document.documentElement.clientWidth === width", arg=size["width"]
            )
        dashboard.rest()
        assert middle(dashboard.box("layer2.1.conv1")) == pytest.approx(middle(dashboard.graph), abs=2)
    # What a person moves stays where they moved it to.
    before = dashboard.state["viewport"]
    dashboard.wheel(middle(dashboard.graph), -120)
    dashboard.wait_moved(before)
    moved = dashboard.state["viewport"]
    dashboard.page.set_viewport_size({"width": 620, "height": 900})
    dashboard.page.wait_for_function("() => document.documentElement.clientHeight === 900")
    dashboard.rest()
    assert dashboard.state["viewport"][2] == pytest.approx(moved[2], abs=1)


def test_without_scripts_the_first_view_stays(browser, resnet20, tmp_path):
    file = tmp_path / "page.html"
    MAV(resnet20).save(file)
    with _open_page(browser, [], java_script_enabled=False) as page:
        page.goto(file.as_uri())
        assert page.get_by_text("Conv2d", exact=True).first.is_visible()
        assert page.get_by_text("ResNet", exact=False).first.is_visible()


def test_what_goes_wrong_is_said_above_the_first_view(browser, resnet20, tmp_path):
    file = tmp_path / "page.html"
    MAV(resnet20).save(file)
    with _open_page(browser, []) as page:
        page.add_init_script("delete window.DecompressionStream")
        page.goto(file.as_uri())
        note = page.get_by_text("needs a browser of 2023")
        note.wait_for()
        assert page.evaluate("(note) => document.elementFromPoint(20, 10) === note", note.element_handle())
        assert page.get_by_text("Conv2d", exact=True).first.is_visible()


# ---- inside a notebook's output


def test_a_release_graph_works_inside_a_frame(offline_page, resnet20, tmp_path):
    output = MAV(resnet20).draw_release_graph(height_px=700)._repr_html_()
    file = tmp_path / "notebook.html"
    file.write_text(f"<!DOCTYPE html><h1>Notebook</h1><p>Above.</p>{output}<p>Below.</p>", "utf-8")
    offline_page.goto(file.as_uri())
    frame = offline_page.frame_locator("iframe")
    frame.locator(".idlmav-table .tabulator-row").first.wait_for()
    inner = offline_page.frames[1]
    inner.wait_for_function("() => window.idlmav?.[0]")
    inner.evaluate("() => window.idlmav[0].ready")
    corner = offline_page.locator("iframe").bounding_box()
    box = next(node for node in inner.evaluate("() => window.idlmav[0].nodes()") if node["id"] == "conv1")
    x, y = middle(box)
    offline_page.mouse.click(corner["x"] + x, corner["y"] + y)
    inner.wait_for_function("() => window.idlmav[0].state.selected === 'conv1'")
    frame.locator('.idlmav-table .tabulator-row[data-id="layer1.0.bn2"]').click()
    inner.wait_for_function("() => window.idlmav[0].state.selected === 'layer1.0.bn2'")
    frame.get_by_label("Search", exact=True).fill("fc")
    inner.wait_for_function("() => window.idlmav[0].rows().join() === 'fc'")
    assert offline_page.evaluate("window.idlmav") is None


# ---- panels off, dark


def test_a_saved_page_without_panels(opened, resnet20):
    dashboard = opened(MAV(resnet20), add_overview=False, add_slider=False, add_table=False)
    dashboard.click(dashboard.box("conv1"))
    dashboard.wait_selected("conv1")
    before = dashboard.state["viewport"]
    dashboard.wheel(middle(dashboard.graph), 200)
    dashboard.wait_moved(before)
    dashboard.views_agree()
    assert dashboard.rows() == []


def test_a_saved_page_follows_the_reader_s_preference(opened, resnet20):
    dashboard = opened(MAV(resnet20))
    assert min(map(luminance, dashboard.grounds().values())) > 200
    dashboard.page.emulate_media(color_scheme="dark")
    dashboard.page.wait_for_function("() => getComputedStyle(document.documentElement).colorScheme === 'dark'")
    assert max(map(luminance, dashboard.grounds().values())) < 60
    assert dashboard.state["theme"] == "auto"
