"""
The graph of a model: frozen values without any third-party type.

Everything after capture (metrics, layout, scene, views) reads these classes only, so a saved graph
opens where torch is not installed.
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
        The other arguments as Python code: ``"stride=(2, 2), padding=(3, 3)"``.
    flops : int or None
        One multiply-add counts as 2. ``None`` if unknown.
    flops_source : {'counted', 'estimated', 'measured', 'unknown'}
        Source of `flops`: torch's formulas (or 0 for an op that only moves data), our formulas
        (`idlmav.metrics.flops`), a count while the op was executed, or none.
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
        Remarks: ``"inplace"``, ``"constant"``, ``"guess"`` (the op depends on a guessed value), ...
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
    """Tensors that one node reads from another; `outputs` are the indices of the source's outputs."""

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


@dataclass(frozen=True, kw_only=True, repr=False)
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
        The errors raised while the model ran, in order.
    totals : Totals
        Sums over the whole model.
    inputs : str
        The inputs of the captured run as text: ``"x: (1, 3, 224, 224) float32"``.
    info : mapping of str to str
        Other facts, such as torch's version.
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
        """The modules that the forward pass never used; containers, which have no ``forward``, are left out."""
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
        from idlmav.graph.frame import nodes_frame

        return nodes_frame(self)

    def modules_frame(self) -> pd.DataFrame:
        """
        Return the modules as a table.

        Returns
        -------
        pandas.DataFrame
            One row a module, in the order of the tree, indexed by ``path``; the model itself is ``""``. Numbers are
            sums over the module and all below it, in which a shared parameter counts once, if not said otherwise.

            **Schema**

            ====================  ========  ============================================================
            column                dtype     meaning
            ====================  ========  ============================================================
            ``name``              str       last part of the path; the name of the model in the first row
            ``class_name``        str       ``"Conv2d"``
            ``depth``             int64     0 for the model, 1 for its children
            ``output_shape``      str       of the tensors that leave its first call; ``?`` for unknown sizes
            ``own_param_count``   int64     elements held by the module itself, shared ones in the first row
                                            that holds them: the column sums to the total
            ``param_count``       int64     elements
            ``trainable_count``   int64     elements that require a gradient
            ``param_share``       float64   `param_count` as a part of the whole model's, 0 to 1
            ``weight_bytes``      int64     bytes of parameters and buffers
            ``activation_bytes``  int64     bytes of new memory, as far as known
            ``flops``             int64     the sum of the next three; a lower bound if some are unknown
            ``flops_counted``     int64     FLOPs by torch's formulas; one multiply-add is 2
            ``flops_estimated``   int64     FLOPs by idlmav's formulas
            ``flops_measured``    int64     FLOPs counted while a part was executed
            ``flops_unknown``     int64     number of ops with unknown FLOPs
            ``flops_share``       float64   `flops` as a part of the whole model's, 0 to 1
            ``calls``             int64     how often the module was called; 0 for containers
            ``status``            str       ran, failed, not_run (after a failure) or never called
            ====================  ========  ============================================================
        """
        from idlmav.graph.frame import modules_frame

        return modules_frame(self)

    def summary(self, depth: int | None = None, *, width: int = 100) -> str:
        """
        Return a table of the modules as text, with totals; ``print(graph)`` shows it, too.

        Parameters
        ----------
        depth : int, optional
            Number of levels below the model that are shown; all by default.
        width : int
            Columns of the text; long names, classes and shapes are cut to fit, down to 12 letters.

        Returns
        -------
        str
            Name, class, output shape, parameters, their share and FLOPs of each module. As in the page, ``~`` marks
            FLOPs that are estimated and ``>=`` sums with ops of unknown FLOPs.
        """
        from idlmav.graph.summary import summary

        return summary(self, depth, width)

    def __repr__(self) -> str:
        return f"<Graph of {self.name}: {len(self.nodes)} nodes, {len(self.modules)} modules>"

    def __str__(self) -> str:
        return self.summary()
