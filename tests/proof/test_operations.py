"""Every registered operation, on the samples beside it: the NumPy backend against the reference interpreter, and
derivatives to third order, forward and reverse in every mixture, against differences of the order below."""

import ml_dtypes
import numpy as np
import pytest
from mixad.ir.types import DTYPE_NAMES, INEXACT

from .programs import (
    CASES,
    Runner,
    accepted,
    assert_close,
    base,
    chain,
    chains,
    check_types,
    differentiable,
    expanded,
    parameters,
    random_like,
    round_trips,
    sample_arrays,
)

DIFFERENTIABLE = [case for case in CASES if differentiable(*case, sample_arrays(*case))]
COMPLEX = [
    case
    for case in CASES
    if accepted(*case, arrays := sample_arrays(*case, np.complex128))
    and any(a.dtype.kind == "c" for a in arrays)
    and differentiable(*case, arrays)
]


def _strided(array):
    """The same numbers, every second of a larger buffer, axes in the opposite order in memory."""
    if not array.ndim:
        return array
    room = np.zeros(tuple(2 * size for size in reversed(array.shape)), array.dtype)
    view = room[tuple(slice(None, None, 2) for _ in array.shape)].transpose()
    view[...] = array
    return view


@parameters(CASES)
def test_numpy_backend_is_the_reference(case):
    for dtype in DTYPE_NAMES:
        arrays = sample_arrays(*case, dtype.type)
        if not accepted(*case, arrays):
            continue
        graph, inputs = base(*case, arrays)
        runner = Runner(chain(graph, ""))
        expected = runner.interpret(*inputs)
        for given in (inputs, [_strided(array) for array in inputs]):
            kept = [array.copy() for array in given]
            results = runner.run(*given)
            check_types(runner, results)
            for found, wanted in zip(results, expected, strict=True):
                assert_close(found, wanted)
            for before, after in zip(kept, given, strict=True):
                np.testing.assert_array_equal(before, after)
            for result in results:
                assert not any(np.shares_memory(result, array) for array in given)


@parameters(CASES)
def test_numpy_backend_takes_integer_operands_as_inputs(case):
    """Indices and predicates are constants elsewhere in this file; here they are inputs."""
    from mixad.ir import Builder, Graph, TensorType

    definition, number = case
    arrays = sample_arrays(*case)
    graph = Graph("f")
    operands = tuple(graph.add_input(TensorType(a.shape, a.dtype)) for a in arrays)
    graph.set_outputs(Builder(graph).create(definition, operands, definition.rules.cls.samples[number].attributes).results)
    runner = Runner(chain(graph, ""))
    results = runner.run(*arrays)
    check_types(runner, results)
    for found, wanted in zip(results, runner.interpret(*arrays), strict=True):
        assert_close(found, wanted)


# --- derivatives ---------------------------------------------------------------------------------


def _difference(function, h=2e-3):
    """The derivatives of a function of a number at 0, extrapolated twice (Romberg): the error is of order h**6."""
    steps = [[(a - b) / (2 * k * h) for a, b in zip(function(k * h), function(-k * h), strict=True)] for k in (1, 2, 4)]
    found = []
    for one, two, four in zip(*steps, strict=True):
        first, second = (4 * one - two) / 3, (4 * two - four) / 3
        found.append((16 * first - second) / 15)
    return found


def _inner(xs, ys):
    """The real part of the bilinear product of two lists of arrays."""
    return sum(np.sum(np.asarray(x) * np.asarray(y)).real for x, y in zip(xs, ys, strict=True))


def _check_chain(definition, number, graph, inputs, runners, modes, rng):
    """Level len(modes) against differences of the level below it; ``runners`` holds what is compiled."""
    count = len(inputs)
    below = runners[modes[:-1]]
    runner = runners[modes] = Runner(chain(graph, modes))
    seeds = [random_like(rng, type) for type in below.inputs[count:]]
    weights = [random_like(rng, type) for type in runner.inputs[len(below.inputs) :]]
    found = runner.run(*inputs, *seeds, *weights)
    check_types(runner, found)
    if definition.name == "ad.stop_gradient":
        assert not any(np.any(each) for each in found)
        return
    directions = weights if modes[-1] == "j" else [random_like(rng, type) for type in below.inputs[:count]]

    def at(h):
        return below.run(*[x + h * d for x, d in zip(inputs, directions, strict=True)], *seeds)

    changes = _difference(at)
    if modes[-1] == "j":
        for each, change in zip(found, changes, strict=True):
            np.testing.assert_allclose(each, change, rtol=2e-7, atol=2e-7, err_msg=modes)
    else:
        np.testing.assert_allclose(_inner(found, directions), _inner(changes, weights), rtol=2e-7, atol=2e-7)
    for each, wanted in zip(found, runner.interpret(*inputs, *seeds, *weights), strict=True):
        assert_close(each, wanted, ulps=64, err=modes)


def _check_orders(case, dtype, orders):
    definition, number = case
    graph, inputs = base(definition, number, sample_arrays(*case, dtype))
    rng = np.random.default_rng(7)
    runners = {"": Runner(chain(graph, ""))}
    for order in range(1, orders + 1):
        for modes in chains(order):
            _check_chain(definition, number, graph, inputs, runners, modes, rng)


@parameters(DIFFERENTIABLE)
def test_first_derivatives(case):
    _check_orders(case, np.float64, 1)


@parameters(COMPLEX)
def test_first_derivatives_of_complex_numbers(case):
    _check_orders(case, np.complex128, 1)


@pytest.mark.slow
@parameters(DIFFERENTIABLE)
def test_derivatives_to_third_order_in_every_mixture_of_modes(case):
    _check_orders(case, np.float64, 3)


@pytest.mark.slow
@parameters(COMPLEX)
def test_second_derivatives_of_complex_numbers(case):
    _check_orders(case, np.complex128, 2)


@parameters([case for case in DIFFERENTIABLE if case[1] == 0])
def test_derived_programs_print_and_parse(case):
    graph, _ = base(*case, sample_arrays(*case))
    for modes in ("", "j", "r", "rj"):
        module = chain(graph, modes)
        round_trips(module)
        round_trips(expanded(module))


@parameters([case for case in DIFFERENTIABLE if case[1] == 0])
def test_pushing_and_pulling_are_adjoint(case):
    """<J v, w> = <v, J' w>, to rounding."""
    graph, inputs = base(*case, sample_arrays(*case))
    rng = np.random.default_rng(3)
    pushing, pulling = Runner(chain(graph, "j")), Runner(chain(graph, "r"))
    v = [random_like(rng, type) for type in pushing.inputs[len(inputs) :]]
    w = [random_like(rng, type) for type in pulling.inputs[len(inputs) :]]
    pushed, pulled = pushing.run(*inputs, *v), pulling.run(*inputs, *w)
    np.testing.assert_allclose(_inner(pushed, w), _inner(v, pulled), rtol=1e-12, atol=1e-12)
