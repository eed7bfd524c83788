"""Write the graphs that the explorer shows where there is no torch: ``python apps/save_gallery.py``."""

from __future__ import annotations

import json
from pathlib import Path

import idlmav
from idlmav import MAV
from idlmav.gallery.models import MODELS

FOLDER = Path(idlmav.__file__).parent / "gallery" / "saved_graphs"


def main(folder: Path = FOLDER) -> None:
    """Capture every model of the package and write it, with an index, to a folder."""
    folder.mkdir(exist_ok=True)
    for name, model in MODELS.items():
        MAV(*model.make()).save_graph(folder / f"{name}.json")
    index = [{"name": name, "title": model.title, "summary": model.summary} for name, model in MODELS.items()]
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
