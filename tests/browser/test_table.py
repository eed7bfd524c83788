"""The table as a person uses it: groups fold with the graph, columns sort, filter, hide, and are copied."""

from __future__ import annotations

import csv
import io

import pytest
from browser.driver import MODELS, Dashboard, middle

from idlmav import MAV

GROUP, INSIDE = "layer1.0", "layer1.0.conv1"


@pytest.fixture
def table(dashboard):
    """The dashboard with the table's own choices as at first, afterwards too."""
    yield dashboard
    page = dashboard.page
    for label in ("Filter row", "dtype"):
        _open_menu(dashboard)
        if page.get_by_label(label, exact=True).is_checked():
            page.get_by_label(label, exact=True).uncheck()
        page.keyboard.press("Escape")
    sorted_by = page.locator('.tabulator-col[aria-sort]:not([aria-sort="none"]) button.title')
    for _ in range(2):
        if sorted_by.count():
            sorted_by.click()
    assert sorted_by.count() == 0


def _open_menu(dashboard):
    if not dashboard.page.locator(".idlmav-table .menu").is_visible():
        dashboard.page.get_by_label("Table menu").click()


def column(dashboard, name):
    return dashboard.page.locator(f'.idlmav-table .tabulator-col[tabulator-field="{name}"] button.title')


# ---- folding


def test_a_triangle_folds_the_graph_and_the_row_stays_where_it_is(table):
    row = table.row(GROUP)
    before = row.bounding_box()
    row.locator(".twist").click()
    table.wait("d.state.folded.join() === arg", GROUP)
    assert row.bounding_box() == before
    assert row.get_attribute("aria-expanded") == "false"
    assert INSIDE not in table.rows()
    assert table.state["selected"] == "", "to fold is not to select"
    table.rest()
    assert row.bounding_box() == before
    assert GROUP in [box["id"] for box in table.nodes() if box["folded"]]
    row.locator(".twist").click()
    table.wait("d.state.folded.length === 0 && d.rows().includes(arg)", INSIDE)
    assert row.get_attribute("aria-expanded") == "true"


def test_folding_in_the_graph_folds_the_rows(table):
    table.call("fold", "layer1")
    table.wait("!d.rows().some((id) => id.startsWith('layer1.')) && d.rows().includes('layer1')")
    assert table.row("layer1").get_attribute("aria-expanded") == "false"
    table.press("Unfold")
    table.wait("d.rows().includes(arg)", INSIDE)


def test_a_group_selected_in_the_graph_is_a_selected_row_and_the_reverse(table):
    table.page.mouse.click(*table.title(GROUP))
    table.wait_selected(GROUP)
    assert "selected" in table.row(GROUP).get_attribute("class")
    table.call("select", "")
    table.click_row("layer1.1")
    table.wait_selected("layer1.1")
    assert table.page.locator(".tabulator-row.selected").count() == 1


def test_a_row_shows_its_sum_and_the_exact_one_on_hover(table, resnet20):
    ops = [node for node in resnet20.nodes if node.id.startswith((f"{GROUP}.", f"{GROUP}:"))]
    row = table.row(GROUP)
    assert f"{len(ops)} ops" in row.inner_text()
    total = sum(node.param_count for node in ops)
    assert f"{total:,}".replace(",", "\u202f") in row.locator('[tabulator-field="param_count"]').get_attribute("title")


# ---- sorting, filters, columns


def test_sorting_leaves_open_groups_out_and_the_third_click_returns_to_the_tree(table, resnet20):
    before = table.rows()
    table.call("fold", "layer1")
    column(table, "param_count").click()
    column(table, "param_count").click()
    table.wait("d.rows()[0].startsWith('layer3')")
    rows = table.rows()
    assert not {"layer2", "layer3"} & set(rows)
    assert (
        table.page.locator('.tabulator-col[tabulator-field="param_count"]').get_attribute("aria-sort") == "descending"
    )
    column(table, "param_count").click()
    table.wait("d.rows()[0] === 'x'")
    table.call("unfold", "layer1")
    table.wait("d.rows().join() === arg", ",".join(before))


def test_a_place_reached_while_panel_redraws_is_kept(table):
    """Panel redraws the table when it is resized or fonts arrive, and restores its own place two frames later."""
    rows = table.page.evaluate(
        """async ([at, id]) => {
          const models = Bokeh.documents.flatMap((document) => [...document._all_models.values()]);
          const model = models.find((each) => each.tags?.some((tag) => String(tag).endsWith("-table")));
          Bokeh.index.find_one(model)._resize_redraw();
          window.idlmav[at].select(id);
          for (let frame = 0; frame < 10; frame++) await new Promise(requestAnimationFrame);
          return window.idlmav[at].rows();
        }""",
        [table.at, "layer3.2.conv2"],
    )
    assert "layer3.2.conv2" in rows


def test_a_sorted_table_does_not_pan_the_graph(table):
    column(table, "param_count").click()
    viewport = table.state["viewport"]
    table.wheel(middle(table.table.bounding_box()), 200)
    table.wait("d.rows()[0] !== 'x'")
    table.rest()
    assert table.state["viewport"] == viewport


