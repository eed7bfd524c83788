"""Still pictures consist of the boxes, frames, lines and texts that the page's own code draws for the same state."""

from __future__ import annotations

from typing import Any

import pytest
from assets.node import run_js
from pictures import gallery_graph

from idlmav import MAV
from idlmav.still import choices, draw, still_picture
from idlmav.still.marks import Line, Rect, Text, Triangle

RUN = """
    const { Picture } = await load("graph/geometry");
    const { Coloring } = await load("legend/colors");
    const { THEMES } = await load("page/theme");
    const { findMatches } = await load("search/matches");
    const { applyCompute } = await load("detail/compute");
    const { collectVisible } = await load("graph/visible");
    const { drawArrows, drawEdges, drawFrames, drawHalo, drawNodes, drawTexts } = await load("graph/drawing");
    const everything = {left: -1e6, right: 1e6, top: -1e6, bottom: 1e6, scale: 1};
    return input.states.map((state) => {
      const scene = structuredClone(input.scene);
      applyCompute(scene, state);
      const picture = new Picture(scene);
      picture.update(state.folded, state.size_by);
      const look = {theme: THEMES.light, coloring: new Coloring(scene, state.color_by)};
      Object.assign(look, findMatches(picture, look, state));
      const context = {picture, look, scale: 1, store: {get: (name) => state[name]}, hovered: "", hoveredEdges: []};
      const visible = collectVisible(picture, everything);
      const rows = (data) => Object.values(data)[0].map((_, k) => Object.fromEntries(Object.entries(data).map(([name, all]) => [name, all[k]])));
      const texts = Object.fromEntries(Object.entries(drawTexts(visible, context)).map(([name, layer]) => [name, rows(layer.data)]));
      return {
        ...texts,
        nodes: rows(drawNodes(visible, context)), frames: rows(drawFrames(visible, context)), halo: rows(drawHalo(context)),
        edges: rows(drawEdges(visible, context)), arrows: rows(drawArrows(visible, context)),
      };
    });
"""
STATES: dict[str, list[dict[str, Any]]] = {
    "resnet20": [
        {},
        {"selected": "layer1.0.conv1"},
        {"selected": "layer1.0.conv1", "folded": ["layer1"], "query": "layer2"},
        {"selected": "layer2.0"},
        {"selected": "layer2.0", "folded": ["layer2.0"], "highlighted": ["add()"]},
        {"selected": "no such thing", "color_by": "flops", "value_range": [1e5, 1e6]},
        {"color_by": "param_count", "size_by": "flops", "folded": ["layer3"], "query": "class==basicblock"},
    ],
    "unfinished": [
        {"query": "fc"},
        {"selected": "features.0", "folded": ["features.2"], "query": "ConvNormReLU", "compute_unit": "macs"},
        {"folded": ["features"], "query": "params>1", "color_by": "activation_bytes"},
        {"selected": "features.0", "folded": ["features"]},
        {"color_by": "status", "highlighted": ["failed"]},
    ],
    "gpt": [
        {"folded": ["h.1..5"], "selected": "h.1..5"},
        {"folded": ["h.1..5"], "selected": "h.2.mlp", "query": "h.0 | h.3"},
        {"query": "attn & !/0/", "selected": "h.0.attn"},
    ],
}


def near(values: Any) -> tuple[Any, ...]:
    return tuple(round(value, 1) if isinstance(value, float | int) else value for value in values)


def corners(rect: Rect) -> tuple[float, ...]:
    return near((rect.x - 20, rect.y - 20, rect.x + rect.width - 20, rect.y + rect.height - 20))


@pytest.mark.parametrize("char_width", [55, 95], ids=["titles fit", "titles are cut"])
@pytest.mark.parametrize("name", STATES)
def test_every_mark_is_that_of_the_page(name, char_width, monkeypatch):
    # The page measures texts on a canvas, Python estimates their widths.
    monkeypatch.setattr(draw, "_width", lambda text, size, bold: len(text) * size * char_width / 100)
    mav = MAV(gallery_graph(name), folded="none")
    scene, usual = mav.scene(), choices(mav.state)
    states = [{**usual, **state} for state in STATES[name]]
    pages = run_js(RUN, {"scene": scene, "states": states}, char_width=char_width)
    titles: set[str] = set()
    for state, page in zip(states, pages, strict=True):
        marks = still_picture(scene, mav.layout, **state).marks
        rects = {radius: [s for s in marks if isinstance(s, Rect) and s.radius == radius] for radius in (6, 8, 9)}
        sides = ("x0", "y0", "x1", "y1")
        assert {(*corners(r), r.fill, r.line, r.line_width, r.opacity) for r in rects[6]} == {
            (*near(b[side] for side in sides), b["fill"], b["line"], b["width"], b["alpha"]) for b in page["nodes"]
        }, state
        assert {(*corners(r), r.fill, r.line, r.dashed) for r in rects[8]} == {
            (*near(f[side] for side in sides), f["fill"], f["line"], f["dash"] == "dashed") for f in page["frames"]
        }
        assert [(*corners(r), r.line) for r in rects[9]] == [
            (*near(h[side] for side in sides), h["color"]) for h in page["halo"]
        ]
        lines = {
            (*near(p - 20 for point in (s.points[0], s.points[-1]) for p in point), s.color, s.width)
            for s in marks
            if isinstance(s, Line)
        }
        assert lines == {
            (*near((e["xs"][0], e["ys"][0], e["xs"][-1], e["ys"][-1])), e["color"], e["width"]) for e in page["edges"]
        }
        arrows = sorted(mark.color for mark in marks if isinstance(mark, Triangle))
        assert arrows == sorted(arrow["color"] for arrow in page["arrows"])
        for size, layer in ((12, "labels"), (10, "sublabels"), (11, "titles")):
            texts = [s for s in marks if isinstance(s, Text) and s.size == size]
            assert sorted((*near((s.x - 20, s.y - 20)), s.text, s.color) for s in texts) == sorted(
                (*near((t["x"], t["y"])), t["text"], t["color"]) for t in page[layer]
            ), (state, layer)
            titles |= {text.text for text in texts if size == 11}
    assert (titles <= {f"▾ {group.title}" for group in mav.layout.groups.values()}) == (char_width == 55)
