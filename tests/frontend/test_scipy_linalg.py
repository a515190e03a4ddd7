"""mixad.scipy.linalg: values are SciPy's, derivatives those of differences."""

import warnings

import mixad as mx
import mixad.scipy.linalg as msl
import numpy as np
import pytest
import scipy.linalg as sl
from mixad.ir.errors import ShapeError, TraceError

RNG = np.random.default_rng(0)
A = np.array([[1.4, 0.3, -0.1], [-0.2, 0.9, 0.2], [0.1, 0.4, 1.7]])
P = A @ A.T + np.eye(3)
B = RNG.uniform(-1, 1, (3, 2))
V = RNG.uniform(-1, 1, 3)
CASES = {
    **{
        f"solve_triangular-{lower}-{trans}-{unit}": (
            lambda m, a, b, o=(trans, lower, unit): m.solve_triangular(a, b, *o),
            (A, B),
        )
        for lower in (False, True)
        for trans in (0, "T", "C")
        for unit in (False, True)
    },
    "solve_triangular-vector": (lambda m, a, b: m.solve_triangular(a, b), (A, V)),
    "cholesky": (lambda m, a: m.cholesky(a @ a.T), (A,)),
    "cholesky-lower": (lambda m, a: m.cholesky(a @ a.T, lower=True), (A,)),
    "cho_solve": (lambda m, a, b: m.cho_solve(m.cho_factor(a @ a.T), b), (A, B)),
    "cho_solve-lower": (lambda m, a, b: m.cho_solve(m.cho_factor(a @ a.T, lower=True), b), (A, V)),
    "solve_sylvester": (lambda m, a, b, q: m.solve_sylvester(a, b, q), (A, P[:2, :2], B)),
    "expm": (lambda m, a: m.expm(a), (A,)),
    "logm": (lambda m, a: m.logm(a), (A,)),
    "sqrtm": (lambda m, a: m.sqrtm(a), (A,)),
    "block_diag": (lambda m, a, b, v: m.block_diag(a, b, v), (A, B, V)),
    "toeplitz": (lambda m, c, r: m.toeplitz(c, r), (V, RNG.uniform(size=4))),
    "toeplitz-symmetric": (lambda m, c: m.toeplitz(c), (V,)),
    "solve_continuous_lyapunov": (lambda m, a, q: m.solve_continuous_lyapunov(a, q), (A, P)),
    "solve_discrete_lyapunov": (lambda m, a, q: m.solve_discrete_lyapunov(a / 3, q), (A, P)),
    "lstsq": (lambda m, a, b: m.lstsq(a, b)[0], (np.concatenate([A, P]), np.concatenate([V, V]))),
    "lstsq-residuals": (lambda m, a, b: m.lstsq(a, b)[1], (np.concatenate([A, P]), np.concatenate([B, B]))),
    **{f"lu-{part}": (lambda m, a, part=part: m.lu(a)[part], (A[::-1],)) for part in (0, 1, 2)},
    "lu-permuted": (lambda m, a: m.lu(a, permute_l=True)[0], (B,)),
    "lu-wide": (lambda m, a: m.lu(a)[2], (B.T,)),
    **{f"polar-{side}": (lambda m, a, side=side: m.polar(a, side)[1], (B,)) for side in ("left", "right")},
    "polar-wide": (lambda m, a: m.polar(a)[0], (B.T,)),
    "inv": (lambda m, a: m.inv(a), (A,)),
    "det": (lambda m, a: m.det(a), (A,)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_values_are_those_of_scipy(name, dtype):
    f, args = CASES[name]
    args = [x.astype(dtype) for x in args]
    if dtype is np.complex128:
        args = [x + 0.1j * x[::-1] for x in args]
    if name.startswith("cho") and dtype is np.complex128:
        f, args = (lambda m, *a, f=f: f(m, *a)), [x.real.astype(dtype) for x in args]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # SciPy finds its logm of float32 inaccurate
        expected = f(sl, *args)
    found = mx.jit(lambda *a: f(msl, *a))(*args)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(
        found, expected, rtol=1e-10 if dtype is not np.float32 else 3e-4, atol=1e-5 * (dtype is np.float32) + 1e-13
    )
    if not (name == "logm" and dtype is np.float32):
        np.testing.assert_array_equal(f(msl, *args), expected)


@pytest.mark.parametrize("name", CASES)
def test_derivatives_to_second_order(name):
    f, args = CASES[name]
    weights = RNG.uniform(-1, 1, np.shape(f(sl, *args)))
    directions = [RNG.uniform(-1, 1, x.shape) for x in args]

    def g(*a):
        return np.sum(np.sin(f(msl, *a)) * weights)

    def along(h):
        return [x + h * d for x, d in zip(args, directions, strict=True)]

    argnums = tuple(range(len(args)))
    step = 1e-4

    def slope(function):
        one, two = ((function(k * step) - function(-k * step)) / (2 * k * step) for k in (1, 2))
        return (4 * one - two) / 3

    def first(h):
        return sum(np.sum(d * each) for d, each in zip(directions, mx.grad(g, argnums)(*along(h)), strict=True))

    np.testing.assert_allclose(first(0.0), slope(lambda h: g(*along(h))), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(mx.jvp(g, tuple(args), tuple(directions))[1], first(0.0), rtol=1e-9, atol=1e-12)
    products = mx.jvp(mx.grad(g, argnums), tuple(args), tuple(directions))[1]
    found = sum(np.sum(d * each) for d, each in zip(directions, products, strict=True))
    np.testing.assert_allclose(found, slope(first), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", ["expm", "logm", "sqrtm", "inv", "det"])
def test_stacks_and_batches(name):
    stack = np.stack([A, P, A + P])
    f = getattr(msl, name)
    expected = np.stack([getattr(sl, name)(a) for a in stack])
    np.testing.assert_allclose(mx.jit(f)(stack), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(mx.vmap(f)(stack), expected, rtol=1e-10, atol=1e-12)
    gradients = np.stack([mx.grad(lambda a: np.sum(np.sin(f(a))))(a) for a in stack])
    np.testing.assert_allclose(
        mx.vmap(mx.grad(lambda a: np.sum(np.sin(f(a)))))(stack), gradients, rtol=1e-9, atol=1e-11
    )


def test_sylvester_of_stacks_broadcasts():
    stack = np.stack([A, P])
    found = mx.jit(lambda a: msl.solve_sylvester(a, P[:2, :2], B))(stack)
    np.testing.assert_allclose(found, np.stack([sl.solve_sylvester(a, P[:2, :2], B) for a in stack]), rtol=1e-11)


def test_the_third_derivative_of_expm_of_one_number_is_expm():
    f = mx.grad(mx.grad(mx.grad(lambda t: msl.expm(t * np.eye(1))[0, 0])))
    np.testing.assert_allclose(f(0.7), np.exp(0.7), rtol=1e-13)


def test_the_derivative_of_the_exponential_is_a_function_too():
    def pushed(a, e):
        return mx.jvp(msl.expm, (a,), (e,))[1]

    weights = RNG.uniform(-1, 1, A.shape)
    for argnum in (0, 1):
        found, wanted = (
            mx.grad(lambda a, e, f=f: np.sum(np.sin(f(a, e)) * weights), argnum)(A, P)
            for f in (lambda a, e: msl.expm_frechet(a, e)[1], pushed)
        )
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_factors_of_a_singular_matrix_have_values():
    singular = np.outer(V, V) + np.diag([0.0, 0.0, 1.0])
    for found, wanted in zip(
        mx.jit(lambda a: msl.lu(a, p_indices=True))(singular), sl.lu(singular, p_indices=True), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-15)
        assert found.dtype == wanted.dtype
    with pytest.raises(np.linalg.LinAlgError):
        mx.grad(lambda a: np.sum(msl.lu(a)[2]))(np.zeros((3, 3)))


def test_the_unread_triangle_has_no_derivative():
    gradient = mx.grad(lambda a: np.sum(msl.solve_triangular(a, B, lower=True)))(A)
    assert np.all(np.triu(gradient, 1) == 0)


def test_wrong_calls():
    with pytest.raises(np.linalg.LinAlgError, match="not real"):
        mx.jit(msl.sqrtm)(-np.eye(2) + np.array([[0, 0], [0, 3.0]]))
    with pytest.raises(np.linalg.LinAlgError):
        mx.jit(lambda a: msl.solve_triangular(a, B))(np.zeros((3, 3)))
    with pytest.raises((ShapeError, np.linalg.LinAlgError), match=r"test_scipy_linalg\.py"):
        mx.jit(msl.expm)(B)
    with pytest.raises(ShapeError, match=r"(?s)solve_sylvester.*test_scipy_linalg\.py"):
        mx.jit(lambda q: msl.solve_sylvester(A, A, q))(B)
    for call in (
        lambda a: msl.solve_discrete_lyapunov(a, P[:2, :2]),
        lambda a: msl.expm_frechet(a, P[:2, :2]),
        lambda a: msl.polar(a, side="top"),
    ):
        with pytest.raises(ShapeError, match=r"(?s)scipy.linalg.*test_scipy_linalg\.py"):
            mx.jit(call)(A)
    with pytest.raises(ShapeError, match=r"(?s)toeplitz.*vectors"):
        mx.jit(msl.toeplitz)(A)
    with pytest.raises(ShapeError, match=r"(?s)block_diag.*\(2, 3, 3\)"):
        mx.jit(msl.block_diag)(np.stack([A, A]))


def test_what_is_not_traced_says_so():
    with pytest.raises(TraceError, match=r"scipy\.linalg\.schur is not traced.*test_scipy_linalg\.py"):
        mx.jit(lambda a: msl.schur(a)[0])(A)
    np.testing.assert_array_equal(msl.schur(A)[0], sl.schur(A)[0])
