"""A user's script under ``mypy --strict``: what is right passes, each wrong line is reported."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import torch
from torch import nn
import idlmav
from idlmav import MAV, Explorer, Graph, ReleaseGraph, ViewState, load

model: nn.Module = nn.Linear(4, 4)
mav = MAV(
    model, torch.ones(2, 4), device="cpu", input_kwargs={}, sizes={"input": (None, 4)}, palette="Vivid",
    avoid_palette_idxs={1}, fixed_color_map={"Linear": 3}, color_by="flops", size_by="param_count",
    value_range=(1, 10), highlighted=["nn.Linear"], estimates="hidden", theme="dark", direction="right", turn="none",
    latent="", merge_threshold=0.5, compute_unit="macs", folded="all", selected="", query="linear",
)
graph: Graph = mav.graph
again = MAV(graph, folded=2, viewport=(0.0, 1.0, 0.0, 1.0))
MAV(model, {"input": torch.ones(2, 4)}, folded=["layer1"])
MAV(model, direction="sideways")  # wrong: direction
MAV(model, color_by="operations")  # wrong: color_by
MAV(model, turn=3)  # wrong: turn
MAV(model, pallete="Vivid")  # wrong: pallete
MAV("resnet18")  # wrong: MAV

state: ViewState = mav.state
mav.state.selected = "layer1"
mav.state.param.watch(print, "selected")
ids: list[str] = mav.find("params>1k & linear")
table: str = mav.summary(depth=2)
mav.find(3)  # wrong: find
mav.fold("layer1.0")
mav.fold(2)
mav.fold(["layer1", "layer2"])
mav.fold(2.5)  # wrong: fold
mav.unfold("layer1.0")

page: ReleaseGraph = mav.draw_release_graph(add_table=False, height_px=500)
page.save("m.html")
mav.draw_interactive_graph(add_overview=False, height_px=None).servable()
mav.draw_interactive_graph(add_overveiw=False)  # wrong: add_overveiw
mav.draw_release_graph(height_px="500")  # wrong: height_px
mav.save("m.html", add_slider=False)
mav.save("m.html", add_slidr=False)  # wrong: add_slidr
mav.save_graph("m.mav.json")
mav.show()
mav.servable("Title", location=False)
other: MAV = load("m.mav.json", palette=["#123456"], color_by="module", folded="none")
load("m.mav.json", device="cpu")  # wrong: device
load("m.mav.json", theme="blue")  # wrong: theme

frame = mav.graph.to_frame()
print(frame.columns, graph.nodes[0].shapes, graph.totals.param_count, idlmav.__version__, Explorer)
"""


@pytest.mark.heavy
@pytest.mark.timeout(900)  # mypy reads all of torch, at least the first time
def test_a_user_s_script_is_checked_strictly(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT, "utf-8")
    root = Path(__file__).parents[1]
    cache = root / ".mypy_cache" / "users"
    # Without the project's own settings: a user has others.
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(cache)]
    done = subprocess.run(
        [*command, "script.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    expected = {number for number, line in enumerate(SCRIPT.splitlines(), 1) if "# wrong: " in line}
    found = {int(number) for number in re.findall(r"^script\.py:(\d+): error", done.stdout, re.MULTILINE)}
    assert found == expected, done.stdout + done.stderr
    for number, line in enumerate(SCRIPT.splitlines(), 1):
        if "# wrong: " in line:
            (name,) = re.findall(r"# wrong: (\w+)", line)
            (message,) = re.findall(rf"^script\.py:{number}: error: (.*)$", done.stdout, re.MULTILINE)
            assert f'"{name}"' in message
