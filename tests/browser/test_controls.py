"""Search, colours, sizes, hover, themes and edges: in the app, with Python behind it, and in a saved file."""

from __future__ import annotations

from itertools import pairwise

import pytest
from browser.driver import LAYER, contains, luminance, middle

from idlmav import MAV
from idlmav.graph.text import humane, thousands
from idlmav.state import COLOR_BY, SIZE_BY

NUMBERS = ("param_count", "flops", "activation_bytes")


# ---- search


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("layer2", lambda node: "layer2" in node.id),
        ("batchnorm", lambda node: node.operation == "nn.BatchNorm2d"),
        ("params>1e4 & op==conv2d", lambda node: node.param_count > 1e4 and node.op == "conv2d"),
        ("params>1e9", lambda node: False),
    ],
)
def test_a_search_dims_filters_and_counts(dashboard, resnet20, query, matches):
    layout = MAV(resnet20).layout
    found = [node.id for node in resnet20.nodes if matches(node)]
    dashboard.search(query)
    dashboard.wait("d.matches.filter((id) => arg.includes(id)).length === arg.length", found)
    groups = list(layout.groups)
    rows = "d.rows().filter((id) => !arg[1].includes(id))"
    dashboard.wait(f"JSON.stringify({rows}) === JSON.stringify(arg[0].slice(0, {rows}.length))", [found, groups])
    assert bool(dashboard.rows()) == bool(found)
    dashboard.call("fit")
    dashboard.wait("d.nodes().length === arg", len(resnet20.nodes))
    bright = {name for name, alpha in dashboard.alphas().items() if alpha == 1}
    assert bright == set(found)
    assert len(dashboard.alphas()) == len(resnet20.nodes)


def test_an_empty_search_shows_all_again(dashboard, resnet20):
    dashboard.search("layer2")
    dashboard.wait("d.rows()[0].startsWith('layer2')")
    dashboard.search("")
    dashboard.wait("d.rows()[0] === 'x'")
    assert dashboard.page.locator(".matches").is_hidden()
    assert set(dashboard.alphas().values()) == {1}


def test_after_a_search_the_table_is_where_the_graph_is(dashboard):
    before = dashboard.state["viewport"]
    x, y = middle(dashboard.overview)
    dashboard.page.mouse.click(x, y)
    dashboard.wait_moved(before)
    dashboard.rest()
    rows = dashboard.rows()
    dashboard.search("fc")
    dashboard.wait("d.rows().join() === 'fc'")
    dashboard.search("")
    dashboard.wait("d.rows().join() === arg", ",".join(rows))


def test_a_row_of_a_search_is_selected(dashboard):
    dashboard.search("layer3.2.conv2")
    dashboard.wait("d.rows().at(-1) === 'layer3.2.conv2' && d.rows().length < 5")
    dashboard.click_row("layer3.2.conv2")
    dashboard.wait_selected("layer3.2.conv2")
    dashboard.wait("d.nodes().some((node) => node.id === 'layer3.2.conv2')")
    dashboard.rest()
    dashboard.search("")
    dashboard.wait("d.rows().includes('layer3.2.conv2') && d.rows().length > 10")
    assert "selected" in dashboard.row("layer3.2.conv2").get_attribute("class")


# ---- colour and size


@pytest.mark.parametrize("choice", COLOR_BY)
def test_colors_follow_the_choice(dashboard, resnet20, choice):
    dashboard.choose("Colour", COLOR_BY[choice])
    dashboard.wait("d.state.color_by === arg", choice)
    dashboard.call("fit")
    dashboard.wait("d.nodes().length === arg", len(resnet20.nodes))
    colors = {node["id"]: node["color"] for node in dashboard.nodes()}
    assert dashboard.fills() == colors, "what is drawn is not what the interface says"
    value_of = {
        "operation": lambda node: node.operation,
        "category": lambda node: node.op,
        "module": lambda node: ".".join(node.path.split(".")[:2]),
        "status": lambda node: node.status,
    }.get(choice, lambda node: getattr(node, choice))
    of_value = {}
    for node in resnet20.nodes:
        of_value.setdefault(value_of(node), set()).add(colors[node.id])
    assert all(len(shades) == 1 for shades in of_value.values()), "equal nodes, different colours"
    assert (len(of_value) > 1) == (len(set(colors.values())) > 1)
    legend = dashboard.page.locator(".legend").inner_text()
    assert ("log scale" in legend) == (choice in NUMBERS)


