"""Fixtures for all tests; those that need a browser are in tests/browser."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import pytest
from hypothesis import settings

from idlmav.graph import Call, Edge, Failure, Graph, ModuleInfo, Node, ParameterInfo, Totals

# A busy machine must not fail a test, and two runs of the same code must agree.
settings.register_profile("idlmav", deadline=None, derandomize=True)
settings.load_profile("idlmav")


# A fault of ours fails a test, where users get a plainer picture (`idlmav.graph.plainer`).
os.environ["IDLMAV_STRICT"] = "1"

pytest_plugins = ("without_torch",)


@pytest.fixture(scope="session")
def torchvision(request: pytest.FixtureRequest) -> ModuleType:
    """torchvision, whose schemas need a shim beside a torch that was built without its kernels."""
    if request.config.getoption("--without-torch"):
        pytest.skip("it needs torch")
    import_module("torchvision_shim")
    return import_module("torchvision")


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """``wait_until(condition, timeout)``: return as soon as the condition holds, fail if it never does."""

    def wait(condition: Callable[[], object], timeout: float = 10.0) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"waited {timeout} s in vain for {condition}")
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def run_python() -> Callable[..., str]:
    """``run_python(code, without=["torch"])``: run code in a new interpreter and return what it prints."""

    def run(code: str, *, without: tuple[str, ...] | list[str] = (), timeout: float = 120.0) -> str:
        blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in without)
        program = "import sys\n" + blocked + textwrap.dedent(code)
        command = [sys.executable, "-W", "error", "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def small_graph() -> Graph:
    """
    A hand-made graph that uses every field of the data model.

    x -> conv (ran) -> add (ran, with x) -> fc (failed) -> output (not run)
    """
    nodes = (
        Node(id="x", kind="input", op="input", operation="input", shapes=((1, 3, 8, 8),), dtypes=("float32",)),
        Node(
            id="block.conv",
            op="conv2d",
            operation="nn.Conv2d",
            path="block.conv",
            call=2,
            shapes=((1, 3, 8, 8),),
            dtypes=("float32",),
            params=("block.conv.weight",),
            args="padding=(1, 1)",
            flops=10368,
            flops_source="counted",
            param_count=81,
            activation_bytes=768,
            source="model.py:7",
        ),
        Node(
            id="block:add",
            op="add",
            operation="add()",
            path="block",
            call=1,
            shapes=((1, None, 8, 8), None),
            dtypes=("float32", "int64"),
            shares_params=True,
            source="model.py:8",
            notes=("inplace",),
        ),
        Node(
            id="fc",
            op="linear",
            operation="nn.Linear",
            path="fc",
            call=3,
            status="failed",
            error="RuntimeError: shapes <b>do not</b> match",
            source="model.py:12",
        ),
        Node(id="output", kind="output", op="output", operation="output", status="not_run"),
    )
    return Graph(
        name="Net",
        nodes=nodes,
        edges=(
            Edge("x", "block.conv"),
            Edge("x", "block:add"),
            Edge("block.conv", "block:add"),
            Edge("block:add", "fc", (0, 1)),
            Edge("fc", "output"),
        ),
        modules=(
            ModuleInfo(path="", class_name="Net", class_path="model.Net", calls=1, param_count=81, failed=True),
            ModuleInfo(path="block", class_name="Block", calls=1, param_count=81),
            ModuleInfo(path="block.conv", class_name="Conv2d", params=("block.conv.weight",), calls=1, param_count=81),
            ModuleInfo(
                path="fc",
                class_name="Linear",
                extra_repr="in_features=3, out_features=2",
                calls=1,
                failed=True,
                entered=True,
            ),
        ),
        calls=(Call(""), Call("block", 1, 0), Call("block.conv", 1, 1), Call("fc", 1, 0)),
        parameters=(
            ParameterInfo(
                name="block.conv.weight",
                shape=(3, 3, 3, 3),
                dtype="int8",
                itemsize=1,
                aliases=("tied",),
                stored_bytes=324,
                scheme="int8 (Int8Tensor)",
            ),
            ParameterInfo(name="fc.scale", shape=None, dtype="float32", itemsize=4, trainable=False, buffer=True),
        ),
        errors=(Failure("fc", "fc", "RuntimeError", "shapes <b>do not</b> match", "model.py:12"),),
        totals=Totals(node_count=5, param_count=81, trainable_count=81, param_bytes=324, flops=10368, flops_unknown=2),
        inputs="x: (1, 3, 8, 8) float32",
        info={"torch": "2.13.0"},
    )
