"""Derivatives of linear algebra against closed forms, and at the points where they are easily wrong."""

from __future__ import annotations

import itertools
from typing import Any

import mixad as mx
import numpy as np
import pytest

RANDOM = np.random.default_rng(5)
A = RANDOM.normal(size=(3, 3)) + 3 * np.eye(3)
S = A @ A.T
IDENTITY = np.eye(3)


def close(found: Any, expected: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_closed_forms_of_gradients() -> None:
    inverse = np.linalg.inv(A)
    close(mx.grad(np.linalg.det)(A), np.linalg.det(A) * inverse.T)
    close(mx.grad(lambda a: np.linalg.slogdet(a)[1])(A), inverse.T)
    close(mx.grad(lambda a: np.sum(np.log(np.diag(np.linalg.cholesky(a)))))(S), np.linalg.inv(S) / 2)
    close(mx.grad(lambda a: np.trace(np.linalg.inv(a)))(A), -(inverse @ inverse).T)
    u, _, vh = np.linalg.svd(A)
    close(mx.grad(lambda a: np.linalg.norm(a, "nuc"))(A), u @ vh)
    close(mx.grad(lambda a: np.linalg.norm(a, 2))(A), np.outer(u[:, 0], vh[0]))
    _, v = np.linalg.eigh(S)
    close(mx.grad(lambda a: np.linalg.eigvalsh(a)[-1])(S), np.outer(v[:, -1], v[:, -1]))


def test_second_derivatives_of_the_log_determinant() -> None:
    direction = RANDOM.normal(size=(3, 3))
    inverse = np.linalg.inv(A)
    found = mx.hvp(lambda a: np.linalg.slogdet(a)[1])(A, direction)
    close(found, -(inverse @ direction @ inverse).T)
    by_cholesky = mx.hvp(lambda a: 2 * np.sum(np.log(np.diag(np.linalg.cholesky(a)))))(S, direction + direction.T)
    close(by_cholesky, -np.linalg.solve(S, direction + direction.T) @ np.linalg.inv(S), 1e-10)


def test_a_least_squares_solution_differentiates_in_both_arguments() -> None:
    design, target = RANDOM.normal(size=(6, 3)), RANDOM.normal(size=6)

    def direct(a: Any, b: Any) -> Any:
        return np.sum(np.linalg.lstsq(a, b)[0] ** 2)

    def normal(a: Any, b: Any) -> Any:
        return np.sum(np.linalg.solve(a.T @ a, a.T @ b) ** 2)

    for found, expected in zip(
        mx.grad(direct, (0, 1))(design, target), mx.grad(normal, (0, 1))(design, target), strict=True
    ):
        close(found, expected)


# --- repeated values -----------------------------------------------------------------------------

REPEATED = [IDENTITY, np.diag([2.0, 2.0, 1.0]), 4 * np.outer([0.6, 0.8, 0], [0.6, 0.8, 0]) + IDENTITY]


@pytest.mark.parametrize("matrix", REPEATED)
def test_symmetric_functions_of_repeated_eigenvalues_have_their_gradients(matrix: Any) -> None:
    def exponential(a: Any) -> Any:
        w, v = np.linalg.eigh(a)
        return (v * np.exp(w)) @ v.T

    w, v = np.linalg.eigh(matrix)
    close(mx.grad(lambda a: np.sum(np.linalg.eigvalsh(a)))(matrix), IDENTITY)
    close(mx.grad(lambda a: np.trace(exponential(a)))(matrix), (v * np.exp(w)) @ v.T)
    close(mx.grad(lambda a: np.sum(np.linalg.eigvalsh(a) ** 2))(matrix), 2 * matrix)


@pytest.mark.parametrize("matrix", [*REPEATED, np.zeros((3, 3)), np.diag([1.0, 1.0, 0.0])])
def test_repeated_and_zero_singular_values_stay_finite(matrix: Any) -> None:
    close(mx.grad(lambda a: np.sum(np.linalg.svdvals(a) ** 2))(matrix), 2 * matrix)

    def again(a: Any) -> Any:
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return np.sum((u * s) @ vh * np.arange(9.0).reshape(3, 3))

    assert np.all(np.isfinite(mx.grad(again)(matrix)))


def nuclear_hessian(a: Any, v: Any) -> Any:
    """d^2 ||a||_* in the directions v and e_ij: the derivative of the polar factor u @ vh."""
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    inner = u.T @ v @ vh.T
    outside = v - u @ (u.T @ v)
    return (u @ ((inner - inner.T) / (s[:, None] + s)) + outside @ vh.T / s) @ vh


@pytest.mark.parametrize("matrix", [*REPEATED, np.eye(4)[:, :3], np.diag([3.0, 3.0, 1.0]) @ np.roll(IDENTITY, 1, 0)])
def test_the_nuclear_norm_has_its_derivatives_where_singular_values_repeat(matrix: Any) -> None:
    def nuclear(a: Any) -> Any:
        return np.linalg.norm(a, "nuc")

    v, w = RANDOM.normal(size=(2, *matrix.shape))
    u, _, vh = np.linalg.svd(matrix, full_matrices=False)
    wanted = nuclear_hessian(matrix, v)
    close(nuclear(matrix), np.linalg.norm(matrix, "nuc"))
    close(mx.grad(nuclear)(matrix), u @ vh)
    close(mx.hvp(nuclear)(matrix, v), wanted)
    close(mx.grad(lambda a: np.sum(mx.grad(nuclear)(a) * v))(matrix), wanted)
    close(mx.grad(lambda a: nuclear(a.T))(matrix), u @ vh)
    third = mx.grad(lambda a: np.sum(mx.hvp(nuclear)(a, v) * w))(matrix)
    step = 1e-3
    ends = [nuclear_hessian(matrix + t * step * RANDOM_DIRECTION[: len(matrix)], v) for t in (-2, -1, 1, 2)]
    slope = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * step)
    np.testing.assert_allclose(np.sum(third * RANDOM_DIRECTION[: len(matrix)]), np.sum(slope * w), rtol=1e-7, atol=1e-9)


