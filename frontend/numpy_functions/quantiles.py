"""Medians, quantiles and percentiles: numbers read between two sorted ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import DTypeError, ShapeError, TraceError
from ..array import TracedArray
from ..compositions import is_nan
from ..functions import implements
from ..lifting import promote
from ..operands import (
    INT64,
    as_traced,
    axes_of,
    axis_of,
    cast,
    emit,
    full,
    full_like,
    no_out,
    permute,
    reshape,
    select,
    spread,
)
from ..ufuncs import apply
from . import reductions
from .choices import take_along_axis


def _sorted_last(a: Any, axis: Any) -> tuple[TracedArray, tuple[int, ...], TracedArray]:
    """The array in floating point, the reduced axes, and their elements sorted along one last axis."""
    x = as_traced(a)
    x = cast(x, np.float64) if x.dtype.kind in "biu" else x
    if x.dtype.kind == "c":
        raise DTypeError(f"quantiles of {x.dtype}, at {user_location(3)}: complex numbers have none; use np.abs")
    axes = axes_of(axis, x.ndim)
    rows = _as_rows(x, axes)
    return x, axes, emit("sort", rows, axis=rows.ndim - 1)


def _size(x: TracedArray, axes: tuple[int, ...]) -> int:
    return math.prod(x.shape[axis] for axis in axes)


#: For each method of `numpy.quantile`: the virtual position of q among n numbers from its constants alpha and beta
#: (Hyndman and Fan, 1996).
_CONTINUOUS = {
    "linear": (1.0, 1.0),
    "weibull": (0.0, 0.0),
    "hazen": (0.5, 0.5),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}


def _closest(place: Any) -> Any:
    """The nearest place, an even one (counted from 1) where two are."""
    place = place - 0.5
    below = np.floor(place)
    return np.where((place == below) & (below % 2 == 1), below, below + 1)


#: The methods that invert the empirical distribution function: the position from that function's place.
_OF_THE_INVERSE: dict[str, Callable[[Any], Any]] = {
    "inverted_cdf": np.ceil,
    "averaged_inverted_cdf": lambda place: np.floor(place) + np.where(place == np.floor(place), 0.5, 1.0),
    "closest_observation": _closest,
}


def _position(method: str, count: Any, q: Any) -> Any:
    """The place of quantile ``q`` among ``count`` sorted numbers, counted from 0."""
    if method in _CONTINUOUS:
        alpha, beta = _CONTINUOUS[method]
        return count * q + (alpha + q * (1 - alpha - beta)) - 1
    whole = (count - 1) * q
    steps: dict[str, Callable[[Any], Any]] = {
        "lower": np.floor,
        "higher": np.ceil,
        "nearest": np.rint,
        "midpoint": lambda place: (np.floor(place) + np.ceil(place)) / 2,
    }
    if method in _OF_THE_INVERSE:
        return _OF_THE_INVERSE[method](count * q - 1)
    if method not in steps:
        known = ", ".join([*_CONTINUOUS, *_OF_THE_INVERSE, *steps])
        raise TraceError(f"np.quantile with method={method!r} is not traced, at {user_location(4)}; it is {known}")
    return steps[method](whole)


def _quantile(
    a: Any, q: Any, axis: Any, method: str, keepdims: bool, without_nan: bool, between: bool = True
) -> TracedArray:
    if between and as_traced(a).dtype.kind == "b":
        raise DTypeError(f"quantiles of bool, at {user_location(4)}; convert it with .astype(float)")
    x, axes, rows = _sorted_last(a, axis)
    size = rows.shape[-1]
    shares: Any = as_traced(q)
    if shares.dtype.kind in "biu":
        shares = cast(shares, np.float64)
    dtype = promote(x, shares) if shares._weak is None else x.dtype
    found: Any = reductions.sum(emit("logical_not", is_nan(rows)), -1)
    if not size:
        result: Any = full(np.nan, (*shares.shape, *rows.shape[:-1]), dtype)
    else:
        count: Any = cast(found, dtype) if without_nan else float(size)
        place = _position(method, count, np.reshape(shares, (*shares.shape, *(1,) * (rows.ndim - 1))))
        last = np.maximum(found, 1) - 1 if without_nan else full_like(found, size - 1)
        result = _read(rows, place, last)
        wrong = apply(np.equal, found, 0) if without_nan else apply(np.less, found, size)
        result = np.where(wrong, full(np.nan, (), dtype), cast(as_traced(result), dtype))
    read = as_traced(result)
    if not keepdims:
        return read
    return reshape(read, (*shares.shape, *(1 if each in axes else length for each, length in enumerate(x.shape))))


def _read(rows: TracedArray, place: Any, last: Any) -> Any:
    """The numbers at fractional places along the last axis, interpolated between two; ``place`` has further axes in
    front."""
    lower = apply(np.minimum, apply(np.maximum, cast(as_traced(np.floor(place)), INT64), 0), last)
    upper = apply(np.minimum, apply(np.maximum, cast(as_traced(np.floor(place) + 1), INT64), 0), last)
    share = place - np.floor(place)
    low, high = (_pick(rows, each) for each in (lower, upper))
    # An infinite neighbour that has no part in the result must not make it NaN.
    same = apply(np.equal, share, 0.0)
    step = np.where(same, 0.0, share * (np.where(same, low, high) - low))
    return low + step


def _pick(rows: TracedArray, index: TracedArray) -> TracedArray:
    """Elements of each row; the axes of ``index`` in front of those of the rows stay in front."""
    extra = index.ndim - (rows.ndim - 1)
    moved = permute(index, (*range(extra, index.ndim), *range(extra)))
    flat = reshape(moved, (*rows.shape[:-1], _size(index, tuple(range(extra)))))
    found = take_along_axis(rows, flat, -1)
    found = reshape(found, (*rows.shape[:-1], *index.shape[:extra]))
    stack = rows.ndim - 1
    return permute(found, (*range(stack, index.ndim), *range(stack)))


def _interpolation(method: str, interpolation: Any) -> str:
    return method if interpolation is None else str(interpolation)


@implements(np.quantile)
def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
    interpolation: Any = None,
) -> TracedArray:
    no_out("np.quantile", out)
    if weights is not None:
        return _weighted(a, q, axis, method, keepdims, weights)
    return _quantile(a, q, axis, _interpolation(method, interpolation), keepdims, False)


@implements(np.nanquantile)
def nanquantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
    interpolation: Any = None,
) -> TracedArray:
    no_out("np.nanquantile", out)
    _unweighted(weights)
    return _quantile(a, q, axis, _interpolation(method, interpolation), keepdims, True)


def _unweighted(weights: Any) -> None:
    if weights is not None:
        raise TraceError(f"np.nanquantile with weights= is not traced, at {user_location(3)}; leave them out")


def _weighted(a: Any, q: Any, axis: Any, method: str, keepdims: bool, weights: Any) -> TracedArray:
    """The first number at which the share of the weights up to it reaches ``q``; the weights have no derivative."""
    if method != "inverted_cdf":
        raise TraceError(
            f"np.quantile with weights= and method={method!r}, at {user_location(3)}; NumPy has weights for "
            "'inverted_cdf' alone"
        )
    x: Any = as_traced(a)
    given: Any = as_traced(weights)
    if given.shape != x.shape:
        number = axis_of(-1 if axis is None else axis, x.ndim)
        if given.shape != (x.shape[number],) or (axis is None and x.ndim > 1):
            raise ShapeError(
                f"np.quantile of shape {x.shape} with weights of shape {given.shape}, at {user_location(3)}; they have "
                "the shape of the array, or are a vector along one axis"
            )
        given = spread(reshape(given, tuple(given.size if each == number else 1 for each in range(x.ndim))), x.shape)
    axes = axes_of(axis, x.ndim)
    rows, weight = (_as_rows(each, axes) for each in (x, given))
    order = emit("argsort", rows, axis=rows.ndim - 1)
    values: Any = take_along_axis(rows, order, -1)
    total: Any = np.cumsum(take_along_axis(weight, order, -1), axis=-1, dtype=np.float64)
    share: Any = total / total[..., -1:]
    shares: Any = as_traced(q)
    if shares.dtype.kind == "f" and shares._weak is None:
        share = share.astype(shares.dtype)
    share = np.where(share == 0, -1.0, share)  # what weighs nothing in front is not chosen, even for q = 0
    wanted = np.reshape(shares, (*shares.shape, *(1,) * rows.ndim))
    index = reductions.sum(apply(np.less, share, wanted), -1)
    result = _pick(values, apply(np.minimum, index, rows.shape[-1] - 1))
    if x.dtype.kind == "f":
        result = select(is_nan(values[..., -1]), cast(values[..., -1], result.dtype), result)
    if not keepdims:
        return result
    return reshape(result, (*shares.shape, *(1 if each in axes else length for each, length in enumerate(x.shape))))


def _as_rows(x: TracedArray, axes: tuple[int, ...]) -> TracedArray:
    """The elements along ``axes`` as one last axis."""
    others = tuple(each for each in range(x.ndim) if each not in axes)
    moved = permute(x, (*others, *axes))
    return reshape(moved, (*moved.shape[: len(others)], _size(x, axes)))


def _hundredth(q: Any) -> Any:
    share: Any = as_traced(q)
    return share / 100.0


@implements(np.percentile)
def percentile(a: Any, q: Any, *args: Any, **kwargs: Any) -> TracedArray:
    return quantile(a, _hundredth(q), *args, **kwargs)


@implements(np.nanpercentile)
def nanpercentile(a: Any, q: Any, *args: Any, **kwargs: Any) -> TracedArray:
    return nanquantile(a, _hundredth(q), *args, **kwargs)


@implements(np.median)
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    no_out("np.median", out)
    return _quantile(a, 0.5, axis, "linear", keepdims, False, between=False)


@implements(np.nanmedian)
def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    no_out("np.nanmedian", out)
    return _quantile(a, 0.5, axis, "linear", keepdims, True, between=False)
