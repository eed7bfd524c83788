"""
The graph of a model: frozen values without any third-party type.

Everything after capture (metrics, layout, scene, views) reads these classes only, so a saved graph
opens in an interpreter that has no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from idlmav.graph.modules import ModuleInfo, ParameterInfo, Totals

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Call", "Edge", "Failure", "FlopsSource", "Graph", "ModuleInfo", "Node", "ParameterInfo", "Shape", "Status", "Totals",
]  # fmt: skip

Shape = tuple[int | None, ...]
"""Sizes of one tensor; ``None`` stands for a size that is not known."""
Status = Literal["ran", "failed", "not_run"]
FlopsSource = Literal["counted", "estimated", "measured", "unknown"]
Kind = Literal["op", "input", "output"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """
    One op that the model's forward pass calls, one of its inputs, or its output.

    Attributes
    ----------
    id : str
        Unique and stable: ``"layer1.0.conv1"`` for a layer's op, ``"layer1.0:add"`` for an op that a module calls
        by itself, with ``"#2"`` for the second of a name.
    kind : {'op', 'input', 'output'}
        What the node stands for.
    op : str
        Name of the torch function: ``"conv2d"``, ``"add"``; ``"input"`` or ``"output"`` for the other kinds.
    operation : str
        The text of the Operation column: ``"nn.Conv2d"`` for a torch.nn layer, ``"add()"`` for a function.
    path : str
        Qualified path of the innermost module that called the op; ``""`` is the model itself.
    call : int or None
        Index into `Graph.calls` of the module call in which the op ran. ``None`` for inputs and outputs.
    shapes, dtypes : tuple
        Of each output tensor. A shape is ``None`` if not even the number of dimensions is known.
    params : tuple of str
        Names of the parameters and buffers the op reads (keys into `Graph.parameters`).
    args : str
        The other arguments as the user would write them, such as ``"stride=(2, 2), padding=(3, 3)"``.
    flops : int or None
        One multiply-add counts as 2. ``None`` if unknown.
    flops_source : {'counted', 'estimated', 'measured', 'unknown'}
        How `flops` came about: by torch's formulas (or the op only moves data: 0), by ours
        (`idlmav.metrics.flops`), by counting what a part did that had to run for real, or not at all.
    param_count : int
        Elements in the parameters first used by this op; a shared parameter is counted at its first use.
    shares_params : bool
        Whether the op reads parameters that an earlier op has read already.
    activation_bytes : int or None
        Bytes of all outputs that are new memory; ``None`` if a size is unknown.
    status : {'ran', 'failed', 'not_run'}
        Whether the op was executed (on shapes), raised, or follows a failure.
    error : str or None
        Message of the exception, with its type: ``"RuntimeError: shape ..."``.
    source : str or None
        Line of the user's code, ``"file:line"``.
    notes : tuple of str
        What a reader should know: ``"inplace"``, ``"constant"``, ``"guess"`` (of a data-dependent decision).
    """

    id: str
    kind: Kind = "op"
    op: str
    operation: str
    path: str = ""
    call: int | None = None
    shapes: tuple[Shape | None, ...] = ()
    dtypes: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    args: str = ""
    flops: int | None = None
    flops_source: FlopsSource = "unknown"
    param_count: int = 0
    shares_params: bool = False
    activation_bytes: int | None = None
    status: Status = "ran"
    error: str | None = None
    source: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """Tensors that flow from one node to another; `outputs` are the indices of the source's outputs."""

    source: str
    target: str
    outputs: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Call:
    """
    One call of a module.

    Attributes
    ----------
    path : str
        The module's qualified path.
    number : int
        1 for the module's first call, 2 for the second, ...
    parent : int or None
        Index of the call in which this one happened; ``None`` for the model's own call.
    """

    path: str
    number: int = 1
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """
    An error in the user's model, once.

    Attributes
    ----------
    node : str or None
        Id of the op at which it was raised; ``None`` if no op was running.
    path : str
        Module in which it was raised.
    kind : str
        Class of the exception, ``"RuntimeError"``.
    message : str
        Its text.
    source : str or None
        ``"file:line"`` of the user's code.
    code : str or None
        Text of that line; ``None`` if its file cannot be read.
    """

    node: str | None
    path: str
    kind: str
    message: str
    source: str | None = None
    code: str | None = None


