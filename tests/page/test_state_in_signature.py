"""A value that is added to `ViewState` alone is an option of `MAV`: true once its signature is made from the state."""

from __future__ import annotations

from page.test_declaration import ADD


def test_a_made_up_value_is_an_option_of_the_constructor(run_python):
    code = f"""{ADD}
import inspect
from idlmav import MAV

print(inspect.signature(MAV).parameters["glow"].default)
"""
    assert run_python(code).strip() == "faint"
