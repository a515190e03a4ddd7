"""Ufuncs on every mixture of element types: the types, values and errors are NumPy's."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import mixad as mx
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

DTYPES = ["?", "i1", "i4", "i8", "u1", "u4", "u8", "f2", "f4", "f8"]
BINARY = [
    *(np.add, np.subtract, np.multiply, np.true_divide, np.floor_divide, np.remainder, np.fmod, np.maximum, np.minimum),
    *(np.fmax, np.fmin, np.arctan2, np.hypot, np.logaddexp, np.logaddexp2, np.copysign, np.heaviside, np.float_power),
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.divmod),
    *(np.logical_and, np.logical_or, np.logical_xor, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.matmul),
]
UNARY = [
    *(np.negative, np.positive, np.absolute, np.fabs, np.sign, np.square, np.sqrt, np.exp, np.expm1, np.exp2, np.log1p),
    *(
        np.sin,
        np.cos,
        np.tanh,
        np.arctan,
        np.cbrt,
        np.floor,
        np.ceil,
        np.trunc,
        np.rint,
        np.isnan,
        np.isinf,
        np.isfinite,
    ),
    *(np.signbit, np.logical_not, np.invert, np.conjugate, np.deg2rad, np.degrees, np.sum, np.prod, np.mean, np.var),
    *(np.max, np.min, np.any, np.all, np.cumsum, np.round, np.argmax, np.count_nonzero, np.linalg.norm, np.diff),
]
OPERATORS = [
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.matmul),
    *(operator.lt, operator.le, operator.eq, operator.ne, operator.and_, operator.or_, operator.xor),
]


def array(dtype: str, shape: tuple[int, ...]) -> Any:
    """Small numbers that every type holds, none zero."""
    numbers = np.array([1, 2, 3, 1, 2, 3]) if dtype[0] in "?u" else np.array([1, -2, 3, 2, -1, 3])
    return np.resize(numbers, shape).astype(dtype)


OPERANDS = st.one_of(
    st.tuples(st.sampled_from(DTYPES), st.sampled_from([(3,), (1,), (2, 3)])).map(lambda pair: array(*pair)),
    st.sampled_from(DTYPES).map(lambda dtype: array(dtype, ())[()]),
    st.sampled_from([True, False, 2, 1, 2.5, -1.5]),
    st.just([1.5, 2.0, 3.0]),
)


def outcome(function: Any, *args: Any) -> Any:
    """A call's results, or the kind of its error."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = function(*args)
    except (TypeError, ValueError, OverflowError) as error:
        return (
            TypeError
            if isinstance(error, TypeError)
            else ValueError
            if isinstance(error, ValueError)
            else OverflowError
        )
    return [np.asarray(each) for each in (found if isinstance(found, tuple) else (found,))]


def assert_same(mine: Any, theirs: Any) -> None:
    """Equal kinds of error, or arrays of equal types and close values."""
    if isinstance(theirs, type) or isinstance(mine, type):
        assert mine is theirs or (mine is not None and {mine, theirs} <= {TypeError, ValueError})
        return
    for found, expected in zip(mine, theirs, strict=True):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        tolerance = {"f2": 2e-3, "f4": 1e-6}.get(found.dtype.str[1:], 1e-13)
        np.testing.assert_allclose(
            found.astype(np.float64), expected.astype(np.float64), rtol=tolerance, atol=tolerance
        )


@settings(max_examples=250)
@given(st.sampled_from(BINARY), OPERANDS, OPERANDS)
def test_binary_ufuncs(ufunc: Any, x: Any, y: Any) -> None:
    x = np.asarray(x)
    expected = outcome(ufunc, x, y)
    assert_same(outcome(mx.jit(lambda a: ufunc(a, y)), x), expected)


@settings(max_examples=120)
@given(st.sampled_from(OPERATORS), OPERANDS, OPERANDS, st.booleans())
def test_operators(function: Any, x: Any, y: Any, swapped: bool) -> None:
    x = np.asarray(x)
    if swapped:
        assert_same(outcome(mx.jit(lambda a: function(y, a)), x), outcome(function, y, x))
    else:
        assert_same(outcome(mx.jit(lambda a: function(a, y)), x), outcome(function, x, y))


@settings(max_examples=150)
@given(st.sampled_from(UNARY), st.sampled_from(DTYPES), st.sampled_from([(3,), (2, 3)]))
def test_functions_of_one_array(function: Any, dtype: str, shape: Any) -> None:
    x = array(dtype, shape)
    assert_same(outcome(mx.jit(lambda a: function(a)), x), outcome(function, x))


@pytest.mark.parametrize("number", [2, 2.5, True])
def test_numbers_stay_weak_through_arithmetic(number: Any) -> None:
    x = np.ones(3, np.float32)
    assert mx.jit(lambda a, n: (n * 2 + 1) * a)(x, number).dtype == np.float32
    assert mx.jit(lambda a, n: np.sqrt(n * 2.0) * a)(x, number).dtype == (np.sqrt(number * 2.0) * x).dtype


