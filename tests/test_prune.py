"""Unused modules are removed from libraries, and no remaining module requires a removed one."""

from __future__ import annotations

import re

import pytest

from idlmav.export.prune import prune

PLUGIN = """(function(root, factory) { factory(root["Bokeh"]); })(this, function(Bokeh) {
  return (function(modules, entry, aliases, externals) { return bokeh.register_plugin(modules, entry, aliases); })
({
"""
CORE = """(function(modules, entry, aliases, externals) { return main; })
([
function _(t,e,n,o,r){o();t(1).__exportStar(t(2),n),t(3)},
function _(t,e,n,o,r){o(),n.__exportStar=1},
function _(t,e,n,o,r){o(),n.embed=t(5).Range},
function _(t,e,n,o,r){o();const i=t(1).__importStar(t(4));(0,t(1).register_models)(i)},
function _(t,e,n,o,r){o();const i=t(1);r("Plot",t(6).Plot);var s=t(7);r("Dot",s.Dot),r("Line",s.Line),i.__exportStar(t(8),n)},
function _(t,e,n,o,r){o();n.Range=1},
function _(t,e,n,o,r){o();const i=t(9);n.Plot=i.Ticker},
function _(t,e,n,o,r){o();n.Dot=1,n.Line=2},
function _(t,e,n,o,r){o(),r("Box",t(10).Box)},
function _(t,e,n,o,r){o(),r("Ticker",t(11).Ticker),r("Dates",t(12).Dates)},
function _(t,e,n,o,r){o();n.Box=1},
function _(t,e,n,o,r){o();n.Ticker=1},
function _(t,e,n,o,r){o();n.Dates=1},
], 0, {"main":0,"tslib":1,"base":1,"models/tickers/index":9}, {});});
"""
EXTENSION = (
    PLUGIN
    + """"aa": function _(t,e,n,o,r){o();const i=t("tslib").__importStar(t("bb"));(0,t("@bokehjs/base").register_models)(i)},
"bb": function _(t,e,n,o,r){o(),n.Wide=n.Gone=void 0;r("Wide",t("cc").Wide),r("Gone",t("dd").Gone)},
"cc": function _(t,e,n,o,r){o();const a=t("@bokehjs/models/tickers");n.Wide=a.Dates},
"dd": function _(t,e,n,o,r){o();n.Gone=1},
}, "aa", {"models/index":"bb"}, {});});
"""
)


def left(script: str) -> list[str]:
    """Return the names that the modules of a script export or list."""
    return [own or listed for own, listed in re.findall(r'n\.([A-Z]\w+)=(?!n)|r\("(\w+)"', script)]


def docs(*names: str) -> dict[str, object]:
    return {"1": {"roots": [{"type": "object", "name": name, "attributes": {"text": "Box it"}} for name in names]}}


def test_named_models_stay_with_the_modules_that_they_require():
    (script,) = prune([CORE], docs("Plot"))
    assert left(script) == ["Plot", "Range", "Plot", "Ticker", "Ticker"]


@pytest.mark.parametrize(
    ("name", "found"),
    [("Line", ["Line", "Range", "Dot", "Line"]), ("Box", ["Range", "Box", "Box"]), ("Other", ["Range"])],
)
def test_lists_are_shortened_to_the_named_models(name, found):
    (script,) = prune([CORE], docs(name))
    assert sorted(left(script)) == sorted(found)


def test_modules_keep_their_numbers():
    (script,) = prune([CORE], docs("Box"))
    array = script[script.index("([") : script.index("], 0,")]
    places = [line.strip() != "," for line in array.splitlines()[1:]]
    assert [number for number, there in enumerate(places) if there] == [0, 1, 2, 3, 4, 5, 8, 10]


def test_extensions_are_found_by_qualified_names_and_keep_the_modules_that_they_use():
    core, extension = prune([CORE, EXTENSION], docs("panel.models.Wide"))
    assert left(extension) == ["Wide", "Wide"]
    assert {"Dates", "Range"} <= set(left(core))
    assert "Ticker" not in left(core)


def test_other_scripts_stay_as_they_are():
    assert prune(["let other = 1;"], docs("Plot")) == ["let other = 1;"]


def test_a_bundle_with_other_functions_stays_whole():
    strange = EXTENSION.replace("function _", "function own")
    assert prune([CORE, strange], docs("Plot")) == [CORE, strange]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('}, "aa", {', '}, "zz", {'),
        ('{"models/index":"bb"}', '{"models/index":"zz"}'),
        ('"cc": function _(t,e,n,o,r){o();', '"cc": (t,e,n,o,r)=>{o();'),
        ('"cc": function _', '"cc/x-y": function _'),
        ('r("Wide",t("cc").Wide)', 'r("Wide",t("gone").Wide)'),
        ("register_plugin(modules, entry", "register_all(modules, entry"),
    ],
)
def test_bundles_of_another_form_stay_whole(old, new):
    assert old in EXTENSION
    scripts = [
        CORE,
        EXTENSION.replace(old, new).replace("function _(", "function __(" if "register_all" in new else "function _("),
    ]
    assert prune(scripts, docs("Wide")) == scripts


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('r("Wide",t("cc").Wide)', 'r("Wide",e.Wide)'),
        ('r("Wide",t("cc").Wide)', 'r("Wide",t("cc").Wide),e.__exportStar(t("dd"),n)'),
        ('"dd": function _(t,e,n,o,r){o();n.Gone=1}', '"dd": function _(){n.Gone=1}'),
    ],
)
def test_lists_of_another_form_stay_whole(old, new):
    assert old in EXTENSION
    _, extension = prune([CORE, EXTENSION.replace(old, new)], docs("Wide"))
    assert 'r("Gone",t("dd").Gone)' in extension or '"dd"' not in extension
    assert 'r("Wide"' in extension
