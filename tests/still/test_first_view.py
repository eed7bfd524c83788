"""The first view of a saved page, before the page is live."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
import torch
from torch import nn

from idlmav import MAV
from idlmav.layout import fold
from idlmav.still import choices, first_view, theme_css


def drawn(mav: MAV) -> str:
    return first_view(mav.scene(), mav.layout, choices(mav.state), mav.state.viewport)


def texts(html: str) -> list[str]:
    return [unescape(text) for text in re.findall(r"<text [^>]*>([^<]*)</text>", html)]


@pytest.fixture(scope="module")
def resnet(torchvision) -> MAV:
    return MAV(torchvision.models.resnet50(), torch.empty(1, 3, 224, 224, device="meta"), direction="down")


@pytest.mark.parametrize("direction", ["down", "right", "up", "left"])
def test_the_first_view_begins_with_the_input_and_is_small(resnet, direction):
    mav = MAV(resnet.graph, direction=direction)
    html = drawn(mav)
    seen = texts(html)
    assert "x" in seen
    assert "Linear" not in seen, "the end of the model is far away"
    assert 20 < html.count("<rect ") <= 400
    assert len(html) < 30_000
    place = json.loads(unescape(re.search(r'data-place=("[^"]*"|\'[^\']*\')', html)[1][1:-1]))
    x, y, width, height = mav.layout.boxes["x"]
    assert place["first"] == {"x": x, "y": y, "w": width, "h": height}
    assert place["picture"]["direction"] == direction


@pytest.mark.parametrize("direction", ["down", "right", "up", "left"])
def test_without_scripts_the_start_is_large_enough_to_read(resnet, direction):
    mav = MAV(resnet.graph, direction=direction)
    x, y, width, height = (float(part) for part in re.search(r'viewBox="([^"]*)"', drawn(mav))[1].split())
    assert (width if direction in ("left", "right") else height) == 900
    box_x, box_y, box_width, box_height = mav.layout.boxes["x"]
    assert x <= box_x
    assert y <= box_y
    assert box_x + box_width <= x + width
    assert box_y + box_height <= y + height


def test_the_first_view_shows_the_last_viewport(resnet):
    mav = MAV(resnet.graph)
    mav.unfold()
    x, y, width, height = mav.layout.boxes["fc"]
    mav.state.viewport = (x - 100, x + width + 100, y - 100, y + height + 100)
    seen = texts(drawn(mav))
    assert "Linear" in seen
    assert "x" not in seen
    mav.state.param.update(viewport=None)
    mav.fold()
    assert any(text.startswith("▸ ") for text in texts(drawn(mav))), "with its folds"


@pytest.mark.parametrize("folded", ["none", "all"])
@pytest.mark.parametrize("direction", ["down", "right", "up", "left"])
def test_the_first_view_shows_the_selection(resnet, direction, folded):
    mav = MAV(resnet.graph, direction=direction, folded=folded)
    mav.state.selected = "layer4.2.conv2"
    html = drawn(mav)
    place = json.loads(unescape(re.search(r'data-place=("[^"]*"|\'[^\']*\')', html)[1][1:-1]))
    boxes = fold(mav.layout, mav.state.folded).boxes
    shown = "layer4" if folded == "all" else "layer4.2.conv2"
    assert tuple(place["selected"].values()) == boxes[shown]
    x, y, width, height = (float(part) for part in re.search(r'viewBox="([^"]*)"', html)[1].split())
    assert x <= boxes[shown][0] <= x + width
    assert y <= boxes[shown][1] <= y + height
    assert html.count("var(--accent)") >= 1
    assert (20 if folded == "none" else 5) < html.count("<rect ") <= 400
    assert ("x" in texts(html)) == (folded == "all")


class Bush(nn.Module):
    """Three hundred branches, one beside the other."""

    def forward(self, x):
        return torch.stack([(x * k).exp().sum() for k in range(300)])


def test_a_picture_with_very_many_marks_is_cut():
    mav = MAV(Bush(), torch.ones(2))
    mav.unfold()
    html = drawn(mav)
    marks = sum(html.count(f"<{kind} ") for kind in ("rect", "text", "path", "polygon"))
    assert 100 < marks <= 400
    assert "x" in texts(html)


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_every_colour_is_defined(resnet, theme):
    css = theme_css(theme)
    used = set(re.findall(r"var\((--[\w-]+)\)", drawn(resnet)))
    assert used
    rules = re.findall(r":root \{([^}]*)\}", css)
    assert len(rules) == (2 if theme == "auto" else 1)
    for rule in rules:
        assert used <= set(re.findall(r"(--[\w-]+):", rule))
    assert ("prefers-color-scheme" in css) == (theme == "auto")
