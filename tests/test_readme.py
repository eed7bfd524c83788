"""What the README shows works as it stands there."""

from __future__ import annotations

import re
import webbrowser
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.heavy
def test_the_python_of_the_readme_runs(torchvision, monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address, *_, **__: opened.append(address) or True)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)  # noqa: S102 - our own text
    assert len(blocks) == 3
    assert len(opened) == 1
    assert {path.name for path in tmp_path.iterdir()} >= {"resnet18.html", "resnet18.mav.json"}
    assert names["mav"].state.selected == "layer1.0.conv1"
