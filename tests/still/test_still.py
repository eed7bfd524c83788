"""Still pictures show the same as the page, and are valid files."""

from __future__ import annotations

import io
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from assets.node import run_js
from pictures import graph_of, picture_of
from PIL import Image

from idlmav import MAV
from idlmav.layout import compute_layout, fold
from idlmav.layout.input.labels import node_sizes
from idlmav.still import choices, still_picture, to_png, to_svg
from idlmav.still.junctions import junctions
from idlmav.still.marks import Dot, Line, Rect, Text, Triangle
from idlmav.still.sizing import growth, stretch
from idlmav.still.theme import THEMES

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def mav() -> MAV:
    return picture_of("transformer")


@pytest.mark.parametrize("direction", ["down", "right", "up", "left"])
@pytest.mark.parametrize("metric", ["flops", "activation_bytes"])
@pytest.mark.parametrize("latent", [None, "bottom"])
def test_boxes_grow_as_on_the_page(direction, metric, latent):
    mav = picture_of("unet", direction=direction)
    found = compute_layout(mav.graph, node_sizes(mav.graph), direction=direction, latent=latent)
    scene = mav.scene()
    scene["geometry"] = columns_of(found, mav)
    folded = list(found.groups)[1:2]
    code = """
        const { Geometry } = await load("graph/geometry");
        const geometry = new Geometry(input.scene);
        geometry.update(input.folded, input.metric);
        const {nodes, groups, edges, width, height} = geometry;
        return {nodes, groups, edges, width, height};
    """
    page = run_js(code, {"scene": scene, "folded": folded, "metric": metric})
    ids = scene["geometry"]["nodes"]["ids"]
    ours = stretch(fold(found, folded), dict(zip(ids, growth(scene["nodes"][metric]), strict=True)))
    assert (ours.width, ours.height) == pytest.approx((page["width"], page["height"]))
    for row, name in enumerate(ids):
        if page["nodes"]["visible"][row]:
            assert ours.boxes[name] == pytest.approx([page["nodes"][side][row] for side in "xywh"]), name
    for row, name in enumerate(found.groups):
        if page["groups"]["state"][row]:
            box = ours.boxes[name] if page["groups"]["state"][row] == 2 else ours.frames[name]
            assert box == pytest.approx([page["groups"][side][row] for side in "xywh"]), name
    routes = [tuple(zip(edge["xs"], edge["ys"], strict=True)) for edge in page["edges"]]
    assert len(routes) == len(ours.routes)
    for route, points in zip(routes, ours.routes.values(), strict=True):
        assert [value for point in route for value in point] == pytest.approx([v for p in points for v in p])


def columns_of(layout, mav):
    from idlmav.layout import columns

    return columns(layout, mav.graph)


def test_everything_visible_is_drawn_once(mav):
    layout = mav.layout
    folded = [list(layout.groups)[-1]]
    picture = still_picture(mav.scene(), layout, folded=folded)
    visible = fold(layout, folded)
    kinds = {kind: sum(isinstance(mark, kind) for mark in picture.marks) for kind in (Line, Triangle)}
    assert kinds == {Line: len(visible.routes), Triangle: len(visible.routes)}
    boxes = {(rect.x - 20, rect.y - 20) for rect in picture.marks if isinstance(rect, Rect)}
    assert boxes >= {(x, y) for x, y, _, _ in (*visible.boxes.values(), *visible.frames.values())}
    texts = [mark.text for mark in picture.marks if isinstance(mark, Text)]
    assert f"▸ {layout.groups[folded[0]].title}" in texts


def edges(*routes):
    return [tuple(zip(route[::2], route[1::2], strict=True)) for route in routes]


FORKS = {
    "none": (edges((0, 0, 0, 50), (9, 0, 9, 50)), []),
    "a crossing": (edges((0, 0, 0, 50), (-20, 20, 20, 20)), []),
    "a branch": (edges((0, 0, 0, 50), (0, 0, 0, 20, 30, 20, 30, 50)), [(0, 20)]),
    "to both sides": (edges((0, 0, 0, 20, 30, 20, 30, 50), (0, 0, 0, 20, -30, 20, -30, 50)), [(0, 20)]),
    "a branch of a branch": (
        edges((0, 0, 0, 20, 30, 20, 30, 50), (0, 0, 0, 20, 60, 20, 60, 50), (0, 0, 0, 50)),
        [(0, 20), (30, 20)],
    ),
    "a bus": (
        edges((0, 0, 0, 40, 50, 40, 50, 60), (20, 0, 20, 40, 50, 40, 50, 60), (50, 0, 50, 60)),
        [(20, 40), (50, 40)],
    ),
}


