"""Hundreds of random actions: the views tell the same after each, nothing drifts, nothing fails."""

from __future__ import annotations

import pytest
from browser.monkey import Monkey

from idlmav import MAV

ACTIONS = {"file": 500, "live": 120}


@pytest.fixture(scope="module")
def groups(resnet20) -> dict[str, str]:
    """The group around each node and each group."""
    layout = MAV(resnet20).layout
    return dict(layout.group_of) | {name: group.parent for name, group in layout.groups.items()}


# Hundreds of actions take minutes where other work goes on.
@pytest.mark.timeout(1200)
def test_nothing_drifts_after_random_actions(dashboard, opened, resnet20, groups, request, wait_until):
    way = request.node.callspec.params["opened"]
    if way not in ACTIONS:
        pytest.skip("the app's page is the one that is served live")
    monkey = Monkey(dashboard, resnet20, groups, seed=20)
    for number in range(ACTIONS[way]):
        try:
            monkey.act()
            if dashboard.mav is not None:
                wait_until(dashboard.python_agrees)
        except Exception as error:
            error.add_note(f"action {number}, after {monkey.done[-8:]}")
            raise
    _, problems = opened
    assert problems == []
