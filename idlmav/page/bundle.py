"""Join the browser-side modules into the single module that a Panel component takes."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files

__all__ = ["BundleError", "bundle", "join_modules", "stylesheet"]

_IMPORT = re.compile(
    r'^import (?:\{ *(?P<names>[^{}]*?),? *\}|(?P<name>\w+)) from "(?P<path>\.{1,2}/[\w./-]+\.(?P<kind>json|js))"'
    r'(?: with \{ type: "json" \})?;$',
    re.MULTILINE,
)
_EXPORT = re.compile(r"^export ((?:async )?(?:function\*?|class|const|let) (\w+))", re.MULTILINE)
_LEFT = re.compile(r"^\s*(?:import\b(?!\()|export (?:default|\{|\*)).*", re.MULTILINE)
_FOR_READERS = re.compile(r"^ *//.*\n|^ */\*(?:.|\n)*?\*/ *\n|^ +", re.MULTILINE)


class BundleError(ValueError):
    """An import that cannot be joined, with the file and the line that asks for it."""


def _read(path: str) -> str:
    try:
        return (files("idlmav") / "page" / "assets" / path).read_text("utf-8")
    except FileNotFoundError:
        raise BundleError(f"There is no {path!r} in idlmav/page/assets.") from None


@cache
def bundle(entry: str) -> str:
    """Join a module of ``idlmav/page/assets`` and all that it imports into one module; see `join_modules`."""
    return join_modules(entry, _read)


def join_modules(entry: str, read: Callable[[str], str]) -> str:
    """
    Join a JavaScript module, whose exports are kept, and all that it imports into one module.

    Each imported module becomes a function of its own, so names cannot clash; comments are left out.

    Raises
    ------
    BundleError
        If an import has a form that is not understood, or names a file or an export that does not exist.
    """
    parts: dict[str, str] = {}
    exports: dict[str, set[str]] = {}

    def visit(path: str) -> str:
        text = read(path)
        for found in _IMPORT.finditer(text):
            imported = posixpath.normpath(posixpath.join(posixpath.dirname(path), found["path"]))
            if imported not in exports:
                exports[imported] = set()
                if found["kind"] == "json":
                    parts[imported] = f"const {_variable(imported)} = {json.dumps(json.loads(read(imported)))};"
                else:
                    # `visit` first: a module stands behind those that it imports.
                    parts[imported] = _wrapped(imported, visit(imported), exports[imported])
            _check_names(path, found, imported, exports[imported])
        text = _IMPORT.sub(lambda found: _constants(path, found), text)
        if left := _LEFT.search(text):
            raise BundleError(f"{path}: the bundler does not understand {left[0].strip()!r}.")
        return text

    body = visit(entry)
    # Every page holds this text, so comments and indentation are left out.
    return _FOR_READERS.sub("", "\n".join([*parts.values(), body]))


def _check_names(path: str, found: re.Match[str], imported: str, exported: set[str]) -> None:
    is_whole = found["names"] is None
    if is_whole != (found["kind"] == "json"):
        raise BundleError(f"{path}: import names from a .js file, a whole value from a .json file: {found[0]!r}.")
    missing = set() if is_whole else {name.split(" as ")[0].strip() for name in found["names"].split(",")} - exported
    if missing:
        raise BundleError(f"{path}: {imported} does not export {', '.join(sorted(missing))}.")


def _constants(path: str, found: re.Match[str]) -> str:
    imported = posixpath.normpath(posixpath.join(posixpath.dirname(path), found["path"]))
    names = found["name"] or f"{{{found['names'].replace(' as ', ': ')}}}"
    return f"const {names} = {_variable(imported)};"


def _variable(path: str) -> str:
    return "$" + re.sub(r"\W", "_", path.rpartition(".")[0])


def _wrapped(path: str, text: str, exported: set[str]) -> str:
    names = [name for _, name in _EXPORT.findall(text)]
    exported.update(names)
    body = _EXPORT.sub(r"\1", text)
    return f"const {_variable(path)} = (() => {{\n{body}\nreturn {{{', '.join(names)}}};\n}})();"


@cache
def stylesheet(path: str) -> str:
    """Return a style sheet of ``idlmav/page/assets``."""
    return _read(path)