RANDOM_DIRECTION = RANDOM.normal(size=(4, 3))


def test_the_nuclear_norm_of_complex_stacked_and_deficient_matrices() -> None:
    z = RANDOM.normal(size=(2, 3, 2)) + 1j * RANDOM.normal(size=(2, 3, 2))
    mx.check_grads(lambda z: np.sum(np.linalg.norm(z, "nuc", axis=(1, 2)) ** 2), (z,), order=2)
    for deficient in (np.zeros((3, 3)), np.diag([1.0, 1.0, 0.0]), np.ones((4, 2))):
        assert np.all(np.isfinite(mx.hessian(lambda a: np.linalg.norm(a, "nuc"))(deficient)))
    assert mx.grad(lambda a: np.linalg.norm(a, "nuc"))(np.zeros((0, 0))).shape == (0, 0)


def test_second_derivatives_at_repeated_eigenvalues_are_finite() -> None:
    found = mx.hessian(lambda a: np.sum(np.linalg.eigvalsh(a)))(IDENTITY)
    close(found, np.zeros((3, 3, 3, 3)))


def test_complex_eigenvectors_enter_a_gradient_only_by_what_their_phase_does_not_change() -> None:
    z = A + 1j * RANDOM.normal(size=(3, 3))
    h = z + z.conj().T
    weights = RANDOM.normal(size=3)

    def through_projectors(a: Any) -> Any:
        _, v = np.linalg.eigh(a)
        return np.sum(weights[:, None] * np.abs(v) ** 2 * weights)

    direction = RANDOM.normal(size=(3, 3)) + 1j * RANDOM.normal(size=(3, 3))
    step = 1e-6
    expected = (through_projectors(h + step * direction.conj().T + step * direction) - through_projectors(h)) / step
    found = np.sum(mx.grad(through_projectors)(h) * (direction + direction.conj().T)).real
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 4, 2), (0, 3, 2), (3, 0)])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_full_factors_are_unitary_and_give_the_matrix_back(shape: tuple[int, ...], dtype: Any) -> None:
    a = RANDOM.normal(size=shape).astype(dtype)
    if dtype is np.complex128:
        a = a + 1j * RANDOM.normal(size=shape)
    rows, columns = shape[-2:]
    q, r = mx.jit(lambda a: tuple(np.linalg.qr(a, mode="complete")))(a)
    u, s, vh = mx.jit(lambda a: tuple(np.linalg.svd(a)))(a)
    for unitary, size in ((q, rows), (u, rows), (vh, columns)):
        assert unitary.shape == (*shape[:-2], size, size)
        product = unitary @ np.conj(np.swapaxes(unitary, -1, -2))
        np.testing.assert_allclose(product, np.broadcast_to(np.eye(size), product.shape), atol=1e-14)
    np.testing.assert_allclose(q @ r, a, atol=1e-14)
    count = min(rows, columns)
    np.testing.assert_allclose(u[..., :count] * s[..., None, :] @ vh[..., :count, :], a, atol=1e-14)


