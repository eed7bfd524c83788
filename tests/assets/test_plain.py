"""The controller turns values from Bokeh into plain ones."""

from __future__ import annotations

from assets.node import run_js


def test_values_from_python_become_plain():
    code = """
        const { plain } = await load("base/plain");
        const value = plain(new Map([["a", null], ["b", new Map([["c", new Float64Array([1, 2])]])], ["d", [new Map()]]]));
        return [value.constructor === Object, value];
    """
    assert run_js(code) == [True, {"a": None, "b": {"c": [1.0, 2.0]}, "d": [{}]}]


def test_none_and_the_undefined_of_pyodide_become_null():
    code = 'const { plain } = await load("base/plain"); return plain(new Map([["value_range", undefined]])).value_range === null;'
    assert run_js(code) is True
