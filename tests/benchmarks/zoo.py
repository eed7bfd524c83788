"""
Capture a zoo of models and compare with what a real run, torch's FLOP counter and a FakeTensor forward say.

``nox -s bench -- zoo [--zoo FILE.py] [--only NAME,...] [--checks graph,flops,speed,restore,memory] [--train]``

FILE.py holds a mapping ``ZOO`` of names to ``(model factory, inputs factory)``, both without arguments. The inputs
factory returns a tensor, a tuple of positional arguments, a dict of keyword arguments, or a pair of both. Another name
for the mapping is fine if it is the only one of its kind. Without a file, `zoo_models` is the zoo.

Differences that are known may be listed in ``KNOWN``: name of the model -> text of the difference -> date and reason.
One line is printed for each model, then medians beside the bars. The exit status is 1 if anything is not exact; a bar
of time that is missed says so, but a busy machine is no error.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
import torchvision_shim  # noqa: F401 - torchvision cannot be imported before it
from benchmarks.zoo_checks import CHECKS, Measured, fresh_processes

Factories = tuple[Callable[[], nn.Module], Callable[[], Any]]
BARS = {"cold": 60.0, "warm": 25.0, "ratio": 10.0}
"""Microseconds per op, at most; times faster than a FakeTensor forward, at least. Of medians."""


@dataclass
class Row:
    """What was found of one model."""

    name: str
    measured: Measured = field(default_factory=Measured)
    wrong: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    error: str = ""

    def __str__(self) -> str:
        found = self.measured
        exact = self.error or "; ".join([*self.wrong, *(f"known: {text}" for text in self.known)]) or "equal"
        times = [f"{value:8.1f}" if value else f"{'-':>8}" for value in (found.cold, found.warm, found.ratio)]
        return f"{self.name:38}{found.ops:6} ops{''.join(times)}  {found.flops or '-':24} {exact}"


def load(file: Path | None) -> tuple[Mapping[str, Factories], Mapping[str, Mapping[str, str]]]:
    """
    Return the zoo of a file, and the differences that it knows of.

    Raises
    ------
    ValueError
        If the file holds no mapping of names to pairs of factories, or several without a ``ZOO`` among them.
    """
    if file is None:
        from benchmarks import zoo_models

        return zoo_models.ZOO, zoo_models.KNOWN
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} cannot be imported. Pass a Python file that holds a mapping ZOO.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = {name: value for name, value in vars(module).items() if _is_zoo(value)}
    if "ZOO" not in found and len(found) != 1:
        raise ValueError(
            f"{file} holds {len(found)} mappings of names to (model factory, inputs factory): "
            f"{', '.join(found) or 'none'}. Name one of them ZOO."
        )
    return found.get("ZOO") or next(iter(found.values())), getattr(module, "KNOWN", {})


def _is_zoo(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(v, (tuple, list)) and len(v) == 2 and all(map(callable, v)) for v in value.values())
    )


def arguments(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what an inputs factory has made as positional and keyword arguments."""
    if isinstance(inputs, dict):
        return (), inputs
    if not isinstance(inputs, (tuple, list)):
        return (inputs,), {}
    if len(inputs) == 2 and isinstance(inputs[0], (tuple, list)) and isinstance(inputs[1], dict):
        return tuple(inputs[0]), inputs[1]
    return tuple(inputs), {}


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: the times of the shape-only passes are those of one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def examine(name: str, factories: Factories, checks: list[str], train: bool, known: Mapping[str, str]) -> Row:
    """Build one model and run the checks on it."""
    row = Row(name)
    try:
        model, (args, kwargs) = factories[0](), arguments(factories[1]())
        model = model.train() if train else model
        for check in checks:
            for text in CHECKS[check](model, args, kwargs, row.measured):
                (row.known if text in known else row.wrong).append(text)
    except Exception as error:  # noqa: BLE001 - said in the model's line, and the exit status
        row.error = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"[:300]
    return row


def summary(rows: list[Row], known: Mapping[str, Mapping[str, str]]) -> int:
    """Print medians beside the bars and every difference with its reason; return the exit status."""
    for kind, bar in BARS.items():
        values = [value for row in rows if (value := getattr(row.measured, kind))]
        if values:
            median = statistics.median(values)
            met = median >= bar if kind == "ratio" else median <= bar
            unit, relation = ("times", "at least") if kind == "ratio" else ("us per op", "at most")
            verdict = "" if met else "  MISSED"
            print(f"{kind:6} median {median:7.1f} {unit} over {len(values)} models, {relation} {bar:.0f}{verdict}")
    slower = [f"{row.name} ({row.measured.ratio:.1f})" for row in rows if 0 < row.measured.ratio < BARS["ratio"]]
    if slower:
        print(f"less than {BARS['ratio']:.0f} times faster than FakeTensor: {', '.join(slower)}")
    uncounted: dict[str, list[str]] = {}
    for row in rows:
        if row.measured.flops.startswith("not run"):
            uncounted.setdefault(row.measured.reason, []).append(row.name)
    for reason, names in uncounted.items():
        print(f"FLOPs: torch's counter does not run on meta ({reason}): {', '.join(names)}")
    for row in rows:
        for text in row.known:
            print(f"known: {row.name}: {text}: {known[row.name][text]}")
    inexact = [row for row in rows if row.wrong or row.error]
    for row in inexact:
        for text in row.wrong or [row.error]:
            print(f"WRONG: {row.name}: {text}")
    print(f"{len(rows) - len(inexact)} of {len(rows)} models exact")
    return int(bool(inexact))


def main() -> int:
    """Run the checks over the zoo."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=Path, help="file with a mapping ZOO")
    parser.add_argument("--only", default="", help="names, or beginnings of names, with commas between")
    parser.add_argument("--checks", default=",".join([*CHECKS, "memory"]), help="which checks, with commas between")
    parser.add_argument("--train", action="store_true", help="set the models to training mode")
    options = parser.parse_args()
    wanted = options.checks.split(",")
    unknown = set(wanted) - {*CHECKS, "memory"}
    if unknown:
        parser.error(f"unknown checks: {', '.join(sorted(unknown))}; known: {', '.join([*CHECKS, 'memory'])}")
    zoo, known = load(options.zoo)
    chosen = tuple(options.only.split(","))
    names = [name for name in zoo if name.startswith(chosen)]
    if not names:
        parser.error(f"no model is named {options.only!r}; known: {', '.join(zoo)}")
    warnings.simplefilter("ignore")  # what models warn of is not the matter here
    print(f"{'':38}{'':10}{'cold':>8}{'warm':>8}{'ratio':>8}  FLOPs                    graph, parameters, restored")
    rows, checks, started = [], [name for name in CHECKS if name in wanted], time.perf_counter()
    with one_thread():
        for name in names if checks else ():
            row = examine(name, zoo[name], checks, options.train, known.get(name, {}))
            rows.append(row)
            print(row, flush=True)
            gc.collect()
    status = summary(rows, known) if rows else 0
    if "memory" in wanted:
        status |= fresh_processes()
    print(f"{time.perf_counter() - started:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
