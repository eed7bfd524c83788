"""
Remove the modules of Bokeh that a page never uses, which are more than half of them.

Bokeh and its extensions are bundles of modules, each a function that requires others by number or path. Some modules only
list others: they register all models by name, and documents ask for models by name. So a page needs of such a list the
models that its document names, and of all other modules what they require themselves.

The page of ResNet-18 has 0.69 MB instead of 1.17 MB. That costs these 250 lines, 0.8 s at the first save of a process and
0.05 s at each further one, in which less is compressed. A bundle that is built in another way than Bokeh 3.7 to 3.9 build
theirs is not recognised; then all libraries stay whole, and only the size of the page changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

__all__ = ["nested", "prune"]

_HEAD = re.compile(r'^(?:(\d+|"\w+"): )?function _\(([\w$,]*)\)\{', re.MULTILINE)
_TAIL = re.compile(r'^[\]}], (\d+|"\w+"), \{(.*?)\}, \{', re.MULTILINE)
_ALIAS = re.compile(r'"([^"]+)":(\d+|"\w+")')
_KEY = r'(\d+|"[^"]+")'
_REGISTERS = "register_models)("
_OWN = "@bokehjs/"
_BUNDLE = re.compile(r'"@bokehjs/|root\["Bokeh"\]|register_plugin\(')
"""Found only in Bokeh and its extensions."""
_DYNAMIC = re.compile(r"then\(\(?\(\)=>[^)]*\([^)]*\)")
"""Modules that are fetched on demand, such as WebGL; no page has them."""
_NEXT = "},\n"
"""Ends a module, and is found nowhere else."""
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of a list: its source, the id or path of the module, and the name it has there, or ``None`` for all."""

    text: str
    required: str
    name: str | None


@dataclass(frozen=True, slots=True)
class _Module:
    """
    One function of a bundle.

    Attributes
    ----------
    text : str
        Its source, with the separator behind it.
    requires : list of (str, str)
        The variable that holds a required module, or ``""``, and the id or path of that module.
    registered : set of str
        Those of `requires` whose models it registers.
    needs : set of str
        The modules that it requires as soon as it runs.
    head : str
        If it only lists modules, the source before the list.
    entries : list of _Entry
        Its list; empty if it does anything else.
    """

    text: str
    requires: list[tuple[str, str]]
    registered: set[str]
    needs: set[str]
    head: str
    entries: list[_Entry]


@dataclass(frozen=True, slots=True)
class _Bundle:
    """A script: the text before and after its modules, the modules by id, the first that runs, and ids by path."""

    around: tuple[str, str] = ("", "")
    modules: dict[str, _Module] = field(default_factory=dict)
    entry: str = ""
    aliases: dict[str, str] = field(default_factory=dict)


def prune(scripts: Sequence[str], docs: Any) -> list[str]:
    """
    Remove from Bokeh and its extensions the modules that Bokeh documents (as JSON) never use.

    Other scripts stay as they are; so do all scripts if a bundle is not built as expected.
    """
    bundles = {script: _parse(script) for script in scripts}
    used = _Used(list(bundles.values()), _names(docs))
    if used.lacks() or any(_BUNDLE.search(script) and not bundle.modules for script, bundle in bundles.items()):
        return list(scripts)
    return [used.shortened(bundles[script]) if bundles[script].modules else script for script in scripts]


class _Used:
    """
    The parts of all bundles that are needed.

    Attributes
    ----------
    kept : dict of str to set of str or None
        By module the names that are needed of it; ``None`` stands for all.
    """

    def __init__(self, bundles: Sequence[_Bundle], names: set[str]) -> None:
        self._modules = {key: module for bundle in bundles for key, module in bundle.modules.items()}
        self._aliases = {path: key for bundle in bundles for path, key in bundle.aliases.items()}
        self._names = names
        self.kept: dict[str, set[str] | None] = {}
        stack: list[tuple[str, set[str] | None]] = [(bundle.entry, None) for bundle in bundles if bundle.modules]
        while stack:
            key, wanted = stack.pop()
            before = self.kept.get(key, set())
            if before is None or (key in self.kept and wanted is not None and wanted <= before):
                continue
            self.kept[key] = None if wanted is None else before | wanted
            stack.extend(self._needed(self._modules[key], wanted))

    def lacks(self) -> bool:
        """Return whether a needed module requires one that no bundle has, which means that they were not understood."""
        return any(self._id(key) is None for kept in self.kept for key in self._modules[kept].needs)

    def has(self, entry: _Entry, wanted: set[str] | None) -> bool:
        """Return whether an entry of a list has one of the wanted names."""
        if wanted is None or entry.name is not None:
            return wanted is None or entry.name in wanted
        key = self._id(entry.required)
        if key is None or not self._modules[key].entries:
            # Its own exports, or those of others.
            return key is None or any(re.search(rf'\.{name}=|"{name}"', self._modules[key].text) for name in wanted)
        return any(self.has(inner, wanted) for inner in self._modules[key].entries)

    def shortened(self, bundle: _Bundle) -> str:
        """Return a bundle without the modules and entries that are not needed."""
        parts = []
        for key, module in bundle.modules.items():
            wanted = self.kept.get(key, set())
            if key not in self.kept:
                # Modules of an array are numbered by their places.
                parts.append(",\n" if module.text.startswith("function") else "")
            elif wanted is None or not module.entries:
                parts.append(module.text)
            else:
                left = [entry.text for entry in module.entries if self.has(entry, wanted)]
                parts.append(f"{module.head}{','.join(left)}{_NEXT}")
        return "".join([bundle.around[0], *parts, bundle.around[1]])

    def _id(self, required: str) -> str | None:
        path = required.removeprefix(_OWN)
        found = (required, self._aliases.get(path), self._aliases.get(f"{path}/index"))
        return next((key for key in found if key in self._modules), None)

    def _needed(self, module: _Module, wanted: set[str] | None) -> Iterator[tuple[str, set[str] | None]]:
        for entry in module.entries:
            if (key := self._id(entry.required)) is not None and self.has(entry, wanted):
                yield key, wanted if entry.name is None and self._modules[key].entries else None
        for variable, required in [] if module.entries else module.requires:
            if (key := self._id(required)) is None:
                continue
            if not self._modules[key].entries:
                yield key, None
            elif required in module.registered:
                yield key, self._names
            else:
                yield key, set(re.findall(rf"\b{re.escape(variable)}\.(\w+)", module.text)) if variable else None


