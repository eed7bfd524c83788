"""
The last line of defence: what a stage cannot do is done in a plainer way, with a note in the picture and a report.

A fault of ours must not cost a reader the picture. `Problems.plainer` tries several ways to do one thing, the plainest
last; `Problems.notes` tells a reader what is missing, `Problems.report` is for whoever mends it. Errors of use
(`idlmav.errors.IdlmavError`), interruptions and a full memory are passed on.

In tests nothing is hidden: where the environment variable ``IDLMAV_STRICT`` is 1, the first way's error is raised.
`tests/conftest.py` sets it; a test of the plainer ways takes it away.
"""

from __future__ import annotations

import os
import platform
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

from idlmav.errors import IdlmavError, text_of
from idlmav.graph.graph import Graph

__all__ = ["Problem", "Problems"]

T = TypeVar("T")
Way = tuple[str, Callable[[], T]]
"""What a reader misses if it is done in this way, and the way."""
_PACKAGES = ("idlmav", "torch", "panel", "bokeh", "numpy")
_HOME = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Problem:
    """A stage that raised, and what was done instead."""

    stage: str
    instead: str
    error: Exception

    @property
    def note(self) -> str:
        """One sentence for the reader of the picture."""
        return f"{self.instead}: {self.stage} failed ({type(self.error).__name__}), a fault of idlmav's."


@dataclass(slots=True)
class Problems:
    """What went wrong in making one picture."""

    found: list[Problem] = field(default_factory=list)

    def plainer(self, stage: str, way: Callable[[], T], *others: Way[T]) -> T:
        """
        Return what the first way returns that does not raise.

        Raises
        ------
        Exception
            The last way's error, and errors of use.
        """
        try:
            return way()
        except (IdlmavError, MemoryError):
            raise
        except Exception as error:
            if not others or os.environ.get("IDLMAV_STRICT") == "1":
                raise
            (instead, other), *rest = others
            self._note(Problem(stage, instead, error))
        return self.plainer(stage, other, *rest)

    def _note(self, problem: Problem) -> None:
        self.found = [known for known in self.found if known.stage != problem.stage] + [problem]

    @property
    def notes(self) -> list[str]:
        """What a reader is told, and how to get the report."""
        if not self.found:
            return []
        return [*dict.fromkeys(problem.note for problem in self.found), "print(mav.report) shows a report to send in."]

    def report(self, graph: Graph) -> str:
        """
        Return versions, tracebacks and the size of a graph as text; empty if nothing went wrong.

        It has no code and no path of the model's, and no values; messages of exceptions may have names.
        """
        if not self.found:
            return ""
        sizes = {"nodes": graph.nodes, "edges": graph.edges, "modules": graph.modules, "calls": graph.calls}
        lines = [
            f"Python {platform.python_version()} on {sys.platform}, {', '.join(filter(None, map(_version, _PACKAGES)))}",
            ", ".join(f"{len(records)} {name}" for name, records in sizes.items()),
        ]
        for problem in self.found:
            lines += ["", f"{problem.stage}: {problem.instead}", *_anonymous(problem.error)]
        return "\n".join(lines)


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


def _anonymous(error: BaseException) -> list[str]:
    """Return a traceback in which frames outside of idlmav and installed packages are only counted."""
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        file = Path(frame.filename)
        if file.is_relative_to(_HOME):
            name = file.relative_to(_HOME.parent).as_posix()
        elif "site-packages" in file.parts:
            name = "/".join(file.parts[file.parts.index("site-packages") + 1 :])
        else:
            lines.append("  (a frame of other code)")
            continue
        lines.append(f"  {name}:{frame.lineno} in {frame.name}")
    return [*lines, f"{type(error).__name__}: {text_of(error)}"]
