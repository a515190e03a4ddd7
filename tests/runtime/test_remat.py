"""memory_budget: what is computed again, and that nothing else changes."""

import mixad as mx
import numpy as np
import pytest
from mixad.ir.errors import MemoryBudgetError

rng = np.random.default_rng(0)
X = rng.standard_normal((300, 400))


def layers(x):
    """Running sums end kernels; what lies between them is cheap, and its parts are wanted backwards."""
    for _ in range(4):
        x = np.cumsum(x, 0) / 9
        x = np.tanh(np.sin(x) * np.exp(-x * x) + np.cos(x))
        x = np.cumsum(x, 1) / 9
    return np.sum(x * x)


def products(x):
    for _ in range(4):
        x = np.tanh(np.cumsum(x @ (x.T @ x) / 1e5, 0) / 9)
    return np.sum(x)


def needed(function, x):
    """The least budget that an error names, and the bytes of the program as it is."""
    with pytest.raises(MemoryBudgetError, match="memory_budget is 0 bytes, and the program needs") as caught:
        mx.jit(function, memory_budget=0)(x)
    words = str(caught.value).replace(",", "").split()
    numbers = [int(word.strip("(")) for word in words if word.strip("(").isdigit()]
    return numbers[1], numbers[2]


@pytest.mark.parametrize(("function", "rounding"), [(layers, 0), (products, 1e-10)])
def test_a_budget_is_kept_and_changes_nothing_else(function, rounding, peak_of, monkeypatch):
    """Products of other kernels are in other blocks, for which BLAS has another order."""
    monkeypatch.setattr("mixad.runtime.numpy.pool.threads", lambda: 1)
    gradient = mx.grad(function)
    least, most = needed(gradient, X)
    assert least < 0.9 * most
    plain, lean = mx.jit(gradient), mx.jit(gradient, memory_budget=least)
    np.testing.assert_allclose(lean(X), plain(X), rtol=rounding, atol=0)
    assert peak_of(lean, X) < 0.95 * peak_of(plain, X)


def test_a_budget_that_is_enough_changes_nothing():
    gradient = mx.grad(layers)
    np.testing.assert_array_equal(mx.jit(gradient, memory_budget=10**9)(X), mx.jit(gradient)(X))


@pytest.mark.parametrize("budget", [-1, 1.5, True, "1 GB"])
def test_a_budget_is_a_number_of_bytes(budget):
    with pytest.raises((ValueError, TypeError)):
        mx.jit(layers, memory_budget=budget)


def test_it_is_part_of_what_is_compiled():
    f = lambda x: np.sum(np.sin(x))  # noqa: E731
    assert mx.jit(f)(X) == mx.jit(f, memory_budget=10**8)(X)
    with pytest.raises(MemoryBudgetError):
        mx.jit(mx.grad(f), memory_budget=X.nbytes - 1)(X)
    np.testing.assert_array_equal(mx.jit(mx.grad(f), memory_budget=2 * X.nbytes)(X), mx.jit(mx.grad(f))(X))