def _names(docs: Any) -> set[str]:
    """Return the last part of every dotted name in documents, which include the names of all models."""
    texts = (text for text in nested(docs) if isinstance(text, str) and len(text) <= _LONGEST_NAME)
    names = {text.rpartition(".")[2] for text in texts}
    return {name for name in names if name.isidentifier() and name[0].isupper()}


def nested(value: Any) -> Iterator[Any]:
    """Yield a value of JSON and all values inside it, in the order of the text, in which Bokeh resolves ids."""
    stack = [value]
    while stack:
        item = stack.pop()
        yield item
        if isinstance(item, dict | list):
            stack.extend(reversed(list(item.values()) if isinstance(item, dict) else item))


@lru_cache(maxsize=16)
def _parse(script: str) -> _Bundle:
    """Find the modules of a script; none if it is not a bundle as expected."""
    heads, tail = list(_HEAD.finditer(script)), _TAIL.search(script)
    if not heads or tail is None:
        return _Bundle()
    ends = [*(head.start() for head in heads[1:]), tail.start()]
    modules = {
        (head[1] or str(number)).strip('"'): _module(head, script[head.start() : end])
        for number, (head, end) in enumerate(zip(heads, ends, strict=True))
    }
    aliases = {path: key.strip('"') for path, key in _ALIAS.findall(tail[2])}
    entry = tail[1].strip('"')
    known = {entry, *aliases.values()} <= modules.keys()
    if not known or any(_NEXT in module.text.rstrip(",\n") for module in modules.values()):
        return _Bundle()
    return _Bundle((script[: heads[0].start()], script[tail.start() :]), modules, entry, aliases)


def _module(found: re.Match[str], text: str) -> _Module:
    head, body = text[: found.end() - found.start()], text[found.end() - found.start() :]
    names = [re.escape(name) for name in found[2].split(",")]
    calls = re.findall(rf"(?:(?<![\w$.])([\w$]+)=)?(?<![\w$.]){names[0]}\({_KEY}\)(\.?)", body)
    requires = [("" if chained else variable, key.strip('"')) for variable, key, chained in calls]
    registered = re.findall(rf"__importStar\({names[0]}\({_KEY}\)\)", body) if _REGISTERS in body else []
    entries = _entries(body, names) if len(names) == 5 else []
    keys = {key.strip('"') for key in registered}
    own = _DYNAMIC.sub("", body)
    needs = (
        set(re.findall(rf'(?<![\w$.]){names[0]}\((?:"(?=[\w@]))?(\d+|[\w@./-]+(?="))"?\)', own)) if found[2] else set()
    )
    # Each module begins by marking its exports.
    return _Module(text, requires, keys, needs, f"{head}{names[-2]}();" if entries else head, entries)


def _entries(body: str, names: Sequence[str]) -> list[_Entry]:
    """Return the list of a module that does nothing else; `names` are its five arguments."""
    require, _, exports, mark, export = names
    call = rf"{require}\({_KEY}\)"
    statement = re.compile(
        rf"(?:{mark}\(\)|(?:{exports}\.\w+=)+void 0|(?:const |var )?(?P<held>[\w$]+)={call}|"
        rf'{export}\("(?P<name>\w+)",(?:{call}|(?P<of>[\w$]+))(?P<member>\.\w+)\)|'
        rf"(?P<star>(?:(?P<tslib>[\w$]+)|{call})\.__exportStar)\({call},{exports}\))[,;\n]*"
    )
    held: dict[str, str] = {}
    found: list[_Entry] = []
    at = 0
    while step := statement.match(body, at):
        at = step.end()
        if step["held"]:
            held[step["held"]] = step[2]
        elif step["name"]:
            if (key := step[4] or held.get(step["of"])) is None:
                return []
            text = f'{export}("{step["name"]}",{require}({key}){step["member"]})'
            found.append(_Entry(text, key.strip('"'), step["name"]))
        elif step["star"]:
            tslib, key = step[9] or held.get(step["tslib"]), step[10]
            if tslib is None:
                return []
            text = f"{require}({tslib}).__exportStar({require}({key}),{exports})"
            found.append(_Entry(text, key.strip('"'), None))
    return found if body[at:].strip(",\n") == "}" else []
