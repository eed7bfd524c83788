"""Run the browser's modules in Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import idlmav

ASSETS = Path(idlmav.__file__).parent / "page" / "assets"
RUNNER = Path(__file__).parent / "run_module.mjs"


def run_js(code: str, value: Any = None, *, char_width: float = 0) -> Any:
    """
    Run JavaScript that may import modules of ``idlmav/assets``.

    Parameters
    ----------
    code : str
        Body of an async function with the arguments ``load`` (module name -> its exports) and ``input``.
    value : JSON-able
        Becomes ``input``.
    char_width : float
        Width in px of a character at 100 px, for modules that measure texts; 0 for those that do not.

    Returns
    -------
    JSON-able
        What the code returns; typed arrays as lists.
    """
    node = shutil.which("node")
    assert node, "Node.js must be installed: the browser's modules are tested with it"
    job = json.dumps({"assets": ASSETS.as_uri(), "code": code, "input": value, "charWidth": char_width})
    done = subprocess.run([node, str(RUNNER)], input=job, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
