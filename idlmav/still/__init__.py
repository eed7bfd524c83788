"""Still pictures: the scene as SVG and PNG, without a browser."""

from __future__ import annotations

from idlmav.still.drawing import still_picture
from idlmav.still.png import to_png
from idlmav.still.shapes import Picture
from idlmav.still.svg import to_svg

__all__ = ["Picture", "still_picture", "to_png", "to_svg"]
