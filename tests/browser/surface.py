"""The same script for every place where a dashboard lives: a page, or a frame inside somebody else's page."""

from __future__ import annotations

from typing import Any

from browser.driver import middle
from playwright.sync_api import Frame, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

__all__ = ["POLL_MS", "Surface", "use"]

POLL_MS = 100
"""A page that is not on top has hardly any frames, after each of which Playwright would look otherwise."""
_SEEN = "() => { const d = window.idlmav[0]; return {state: d.state, boxes: d.nodes().length, rows: d.rows()}; }"


class Surface:
    """
    One dashboard.

    Parameters
    ----------
    page : Page
        Where the mouse is.
    frame : Frame
        Where ``window.idlmav`` is.
    """

    def __init__(self, page: Page, frame: Frame | None = None) -> None:
        self.page = page
        self.frame = frame or page.main_frame
        page.bring_to_front()
        self.frame.wait_for_function("() => window.idlmav?.length > 0", timeout=60_000)
        self.frame.evaluate("() => window.idlmav[0].ready")

    def wait(self, condition: str, argument: Any = None) -> None:
        """Wait until an expression of ``d`` (the dashboard) and ``arg`` holds."""
        try:
            self.frame.wait_for_function(
                f"(arg) => {{ const d = window.idlmav[0]; return {condition}; }}", arg=argument, polling=POLL_MS
            )
        except PlaywrightTimeout as error:
            seen = self.frame.evaluate(_SEEN)
            raise AssertionError(f"{condition} never held; seen last: {seen}") from error

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the frame is in the page."""
        if self.frame == self.page.main_frame:
            return x, y
        corner = self.frame.frame_element().bounding_box()
        assert corner is not None
        return corner["x"] + x, corner["y"] + y

    def box(self, name: str) -> tuple[float, float]:
        """Return the middle of a box, once it is drawn."""
        self.wait("d.nodes().some((node) => node.id === arg)", name)
        nodes = self.frame.evaluate("() => window.idlmav[0].nodes()")
        return self.place(*middle(next(node for node in nodes if node["id"] == name)))

    @property
    def viewport(self) -> list[float]:
        return self.frame.evaluate("() => window.idlmav[0].state.viewport")


def use(surface: Surface) -> None:
    """Select, fold, search, scroll and pan ResNet-20 with mouse and keys."""
    page, frame = surface.page, surface.frame
    page.mouse.click(*surface.box("conv1"))
    surface.wait("d.state.selected === 'conv1'")
    frame.locator(".idlmav-table .tabulator-row.selected").get_by_text("conv1").wait_for()
    frame.locator('.idlmav-table .tabulator-row[data-id="layer1.0.bn2"]').click()
    surface.wait("d.state.selected === 'layer1.0.bn2'")
    surface.wait("d.nodes().some((node) => node.id === 'layer1.0.bn2')")

    frame.get_by_role("button", name="Fold", exact=True).click()
    surface.wait("d.nodes().some((node) => node.folded) && d.nodes().length < 12")
    frame.get_by_role("button", name="Unfold", exact=True).click()
    surface.wait("d.state.folded.length === 0 && d.nodes().every((node) => !node.folded)")

    frame.get_by_label("Search", exact=True).fill("fc")
    surface.wait("d.rows().join() === 'fc'")
    frame.get_by_label("Search", exact=True).fill("")
    surface.wait("d.rows().length > 5")

    before = surface.viewport
    frame.locator(".idlmav-table .tabulator-row").nth(2).hover()
    page.mouse.wheel(0, 600)
    surface.wait("d.state.viewport.some((value, k) => Math.abs(value - arg[k]) > 20)", before)

    frame.get_by_role("button", name="Fit", exact=True).click()
    surface.wait("d.nodes().length > 60")
    before = surface.viewport
    x, y = surface.box("conv1")
    page.mouse.move(x + 150, y + 5)
    page.mouse.down()
    page.mouse.move(x + 150, y + 60, steps=4)
    page.mouse.up()
    surface.wait("Math.abs(d.state.viewport[2] - arg[2]) > 5", before)
