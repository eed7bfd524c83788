"""FLOPs or MACs, with estimates or without, as ``assets/detail/compute.js`` shows them (a test compares)."""

from __future__ import annotations

from typing import Any

from idlmav.graph.modules import Totals
from idlmav.graph.text import flops_text
from idlmav.scene.build import Scene
from idlmav.state import COMPUTE_UNITS

__all__ = ["shown_compute"]


def shown_compute(scene: Scene, compute_unit: str, estimates: str) -> Scene:
    """Return a scene with the numbers that are shown, and under ``compute`` how many FLOPs the number 1 stands for."""
    hidden, per = estimates == "hidden", 2 if compute_unit == "macs" else 1
    nodes, groups = scene["nodes"], scene["groups"]
    of_nodes = [
        None if flops is None or (hidden and source == "estimated") else flops / per
        for flops, source in zip(nodes["flops"], nodes["flops_source"], strict=True)
    ]
    of_groups = []
    for flops, estimated, unknown in zip(
        groups["flops"], groups["flops_estimated"], groups["unknown_flops"], strict=True
    ):
        known = (flops - (estimated if hidden else 0)) / per
        of_groups.append(known if known or not unknown else None)
    numbers: dict[str, Any] = {name: value for name, value in scene["totals"].items() if name not in ("name", "inputs")}
    text = flops_text(Totals(**numbers), COMPUTE_UNITS[compute_unit], per, hidden=hidden)
    return {
        **scene,
        "nodes": {**nodes, "flops": of_nodes},
        "groups": {**groups, "flops": of_groups},
        "summary": {**scene["summary"], "flops": text},
        "compute": {"per": per},
    }
