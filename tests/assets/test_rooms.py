"""The folders of ``idlmav/page/assets`` import in one direction only, and nothing is exported in vain."""

from __future__ import annotations

import posixpath
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from assets.node import ASSETS

LAYERS = [{"base"}, {"fold", "legend", "detail"}, {"search"}, {"graph", "table"}, {"page", "saved"}]
"""From the lowest layer up. A folder imports from lower layers only: not from its own layer, nor from a higher one."""
LEVEL = {folder: level for level, folders in enumerate(LAYERS) for folder in folders}
ENTRIES = {"page/controller.js", "detail/detail.js", "saved/unpack.js", "saved/first_view.js"}
"""Modules that a page loads. No other module imports them."""
_IMPORT = re.compile(r'^import (?:\{(?P<names>[^{}]*)\}|\w+) from "(?P<path>[^"]+)"', re.MULTILINE)
_EXPORT = re.compile(r"^export (?:async )?(?:function\*?|class|const|let) (\w+)", re.MULTILINE)


def text_of(module: str) -> str:
    return (ASSETS / module).read_text("utf-8")


MODULES = sorted(path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*.js"))
IMPORTS = {
    module: [
        (
            posixpath.normpath(posixpath.join(posixpath.dirname(module), found["path"])),
            [name.split(" as ")[0].strip() for name in (found["names"] or "").split(",")],
        )
        for found in _IMPORT.finditer(text_of(module))
    ]
    for module in MODULES
}


def folder_of(module: str) -> str:
    return posixpath.dirname(module)


def test_each_folder_has_a_layer():
    folders = {path.name for path in ASSETS.iterdir() if path.is_dir()}
    assert folders == set(LEVEL), "give a new folder its place in LAYERS"
    assert all("/" in module for module in MODULES), "each module is in a folder"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_its_own_folder_and_from_lower_layers(module):
    own = folder_of(module)
    for imported, _ in IMPORTS[module]:
        other = folder_of(imported)
        if imported.endswith(".js"):
            assert other == own or LEVEL[other] < LEVEL[own], f"{module} must not import {imported}"


def test_no_modules_import_each_other_in_a_circle():
    TopologicalSorter({module: [imported for imported, _ in found] for module, found in IMPORTS.items()}).prepare()


def test_each_export_is_imported_by_a_module_or_loaded_by_a_test():
    imported = {(path, name) for found in IMPORTS.values() for path, names in found for name in names}
    tests = "\n".join(
        path.read_text("utf-8") for path in Path(__file__).parents[1].rglob("*.*") if path.suffix in (".py", ".mjs")
    )
    unused = [
        f"{module}: {name}"
        for module in MODULES
        if module not in ENTRIES
        for name in _EXPORT.findall(text_of(module))
        if (module, name) not in imported and not re.search(rf"\b{name}\b", tests)
    ]
    assert unused == []


def test_each_module_but_the_entries_is_imported():
    assert set(MODULES) - {path for found in IMPORTS.values() for path, _ in found} == ENTRIES
