"""The same call in NumPy and traced: values, types, and derivatives by finite differences along a direction.

Each row is one public function with one choice of keywords. `test_numpy_functions` holds more of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import mixad as mx
import numpy as np
import pytest

RANDOM = np.random.default_rng(11)


def _complex(*shape: int) -> Any:
    return RANDOM.normal(size=shape) + 1j * RANDOM.normal(size=shape)


INPUTS: dict[str, Any] = {
    "v": RANDOM.normal(size=8),  # a vector
    "m": RANDOM.normal(size=(4, 5)),
    "cube": RANDOM.normal(size=(2, 3, 4)),
    "a": RANDOM.normal(size=(3, 3)) + 2 * np.eye(3),
    "s": np.array([[2.0, 0.3, -0.5], [0.3, 1.6, 0.4], [-0.5, 0.4, 1.1]]),  # symmetric and positive definite
    "stack": RANDOM.normal(size=(2, 3, 3)) + 2 * np.eye(3),
    "tall": RANDOM.normal(size=(4, 3)),
    "b": RANDOM.normal(size=(3, 2)),
    "c": _complex(8),
    "z": _complex(3, 3),
    "zz": _complex(2, 3, 4),
    "knots": np.sort(RANDOM.normal(size=6)),
    "values": RANDOM.normal(size=6),
    "gaps": np.where(RANDOM.random((4, 5)) < 0.2, np.nan, RANDOM.normal(size=(4, 5))),
    "tensor": np.eye(24).reshape(6, 4, 2, 3, 4) + 0.1 * RANDOM.normal(size=(6, 4, 2, 3, 4)),
    "n": np.array([3, 1, 4, 1, 5]),
    "f": RANDOM.normal(size=(3, 4)).astype(np.float32),
    "positive": RANDOM.uniform(0.5, 2.0, size=5),
}

LINALG = """
np.linalg.solve(a, b)
np.linalg.solve(a, b[:, 0])
np.linalg.solve(stack, b)
np.linalg.solve(a, np.stack([b, 2 * b]))
np.linalg.solve(z, b)
np.linalg.solve(f[:, :3], f[:, 3])
np.linalg.inv(a)
np.linalg.inv(stack)
np.linalg.inv(z)
np.linalg.det(a)
np.linalg.det(stack)
np.linalg.det(z)
np.linalg.slogdet(a)
np.linalg.slogdet(stack)
np.linalg.slogdet(z)
np.linalg.cholesky(s)
np.linalg.cholesky(s, upper=True)
np.linalg.qr(a)
np.linalg.qr(tall)
np.linalg.qr(tall.T)
np.linalg.qr(stack)
np.linalg.qr(tall, mode='r')
np.linalg.qr(a, mode='complete')
np.linalg.qr(tall, mode='complete')[1]
np.linalg.eigh(s)
np.linalg.eigvalsh(s, UPLO='U')
np.linalg.eigvalsh(s)
np.linalg.eigvals(z)
np.sort(np.linalg.eigvals(a + 0j))
np.linalg.svd(a)
np.linalg.svd(tall, full_matrices=False)
np.linalg.svd(tall)[1:]
np.linalg.svd(tall.T)[:2]
np.linalg.svd(tall.T, full_matrices=False)
np.linalg.svd(tall, compute_uv=False)
np.linalg.svdvals(stack)
np.linalg.svdvals(z)
np.linalg.lstsq(tall, np.ones(4))
np.linalg.lstsq(tall, m)
np.linalg.lstsq(tall.T, np.ones((3, 2)))
np.linalg.lstsq(tall, m, rcond=1e-6)
np.linalg.pinv(tall)
np.linalg.pinv(stack)
np.linalg.pinv(tall.T, rcond=1e-9)
np.linalg.pinv(z)
np.linalg.pinv(stack, rtol=[1e-9, 1e-7])
np.linalg.pinv(stack, rtol=positive[:2] * 1e-9)
np.linalg.pinv(stack[:, :0], rtol=[1e-9, 0.9])
np.linalg.matrix_rank(tall)
np.linalg.matrix_rank(stack)
np.linalg.matrix_rank(v)
np.linalg.matrix_rank(np.outer(v, v))
np.linalg.matrix_rank(stack, tol=0.5)
np.linalg.matrix_rank(stack, rtol=0.5)
np.linalg.matrix_rank(stack, rtol=np.array([0.1, 0.9]))
np.linalg.cond(a)
np.linalg.cond(stack)
np.linalg.cond(tall)
np.linalg.cond(a, 1)
np.linalg.cond(a, -2)
np.linalg.cond(a, 'fro')
np.linalg.cond(a, np.inf)
np.linalg.norm(a, 'nuc')
np.linalg.norm(a, 2)
np.linalg.norm(a, -2)
np.linalg.norm(a, -1)
np.linalg.norm(a, -np.inf)
np.linalg.norm(stack, 2, axis=(1, 2))
np.linalg.norm(stack, 'nuc', axis=(2, 0), keepdims=True)
np.linalg.norm(z)
np.linalg.norm(z, axis=0)
np.linalg.norm(z, 1)
np.linalg.norm(z, 0, axis=0)
np.linalg.norm(z, 3, axis=0)
np.linalg.norm(z, np.inf, axis=1)
np.linalg.matrix_norm(stack, ord='nuc')
np.linalg.matrix_norm(stack, ord=2, keepdims=True)
np.linalg.vector_norm(z, ord=1)
np.linalg.tensorsolve(tensor, np.ones((6, 4)))
np.linalg.tensorsolve(np.moveaxis(tensor, 3, 0), np.ones((6, 4)), axes=(0,))
np.linalg.tensorinv(tensor)
np.linalg.tensorinv(a, ind=1)
np.linalg.matrix_power(a, -2)
np.linalg.matrix_power(a, 0)
np.linalg.trace(stack)
np.linalg.diagonal(stack, offset=1)
np.linalg.outer(v, c)
np.linalg.cross(a, a[::-1] + 1.0)
np.linalg.matmul(a, b)
np.linalg.vecdot(z, z * 1j)
np.linalg.multi_dot([a, b, b.T, a])
np.linalg.svd(stack[:0], full_matrices=False)
np.linalg.eigh(stack[:0])
np.linalg.eigvals(stack[:0] + 0j)
np.linalg.cholesky(stack[:0])
np.linalg.qr(stack[:0])
np.linalg.inv(stack[:0])
np.linalg.pinv(stack[:0])
np.linalg.eigh(z[:0, :0] + 0j)
"""
FOURIER = """
np.fft.fft(v)
np.fft.fft(c, 5)
np.fft.fft(c, 11, norm='ortho')
np.fft.fft(m, axis=0)
np.fft.fft(f)
np.fft.fft(n)
np.fft.fft(v, norm='forward')
np.fft.ifft(c)
np.fft.ifft(c, norm='forward')
np.fft.ifft(m, 3, axis=0, norm='ortho')
np.fft.rfft(v)
np.fft.rfft(m, axis=0, norm='ortho')
np.fft.rfft(m, 7)
np.fft.rfft(f, 3)
np.fft.irfft(c)
np.fft.irfft(c, 9)
np.fft.irfft(c, 6, norm='ortho')
np.fft.irfft(zz, axis=1, norm='forward')
np.fft.hfft(c)
np.fft.hfft(c, 9, norm='ortho')
np.fft.ihfft(v)
np.fft.ihfft(v, 5, norm='forward')
np.fft.fft2(m)
np.fft.fft2(cube, s=(3, 5))
np.fft.fft2(cube, axes=(0, 1))
np.fft.ifft2(zz)
np.fft.fftn(cube)
np.fft.fftn(cube, axes=(0, 2))
np.fft.ifftn(zz, norm='ortho')
np.fft.ifftn(zz, axes=(1,))
np.fft.rfft2(m)
np.fft.rfftn(cube)
np.fft.rfftn(cube, s=(4, 4), axes=(0, 1))
np.fft.irfft2(zz)
np.fft.irfftn(zz)
np.fft.irfftn(zz, s=(2, 3, 5), axes=(0, 1, 2))
np.fft.fftshift(m)
np.fft.fftshift(m, axes=1)
np.fft.ifftshift(m)
np.fft.ifftshift(m, axes=(0,))
"""
SORTING = """
np.sort(m)
np.sort(m, axis=0)
np.sort(m, axis=None)
np.sort(c)
np.sort(gaps)
np.sort(n)
np.sort(m, stable=True)
np.argsort(m, axis=0)
np.argsort(v, kind='stable')
np.argsort(n, axis=None, stable=True)
np.sort_complex(v)
np.lexsort((v, np.round(v)))
np.lexsort(m)
v[v.argsort()]
knots.searchsorted(0.5)
np.median(v)
np.median(m, axis=0)
np.median(m, axis=(0, 1), keepdims=True)
np.median(cube, axis=(0, 2))
np.median(gaps, axis=1)
np.median(n)
np.median(f)
np.nanmedian(gaps)
np.nanmedian(gaps, axis=1)
np.nanmedian(gaps, axis=0, keepdims=True)
np.quantile(v, 0.3)
np.quantile(m, [0.1, 0.5, 1.0], axis=1)
np.quantile(m, [[0.1, 0.5]], axis=0, keepdims=True)
np.quantile(f, 0.3)
np.quantile(f, np.array([0.3]))
np.quantile(gaps, 0.3, axis=0)
np.quantile(v, 0.3, method='lower')
np.quantile(v, 0.3, method='higher')
np.quantile(v, 0.3, method='nearest')
np.quantile(v, 0.3, method='midpoint')
np.quantile(v, [0.01, 0.3, 0.99], method='weibull')
np.quantile(v, [0.01, 0.3, 0.99], method='hazen')
np.quantile(v, [0.01, 0.3, 0.99], method='median_unbiased')
np.quantile(v, [0.01, 0.3, 0.99], method='normal_unbiased')
np.quantile(v, [0.01, 0.3, 0.99], method='interpolated_inverted_cdf')
np.percentile(m, 30, axis=1)
np.percentile(m, [25, 75])
np.percentile(n, 30)
np.nanquantile(gaps, 0.4, axis=0)
np.nanquantile(gaps, [0.4, 0.6], axis=1)
np.nanpercentile(gaps, 40)
np.searchsorted(knots, v)
np.searchsorted(knots, knots, side='right')
np.searchsorted(knots, 0.3)
np.searchsorted(knots[::-1], m, sorter=np.arange(6)[::-1])
np.searchsorted(knots, gaps)
np.digitize(v, knots)
np.digitize(v, knots, right=True)
np.digitize(v, knots[::-1])
np.digitize(v, knots[::-1], right=True)
np.interp(v, knots, values)
np.interp(v, knots, values, left=0.0, right=9.0)
np.interp(v, knots, values, period=1.7)
np.interp(0.2, knots, values)
np.interp(v, knots, values + 1j)
np.unique(np.round(v))
np.unique(np.round(v), return_counts=True)
np.unique(np.round(v), return_index=True, return_counts=True)
np.unique(np.round(m), return_inverse=True)
np.unique(gaps, return_index=True, return_inverse=True, return_counts=True)
np.unique_inverse(np.sort(gaps, axis=None))[1]
np.unique_counts(n[1:2])
np.unique_all(n[:1])
np.unique(gaps)
np.unique(gaps, equal_nan=False)
np.unique(n)
np.sort(np.unique_values(n))
np.isin(n, [1, 5])
np.isin(m, m[0], invert=True)
np.union1d(v, knots)
np.intersect1d(n, [1, 4, 9])
np.setdiff1d(n, [1])
"""
COMPLEX = """
np.conj(c)
np.conjugate(v)
np.real(c)
np.imag(c)
c.real + c.imag
c.conj()
c.conjugate()
np.abs(c)
abs(zz)
np.angle(c)
np.angle(c, deg=True)
np.angle(v)
np.sign(c)
np.vdot(c, c[::-1])
np.vecdot(zz, zz * 1j)
np.vecmat(c[:3], z)
np.var(c)
np.var(zz, axis=(0, 1), keepdims=True)
np.std(zz, axis=1, ddof=1)
np.nanvar(zz, axis=0)
np.mean(c)
np.prod(c)
np.sum(zz, axis=(0, 2))
np.cumsum(c)
np.cumprod(c)
np.correlate(c, c[:3], 'full')
np.correlate(c[:3], c, 'full')
np.convolve(c, v)
np.real_if_close(v + 0j)
np.real_if_close(c)
np.exp(c)
np.expm1(c)
np.log(c)
np.log1p(c)
np.log2(c)
np.log10(c)
np.sqrt(c)
np.square(c)
np.reciprocal(c)
np.power(c, 2)
c ** 0.5
np.sin(c)
np.cos(c)
np.tan(c)
np.sinh(c)
np.cosh(c)
np.tanh(c)
np.arcsin(c)
np.arccos(c)
np.arctan(c)
np.arcsinh(c)
np.arccosh(c)
np.arctanh(c)
c * v + 1j
c / (1 + c * c.conj())
np.round(c, 1)
np.nan_to_num(np.array([1 + 1j, np.nan, np.inf * 1j]) * c[0].real)
np.isclose(c, c)
np.allclose(c, c)
np.iscomplex(c)
np.isreal(c)
np.einsum('ij,jk', z, z.conj())
z @ z.conj().T
np.inner(c, c)
np.outer(c, v)
np.kron(c, v)
np.trapezoid(c)
np.diff(c)
np.where(c.real > 0, c, v)
c.astype(np.complex64)
np.average(c, weights=np.abs(v))
"""
OTHERS = """
np.cov(m)
np.cov(m, rowvar=False)
np.cov(m, m[::-1], bias=True)
np.cov(v)
np.cov(v, values[:1] * v, ddof=2)
np.cov(m, fweights=[1, 2, 1, 3, 2])
np.cov(m, aweights=np.abs(m[0]))
np.cov(z)
np.corrcoef(m)
np.corrcoef(v, v[::-1])
np.corrcoef(m, rowvar=False)
np.bincount(n)
np.bincount(n, minlength=9)
np.bincount(n, weights=m[0])
np.histogram(v)
np.histogram(v, bins=4, range=(-1.0, 1.0))
np.histogram(v, bins=[-3.0, 0.0, 0.1, 3.0], density=True)
np.histogram(v, 3, weights=np.cos(v))
np.histogram(n, 3)
np.histogram_bin_edges(m, 4)
np.histogram_bin_edges(np.ones(3) + v[0], 2)
np.repeat(v[:5], n)
np.repeat(m, n, axis=1)
np.repeat(m, n[0])
np.nextafter(v, 9.0)
np.nextafter(f, v[:4] * np.inf)
np.signbit(v)
np.right_shift(n, 1)
np.left_shift(n, 2)
n >> np.array([0, 1, 2, 63, 3])
np.unwrap(v * 4)
np.unwrap(m * 5, axis=0)
np.unwrap(v * 4, period=3.0)
np.unwrap(v * 4, discont=4.0)
np.ldexp(v, 3)
np.ldexp(v, np.arange(8) - 4)
np.frexp(v)
np.modf(v)
np.insert(v, [1, 3], [5.0, 6.0])
np.delete(v, np.arange(8) % 2 == 0)
np.poly(v[:4])
np.polyfit(v, v ** 2 + v, 2)
np.polyfit(v, np.stack([v, v ** 2], axis=1), 1)
np.polyfit(v, v ** 3, 1, w=np.arange(8) + 1.0)
np.polyadd(v, knots)
np.polysub(v, knots)
np.polymul(v, knots)
np.polyder(v)
np.polyder(v, 2)
np.polyint(v)
np.polyint(v, 2, [1.0, 2.0])
np.sort(np.abs(np.roots(v)))
np.resize(v, (3, 5))
np.geomspace(positive[0], 9.0, 5)
np.geomspace(positive, 9.0, 4, axis=1)
np.logspace(v[0], 2.0, 5)
np.logspace(v[0], 2.0, 5, base=2.0, endpoint=False)
m[np.ix_([0, 2], [1, 4])]
m[np.ix_(m[:, 0] > 0, [1, 4])]
np.maximum.accumulate(v)
np.minimum.accumulate(m, axis=1)
np.logaddexp.reduce(v)
np.logaddexp.reduce(m, axis=1, keepdims=True)
np.apply_along_axis(np.cumsum, 0, m)
np.apply_along_axis(lambda row: row.sum(), 1, m)
np.apply_along_axis(lambda row: np.outer(row, row), 1, cube)
np.apply_over_axes(np.sum, cube, [0, 2])
m[np.tril_indices_from(m)]
a[np.diag_indices_from(a)]
m[np.triu_indices_from(m, 1)]
np.heaviside(v, 0.5)
np.cross(a, stack)
np.vander(v, 3, increasing=True)
np.partition(np.sort(v), 3)
"""


def _cases(text: str) -> list[str]:
    return [line for line in text.strip().splitlines() if line]


CASES = [line for text in (LINALG, FOURIER, SORTING, COMPLEX, OTHERS) for line in _cases(text)]


def _function(text: str) -> tuple[Callable[..., Any], list[str]]:
    """A row as a function of the inputs that it names."""
    code = compile(text, "<row>", "eval")
    names = [name for name in INPUTS if name in _names(code)]
    return eval(f"lambda {', '.join(names)}: {text}", {"np": np}), names


def _names(code: Any) -> set[str]:
    inner = [_names(each) for each in code.co_consts if hasattr(each, "co_names")]
    return set(code.co_names).union(*[{*code.co_freevars}], *inner)


def _leaves(found: Any) -> list[Any]:
    return [each for part in found for each in _leaves(part)] if isinstance(found, list | tuple) else [found]


def test_the_table_is_long_enough_and_has_no_row_twice() -> None:
    assert len(CASES) == len(set(CASES)) >= 250


@pytest.mark.parametrize("text", CASES)
def test_values_and_types_are_those_of_numpy(text: str) -> None:
    function, names = _function(text)
    args = [INPUTS[name] for name in names]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns of slices of NaN alone
        expected = [np.asarray(each) for each in _leaves(function(*args))]
    found = [np.asarray(each) for each in _leaves(mx.jit(function)(*args))]
    assert [(each.shape, each.dtype) for each in found] == [(each.shape, each.dtype) for each in expected]
    for mine, theirs in zip(found, expected, strict=True):
        single = mine.dtype in (np.float32, np.complex64)
        np.testing.assert_allclose(mine, theirs, rtol=2e-5 if single else 1e-11, atol=1e-5 if single else 1e-12)


#: Rows whose value has a jump, or no derivative, at these numbers; or that are too coarse for differences.
NOT_DIFFERENTIATED = (
    "rank",
    "gaps",
    "f)",
    "f[",
    "(f",
    "n)",
    "astype",
    "np.array([1 + 1j",
    "isclose",
    "allclose",
    "round",
)
DIFFERENTIATED = [
    text
    for text in CASES
    if not any(part in text for part in NOT_DIFFERENTIATED) and _function(text)[1] and "n" not in _function(text)[1]
]


def _weighted(function: Callable[..., Any], names: list[str]) -> Callable[..., Any]:
    """A real function: real and imaginary parts of the results' inexact elements with weights, added up."""

    def total(*args: Any) -> Any:
        result: Any = 0.0
        for each in _leaves(function(*args)):
            if each.dtype.kind not in "fc":
                continue
            weight = np.cos(np.arange(each.size) + 1.0).reshape(each.shape)
            result = result + np.sum(weight * np.real(each)) + np.sum(np.sin(3 * weight) * np.imag(each))
        return result

    return total


