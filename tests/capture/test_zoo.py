"""A part of the benchmark's zoo, small and diverse: each model equals its real run, in FLOPs and parameters too."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torchvision_shim  # noqa: F401 - torchvision cannot be imported before it
from benchmarks.zoo import arguments, load
from benchmarks.zoo_checks import CHECKS, Measured
from benchmarks.zoo_models import ZOO

SMALL = [
    "torchvision/shufflenet_v2_x0_5",
    "torchvision/squeezenet1_1",
    "torchvision/lraspp_mobilenet_v3_large",
    "torchvision/r2plus1d_18",
    "timm/convit_tiny",
    "timm/edgenext_xx_small",
    "timm/halonet_h1",
    "timm/levit_128s",
    "timm/mobileone_s0",
    "timm/resnest14d",
    "timm/skresnet18",
    "timm/swiftformer_xs",
    "timm/xcit_nano_12_p8_224",
    "transformers/BigBirdModel",
    "transformers/BloomModel",
    "transformers/CLIPModel",
    "transformers/DINOv3ViTModel",
    "transformers/EncodecModel",
    "transformers/LlavaForConditionalGeneration",
    "transformers/LongformerModel",
    "transformers/Mamba2Model",
    "transformers/MistralForCausalLM",
    "transformers/MixtralForCausalLM",
    "transformers/PegasusXModel",
    "transformers/ReformerModel",
    "transformers/RwkvModel",
    "transformers/T5Gemma2Model",
    "transformers/TimesformerModel",
    "transformers/ViltModel",
    "transformers/WhisperModel",
    "transformers/XLNetModel",
]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.filterwarnings("ignore")  # of models of others
@pytest.mark.parametrize("name", SMALL)
def test_equals_a_real_run(name: str) -> None:
    pytest.importorskip(name.partition("/")[0])
    make_model, make_inputs = ZOO[name]
    torch.manual_seed(0)
    model, (args, kwargs) = make_model(), arguments(make_inputs())
    measured = Measured()
    for check in ("graph", "flops", "restore"):
        assert CHECKS[check](model, args, kwargs, measured) == []
    assert measured.ops > 0
    assert not measured.flops.endswith("differ")


def test_a_zoo_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import torch\nMODELS = {'one': (lambda: torch.nn.Linear(2, 3), lambda: torch.zeros(1, 2))}\n")
    zoo, known = load(file)
    assert list(zoo) == ["one"]
    assert known == {}
    file.write_text("A = {}\n")
    with pytest.raises(ValueError, match="holds 0 mappings"):
        load(file)


def test_inputs_in_every_form() -> None:
    x = torch.zeros(1)
    assert arguments(x) == ((x,), {})
    assert arguments({"x": x}) == ((), {"x": x})
    assert arguments((x, 1)) == ((x, 1), {})
    assert arguments(((x,), {"y": 1})) == ((x,), {"y": 1})
