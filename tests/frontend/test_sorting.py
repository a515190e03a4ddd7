"""Derivatives through sorting and through functions that write, at ties and in place."""

from __future__ import annotations

from typing import Any

import mixad as mx
import numpy as np
import pytest

TIED = np.array([1.0, 3.0, 3.0, 2.0])


def test_elements_that_tie_keep_their_order() -> None:
    """As JAX: each place of the sorted array has the derivative of one element."""
    weights = np.array([1.0, 10.0, 100.0, 1000.0])
    np.testing.assert_array_equal(mx.grad(lambda x: np.sum(np.sort(x) * weights))(TIED), [1, 100, 1000, 10])
    np.testing.assert_array_equal(mx.jacfwd(np.sort)(np.ones(3)), np.eye(3))


def test_the_largest_elements() -> None:
    def top(x: Any) -> Any:
        return np.sum(np.sort(x)[-2:] ** 2)

    np.testing.assert_array_equal(mx.grad(top)(np.array([4.0, 1.0, 3.0])), [8, 0, 6])
    np.testing.assert_array_equal(mx.hessian(top)(np.array([4.0, 1.0, 3.0])), np.diag([2.0, 0.0, 2.0]))


def test_sorting_in_place() -> None:
    def function(x: Any) -> Any:
        y = x.copy()
        y.sort()
        z = x.copy()
        z.partition(1)
        return y[0] * 2 + y[2] + z[1] * 7

    np.testing.assert_array_equal(mx.grad(function)(np.array([3.0, 1.0, 2.0])), [1, 2, 7])


def test_a_median_of_an_even_number_of_elements_is_shared_by_two() -> None:
    np.testing.assert_array_equal(mx.grad(np.median)(np.array([4.0, 1.0, 2.0, 3.0])), [0, 0, 0.5, 0.5])


def test_quantiles_differentiate_in_the_share() -> None:
    x = np.array([0.0, 1.0, 4.0])
    assert mx.grad(lambda q: np.quantile(x, q))(0.75) == 6.0


@pytest.mark.parametrize("vectorised", [False, True])
def test_sorts_of_many_examples(vectorised: bool) -> None:
    rows = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, -1.0]])
    gradient = mx.grad(lambda x: np.sum(np.sort(x) * np.array([1.0, 2.0, 3.0])))
    found = mx.vmap(gradient)(rows) if vectorised else [gradient(row) for row in rows]
    np.testing.assert_array_equal(found, [[3, 1, 2], [2, 3, 1]])


def _put(y: Any, x: Any) -> None:
    np.put(y, [0, -1, 0], x[:2])


def _place(y: Any, x: Any) -> None:
    np.place(y, y > 4, x[:2])


def _putmask(y: Any, x: Any) -> None:
    np.putmask(y, y > 4, x * 2)


def _copyto(y: Any, x: Any) -> None:
    np.copyto(y, x[0] * y, where=y > 2.25)


def _fill_diagonal(y: Any, x: Any) -> None:
    np.fill_diagonal(y, x)


@pytest.mark.parametrize("write", [_put, _place, _putmask, _copyto, _fill_diagonal])
def test_functions_that_write(write: Any) -> None:
    weights = np.cos(np.arange(12.0)).reshape(4, 3)

    def function(x: Any) -> Any:
        y = np.outer(x, np.array([1.0, 2.0, 3.0]))
        write(y, x)
        return np.sum(y * weights)

    x = np.array([1.5, 2.5, 0.5, 1.0])
    direction = np.array([0.3, -0.2, 0.5, 0.1])
    np.testing.assert_allclose(mx.jit(function)(x), function(x), rtol=1e-13)
    change = (function(x + 1e-6 * direction) - function(x - 1e-6 * direction)) / 2e-6
    np.testing.assert_allclose(mx.grad(function)(x) @ direction, change, rtol=1e-7)