@dataclass(frozen=True, kw_only=True)
class Graph:
    """
    A captured model.

    Attributes
    ----------
    name : str
        Class name of the model.
    nodes : tuple of Node
        In the order of execution, inputs first.
    edges : tuple of Edge
        Each pair of source and target once; every edge points from an earlier node to a later one.
    modules : tuple of ModuleInfo
        The module tree, parents before children.
    calls : tuple of Call
        The module calls, parents before children.
    parameters : tuple of ParameterInfo
        Every parameter and buffer once.
    errors : tuple of Failure
        What went wrong while the model ran, in order.
    totals : Totals
        Sums over the whole model.
    inputs : str
        What was fed, as text: ``"x: (1, 3, 224, 224) float32"``.
    info : mapping of str to str
        Anything else worth keeping, such as torch's version.
    """

    name: str
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    modules: tuple[ModuleInfo, ...] = ()
    calls: tuple[Call, ...] = ()
    parameters: tuple[ParameterInfo, ...] = ()
    errors: tuple[Failure, ...] = ()
    totals: Totals = field(default_factory=Totals)
    inputs: str = ""
    info: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def node_by_id(self) -> dict[str, Node]:
        """Every node under its id."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def module_by_path(self) -> dict[str, ModuleInfo]:
        """Every module under its path."""
        return {module.path: module for module in self.modules}

    @cached_property
    def sources(self) -> dict[str, tuple[str, ...]]:
        """Ids of the nodes that each node reads from."""
        return self._neighbours((edge.target, edge.source) for edge in self.edges)

    @cached_property
    def targets(self) -> dict[str, tuple[str, ...]]:
        """Ids of the nodes that read from each node."""
        return self._neighbours((edge.source, edge.target) for edge in self.edges)

    @cached_property
    def unreached(self) -> tuple[ModuleInfo, ...]:
        """The modules that forward never came to; containers, which have no forward, are left out."""
        return tuple(module for module in self.modules if not module.reached and not module.container)

    def _neighbours(self, pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {node.id: [] for node in self.nodes}
        for node, other in pairs:
            found[node].append(other)
        return {node: tuple(others) for node, others in found.items()}

    def call_chain(self, node: Node) -> Iterator[Call]:
        """Yield the module calls around a node, innermost first."""
        index = node.call
        while index is not None:
            call = self.calls[index]
            yield call
            index = call.parent

    def to_frame(self) -> pd.DataFrame:
        """
        Return the nodes as a table.

        Returns
        -------
        pandas.DataFrame
            One row a node, in the order of execution, indexed by ``id``.

            **Schema**

            ==================  ========  =====================================================
            column              dtype     meaning
            ==================  ========  =====================================================
            ``path``            str       module that called the op
            ``op``              str       torch function
            ``operation``       str       layer class or function, as in the Operation column
            ``output_shape``    str       sizes of the outputs, ``?`` where unknown
            ``dtype``           str       of the outputs
            ``param_count``     int64     elements in the parameters first used here
            ``flops``           Int64     one multiply-add is 2; missing if unknown
            ``flops_source``    str       counted, estimated, measured or unknown
            ``activation_bytes``  Int64   bytes of the outputs; missing if unknown
            ``status``          str       ran, failed or not_run
            ``error``           object    message, or ``None``
            ``source``          object    ``file:line`` of the user's code, or ``None``
            ==================  ========  =====================================================
        """
        import pandas as pd

        nodes = self.nodes
        index = pd.Index([node.id for node in nodes], name="id")
        columns = {
            "path": [node.path for node in nodes],
            "op": [node.op for node in nodes],
            "operation": [node.operation for node in nodes],
            "output_shape": [format_shapes(node.shapes) for node in nodes],
            "dtype": [", ".join(dict.fromkeys(node.dtypes)) for node in nodes],
            "param_count": pd.array([node.param_count for node in nodes], dtype="int64"),
            "flops": pd.array([node.flops for node in nodes], dtype="Int64"),
            "flops_source": [node.flops_source for node in nodes],
            "activation_bytes": pd.array([node.activation_bytes for node in nodes], dtype="Int64"),
            "status": [node.status for node in nodes],
            # A bare array of texts and None would become a column of texts and NaN.
            "error": pd.Series([node.error for node in nodes], index=index, dtype=object),
            "source": pd.Series([node.source for node in nodes], index=index, dtype=object),
        }
        return pd.DataFrame(columns, index=index)


def format_shape(shape: Shape | None) -> str:
    """Write one shape as ``(2, 64, ?)``; ``?`` alone if the number of dimensions is unknown."""
    if shape is None:
        return "?"
    sizes = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({sizes},)" if len(shape) == 1 else f"({sizes})"


def format_shapes(shapes: Iterable[Shape | None]) -> str:
    """Write the shapes of all outputs, separated by commas."""
    return ", ".join(format_shape(shape) for shape in shapes)