@pytest.mark.parametrize("choice", NUMBERS)
def test_sizes_follow_the_choice(dashboard, resnet20, choice):
    dashboard.call("fit")
    dashboard.wait("d.nodes().length === arg", len(resnet20.nodes))
    dashboard.choose("Size", SIZE_BY[choice])
    dashboard.wait("d.state.size_by === arg", choice)
    dashboard.call("fit")
    dashboard.rest()
    boxes = {node["id"]: node for node in dashboard.nodes()}
    largest = max(resnet20.nodes, key=lambda node: getattr(node, choice) or 0)
    least = min(resnet20.nodes, key=lambda node: getattr(node, choice) or 0)
    assert boxes[largest.id]["height"] > 2 * boxes[least.id]["height"]
    by_value = sorted((getattr(node, choice) or 0, boxes[node.id]["height"]) for node in resnet20.nodes)
    heights = [height for _, height in by_value]
    assert all(b > a - 0.01 for a, b in pairwise(heights)), "a larger number, a smaller box"
    assert dashboard.overlapping() == []
    assert dashboard.problems_of_edges() == []


# ---- edges


def test_edges_are_orthogonal_and_avoid_boxes(dashboard, resnet20):
    dashboard.call("fit")
    dashboard.wait("d.nodes().length === arg", len(resnet20.nodes))
    assert len(dashboard.edges()) == len(resnet20.edges)
    assert dashboard.problems_of_edges() == []
    assert dashboard.overlapping() == []
    for group in ("layer1.1", "layer2.0.downsample", "layer3"):
        dashboard.call("fold", group)
    dashboard.wait("d.state.folded.length === 3")
    dashboard.call("fit")
    dashboard.rest()
    assert {node["id"] for node in dashboard.nodes() if node["folded"]} == {"layer1.1", "layer2.0.downsample", "layer3"}
    ends = {(edge["source"], edge["target"]) for edge in dashboard.edges()}
    assert {("layer1.1", "layer1.2.conv1"), ("layer3", "avgpool")} <= ends
    assert dashboard.problems_of_edges() == []
    assert dashboard.overlapping() == []


# ---- hover


def test_hover_tells_about_a_box(dashboard):
    dashboard.page.mouse.move(*middle(dashboard.box("conv1")))
    tip = dashboard.page.locator(".idlmav-tip")
    tip.get_by_text("nn.Conv2d").wait_for()
    text = tip.inner_text()
    for fact in ("conv1", "nn.Conv2d", "(1, 16, 32, 32)", "432 parameters", "885 kFLOPs"):
        assert fact in text
    dashboard.page.mouse.move(*dashboard.empty_ground())
    tip.wait_for(state="hidden")


@pytest.mark.parametrize("name", ["conv1", "layer2.0.downsample.0", "layer2.0.conv1"])
def test_what_hover_tells_stands_beside_the_box_inside_the_graph(dashboard, name):
    dashboard.call("select", name)
    dashboard.rest()
    box, graph = dashboard.box(name), dashboard.graph
    dashboard.page.mouse.move(*middle(box))
    tip = dashboard.page.locator(".idlmav-tip")
    tip.get_by_text(name, exact=True).wait_for()
    place = tip.bounding_box()
    right, bottom = place["x"] + place["width"], place["y"] + place["height"]
    assert contains(graph, place["x"], place["y"], 12)
    assert contains(graph, right, bottom, 12)
    assert place["x"] >= box["x"] + box["width"] or right <= box["x"] or place["y"] >= box["y"] + box["height"]


def test_hover_highlights_the_edges_of_a_box(dashboard):
    dashboard.page.mouse.move(*dashboard.empty_ground())
    assert len(set(dashboard.layer("edges")["color"])) == 1
    dashboard.page.mouse.move(*middle(dashboard.box("conv1")))
    dashboard.wait(f"new Set({LAYER}('edges').color).size === 3")


# ---- light and dark


def test_the_button_switches_between_light_and_dark(dashboard):
    before = dashboard.grounds()
    assert min(map(luminance, before.values())) > 200
    dashboard.press("Light or dark")
    dashboard.wait("d.state.theme === 'dark'")
    after = dashboard.grounds()
    assert after.keys() == before.keys()
    assert max(map(luminance, after.values())) < 60
    dashboard.press("Light or dark")
    dashboard.wait("d.state.theme === 'light'")
    assert dashboard.grounds() == before


def test_a_text_can_be_read_on_every_ground(dashboard):
    cell = dashboard.page.locator(".idlmav-table .tabulator-row .tabulator-cell").first
    for theme in ("dark", "light"):
        dashboard.press("Light or dark")
        dashboard.wait("d.state.theme === arg", theme)
        color = cell.evaluate("(cell) => getComputedStyle(cell).color.match(/\\d+/g).slice(0, 3).map(Number)")
        assert abs(luminance(color) - luminance(dashboard.grounds()["table"])) > 120
        dashboard.page.mouse.move(*dashboard.empty_ground())
        dashboard.page.mouse.move(*middle(dashboard.box("conv1")))
        tip = dashboard.page.locator(".idlmav-tip").bounding_box()
        ground = dashboard.pixel(tip["x"] + 4, tip["y"] + tip["height"] - 4)
        assert (luminance(ground) < 60) == (theme == "dark")


