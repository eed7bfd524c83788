"""
Constants that Python and JavaScript read from one file.

`constants.json` stands here because this is the lowest room that reads it: everything that draws a scene knows this
room, and the modules in ``page/assets`` import the same file.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

__all__ = ["CONSTANTS"]

CONSTANTS: dict[str, Any] = json.loads((files("idlmav") / "scene" / "constants.json").read_text("utf-8"))
