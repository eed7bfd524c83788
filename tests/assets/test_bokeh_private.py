"""Private names of BokehJS, Panel and Tabulator: one that is missing is noted, and nothing raises an error."""

from __future__ import annotations

import re

from assets.node import ASSETS, run_js

ADAPTER = ASSETS / "base" / "bokeh_private.js"
_PRIVATE = re.compile(
    r"\b(?:find_one|shadow_el|invalidate_layout|restore_scroll|is_idle|x_scale|y_scale)\b|[\w)\]]\??\._[a-z]\w+"
    r"|\.shadowRoot\??\.querySelector"
)


def test_only_the_adapter_uses_private_names():
    found = {
        f"{path.relative_to(ASSETS)}: {line.strip()}"
        for path in ASSETS.rglob("*.js")
        if path != ADAPTER
        for line in path.read_text("utf-8").splitlines()
        if not line.strip().startswith("//") and _PRIVATE.search(line)
    }
    assert found == set()


def test_missing_names_are_noted_and_replaced_by_stand_ins():
    code = """
        const adapter = await load("base/bokeh_private");
        globalThis.document = {createElement: (name) => ({name, querySelector: () => null})};
        const view = {owner: {}};
        const known = {owner: {find_one: (model) => model}};
        const found = {
          view: adapter.findView(view, {}), scales: adapter.scalesOf(view, {}).map((scale) => scale(3)),
          models: adapter.allModels({}), idle: adapter.isIdle({}), comm: adapter.sendOnlySynced({}),
          parts: adapter.partsOf({shadowRoot: {querySelectorAll: () => []}}, "button"),
          tabulator: adapter.tabulatorOf(known, {tabulator: {name: "t"}}).name,
          table: Object.values(adapter.tableParts({})).map(({name}) => name),
        };
        adapter.setComponent({}, {});
        adapter.measureAgain(known, {});
        const shown = {};
        adapter.measureOnlyWhile(known, shown, () => true);
        shown.invalidate_layout();
        adapter.tableRoot(known, {el: {}});
        adapter.elementOf(known, {});
        const table = Object.create({});
        adapter.keepTablePlace(known, table, (change) => change());
        table.redraw();
        table.restore_scroll();
        await table._flush_resize_when_root_ready();
        const comm = {type: "CommManager"};
        adapter.sendOnlySynced({_all_models: new Map([["comm", comm]])});
        comm._document_changed({});
        return {found, missing: adapter.missingNames()};
    """
    result = run_js(code)
    assert result["found"] == {
        "view": None, "scales": [3, 3], "models": [], "idle": True, "comm": False, "parts": [], "tabulator": "t",
        "table": ["div", "div", "div"],
    }  # fmt: skip
    assert result["missing"] == sorted([
        ".tabulator-table", ".tabulator-tableholder", "CartesianFrameView.x_scale", "CartesianFrameView.y_scale",
        "CommManager._document_changed", "Document._all_models", "Document.is_idle", "LayoutDOMView.invalidate_layout",
        "PlotView.frame", "ReactiveESM.data", "Tabulator.element", "Tabulator.initialized",
        "TabulatorView._flush_resize_when_root_ready", "TabulatorView._resize_pending", "TabulatorView.redraw",
        "TabulatorView.restore_scroll", "TabulatorView.shadow_el", "View.el", "ViewManager.find_one", "button",
    ])  # fmt: skip


def test_a_notebook_sends_what_is_to_be_sent_and_nothing_else():
    code = """
        const { sendOnlySynced } = await load("base/bokeh_private");
        const sent = [];
        class CommManager {
          type = "panel.models.comm_manager.CommManager";
          _document_changed(event) { sent.push(event.name); }
        }
        const comm = new CommManager();
        const document = {_all_models: new Map([["a", {type: "Figure"}], ["b", comm]])};
        const isNotebook = [sendOnlySynced(document), sendOnlySynced(document)];
        for (const event of [{name: "state"}, {name: "frame", sync: false}, {name: "more", sync: true}]) comm._document_changed(event);
        return {isNotebook, sent};
    """
    assert run_js(code) == {"isNotebook": [True, True], "sent": ["state", "more"]}
