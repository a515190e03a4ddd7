"""Covariances, correlations and counts."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import ShapeError, TraceError
from ..array import TracedArray
from ..functions import implements
from ..lifting import promote
from ..operands import INT64, as_traced, axes_of, cast, emit, full, full_like, reshape, select
from ..ufuncs import METHODS, apply
from . import reductions
from .joining import concatenate
from .products import conjugated, matrix_product
from .shapes import ravel, swapaxes
from .sorting import argsort, searchsorted


def _variables(m: Any, rowvar: bool, dtype: Any) -> TracedArray:
    """Variables as the rows of a matrix."""
    x = as_traced(m)
    if x.ndim > 2:
        raise ShapeError(f"np.cov of an array of dimension {x.ndim}, at {user_location(3)}; it takes 1 or 2")
    if x.ndim < 2:
        return cast(reshape(x, (1, x.size)), dtype)
    return cast(x if rowvar else swapaxes(x, 0, 1), dtype)


@implements(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> TracedArray:
    parts = [as_traced(each) for each in (m, y) if each is not None]
    dtype = np.result_type(*[each.dtype for each in parts], np.float64) if dtype is None else np.dtype(dtype)
    x: Any = concatenate([_variables(each, rowvar, dtype) for each in parts], axis=0)
    ddof = (0 if bias else 1) if ddof is None else ddof
    given = [cast(as_traced(each), np.float64) for each in (fweights, aweights) if each is not None]
    if not given:
        return _covariance(x, x, np.mean(x, axis=1, keepdims=True), max(x.shape[1] - ddof, 0))
    weights: Any = given[0] if len(given) == 1 else apply(np.multiply, *given)
    total: Any = np.sum(weights)
    freedom = total if not ddof else total - ddof
    if ddof and aweights is not None:
        freedom = total - ddof * np.sum(weights * as_traced(aweights)) / total
    mean = np.sum(x * weights, axis=1, keepdims=True) / total
    return _covariance(x, x, mean, freedom, weights)


def _covariance(x: Any, y: Any, mean: Any, freedom: Any, weights: Any = None) -> TracedArray:
    left, right = x - mean, y - mean
    if weights is not None:
        right = right * weights
    product: Any = matrix_product("np.cov", left, conjugated(swapaxes(right, 0, 1)))
    found: TracedArray = np.squeeze(product / freedom)
    return found


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> TracedArray:
    c: Any = cov(x, y, rowvar, dtype=dtype)
    if not c.ndim:
        return c / c  # type: ignore[no-any-return]
    deviation = np.sqrt(np.real(np.diagonal(c)))
    return c / deviation[:, None] / deviation[None, :]  # type: ignore[no-any-return]


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> TracedArray:
    """The result's size is decided with the numbers of this call."""
    numbers: Any = as_traced(x)
    if numbers.ndim != 1 or numbers.dtype.kind not in "biu":
        raise ShapeError(
            f"np.bincount of {numbers.dtype} and dimension {numbers.ndim}, at {user_location(2)}; it takes a vector of "
            "integers"
        )
    numbers = cast(numbers, INT64)
    size = max(int(np.max(numbers, initial=-1)) + 1, minlength)
    if weights is None:
        return emit("scatter_add", full(0, (size,), INT64), full_like(numbers, 1), numbers, axes=(0,))
    values = cast(as_traced(weights), np.float64)
    return emit("scatter_add", full(0, (size,), np.float64), values, numbers, axes=(0,))


