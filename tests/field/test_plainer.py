"""The last line of defence: each stage is made to raise; there is a picture, with a note and a report."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from idlmav import MAV, IdlmavError, load


class Blocks(nn.Module):
    """Five equal blocks and a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(5)))

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) + x


X = torch.ones(2, 4)
STAGES: dict[str, tuple[str, Any]] = {
    # Entry function of a stage: what the note begins with, and the inputs that lead there.
    "capture.Run": ("Only the modules are drawn", (X,)),
    "capture.Tree": ("Nothing is drawn", (X,)),
    "capture.describe": ("Only the modules are drawn", (X,)),
    "capture._device": ("Only the modules are drawn", (X,)),
    "capture.DeviceMap": ("Only the modules are drawn", (X,)),
    "capture.repair.repaired": ("The model is drawn up to its first error", (torch.ones(2, 5),)),
    "capture.repair.missing_inputs.with_assumed_inputs": ("Only the modules are drawn", ()),
    "mav.complete": ("Sums are 0", (X,)),
    "mav.chosen_folds": ("Everything is unfolded", (X,)),
    "layout.variants.small_ops": ("Small ops have boxes of their own", (X,)),
    "layout.engine.find_stacks": ("Small ops have boxes of their own", (X,)),
    "layout.input.network.find_repeats": ("Equal blocks are not put together", (X,)),
    "layout.input.network.name_repeats": ("Equal blocks are not put together", (X,)),
    "layout.engine.lay_out_turned": ("The flow does not turn", (X,)),
    "layout.input.network.find_groups": ("The ops are drawn in one column", (X,)),
    "layout.engine.network_of": ("The ops are drawn in one column", (X,)),
    "layout.variants.compute_layout": ("The ops are drawn in one column", (X,)),
    "layout.variants.node_sizes": ("The ops are drawn in one column", (X,)),
    "scene.scene_cache.build_scene": ("The ops are drawn in one column", (X,)),
    "scene.build.columns": ("The ops are drawn in one column", (X,)),
    "still.draw.fold": ("The ops are drawn in one column", (X,)),
    "still.still_picture": ("The ops are drawn in one column", (X,)),
    "export.html.release_graph": ("The ops are drawn in one column", (X,)),
    "export.html.Explorer": ("The ops are drawn in one column", (X,)),
    "export.html.pack": ("The ops are drawn in one column", (X,)),
    "page.dashboard.Explorer": ("The ops are drawn in one column", (X,)),
    "still.at_a_glance": ("The ops are drawn in one column", (X,)),
    "graph.summary.summary": ("The ops are listed", (X,)),
}


@pytest.fixture
def plainer(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let faults lead to a plainer picture, as for users."""
    monkeypatch.delenv("IDLMAV_STRICT")
    return monkeypatch


def broken(patch: pytest.MonkeyPatch, stage: str, error: BaseException) -> None:
    def raise_it(*args: Any, **kwargs: Any) -> Any:
        raise error

    module, name = f"idlmav.{stage}".rsplit(".", 1)
    import_module(module)
    patch.setattr(sys.modules[module], name, raise_it)


def made(stage: str) -> MAV:
    # Turned and merged, so that every stage of the layout is asked.
    view: Any = (
        {"latent": "a.2", "merge_threshold": 0.5, "folded": "all"} if stage.startswith(("layout", "mav")) else {}
    )
    return MAV(Blocks(), *STAGES[stage][1], **view)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_raises_leaves_a_picture_with_a_note(stage: str, plainer: Any, tmp_path: Path) -> None:
    broken(plainer, stage, IndexError("list index out of range"))
    mav = made(stage)
    mav.summary()
    mav.save(tmp_path / "x.svg")
    mav.save(tmp_path / "x.png")
    if stage.startswith(("export", "capture.Run")):
        mav.save(tmp_path / "x.html")
    if stage.startswith(("page", "scene.build")):
        assert mav.draw_interactive_graph()
        assert mav.__panel__()
    if stage == "still.at_a_glance":
        mav._repr_mimebundle_()
    mav.fold(0)
    mav.unfold()
    mav.save_graph(tmp_path / "x.mav.json")
    load(tmp_path / "x.mav.json").save(tmp_path / "y.svg")
    assert "IndexError: list index out of range" in mav.report
    assert f"torch {torch.__version__}" in mav.report
    assert "test_plainer" not in mav.report, "paths of the user's"
    notes = mav._problems.notes
    assert notes[0].startswith(STAGES[stage][0])
    told = (tmp_path / "x.html" if stage.startswith("export") else tmp_path / "x.svg").read_text("utf-8")
    late = ("page", "still.at_a_glance", "graph")
    assert stage.startswith(late) or STAGES[stage][0] in told
    if "capture" in stage:
        assert STAGES[stage][0] in (tmp_path / "y.svg").read_text("utf-8"), "a saved graph keeps the note"


def test_modules_are_drawn_where_nothing_could_be_captured(plainer: Any) -> None:
    broken(plainer, "capture.Run", RuntimeError())
    mav = MAV(Blocks(), X)
    assert [node.op for node in mav.graph.nodes] == ["Linear", "ReLU"] * 5
    assert {node.status for node in mav.graph.nodes} == {"not_run"}
    assert mav.graph.totals.param_count == 100
    assert "a.3" in mav.layout.groups


def test_a_picture_that_cannot_be_encoded_is_a_list(plainer: Any, tmp_path: Path) -> None:
    broken(plainer, "still.to_png", RuntimeError())
    with pytest.warns(UserWarning, match=r"The ops are listed in x\.svg"):
        MAV(Blocks(), X).save(tmp_path / "x.png")
    assert "nn.Linear" in (tmp_path / "x.svg").read_text("utf-8")


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), MemoryError(), IdlmavError("use")], ids=lambda error: type(error).__name__
)
@pytest.mark.parametrize("stage", ["capture.Run", "layout.variants.compute_layout", "scene.scene_cache.build_scene"])
def test_interruptions_and_errors_of_use_are_passed_on(
    stage: str, error: BaseException, plainer: Any, tmp_path: Path
) -> None:
    broken(plainer, stage, error)
    with pytest.raises(type(error)):
        made(stage).save(tmp_path / "x.svg")


@pytest.mark.parametrize(
    "wrong",
    [
        {"latent": "b"},
        {"selected": "b"},
        {"folded": "b"},
        {"folded": -1},
        {"merge_threshold": 2},
        {"sizes": {"x": (1,)}},
    ],
    ids=str,
)
def test_wrong_arguments_stay_errors(wrong: Any, plainer: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        MAV(Blocks(), X, **wrong)


def test_all_is_well(plainer: Any) -> None:
    mav = MAV(Blocks(), X)
    assert mav.scene()["notes"] == []
    assert mav.report == ""


def test_in_tests_nothing_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, "capture.Run", IndexError("ours"))
    with pytest.raises(IndexError, match="ours"):
        MAV(Blocks(), X)
