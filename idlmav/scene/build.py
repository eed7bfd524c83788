"""
The scene: graph, layout and colours as plain columns that every renderer reads.

The browser's controller, the SVG and the PNG draw from the same dict, so they cannot differ. It holds what every view of
the model has in common; everything that a person changes (selection, folds, zoom) is in `idlmav.state`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from idlmav.graph import Graph, ModuleInfo, Node, Totals, format_shape, format_shapes
from idlmav.graph.text import flops_text, thousands
from idlmav.layout import Layout, columns, first_folds
from idlmav.layout.input.labels import node_label, node_sublabel
from idlmav.metrics.catalogue import category, docs_url
from idlmav.scene.constants import CONSTANTS
from idlmav.scene.palette import GRADIENT, Palette, ink

__all__ = [
    "METRICS",
    "NEVER_CALLED",
    "STATUS_COLORS",
    "Scene",
    "build_scene",
    "module_operation",
    "unreached_ids",
]

Scene = dict[str, Any]
"""
Everything that a renderer needs, JSON-able.

**Schema**

=================  ===========================================================================================
key                value
=================  ===========================================================================================
``geometry``       columns of nodes, groups and edges as `idlmav.layout.columns` describes them
``nodes``          one list per field, in the order of ``geometry.nodes.ids``; ``None`` if unknown
``groups``         one list per field, in the order of ``geometry.groups.ids``; ``one_param_count`` is that of one
                   block in a run of equal blocks, ``None`` for other groups
``tensors``        ``names`` of tensors, and for each of ``geometry.edges`` the index ``of`` the name of its tensor
``first_folds``    ids of the groups that are folded at first
``flow``           key of the variant of the layout (`idlmav.layout.variants.Variant.key`)
``latent``         id or path of the node or module at which the flow can turn, or ``""``
``flows``          for each other variant, by key: ``flow``, ``geometry``, ``groups``, ``tensors``, ``first_folds``;
                   ``None`` if a kernel computes them on demand
``colors``         for each categorical choice ``names``, ``colors``, ``inks`` and, per node, the index ``of`` its name
``gradient``       hex colours for numbers, from small to large; ``gradient_inks``: colours of texts on them
``docs``           by operation, the page of torch's reference, where there is one
``unreached``      modules that forward never called, one list per field, in the order of ``ids``
``summary``        name, inputs, ops, parameters and FLOPs as text
``totals``         name and inputs as text, `idlmav.graph.Totals` as numbers
``errors``         for each failure ``node``, ``message``, ``source``, ``code``
=================  ===========================================================================================
"""
METRICS: tuple[str, ...] = tuple(CONSTANTS["metrics"])
"""Numbers that colours and sizes can show."""
STATUS_COLORS = {"ran": "#99ddff", "failed": "#ee8866", "not_run": "#dddddd"}
NEVER_CALLED = "never called"
STATUS_NAMES = {"ran": "ran", "failed": "failed", "not_run": "not run"}


def build_scene(
    graph: Graph,
    layout: Layout,
    palette: Palette,
    *,
    flow: str = "down",
    latent: str = "",
    others: Mapping[str, Layout] | None = None,
) -> Scene:
    """
    Put everything that a renderer needs into plain columns.

    Parameters
    ----------
    graph : Graph
        With totals (`idlmav.metrics.totals.complete`).
    layout : Layout
        Of this graph, everything unfolded.
    palette : Palette
        The user's colours.
    flow : str
        Key of the layout's variant (`idlmav.layout.variants.Variant.key`).
    latent : str
        Id of the node, or path of the module, at which the flow can turn.
    others : mapping of str to Layout, optional
        The other variants, by key, that a picture without a kernel can switch to.

    Returns
    -------
    dict
        JSON-able; see `Scene`.
    """
    return {
        **_of_layout(graph, layout, flow),
        "latent": latent,
        "flows": None if others is None else {name: _of_layout(graph, x, name) for name, x in others.items()},
        "nodes": _node_columns(graph),
        "colors": _colors(graph.nodes, palette),
        "docs": _docs(graph.nodes),
        "gradient": list(GRADIENT),
        "gradient_inks": [ink(color) for color in GRADIENT],
        "unreached": _unreached_columns(graph),
        "summary": summary(graph),
        "totals": {"name": graph.name, "inputs": graph.inputs, **_numbers(graph.totals, Totals)},
        "errors": [
            {
                "node": failure.node,
                "message": f"{failure.kind}: {failure.message}",
                "source": failure.source or "",
                "code": failure.code or "",
            }
            for failure in graph.errors
        ],
    }


def _of_layout(graph: Graph, layout: Layout, flow: str) -> dict[str, Any]:
    return {
        "flow": flow,
        "geometry": columns(layout, graph),
        "groups": _group_columns(graph, layout),
        "tensors": _tensors(graph, layout),
        "first_folds": first_folds(layout),
    }


def _tensors(graph: Graph, layout: Layout) -> dict[str, list[Any]]:
    """Return the tensors of every edge, each text once, in the order of the layout's routes."""
    outputs = {(edge.source, edge.target): edge.outputs for edge in graph.edges}
    nodes = graph.node_by_id
    index: dict[str, int] = {}
    of = []
    for source, target in layout.routes:
        node = nodes[source]
        places = [place for place in outputs[source, target] if place < len(node.shapes)]
        texts = [f"{format_shape(node.shapes[place])} {node.dtypes[place]}" for place in places]
        of.append(index.setdefault(", ".join(texts), len(index)))
    return {"names": list(index), "of": of}


