"""Every registered operation, on the samples beside it: the NumPy backend against the reference interpreter, and
derivatives to third order, forward and reverse in every mixture, against differences of the order below."""

import numpy as np
import pytest
from mixad.ir import Builder, Graph, TensorType, bfloat16
from mixad.ir.types import DTYPE_NAMES
from mixad.tools.tables import GUIDE

from .programs import (
    CASES,
    Runner,
    accepted,
    assert_close,
    base,
    chain,
    chains,
    check_chain,
    check_types,
    differentiable,
    expanded,
    inner,
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
                assert before.tobytes() == after.tobytes()
            for result in results:
                assert not any(np.shares_memory(result, array) for array in given)


@parameters(CASES)
def test_numpy_backend_takes_integer_operands_as_inputs(case):
    """Indices and predicates are constants elsewhere in this file; here they are inputs."""
    definition, number = case
    arrays = sample_arrays(*case)
    graph = Graph("f")
    operands = tuple(graph.add_input(TensorType(a.shape, a.dtype)) for a in arrays)
    graph.set_outputs(
        Builder(graph).create(definition, operands, definition.rules.cls.samples[number].attributes).results
    )
    runner = Runner(chain(graph, ""))
    results = runner.run(*arrays)
    check_types(runner, results)
    for found, wanted in zip(results, runner.interpret(*arrays), strict=True):
        assert_close(found, wanted)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    ("name", "attributes"),
    [("reduce_sum", {"axes": (0,)}), ("reduce_prod", {"axes": (0,)}), ("cumsum", {"axis": 0, "reverse": False})],
)
def test_narrow_types_accumulate_in_float32(name, attributes, dtype):
    """NumPy accumulates some of them as they are; the backend must not."""
    type = TensorType((3000, 2), bfloat16 if dtype == "bfloat16" else np.float16)
    x = np.random.default_rng(0).uniform(0.9, 1.1, type.shape).astype(type.dtype)
    graph = Graph("f")
    graph.set_outputs([getattr(Builder(graph), name)(graph.add_input(type), **attributes)])
    runner = Runner(chain(graph, ""))
    for found, wanted in zip(runner.run(x), runner.interpret(x), strict=True):
        assert_close(found, wanted)


def test_a_large_array_lives_until_an_unmaterialised_broadcast_of_it_is_read():
    graph = Graph("f")
    x = graph.add_input(TensorType((10_000,), np.float64))
    b = Builder(graph)
    v = b.sin(x)
    rows = b.broadcast_in_dim(v, shape=(2, 10_000), dims=(1,))
    w = b.broadcast_in_dim(b.exp(b.cos(v)), shape=(2, 10_000), dims=(1,))
    graph.set_outputs([b.mul(rows, w)])
    runner = Runner(chain(graph, ""))
    at = np.linspace(0, 1, 10_000)
    assert_close(runner.run(at)[0], runner.interpret(at)[0])


# --- derivatives ---------------------------------------------------------------------------------


def _check_orders(case, dtype, orders):
    definition, number = case
    graph, inputs = base(definition, number, sample_arrays(*case, dtype))
    rng = np.random.default_rng(7)
    runners = {"": Runner(chain(graph, ""))}
    for order in range(1, orders + 1):
        for modes in chains(order):
            if definition.name == "ad.stop_gradient":
                _check_stopped(graph, inputs, modes, rng)
            else:
                check_chain(graph, inputs, runners, modes, rng)


def _check_stopped(graph, inputs, modes, rng):
    """Every derivative is exactly zero."""
    runner = Runner(chain(graph, modes))
    found = runner.run(*inputs, *[random_like(rng, type) for type in runner.inputs[len(inputs) :]])
    check_types(runner, found)
    assert not any(np.any(each) for each in found)


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
@pytest.mark.usefixtures("unwatched")
@parameters([case for case in DIFFERENTIABLE if case[0].name in GUIDE and case[1] < 2])
def test_the_guides_operations_to_fourth_order(case):
    """In all sixteen mixtures of modes."""
    _check_orders(case, np.float64, 4)


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
    np.testing.assert_allclose(inner(pushed, w), inner(v, pulled), rtol=1e-12, atol=1e-12)
