"""The page's address tells the view: a link opens what was seen, in the app as in a file."""

from __future__ import annotations

import textwrap

import pytest
from browser.driver import Dashboard, middle
from page.test_declaration import ADD

from idlmav import MAV
from idlmav.state import value_names

LINKED = tuple(name for name in value_names() if name not in ("theme", "viewport"))
TOLD = "() => window.location.hash"


def _told(dashboard, part):
    """Wait until the address tells of something, and return it."""
    page = dashboard.page
    page.wait_for_function("(part) => window.location.hash.includes(part)", arg=part)
    dashboard.rest()
    page.wait_for_function(
        """() => {
          const told = /viewport=([^&]*)/.exec(window.location.hash)?.[1].split(",").map(Number);
          return told?.every((side, k) => Math.abs(side - window.idlmav[0].state.viewport[k]) < 0.06);
        }"""
    )
    return page.url


def _open(dashboard, address):
    page = dashboard.page.context.new_page()
    page.goto(address)
    return Dashboard(page)


def _look_around(dashboard):
    dashboard.rest()
    dashboard.page.mouse.dblclick(*dashboard.title("layer1"))
    dashboard.wait("d.state.folded.join() === 'layer1'")
    dashboard.choose("Colour", "FLOPs")
    dashboard.search("conv")
    before = dashboard.state["viewport"]
    dashboard.wheel(middle(dashboard.graph), -240)
    dashboard.wait_moved(before)
    dashboard.call("select", "layer2.0.conv1")
    dashboard.wait_selected("layer2.0.conv1")


def test_a_link_opens_what_was_seen(dashboard):
    _look_around(dashboard)
    address = _told(dashboard, "selected=layer2.0.conv1")
    seen = {name: dashboard.state[name] for name in LINKED}
    assert seen["folded"] == ["layer1"]
    viewport, boxes = dashboard.state["viewport"], {box["id"]: middle(box) for box in dashboard.nodes()}

    other = _open(dashboard, address)
    other.rest()
    assert {name: other.state[name] for name in LINKED} == seen
    assert other.state["viewport"] == pytest.approx(viewport, abs=0.2)
    shown = {box["id"]: middle(box) for box in other.nodes()}
    assert shown.keys() == boxes.keys()
    for name, place in boxes.items():
        assert shown[name] == pytest.approx(place, abs=1)
    assert other.page.get_by_label("Colour", exact=True).input_value() == "FLOPs"
    assert other.page.get_by_label("Search", exact=True).input_value() == "conv"
    other.views_agree()
    assert other.page.url == address
    other.page.close()
    dashboard.page.bring_to_front()


def test_a_link_is_typed_into_a_page_that_is_open(dashboard):
    _look_around(dashboard)
    address = _told(dashboard, "selected=layer2.0.conv1")
    dashboard.page.evaluate(
        "() => { window.location.hash = window.location.hash.split('&')[0] + '&selected=fc&depth=0'; }"
    )
    dashboard.wait_selected("fc")
    dashboard.wait("d.state.folded.length > 5")
    assert dashboard.state["query"] == ""
    assert dashboard.state["color_by"] == "operation"
    assert dashboard.page.url != address
    # Back to it, as the browser's own button does.
    dashboard.page.evaluate("(hash) => { window.location.hash = hash; }", "#" + address.partition("#")[2])
    dashboard.wait_selected("layer2.0.conv1")
    assert dashboard.state["folded"] == ["layer1"]
    assert dashboard.state["query"] == "conv"


def test_a_link_in_a_window_of_another_shape_tells_the_same(dashboard):
    _look_around(dashboard)
    address = _told(dashboard, "selected=layer2.0.conv1")
    left, right, top, bottom = dashboard.state["viewport"]
    page = dashboard.page.context.new_page()
    page.set_viewport_size({"width": 800, "height": 1100})
    page.goto(address)
    other = Dashboard(page)
    other.rest()
    shown = other.state["viewport"]
    inside = (left - shown[0], shown[1] - right, top - shown[2], shown[3] - bottom)
    assert min(inside) > -1, "not all that was linked is seen"
    assert page.url == address
    page.close()
    dashboard.page.bring_to_front()