# --- determinants --------------------------------------------------------------------------------


def expanded(a: Any) -> Any:
    """The determinant by its definition."""
    total: Any = 0.0
    for order in itertools.permutations(range(len(a))):
        swaps = sum(order[i] > order[j] for i in range(len(a)) for j in range(i, len(a)))
        term: Any = (-1.0) ** swaps
        for row, column in enumerate(order):
            term = term * a[row, column]
        total = total + term
    return total


def of_rank(size: int, rank: int, complex_: bool = False) -> Any:
    left, right = RANDOM.normal(size=(2, size, rank)) + (1j if complex_ else 0) * RANDOM.normal(size=(2, size, rank))
    return left @ right.T


@pytest.mark.parametrize(
    "matrix",
    [
        *(of_rank(size, rank) for size in (1, 2, 3, 4) for rank in range(max(0, size - 3), size)),
        of_rank(4, 2, True),
        np.diag([1.0, 1.0, 0.0, 0.0]),
        np.diag([1e3, 1.0, 1e-8, 1e-12]) @ of_rank(4, 4),
    ],
    ids=lambda matrix: f"{len(matrix)}-{np.linalg.matrix_rank(matrix)}-{matrix.dtype}",
)
@pytest.mark.parametrize("modes", ["rrr", "jrj"])
def test_a_determinant_has_its_derivatives_at_any_rank(matrix: Any, modes: str) -> None:
    """The matrices of rank n - 3 and of 0 have third derivatives alone."""
    along = RANDOM.normal(size=(3, *matrix.shape)).astype(matrix.dtype)

    def derivative(function: Any, order: int) -> Any:
        if not order:
            return function
        below, v = derivative(function, order - 1), along[order - 1]
        if modes[order - 1] == "j":
            return lambda a: mx.jvp(below, (a,), (v,))[1]
        return lambda a: np.sum(np.real(mx.grad(below)(a) * v))

    def real(function: Any) -> Any:
        return lambda a: np.real(function(a))

    for order in (1, 2, 3):
        close(derivative(real(np.linalg.det), order)(matrix), derivative(real(expanded), order)(matrix), 1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_gradients_of_determinants_of_stacks(dtype: Any) -> None:
    """Regular matrices beside singular ones, ones that are not finite and large ones, and none at all."""
    regular = np.stack([A, S]).astype(dtype)
    mixed = np.concatenate([regular, np.zeros((1, 3, 3), dtype), np.full((1, 3, 3), np.nan, dtype)])
    found = mx.grad(lambda a: np.sum(np.real(np.linalg.det(a))))(mixed)
    wanted = np.linalg.det(regular)[:, None, None] * np.swapaxes(np.linalg.inv(regular), 1, 2)
    assert found.dtype == dtype
    np.testing.assert_allclose(found[:2], wanted, rtol=100 * np.finfo(dtype).eps, atol=100 * np.finfo(dtype).eps)
    assert np.all(found[2] == 0)
    assert np.all(np.isnan(found[3]))
    large = np.stack([RANDOM.normal(size=(40, 40)), np.full((40, 40), np.inf)]).astype(dtype)
    found = mx.grad(lambda a: np.sum(np.real(np.linalg.det(a))))(large)
    wanted = np.linalg.det(large[0]) * np.linalg.inv(large[0]).T
    np.testing.assert_allclose(found[0], wanted, rtol=1, atol=1e4 * np.finfo(dtype).eps * np.max(np.abs(wanted)))
    assert np.all(np.isnan(found[1]))
    assert mx.grad(lambda a: np.sum(np.real(np.linalg.det(a))))(large[:0]).shape == (0, 40, 40)
    assert mx.grad(lambda a: np.real(np.linalg.det(a)))(large[0, :0, :0]).shape == (0, 0)


def test_products_of_singular_values_do_not_overflow_on_the_way() -> None:
    scale = np.diag([1e200, 1e200, 1e-200, 1e-200, 1.0])
    close(mx.grad(np.linalg.det)(scale)[4, 4], 1.0)


def test_the_logarithm_of_the_determinant_of_a_singular_matrix_has_no_derivative() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        mx.grad(lambda a: np.linalg.slogdet(a)[1])(np.zeros((3, 3)))


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function", [lambda x: np.linalg.svd(x)[2], lambda x: np.linalg.qr(x.T, mode="complete")[0]], ids=["svd", "qr"]
)
def test_the_further_columns_of_full_factors_have_no_derivative(function: Any) -> None:
    x = RANDOM.normal(size=(2, 3))
    with pytest.raises(mx.MixadError, match=r"no derivative rule for its operand 'q', at .*test_linear_algebra.py"):
        mx.grad(lambda x: np.sum(function(x)))(x)
    values = mx.grad(lambda x: np.sum(np.linalg.svd(x)[1]))(x)
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    np.testing.assert_allclose(values, u @ vh, atol=1e-14)


