"""Random compositions of operations: every mode and mixture of modes, to third order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixad.runtime.reference import interpret

from .composer import compose
from .programs import Runner, assert_close, chain, chains, check_chain, check_types, inner, random_like, round_trips


def _check_value(composer, ulps=64):
    runner = Runner(chain(composer.graph, ""))
    found = runner.run(*composer.inputs)
    check_types(runner, found)
    for each, wanted in zip(found, interpret(composer.graph, *composer.inputs), strict=True):
        assert_close(each, wanted, ulps)
    return runner


def _check_derivatives(composer, orders):
    runners = {"": _check_value(composer)}
    rng = np.random.default_rng(1)
    for order in range(1, orders + 1):
        for modes in chains(order):
            check_chain(composer.graph, composer.inputs, runners, modes, rng, tolerance=1e-5)


@settings(max_examples=40)
@given(st.data())
def test_first_derivatives_of_a_random_program(data):
    composer = compose(data, [1, 2, 3], 12)
    _check_derivatives(composer, 1)
    module = chain(composer.graph, "rj")
    round_trips(module)


@pytest.mark.slow
@settings(max_examples=80)
@given(st.data())
def test_second_derivatives_of_a_random_program(data):
    _check_derivatives(compose(data, [1, 2, 3], 30), 2)


@pytest.mark.slow
@settings(max_examples=8)
@given(st.data())
def test_third_derivatives_of_a_random_program(data):
    _check_derivatives(compose(data, [1, 2], 8), 3)


@settings(max_examples=25)
@given(st.data())
def test_large_arrays_in_a_random_program(data):
    """Arrays large enough for the backend to drop them behind their last use; modes agree with each other."""
    composer = compose(data, [96, 128], 12)
    runner = _check_value(composer, ulps=1024)  # sums in another order, and sines of them
    count = len(composer.inputs)
    pushing, pulling = Runner(chain(composer.graph, "j")), Runner(chain(composer.graph, "r"))
    rng = np.random.default_rng(2)
    v = [random_like(rng, type) for type in pushing.inputs[count:]]
    w = [random_like(rng, type) for type in pulling.inputs[count:]]
    pushed, pulled = pushing.run(*composer.inputs, *v), pulling.run(*composer.inputs, *w)
    left, right = inner(pushed, w), inner(v, pulled)
    scale = sum(np.sum(np.abs(p * c)) for p, c in zip(pushed, w, strict=True))
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-11 * (1 + scale))
    for each, wanted in zip(pushed, pushing.interpret(*composer.inputs, *v), strict=True):
        assert_close(each, wanted, ulps=256)
    assert len(runner.outputs) == len(pushed)
