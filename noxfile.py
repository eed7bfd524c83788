"""The tasks of this project, for people and CI: `nox -l` lists them, `nox` runs the default ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True

PROJECT = nox.project.load_toml("pyproject.toml")
CONSTRAINTS = ("-c", "constraints.txt")
NEWEST_PYTHON = "3.12"
NEWEST = "constraints-newest.txt"
# Browser tests that a new version of a library can break; the others test our own code.
NEWEST_BROWSER = ("links", "pages", "panels", "python_state", "table")
NOT_NEWEST = (
    "tests/test_without_torch.py",
    "tests/test_typing.py",  # needs mypy, which is in the suite only
    *(
        f"tests/browser/test_{name}.py"
        for name in sorted(path.stem.removeprefix("test_") for path in Path("tests/browser").glob("test_*.py"))
        if name not in NEWEST_BROWSER
    ),
)
TWO_PROCESSES = ("-n", "2", "--dist", "loadfile")
# The floor is far below the number of tests: it notices a run that skips or finds next to nothing.
NEWEST_TESTS = (*TWO_PROCESSES, "-m", "not heavy", "--at-least", "1000", *(f"--ignore={file}" for file in NOT_NEWEST))
# Modules that take more than a few seconds; the docstring of `quick` says why.
NOT_QUICK = (
    "tests/browser",
    *(
        f"tests/capture/test_{name}.py"
        for name in (
            "autograd", "capture", "left_as_found", "mistakes", "mutations", "no_input", "rules", "same_graph", "saved",
            "surroundings", "zoo",
        )
    ),
    *(
        f"tests/{name}.py"
        for name in (
            "assets/test_geometry", "assets/test_table", "layout/test_captured", "layout/test_fold", "layout/test_turned",
            "page/test_dashboard", "page/test_declaration", "repeats/test_captured", "still/test_first_view",
            "still/test_matches", "test_export", "test_gallery", "test_lifetime", "test_notebooks", "test_readme", "test_search", "test_typing", "test_without_torch",
        )
    ),
)  # fmt: skip
# Python, torch, torchvision, transformers: the oldest that capture is promised for, and the newest known. Outside the pinned
# build for the CPU, torch brings 5 GB of libraries along, and torchvision its real operators.
VERSIONS = (("3.11", "2.4.1", "0.19.1", "<5"), ("3.11", "2.5.1", "0.20.1", "<5"), ("3.13", "2.14.1", "0.29.1", ">=5"))
VERSIONS_TESTS = ("tests/capture", "tests/field", "tests/test_metrics.py", "tests/test_flops.py", "tests/test_mav.py")
BROWSERS = ("chromium", "google-chrome", "chromium-browser")


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style of Python and JavaScript, docstrings, and the order of imports between rooms."""
    session.install("-q", *CONSTRAINTS, *nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    session.run("lint-imports", env={"PYTHONPATH": "."})
    # An assignment inside an expression, as in `list = (window.idlmav ??= [])`, is allowed.
    session.run("biome", "lint", "--error-on-warnings", "--skip=suspicious/noAssignInExpressions", "idlmav/page/assets")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Check the types of the package, strictly."""
    in_suite(session, "mypy", *session.posargs)


@nox.session(venv_backend="none")
def test(session: nox.Session) -> None:
    """Run every test: units, browser and notebooks (`nox -s test -- tests/test_graph.py` for some of them)."""
    prepare_browser(session)
    in_suite(session, "pytest", *(session.posargs or TWO_PROCESSES))


@nox.session(venv_backend="none", default=False)
def quick(session: nox.Session) -> None:
    """
    Run the tests of the inner loop, in under 90 s on two cores (`nox -s quick -- -k NAME` for some of them).

    It leaves out the browser, notebooks, tests marked as heavy, those that hypothesis makes inputs for, and the modules
    of `NOT_QUICK`: captures of whole models (zoo, mutations, torchvision, saved graphs, mistakes), comparisons of Python
    with JavaScript on hundreds of networks and queries, saved pages, whole dashboards, and tests in new processes.
    """
    need_program(session, ("node",), "nodejs")
    skipped = [f"--ignore={path}" for path in NOT_QUICK]
    marks = "not browser and not heavy and not hypothesis and not notebook"
    in_suite(session, "pytest", "tests", *TWO_PROCESSES, "-m", marks, *skipped, *session.posargs)


@nox.session(venv_backend="none", default=False)
def ui(session: nox.Session) -> None:
    """Run the tests that drive Chromium: the served app, the saved file, the notebook."""
    prepare_browser(session)
    in_suite(session, "pytest", "tests/browser", *session.posargs)


@nox.session(venv_backend="none", default=False)
def notebooks(session: nox.Session) -> None:
    """Execute the notebooks."""
    prepare_browser(session)
    in_suite(session, "pytest", "-m", "notebook", *session.posargs)


@nox.session(venv_backend="none", default=False)
def bench(session: nox.Session) -> None:
    """Print milliseconds of capture, layout, scene and save (`nox -s bench -- NAME ...`: tests/benchmarks/NAME.py)."""
    name, *arguments = session.posargs or ["pipeline"]
    if not Path(f"tests/benchmarks/{name}.py").is_file():
        known = ", ".join(sorted(path.stem for path in Path("tests/benchmarks").glob("*.py")))
        session.error(f"There is no benchmark {name!r}. Known: {known}.")
    in_suite(session, f"tests/benchmarks/{name}.py", *arguments)


@nox.session(venv_backend="none")
def newest(session: nox.Session) -> None:
    """Run the tests that need no torch, with a newer Python, Panel, Bokeh and pandas than the others."""
    base = find_python(NEWEST_PYTHON)
    if base is None:
        session.skip(f"there is no Python {NEWEST_PYTHON} here")
    prepare_browser(session)
    python = make_environment(session, "newest", base)
    # Without torch, whose default build has gigabytes, and with the tools that the suite uses.
    libraries = [name for name in PROJECT["project"]["dependencies"] if not name.startswith("torch")]
    tools = nox.project.dependency_groups(PROJECT, "pytest")
    names = {tool.partition(">")[0] for tool in tools}
    pins = [pin for pin in Path(CONSTRAINTS[1]).read_text("utf-8").splitlines() if pin.partition("=")[0] in names]
    pip = (python, "-m", "pip", "install", "-q", "--disable-pip-version-check")
    session.run_install(*pip, "-c", NEWEST, *libraries, *tools, *pins, external=True)
    session.run_install(*pip, "--no-deps", "-e", ".", external=True)
    session.run(python, "-m", "pytest", "--without-torch", *(session.posargs or NEWEST_TESTS), external=True)


@nox.session(venv_backend="none", default=False)
def versions(session: nox.Session) -> None:
    """
    Run the tests of capture with the oldest and newest torch (`nox -s versions -- 2.5.1` for one of them).

    Each environment takes 6 GB and minutes to install, too much for CI. Detection models run with torchvision's real
    operators, and the zoo of models is compared with real runs.
    """
    for python_version, torch, torchvision, transformers in VERSIONS:
        if session.posargs and torch not in session.posargs:
            continue
        base = find_python(python_version)
        if base is None:
            session.warn(f"there is no Python {python_version} here")
            continue
        python = make_environment(session, f"torch-{torch}", base)
        pip = (python, "-m", "pip", "install", "-q", "--disable-pip-version-check")
        session.run_install(*pip, f"torch=={torch}", f"torchvision=={torchvision}", external=True)
        tools = nox.project.dependency_groups(PROJECT, "pytest")
        session.run_install(*pip, "-e", ".", *tools, "timm", f"transformers{transformers}", external=True)
        session.run(python, "-m", "pytest", *TWO_PROCESSES, *VERSIONS_TESTS, external=True)
        session.run(python, "tests/benchmarks/zoo.py", "--checks", "graph,flops", external=True)
        session.run(python, "tests/benchmarks/detection.py", external=True)


def find_python(version: str) -> str | None:
    """Return the path of a Python, which pyenv may provide, or ``None`` if it does not start."""
    command = [f"python{version}", "-c", "import ensurepip, sys; print(sys.executable)"]
    try:
        # The commands that pyenv puts on the PATH start only if that version is asked for.
        environment = os.environ | {"PYENV_VERSION": version}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def make_environment(session: nox.Session, name: str, base: str) -> str:
    """Make a virtual environment unless it exists, and return the path of its Python."""
    folder = Path(".nox", name).resolve()
    if not folder.exists():
        session.run_install(base, "-m", "venv", str(folder), external=True, silent=True)
    return str(folder / ("Scripts" if sys.platform == "win32" else "bin") / "python")


def in_suite(session: nox.Session, program: str, *args: str) -> None:
    """
    Run a Python module or script in the one environment that has torch, which is made on first use.

    The sessions share it, because torch and its companions take minutes and a gigabyte to install.
    """
    python = make_environment(session, "suite", sys.executable)
    wanted = Path("pyproject.toml").read_text("utf-8") + Path(CONSTRAINTS[1]).read_text("utf-8")
    installed = Path(".nox", "suite", "installed.txt")  # pip takes 15 s to find that nothing is missing
    if not installed.is_file() or installed.read_text("utf-8") != wanted:
        groups = ("test", "types", "lint")
        pip = (python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *CONSTRAINTS)
        # torch comes first and alone, so that no later resolution replaces it.
        session.run_install(*pip, "torch", external=True)
        session.run_install(*pip, "-e", ".", *nox.project.dependency_groups(PROJECT, *groups), external=True)
        installed.write_text(wanted, "utf-8")
    command = [python, program] if program.endswith(".py") else [python, "-m", program]
    session.run(*command, *args, external=True)


def prepare_browser(session: nox.Session) -> None:
    """Install Chromium and Node.js on a machine that has none."""
    need_program(session, BROWSERS, "chromium", "fonts-liberation")  # without a font it draws empty boxes
    need_program(session, ("node",), "nodejs")


def need_program(session: nox.Session, names: tuple[str, ...], *packages: str) -> None:
    """Install Debian packages unless one of the programs is on the PATH."""
    if any(shutil.which(name) for name in names):
        return
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if not (is_root and shutil.which("apt-get")):
        apt_line = f"apt-get install {' '.join(packages)}"
        session.error(f"{' or '.join(names)} is not on the PATH. Install it (on Debian, as root: {apt_line}).")
    session.run_install("apt-get", "-qq", "update", external=True)
    apt = ("apt-get", "-qq", "install", "--yes", "--no-install-recommends", *packages)
    session.run_install(*apt, external=True, silent=True, env={"DEBIAN_FRONTEND": "noninteractive"})
