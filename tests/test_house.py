"""The house keeps what it promises: what is built, what is written, and the commands that people copy."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from email.parser import Parser
from itertools import combinations
from pathlib import Path

import pytest

import idlmav

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """What `pip install .` builds."""
    from hatchling.builders.wheel import WheelBuilder

    folder = tmp_path_factory.mktemp("dist")
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_wheel_holds_every_file_of_the_package(wheel):
    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "idlmav").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name for name in wheel.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert packed == here
    assert {Path(name).suffix for name in packed} >= {".py", ".js", ".json", ".typed"}


def test_the_wheel_keeps_torch_out_of_the_browser(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(wheel.read(name).decode())
    requirements = metadata.get_all("Requires-Dist")
    (torch,) = (line for line in requirements if line.startswith("torch"))
    assert torch.replace('"', "'").endswith("; sys_platform != 'emscripten'")
    assert metadata["Version"] == idlmav.__version__
    assert metadata["License-Expression"] == "MIT"


@pytest.mark.parametrize(("package", "shipped"), [("numpy", "2.0.2"), ("pandas", "2.2.3")])
def test_the_bounds_admit_what_pyodide_ships(wheel, package, shipped):
    from packaging.requirements import Requirement

    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    lines = Parser().parsestr(wheel.read(name).decode()).get_all("Requires-Dist")
    (requirement,) = (found for found in map(Requirement, lines) if found.name == package)
    assert requirement.specifier.contains(shipped)


def test_ci_runs_the_readmes_second_command():
    first, second = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
    assert "panel serve apps/explorer.py" in first
    assert f"({second})" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_file_that_the_readme_names_exists():
    named = re.findall(r"\]\(((?!http)[^)#]+)\)", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_no_committed_text_names_a_machine_or_a_registry():
    """Such a name would break a build elsewhere, and is nobody's business."""
    secret = re.compile(r"/root/|/work/|/tmp/w\b|files\.pythonhosted|registry\.npmjs|extra-index-url")
    suffixes = {".py", ".js", ".css", ".md", ".toml", ".txt", ".json", ".ipynb", ""}
    folders = ["idlmav", "apps", "tests", "notebooks", ".ci", "."]
    files = {path for name in folders for path in (ROOT / name).glob("*" if name == "." else "**/*")}
    texts = [path for path in files if path.is_file() and path.suffix in suffixes and "__pycache__" not in path.parts]
    guilty = [str(path) for path in texts if path != Path(__file__) and secret.search(path.read_text(encoding="utf-8"))]
    assert guilty == []


# ------------------------------------------------------------------------------------------------------- rooms


def source_files() -> list[Path]:
    return [path for path in (ROOT / "idlmav").rglob("*") if path.suffix in (".py", ".js", ".css", ".json")]


def test_the_hall_has_few_rooms_and_no_room_is_overcrowded():
    hall = {path.relative_to(ROOT / "idlmav").parts[0] for path in source_files()} | {"py.typed"}
    assert len(hall) <= 16, sorted(hall)
    counts = Counter(path.parent for path in source_files() if "assets" not in path.parts)
    assert {str(folder): count for folder, count in counts.items() if count > 16} == {}


def test_no_module_is_longer_than_400_lines():
    modules = [path for path in source_files() if path.suffix in (".py", ".js")]
    lengths = {path.name: len(path.read_text("utf-8").splitlines()) for path in modules}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def differ_by_a_letter(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    if len(short) == len(long):
        return sum(a != b for a, b in zip(short, long, strict=True)) == 1
    return any(long[:at] + long[at + 1 :] == short for at in range(len(long)))


def test_no_two_names_of_modules_and_folders_differ_by_one_letter():
    names = {path.stem for path in source_files() if path.suffix in (".py", ".js")}
    names |= {path.parent.name for path in source_files()}
    assert [pair for pair in combinations(sorted(names), 2) if differ_by_a_letter(*pair)] == []
