"""Still pictures: the scene as SVG and PNG, without a browser."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from idlmav.still.at_a_glance import at_a_glance
from idlmav.still.draw import choices, still_picture
from idlmav.still.first_view import first_view, theme_css
from idlmav.still.marks import Picture
from idlmav.still.png import to_png
from idlmav.still.svg import to_svg

if TYPE_CHECKING:
    from idlmav.layout import Layout
    from idlmav.scene.build import Scene
    from idlmav.state import ViewState

__all__ = [
    "Picture", "at_a_glance", "choices", "first_view", "png_text", "save_still", "still_picture", "theme_css", "to_png",
    "to_svg",
]  # fmt: skip


def png_text(picture: Picture) -> str:
    """Return a picture as a small PNG in base 64, which a notebook holds for viewers that run no script."""
    return b64encode(to_png(picture, 1.5, colors=64)).decode()


def save_still(path: Path, scene: Scene, layout: Layout, state: ViewState) -> None:
    """Write a still picture of a scene to a file whose name ends in ``.svg`` or ``.png``."""
    theme = "dark" if state.theme == "dark" else "light"
    picture = still_picture(scene, layout, **choices(state), theme=theme)
    path.write_bytes(to_svg(picture).encode() if path.suffix.lower() == ".svg" else to_png(picture))