@implements(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> TracedArray:
    if isinstance(bins, str):
        raise TraceError(f"bins={bins!r} is not traced, at {user_location(2)}; give their number or edges")
    if np.ndim(bins):
        return as_traced(bins)
    x: Any = ravel(as_traced(a))
    low: Any
    high: Any
    if range is not None:
        low, high = range
    elif x.size:
        low, high = np.min(x), np.max(x)
    else:
        low, high = 0.0, 1.0
    same = apply(np.equal, as_traced(low), high)
    low, high = (np.where(same, end + shift, end) for end, shift in ((low, -0.5), (high, 0.5)))
    edges: Any = np.linspace(low, high, int(bins) + 1)
    return cast(edges, np.result_type(x.dtype, np.float64) if x.dtype.kind in "biu" else x.dtype)


@implements(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[TracedArray, TracedArray]:
    """Counts are piecewise constant; sums of weights differentiate in the weights."""
    x: Any = ravel(as_traced(a))
    edges: Any = histogram_bin_edges(x, bins, range)
    order: Any = argsort(x)
    rows = x[order]
    below = searchsorted(rows, edges[:-1], "left")
    places: Any = concatenate([below, searchsorted(rows, edges[-1:], "right")])
    if weights is not None:
        heights: Any = ravel(as_traced(weights))
        running: Any = np.cumsum(heights[order])
        places = concatenate([full(0, (1,), running.dtype), running])[places]
    counts: Any = np.diff(places)
    if density:
        counts = counts / np.diff(edges) / np.sum(counts)
    return counts, edges


@implements(np.histogramdd)
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[TracedArray, Any]:
    """Counts are piecewise constant; sums of weights differentiate in the weights."""
    points: Any = as_traced(sample)
    if points.ndim != 2 or isinstance(sample, list | tuple):
        points = np.transpose(np.atleast_2d(points))
    count = points.shape[1]
    asked = list(bins) if np.ndim(bins) or isinstance(bins, list | tuple) else [bins] * count
    limits = [None] * count if range is None else list(range)
    if len(asked) != count or len(limits) != count:
        raise ShapeError(f"{len(asked)} bins and {len(limits)} ranges for {count} dimensions, at {user_location(2)}")
    columns = [points[:, i] for i in builtins.range(count)]
    edges: list[Any] = [
        histogram_bin_edges(x, each, limit) for x, each, limit in zip(columns, asked, limits, strict=True)
    ]
    sizes = [each.size - 1 for each in edges]
    place, inside = full(0, (points.shape[0],), INT64), full(True, (points.shape[0],), bool)
    for x, each, size in zip(columns, edges, sizes, strict=True):
        bin_: Any = searchsorted(each, x, "right")
        bin_ = np.where(apply(np.equal, x, each[-1]), size, bin_) - 1
        within = apply(np.logical_and, apply(np.greater_equal, bin_, 0), apply(np.less, bin_, size))
        inside = apply(np.logical_and, inside, within)
        place = place * size + np.clip(bin_, 0, size - 1)
    heights: Any = full(1.0, place.shape, np.float64) if weights is None else ravel(as_traced(weights))
    heights = np.where(inside, cast(heights, np.float64), 0.0)
    found: Any = emit("scatter_add", full(0, (math.prod(sizes),), np.float64), heights, place, axes=(0,))
    found = reshape(found, tuple(sizes))
    if density:
        total = np.sum(found)
        for axis, each in enumerate(edges):
            found = found / np.reshape(np.diff(each), (-1,) + (1,) * (count - 1 - axis))
        found = found / total
    return found, tuple(edges)


@implements(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[TracedArray, Any, Any]:
    several = np.ndim(bins[0]) or len(bins) == 2 if isinstance(bins, list | tuple) else False
    asked = bins if several or not np.ndim(bins) else [bins, bins]
    found, edges = histogramdd(np.stack([as_traced(x), as_traced(y)], axis=1), asked, range, density, weights)
    return found, *edges


def log_sum_exp(x: TracedArray, axes: tuple[int, ...], keepdims: bool = False) -> TracedArray:
    """``log(sum(exp(x)))`` over ``axes``, the largest element taken out first."""
    largest = reductions.max(x, axes, keepdims=True, initial=-math.inf)
    shift: Any = emit("stop_gradient", select(emit("is_finite", largest), largest, full_like(largest, 0)))
    rest: Any = np.log(np.sum(np.exp(x - shift), axis=axes, keepdims=keepdims))
    return rest + reshape(shift, rest.shape)  # type: ignore[no-any-return]


def _with_log_sum_exp(reduce: Callable[..., Any]) -> Callable[..., Any]:
    """The method ``reduce`` of ufuncs, that of `numpy.logaddexp` included."""

    def reduced(ufunc: np.ufunc, x: Any, axis: Any = 0, *args: Any, keepdims: bool = False, **kwargs: Any) -> Any:
        if ufunc is not np.logaddexp or args or kwargs:
            return reduce(ufunc, x, axis, *args, keepdims=keepdims, **kwargs)
        array = as_traced(x)
        array = cast(array, promote(array, 0.0))
        return log_sum_exp(array, axes_of(axis, array.ndim), keepdims)

    return reduced


METHODS["reduce"] = _with_log_sum_exp(METHODS["reduce"])
