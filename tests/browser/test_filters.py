"""Matches are counted and stepped through; the legend's names and its gradient filter; one state says all of it."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from idlmav import MAV
from idlmav.graph.text import humane
from idlmav.layout import fold
from idlmav.state import value_names


def bright(dashboard, count: int) -> set[str]:
    dashboard.call("fit")
    dashboard.wait("d.nodes().length === arg", count)
    return {name for name, alpha in dashboard.alphas().items() if alpha == 1}


# ---- searching


def test_enter_goes_through_the_matches_and_back(dashboard, resnet20):
    matches = [node.id for node in resnet20.nodes if node.id.endswith("conv2")]
    page, count = dashboard.page, dashboard.page.locator(".matches")
    dashboard.search("/conv2$/")
    count.get_by_text(f"{len(matches)} found").wait_for()
    for step, name in enumerate(matches[:3], 1):
        page.keyboard.press("Enter")
        dashboard.wait_selected(name)
        assert count.inner_text() == f"{step} of {len(matches)}"
    page.keyboard.press("Shift+Enter")
    dashboard.wait_selected(matches[1])
    page.get_by_role("button", name="Next match").click()
    dashboard.wait_selected(matches[2])
    for _ in range(3):
        page.get_by_role("button", name="Previous match").click()
    dashboard.wait_selected(matches[-1])
    dashboard.rest()
    assert dashboard.box(matches[-1])
    assert count.inner_text() == f"{len(matches)} of {len(matches)}"
    page.get_by_label("Search", exact=True).press("Escape")
    dashboard.wait("d.state.query === '' && d.matches === null")
    assert count.is_hidden()


def test_a_match_in_folded_modules_is_unfolded(dashboard):
    dashboard.press("Fold")
    dashboard.wait("d.state.folded.includes('layer3') && d.nodes().every((node) => node.id !== 'layer3.1.conv2')")
    before = dashboard.state["folded"]
    dashboard.search("layer3.1.conv2")
    dashboard.page.keyboard.press("Enter")
    dashboard.wait_selected("layer3.1.conv2")
    dashboard.rest()
    assert dashboard.box("layer3.1.conv2")
    after = dashboard.state["folded"]
    opened = set(before) - set(after)
    assert {"layer3", "layer3.1"} <= opened
    assert all(name.startswith("layer3") for name in opened)
    assert set(after) <= set(before)
    assert "layer1" in after


def test_a_module_is_found_by_its_class_with_all_that_is_in_it(dashboard, resnet20):
    blocks = [module.path for module in resnet20.modules if module.class_name == "BasicBlock"]
    dashboard.search("class==basicblock")
    dashboard.wait("JSON.stringify(d.matches) === JSON.stringify(arg)", blocks)
    inside = {node.id for node in resnet20.nodes if any(node.id.startswith((f"{b}.", f"{b}:")) for b in blocks)}
    assert bright(dashboard, len(resnet20.nodes)) == inside
    dashboard.page.get_by_label("Search", exact=True).press("Enter")
    dashboard.wait_selected(blocks[0])


@pytest.mark.parametrize("query", ["flop>1", "/conv[/", "(conv"])
def test_a_wrong_query_is_told_and_dims_nothing(dashboard, resnet20, query):
    dashboard.search(query)
    problem = dashboard.page.locator(".idlmav-problem.wrong")
    problem.wait_for()
    field = dashboard.page.get_by_label("Search", exact=True)
    assert problem.bounding_box()["y"] >= field.bounding_box()["y"] + field.bounding_box()["height"]
    assert field.get_attribute("aria-invalid") == "true"
    assert dashboard.call("next") is None
    assert dashboard.state["selected"] == ""
    assert len(bright(dashboard, len(resnet20.nodes))) == len(resnet20.nodes)
    field.press("Escape")
    problem.wait_for(state="hidden")


def test_a_value_that_nothing_has_gets_a_hint(dashboard):
    dashboard.search("op==conv3d")
    dashboard.page.locator(".idlmav-problem", has_text="Did you mean 'conv2d'?").wait_for()
    assert dashboard.page.locator(".matches").inner_text() == "none"


# ---- the legend


def test_an_entry_of_the_legend_filters(dashboard, resnet20):
    of = {name: {node.id for node in resnet20.nodes if node.operation == name} for name in ("nn.Conv2d", "add()")}
    chip = {name: dashboard.page.locator(".chip", has_text=name) for name in of}
    chip["nn.Conv2d"].click()
    dashboard.wait("d.state.highlighted.join() === 'nn.Conv2d'")
    assert chip["nn.Conv2d"].get_attribute("aria-pressed") == "true"
    assert bright(dashboard, len(resnet20.nodes)) == of["nn.Conv2d"]
    assert {row for row in dashboard.rows() if row in resnet20.node_by_id} <= of["nn.Conv2d"]
    overview = dashboard.page.evaluate(
        """() => {
          const models = Bokeh.documents.flatMap((d) => [...d._all_models.values()]).filter((m) => Bokeh.index.find_one(m));
          const boxes = models.find((m) => m.name?.endsWith("-overview")).renderers.find((r) => r.name === "boxes");
          return Array.from(boxes.data_source.data.fill);
        }"""
    )
    colors = {node["id"]: node["color"] for node in dashboard.nodes()}
    full = {colors[name] for name in of["nn.Conv2d"]}
    assert sum(color in full for color in overview) == len(of["nn.Conv2d"])
    chip["add()"].click(modifiers=["Control"])
    dashboard.wait("d.state.highlighted.join() === 'nn.Conv2d,add()'")
    assert bright(dashboard, len(resnet20.nodes)) == of["nn.Conv2d"] | of["add()"]
    chip["add()"].click()
    dashboard.wait("d.state.highlighted.join() === 'add()'")
    assert chip["nn.Conv2d"].get_attribute("aria-pressed") == "false"
    chip["add()"].click()
    dashboard.wait("d.state.highlighted.length === 0 && d.matches === null")


def test_the_legend_is_worked_by_keys_and_keeps_the_focus(dashboard):
    dashboard.page.locator(".chip", has_text="nn.Conv2d").focus()
    dashboard.page.keyboard.press("Space")
    dashboard.wait("d.state.highlighted.join() === 'nn.Conv2d'")
    dashboard.page.keyboard.press("Space")
    dashboard.wait("d.state.highlighted.length === 0")


def test_another_colour_empties_its_filter(dashboard):
    dashboard.call("highlight", ["nn.Conv2d"])
    dashboard.choose("Colour", "Category")
    dashboard.wait("d.state.color_by === 'category' && d.state.highlighted.length === 0 && d.matches === null")


def test_a_legend_with_many_entries_takes_one_line_and_opens(dashboard):
    dashboard.choose("Colour", "Operation")
    page = dashboard.page
    page.set_viewport_size({"width": 700, "height": 900})
    try:
        more = page.locator(".more", has_text="more")
        more.wait_for()
        closed = page.locator(".legend .entries").bounding_box()["height"]
        assert closed < 30
        hidden = int(more.inner_text().split()[1])
        assert page.locator(".chip:visible").count() + hidden == page.locator(".chip").count()
        more.click()
        page.locator(".more", has_text="less").wait_for()
        assert page.locator(".chip:visible").count() == page.locator(".chip").count()
        assert page.locator(".legend .entries").bounding_box()["height"] > closed
        page.locator(".more").click()
    finally:
        page.set_viewport_size({"width": 1400, "height": 900})
        page.locator(".more").wait_for(state="hidden")
        dashboard.rest()


def test_a_range_is_dragged_on_the_gradient(dashboard, resnet20):
    dashboard.choose("Colour", "FLOPs")
    track = dashboard.page.locator(".gradient").bounding_box()
    y = track["y"] + 5
    dashboard.drag((track["x"] + 0.3 * track["width"], y), (track["x"] + 0.7 * track["width"], y))
    dashboard.wait("d.state.value_range !== null")
    low, high = dashboard.state["value_range"]
    flops = [node.flops for node in resnet20.nodes if node.flops]
    ratio = max(flops) / min(flops)
    assert low == pytest.approx(min(flops) * ratio**0.3, rel=0.02)
    assert high == pytest.approx(min(flops) * ratio**0.7, rel=0.02)
    wanted = {node.id for node in resnet20.nodes if node.flops is not None and low <= node.flops <= high}
    assert wanted
    assert bright(dashboard, len(resnet20.nodes)) == wanted
    largest = dashboard.page.get_by_role("slider", name="Largest FLOPs not dimmed")
    assert largest.get_attribute("aria-valuetext") == humane(high)
    largest.focus()
    largest.press("ArrowLeft")
    dashboard.wait("d.state.value_range[1] < arg", high)
    dashboard.page.mouse.click(track["x"] + 0.5 * track["width"], y)
    dashboard.wait("d.state.value_range === null && d.matches === null")
    assert len(bright(dashboard, len(resnet20.nodes))) == len(resnet20.nodes)


# ---- the same in a still picture


def bright_in_svg(file, boxes) -> set[str]:
    rects = [element.attrib for element in ElementTree.parse(file).iter() if element.tag.endswith("rect")]
    opacity = {(float(rect["x"]) - 20, float(rect["y"]) - 20): rect.get("opacity") for rect in rects if "rx" in rect}
    return {name for name, (x, y, _, _) in boxes.items() if opacity[round(x, 1), round(y, 1)] is None}


def test_a_still_picture_dims_what_the_page_dims(dashboard, resnet20, tmp_path):
    def check(expected: str) -> None:
        mav, state = MAV(resnet20), dashboard.state
        mav.state.param.update(**{name: state[name] for name in value_names() if name != "viewport"})
        mav.save(tmp_path / "m.svg")
        boxes = fold(mav.layout, mav.state.folded).boxes
        in_page = bright(dashboard, len(boxes))
        assert expected in in_page
        assert in_page < set(boxes)
        assert bright_in_svg(tmp_path / "m.svg", boxes) == in_page

    dashboard.search("layer2 & params>5k | class==BasicBlock & !/layer[23]/")
    check("layer1.0.relu")
    dashboard.call("fold", "layer2")
    dashboard.wait("d.state.folded.join() === 'layer2'")
    check("layer2")
    dashboard.call("search", "")
    dashboard.call("highlight", ["add()"])
    dashboard.wait("d.state.highlighted.length === 1")
    check("layer2")
    dashboard.choose("Colour", "FLOPs")
    track = dashboard.page.locator(".gradient").bounding_box()
    dashboard.drag((track["x"] + 0.8 * track["width"], track["y"] + 5), (track["x"] + track["width"], track["y"] + 5))
    dashboard.wait("d.state.value_range !== null")
    check("layer3.2.conv2")
