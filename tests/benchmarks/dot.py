"""Graphviz's layout of a graph, for comparison."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

__all__ = ["lay_out_with_dot"]

_RANK_GAP, _NODE_GAP = 30, 20
"""Px; `dot` counts 72 to an inch."""
_PIECES = 12
"""Straight lines that stand for one Bezier curve."""
_Curve = list[list[float]]


def lay_out_with_dot(graph: dict[str, Any], timeout: float = 20.0) -> dict[str, Any] | str:
    """
    Lay a flat graph out with `dot`.

    Parameters
    ----------
    graph : dict
        ``nodes`` with ``w`` and ``h`` in px, ``edges`` as pairs of numbers.
    timeout : float
        Seconds.

    Returns
    -------
    dict or str
        ``nodes``, the centres, and ``edges``, polylines in the order of the graph's, y downwards; or why there is none.
    """
    program = shutil.which("dot")
    if program is None:
        return "dot is not installed"
    lines = [f"digraph {{ nodesep={_NODE_GAP / 72}; ranksep={_RANK_GAP / 72}; node [shape=box fixedsize=true label=x];"]
    lines += [f"{i} [width={node['w'] / 72} height={node['h'] / 72}];" for i, node in enumerate(graph["nodes"])]
    lines += [f"{source} -> {target} [arrowhead=none];" for source, target in graph["edges"]]
    try:
        done = subprocess.run(
            [program, "-Tjson"],
            input="\n".join([*lines, "}"]),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return f"dot gave nothing in {timeout:.0f} s"
    except subprocess.CalledProcessError as failure:
        return f"dot failed: {failure.stderr.strip()[:80]}"
    drawn = json.loads(done.stdout)
    number = {item["_gvid"]: int(item["name"]) for item in drawn["objects"]}
    centres = {int(item["name"]): _point(item["pos"]) for item in drawn["objects"]}
    routes: dict[tuple[int, int], _Curve] = {}
    for edge in drawn["edges"]:
        ends = number[edge["tail"]], number[edge["head"]]
        routes[ends] = _flattened([_point(pair) for pair in edge["pos"].split()])
    return {
        "nodes": [centres[node] for node in range(len(graph["nodes"]))],
        "edges": [routes[source, target] for source, target in graph["edges"]],
    }


def _point(text: str) -> list[float]:
    x, y = map(float, text.split(","))
    return [x, -y]


def _flattened(points: _Curve) -> _Curve:
    """Return a polyline along a chain of cubic Bezier curves."""
    found = [points[0]]
    for first in range(0, len(points) - 3, 3):
        a, b, c, d = points[first : first + 4]
        for step in range(1, _PIECES + 1):
            t = step / _PIECES
            weights = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3
            found.append([sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True)) for axis in (0, 1)])
    return found
