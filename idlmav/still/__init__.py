"""Still pictures: the scene as SVG and PNG, without a browser."""

from __future__ import annotations

import warnings
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idlmav.still.at_a_glance import at_a_glance
from idlmav.still.draw import choices, still_picture
from idlmav.still.first_view import first_view, theme_css
from idlmav.still.marks import Picture
from idlmav.still.plain import plain_list, plain_page, plain_picture
from idlmav.still.png import to_png
from idlmav.still.svg import to_svg

if TYPE_CHECKING:
    from idlmav.scene.scene_cache import SceneCache
    from idlmav.state import ViewState

__all__ = [
    "Picture", "at_a_glance", "choices", "first_view", "image_text", "plain_page", "plain_picture", "png_text", "save_still", "still_picture", "theme_css", "to_png",
    "to_svg",
]  # fmt: skip


def image_text(scenes: SceneCache, state: ViewState) -> str:
    """Return the whole model as `png_text`; the last one is kept."""
    problems, flow, chosen = scenes.variants.problems, state.flow, choices(state)
    if scenes.last_image is None or scenes.last_image[0] != (flow, chosen):
        image = problems.plainer(
            "the picture",
            lambda: png_text(at_a_glance(scenes.shared(flow), scenes.variants.layout(flow), chosen)),
            ("The ops are drawn in one column", lambda: png_text(plain_picture(scenes.graph, problems.notes))),
        )
        scenes.last_image = (flow, chosen), image
    return scenes.last_image[1]


def png_text(picture: Picture) -> str:
    """Return a picture as a small PNG in base 64, which a notebook holds for viewers that run no script."""
    return b64encode(to_png(picture, 1.5, colors=64)).decode()


def save_still(path: Path, scenes: SceneCache, state: ViewState) -> None:
    """Write a still picture to a file whose name ends in ``.svg`` or ``.png``."""
    problems = scenes.variants.problems
    theme = "dark" if state.theme == "dark" else "light"
    encode: Callable[[Picture], bytes] = to_png if path.suffix.lower() == ".png" else lambda made: to_svg(made).encode()
    listed = path.with_suffix(".svg")

    def picture(**others: Any) -> Picture:
        scene, layout = scenes.shared(state.flow), scenes.variants.layout(state.flow)
        scene = {**scene, "notes": list(dict.fromkeys([*scene["notes"], *problems.notes]))}
        return still_picture(scene, layout, **{**choices(state), **others}, theme=theme)

    file, content = problems.plainer(
        "the picture",
        lambda: (path, encode(picture())),
        ("Everything is unfolded", lambda: (path, encode(picture(folded=[])))),
        ("The ops are drawn in one column", lambda: (path, encode(plain_picture(scenes.graph, problems.notes)))),
        (f"The ops are listed in {listed.name}", lambda: (listed, plain_list(scenes.graph, problems.notes).encode())),
    )
    file.write_bytes(content)
    if file != path:
        warnings.warn("\n".join(problems.notes), stacklevel=3)