@pytest.mark.parametrize("place", ["served", "file"])
def test_a_flow_is_linked_with_its_place(chromium_page, serve_here, resnet20, tmp_path, place):
    mav = MAV(resnet20)
    if place == "file":
        mav.save(tmp_path / "m.html")
    chromium_page.goto(serve_here(lambda: MAV(resnet20)) if place == "served" else (tmp_path / "m.html").as_uri())
    dashboard = Dashboard(chromium_page)
    dashboard.rest()
    dashboard.choose("Flow", "Right")
    dashboard.wait("d.state.direction === 'right'")
    dashboard.rest()
    before = dashboard.state["viewport"]
    dashboard.drag(middle(dashboard.graph), (middle(dashboard.graph)[0] - 200, middle(dashboard.graph)[1]))
    dashboard.wait_moved(before)
    address = _told(dashboard, "direction=right")
    other = _open(dashboard, address)
    other.wait("d.state.direction === 'right'")
    other.wait("d.state.viewport?.every((side, k) => Math.abs(side - arg[k]) < 1)", dashboard.state["viewport"])
    other.views_agree()


def test_another_model_begins_anew(chromium_page, served_app):
    chromium_page.goto(served_app)
    dashboard = Dashboard(chromium_page)
    dashboard.rest()
    dashboard.click(dashboard.box("conv1"))
    chromium_page.wait_for_function("() => window.location.hash.includes('selected=conv1')")
    chromium_page.get_by_label("Model", exact=True).select_option(label="U-Net")
    chromium_page.wait_for_function("() => idlmav.length === 1 && idlmav[0].rows().includes('encoder.0.0')")
    chromium_page.wait_for_function("() => window.location.hash === '' && window.location.search.includes('U-Net')")
    unet = Dashboard(chromium_page)
    assert unet.state["selected"] == ""
    unet.call("select", "encoder.0.0")
    chromium_page.wait_for_function("() => window.location.hash.includes('selected=encoder.0.0')")
    again = _open(unet, chromium_page.url)
    assert again.state["selected"] == "encoder.0.0"


def test_a_damaged_link_opens_the_first_view(chromium_page, serve_here, resnet20):
    address = serve_here(lambda: MAV(resnet20))
    chromium_page.goto(address)
    dashboard = Dashboard(chromium_page)
    dashboard.call("select", "conv1")
    chromium_page.wait_for_function("() => window.location.hash.includes('selected=conv1')")
    view = chromium_page.url.partition("#")[2].partition("&")[0]
    damaged = f"{address}#{view}&selected=nothing&folded=nothing&color_by=x&viewport=5,1,2,0&query=%E0&size_by=flops"
    other = _open(dashboard, damaged)
    other.rest()
    assert other.state["color_by"] == "operation"
    assert other.state["size_by"] == "flops"
    assert other.nodes()
    other.views_agree()


def test_a_dashboard_in_somebody_else_s_page_leaves_the_address_alone(chromium_page, serve_here, resnet20, wait_until):
    mav = MAV(resnet20)
    chromium_page.goto(serve_here(mav.draw_interactive_graph()))
    dashboard = Dashboard(chromium_page)
    dashboard.call("select", "conv1")
    wait_until(lambda: mav.state.selected == "conv1")
    dashboard.rest()
    assert chromium_page.evaluate(TOLD) == ""


APP = f"""
import sys
from idlmav.state import ViewState
if "glow" not in ViewState.param:
{textwrap.indent(ADD, "    ")}
sys.path.insert(0, "tests")
from idlmav import MAV
from pictures import gallery_graph

mav = MAV(gallery_graph("resnet20"))
mav.state.param.watch(lambda event: mav.state.param.update(selected=f"{{event.new}} in Python"), "glow")
mav.state.param.watch(lambda event: mav.state.param.update(glow="faint"), "query")
mav.servable()
"""


def test_a_made_up_value_of_the_state_is_linked_and_shared_with_python(chromium_page, serve_command, tmp_path):
    (tmp_path / "glow.py").write_text(APP)
    chromium_page.goto(serve_command(tmp_path / "glow.py"))
    dashboard = Dashboard(chromium_page)
    dashboard.rest()
    assert dashboard.state["glow"] == "faint"
    dashboard.choose("Glow", "Bright")
    dashboard.wait("d.state.glow === 'bright' && d.state.selected === 'bright in Python'")
    chromium_page.wait_for_function("() => window.location.hash.includes('glow=bright')")
    other = _open(dashboard, chromium_page.url)
    other.rest()
    assert other.state["glow"] == "bright"
    other.search("conv")
    other.wait("d.state.glow === 'faint'")