@pytest.mark.parametrize("text", DIFFERENTIATED)
def test_gradient_is_that_of_finite_differences(text: str) -> None:
    function, names = _function(text)
    total = _weighted(function, names)
    args = [INPUTS[name] for name in names]
    directions = []
    for arg in args:
        direction = np.sin(np.arange(arg.size) + 0.5).reshape(arg.shape)
        if "s" in names and arg.shape == (3, 3):
            direction = direction + direction.T
        directions.append(direction * (1 + 0.5j) if arg.dtype.kind == "c" else direction)
    step = 1e-6
    sides = [total(*[x + h * d for x, d in zip(args, directions, strict=True)]) for h in (step, -step)]
    expected = (sides[0] - sides[1]) / (2 * step)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradients = mx.grad(total, argnums=tuple(range(len(args))))(*args)
    found = sum(np.sum(g * d).real for g, d in zip(gradients, directions, strict=True))
    np.testing.assert_allclose(found, expected, rtol=5e-6, atol=2e-6)


def test_i0_is_that_of_numpy() -> None:
    special = pytest.importorskip("scipy.special", reason="np.i0 is computed by SciPy")
    v = INPUTS["v"]
    np.testing.assert_allclose(mx.jit(np.i0)(v), np.i0(v), rtol=1e-13)
    np.testing.assert_allclose(mx.grad(lambda x: np.sum(np.i0(x)))(v), special.i1(v), rtol=1e-13)
