"""``pytest --without-torch`` skips the tests that need torch and no others, and says why."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from without_torch import PACKAGE

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


@pytest.mark.parametrize(("part", "passes"), [("metrics/totals.py", False), ("capture/run.py", True)])
def test_a_part_of_the_package_that_must_not_import_torch_is_an_error(run_python, tmp_path, part, passes):
    file = PACKAGE / part
    (tmp_path / "test_it.py").write_text(f"exec(compile('import torch', {str(file)!r}, 'exec'))", "utf-8")
    said = run_python(CODE.format(arguments=f"{ERRORS!r}, {str(tmp_path)!r}"), without=["torch"])
    assert ("ended with 0" in said) == passes
    assert (f"{part} imports torch; only capture and gallery may" in said) == (not passes)


@pytest.mark.parametrize(("at_least", "code"), [("1", 0), ("1000", 1)])
def test_a_run_of_too_few_tests_fails(run_python, at_least, code):
    arguments = f"{ERRORS!r}, {FLOPS!r}, '--at-least', {at_least!r}"
    said = run_python(CODE.format(arguments=arguments), without=["torch"])
    assert f"ended with {code}" in said
    assert bool(re.search(r"\d tests passed, which is fewer than 1000", said)) == bool(code)


def test_the_option_is_refused_where_torch_is_installed():
    pytest.importorskip("torch")
    command = [sys.executable, "-m", "pytest", "--without-torch", ERRORS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "torch is installed here" in done.stderr
