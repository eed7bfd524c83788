"""Still pictures: the scene as SVG and PNG, without a browser."""

from __future__ import annotations

from idlmav.still.at_a_glance import at_a_glance
from idlmav.still.draw import choices, still_picture
from idlmav.still.first_view import first_view, theme_css
from idlmav.still.marks import Picture
from idlmav.still.png import to_png
from idlmav.still.svg import to_svg

__all__ = ["Picture", "at_a_glance", "choices", "first_view", "still_picture", "theme_css", "to_png", "to_svg"]
