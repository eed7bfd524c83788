"""A person who tries everything: random actions with mouse and keys, and what must hold after each."""

from __future__ import annotations

from math import isclose
from random import Random
from typing import Any

from browser.driver import Dashboard, contains, middle

from idlmav.graph import Graph

__all__ = ["Monkey"]

KEYS = ("ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Enter", "Home", "End", "f", "+", "-", "Escape")
QUERIES = ("conv", "params>500 & op==conv2d", "/conv[12]$/", "nothing at all", "")
LABELS = ("Colour", "Size", "Depth", "Compute")


class Monkey:
    """
    Acts at random on one dashboard.

    Parameters
    ----------
    dashboard : Dashboard
        Its views are there: overview, slider, table.
    graph : Graph
        What it shows, with all groups of `Layout` named in ``groups``.
    seed : int
        The same seed gives the same actions.
    """

    def __init__(self, dashboard: Dashboard, graph: Graph, groups: dict[str, str], seed: int) -> None:
        self.dashboard = dashboard
        self.graph = graph
        self.groups = groups
        self.random = Random(seed)
        self.actions = [getattr(self, name) for name in dir(self) if name.startswith("do_")]
        self.done: list[str] = []
        self.wheels = 0
        dashboard.page.evaluate(
            "() => { globalThis.wheels = 0; addEventListener('wheel', () => { wheels += 1; }, {capture: true}); }"
        )

    def act(self) -> None:
        """Do something, wait until all views have come to rest, and check them."""
        action = self.random.choice(self.actions)
        self.done.append(f"{action.__name__}{action() or ''}")
        self.check()

    # ---- what a person can do

    def _place(self, box: dict[str, float]) -> tuple[float, float]:
        share = [self.random.uniform(0.1, 0.9) for _ in range(2)]
        return box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"]

    def do_click_box(self) -> str:
        graph = self.dashboard.graph
        boxes = [box for box in self.dashboard.nodes() if contains(graph, *middle(box), margin=-2)]
        if not boxes:
            return "(no box)"
        box = self.random.choice(boxes)
        self.dashboard.click(box)
        self.dashboard.wait_selected(box["id"])
        return f"({box['id']})"

    def do_click_anywhere(self) -> None:
        self.dashboard.page.mouse.click(*self._place(self.dashboard.graph))

    def do_double_click(self) -> None:
        self.dashboard.page.mouse.dblclick(*self._place(self.dashboard.graph))

    def _wheel(self, place: tuple[float, float], down: float) -> None:
        self.dashboard.wheel(place, down)
        # The browser hands it to the page later.
        self.wheels += 1
        self.dashboard.page.wait_for_function("(count) => wheels === count", arg=self.wheels)

    def do_wheel(self) -> None:
        self._wheel(self._place(self.dashboard.graph), self.random.choice((-240, -120, 120, 240)))

    def do_drag(self) -> None:
        self.dashboard.drag(self._place(self.dashboard.graph), self._place(self.dashboard.graph))

    def do_overview(self) -> None:
        overview = self.dashboard.overview
        if self.random.random() < 0.5:
            self.dashboard.page.mouse.click(*self._place(overview))
        else:
            self.dashboard.drag(self._place(overview), self._place(overview))

    def do_slider(self) -> None:
        page = self.dashboard.page
        handle = page.locator(".noUi-target:visible .noUi-handle").nth(self.random.randrange(2))
        x, y = middle(handle.bounding_box())
        self.dashboard.drag((x, y), (x, y + self.random.uniform(-150, 150)))

    def do_scroll_table(self) -> None:
        self._wheel(middle(self.dashboard.table.bounding_box()), self.random.choice((-600, -150, 150, 600)))

    def do_click_row(self) -> str:
        rows = self.dashboard.rows()[1:-1]
        if not rows:
            return "(no row)"
        name = self.random.choice(rows)
        self.dashboard.click_row(name)
        return f"({name})"

    def do_choose(self) -> str:
        label = self.random.choice(LABELS)
        # What a choice is called may depend on another: FLOPs or MACs.
        offered = self.dashboard.page.get_by_label(label, exact=True).locator("option").all_inner_texts()
        option = self.random.choice([text for text in offered if text not in ("–", "Selection")])
        self.dashboard.choose(label, option)
        return f"({label}: {option})"

    def do_press(self) -> str:
        name = self.random.choice(("Fit", "Fold", "Unfold", "Light or dark", "More"))
        self.dashboard.press(name)
        return f"({name})"

    def do_search(self) -> str:
        query = self.random.choice(QUERIES)
        self.dashboard.search(query)
        return f"({query})"

    def do_keys(self) -> str:
        x, y, height = (self.dashboard.graph[name] for name in ("x", "y", "height"))
        self.dashboard.page.mouse.click(x + 8, y + height - 8)
        keys = self.random.choices(KEYS, k=3)
        for key in keys:
            self.dashboard.page.keyboard.press(key)
        return f"({' '.join(keys)})"

    # ---- what must hold

    def check(self) -> None:
        """Check that all views tell the same, that nothing moves by itself and that the picture is sound."""
        dashboard = self.dashboard
        dashboard.views_agree()
        state = dashboard.state
        boxes = dashboard.nodes()
        shown = {box["id"] for box in boxes}
        folded = set(state["folded"])
        for box in boxes:
            assert box["folded"] == (box["id"] in folded), box
            assert not folded & set(self._around(box["id"])), f"{box['id']} is drawn though a group around it is folded"
        assert dashboard.overlapping() == []
        self._check_selection(state, shown)
        moved = {name: (state[name], now) for name, now in dashboard.state.items() if not _same(state[name], now)}
        assert moved == {}, f"moves by itself: {moved}"

    def _around(self, name: str) -> list[str]:
        found = []
        group = self.groups.get(name, "")
        while group:
            found.append(group)
            group = self.groups.get(group, "")
        return found

    def _check_selection(self, state: dict[str, Any], shown: set[str]) -> None:
        """The row of the selection is marked and no other; the details are its."""
        page, name = self.dashboard.page, state["selected"]
        title = page.locator(".idlmav-detail .title")
        assert title.count() == (1 if name else 0)
        halo = self.dashboard.layer("halo")["x0"]
        assert len(halo) == (1 if name else 0)
        if state["query"] == "" and name in self.dashboard.rows():
            assert self.dashboard.selected_rows() == [name]


def _same(before: Any, now: Any) -> bool:
    if isinstance(now, list) and all(isinstance(value, float | int) for value in now):
        return len(now) == len(before) and all(isclose(a, b, abs_tol=1e-6) for a, b in zip(before, now, strict=True))
    return before == now
