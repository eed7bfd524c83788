"""``pytest --without-torch`` leaves out what needs torch and nothing else, says so, and notices an empty run."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

ERRORS, FLOPS = "tests/test_errors.py", "tests/test_flops.py"
CODE = """
    import pytest

    print("ended with", int(pytest.main(["-q", "-p", "no:cacheprovider", "--without-torch", {arguments}])))
"""


def test_a_module_that_imports_torch_is_skipped_with_the_reason(run_python):
    said = run_python(CODE.format(arguments=f"{ERRORS!r}, {FLOPS!r}"), without=["torch"])
    assert "ended with 0" in said
    assert "test_flops.py imports torch" in said
    assert re.search(r"\b[1-9]\d* passed, 1 skipped", said)


def test_another_module_that_is_missing_is_an_error(run_python):
    said = run_python(CODE.format(arguments=repr(ERRORS)), without=["torch", "idlmav.errors"])
    assert "ended with 0" not in said


@pytest.mark.parametrize(("at_least", "code"), [("1", 0), ("1000", 1)])
def test_a_run_of_too_few_tests_fails(run_python, at_least, code):
    arguments = f"{ERRORS!r}, {FLOPS!r}, '--at-least', {at_least!r}"
    said = run_python(CODE.format(arguments=arguments), without=["torch"])
    assert f"ended with {code}" in said
    assert bool(re.search(r"\d tests passed, which is fewer than 1000", said)) == bool(code)


def test_with_torch_it_is_refused():
    pytest.importorskip("torch")
    command = [sys.executable, "-m", "pytest", "--without-torch", ERRORS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "torch is installed here" in done.stderr
