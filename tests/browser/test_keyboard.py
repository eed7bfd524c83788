"""The keys: along edges, folding, searching, help; and none of them is taken from fields or from the page around."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.parametrize("opened", ["file"], indirect=True)

FOCUSED = """() => {
  let {activeElement: element} = document;
  while (element?.shadowRoot?.activeElement) ({activeElement: element} = element.shadowRoot);
  return element;
}"""


def focus_graph(dashboard) -> None:
    dashboard.page.get_by_role("application").focus()


def press(dashboard, key: str, selected: str) -> None:
    dashboard.page.keyboard.press(key)
    dashboard.wait_selected(selected)


def test_arrows_follow_the_edges(dashboard, resnet20):
    focus_graph(dashboard)
    press(dashboard, "ArrowDown", "x")
    chain = ["conv1", "bn1", "relu", "layer1.0.conv1", "layer1.0.bn1"]
    for name in chain:
        press(dashboard, "ArrowDown", name)
    for name in reversed(chain[:-1]):
        press(dashboard, "ArrowUp", name)
    press(dashboard, "End", "output")
    dashboard.rest()
    assert dashboard.box("output")
    dashboard.wait("d.rows().includes('output')")
    press(dashboard, "Home", "x")
    dashboard.wait("d.nodes().some((node) => node.id === 'x')")
    press(dashboard, "Escape", "")


def test_a_click_gives_the_graph_the_focus(dashboard):
    dashboard.click(dashboard.box("conv1"))
    dashboard.wait_selected("conv1")
    press(dashboard, "ArrowDown", "bn1")


def test_arrows_go_beside_where_branches_are(dashboard):
    focus_graph(dashboard)
    dashboard.call("select", "layer2.0.downsample.0")
    dashboard.rest()
    boxes = {name: dashboard.box(name)["x"] for name in ("layer2.0.downsample.0", "layer2.0.conv1")}
    aside = "ArrowRight" if boxes["layer2.0.conv1"] > boxes["layer2.0.downsample.0"] else "ArrowLeft"
    dashboard.page.keyboard.press(aside)
    dashboard.wait("d.state.selected.startsWith('layer2.0.') && !d.state.selected.includes('downsample')")


def test_enter_folds_and_unfolds(dashboard):
    focus_graph(dashboard)
    dashboard.call("select", "layer1.0.conv1")
    press(dashboard, "Enter", "layer1.0")
    dashboard.wait("d.state.folded.join() === 'layer1.0'")
    press(dashboard, "Enter", "layer1.0")
    dashboard.wait("d.state.folded.length === 0")
    press(dashboard, "ArrowDown", "layer1.0.conv1")


def test_plus_minus_and_f_zoom(dashboard):
    focus_graph(dashboard)

    def height() -> float:
        seen = dashboard.rest()["ranges"]
        return seen[3] - seen[2]

    before = height()
    dashboard.page.keyboard.press("+")
    dashboard.wait("d.state.viewport[3] - d.state.viewport[2] < arg", 0.9 * before)
    assert height() == pytest.approx(before / 1.3, rel=0.01)
    dashboard.page.keyboard.press("-")
    dashboard.wait("d.state.viewport[3] - d.state.viewport[2] > arg", 0.9 * before)
    dashboard.page.keyboard.press("f")
    dashboard.wait("d.nodes().length === d.node_count")


def test_the_slash_searches_and_escape_clears(dashboard):
    page = dashboard.page
    focus_graph(dashboard)
    page.keyboard.press("/")
    page.keyboard.type("f/?+layer1")  # all of it is text there
    dashboard.wait("d.state.query === 'f/?+layer1'")
    assert not page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    dashboard.wait("d.state.query === ''")
    page.keyboard.press("Escape")
    press(dashboard, "Home", "x")
    dashboard.call("search", "layer1")
    dashboard.call("highlight", ["nn.Conv2d"])
    press(dashboard, "Escape", "")
    assert dashboard.state["query"] == "layer1"
    page.keyboard.press("Escape")
    dashboard.wait("d.state.query === '' && d.state.highlighted.length === 0")


def test_the_question_mark_explains_the_keys(dashboard):
    page = dashboard.page
    focus_graph(dashboard)
    before = page.evaluate_handle(FOCUSED)
    for close in ("Escape", "?", "Enter"):  # Enter presses the button in it
        page.keyboard.press("?")
        dialog = page.get_by_role("dialog", name="Keys and search")
        dialog.wait_for()
        for sign in ("Enter", "Esc", "Home", "params>1M"):
            assert sign in dialog.inner_text()
        page.keyboard.press("ArrowDown")
        assert dashboard.state["selected"] == ""
        page.keyboard.press(close)
        dialog.wait_for(state="hidden")
        assert page.evaluate("(before) => before === (%s)()" % FOCUSED, before), "the focus is lost"  # noqa: UP031
    dashboard.press("Keys and search (?)")
    dialog.wait_for()
    dialog.get_by_role("button", name="Close").click()
    dialog.wait_for(state="hidden")


LISTEN = """() => {
  globalThis.heard = [];
  const listen = (event) => heard.push(event.key);
  // As JupyterLab listens, and as the classic notebook does.
  document.addEventListener("keydown", listen, {capture: true});
  document.addEventListener("keydown", (event) => heard.push(`late ${event.key}`));
}"""


def test_keys_that_are_used_reach_nobody_else_and_others_do(dashboard):
    page = dashboard.page
    page.evaluate(LISTEN)
    focus_graph(dashboard)
    for key in ("Home", "ArrowDown", "Enter", "Enter", "+", "-", "f", "Escape", "Escape", "?", "Escape"):
        page.keyboard.press(key)
    assert page.evaluate("heard") == []
    for key in ("b", "Control+Enter", "Shift+Enter", "Alt+ArrowLeft"):
        page.keyboard.press(key)
    heard = page.evaluate("heard")
    assert {"b", "Enter"} <= set(heard)
    assert "late b" in heard


def test_what_is_typed_is_no_shortcut_of_the_notebook(dashboard):
    page = dashboard.page
    page.evaluate(LISTEN)
    suppressed = "() => document.querySelectorAll('[data-lm-suppress-shortcuts]').length"
    page.get_by_label("Search", exact=True).focus()
    assert page.evaluate(suppressed) == 1
    page.keyboard.type("dd")
    assert [key for key in page.evaluate("heard") if key.startswith("late")] == []
    focus_graph(dashboard)
    assert page.evaluate(suppressed) == 0


def test_outside_of_the_dashboard_keys_do_nothing(dashboard):
    page = dashboard.page
    page.evaluate(
        "() => { const field = document.body.appendChild(document.createElement('input')); field.id = 'own'; }"
    )
    page.locator("#own").focus()
    page.keyboard.type("f?/")
    assert page.locator("#own").input_value() == "f?/"
    page.evaluate("() => { document.activeElement.blur(); document.querySelector('#own').remove(); }")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("?")
    assert dashboard.state["selected"] == ""
    assert not page.locator("dialog").is_visible()


def test_the_focus_is_seen(dashboard):
    page = dashboard.page
    box = page.get_by_role("application").bounding_box()
    page.get_by_label("Search", exact=True).focus()
    before = dashboard.pixel(box["x"] + 0.5, box["y"] + box["height"] / 2)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("() => (%s)()?.getAttribute('role') === 'application'" % FOCUSED):  # noqa: UP031
            break
    else:
        pytest.fail("Tab does not reach the graph")
    after = dashboard.pixel(box["x"] + 0.5, box["y"] + box["height"] / 2)
    assert before == (255, 255, 255)
    assert after == (0x16, 0x68, 0xB8)
