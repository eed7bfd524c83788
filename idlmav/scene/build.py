"""
The scene: graph, layout and colours as plain columns that every renderer reads.

The browser's controller, the SVG and the PNG draw from the same dict, so they cannot differ. It holds what every view of
the model has in common; everything that a person changes (selection, folds, zoom) is in `idlmav.state`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from operator import attrgetter
from typing import Any

from idlmav.graph import Graph, ModuleInfo, Node, format_shape, format_shapes
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
``notes``          what a reader has to know about the whole picture, such as that a part of it could not be drawn
``errors``         for each failure ``node``, ``message``, ``source``, ``code``
=================  ===========================================================================================
"""
METRICS: tuple[str, ...] = tuple(CONSTANTS["metrics"])
"""Numbers that colours and sizes can show."""
STATUS_COLORS = {"ran": "#99ddff", "failed": "#ee8866", "not_run": "#dddddd"}
NEVER_CALLED = "never called"


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
        "totals": {"name": graph.name, "inputs": graph.inputs, **asdict(graph.totals)},
        "notes": graph.info.get("notes", "").splitlines(),
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


_AS_CAPTURED = (
    "kind", "path", "op", "operation", "param_count", "flops", "flops_source", "activation_bytes", "args", "status",
    "error", "source",
)  # fmt: skip


def _node_columns(graph: Graph) -> dict[str, list[Any]]:
    fields: dict[str, Callable[[Node], Any]] = {
        **{name: attrgetter(name) for name in _AS_CAPTURED},
        "label": node_label,
        "sublabel": node_sublabel,
        "category": lambda node: category(node.operation, node.op),
        "shape": lambda node: format_shapes(node.shapes),
        "dtype": lambda node: ", ".join(dict.fromkeys(node.dtypes)),
        "params": _parameter_texts(graph),
        "shares_params": lambda node: int(node.shares_params),
        "settings": _settings(graph),
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
    groups = layout.groups.values()
    place = {group: i for i, group in enumerate(layout.groups)}
    sums: dict[str, list[int]] = {
        name: [0] * len(groups) for name in (*METRICS, "op_count", "flops_estimated", "unknown_flops", "unknown_bytes")
    }
    failed = [False] * len(groups)
    params: list[list[int]] = [[] for _ in groups]
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
            params[i].append(node.param_count)
            group = layout.groups[group].parent
    modules = [graph.module_by_path.get(group.path) for group in groups]
    return {
        "title": [group.title for group in groups],
        "path": [group.path for group in groups],
        "class_name": [module.class_name if module else "" for module in modules],
        "class_path": [module.class_path if module else "" for module in modules],
        "settings": [module.extra_repr if module else "" for module in modules],
        "kind": [group.kind for group in groups],
        "count": [group.count for group in groups],
        "failed": failed,
        # The module's own numbers; the ops in its frame may be the first to read parameters of others.
        "held": [_held(module) if module else None for module in modules],
        **sums,
        # The parameters that the first block of a run is the first to read.
        "one_param_count": [
            None if group.kind == "module" else sum(inside[: len(inside) // group.count])
            for group, inside in zip(groups, params, strict=True)
        ],
    }


_HELD = ("param_count", "trainable_count", "shared_count", "param_unknown", "param_bytes", "buffer_bytes")


def _held(module: ModuleInfo) -> dict[str, int]:
    """Return the numbers of a module that are shown."""
    return {name: getattr(module, name) for name in _HELD}


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


def _unreached_columns(graph: Graph) -> dict[str, list[Any]]:
    """Return the never called modules with the columns of nodes that a search reads."""
    modules = graph.unreached
    operations = [module_operation(module) for module in modules]
    same = {"label": "", "op": "", "kind": "module", "shape": "", "dtype": "", "flops": None, "activation_bytes": None}
    return {
        # A module's path, with a mark if a node has that id.
        "ids": [f"{m.path} (module)" if m.path in graph.node_by_id else m.path for m in modules],
        "path": [module.path for module in modules],
        "operation": operations,
        "category": [category(operation) for operation in operations],
        "param_count": [module.param_count for module in modules],
        "status": [NEVER_CALLED] * len(modules),
        "held": [_held(module) for module in modules],
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
        "status": lambda node: (node.status.replace("_", " "), STATUS_COLORS[node.status]),
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
