"""Name the groups of runs: their ids, which no module path can be, and their titles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from idlmav.graph import Graph, ModuleInfo, Node
from idlmav.layout.input.labels import block_name, group_size, repeat_title
from idlmav.layout.input.repeats import Block
from idlmav.layout.result import Group

__all__ = ["name_repeats"]


def name_repeats(graph: Graph, given: Sequence[Group], blocks: Sequence[Block]) -> tuple[Group, ...]:
    """
    Make the groups of a model with those of runs among them.

    Parameters
    ----------
    graph : Graph
        The model.
    given : sequence of Group
        One for every module call, as `find_repeats` got them.
    blocks : sequence of Block
        What `find_repeats` returned.

    Returns
    -------
    tuple of Group
        One for every block. A run of ``layer.1`` to ``layer.5`` is ``layer.1..5``.
    """
    ids = [*(node.id for node in graph.nodes), *(group.id for group in given)]
    groups: list[Group] = []
    for block in blocks:
        parent = groups[block.parent].id if block.parent >= 0 else ""
        if block.kind == "module":
            groups.append(replace(given[block.group], parent=parent))
            continue
        if block.kind == "rest":
            title = f"{block.count} more"
        else:
            title = repeat_title(block.count, _name(graph, given, block), block.weight_sets)
        if block.group >= 0:
            group = given[block.group]
            title = f"{group.path.rpartition('.')[2]}: {title}"
        else:
            path = _range(ids[block.units[0]], ids[block.units[-1]])
            group = Group(id=path, path=path)
        size = group_size(title, cards=True)
        groups.append(replace(group, parent=parent, title=title, folded_size=size, kind=block.kind, count=block.count))
    return tuple(groups)


def _name(graph: Graph, given: Sequence[Group], block: Block) -> str:
    count = len(graph.nodes)
    parts: list[ModuleInfo | Node] = []
    for unit in block.units[: block.period]:
        path = given[unit - count].path if unit >= count else ""
        # A graph from a file need not list every module that it calls.
        known = graph.module_by_path.get(path, ModuleInfo(path=path, class_name=path.rpartition(".")[2]))
        parts.append(known if unit >= count else graph.nodes[unit])
    return block_name(parts)


def _range(first: str, last: str) -> str:
    """Return ``layer.1..5`` for ``layer.1`` and ``layer.5``: no module's path has an empty part."""
    end = 0
    for at, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            break
        if one in ".:":
            end = at + 1
    return f"{first}..{last[end:]}"