@pytest.mark.parametrize("name", FORKS)
def test_junctions_are_distinguished_from_crossings(name):
    routes, expected = FORKS[name]
    assert sorted(junctions(routes)) == expected


@pytest.mark.parametrize("name", ["transformer", "unet"])
def test_the_page_marks_the_same_junctions(name):
    mav = picture_of(name)
    code = """
        const { Geometry } = await load("graph/geometry");
        const { junctions } = await load("graph/junctions");
        const geometry = new Geometry(input);
        geometry.update([], "none");
        return junctions(geometry.edges);
    """
    ours = junctions(mav.layout.routes.values())
    assert sorted(map(tuple, run_js(code, mav.scene()))) == sorted(ours)
    assert len(ours) > 0
    picture = still_picture(mav.scene(), mav.layout)
    assert [(dot.x, dot.y) for dot in picture.marks if isinstance(dot, Dot)] == [(x + 20, y + 20) for x, y in ours]


def test_boxes_have_the_colours_of_the_scene(mav):
    scene = mav.scene()
    colors = scene["colors"]["category"]
    picture = still_picture(scene, mav.layout, color_by="category")
    fill = {(rect.x, rect.y): rect.fill for rect in picture.marks if isinstance(rect, Rect)}
    for row, name in enumerate(scene["geometry"]["nodes"]["ids"]):
        x, y, _, _ = mav.layout.boxes[name]
        assert fill[x + 20, y + 20] == colors["colors"][colors["of"][row]]


@pytest.mark.parametrize("choice", ["param_count", "flops", "activation_bytes"])
@pytest.mark.parametrize("compute", [("flops", "shown"), ("macs", "shown"), ("macs", "hidden"), ("flops", "hidden")])
def test_colours_by_a_number_are_those_of_the_page(mav, choice, compute):
    scene = mav.scene()
    code = """
        const { Coloring } = await load("legend/colors");
        const { applyCompute, sumText } = await load("detail/compute");
        const {scene, choice, compute: [compute_unit, estimates]} = input;
        applyCompute(scene, {compute_unit, estimates});
        const coloring = new Coloring(scene, choice);
        const {flops: counted, flops_measured: measured, flops_estimated: estimated, flops_unknown: unknown} = scene.totals;
        return {
          nodes: scene.nodes.label.map((_, i) => coloring.node(i).fill),
          groups: scene.groups.title.map((_, i) => coloring.group(i).fill),
          sum: sumText(scene.compute, {counted, measured, estimated, unknown}),
        };
    """
    page = run_js(code, {"scene": scene, "choice": choice, "compute": compute})
    options = {"color_by": choice, "compute_unit": compute[0], "estimates": compute[1]}

    def fills(boxes, names, **more):
        picture = still_picture(scene, mav.layout, **options, **more)
        fill = {(rect.x, rect.y): rect.fill for rect in picture.marks if isinstance(rect, Rect)}
        return [fill.get((boxes[name][0] + 20, boxes[name][1] + 20)) for name in names if name in boxes]

    assert fills(mav.layout.boxes, scene["geometry"]["nodes"]["ids"]) == page["nodes"]
    outer = [name for name, group in mav.layout.groups.items() if not group.parent]
    shown = dict(zip(mav.layout.groups, page["groups"], strict=True))
    folded = fold(mav.layout, outer)
    assert fills(folded.boxes, outer, folded=outer) == [shown[name] for name in outer]
    assert still_picture(scene, mav.layout, **options).description.endswith(page["sum"])


def test_a_still_picture_counts_as_the_state_does(mav):
    other = MAV(mav.graph)
    other.state.param.update(color_by="flops", compute_unit="macs")
    assert "MACs counted" in still_picture(other.scene(), other.layout, **choices(other.state)).description
    other.state.estimates = "hidden"
    assert "estimated" not in still_picture(other.scene(), other.layout, **choices(other.state)).description


def test_a_failed_op_is_distinguished_from_ops_that_did_not_run():
    mav = picture_of("wrong_size")
    marks = still_picture(mav.scene(), mav.layout).marks
    assert any(isinstance(mark, Rect) and mark.line == THEMES["light"].error for mark in marks)
    texts = {mark.text for mark in marks if isinstance(mark, Text)}
    assert [text.count("✕") for text in texts if text.startswith("✕ ") and "error" not in text.lower()] == [1]


