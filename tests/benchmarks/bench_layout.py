"""
Measure the layout of a directory of graphs, flat, with all groups open, and folded, beside that of `dot`.

``nox -s bench -- bench_layout --graphs DIR --metrics metrics.py [--only NAME] [--dot-timeout SECONDS]`` prints one line
a graph and form. DIR holds JSON files with ``nodes`` (w, h, path), ``edges`` (pairs of node numbers, source first) and
``n``; metrics.py has ``evaluate(graph, layout)`` and ``evaluate_groups(graph, layout)``.

``--zoo`` captures the models of `zoo_models` instead and checks the invariants on their layouts: flat, open and folded.
The exit status is 1 if a bar or an invariant is missed; a time that is missed says so, but a busy machine is no error.
"""

from __future__ import annotations

import argparse
import heapq
import importlib.util
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.dot import lay_out_with_dot
from layout.invariants import problems
from layout.networks import network_of_paths

from idlmav.layout import Layout, Network, compute_layout, fold, network_of
from idlmav.layout.engine import lay_out_network
from idlmav.layout.folding.choices import first_folds, group_depths

ZEROS = ("edge_node", "node_node", "edge_edge", "against", "outside", "foreign", "overlap", "edge_group")
SHOWN = ("crossings", "spine_straight", "forkjoin", "ink_rel", "area_rel")
HEAVY = 5_000
"""From this many nodes on, only the time is taken."""
SMALL = 100
"""Up to so many nodes, the ink is compared with dot's."""
MORE_INK = 1.1
WASTE = 1.3
"""Area after folding, at most, of that of a fresh layout."""
SECONDS = ((1_400, 0.3), (8_600, 1.0), (50_000, 4.0))
"""Nodes, and seconds that the layout of so many takes at most."""


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
        [(node["w"], node["h"]) for node in nodes],
        [(source, target) for source, target in graph["edges"]],
        [node["path"] if grouped else "" for node in nodes],
    )


