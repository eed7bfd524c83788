"""Take the pictures of the README anew: ``PYTHONPATH=tests python docs/make_images.py`` in the suite's environment."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import torch
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from idlmav import MAV
from idlmav.gallery.architectures import GPT, ResNet20, UNet, WorkInProgress

FOLDER = Path(__file__).parent / "images"
COLORS = 160


def llama() -> torch.nn.Module:
    """Return a Llama of 70 billion parameters on the meta device, which needs no memory."""
    import torchvision_shim  # noqa: F401 - transformers imports torchvision
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=8192, intermediate_size=28672, num_hidden_layers=80, num_attention_heads=64, num_key_value_heads=8
    )
    with torch.device("meta"):
        return LlamaForCausalLM(config)


def pictures() -> Iterator[tuple[str, MAV, tuple[int, int], Callable[[Page], None]]]:
    """Yield a name, the picture, the size of the window in px, and what is done in the page before the shot."""

    def select(name: str) -> Callable[[Page], None]:
        return lambda page: page.evaluate("(id) => window.idlmav[0].select(id)", name)

    def fit(page: Page) -> None:
        page.evaluate("window.idlmav[0].fit()")

    nothing: Callable[[Page], None] = lambda page: None
    yield "explorer", MAV(ResNet20(), torch.zeros(1, 3, 32, 32)), (1280, 720), select("layer1.0.conv1")
    failing = MAV(WorkInProgress(), torch.zeros(1, 3, 64, 64))
    yield "failing", failing, (1200, 640), select(failing.graph.errors[0].node)
    yield "llama", MAV(llama(), {"input_ids": torch.zeros(1, 128, dtype=torch.long)}), (1200, 640), nothing
    yield "unet", MAV(UNet(), torch.zeros(1, 1, 128, 128), latent="bottleneck", folded="all"), (1200, 640), fit
    saved = MAV(GPT(), torch.zeros(1, 64, dtype=torch.long), folded="all")
    saved.state.theme = "dark"
    yield "saved", saved, (1200, 640), select("h.0")


def main() -> None:
    """Write one PNG for each picture."""
    program = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))))
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, mav, (width, height), prepare in pictures():
            file = Path(folder, f"{name}.html")
            mav.save(file)
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(file.as_uri())
            page.wait_for_function("window.idlmav?.[0]?.ready.then(() => true)")
            prepare(page)
            page.evaluate("() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
            image = Image.open(BytesIO(page.screenshot())).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
            image.save(FOLDER / f"{name}.png", optimize=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