def test_a_folded_module_that_hides_a_failure_is_marked():
    mav = picture_of("wrong_channels")
    scene = mav.scene()
    (outer,) = (
        name
        for name, failed in zip(scene["geometry"]["groups"]["ids"], scene["groups"]["failed"], strict=True)
        if failed
    )
    marks = still_picture(scene, mav.layout, folded=[outer]).marks
    assert [s.line_width for s in marks if isinstance(s, Rect) and s.line == THEMES["light"].error] == [3.0]
    assert any(isinstance(mark, Text) and mark.text.startswith("▸ ✕ ") for mark in marks)


def test_the_svg_is_valid_and_needs_nothing_from_elsewhere(mav, tmp_path):
    mav.save(tmp_path / "m.svg")
    root = ElementTree.parse(tmp_path / "m.svg").getroot()
    assert root.tag == f"{SVG}svg"
    assert root.find(f"{SVG}title").text == mav.graph.name
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "desc", "rect", "path", "polygon", "circle", "text"
    }  # fmt: skip
    text = (tmp_path / "m.svg").read_text("utf-8")
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert sum(1 for _ in root.iter(f"{SVG}path")) == len(mav.layout.routes)


def test_a_name_with_html_is_shown_as_text():
    name = "<script>alert(1)</script>&"
    mav = MAV(replace(graph_of("relu"), name=name))
    text = to_svg(still_picture(mav.scene(), mav.layout))
    assert "<script" not in text
    assert ElementTree.fromstring(text).find(f"{SVG}title").text == name


def test_the_png_shows_every_box_in_its_colour(mav):
    scene = mav.scene()
    picture = still_picture(scene, mav.layout)
    image = Image.open(io.BytesIO(to_png(picture, scale=2.0)))
    assert image.size == (round(2 * picture.width + 0.49), round(2 * picture.height + 0.49))
    colors = scene["colors"]["operation"]
    for row, name in enumerate(scene["geometry"]["nodes"]["ids"]):
        x, y, _, _ = mav.layout.boxes[name]
        # Beside the texts, inside the border.
        pixel = image.getpixel((2 * (x + 20) + 8, 2 * (y + 20) + 38))
        assert "#{:02x}{:02x}{:02x}".format(*pixel) == colors["colors"][colors["of"][row]], name


def test_the_frame_of_a_run_is_dashed_in_svg_and_png():
    from idlmav.still import Picture

    rect = Rect(20.0, 20.0, 200.0, 100.0, "#ffffff", "#000000", radius=8.0, dashed=True)
    picture = Picture(width=240.0, height=140.0, background="#ffffff", name="", description="", marks=[rect])
    assert 'stroke-dasharray="6 4"' in to_svg(picture)
    image = Image.open(io.BytesIO(to_png(picture, scale=2.0))).convert("L")
    for line in ([(x, 40) for x in range(56, 424)], [(40, y) for y in range(56, 224)]):
        dark = sum(image.getpixel(place) < 128 for place in line) / len(line)
        assert 0.5 < dark < 0.75  # 6 of 10


def test_a_huge_picture_stays_within_the_limits_of_viewers(mav):
    picture = replace(still_picture(mav.scene(), mav.layout), width=600.0, height=200_000.0, marks=[])
    image = Image.open(io.BytesIO(to_png(picture)))
    assert max(image.size) <= 30_000
    assert image.width * image.height <= 64_100_000


def test_the_state_decides_what_is_saved(mav, tmp_path):
    other = MAV(mav.graph)
    other.save(tmp_path / "open.svg")
    other.state.folded = [next(iter(other.layout.groups))]
    other.state.theme = "dark"
    other.save(tmp_path / "folded.svg")
    assert (tmp_path / "folded.svg").stat().st_size < (tmp_path / "open.svg").stat().st_size
    assert THEMES["dark"].paper in (tmp_path / "folded.svg").read_text("utf-8")


def test_options_and_unknown_suffixes_are_refused(mav, tmp_path):
    with pytest.raises(TypeError, match="a still picture has no options, got height_px"):
        mav.save(tmp_path / "m.svg", height_px=3)
    with pytest.raises(ValueError, match=r"ends in \.html, \.svg or \.png"):
        mav.save(tmp_path / "m.gif")
