"""
The scene: graph, layout and colours as plain columns that every renderer reads.

The browser's controller, the SVG and the PNG draw from the same dict, so they cannot differ. It holds
what is true for every view of the model; what a person changes (selection, folds, zoom) is in
`idlmav.state`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from idlmav.graph import Graph, ModuleInfo, Node, Totals, format_shape, format_shapes
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
    "flops_text",
    "humane",
    "humane_bytes",
    "module_operation",
    "thousands",
    "unreached_ids",
]

Scene = dict[str, Any]
METRICS: tuple[str, ...] = tuple(CONSTANTS["metrics"])
"""Numbers that colour and size can show."""
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
        Name of the layout's flow (`idlmav.layout.variants.Flow.key`).
    latent : str
        Id or path of where the flow can turn.
    others : mapping of str to Layout, optional
        The other flows that the picture can be switched to without a kernel; ``None`` if there is one.

    Returns
    -------
    dict
        JSON-able.

        **Schema**

        ==============  ==============================================================================
        key             value
        ==============  ==============================================================================
        ``geometry``    columns of nodes, groups and edges as `idlmav.layout.columns` describes them
        ``nodes``       one list a field, in the order of ``geometry.nodes.ids``; ``None`` if unknown
        ``groups``      one list a field, in the order of ``geometry.groups.ids``; ``one_param_count`` is
                        that of one block in a run of blocks that are alike, ``None`` for other groups
        ``tensors``     ``names``, and for each of ``geometry.edges`` the index ``of`` the name of what flows there
        ``first_folds``  ids of the groups that are folded at first
        ``flow``        name of the flow that these are of
        ``latent``      id or path of where the flow can turn; empty for nowhere
        ``flows``       by name, ``flow``, ``geometry``, ``groups``, ``tensors``, ``first_folds`` of each other one; ``None`` if
                        Python is asked for them
        ``colors``      for each categorical choice ``names``, ``colors``, ``inks`` and, a node, the index
                        ``of`` its name
        ``gradient``    hex colours for numbers, small to large
        ``docs``        by operation, the page of torch's reference, where there is one
        ``unreached``   modules that forward never came to, one list a field, in the order of ``ids``
        ``summary``     name, inputs, ops, parameters and FLOPs as text, for pictures that nobody can ask
        ``totals``      name and inputs as text, `idlmav.graph.Totals` as numbers
        ``errors``      each failure: ``node``, ``message``, ``source``, ``code``
        ==============  ==============================================================================
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
    """Return what flows along every edge, each text once, in the order of the layout's routes."""
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
        # What the module holds, in contrast to what ops in this frame read first.
        "held": [_numbers(module, ModuleInfo) if module else None for module in modules],
        **sums,
        "one_param_count": _block_params(graph, layout),
    }


def _block_params(graph: Graph, layout: Layout) -> list[int | None]:
    """Return the parameters that the first block of every run reads first."""
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
    """Return the sums of a module or of the model that are shown."""
    names = _HELD if kind is ModuleInfo else [field.name for field in fields(kind)]
    return {name: getattr(record, name) for name in names}


def _parameter_texts(graph: Graph) -> Callable[[Node], str]:
    """Return a function that lists the parameters an op reads: shape, type, and what is special about each."""
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
    """Store each name once, with an index a node."""
    index: dict[str, int] = {}
    colors: list[str] = []
    of = []
    for name, color in pairs:
        if name not in index:
            index[name] = len(colors)
            colors.append(color)
        of.append(index[name])
    return {"names": list(index), "colors": colors, "inks": [ink(color) for color in colors], "of": of}


def humane(number: float, unit: str = "") -> str:
    """Write a number with three significant digits and k, M, G or T: ``humane(1.8e9, 'FLOPs')`` is ``'1.8 GFLOPs'``."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= factor:
            return f"{_digits(number / factor)} {prefix}{unit}"
    return f"{number:g} {unit}".rstrip()


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"


def humane_bytes(count: float) -> str:
    """Write a number of bytes with binary units: ``humane_bytes(46755328)`` is ``'44.6 MiB'``."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{_digits(value)} {unit}"
        value /= 1024
    return f"{_digits(value)} TiB"


def thousands(number: int) -> str:
    """Write an integer with its thousands separated by narrow no-break spaces."""
    return f"{number:,}".replace(",", "\u202f")


def summary(graph: Graph) -> dict[str, str]:
    """
    Describe the whole model in a few words.

    Returns
    -------
    dict of str to str
        ``name``, ``inputs``, ``ops``, ``params`` and ``flops``, which say what is counted, measured, estimated and
        of how many ops they are unknown, as the browser does.
    """
    totals = graph.totals
    return {
        "name": graph.name,
        "inputs": graph.inputs,
        "ops": f"{thousands(totals.node_count)} {'op' if totals.node_count == 1 else 'ops'}",
        "params": f"{thousands(totals.param_count)} parameters",
        "flops": flops_text(totals),
    }


def flops_text(totals: Totals, unit: str = "FLOPs", per: int = 1, *, hidden: bool = False) -> str:
    """Write the sum of FLOPs in a unit of `per` FLOPs, with the estimates or with these hidden."""
    unknown = totals.flops_unknown
    missing = f", {thousands(unknown)} {'op' if unknown == 1 else 'ops'} unknown" if unknown else ""
    named = {"counted": totals.flops, "measured": totals.flops_measured}
    if not hidden:
        named["estimated"] = totals.flops_estimated
    parts = [(name, value) for name, value in named.items() if value]
    if unknown and not parts:
        return f"? {unit}{missing}"
    parts = parts or [("counted", 0)]
    texts = [f"{humane(value / per, '' if i else unit)} {name}" for i, (name, value) in enumerate(parts)]
    return ("\u2265 " if unknown else "") + " + ".join(texts) + missing
