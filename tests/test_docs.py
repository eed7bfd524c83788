"""What the documentation names exists, and its tables are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from idlmav.state import markdown_table

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PATHS = {
    f"/{path.relative_to(ROOT).as_posix()}{'/' * path.is_dir()}"
    for name in ("idlmav", "tests", "apps", "docs", "notebooks", ".")
    for path in (ROOT / name).glob("*" if name == "." else "**/*")
    if "__pycache__" not in path.parts
}


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_exists(document):
    text = re.sub(r"```.*?```", "", document.read_text("utf-8"), flags=re.DOTALL)
    named = set(re.findall(r"`([\w./-]+(?:\.py|\.js|\.css|\.json|\.toml|/))`", text))
    named |= {name for name in re.findall(r"\]\(([^)#:]+)\)", text) if "/" in name}
    missing = [
        name for name in sorted(named) if not any(path.endswith(f"/{name.removeprefix('../')}") for path in PATHS)
    ]
    assert missing == []


def test_the_table_of_the_view_state_is_that_of_the_code():
    text = (ROOT / "docs" / "interfaces.md").read_text("utf-8")
    (table,) = re.findall(r"<!-- state: [^>]*-->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert table.strip() == markdown_table().strip(), "paste what idlmav.state.markdown_table() returns"


def test_the_readme_is_short():
    assert len(DOCS[0].read_text("utf-8").splitlines()) <= 110