def as_measured(graph: dict[str, Any], layout: Layout) -> dict[str, Any]:
    """Return a layout in the form that the metrics take."""
    return {
        "nodes": [[x + width / 2, y + height / 2] for x, y, width, height in layout.boxes.values()],
        "edges": [[list(point) for point in layout.routes[f"n{a}", f"n{b}"]] for a, b in graph["edges"]],
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


def levels(layout: Layout) -> dict[int, list[str]]:
    """Return the groups of every depth, from 1."""
    found: dict[int, list[str]] = {}
    for name, depth in group_depths(layout).items():
        found.setdefault(depth, []).append(name)
    return found


def folded_areas(layout: Layout) -> tuple[str, list[str]]:
    """Compare the area after folding every level of groups with that of a fresh layout; return text, bars missed."""
    texts, wrong = [], []
    for level, names in levels(layout).items():
        start = time.perf_counter()
        folded = fold(layout, names)
        seconds = time.perf_counter() - start
        other = fresh(layout, folded)
        ratio = folded.width * folded.height / (other.width * other.height)
        texts.append(f"level {level}: {ratio:.2f} ({len(folded.boxes)} boxes, {1000 * seconds:.0f} ms)")
        wrong += [f"area at level {level} > {WASTE}"] if ratio > WASTE else []
        wrong += [f"folded at level {level}: {problem}" for problem in problems(folded)[:1]]
    return ", ".join(texts), wrong


def missed(name: str, row: dict[str, Any], grouped: bool, dot: dict[str, Any]) -> list[str]:
    """Return the bars that a graph misses."""
    found = [key for key in ZEROS if row.get(key)]
    if "crossings" not in row:
        return found
    found += ["spine_straight"] if row["spine_straight"] < (0.99 if grouped else 1.0) else []
    bar = BARS.get(name)
    if bar and row["forkjoin"] < bar.forkjoin:
        found.append(f"forkjoin < {bar.forkjoin}")
    if bar and not grouped and row["crossings"] > bar.crossings:
        found.append(f"crossings > {bar.crossings}")
    if not grouped and row["n"] <= SMALL and "ink_rel" in dot and row["ink_rel"] > MORE_INK * dot["ink_rel"]:
        found.append(f"ink > {MORE_INK} x dot's")
    return found


def late(count: int, seconds: float) -> str:
    """Say so if a layout took longer than it may."""
    bar = next((bar for nodes, bar in SECONDS if count <= nodes), None)
    return f" (slower than {bar} s)" if bar and seconds > bar else ""


def with_dot(graph: dict[str, Any], metrics: Any, timeout: float) -> tuple[dict[str, Any], str]:
    """Return the metrics of dot's layout, and a line of text."""
    start = time.perf_counter()
    drawn = lay_out_with_dot(graph, timeout)
    if isinstance(drawn, str):
        return {}, drawn
    row = metrics.evaluate(graph, drawn)
    seconds = time.perf_counter() - start
    return row, f"dot  {seconds:6.3f} s  " + " ".join(f"{key}={row[key]}" for key in SHOWN)


def measure_graph(path: Path, metrics: Any, timeout: float) -> list[str]:
    """Print the lines of one graph; return the bars it misses."""
    graph = json.loads(path.read_text(encoding="utf-8"))
    name, count = graph["name"], graph["n"]
    dot, text = with_dot(graph, metrics, timeout) if count < HEAVY else ({}, "")
    if text:
        print(f"{name:14} {count:6} {text}", flush=True)
    found = []
    for grouped in (False, True):
        row, layout = measure(graph, metrics, grouped)
        wrong = missed(name, {"n": count, **row}, grouped, dot)
        shown = " ".join(f"{key}={row[key]}" for key in SHOWN if key in row)
        form = "open" if grouped else "flat"
        slow = late(count, row["seconds"])
        print(f"{name:14} {count:6} {form} {row['seconds']:6.3f} s{slow}  {shown}", *wrong, flush=True)
        if grouped and count < HEAVY:
            text, wasteful = folded_areas(layout)
            print(f"{'':22}area folded / fresh: {text}", *wasteful, flush=True)
            wrong += wasteful
        found += wrong
    return found


def forms(layout: Layout, flat: Layout) -> Iterator[tuple[str, Layout]]:
    """Yield the forms of a captured model's layout that are checked."""
    yield "flat", flat
    yield "open", layout
    yield "first view", fold(layout, first_folds(layout) or levels(layout).get(1, []))
    for level, names in levels(layout).items():
        yield f"level {level}", fold(layout, names)


def measure_zoo(only: str) -> int:
    """Check the layouts of captured models; return how many are wrong."""
    from benchmarks.zoo import arguments
    from benchmarks.zoo_models import ZOO

    from idlmav.capture import capture
    from idlmav.layout.input.labels import node_sizes

    failures = 0
    for name, (model, inputs) in ZOO.items():
        if only not in name:
            continue
        try:
            graph = capture(model(), *arguments(inputs()))
        except (ImportError, AttributeError, ValueError, RuntimeError) as error:  # not in the versions installed here
            print(f"{name:44} not captured: {type(error).__name__}: {str(error)[:60]}", flush=True)
            continue
        sizes = node_sizes(graph)
        start = time.perf_counter()
        layout = compute_layout(graph, sizes)
        opened = time.perf_counter() - start
        network = network_of(graph, sizes)
        start = time.perf_counter()
        flat = lay_out_network(replace(network, groups=(), group_of=()))
        seconds = time.perf_counter() - start
        wrong = [f"{form}: {found[0]}" for form, drawn in forms(layout, flat) if (found := problems(drawn))]
        failures += bool(wrong)
        slow = late(len(graph.nodes), max(seconds, opened))
        print(f"{name:44}{len(graph.nodes):6} flat {seconds:6.3f} s open {opened:6.3f} s{slow}", *wrong, flush=True)
    return failures


def main() -> int:
    """Print the table; the exit status is 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=Path)
    parser.add_argument("--metrics", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--dot-timeout", type=float, default=20.0)
    parser.add_argument("--zoo", action="store_true")
    given = parser.parse_args()
    if given.zoo:
        return min(measure_zoo(given.only), 1)
    if given.graphs is None or given.metrics is None:
        parser.error("pass --graphs DIR and --metrics FILE, or --zoo")
    spec = importlib.util.spec_from_file_location("metrics", given.metrics)
    assert spec
    assert spec.loader
    metrics = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(metrics)
    paths = [path for path in sorted(given.graphs.glob("*.json")) if given.only in path.stem]
    found = [bar for path in paths for bar in measure_graph(path, metrics, given.dot_timeout)]
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
