"""Two hundred broken models: every one drawn, flagged and located, nearly all of the rest recovered."""

from __future__ import annotations

import copy
from collections import defaultdict

import pytest

from capture.mutations import KINDS, MODELS, Outcome, intact_model, judge, mutations
from capture.state import assert_same, state
from idlmav.capture import capture

COUNT = len(KINDS) * len(MODELS)
"""Every kind of mutation once in every model; some break nothing and do not count."""
RECOVERED = {"delete": 0.95, "raise": 0.97, "hook": 0.97, "inserted": 0.97, "within": 0.97, "argued": 0.95,
             "unpacked": 0.95}  # fmt: skip
"""Share of the ops outside the broken module that are drawn, by kind of mutation; 0.99 where only sizes or types change."""
RIGHT = 0.95
"""Share of the shapes in which every known size is true."""
COMPLETE = {"size": 0.95, "delete": 0.85, "raise": 0.85, "hook": 0.85, "inserted": 0.95, "within": 0.85}
"""Share of the shapes that are known to the last size; the rest nobody can know."""
ONE_ERROR = 0.9
"""Share of the mutations after which the graph has one error: a layer less may be a mistake of several places."""


@pytest.mark.heavy
def test_broken_models_are_drawn_located_and_recovered() -> None:
    outcomes: dict[str, list[Outcome]] = defaultdict(list)
    intact = {}
    for name, example in MODELS.items():
        intact[name] = capture(intact_model(name), example.args(), example.kwargs())
        assert intact[name].errors == (), name
    for mutation in mutations(COUNT):
        outcome = judge(mutation, intact[mutation.model])
        if outcome is not None:
            outcomes[mutation.kind].append(outcome)
    assert sum(map(len, outcomes.values())) >= 200
    assert set(outcomes) == set(KINDS)
    every = [outcome for found in outcomes.values() for outcome in found]
    assert sum(outcome.errors == 1 for outcome in every) >= ONE_ERROR * len(every)
    for kind, found in outcomes.items():
        assert not [outcome.text for outcome in found if not (outcome.drawn and outcome.located)]
        ops, shapes = sum(o.ops for o in found), sum(o.shapes for o in found)
        recovered = sum(o.recovered for o in found) / ops
        assert recovered >= RECOVERED.get(kind, 0.99), (kind, [o.text for o in found if o.recovered < o.ops])
        text = f"{kind}: {len(found)} located, {recovered:.2%} of {ops} ops recovered"
        if shapes:
            right, complete = sum(o.right for o in found) / shapes, sum(o.complete for o in found) / shapes
            assert right >= RIGHT, (kind, [o.text for o in found if o.right < o.shapes])
            assert complete >= COMPLETE.get(kind, 0), kind
            text += f", {right:.2%} of shapes right, {complete:.2%} complete"
        print(text)  # noqa: T201 - shown by pytest -s


@pytest.mark.parametrize("mutation", list(mutations(COUNT, seed=7))[::19], ids=lambda m: f"{m.model}-{m.kind}-{m.path}")
def test_broken_models_are_left_as_found(mutation: object) -> None:
    from capture.mutations import Mutation

    assert isinstance(mutation, Mutation)
    example = MODELS[mutation.model]
    model = intact_model(mutation.model)
    mutation.apply(model)
    before = state(model)
    codes = {type(module).forward: type(module).forward.__code__ for module in model.modules()}
    capture(model, copy.deepcopy(example.args()), example.kwargs())
    assert_same(before, state(model))
    assert all(function.__code__ is code for function, code in codes.items())
