"""The browser-side modules, joined into the single module that a Panel component takes."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

__all__ = ["bundle", "stylesheet"]

_IMPORT = re.compile(r'^import \{ ?([^}]*?) ?\} from "\./(\w+)\.js";$', re.MULTILINE)
_FOR_READERS = re.compile(r"^ *//.*\n|^ +", re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const|let) (\w+))", re.MULTILINE)


def _read(name: str) -> str:
    return (files("idlmav") / "assets" / name).read_text("utf-8")


@cache
def bundle(entry: str) -> str:
    """
    Join a module and all that it imports into one module.

    Parameters
    ----------
    entry : str
        File name in ``idlmav/assets``. Its own exports are kept.

    Returns
    -------
    str
        JavaScript without imports; each imported module is a function of its own, so names cannot clash.
    """
    parts: dict[str, str] = {}

    def visit(name: str) -> str:
        text = _read(f"{name}.js")
        for _, imported in _IMPORT.findall(text):
            if imported not in parts:
                parts[imported] = ""
                parts[imported] = _wrapped(imported, visit(imported))
                # Behind what it needs.
                parts[imported] = parts.pop(imported)
        return _IMPORT.sub(r"const {\1} = $\2;", text)

    body = visit(entry.removesuffix(".js"))
    # Every page holds this text: what only people read stays behind.
    return _FOR_READERS.sub("", "\n".join([*parts.values(), body]))


def _wrapped(name: str, text: str) -> str:
    exported = ", ".join(found for _, found in _EXPORT.findall(text))
    body = _EXPORT.sub(r"\1", text)
    return f"const ${name} = (() => {{\n{body}\nreturn {{{exported}}};\n}})();"


@cache
def stylesheet(name: str) -> str:
    """Return a style sheet of ``idlmav/assets``."""
    return _read(name)
