"""The browser's modules as one module: nothing is left to fetch, and it runs."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import pytest
from assets.node import run_js

import idlmav
from idlmav.page.bundle import BundleError, bundle, join_modules, stylesheet

ASSETS = Path(idlmav.__file__).parent / "page" / "assets"
ENTRIES = ["page/controller.js", "detail/detail.js"]
_IMPORTED = re.compile(r'from "(\.{1,2}/[\w/]+)\.js"')


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_bundle_imports_nothing(entry):
    text = bundle(entry)
    assert not re.findall(r"^\s*import\b", text, re.MULTILINE)
    assert "export function render" in text
    assert len(re.findall(r"^export ", text, re.MULTILINE)) == len(
        re.findall(r"^export ", (ASSETS / entry).read_text("utf-8"), re.MULTILINE)
    )


def needs(path: str) -> list[str]:
    text = (ASSETS / f"{path}.js").read_text("utf-8")
    return [posixpath.normpath(posixpath.join(posixpath.dirname(path), found)) for found in _IMPORTED.findall(text)]


def test_a_bundle_holds_each_module_once_behind_what_it_needs():
    text = bundle("page/controller.js")
    order = re.findall(r"^const \$(\w+) = \(\(\) => \{$", text, re.MULTILINE)
    assert len(order) == len(set(order))
    paths = [path.relative_to(ASSETS).with_suffix("").as_posix() for path in ASSETS.rglob("*.js")]
    for path in paths:
        name = path.replace("/", "_")
        if name in order:
            assert all(order.index(need.replace("/", "_")) < order.index(name) for need in needs(path)), name
    imported = {need.replace("/", "_") for path in paths for need in needs(path)}
    assert imported == set(order), "every module is reached, none is left over"


def test_a_bundle_ships_no_comments():
    for entry in ENTRIES:
        assert not re.findall(r"^\s*(?://|/\*|\*/).*", bundle(entry), re.MULTILINE)


MODULES = {
    "entry.js": 'import { one, two as second } from "./parts/a.js";\nimport facts from "./facts.json" with { type: "json" };\n'
    "export function render() {\n  return [one, second(), facts.list];\n}\n",
    "parts/a.js": 'import { two as b } from "../b.js";\n/**\n * For readers.\n */\nexport const one = 1;\n// Also.\n'
    "export function two() { return b; }\n",
    "b.js": "export const two = 2;\n",
    "facts.json": '{"list": [1, "<b>"]}',
}


def joined(**changes: str) -> str:
    modules = MODULES | {name.replace("_js", ".js"): text for name, text in changes.items()}
    return join_modules("entry.js", modules.__getitem__)


def test_folders_renamed_imports_and_json_are_joined():
    code = """
        const url = "data:text/javascript;base64," + Buffer.from(input).toString("base64");
        return (await import(url)).render();
    """
    assert run_js(code, joined()) == [1, 2, [1, "<b>"]]
    assert "For readers" not in joined()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('import { three } from "./b.js";', "b.js does not export three"),
        ('import b from "./b.js";', "import names from a .js file"),
        ('import { list } from "./facts.json";', "import names from a .js file"),
        ('import "./b.js";', "does not understand"),
        ('import * as b from "./b.js";', "does not understand"),
        ('import { a } from "elsewhere";', "does not understand"),
        ("export default 3;", "does not understand"),
        ("export { a };", "does not understand"),
        ('export * from "./b.js";', "does not understand"),
        ('import { entry } from "./entry.js";', "entry.js does not export entry"),
    ],
)
def test_what_cannot_be_joined_is_refused(text, message):
    with pytest.raises(BundleError, match=re.escape(message)):
        joined(entry_js=text)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(BundleError, match="nowhere"):
        bundle("page/nowhere.js")


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_bundle_runs_as_a_module(entry):
    code = """
        const url = "data:text/javascript;base64," + Buffer.from(input).toString("base64");
        return Object.fromEntries(Object.entries(await import(url)).map(([name, value]) => [name, typeof value]));
    """
    assert run_js(code, bundle(entry), char_width=60)["render"] == "function"


@pytest.mark.parametrize("path", sorted(ASSETS.rglob("*.css")), ids=lambda path: path.name)
def test_style_sheets_fetch_nothing(path):
    assert not re.search(r"@import|url\(|https?:", stylesheet(path.relative_to(ASSETS).as_posix()))
