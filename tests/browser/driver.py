"""A dashboard in a page as a person uses it: boxes are found by `window.idlmav`, everything else is mouse and keys."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from typing import Any

from PIL import Image
from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from idlmav import MAV
from idlmav.state import value_names

__all__ = ["LAYER", "MODELS", "Dashboard", "contains", "luminance", "middle"]

Box = dict[str, Any]

# Bokeh lists models for some time after they left the page.
MODELS = "Bokeh.documents.flatMap((d) => [...d._all_models.values()]).filter((m) => Bokeh.index.find_one(m))"
# What every view says about the visible part, and whether that is the same; true once it has been so for some frames.
_LOOK = """
(at) => {
  const models = SHOWN_MODELS;
  const figure = (part) => models.find((model) => model.name?.endsWith(part));
  const graph = figure("-graph");
  const overview = figure("-overview");
  const isSlider = (model) => model.visible && model.tags?.some((tag) => /-(flat_)?slider$/.test(tag));
  const slider = models.find(isSlider);
  const span = ({x_range: x, y_range: y}) => [x.start, x.end, Math.min(y.start, y.end), Math.max(y.start, y.end)];
  const window = overview?.renderers.find((renderer) => renderer.name === "window").data_source.data;
  const px = ({inner_width: width, inner_height: height}) => [width, height];
  return {
    viewport: globalThis.idlmav[at].state.viewport,
    ranges: span(graph),
    size_px: px(graph),
    slider: slider ? [...slider.value, slider.start, slider.end] : null,
    window: window ? [window.x0[0], window.x1[0], window.y0[0], window.y1[0]] : null,
    overview: overview ? [...span(overview), ...px(overview)] : null,
  };
}
""".replace("SHOWN_MODELS", MODELS)
_CALM = """
(at) => {
  const seen = JSON.stringify((%s)(at));
  const calm = (globalThis.calm ??= {});
  calm.frames = calm.seen === seen ? calm.frames + 1 : 0;
  calm.seen = seen;
  const {viewport, ranges} = JSON.parse(seen);
  return calm.frames >= 3 && viewport?.every((value, i) => Math.abs(value - ranges[i]) < 0.01);
}
""" % _LOOK.strip()  # noqa: UP031 - braces all over
LAYER = """
((name) => {
  const models = SHOWN_MODELS;
  const figure = models.find((model) => model.name?.endsWith("-graph"));
  const {data} = figure.renderers.find((renderer) => renderer.name === name).data_source;
  return Object.fromEntries(Object.entries(data).map(([column, values]) => [column, Array.from(values)]));
})
""".replace("SHOWN_MODELS", MODELS)
SMALLEST_WINDOW_PX = 10
WINDOW_INSET_PX = 1.5


def middle(box: Box) -> tuple[float, float]:
    """Return the centre of a rectangle."""
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def contains(box: Box, x: float, y: float, margin: float = 0.5) -> bool:
    """Return whether a point lies in a rectangle."""
    return (
        box["x"] - margin <= x <= box["x"] + box["width"] + margin
        and box["y"] - margin <= y <= box["y"] + box["height"] + margin
    )


def luminance(color: tuple[int, ...]) -> float:
    """Return how bright red, green and blue (0 to 255) look together."""
    red, green, blue = color
    return 0.299 * red + 0.587 * green + 0.114 * blue


class Dashboard:
    """The dashboard number `at` of a page."""

    def __init__(self, page: Page, at: int = 0, mav: MAV | None = None) -> None:
        self.page = page
        self.at = at
        self.mav = mav
        page.wait_for_function("(at) => window.idlmav?.[at]", arg=at)
        self.page.evaluate("(at) => window.idlmav[at].ready", at)

    # ---- what the page says

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a method of `window.idlmav[at]`."""
        return self.page.evaluate("([at, name, args]) => window.idlmav[at][name](...args)", [self.at, name, arguments])

    @property
    def state(self) -> dict[str, Any]:
        return self.page.evaluate("(at) => window.idlmav[at].state", self.at)

    def python_agrees(self) -> bool:
        """Return whether the state in Python is the one in the page."""
        shown = self.state
        in_python = {name: getattr(self.mav.state, name) for name in value_names()}
        return all(
            list(value) == shown[name] if isinstance(value, tuple) else value == shown[name]
            for name, value in in_python.items()
        )

    def nodes(self) -> list[Box]:
        return self.call("nodes")

    def edges(self) -> list[dict[str, Any]]:
        return self.call("edges")

    def rows(self) -> list[str]:
        return self.call("rows")

    def box(self, name: str) -> Box:
        """Return the rectangle of a node or folded group that is on the screen."""
        found = [node for node in self.nodes() if node["id"] == name]
        assert len(found) == 1, f"{name}: {len(found)} boxes on the screen"
        return found[0]

    def wait(self, condition: str, argument: Any = None) -> None:
        """Wait for JavaScript about `d`, the dashboard's interface, and `arg` to hold, or tell what was seen last."""
        try:
            self.page.wait_for_function(
                f"([at, arg]) => {{ const d = window.idlmav[at]; return {condition}; }}", arg=[self.at, argument]
            )
        except PlaywrightTimeout as error:
            seen = {"state": self.state, "rows": self.rows(), "boxes": len(self.nodes()), "arg": argument}
            raise AssertionError(f"{condition} never held; seen last: {seen}") from error

    def wait_selected(self, name: str) -> None:
        self.wait("d.state.selected === arg", name)

    def wait_moved(self, before: list[float]) -> None:
        """Wait until another part is visible and nothing moves any more."""
        self.wait("d.state.viewport.some((value, i) => Math.abs(value - arg[i]) > 0.5)", before)
        self.rest()

    def rest(self) -> dict[str, Any]:
        """Wait until nothing moves; return what each view shows."""
        # Browsers draw a page behind another one once a second.
        self.page.bring_to_front()
        self.page.evaluate("() => { delete globalThis.calm; }")
        self.page.wait_for_function(_CALM, arg=self.at)
        return self.page.evaluate(_LOOK, self.at)

    def views_agree(self) -> None:
        """Check that graph, overview, slider and state show the same part, undistorted."""
        seen = self.rest()
        left, right, top, bottom = seen["ranges"]
        width, height = seen["size_px"]
        assert abs((right - left) / width - (bottom - top) / height) < 1e-3 * (right - left) / width
        assert (seen["slider"] is None) == (self.page.locator(".noUi-target:visible").count() == 0)
        if seen["slider"]:
            low, high, _, end = seen["slider"]
            assert end > 100, "the slider does not know how long the picture is"
            along = (left, right) if self.state["direction"] in ("left", "right") else (top, bottom)
            expected = [min(max(value, 0), end) for value in along]
            assert all(abs(a - b) <= 1.01 for a, b in zip((low, high), expected, strict=True)), seen
        if seen["window"]:
            *extent, width, height = seen["overview"]
            for window, (low, high), (start, end), px in (
                (seen["window"][:2], (left, right), extent[:2], (extent[1] - extent[0]) / width),
                (seen["window"][2:], (top, bottom), extent[2:], (extent[3] - extent[2]) / height),
            ):
                # Never so small that it cannot be grasped, never beyond the overview's own border.
                grow = max(0, (SMALLEST_WINDOW_PX * px - (high - low)) / 2)
                inner = (start + WINDOW_INSET_PX * px, end - WINDOW_INSET_PX * px)
                expected = [min(max(side, inner[0]), inner[1]) for side in (low - grow, high + grow)]
                assert all(abs(a - b) < 1 for a, b in zip(window, expected, strict=True)), seen

    # ---- what is drawn

    def layer(self, name: str) -> dict[str, list[Any]]:
        """Return the columns of a layer of the graph's figure."""
        return self.page.evaluate(f"(name) => {LAYER}(name)", name)

    def _of_boxes(self, column: str) -> dict[str, Any]:
        drawn = self.layer("nodes")
        return dict(zip(drawn["title"], drawn[column], strict=True))

    def alphas(self) -> dict[str, float]:
        """Return how opaque each box is drawn."""
        return self._of_boxes("alpha")

    def fills(self) -> dict[str, str]:
        """Return the colour in which each box is drawn."""
        return self._of_boxes("fill")

    def pixel(self, x: float, y: float) -> tuple[int, ...]:
        """Return red, green and blue of a pixel of the page."""
        png = self.page.screenshot(clip={"x": round(x), "y": round(y), "width": 1, "height": 1})
        return Image.open(BytesIO(png)).convert("RGB").getpixel((0, 0))

    def grounds(self) -> dict[str, tuple[int, ...]]:
        """Return the colours, as seen, of empty places of graph, overview, table and toolbar."""
        overview, table = self.overview, self.table.bounding_box()
        button = self.page.get_by_role("button", name="Fit", exact=True).bounding_box()
        return {
            "graph": self.pixel(*self.empty_ground()),
            "overview": self.pixel(overview["x"] + 3, overview["y"] + overview["height"] - 3),
            "table": self.pixel(table["x"] + 3, table["y"] + 6),
            "header": self.pixel(table["x"] + 3, table["y"] - 6),
            "toolbar": self.pixel(button["x"] - 4, middle(button)[1]),
            "button": self.pixel(button["x"] + 4, middle(button)[1]),
        }

    # ---- places in the page, px

    def _place(self, part: str) -> Box:
        return self.page.evaluate(
            """(part) => {
              const models = SHOWN_MODELS;
              const view = Bokeh.index.find_one(models.find((model) => model.name?.endsWith(part)));
              const {x, y} = view.el.getBoundingClientRect();
              const {left, top, width, height} = view.frame.bbox;
              return {x: x + left, y: y + top, width, height};
            }""".replace("SHOWN_MODELS", MODELS),
            part,
        )

    @property
    def graph(self) -> Box:
        return self._place("-graph")

    @property
    def overview(self) -> Box:
        return self._place("-overview")

    @property
    def table(self) -> Locator:
        return self.page.locator(".idlmav-table .tabulator-tableholder")

    def row(self, name: str) -> Locator:
        return self.page.locator(f'.idlmav-table .tabulator-row[data-id="{name}"]')

    def selected_rows(self) -> list[str]:
        """Return the ids of the rows that are marked as selected."""
        return self.page.locator('.idlmav-table .tabulator-row[aria-selected="true"]').evaluate_all(
            "all => all.map((x) => x.dataset.id)"
        )

    def click_row(self, name: str) -> None:
        """Click a row when the table has come to rest: while it scrolls or is filtered, a mouse misses it."""
        self.rest()
        self.row(name).click()

    def in_layout(self, x: float, y: float, part: str = "-graph") -> tuple[float, float]:
        """Return the layout px under a place in the page."""
        frame = self._place(part)
        seen = self.rest()
        left, right, top, bottom = seen["ranges"] if part == "-graph" else seen["overview"][:4]
        across, down = (x - frame["x"]) / frame["width"], (y - frame["y"]) / frame["height"]
        return left + across * (right - left), top + down * (bottom - top)

    def on_page(self, x: float, y: float, part: str = "-graph") -> tuple[float, float]:
        """Return the place in the page of layout px."""
        frame = self._place(part)
        seen = self.rest()
        left, right, top, bottom = seen["ranges"] if part == "-graph" else seen["overview"][:4]
        across, down = (x - left) / (right - left), (y - top) / (bottom - top)
        return frame["x"] + across * frame["width"], frame["y"] + down * frame["height"]

    def title(self, group: str) -> tuple[float, float]:
        """Return a place on the title of an open group whose frame is on the screen."""
        x, y = self.page.evaluate(
            """(start) => {
              const {x, y, text} = LAYER("titles");
              const at = text.findIndex((line) => line.startsWith(start));
              return [x[at], y[at]];
            }""".replace("LAYER", LAYER),
            f"▾ {group.rpartition('.')[2]}:",
        )
        across, down = self.on_page(x, y)
        return across + 12, down

    def empty_ground(self) -> tuple[float, float]:
        """Return a place in the graph with nothing on it."""
        graph = self.graph
        # Frames reach at most some tens of px beyond the boxes in them.
        assert min(box["x"] for box in self.nodes()) > graph["x"] + 100, "nothing is empty at the left"
        return graph["x"] + 20, middle(graph)[1]

    # ---- what a person does

    def click(self, box: Box) -> None:
        self.page.mouse.click(*middle(box))

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 6) -> None:
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=steps)
        self.page.mouse.up()

    def wheel(self, place: tuple[float, float], down: float) -> None:
        self.page.mouse.move(*place)
        self.page.mouse.wheel(0, down)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def choose(self, label: str, option: str) -> None:
        field = self.page.get_by_label(label, exact=True)
        if not field.is_visible():
            self.press("More")
        field.select_option(label=option)

    def search(self, text: str) -> None:
        field = self.page.get_by_label("Search", exact=True)
        field.click()
        field.fill("")
        field.press_sequentially(text)
        self.wait("d.state.query === arg", text)

    def reset(self) -> None:
        """Return to what a fresh page shows, by the dashboard's own controls."""
        self.call("search", "")
        self.call("select", "")
        self.call("highlight", [])
        for label, name, value, text in (
            ("Colour", "color_by", "operation", "Operation"),
            ("Size", "size_by", "none", "Text"),
            ("Compute", "compute_unit", "flops", "FLOPs"),
            ("Estimates", "estimates", "shown", "Shown"),
        ):
            if self.state[name] != value:
                self.choose(label, text)
        self.press("Unfold")
        self.wait("d.state.folded.length === 0 && d.rows()[0] === 'x'")
        self.rest()

    # ---- what must hold of any picture

    def problems_of_edges(self) -> list[str]:
        """Return what is wrong with the edges on the screen: slanted, loose, or through a box they do not belong to."""
        boxes = {box["id"]: box for box in self.nodes()}
        found = []
        for edge in self.edges():
            name = f"{edge['source']} -> {edge['target']}"
            line = edge["polyline"]
            for (x0, y0), (x1, y1) in pairwise(line):
                if min(abs(x1 - x0), abs(y1 - y0)) > 0.6:
                    found.append(f"{name}: slanted")
                for other, box in boxes.items():
                    if other not in (edge["source"], edge["target"]) and _crosses(box, x0, y0, x1, y1):
                        found.append(f"{name}: through {other}")
            for end, place in ((edge["source"], line[0]), (edge["target"], line[-1])):
                if end in boxes and not _on_border(boxes[end], *place):
                    found.append(f"{name}: does not end on {end}")
        return found

    def overlapping(self) -> list[tuple[str, str]]:
        """Return pairs of boxes on the screen that overlap."""
        boxes = sorted(self.nodes(), key=lambda box: box["y"])
        found = []
        for i, a in enumerate(boxes):
            for b in boxes[i + 1 :]:
                if b["y"] > a["y"] + a["height"] - 0.5:
                    break
                if a["x"] + 0.5 < b["x"] + b["width"] and b["x"] + 0.5 < a["x"] + a["width"]:
                    found.append((a["id"], b["id"]))
        return found


def _crosses(box: Box, x0: float, y0: float, x1: float, y1: float) -> bool:
    return (
        max(x0, x1) > box["x"] + 0.5
        and min(x0, x1) < box["x"] + box["width"] - 0.5
        and max(y0, y1) > box["y"] + 0.5
        and min(y0, y1) < box["y"] + box["height"] - 0.5
    )


def _on_border(box: Box, x: float, y: float) -> bool:
    sides = (x - box["x"], box["x"] + box["width"] - x, y - box["y"], box["y"] + box["height"] - y)
    return min(sides) > -0.6 and min(abs(side) for side in sides) < 0.6