@pytest.mark.parametrize("function", [np.linalg.inv, lambda a: np.linalg.solve(a, np.ones(3))])
def test_a_singular_matrix_is_numpys_error(function: Any) -> None:
    for call in (mx.jit(function), mx.grad(lambda a: np.sum(function(a)))):
        with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
            call(np.zeros((3, 3)))


def test_an_indefinite_matrix_has_no_cholesky_factor() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        mx.grad(lambda a: np.sum(np.linalg.cholesky(a)))(-IDENTITY)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.linalg.inv(x[:2]), "must be square"),
        (lambda x: np.linalg.inv(x[0]), "needs 2 or more"),
        (lambda x: np.linalg.solve(x, np.ones(4)), "needs 3 rows"),
        (lambda x: np.linalg.qr(x, mode="raw"), "mode='raw' is not traced"),
        (lambda x: np.linalg.inv(x.astype(np.float16)), "float32 or wider"),
        (lambda x: np.linalg.norm(x, 5), "it is 'fro', 'nuc'"),
        (lambda x: np.linalg.tensorinv(x, 0), "positive"),
        (lambda x: np.linalg.tensorsolve(x, np.ones(2)), "as many equations|as many"),
        (lambda x: np.linalg.lstsq(x, np.ones(2)), "as many rows"),
        (lambda x: np.fft.rfft(x + 0j), "takes real numbers"),
        (lambda x: np.fft.fft(x, 0), "needs 1 or more"),
        (lambda x: np.fft.fft(x, norm="unit"), "'backward', 'ortho' or 'forward'"),
        (lambda x: np.quantile(x, 0.5, method="mode"), "is not traced"),
        (lambda x: np.quantile(x, 0.5, weights=x), "weights= and method='linear'"),
        (lambda x: np.quantile(x, 0.5, method="inverted_cdf", weights=x[0]), "weights of shape"),
        (lambda x: np.nanquantile(x, 0.5, method="inverted_cdf", weights=x), "weights= is not traced"),
        (lambda x: np.median(x + 0j), "complex numbers have none"),
        (lambda x: np.interp(x, [1.0, 2.0], [1.0]), "vectors of one size"),
        (lambda x: np.searchsorted(x, 0.5), "takes a vector"),
        (lambda x: np.sort(x, order="name"), "structured arrays"),
        (lambda x: np.put(np.zeros(3), [0], x[0, 0]), "mixad.numpy.zeros"),
        (lambda x: np.polyfit(x[0], x[1], 2, cov=True), "needs more points"),
        (lambda x: np.polyfit(x[0], x[1], [0, 2]), "several degrees"),
        (lambda x: np.add.reduceat(x, [0, 3]), "from 0 to 2"),
        (lambda x: np.packbits(x), "takes bool or integers"),
        (lambda x: np.unpackbits((x > 0).astype(int)), "takes uint8"),
        (lambda x: np.packbits(x > 0, bitorder="middle"), "'big' or 'little'"),
    ],
)
def test_what_cannot_be_done_says_so_at_the_users_line(call: Any, message: str) -> None:
    with pytest.raises(mx.MixadError, match=message) as caught:
        mx.jit(call)(A)
    assert "test_linear_algebra.py" in str(caught.value)


# --- batches -------------------------------------------------------------------------------------


def test_functions_of_stacks_are_those_of_each_matrix() -> None:
    stack = np.stack([S, S + IDENTITY])

    def function(a: Any) -> Any:
        w, v = np.linalg.eigh(a)
        return np.sum(np.linalg.inv(a) @ v * w) + np.linalg.det(np.linalg.cholesky(a))

    close(mx.vmap(mx.grad(function))(stack), [mx.grad(function)(each) for each in stack])
    rights = RANDOM.normal(size=(4, 3, 2))
    close(mx.vmap(lambda b: np.linalg.solve(A, b))(rights), np.linalg.solve(A, rights))
    close(mx.vmap(lambda x: np.fft.irfft(x, 5))(rights[:, :, 0] + 0j), np.fft.irfft(rights[:, :, 0], 5))
