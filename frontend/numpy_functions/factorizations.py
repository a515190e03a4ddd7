"""Factorisations of matrices, and what is read off singular values."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...ir import user_location
from ...ir.errors import ShapeError, TraceError
from ..array import TracedArray
from ..compositions import squared_magnitude
from ..functions import implements
from ..lifting import promote
from ..operands import INT64, cast, emit, full, part, reshape
from ..ufuncs import apply
from . import reductions
from .joining import concatenate
from .products import conjugated, matrix_product
from .shapes import swapaxes
from .systems import emit_all, inexact, inverse, matrices, pseudo_inverse, wide


class QRResult(NamedTuple):
    """What `numpy.linalg.qr` returns."""

    Q: Any
    R: Any


class EigResult(NamedTuple):
    """What `numpy.linalg.eig` returns."""

    eigenvalues: Any
    eigenvectors: Any


class EighResult(NamedTuple):
    """What `numpy.linalg.eigh` returns."""

    eigenvalues: Any
    eigenvectors: Any


class SVDResult(NamedTuple):
    """What `numpy.linalg.svd` returns."""

    U: Any
    S: Any
    Vh: Any


def adjoint(x: TracedArray) -> TracedArray:
    """The conjugate transpose of matrices."""
    return conjugated(swapaxes(x, -1, -2))


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> TracedArray:
    """Of ``(a + a^H) / 2``: the gradient is symmetric, as in JAX and PyTorch."""
    lower = emit("cholesky", matrices("np.linalg.cholesky", a, True))
    return adjoint(lower) if upper else lower


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    x = matrices("np.linalg.qr", a)
    if mode not in ("reduced", "r", "complete"):
        raise TraceError(f"np.linalg.qr with mode={mode!r} is not traced, at {user_location(2)}; use 'reduced' or 'r'")
    rows, columns = x.shape[-2:]
    # The first columns determine q; the others are only turned by it.
    q, r = emit_all("qr", part(x, x.ndim - 1, 0, min(rows, columns)))
    if columns > rows:
        r = concatenate([r, matrix_product("np.linalg.qr", adjoint(q), part(x, x.ndim - 1, rows, columns))], axis=-1)
    if mode == "complete" and rows > columns:
        q = completed(q)
        r = concatenate([r, full(0, (*r.shape[:-2], rows - columns, columns), r.dtype)], axis=-2)
    return r if mode == "r" else QRResult(q, r)


def completed(q: TracedArray) -> TracedArray:
    """A unitary matrix that begins with the orthonormal columns ``q``."""
    return concatenate([q, emit("complement", q)], axis=-1)


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> EighResult:  # noqa: N803
    """Of ``(a + a^H) / 2``, whichever triangle is named: the gradient is symmetric, as in JAX and PyTorch."""
    if UPLO not in ("L", "U", "l", "u"):
        raise ShapeError(f"np.linalg.eigh with UPLO={UPLO!r}, at {user_location(2)}; it is 'L' or 'U'")
    values, vectors = emit_all("eigh", matrices("np.linalg.eigh", a, True))
    return EighResult(values, vectors)


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> TracedArray:  # noqa: N803
    return eigh(a, UPLO).eigenvalues  # type: ignore[no-any-return]


@implements(np.linalg.eig)
def eig(a: Any) -> EigResult:
    """Always complex: whether a real matrix has real eigenvalues only is known when the program runs."""
    x = matrices("np.linalg.eig", a, True)
    values, vectors = emit_all("eig", cast(x, np.result_type(x.dtype, np.complex64)))
    return EigResult(values, vectors)


@implements(np.linalg.eigvals)
def eigvals(a: Any) -> TracedArray:
    return eig(a).eigenvalues  # type: ignore[no-any-return]


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    x = matrices("np.linalg.svd", a)
    if not compute_uv:
        return singular_values(x)
    u, s, vh = emit_all("svd", x)
    rows, columns = x.shape[-2:]
    if full_matrices and rows > columns:
        u = completed(u)
    if full_matrices and columns > rows:
        vh = adjoint(completed(adjoint(vh)))
    return SVDResult(u, s, vh)


def singular_values(x: TracedArray) -> TracedArray:
    """The singular values of a stack of matrices."""
    return emit_all("svd", x)[1]


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> TracedArray:
    return singular_values(matrices("np.linalg.svdvals", x))


def rank_of(values: TracedArray, share: Any) -> TracedArray:
    """How many singular values are above ``share`` times the largest."""
    largest = reductions.max(values, -1, keepdims=True, initial=0.0)
    return reductions.sum(apply(np.greater, values, apply(np.multiply, largest, share)), -1)


def _as_column(limit: Any) -> Any:
    """One number, or one for each matrix, aligned with their singular values."""
    return limit if np.ndim(limit) == 0 else np.expand_dims(limit, -1)


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> TracedArray:  # noqa: N803
    x = inexact(A)
    if x.ndim < 2:
        return cast(reductions.any(x), INT64)
    values = singular_values(matrices("np.linalg.matrix_rank", x))
    if tol is not None:
        return reductions.sum(apply(np.greater, values, _as_column(tol)), -1)
    return rank_of(values, max(x.shape[-2:]) * np.finfo(values.dtype).eps if rtol is None else _as_column(rtol))


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    """By the pseudo-inverse, so that the derivative is that at constant rank; the rank is decided with the numbers of
    this call."""
    x, y = matrices("np.linalg.lstsq", a), wide("np.linalg.lstsq", inexact(b))
    if x.ndim != 2 or y.ndim not in (1, 2) or y.shape[0] != x.shape[0]:
        raise ShapeError(
            f"np.linalg.lstsq of shapes {x.shape} and {y.shape}, at {user_location(2)}; it takes a matrix, and a "
            "vector or matrix of as many rows"
        )
    dtype = promote(x, y)
    x, y = cast(x, dtype), cast(y, dtype)
    rows, columns = x.shape
    eps = np.finfo(dtype).eps
    cutoff = eps * max(rows, columns) if rcond is None else eps if rcond == -1 else float(rcond)
    values = singular_values(x)
    found = matrix_product("np.linalg.lstsq", pseudo_inverse(x, cutoff), y)
    rank = rank_of(values, cutoff)
    number = int(rank)
    residuals = full(0, (0,), values.dtype)
    if number == columns and rows > columns:
        error = emit("sub", y, matrix_product("np.linalg.lstsq", x, found))
        total = emit("reduce_sum", squared_magnitude(error), axes=(0,))
        residuals = reshape(total, (1,)) if y.ndim == 1 else total
    return found, residuals, cast(rank, np.int32), values


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> TracedArray:
    a = matrices("np.linalg.cond", x)
    if p in (None, 2, -2):
        values = singular_values(a)
        count = values.shape[-1]
        first, last = (part(values, values.ndim - 1, at, at + 1) for at in (0, count - 1))
        result = apply(np.true_divide, last, first) if p == -2 else apply(np.true_divide, first, last)
        return reshape(result, values.shape[:-1])
    from .linear_algebra import norm

    axes = (-2, -1)
    return apply(np.multiply, norm(a, p, axes), norm(inverse(a), p, axes))
