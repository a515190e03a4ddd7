"""Derivatives of high order against closed forms, to 1e-12 in float64."""

import math

import mixad as mx
import mpmath
import numpy as np
import pytest

POINTS = np.array([-2.3, -0.7, 0.0, 0.4, 1.1, 2.9])
SUMMED = {"rtol": 1e-12, "atol": 1e-12}


def _nth(function, order):
    """The derivative of a function of a number, by grad."""
    for _ in range(order):
        function = mx.grad(function)
    return function


def _forward(function):
    return lambda x: mx.jvp(function, (x,), (np.ones_like(x),))[1]


@pytest.mark.parametrize("order", range(11))
def test_sin_ten_times(order):
    expected = [math.sin(x + order * math.pi / 2) for x in POINTS]
    found = [_nth(np.sin, order)(x) for x in POINTS]
    np.testing.assert_allclose(found, expected, **SUMMED)
    pushed = np.sin
    for _ in range(order):
        pushed = _forward(pushed)
    np.testing.assert_allclose(pushed(POINTS), expected, **SUMMED)


@pytest.mark.parametrize("order", range(7))
def test_tanh_six_times(order):
    with mpmath.workdps(40):
        expected = [float(mpmath.diff(mpmath.tanh, mpmath.mpf(float(x)), order)) for x in POINTS]
    np.testing.assert_allclose([_nth(np.tanh, order)(x) for x in POINTS], expected, **SUMMED)


@pytest.mark.parametrize("modes", ["rrr", "jjj", "rjr", "jrj", "rrj", "jjr"])
def test_mixtures_of_modes_agree_with_the_closed_form(modes):
    """The third derivative of x**3 * exp(x) by every mixture."""
    function = lambda x: x * x * x * np.exp(x)  # noqa: E731
    for mode in modes:
        function = mx.grad(function) if mode == "r" else _forward(function)
    for x in POINTS:
        expected = math.exp(x) * (x**3 + 9 * x**2 + 18 * x + 6)
        np.testing.assert_allclose(function(x), expected, **SUMMED)


def test_nested_products():
    """The derivatives of the product of (x - k): those of the polynomial."""
    roots = [0.5, -1.0, 2.0, 1.5, -0.25]

    def product(x):
        result = x - roots[0]
        for root in roots[1:]:
            result = result * (x - root)
        return result

    polynomial = np.poly1d(roots, r=True)
    for order in range(7):
        expected = polynomial.deriv(order)(POINTS) if order else polynomial(POINTS)
        found = [_nth(product, order)(x) for x in POINTS]
        np.testing.assert_allclose(found, expected * np.ones_like(POINTS), rtol=1e-12, atol=1e-11)


def test_nested_compositions():
    """d/dx exp(sin(x**2)) and its derivative, by the chain rule by hand."""
    function = lambda x: np.exp(np.sin(x * x))  # noqa: E731
    for x in POINTS:
        s, c, e = math.sin(x * x), math.cos(x * x), math.exp(math.sin(x * x))
        np.testing.assert_allclose(mx.grad(function)(x), 2 * x * c * e, **SUMMED)
        second = e * (4 * x * x * (c * c - s) + 2 * c)
        np.testing.assert_allclose(mx.grad(mx.grad(function))(x), second, **SUMMED)


def _rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def _rosenbrock_hessian(x):
    n = len(x)
    found = np.zeros((n, n))
    for i in range(n - 1):
        found[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        found[i + 1, i + 1] += 200
        found[i, i + 1] = found[i + 1, i] = -400 * x[i]
    return found


@pytest.mark.parametrize("size", [2, 5])
def test_hessian_of_rosenbrock(size):
    x = np.linspace(-1.2, 1.0, size)
    expected = _rosenbrock_hessian(x)
    np.testing.assert_allclose(mx.hessian(_rosenbrock)(x), expected, rtol=1e-12, atol=1e-11)
    for outer in (mx.jacfwd, mx.jacrev):
        for inner in (mx.jacfwd, mx.jacrev, mx.grad):
            np.testing.assert_allclose(outer(inner(_rosenbrock))(x), expected, rtol=1e-12, atol=1e-11)
    v = np.cos(np.arange(size))
    np.testing.assert_allclose(mx.hvp(_rosenbrock)(x, v), expected @ v, rtol=1e-12, atol=1e-11)


def test_gradient_at_the_minimum_of_rosenbrock_is_zero():
    np.testing.assert_array_equal(mx.grad(_rosenbrock)(np.ones(6)), np.zeros(6))


def test_matrix_products():
    """f(A) = sum(A B A): df/dA = (B A)' summed by rows and columns."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((3, 3)), rng.standard_normal((3, 3))
    ones = np.ones((3, 3))
    found = mx.grad(lambda a: np.sum(a @ b @ a))(a)
    np.testing.assert_allclose(found, ones @ (b @ a).T + (a @ b).T @ ones, **SUMMED)


def test_mixed_partials_are_symmetric():
    def function(x, y):
        return np.sin(x * y) * np.exp(x - y)

    one = mx.grad(mx.grad(function, 0), 1)
    two = mx.grad(mx.grad(function, 1), 0)
    for x, y in [(0.3, -1.2), (2.0, 0.5)]:
        np.testing.assert_allclose(one(x, y), two(x, y), **SUMMED)
