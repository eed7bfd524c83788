"""The browser's modules as one module: nothing is left to fetch, and it runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from assets.node import run_js

import idlmav
from idlmav.views.assets import bundle, stylesheet

ASSETS = Path(idlmav.__file__).parent / "assets"
ENTRIES = ["controller.js", "detail.js"]


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_bundle_imports_nothing(entry):
    text = bundle(entry)
    assert not re.findall(r"^\s*import\b", text, re.MULTILINE)
    assert "export function render" in text
    assert len(re.findall(r"^export ", text, re.MULTILINE)) == len(
        re.findall(r"^export ", (ASSETS / entry).read_text("utf-8"), re.MULTILINE)
    )


def test_a_bundle_holds_each_module_once_behind_what_it_needs():
    text = bundle("controller.js")
    order = re.findall(r"^const \$(\w+) = \(\(\) => \{$", text, re.MULTILINE)
    assert len(order) == len(set(order))
    for name in order:
        needs = re.findall(r'from "\./(\w+)\.js"', (ASSETS / f"{name}.js").read_text("utf-8"))
        assert all(order.index(need) < order.index(name) for need in needs), name
    imported = {
        need for path in ASSETS.glob("*.js") for need in re.findall(r'from "\./(\w+)\.js"', path.read_text("utf-8"))
    }
    assert imported == set(order), "every module is reached, none is left over"


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_bundle_runs_as_a_module(entry):
    code = """
        const url = "data:text/javascript;base64," + Buffer.from(input).toString("base64");
        return Object.fromEntries(Object.entries(await import(url)).map(([name, value]) => [name, typeof value]));
    """
    assert run_js(code, bundle(entry), char_width=60)["render"] == "function"


@pytest.mark.parametrize("path", sorted(ASSETS.glob("*.css")), ids=lambda path: path.name)
def test_style_sheets_fetch_nothing(path):
    assert not re.search(r"@import|url\(|https?:", stylesheet(path.name))
