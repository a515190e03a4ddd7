"""Polynomials as vectors of coefficients, the highest power first."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from ...ir import user_location
from ...ir.errors import ShapeError, TraceError
from ..array import TracedArray
from ..functions import implements
from ..indexing import known_values
from ..lifting import promote
from ..operands import as_traced, cast, emit, full, reshape, truth
from ..ufuncs import apply
from .factorizations import eigvals, lstsq
from .joining import concatenate, stack
from .signals import convolve
from .systems import inverse


def _coefficients(p: Any) -> TracedArray:
    x = as_traced(p)
    return reshape(x, (x.size,)) if not x.ndim else x


@implements(np.polyval)
def polyval(p: Any, x: Any) -> TracedArray:
    coefficients, point = as_traced(p), as_traced(x)
    result = full(0, point.shape, point.dtype)
    result._weak = point._weak
    for each in coefficients:
        result = apply(np.add, apply(np.multiply, result, point), each)
    return result


@implements(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> TracedArray:  # noqa: N803
    v = as_traced(x)
    if v.ndim != 1:
        raise ShapeError(f"np.vander of an array of dimension {v.ndim}, at {user_location(2)}; it takes 1")
    count = v.size if N is None else int(N)
    v = cast(v, promote(v, np.int64(0)))
    columns = [full(1, v.shape, v.dtype)]
    for _ in range(count - 1):
        columns.append(emit("mul", columns[-1], v))
    if not count:
        return full(0, (v.size, 0), v.dtype)
    return stack(columns if increasing else columns[::-1], axis=1)


def _of_one_length(p: Any, q: Any) -> tuple[TracedArray, TracedArray]:
    """Two polynomials with zeros in front of the shorter one."""
    first, second = _coefficients(p), _coefficients(q)
    size = max(first.size, second.size)
    found = [concatenate([full(0, (size - each.size,), each.dtype), each]) for each in (first, second)]
    return found[0], found[1]


@implements(np.polyadd)
def polyadd(a1: Any, a2: Any) -> TracedArray:
    return apply(np.add, *_of_one_length(a1, a2))


@implements(np.polysub)
def polysub(a1: Any, a2: Any) -> TracedArray:
    return apply(np.subtract, *_of_one_length(a1, a2))


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> TracedArray:
    return convolve(_trimmed(a1), _trimmed(a2))


def _trimmed(p: Any) -> Any:
    """The coefficients from the first that is not zero, which is decided with the numbers of this call."""
    x: Any = _coefficients(p)
    places = np.flatnonzero(known_values(truth(x)))
    return x[int(places[0]) :] if places.size else x[-1:]


@implements(np.polydiv)
def polydiv(u: Any, v: Any) -> tuple[TracedArray, TracedArray]:
    """Quotient and remainder. Which leading coefficients of the remainder vanish is decided with the numbers of this
    call."""
    first: Any = _coefficients(u)
    second: Any = _coefficients(v)
    dtype = promote(first, second, 0.0)
    rest: Any = cast(first, dtype)
    divisor: Any = cast(second, dtype)
    quotient, heads = [], []
    for _ in range(rest.size - divisor.size + 1):
        factor: Any = rest[0] / divisor[0]
        quotient.append(factor)
        rest = concatenate([rest[: divisor.size] - factor * divisor, rest[divisor.size :]])
        heads.append(rest[:1])
        rest = rest[1:]
    rest = concatenate([*heads, rest])
    vanishing = known_values(apply(np.less_equal, np.abs(rest), 1e-8))
    kept = np.flatnonzero(~vanishing)
    rest = rest[min(int(kept[0]) if kept.size else rest.size - 1, rest.size - 1) :]
    return (stack(quotient) if quotient else full(0, (1,), dtype)), rest


@implements(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> TracedArray:
    """Of a vector. Which elements are zero is decided with the numbers of this call."""
    x: Any = as_traced(filt)
    if x.ndim != 1:
        raise ShapeError(f"np.trim_zeros of an array of dimension {x.ndim}, at {user_location(2)}; it takes 1")
    places = np.flatnonzero(known_values(truth(x)))
    if not places.size:
        return x[:0]  # type: ignore[no-any-return]
    first = int(places[0]) if "f" in trim.lower() else 0
    return x[first : int(places[-1]) + 1 if "b" in trim.lower() else x.size]  # type: ignore[no-any-return]


@implements(np.polyder)
def polyder(p: Any, m: int = 1) -> TracedArray:
    x: Any = _coefficients(p)
    for _ in range(m):
        x = x[:-1] * np.arange(x.size - 1, 0, -1)
    return x  # type: ignore[no-any-return]


@implements(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> TracedArray:
    x: Any = _coefficients(p)
    constants = [0.0] * m if k is None else [k] * m if np.ndim(k) == 0 else list(k)
    for constant in constants:
        x = concatenate([x / np.arange(x.size, 0, -1), reshape(as_traced(constant), (1,))])
    return x  # type: ignore[no-any-return]


@implements(np.poly)
def poly(seq_of_zeros: Any) -> TracedArray:
    """From zeros, or the characteristic polynomial of a matrix; complex where the zeros are."""
    zeros: Any = as_traced(seq_of_zeros)
    if zeros.ndim == 2:
        zeros = eigvals(zeros)
    zeros = cast(zeros, np.float64) if zeros.dtype.kind in "biu" or zeros.dtype == np.float16 else zeros
    result = full(1, (1,), zeros.dtype)
    for each in zeros:
        result = convolve(result, concatenate([full(1, (1,), zeros.dtype), reshape(-each, (1,))]))
    return result


@implements(np.roots)
def roots(p: Any) -> TracedArray:
    """The eigenvalues of the companion matrix, always complex. Which coefficients are zero is decided with the numbers
    of this call."""
    x: Any = _coefficients(p)
    if x.ndim != 1:
        raise ShapeError(f"np.roots of an array of dimension {x.ndim}, at {user_location(2)}; it takes 1")
    x = cast(x, np.float64) if x.dtype.kind in "biu" else x
    places = np.flatnonzero(known_values(truth(x)))
    dtype = np.result_type(x.dtype, np.complex64 if x.dtype.kind in "fc" else np.complex128)
    if not places.size:
        return full(0, (0,), dtype)
    behind = x.size - 1 - int(places[-1])
    x = x[int(places[0]) : int(places[-1]) + 1]
    found = full(0, (0,), dtype)
    if x.size > 1:
        first_row = reshape(-x[1:] / x[0], (1, x.size - 1))
        rest = np.eye(x.size - 2, x.size - 1, dtype=first_row.dtype)
        found = cast(eigvals(concatenate([first_row, as_traced(rest)], axis=0)), dtype)
    return concatenate([found, full(0, (behind,), dtype)])


@implements(np.polyfit)
def polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """Least squares with scaled columns, as NumPy's."""
    if np.ndim(deg):
        raise TraceError(f"np.polyfit with several degrees is not traced, at {user_location(2)}; give one")
    points: Any = as_traced(x)
    points = cast(points, promote(points, 0.0))
    order = int(deg) + 1
    left: Any = vander(points, order)
    right: Any = as_traced(y)
    right = cast(right, promote(right, 0.0))
    if w is not None:
        weights: Any = as_traced(w)
        left = left * weights[:, None]
        right = right * (weights if right.ndim == 1 else weights[:, None])
    scale = np.sqrt(np.sum(left * left, axis=0))
    left = left / scale
    limit = points.size * float(ml_dtypes.finfo(points.dtype).eps) if rcond is None else rcond  # type: ignore[no-untyped-call]
    found, residuals, rank, values = lstsq(left, right, limit)
    coefficients = found / (scale if right.ndim == 1 else scale[:, None])
    if full:
        return coefficients, residuals, rank, values, limit
    return (coefficients, _covariance(left, scale, residuals, right.ndim, cov)) if cov else coefficients


def _covariance(left: Any, scale: Any, residuals: Any, rank: int, cov: Any) -> Any:
    """The covariance of fitted coefficients, scaled by the residuals unless ``cov`` is 'unscaled'."""
    count, order = left.shape
    base = inverse(left.T @ left) / (scale[:, None] * scale)
    factor: Any = 1.0
    if cov != "unscaled":
        if count <= order:
            raise ShapeError(
                f"np.polyfit of {count} points by {order} coefficients with cov=True, at {user_location(3)}; it needs "
                "more points"
            )
        factor = residuals / (count - order)
    return base * factor if rank == 1 else base[:, :, None] * factor
