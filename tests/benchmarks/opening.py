"""
How large saved pages are and how fast they open: the first picture, and ready for use.

Fails if a file is larger, or the fastest of several openings slower, than its bar. The times are of a machine that does
nothing else; the time that Chromium's main thread was busy is printed beside them, because it depends less on that.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).parents[1]))
import torchvision_shim  # noqa: F401 - torchvision cannot be imported before it
from benchmarks.chromium import chromium

from idlmav import MAV, Graph, plotly_renderer_context
from idlmav.graph import Call, Edge, ModuleInfo, Node
from idlmav.metrics.totals import complete

REPEATS = 5
PICTURE_SECONDS = 0.3
DRAW_SECONDS = 0.5
CONNECTED_BYTES = 300_000
WATCH = """
new PerformanceObserver((list) => { for (const {name, startTime} of list.getEntries()) if (name === "first-contentful-paint") window.painted = startTime; })
  .observe({type: "paint", buffered: true});
const watch = () => {
  if (window.idlmav?.length) window.idlmav[0].ready.then(() => { window.readyAt = performance.now(); });
  else setTimeout(watch, 5);
};
watch();
"""


def blocks(count: int) -> Graph:
    """Return a chain of residual blocks of five ops each."""
    nodes = [Node(id="x", kind="input", op="input", operation="input")]
    edges, modules, calls = [], [ModuleInfo(path="", class_name="Chain")], [Call("")]
    last = "x"
    kinds = (("norm", "nn.LayerNorm"), ("up", "nn.Linear"), ("act", "nn.GELU"), ("down", "nn.Linear"), ("add", "add()"))
    for block in range(count):
        path, start = f"layers.{block}", last
        modules.append(ModuleInfo(path=path, class_name="Block"))
        calls.append(Call(path, 1, 0))
        for name, operation in kinds:
            made: dict[str, Any] = {"shapes": ((1, 8, 64),), "dtypes": ("float32",)}
            nodes.append(Node(id=f"{path}.{name}", op=name, operation=operation, path=path, call=block + 1, **made))
            edges.append(Edge(last, f"{path}.{name}"))
            last = f"{path}.{name}"
        edges.append(Edge(start, last))
    parts = {"nodes": nodes, "edges": edges, "modules": modules, "calls": calls}
    return complete(Graph(name="Chain", **{name: tuple(part) for name, part in parts.items()}))


def resnet(depth: int) -> MAV:
    import torchvision

    with torch.device("meta"):
        return MAV(getattr(torchvision.models, f"resnet{depth}")(), torch.zeros(1, 3, 224, 224))


CASES: tuple[tuple[str, Callable[[], MAV], int, float], ...] = (
    ("ResNet-18", lambda: resnet(18), 900_000, 1.0),
    ("10,000 ops", lambda: MAV(blocks(2_000)), 1_300_000, 3.0),
    ("50,000 ops", lambda: MAV(blocks(10_000)), 2_600_000, 3.0),
)


def open_once(browser: Browser, file: Path) -> tuple[float, float, float]:
    """Return the seconds to the first picture, to ready, and those that the main thread was busy until then."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True)
    page = context.new_page()
    page.add_init_script(WATCH)
    devtools = context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(file.as_uri(), wait_until="commit")
    page.wait_for_function("() => window.readyAt && window.painted", timeout=120_000)
    painted, ready = page.evaluate("() => [window.painted / 1000, window.readyAt / 1000]")
    metrics = {metric["name"]: metric["value"] for metric in devtools.send("Performance.getMetrics")["metrics"]}
    context.close()
    return painted, ready, metrics["TaskDuration"]


def report(label: str, value: float, bar: float, unit: str) -> int:
    print(f"  {label:24}{value:10.3f} {unit:3} (at most {bar:g}){'' if value <= bar else '  MISSED'}")
    return value > bar


def main() -> int:
    missed = 0
    with chromium() as (browser, folder):
        for name, make, most_bytes, most_seconds in CASES:
            file = folder / "page.html"
            make().save(file)
            print(name)
            missed += report("file", file.stat().st_size / 1e6, most_bytes / 1e6, "MB")
            painted, ready, busy = map(min, zip(*(open_once(browser, file) for _ in range(REPEATS)), strict=True))
            missed += report("first picture", painted, PICTURE_SECONDS, "s")
            missed += report("ready", ready, most_seconds, "s")
            print(f"  {'main thread busy':24}{busy:10.3f} s")
    with plotly_renderer_context("notebook_connected"):
        output = resnet(18).draw_release_graph()._repr_mimebundle_()[0]
    print("notebook")
    size = sum(len(text.encode()) for text in output.values())
    missed += report("ResNet-18, connected", size / 1e6, CONNECTED_BYTES / 1e6, "MB")
    mav = resnet(50)
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        mav.draw_interactive_graph()
        times.append(time.perf_counter() - started)
    # The first call also loads HoloViews and joins the JavaScript.
    print(f"  {'first call, ResNet-50':24}{times[0]:10.3f} s")
    return missed + report("draw_interactive_graph()", min(times), DRAW_SECONDS, "s")


if __name__ == "__main__":
    sys.exit(min(main(), 1))