def _node_columns(graph: Graph) -> dict[str, list[Any]]:
    fields: dict[str, Callable[[Node], Any]] = {
        "label": node_label,
        "sublabel": node_sublabel,
        "kind": lambda node: node.kind,
        "path": lambda node: node.path,
        "op": lambda node: node.op,
        "operation": lambda node: node.operation,
        "category": lambda node: category(node.operation, node.op),
        "shape": lambda node: format_shapes(node.shapes),
        "dtype": lambda node: ", ".join(dict.fromkeys(node.dtypes)),
        "param_count": lambda node: node.param_count,
        "flops": lambda node: node.flops,
        "flops_source": lambda node: node.flops_source,
        "activation_bytes": lambda node: node.activation_bytes,
        "params": _parameter_texts(graph),
        "shares_params": lambda node: int(node.shares_params),
        "args": lambda node: node.args,
        "settings": _settings(graph),
        "status": lambda node: node.status,
        "error": lambda node: node.error,
        "source": lambda node: node.source,
        "notes": lambda node: ", ".join(node.notes),
    }
    return {name: [get(node) for node in graph.nodes] for name, get in fields.items()}


def _settings(graph: Graph) -> Callable[[Node], str]:
    """Return a function that gives a layer's ``extra_repr`` for the op that the layer itself runs."""
    known = {module.path: (module_operation(module), module.extra_repr) for module in graph.modules}

    def text(node: Node) -> str:
        operation, settings = known.get(node.path, ("", ""))
        return settings if operation == node.operation else ""

    return text


def _docs(nodes: Sequence[Node]) -> dict[str, str]:
    pages = {operation: docs_url(operation) for operation in dict.fromkeys(node.operation for node in nodes)}
    return {operation: page for operation, page in pages.items() if page is not None}


def _group_columns(graph: Graph, layout: Layout) -> dict[str, list[Any]]:
    ids = list(layout.groups)
    place = {group: i for i, group in enumerate(ids)}
    sums: dict[str, list[int]] = {
        name: [0] * len(ids) for name in (*METRICS, "op_count", "flops_estimated", "unknown_flops", "unknown_bytes")
    }
    failed = [False] * len(ids)
    for node in graph.nodes:
        group = layout.group_of.get(node.id, "")
        while group:
            i = place[group]
            for name in METRICS:
                sums[name][i] += getattr(node, name) or 0
            sums["op_count"][i] += 1
            sums["flops_estimated"][i] += (node.flops or 0) if node.flops_source == "estimated" else 0
            sums["unknown_flops"][i] += node.flops is None
            sums["unknown_bytes"][i] += node.activation_bytes is None
            failed[i] |= node.status == "failed"
            group = layout.groups[group].parent
    modules = [graph.module_by_path.get(layout.groups[group].path) for group in ids]
    return {
        "title": [layout.groups[group].title for group in ids],
        "path": [layout.groups[group].path for group in ids],
        "class_name": [module.class_name if module else "" for module in modules],
        "class_path": [module.class_path if module else "" for module in modules],
        "settings": [module.extra_repr if module else "" for module in modules],
        "kind": [layout.groups[group].kind for group in ids],
        "count": [layout.groups[group].count for group in ids],
        "failed": failed,
        # The module's own numbers; the ops in its frame may be the first to read parameters of others.
        "held": [_numbers(module, ModuleInfo) if module else None for module in modules],
        **sums,
        "one_param_count": _block_params(graph, layout),
    }


