"""
Leaves out of the libraries in a page what it never uses, which is more than half of them.

Bokeh and its extensions are joined from modules, each a function that says what it requires. Lists of modules register
all models by name, and only documents ask for a name. So of such a list a page needs what its documents name, and else
what these modules require themselves.
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
"""Only in scripts that are Bokeh or extend it."""
_DYNAMIC = re.compile(r"then\(\(?\(\)=>[^)]*\([^)]*\)")
"""What is fetched when it is needed, such as WebGL; it is in no page."""
_NEXT = "},\n"
"""Between two modules, and nowhere else."""
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a list says of a module: its source, which module, and the name it has there, or ``None`` for all."""

    text: str
    required: str
    name: str | None


@dataclass(frozen=True, slots=True)
class _Module:
    """
    One function of a bundle.

    Attributes
    ----------
    start, end : int
        Where it is in its script.
    text : str
        Its source.
    requires : list of (str, str)
        The variable that holds what is required, or nothing if none does, and how that is called.
    registered : set of str
        Of these the lists whose models it registers.
    needs : set of str
        What it requires as soon as it runs.
    head : str
        If it only lists modules, how it begins.
    entries : list of _Entry
        What it lists; nothing if it does anything else.
    """

    start: int
    end: int
    text: str
    requires: list[tuple[str, str]]
    registered: set[str]
    needs: set[str]
    head: str
    entries: list[_Entry]


@dataclass(frozen=True, slots=True)
class _Bundle:
    """The modules of a script by id, the first to run, and ids by path."""

    modules: dict[str, _Module] = field(default_factory=dict)
    entry: str = ""
    aliases: dict[str, str] = field(default_factory=dict)


def prune(scripts: Sequence[str], docs: Any) -> list[str]:
    """
    Leave out the modules that documents never use.

    Parameters
    ----------
    scripts : sequence of str
        Bokeh, its extensions, and others, which stay as they are.
    docs : nested dicts and lists
        Bokeh documents as JSON.

    Returns
    -------
    list of str
        As many scripts; the same ones if they are not built as expected.
    """
    bundles = [_parse(script) for script in scripts]
    if any(_BUNDLE.search(script) and not bundle.modules for script, bundle in zip(scripts, bundles, strict=True)):
        return list(scripts)
    used = _Used(bundles, _names(docs))
    if used.lacks():
        return list(scripts)
    return [_without(script, bundle, used) for script, bundle in zip(scripts, bundles, strict=True)]


class _Used:
    """
    What is needed of the modules in all bundles.

    Attributes
    ----------
    kept : dict of str to set of str or None
        Of each module that is needed the names that are; ``None`` stands for all.
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
        """Whether a module that is needed requires one that is in no bundle, so that these were not understood."""
        return any(self._id(key) is None for kept in self.kept for key in self._modules[kept].needs)

    def has(self, entry: _Entry, wanted: set[str] | None) -> bool:
        """Whether an entry of a list has one of the names that are wanted of it."""
        if wanted is None or entry.name is not None:
            return wanted is None or entry.name in wanted
        key = self._id(entry.required)
        if key is None or not self._modules[key].entries:
            # What it exports itself, or from others.
            return key is None or any(re.search(rf'\.{name}=|"{name}"', self._modules[key].text) for name in wanted)
        return any(self.has(inner, wanted) for inner in self._modules[key].entries)

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
    """Return what stands behind the last dot of every short text in documents: among them is every model's name."""
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


def _without(script: str, bundle: _Bundle, used: _Used) -> str:
    parts, at = [], 0
    for key, module in bundle.modules.items():
        parts.append(script[at : module.start])
        at = module.end
        wanted = used.kept.get(key, set())
        if key not in used.kept:
            # Modules without ids are counted: one that is left out leaves a hole.
            parts.append(",\n" if script.startswith("function", module.start) else "")
        elif wanted is None or not module.entries:
            parts.append(module.text)
        else:
            parts.append(
                module.head + ",".join(entry.text for entry in module.entries if used.has(entry, wanted)) + "},\n"
            )
    return "".join([*parts, script[at:]])


@lru_cache(maxsize=16)
def _parse(script: str) -> _Bundle:
    """Find the modules of a script; none if it is not made of such."""
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
    return _Bundle(modules, entry, aliases)


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
    # As in every module: what it exports is marked first.
    return _Module(
        start=found.start(),
        end=found.start() + len(text),
        text=text,
        requires=requires,
        registered=keys,
        needs=needs,
        head=f"{head}{names[-2]}();" if entries else head,
        entries=entries,
    )


def _entries(body: str, names: Sequence[str]) -> list[_Entry]:
    """Return what a module lists that does nothing else; names are those of its five arguments."""
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
