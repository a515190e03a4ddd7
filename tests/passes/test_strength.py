"""strength-reduce: the stated error bounds, against exact arithmetic, and what powers do at the ends of the range."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mixad as mx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mixad.ir import Builder, Graph, Module, TensorType
from mixad.ops.definition import full
from mixad.passes import PassManager
from mixad.runtime.reference import interpret


def power(exponent: float, dtype: Any, squared: bool = False) -> Module:
    graph = Graph("f")
    x = graph.add_input(TensorType((), np.dtype(dtype)))
    b = Builder(graph)
    base = b.square(x) if squared else x
    graph.set_outputs([b.pow(base, full(b, x.type, exponent))])
    module = Module()
    module.add(graph)
    return module


def reduced(exponent: float, dtype: Any, squared: bool = False) -> Module:
    module = power(exponent, dtype, squared)
    PassManager("strength-reduce,dce").run(module)
    assert "tensor.pow" not in str(module)
    return module


@given(
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([(3, 2), (4, 3), (-2, 2)]),
    st.floats(2.0**-10, 1000),
    st.booleans(),
)
def test_products_are_within_their_bounds(dtype: Any, case: tuple[int, int], number: float, negative: bool) -> None:
    exponent, roundings = case
    x = dtype(-number if negative else number)
    (found,) = interpret(reduced(exponent, dtype).entry, x)
    exact = Fraction(float(x)) ** exponent
    unit = Fraction(float(np.finfo(dtype).eps)) / 2
    assert abs(Fraction(float(found)) - exact) <= abs(exact) * roundings * unit * (1 + 8 * unit)


@pytest.mark.parametrize("exponent", [3, 4, -2])
@pytest.mark.parametrize("number", [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e200, 1e-200])
def test_products_are_powers_at_the_ends(exponent: int, number: float) -> None:
    old, new = (interpret(each.entry, number)[0] for each in (power(exponent, float), reduced(exponent, float)))
    np.testing.assert_array_equal(new, old)
    np.testing.assert_array_equal(np.signbit(new), np.signbit(old))


@pytest.mark.parametrize("exponent", [0.5, 1.5, -0.5])
@pytest.mark.parametrize("number", [0.0, -0.0, np.inf, -np.inf, np.nan, 3.0, -7.0])
def test_roots_are_powers(exponent: float, number: float) -> None:
    old, new = (
        interpret(each.entry, number)[0] for each in (power(exponent, float, True), reduced(exponent, float, True))
    )
    np.testing.assert_allclose(new, old, rtol=1e-15)


@pytest.mark.parametrize("shapes", [((0, 3), (3, 2)), ((2, 0), (0, 3)), ((2, 3), (3, 0)), ((0, 0), (0, 0))])
def test_factors_of_empty_arrays_settle(shapes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    left, right = (np.ones(shape) for shape in shapes)

    def function(x: Any) -> Any:
        return np.sum((0.5 * (0.3 * x) @ right) ** 3)

    assert mx.jit(mx.grad(function))(left).shape == left.shape


def test_a_cube_and_its_derivatives_share_the_square() -> None:
    value, gradient = mx.jit(mx.value_and_grad(lambda x: np.sum(x**3)))(np.array([2.0, -3.0]))
    assert value == -19.0
    np.testing.assert_array_equal(gradient, [12.0, 27.0])


@pytest.mark.parametrize(
    "function",
    [
        lambda v, z: np.sum((v * z) * 1e-37),
        lambda v, z: np.sum(np.sin((z @ v) * 1e-37)),
        lambda v, z: np.sum(np.sin((z @ np.outer(v, v)) * 1e-38)),
    ],
    ids=["sum", "vector", "matrix"],
)
def test_factors_that_bring_numbers_into_range_stay(function: Any) -> None:
    """Sums of z overflow, sums of z times the factor do not."""
    random = np.random.default_rng(0)
    z, v = random.random((1000, 50)) * 1e37, random.random(50)
    found = mx.jit(mx.grad(function))(v.astype(np.float32), z.astype(np.float32))
    wanted = mx.grad(function)(v, z)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())