@pytest.mark.parametrize(
    ("x", "number"), [(np.array([1, 2], "u1"), 300), (np.array([1, 2], "u1"), -1), (np.array([5, 7], "i1"), -200)]
)
@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge])
def test_comparison_with_a_number_out_of_range(compare: Any, x: Any, number: int) -> None:
    np.testing.assert_array_equal(mx.jit(lambda a: compare(a, number))(x), compare(x, number))
    np.testing.assert_array_equal(mx.jit(lambda a: compare(number, a))(x), compare(number, x))


def test_comparison_of_int64_with_uint64_is_exact() -> None:
    x = np.array([-1, 2**62, 2**63 - 1])
    y = np.array([2**64 - 1, 2**62 + 1, 2**63 - 1], np.uint64)
    for ufunc in (np.less, np.less_equal, np.equal, np.not_equal, np.greater, np.greater_equal):
        np.testing.assert_array_equal(mx.jit(lambda a, b, f=ufunc: f(a, b))(x, y), ufunc(x, y))
        np.testing.assert_array_equal(mx.jit(lambda a, b, f=ufunc: f(b, a))(x, y), ufunc(y, x))


def test_arithmetic_with_a_number_out_of_range_is_an_overflow_error() -> None:
    with pytest.raises(OverflowError, match="300"):
        mx.jit(lambda a: a + 300)(np.array([1], np.uint8))


@pytest.mark.parametrize("exponent", [0, 1, 2, 5, np.array([0, 3, 40]), np.int32(7)])
def test_integer_powers_are_exact(exponent: Any) -> None:
    for x in (np.array([3, -2, 7]), np.array([3, 2, 7], np.uint8)):
        expected = np.power(x, exponent)
        found = mx.jit(lambda a: a**exponent)(x)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_integer_to_negative_power_is_a_value_error() -> None:
    x = np.array([1, 2])
    with pytest.raises(ValueError, match="negative power"):
        mx.jit(lambda a: a**-1)(x)
    power = mx.jit(lambda a, n: a**n)
    assert power(x, np.array([1, 2])).tolist() == [1, 4]
    with pytest.raises(ValueError, match="negative power"):
        power(x, np.array([1, -2]))


def test_bfloat16_stays_bfloat16() -> None:
    x = np.array([1.5, -2.0, 3.0], ml_dtypes.bfloat16)
    for function in (np.sin, lambda a: a * 2.5, lambda a: a + a, np.sum, lambda a: a @ a, lambda a: np.maximum(a, 0)):
        expected = function(x)
        found = mx.jit(lambda a, f=function: f(a))(x)
        assert found.dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(found.astype(float), np.asarray(expected).astype(float), rtol=0.02)


SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -2.5, 27.0, 1e300, 1e-300, 8.0, 1000.0])


@pytest.mark.parametrize(
    "ufunc",
    [*(np.log2, np.log10, np.cbrt, np.exp2, np.signbit, np.isinf, np.isnan, np.isfinite, np.fabs, np.rint, np.modf)],
)
def test_special_numbers(ufunc: Any) -> None:
    with np.errstate(all="ignore"):
        x = SPECIAL[:-1] if ufunc is np.exp2 else SPECIAL
        for found, expected in zip(outcome(mx.jit(lambda a: ufunc(a)), x), outcome(ufunc, x), strict=True):
            np.testing.assert_allclose(found, expected, rtol=3e-16)


@pytest.mark.parametrize(
    "ufunc",
    [np.hypot, np.logaddexp, np.logaddexp2, np.copysign, np.heaviside, np.fmax, np.fmin, np.maximum, np.arctan2],
)
def test_special_pairs(ufunc: Any) -> None:
    x, y = SPECIAL[:, None], SPECIAL[None, :]
    with np.errstate(all="ignore"):
        (found,), (expected,) = outcome(mx.jit(lambda a, b: ufunc(a, b)), x, y), outcome(ufunc, x, y)
    np.testing.assert_allclose(found, expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("function", "at", "first", "second"),
    [
        (lambda x: np.hypot(x, 3.0), 4.0, 0.8, 9 / 125),
        (lambda x: np.hypot(x, x), 2.0, np.sqrt(2), 0.0),
        (lambda x: np.logaddexp(x, 1.0), 1.0, 0.5, 0.25),
        (lambda x: np.logaddexp2(x, 0.0), 0.0, 0.5, 0.25 * np.log(2)),
        (np.sinc, 0.0, 0.0, -(np.pi**2) / 3),
        (np.cbrt, -8.0, 1 / 12, 1 / 144),
        (np.log2, 8.0, 1 / (8 * np.log(2)), -1 / (64 * np.log(2))),
        (np.exp2, 3.0, 8 * np.log(2), 8 * np.log(2) ** 2),
        (lambda x: np.fmod(x, 0.7), 0.0, 1.0, 0.0),
        (lambda x: np.linalg.norm(x * np.zeros(3)), 1.0, 0.0, 0.0),
        (lambda x: np.std(x * np.ones(3)), 1.0, 0.0, 0.0),
    ],
)
def test_derivatives_at_the_delicate_points(function: Any, at: float, first: float, second: float) -> None:
    f = lambda x: function(x) * 1.0  # noqa: E731
    np.testing.assert_allclose(mx.grad(f)(at), first, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(mx.grad(mx.grad(f))(at), second, rtol=1e-12, atol=1e-15)