def _block_params(graph: Graph, layout: Layout) -> list[int | None]:
    """Return how many parameters the first block of every run is the first to read."""
    inside: dict[str, list[int]] = {name: [] for name, group in layout.groups.items() if group.kind != "module"}
    for node in graph.nodes:
        group = layout.group_of[node.id]
        while group:
            if group in inside:
                inside[group].append(node.param_count)
            group = layout.groups[group].parent
    return [
        sum(inside[name][: len(inside[name]) // group.count]) if name in inside else None
        for name, group in layout.groups.items()
    ]


_HELD = ("param_count", "trainable_count", "shared_count", "param_unknown", "param_bytes", "buffer_bytes")


def _numbers(record: Any, kind: type) -> dict[str, int]:
    """Return the numbers of a module or of the model that are shown."""
    names = _HELD if kind is ModuleInfo else [field.name for field in fields(kind)]
    return {name: getattr(record, name) for name in names}


def _parameter_texts(graph: Graph) -> Callable[[Node], str]:
    """Return a function that lists the parameters an op reads: shape, type, and whether frozen, shared or a buffer."""
    known = {}
    for parameter in graph.parameters:
        shape = "size not known yet" if parameter.shape is None else format_shape(parameter.shape)
        marks = ["buffer"] if parameter.buffer else [] if parameter.trainable else ["frozen"]
        marks += [f"shared with {', '.join(parameter.aliases)}"] if parameter.aliases else []
        known[parameter.name] = ", ".join([f"{shape} {parameter.dtype}", *marks])

    def text(node: Node) -> str:
        inside = f"{node.path}."
        return "; ".join([f"{name.removeprefix(inside)} {known.get(name, '')}" for name in node.params])

    return text


def unreached_ids(graph: Graph) -> list[str]:
    """Return an id for each of `Graph.unreached`: its path, with a mark if a node has that id."""
    return [f"{m.path} (module)" if m.path in graph.node_by_id else m.path for m in graph.unreached]


def _unreached_columns(graph: Graph) -> dict[str, list[Any]]:
    """Return the never called modules with the columns of nodes that a search reads."""
    modules = graph.unreached
    operations = [module_operation(module) for module in modules]
    same = {"label": "", "op": "", "kind": "module", "shape": "", "dtype": "", "flops": None, "activation_bytes": None}
    return {
        "ids": unreached_ids(graph),
        "path": [module.path for module in modules],
        "operation": operations,
        "category": [category(operation) for operation in operations],
        "param_count": [module.param_count for module in modules],
        "status": [NEVER_CALLED] * len(modules),
        "held": [_numbers(module, ModuleInfo) for module in modules],
        **{name: [value] * len(modules) for name, value in same.items()},
    }


def module_operation(module: ModuleInfo) -> str:
    """Return a module's class as the Operation column writes it."""
    return f"nn.{module.class_name}" if module.class_path.startswith("torch.nn.modules.") else module.class_name


def _colors(nodes: Sequence[Node], palette: Palette) -> dict[str, dict[str, list[Any]]]:
    by_name: dict[str, Callable[[Node], tuple[str, str]]] = {
        "operation": lambda node: (node.operation, palette.operation(node.operation, node.op)),
        "category": lambda node: _category(node, palette),
        "module": lambda node: _module(node, palette),
        "status": lambda node: (STATUS_NAMES[node.status], STATUS_COLORS[node.status]),
    }
    return {choice: _encode(get(node) for node in nodes) for choice, get in by_name.items()}


def _category(node: Node, palette: Palette) -> tuple[str, str]:
    name = category(node.operation, node.op)
    return name, palette.category(name)


def _module(node: Node, palette: Palette) -> tuple[str, str]:
    name = ".".join(node.path.split(".")[: 2 if node.path.partition(".")[2].partition(".")[0].isdigit() else 1])
    return name or "(model)", palette.name(name)


def _encode(pairs: Iterable[tuple[str, str]]) -> dict[str, list[Any]]:
    """Store each name once, with an index per node."""
    index: dict[str, int] = {}
    colors: list[str] = []
    of = []
    for name, color in pairs:
        if name not in index:
            index[name] = len(colors)
            colors.append(color)
        of.append(index[name])
    return {"names": list(index), "colors": colors, "inks": [ink(color) for color in colors], "of": of}


def summary(graph: Graph) -> dict[str, str]:
    """
    Describe the whole model in a few words.

    Returns
    -------
    dict of str to str
        ``name``, ``inputs``, ``ops``, ``params`` and ``flops``, which say how many are counted, measured and estimated,
        and for how many ops they are unknown, in the words of the page.
    """
    totals = graph.totals
    return {
        "name": graph.name,
        "inputs": graph.inputs,
        "ops": f"{thousands(totals.node_count)} {'op' if totals.node_count == 1 else 'ops'}",
        "params": f"{thousands(totals.param_count)} parameters",
        "flops": flops_text(totals),
    }
