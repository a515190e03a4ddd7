"""Sums within kernels: products with ones and scalar products give what sums of float64 or exact numbers give."""

import mixad as mx
import numpy as np
import pytest
from mixad.runtime.compiler import Observer, observed
from mixad.runtime.numpy.sums import LONGEST
from threadpoolctl import threadpool_limits

rng = np.random.default_rng(0)
#: Shapes, and the axes of a sum.
CASES = [
    ((9000, 3), 1),
    ((9000, 40), 1),
    ((9000, 40), 0),
    ((9000, 40), None),
    ((300, 7, 33), 2),
    ((300, 7, 33), 1),
    ((300, 7, 33), (1, 2)),
    ((300, 7, 33), 0),
    ((40, LONGEST), 1),
    ((40, LONGEST + 1), 1),
    ((70_000,), 0),
]


def source_of(function, *arguments):
    sources = []

    class Sources(Observer):
        def finish(self, module, programs, log):
            sources.extend(program.source for program in programs.values())

    with observed(Sources):
        found = mx.jit(function)(*arguments)
    return found, "".join(sources)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "axis"), CASES)
def test_sums_of_what_a_kernel_computes(shape, axis, dtype):
    x, y = rng.standard_normal((2, *shape)).astype(dtype)
    exact = np.sum(x.astype(np.float64) * y, axis)
    bound = np.sum(np.abs(x.astype(np.float64) * y), axis) * 40 * np.finfo(dtype).eps
    assert np.all(np.abs(mx.jit(lambda x, y: np.sum(x * y, axis))(x, y) - exact) <= bound)
    both = mx.jit(lambda x, y: (np.sum(x * y, axis), np.exp(x * y)))(x, y)
    assert np.all(np.abs(both[0] - exact) <= bound)
    assert both[0].dtype == dtype


@pytest.mark.parametrize("dtype", [np.int32, np.float16, np.complex128, bool])
@pytest.mark.parametrize(("shape", "axis"), CASES[:8])
def test_other_types_are_summed_as_ever(shape, axis, dtype):
    x = rng.standard_normal(shape).astype(dtype) / dtype(4 if dtype is np.float16 else 1)
    wider = np.float64 if dtype is np.float16 else None  # NumPy adds up 16-bit numbers in 16 bits
    wanted = np.sum(np.abs(x * x), axis, dtype=wider)
    found = mx.jit(lambda x: np.sum(np.abs(x * x), axis))(x)
    np.testing.assert_allclose(found, wanted, rtol=2e-3 if wider else 1e-12)


def test_what_is_not_finite_stays_in_its_row():
    x = rng.standard_normal((9000, 40))
    x[5, 3], x[8999, 0], x[17, 1], x[17, 2] = np.nan, np.inf, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        wanted = np.sum(np.tanh(x) + x, 1), np.sum(x * x, 1)
    found = mx.jit(lambda x: (np.sum(np.tanh(x) + x, 1), np.sum(x * x, 1)))(x)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_a_sum_of_products_makes_no_array_of_them():
    x, y = rng.standard_normal((2, 9000, 40))
    found, source = source_of(lambda x, y: np.sum(np.exp(x) * np.exp(y), 1), x, y)
    np.testing.assert_allclose(found, np.sum(np.exp(x + y), 1))
    assert "vecdot(" in source
    assert "np.multiply(" not in source


def test_any_layout():
    x = rng.standard_normal((9000, 80))
    for each in (x[:, ::2], x[::-1, :40], np.asfortranarray(x), np.broadcast_to(x[0], (9000, 80))):
        f = lambda x: (np.sum(x + 1, 1), np.sum(x * x, 1), np.sum(np.tanh(x), 0))  # noqa: E731
        for one, other in zip(mx.jit(f)(each), f(each), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11)


def test_sums_do_not_depend_on_the_threads_of_blas():
    """Large enough for BLAS to take several threads, were it not held to one."""
    x = rng.standard_normal((60_000, 64)).astype(np.float32)
    f = mx.jit(lambda x: (np.sum(np.tanh(x), 1), np.sum(np.tanh(x), 0)))
    with threadpool_limits(1, "blas"):
        one = f(x)
    for each, other in zip(f(x), one, strict=True):
        np.testing.assert_array_equal(each, other)
