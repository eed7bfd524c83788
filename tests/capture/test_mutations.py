"""Two hundred broken models: each has a graph with its error at the right place, and nearly all other ops."""

from __future__ import annotations

import copy
from functools import cache

import pytest

from capture.mutations import KINDS, MODELS, Outcome, intact_model, judge, mutations
from capture.state import assert_same, state
from idlmav.capture import capture
from idlmav.graph import Graph

COUNT = (len(KINDS) + 1) * len(MODELS)
"""Every kind of mutation in every model, the first one twice; some break nothing and do not count."""
RECOVERED = {"delete": 0.95, "raise": 0.97, "hook": 0.97, "inserted": 0.97, "within": 0.97, "argued": 0.95,
             "unpacked": 0.95}  # fmt: skip
"""Share of the ops outside the broken module that are drawn, by kind of mutation; 0.99 where only sizes or types change."""
RIGHT = 0.95
"""Share of the shapes in which every known size is true."""
COMPLETE = {"size": 0.95, "delete": 0.85, "raise": 0.85, "hook": 0.85, "inserted": 0.95, "within": 0.85}
"""Share of the shapes that are known to the last size; the rest nobody can know."""
ONE_ERROR = 0.95
"""Share of the mutations after which the graph has one error: a layer less may be a mistake of several places."""


@cache
def _intact_graph(name: str) -> Graph:
    example = MODELS[name]
    graph = capture(intact_model(name), example.args(), example.kwargs())
    assert graph.errors == (), name
    return graph


@cache
def _outcomes(kind: str) -> list[Outcome]:
    wanted = [mutation for mutation in mutations(COUNT) if mutation.kind == kind]
    found = [judge(mutation, _intact_graph(mutation.model)) for mutation in wanted]
    return [outcome for outcome in found if outcome is not None]


@pytest.mark.heavy
@pytest.mark.parametrize("kind", KINDS)
def test_broken_models_are_drawn_located_and_recovered(kind: str) -> None:
    found = _outcomes(kind)
    assert not [outcome.text for outcome in found if not (outcome.drawn and outcome.located)]
    ops, shapes = sum(o.ops for o in found), sum(o.shapes for o in found)
    recovered = sum(o.recovered for o in found) / ops
    assert recovered >= RECOVERED.get(kind, 0.99), [o.text for o in found if o.recovered < o.ops]
    text = f"{kind}: {len(found)} located, {recovered:.2%} of {ops} ops recovered"
    if shapes:
        right, complete = sum(o.right for o in found) / shapes, sum(o.complete for o in found) / shapes
        assert right >= RIGHT, [o.text for o in found if o.right < o.shapes]
        assert complete >= COMPLETE.get(kind, 0)
        text += f", {right:.2%} of shapes right, {complete:.2%} complete"
    print(text)  # noqa: T201 - shown by pytest -s


@pytest.mark.heavy
def test_two_hundred_mutations_are_hardly_ever_more_than_one_error_each() -> None:
    every = [outcome for kind in KINDS for outcome in _outcomes(kind)]
    assert len(every) >= 200
    assert len({outcome.mutation.model for outcome in every}) >= 15
    several = [outcome.text for outcome in every if outcome.errors != 1]
    assert len(several) <= (1 - ONE_ERROR) * len(every), several
    print(f"{len(every)} mutations, {len(several)} with several errors")  # noqa: T201 - shown by pytest -s


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
