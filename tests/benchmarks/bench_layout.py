"""
Measure the layout of a directory of graphs, flat, with all groups open, and folded.

``python tests/benchmarks/bench_layout.py --graphs DIR --metrics metrics.py [--only NAME]`` prints one line a graph and
form. DIR holds JSON files with ``nodes`` (w, h, path), ``edges`` (pairs of node numbers, source first) and ``n``;
metrics.py has ``evaluate(graph, layout)`` and ``evaluate_groups(graph, layout)``.
"""

from __future__ import annotations

import argparse
import heapq
import importlib.util
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idlmav.layout import Layout, Network, fold, lay_out_network, network_of_paths

ZEROS = ("edge_node", "node_node", "edge_edge", "against", "outside", "foreign", "overlap", "edge_group")
SHOWN = ("crossings", "spine_straight", "forkjoin", "ink_rel", "area_rel")
HEAVY = 5_000
"""From this many nodes on, only the time is taken."""


@dataclass(frozen=True)
class Bar:
    """What a graph must reach, flat."""

    crossings: int
    forkjoin: float = 0.85


BARS = {
    **dict.fromkeys(("resnet18", "resnet50", "resnet152", "inception_v3", "vit_b_16"), Bar(0, 1.0)),
    "unet": Bar(0, 1.0),
    "gpt2_12": Bar(8),
    "hrnet_w18": Bar(77),
    "densenet201": Bar(850),
}


def network(graph: dict[str, Any], grouped: bool) -> Network:
    """Turn the JSON form into a network."""
    nodes = graph["nodes"]
    return network_of_paths(
        [str(number) for number in range(graph["n"])],
        [(node["w"], node["h"]) for node in nodes],
        [(source, target) for source, target in graph["edges"]],
        [node["path"] if grouped else "" for node in nodes],
    )


def as_measured(graph: dict[str, Any], layout: Layout) -> dict[str, Any]:
    """Return a layout in the form that the metrics take."""
    return {
        "nodes": [[x + width / 2, y + height / 2] for x, y, width, height in layout.boxes.values()],
        "edges": [[list(point) for point in layout.routes[str(a), str(b)]] for a, b in graph["edges"]],
        "groups": {name: list(frame) for name, frame in layout.frames.items()},
    }


def fresh(layout: Layout, folded: Layout) -> Layout:
    """Lay the visible part of a folded layout out anew."""
    first: dict[str, int] = {}
    for number, node in enumerate(layout.boxes):
        first[node] = number
        name = layout.group_of[node]
        while name:
            first.setdefault(name, number)
            name = layout.groups[name].parent
    waiting = dict.fromkeys(folded.boxes, 0)
    following: dict[str, list[str]] = {name: [] for name in folded.boxes}
    for source, target in folded.routes:
        waiting[target] += 1
        following[source].append(target)
    free = [(first[name], name) for name, count in waiting.items() if not count]
    heapq.heapify(free)
    order = []
    while free:
        _, name = heapq.heappop(free)
        order.append(name)
        for after in following[name]:
            waiting[after] -= 1
            if not waiting[after]:
                heapq.heappush(free, (first[after], after))
    index = {name: number for number, name in enumerate(order)}
    groups = tuple(group for name, group in layout.groups.items() if name in folded.frames)
    number_of = {group.id: number for number, group in enumerate(groups)}
    parents = [layout.groups[n].parent if n in layout.groups else layout.group_of[n] for n in order]
    return lay_out_network(
        Network(
            ids=tuple(order),
            sizes=tuple(layout.groups[n].folded_size if n in layout.groups else layout.boxes[n][2:] for n in order),
            edges=tuple((index[source], index[target]) for source, target in folded.routes),
            groups=groups,
            group_of=tuple(number_of.get(parent, -1) for parent in parents),
        )
    )


def measure(graph: dict[str, Any], metrics: Any, grouped: bool) -> tuple[dict[str, Any], Layout]:
    """Lay a graph out three times; return the metrics with the best time, and the layout."""
    best = float("inf")
    for _ in range(3 if graph["n"] < HEAVY else 1):
        start = time.perf_counter()
        layout = lay_out_network(network(graph, grouped))
        best = min(best, time.perf_counter() - start)
    row: dict[str, Any] = {"seconds": round(best, 3)}
    if graph["n"] < HEAVY:
        measured = as_measured(graph, layout)
        row.update(metrics.evaluate(graph, measured))
        if grouped:
            row.update(metrics.evaluate_groups(graph, measured))
    return row, layout


def folded_areas(layout: Layout) -> str:
    """Compare the area after folding every level of groups with that of a fresh layout."""
    depth: dict[str, int] = {}
    for name, group in layout.groups.items():
        depth[name] = depth.get(group.parent, 0) + 1
    found = []
    for level in sorted(set(depth.values())):
        start = time.perf_counter()
        folded = fold(layout, [name for name in depth if depth[name] == level])
        seconds = time.perf_counter() - start
        other = fresh(layout, folded)
        ratio = folded.width * folded.height / (other.width * other.height)
        found.append(f"level {level}: {ratio:.2f} ({len(folded.boxes)} boxes, {1000 * seconds:.0f} ms)")
    return ", ".join(found)


def missed(name: str, row: dict[str, Any], grouped: bool) -> list[str]:
    """Return the bars that a graph misses."""
    found = [key for key in ZEROS if row.get(key)]
    if grouped or "crossings" not in row:
        return found
    bar = BARS.get(name)
    found += ["spine_straight"] if row["spine_straight"] < 1.0 else []
    if bar and row["crossings"] > bar.crossings:
        found.append(f"crossings > {bar.crossings}")
    if bar and row["forkjoin"] < bar.forkjoin:
        found.append(f"forkjoin < {bar.forkjoin}")
    return found


def main() -> int:
    """Print the table; the number of missed bars is the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=Path, required=True)
    parser.add_argument("--metrics", type=Path, required=True)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    spec = importlib.util.spec_from_file_location("metrics", arguments.metrics)
    assert spec
    assert spec.loader
    metrics = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(metrics)
    failures = 0
    for path in sorted(arguments.graphs.glob("*.json")):
        if arguments.only not in path.stem:
            continue
        graph = json.loads(path.read_text(encoding="utf-8"))
        for grouped in (False, True):
            row, layout = measure(graph, metrics, grouped)
            wrong = missed(graph["name"], row, grouped)
            failures += len(wrong)
            shown = " ".join(f"{key}={row[key]}" for key in SHOWN if key in row)
            form = "open" if grouped else "flat"
            print(f"{graph['name']:14} {graph['n']:6} {form} {row['seconds']:6.3f} s  {shown}", *wrong, flush=True)
            if grouped and graph["n"] < HEAVY:
                print(f"{'':22}area folded / fresh: {folded_areas(layout)}", flush=True)
    return min(failures, 100)


if __name__ == "__main__":
    raise SystemExit(main())
