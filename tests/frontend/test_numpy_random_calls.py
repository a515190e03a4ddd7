"""Calls with random shapes, axes, keywords and numbers (ties, NaN, infinities, extremes), against NumPy itself."""

from __future__ import annotations

import warnings
from typing import Any

import mixad as mx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.5, np.nan, np.inf, -np.inf, 1e300, 5e-324]),
    st.floats(-10, 10, width=32).map(float),
)
FINITE = st.floats(-10, 10, width=32).map(float)


@st.composite
def arrays(draw: Any, numbers: Any = NUMBERS, least: int = 1, rank: int = 3) -> Any:
    shape = tuple(draw(st.lists(st.integers(least, 4), min_size=1, max_size=rank)))
    size = int(np.prod(shape))
    return np.array(draw(st.lists(numbers, min_size=size, max_size=size)), float).reshape(shape)


def axis_of(draw: Any, x: Any, several: bool = False) -> Any:
    one = st.integers(-x.ndim, x.ndim - 1)
    choices = [st.none(), one]
    if several:
        choices.append(st.sets(st.integers(0, x.ndim - 1), min_size=1).map(lambda axes: tuple(sorted(axes))))
    return draw(st.one_of(choices))


def same(function: Any, *args: Any, tolerance: float = 1e-12) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = function(*args), mx.jit(function)(*args)
    pairs = zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]
    for mine, theirs in pairs:
        assert (np.shape(mine), np.asarray(mine).dtype) == (np.shape(theirs), np.asarray(theirs).dtype)
        np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_sorts(data: Any) -> None:
    x = data.draw(arrays(least=0))
    axis = axis_of(data.draw, x)
    same(lambda x: np.sort(x, axis), x)
    same(lambda x: np.argsort(x, axis, kind="stable"), x)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_quantiles(data: Any) -> None:
    x = data.draw(arrays(st.one_of(FINITE, st.just(np.nan), st.just(1.0))))
    axis, keepdims = axis_of(data.draw, x, several=True), data.draw(st.booleans())
    q = data.draw(st.one_of(st.floats(0, 1, width=16), st.lists(st.floats(0, 1, width=16), min_size=1, max_size=3)))
    method = data.draw(
        st.sampled_from(["linear", "lower", "higher", "midpoint", "nearest", "hazen", "weibull", "median_unbiased"])
    )
    for function in (np.quantile, np.nanquantile):
        same(lambda x, f=function: f(x, q, axis, method=method, keepdims=keepdims), x)
    for function in (np.median, np.nanmedian):
        same(lambda x, f=function: f(x, axis, keepdims=keepdims), x)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_places(data: Any) -> None:
    knots = np.sort(data.draw(arrays(rank=1)))
    x = data.draw(arrays(least=0))
    side = data.draw(st.sampled_from(["left", "right"]))
    same(lambda a, v: np.searchsorted(a, v, side), knots, x)
    known = np.sort(data.draw(arrays(FINITE, rank=1)))
    same(lambda v, a: np.digitize(v, a, side == "left"), x, known)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_unique_values_and_sets(data: Any) -> None:
    x, y = data.draw(arrays(least=0)), data.draw(arrays(least=0))
    same(lambda x: np.unique(x, return_counts=True), x)
    same(np.union1d, x, y)
    same(np.isin, x, y)
    same(np.setdiff1d, x, y)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_transforms(data: Any) -> None:
    x = data.draw(arrays(FINITE))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    n, norm = data.draw(st.one_of(st.none(), st.integers(1, 7))), data.draw(st.sampled_from([None, "ortho", "forward"]))
    for function in (np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.ihfft):
        same(lambda x, f=function: f(x, n, axis, norm), x)
    if n is not None or x.shape[axis] > 1:
        for function in (np.fft.irfft, np.fft.hfft):
            same(lambda x, f=function: f(x * (1 + 2j), n, axis, norm), x)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_parts_of_floating_point_numbers(data: Any) -> None:
    x = data.draw(arrays())
    same(np.modf, x)
    same(lambda x: np.frexp(x)[0], x, tolerance=0)
    same(lambda x: np.ldexp(x, 5), x, tolerance=0)
    finite = data.draw(arrays(FINITE))
    same(np.frexp, finite, tolerance=0)
    same(lambda x: np.unwrap(x, axis=0), finite)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_complex_parts(data: Any) -> None:
    x = data.draw(arrays(FINITE, rank=2))
    z = x + 1j * np.flip(x)
    axis = axis_of(data.draw, x, several=True)
    same(np.abs, z)
    same(np.angle, z)
    same(np.sign, z)
    same(lambda z: np.var(z, axis), z)
    same(lambda z: np.vdot(z, z + 1), z)
