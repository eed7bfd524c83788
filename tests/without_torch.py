"""
pytest's ``--without-torch``: run the tests that need no torch, and skip the others.

Without this option, a test module that cannot import torch or its companions is an error. With it, such a module is
skipped, unless a part of idlmav that promises to work without torch imports it. `nox -s newest` uses the option, as
installing torch for a second Python would take minutes and gigabytes.
"""

from __future__ import annotations

import traceback
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "idlmav"
ROOMS = ("capture", "gallery")
"""Parts of idlmav that may import torch."""
COMPANIONS = ("torch", "torchvision", "timm", "transformers", "nbformat", "nbclient")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("idlmav")
    group.addoption("--without-torch", action="store_true", help="skip tests of torch, which must not be installed")
    group.addoption("--at-least", type=int, default=0, metavar="N", help="fail if fewer than N tests pass")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--without-torch") and find_spec("torch") is not None:
        raise pytest.UsageError("--without-torch: torch is installed here, so nothing would be skipped.")


def pytest_report_header(config: pytest.Config) -> str | None:
    return "without torch: tests/capture is left out" if config.getoption("--without-torch") else None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    # Its conftest.py imports torch, before any of its modules could be skipped.
    return True if config.getoption("--without-torch") and collection_path.name == "capture" else None


class _Module(pytest.Module):
    """A test module that is skipped if it, or a part of idlmav that may do so, imports torch."""

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        try:
            return list(super().collect())
        except self.CollectError as error:
            missing = getattr(error.__cause__, "name", None)
            if isinstance(error.__cause__, ModuleNotFoundError) and missing in COMPANIONS:
                importer = Path(traceback.extract_tb(error.__cause__.__traceback__)[-1].filename)
                if PACKAGE in importer.parents and importer.relative_to(PACKAGE).parts[0] not in ROOMS:
                    raise self.CollectError(f"{importer} imports {missing}; only {' and '.join(ROOMS)} may") from error
                pytest.skip(f"{self.path.name} imports {missing}", allow_module_level=True)
            raise


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    without = parent.config.getoption("--without-torch")
    return _Module.from_parent(parent, path=module_path) if without else None


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which far too much was skipped or not even found."""
    wanted = session.config.getoption("--at-least")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):
        return
    passed = len(reporter.stats.get("passed", ()))
    if passed < wanted and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"\n{passed} tests passed, which is fewer than {wanted}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