def test_the_arrow_of_a_drop_down_has_the_colour_of_its_text(dashboard):
    style = dashboard.page.get_by_label("Colour")
    read = "(select) => [getComputedStyle(select).backgroundImage, getComputedStyle(select).color]"
    colors = set()
    for theme in ("dark", "light"):
        dashboard.press("Light or dark")
        dashboard.wait("d.state.theme === arg", theme)
        arrow, color = style.evaluate(read)
        assert color in arrow
        colors.add(color)
    assert len(colors) == 2


def test_what_is_seen_is_inside_the_graph(dashboard):
    """The interface's boxes are where the picture's pixels are."""
    box = dashboard.box("conv1")
    inside = dashboard.pixel(box["x"] + 6, middle(box)[1])
    outside = dashboard.pixel(box["x"] - 6, middle(box)[1])
    assert inside == tuple(int(box["color"][k : k + 2], 16) for k in (1, 3, 5))
    assert outside == (255, 255, 255)
    assert contains(dashboard.graph, *middle(box))


# ---- FLOPs or MACs, with estimates or without


def test_the_unit_of_compute_switches_everywhere_at_once(dashboard, resnet20):
    facts, header = dashboard.page.locator(".facts"), dashboard.page.locator(".tabulator-col button", has_text="[")
    cell = dashboard.row("conv1").locator('[tabulator-field="flops"]')
    assert "1 multiply-add = 2 FLOPs" in facts.inner_text()
    assert cell.inner_text() == "885 k"
    dashboard.choose("Colour", COLOR_BY["flops"])
    dashboard.call("select", "conv1")
    dashboard.choose("Compute", "MACs")
    dashboard.wait("d.state.compute_unit === 'macs'")
    cell.get_by_text("442 k", exact=True).wait_for()
    facts.get_by_text("1 multiply-add = 1 MAC").wait_for()
    total = humane(resnet20.totals.flops / 2, "MACs")
    assert f"{total} counted" in facts.inner_text()
    assert f"MACs\n[{humane(resnet20.totals.flops / 2)}]" in header.all_inner_texts()
    assert "MACs" in dashboard.page.locator(".legend").inner_text()
    dashboard.page.locator(".idlmav-detail", has_text="442 kMACs counted").wait_for()
    assert dashboard.page.get_by_label("Colour").locator("option", has_text="MACs").count() == 1
    title = cell.get_attribute("title")
    assert title.startswith(f"{thousands(884_736 // 2)} MACs, counted")
    dashboard.choose("Compute", "FLOPs")
    cell.get_by_text("885 k", exact=True).wait_for()
    assert "1 multiply-add = 2 FLOPs" in facts.inner_text()


def test_estimates_can_be_hidden(dashboard, resnet20):
    cell = dashboard.row("bn1").locator('[tabulator-field="flops"]')
    assert cell.inner_text().startswith("~")
    assert "estimated" in dashboard.page.locator(".facts").inner_text()
    dashboard.choose("Estimates", "Hidden")
    cell.get_by_text("–", exact=True).wait_for()
    assert "estimated" not in dashboard.page.locator(".facts").inner_text()
    dashboard.search("flops>0")
    known = [node for node in resnet20.nodes if node.flops and node.flops_source == "counted"]
    dashboard.page.locator(".matches", has_text=f"{len(known)} found").wait_for()
    dashboard.choose("Estimates", "Shown")
    every = [node for node in resnet20.nodes if node.flops]
    dashboard.page.locator(".matches", has_text=f"{len(every)} found").wait_for()


def test_the_heading_accounts_for_ops_and_parameters(dashboard, resnet20):
    text = dashboard.page.locator(".facts").inner_text()
    totals = resnet20.totals
    assert text.startswith(f"{totals.node_count} ops")
    count = thousands(totals.param_count)
    assert f"{count} parameters" in text
    assert "never called" not in text


def test_rows_sorted_by_flops_are_in_the_order_of_what_is_shown(dashboard, resnet20):
    dashboard.page.locator('.tabulator-col[tabulator-field="flops"] button').click()
    by_id = {node.id: node for node in resnet20.nodes if node.kind == "op"}
    for estimates, text in (("hidden", "Hidden"), ("shown", "Shown")):
        dashboard.choose("Estimates", text)
        dashboard.wait("d.state.estimates === arg", estimates)
        rows = [by_id[row] for row in dashboard.rows() if row in by_id]
        kept = [row.flops for row in rows if row.flops_source == "counted" or estimates == "shown"]
        assert kept == sorted(kept)
    dashboard.page.keyboard.press("Escape")  # the popover hides the header
    for _ in range(2):  # back to the order of the graph
        dashboard.page.locator('.tabulator-col[tabulator-field="flops"] button').click()
    dashboard.wait("d.rows()[0] === 'x'")