def test_a_filter_under_the_header_leaves_matching_rows_with_their_groups(table, resnet20):
    page = table.page
    _open_menu(table)
    page.get_by_label("Filter row", exact=True).check()
    page.keyboard.press("Escape")
    page.get_by_label("Filter operation", exact=True).fill("conv2d")
    page.get_by_label("Filter param count", exact=True).fill(">30000")
    found = [node.id for node in resnet20.nodes if node.op == "conv2d" and node.param_count > 30000]
    assert found
    ops = [node.id for node in resnet20.nodes]
    table.wait("d.rows().filter((id) => arg[0].includes(id)).join() === arg[1].join()", [ops, found])
    assert table.state["query"] == "", "the filters are the table's own"
    page.get_by_label("Filter operation", exact=True).fill("")
    page.get_by_label("Filter param count", exact=True).fill("")
    table.wait("d.rows()[0] === 'x'")


def test_a_filter_shows_its_first_rows_and_then_where_the_graph_is(table):
    table.page.mouse.move(*middle(table.row("x").bounding_box()))
    while "fc" not in table.rows():
        before = table.rows()
        table.page.mouse.wheel(0, 2000)
        table.wait("d.rows().join() !== arg", ",".join(before))
        table.rest()
    _open_menu(table)
    table.page.get_by_label("Filter row", exact=True).check()
    table.page.get_by_label("Filter operation").fill("conv")
    table.wait("d.rows()[0] === 'conv1'")
    table.page.get_by_label("Filter operation").fill("")
    table.wait("d.rows().includes('fc')")


def test_a_column_is_shown_on_demand(table):
    header = table.page.locator('.tabulator-col[tabulator-field="dtype"]')
    assert header.count() == 0
    _open_menu(table)
    table.page.get_by_label("dtype", exact=True).check()
    header.wait_for()
    assert "float32" in table.row("conv1").inner_text()


def test_the_rows_are_copied_as_they_are_shown(table, resnet20):
    page = table.page
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    table.call("fold", "layer2")
    table.wait("!d.rows().includes('layer2.0')")
    _open_menu(table)
    page.get_by_role("button", name="Copy as CSV").click()
    page.get_by_role("button", name="Copied").wait_for()
    page.keyboard.press("Escape")
    header, *lines = csv.reader(io.StringIO(page.evaluate("window.copied")))
    ids = [line[header.index("Name")] for line in lines]
    assert ids[: len(table.rows())] == table.rows()
    assert "layer2" in ids
    assert not any(name.startswith("layer2.") for name in ids)
    params = dict(zip(ids, (line[header.index("Params")] for line in lines), strict=True))
    assert params["conv1"] == str(resnet20.node_by_id["conv1"].param_count)


# ---- keyboard and screen readers


def test_numbers_are_exact_where_there_is_room(table, wait_until):
    page, size = table.page, table.page.viewport_size
    cell = page.locator('.tabulator-row[data-id="layer1"] [tabulator-field="param_count"]')
    assert cell.inner_text().replace("\u202f", "").isdigit()
    header = page.locator('.tabulator-col[tabulator-field="param_count"] .title')
    try:
        page.set_viewport_size({"width": 800, "height": 900})
        wait_until(lambda: "k" in header.inner_text())
    finally:
        page.set_viewport_size(size)
    wait_until(lambda: "k" not in header.inner_text())


def test_keys_move_and_fold(table):
    table.click_row("maxpool" if "maxpool" in table.rows() else "relu")
    table.page.keyboard.press("ArrowDown")
    table.wait_selected("layer1")
    table.page.keyboard.press("ArrowLeft")
    table.wait("d.state.folded.join() === 'layer1'")
    table.page.keyboard.press("ArrowRight")
    table.wait("d.state.folded.length === 0")
    table.page.keyboard.press("ArrowDown")
    table.wait_selected(GROUP)
    table.page.keyboard.press("ArrowLeft")
    table.wait("d.state.folded.join() === arg", GROUP)
    table.page.keyboard.press("ArrowLeft")
    table.wait_selected("layer1")


def test_the_grid_says_what_its_rows_are(table):
    grid = table.page.get_by_role("treegrid")
    assert int(grid.get_attribute("aria-rowcount")) > 60
    row = table.row(INSIDE)
    assert (row.get_attribute("role"), row.get_attribute("aria-level")) == ("row", "3")
    assert row.get_attribute("aria-expanded") is None
    table.click_row(INSIDE)
    table.wait_selected(INSIDE)
    assert table.row(INSIDE).get_attribute("aria-selected") == "true"
    assert table.row(INSIDE).evaluate("(row) => row.getRootNode().activeElement === row"), "it has the focus"


def test_an_error_elsewhere_in_the_page_does_not_freeze_the_table(offline_page, page_problems, resnet20, tmp_path):
    file = tmp_path / "page.html"
    MAV(resnet20).save(file)
    offline_page.goto(file.as_uri())
    dashboard = Dashboard(offline_page)
    dashboard.rest()
    offline_page.evaluate(
        f"""() => {{
          const table = {MODELS}.find((model) => model.tags?.some((tag) => tag.endsWith("-table")));
          Bokeh.index.find_one(table).root._await_ready(Promise.reject(new Error("somebody else's")));
        }}"""
    )
    offline_page.set_viewport_size({"width": 1100, "height": 700})
    offline_page.wait_for_function("() => document.documentElement.clientWidth === 1100")
    dashboard.rest()
    dashboard.click_row("bn1")
    dashboard.wait_selected("bn1")
    # The browser tells of it when it comes to it.
    offline_page.goto("about:blank")
    assert page_problems
    page_problems[:] = [problem for problem in page_problems if "somebody else's" not in problem]
