"""
Measure folding and panning in Chromium, on saved GPT-2s of 1,000 and 50,000 ops, beside an empty Bokeh figure.

``nox -s bench -- fold [--blocks N ...] [--graph FILE]`` prints, for several states of folding, median and 95th percentile
of the milliseconds of script that folding or unfolding one group takes, what the next frame adds included; then the same
for a step of panning, paints a second, and how that compares with an empty figure of the same size in the same run.
The exit status is 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from bokeh.embed import file_html
from bokeh.plotting import figure
from bokeh.resources import INLINE
from playwright.sync_api import Browser, Page

sys.path.insert(0, str(Path(__file__).parents[1]))
import torchvision_shim  # noqa: F401 - transformers imports torchvision if it is there
from benchmarks.chromium import chromium

from idlmav import MAV, load

BLOCKS = (24, 1163)
"""Of about 43 ops each."""
FOLD_MS = 30.0
PAN_MS = 16.0
PAINTS = 30.0
GROUPS = 20
REPEATS = 3
"""Of equal toggles the fastest counts, so that what else the machine does counts less."""
PAN_STEPS = 120
STEP_PX = 7

# Times what the page's own script does in animation frames, apart from Bokeh's. The own one is that which publishes.
WATCH = """
globalThis.spent = {own: 0, frames: []};
let script = null;
let published;
const caller = (lines) => /\\(?([^\\s(]+):\\d+:\\d+\\)?$/.exec(lines.split("\\n")[2])?.[1];
Object.defineProperty(globalThis, "idlmav", {
  get: () => published,
  set: (list) => { script = caller(new Error().stack); published = list; },
});
const request = globalThis.requestAnimationFrame.bind(globalThis);
globalThis.requestAnimationFrame = (callback) => {
  const isOwn = script !== null && caller(new Error().stack) === script;
  return request((now) => {
    const start = performance.now();
    try { return callback(now); } finally { if (isOwn) globalThis.spent.own += performance.now() - start; }
  });
};
globalThis.nextFrame = () => new Promise((resolve) => request(() => setTimeout(resolve)));
globalThis.watchFrames = () => {
  const {spent} = globalThis;
  spent.frames = [];
  spent.on = true;
  spent.own = 0;
  const step = (now) => {
    spent.frames.push([now, spent.own]);
    spent.own = 0;
    if (spent.on) request(step);
  };
  request(step);
};
"""
# Toggles every group twice, so that the state of folding is the same afterwards.
TOGGLE = """
async (groups) => {
  const dashboard = globalThis.idlmav[0];
  const times = [];
  for (const id of groups) {
    for (let i = 0; i < 2; i++) {
      const isFolded = dashboard.state.folded.includes(id);
      globalThis.spent.own = 0;
      const start = performance.now();
      dashboard[isFolded ? "unfold" : "fold"](id);
      const script = performance.now() - start;
      await globalThis.nextFrame();
      await globalThis.nextFrame();
      times.push([script, globalThis.spent.own]);
    }
  }
  return times;
}
"""


@dataclass
class Report:
    """Lines printed, and the bars that were missed."""

    missed: list[str] = field(default_factory=list)

    def times(self, what: str, values: list[float], most: float) -> None:
        """Print the distribution of some ms, of which 95 in 100 may take a given time at most."""
        high = p95(values)
        wrong = f"more than {most:g} ms" if high > most else ""
        self.line(
            f"{what:44} median {statistics.median(values):6.1f} ms   p95 {high:6.1f} ms   max {max(values):6.1f} ms",
            wrong,
        )

    def line(self, text: str, wrong: str = "") -> None:
        print(text, f"<- {wrong}" if wrong else "", flush=True)
        if wrong:
            self.missed.append(text)


def p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


def gpt2(blocks: int) -> MAV:
    """Capture a GPT-2 of thin layers; how wide they are changes nothing here."""
    from transformers import GPT2Config, GPT2LMHeadModel

    with torch.device("meta"):
        model = GPT2LMHeadModel(GPT2Config(n_layer=blocks, n_embd=64, n_head=4)).eval()
        return MAV(model, (torch.zeros(1, 8, dtype=torch.long),))


def shown_groups(mav: MAV, folded: list[str]) -> list[str]:
    """Return some of the groups that are not hidden in folded ones, from all over the model."""
    groups, shut = mav.layout.groups, set(folded)
    hidden: set[str] = set()
    for name, group in groups.items():
        if group.parent in shut or group.parent in hidden:
            hidden.add(name)
    shown = [name for name in groups if name not in hidden]
    return [shown[k * len(shown) // GROUPS] for k in range(GROUPS)] if len(shown) > GROUPS else shown


def states(mav: MAV, page: Page) -> Iterator[tuple[str, list[str]]]:
    """Bring the page into several states of folding; yield the name and groups to toggle there."""
    dashboard = "window.idlmav[0]"
    depth: dict[str, int] = {"": 0}
    for name, group in mav.layout.groups.items():
        depth[name] = depth[group.parent] + 1
    yield "first view", shown_groups(mav, list(mav.state.folded))
    page.evaluate(f"{dashboard}.unfold_all()")
    yield "all open", shown_groups(mav, [])
    for level in range(max(depth.values()) - 1, 0, -1):
        page.evaluate(f"{dashboard}.unfold_to({level})")
        yield f"folded below level {level}", shown_groups(mav, page.evaluate(f"{dashboard}.state.folded"))


def fold(report: Report, mav: MAV, page: Page) -> None:
    for name, groups in states(mav, page):
        page.evaluate(TOGGLE, groups[:2])  # the first one finds code that is not compiled
        rounds = [page.evaluate(TOGGLE, groups) for _ in range(REPEATS)]
        best = [min(script + frame for script, frame in toggles) for toggles in zip(*rounds, strict=True)]
        report.times(f"  toggle, {name}", best, FOLD_MS)


def pan(page: Page, at: tuple[float, float]) -> tuple[list[float], float]:
    """Drag to and fro; return ms of the page's own script in every frame, and paints a second."""
    x, y = at
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate("watchFrames()")
    for step in range(PAN_STEPS):
        far = min(step, PAN_STEPS - step)
        page.mouse.move(x + far, y - STEP_PX * far)
    frames = page.evaluate("(spent.on = false, spent.frames)")
    page.mouse.up()
    seconds = (frames[-1][0] - frames[0][0]) / 1000
    return [own for _, own in frames[1:]], (len(frames) - 1) / seconds


def figure_of(page: Page) -> dict[str, float]:
    """Return where the graph is on the page."""
    return page.evaluate(
        """() => {
          const models = Bokeh.documents.flatMap((d) => [...d._all_models.values()]);
          const graph = models.find((m) => m.name?.endsWith("-graph") && Bokeh.index.find_one(m));
          const {x, y, width, height} = Bokeh.index.find_one(graph).el.getBoundingClientRect();
          return {x, y, width, height};
        }"""
    )


@contextmanager
def opened(browser: Browser, file: Path) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    page.set_default_timeout(120_000)
    page.add_init_script(WATCH)
    page.goto(file.as_uri())
    yield page
    page.close()


def empty_paints(browser: Browser, folder: Path, box: dict[str, float]) -> float:
    """Return paints a second of an empty figure that is panned."""
    plot = figure(width=round(box["width"]), height=round(box["height"]), x_range=(0, 1000), y_range=(0, 1000))
    plot.toolbar.active_drag = plot.tools[0]
    plot.scatter([], [])
    file = folder / "empty.html"
    file.write_text(file_html(plot, INLINE, "empty"), encoding="utf-8")
    with opened(browser, file) as page:
        page.locator(".bk-Canvas").first.wait_for()
        return pan(page, (box["width"] / 2, box["height"] * 0.7))[1]


def measure(report: Report, mav: MAV, browser: Browser, folder: Path) -> None:
    """Print all of one model."""
    print(f"{len(mav.graph.nodes):,} ops, {len(mav.layout.groups):,} groups")
    file = folder / "model.html"
    mav.save(file)
    start = time.perf_counter()
    with opened(browser, file) as page:
        page.wait_for_function("window.idlmav?.[0]")
        page.evaluate("window.idlmav[0].ready")
        report.line(f"  ready after {time.perf_counter() - start:.2f} s")
        fold(report, mav, page)
        box = figure_of(page)
        at = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.7
        empty = empty_paints(browser, folder, box)
        page.bring_to_front()
        page.evaluate("window.idlmav[0].unfold_all()")
        for name, act in (("readable", ""), ("everything in view", "window.idlmav[0].fit()")):
            page.evaluate(act or "0")
            page.evaluate("nextFrame()")
            steps, paints = pan(page, at)
            report.times(f"  pan, {name}", steps, PAN_MS)
            wrong = f"fewer than {PAINTS:g}" if paints < PAINTS else ""
            report.line(f"  {paints:.0f} paints/s, {paints / empty:.2f} of an empty figure's {empty:.0f}", wrong)


def main() -> int:
    """Print the table; the exit status is 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, nargs="*", default=BLOCKS)
    parser.add_argument("--graph", type=Path, help="a saved graph to measure instead")
    given = parser.parse_args()
    report = Report()
    models: list[Any] = [given.graph] if given.graph else list(given.blocks)
    with chromium() as (browser, folder):
        for model in models:
            measure(report, load(model) if isinstance(model, Path) else gpt2(model), browser, folder)
    return 1 if report.missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
