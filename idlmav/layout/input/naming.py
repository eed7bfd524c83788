"""Name the groups of runs: their titles, and their ids, which no module path can equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from idlmav.graph import Graph, ModuleInfo, Node
from idlmav.layout.input.labels import block_name, group_size, repeat_title
from idlmav.layout.input.repeats import RunGroup
from idlmav.layout.result import Group

__all__ = ["name_repeats"]


def name_repeats(graph: Graph, given: Sequence[Group], found: Sequence[RunGroup]) -> tuple[Group, ...]:
    """
    Return the groups of a model with those of its runs: one for every group that `find_repeats` returned.

    `given` are the groups of its module calls. A run of ``layer.1`` to ``layer.5`` is ``layer.1..5``; a second one of
    these ends, such as a run of two blocks in a rest of one, is ``layer.1..5#2``.
    """
    ids = [*(node.id for node in graph.nodes), *(group.id for group in given)]
    taken = set(ids)
    groups: list[Group] = []
    for member in found:
        parent = groups[member.parent].id if member.parent >= 0 else ""
        if member.kind == "module":
            groups.append(replace(given[member.group], parent=parent))
            continue
        if member.kind == "rest":
            title = f"{member.count} more"
        else:
            title = repeat_title(member.count, _name(graph, given, member), member.weight_sets)
        if member.group >= 0:
            group = given[member.group]
            title = f"{group.path.rpartition('.')[2]}: {title}"
        else:
            path = name = _range(ids[member.units[0]], ids[member.units[-1]])
            number = 1
            while name in taken:
                number += 1
                name = f"{path}#{number}"
            taken.add(name)
            group = Group(id=name, path=path)
        size = group_size(title, cards=True)
        groups.append(
            replace(group, parent=parent, title=title, folded_size=size, kind=member.kind, count=member.count)
        )
    return tuple(groups)


def _name(graph: Graph, given: Sequence[Group], member: RunGroup) -> str:
    count = len(graph.nodes)
    parts: list[ModuleInfo | Node] = []
    for unit in member.units[: member.period]:
        path = given[unit - count].path if unit >= count else ""
        # A graph from a file need not list every module that it calls.
        module = graph.module_by_path.get(path, ModuleInfo(path=path, class_name=path.rpartition(".")[2]))
        parts.append(module if unit >= count else graph.nodes[unit])
    return block_name(parts)


def _range(first: str, last: str) -> str:
    """Return ``layer.1..5`` for ``layer.1`` and ``layer.5``; no module path has an empty part."""
    end = 0
    for at, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            break
        if one in ".:":
            end = at + 1
    return f"{first}..{last[end:]}"
