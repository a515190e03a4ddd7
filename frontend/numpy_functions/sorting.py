"""Sorting, and what is read off sorted numbers: places, interpolation, unique values, sets."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from ...ir import user_location
from ...ir.errors import ShapeError, TraceError
from ..array import TracedArray
from ..compositions import is_nan
from ..functions import implements
from ..indexing import known_values
from ..operands import as_traced, axis_of, captured, cast, emit, full, reshape
from ..ufuncs import apply
from . import reductions
from .choices import take, take_along_axis
from .joining import concatenate
from .shapes import ravel


def _along(a: Any, axis: Any) -> tuple[TracedArray, int]:
    """The array and axis to sort along: all elements as a vector for None."""
    x = as_traced(a)
    if axis is None:
        return reshape(x, (x.size,)), 0
    return x, axis_of(axis, x.ndim)


def _no_order(name: str, order: Any) -> None:
    if order is not None:
        raise TraceError(f"{name} with order= is for structured arrays, which are not traced, at {user_location(3)}")


@implements(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> TracedArray:
    _no_order("np.sort", order)
    x, number = _along(a, axis)
    return emit("sort", x, axis=number)


@implements(np.argsort)
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> TracedArray:
    _no_order("np.argsort", order)
    x, number = _along(a, axis)
    return emit("argsort", x, axis=number)


@implements(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> TracedArray:
    """Sorted altogether, which is a partition at every ``kth``."""
    return sort(a, axis, order=order)


@implements(np.argpartition)
def argpartition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> TracedArray:
    return argsort(a, axis, order=order)


@implements(np.sort_complex)
def sort_complex(a: Any) -> TracedArray:
    x = as_traced(a)
    return sort(cast(x, np.result_type(x.dtype, np.complex64)))


@implements(np.lexsort)
def lexsort(keys: Any, axis: Any = -1) -> TracedArray:
    rows = [as_traced(each) for each in keys]
    number = axis_of(axis, rows[0].ndim)
    order = argsort(rows[0], number)
    for key in rows[1:]:
        order = take_along_axis(order, argsort(take_along_axis(key, order, number), number), number)
    return order


# --- places in sorted numbers --------------------------------------------------------------------


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> TracedArray:
    """How many elements stand before each number: counted by comparing all pairs."""
    x, y = as_traced(a), as_traced(v)
    if x.ndim != 1 or side not in ("left", "right"):
        raise ShapeError(
            f"np.searchsorted in an array of dimension {x.ndim} with side={side!r}, at {user_location(2)}; it takes a "
            "vector, and 'left' or 'right'"
        )
    if sorter is not None:
        x = take(x, sorter)
    before = apply(np.less if side == "left" else np.less_equal, x, reshape(y, (*y.shape, 1)))
    # NaN stands behind every number.
    unknown = is_nan(y)
    before = apply(np.logical_or, before, reshape(unknown, (*y.shape, 1)))
    if side == "left":
        before = apply(np.logical_and, before, emit("logical_not", is_nan(x)))
    return reductions.sum(before, -1)


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    edges: Any = as_traced(bins)
    if edges.ndim != 1:
        raise ShapeError(f"np.digitize with bins of dimension {edges.ndim}, at {user_location(2)}; it takes a vector")
    side = "left" if right else "right"
    if bool(np.all(edges[1:] >= edges[:-1])):
        return searchsorted(edges, x, side)
    behind: Any = searchsorted(edges[::-1], x, "right" if right else "left")
    return edges.size - behind


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> TracedArray:
    """Differentiable in the points ``x`` and in the knots ``xp`` and ``fp``."""
    at: Any
    knots: Any
    values: Any
    at, knots, values = (as_traced(each) for each in (x, xp, fp))
    if knots.ndim != 1 or knots.shape != values.shape or not knots.size:
        raise ShapeError(
            f"np.interp with knots of shapes {knots.shape} and {values.shape}, at {user_location(2)}; they are vectors "
            "of one size, not empty"
        )
    dtype = np.result_type(values.dtype, np.float64)
    at, knots, values = cast(at, np.float64), cast(knots, np.float64), cast(values, dtype)
    if period is not None:
        at, knots, values = _wrapped(at, knots, values, period)
        left = right = None
    size = knots.size
    below: Any = values[0] if left is None else left
    above: Any = values[-1] if right is None else right
    if size == 1:
        inside: Any = values[0]
    else:
        after: Any = searchsorted(knots, at, "right")
        index = np.clip(after - 1, 0, size - 2)
        start, low = knots[index], values[index]
        inside = low + (at - start) * ((values[index + 1] - low) / (knots[index + 1] - start))
    found = np.where(apply(np.less, at, knots[0]), below, np.where(apply(np.greater, at, knots[-1]), above, inside))
    return cast(as_traced(found), dtype)


def _wrapped(at: Any, knots: Any, values: Any, period: Any) -> tuple[Any, Any, Any]:
    """One period of a periodic function, with a knot more on each side."""
    at, knots = at % abs(period), knots % abs(period)
    order = argsort(knots)
    knots, values = knots[order], values[order]
    knots = np.concatenate([knots[-1:] - abs(period), knots, knots[:1] + abs(period)])
    return at, knots, np.concatenate([values[-1:], values, values[:1]])


# --- unique values -------------------------------------------------------------------------------


@implements(np.unique)
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """How many there are, and where, is decided with the numbers of this call."""
    x: Any = as_traced(ar)
    if axis is not None:
        raise TraceError(f"np.unique with axis= is not traced, at {user_location(2)}; flatten the array")
    flat = reshape(x, (x.size,))
    order: Any = argsort(flat)
    rows: Any = flat[order]
    if not x.size:
        first: Any = np.zeros(0, bool)
    else:
        differs = apply(np.not_equal, rows[1:], rows[:-1])
        if equal_nan:
            both = apply(np.logical_and, is_nan(rows[1:]), is_nan(rows[:-1]))
            differs = apply(np.logical_and, differs, emit("logical_not", both))
        first = known_values(concatenate([full(True, (1,), bool), differs]))
    places = np.flatnonzero(first)
    found = [rows[places]]
    if return_index:
        found.append(order[places])
    if return_inverse:
        # How many first ones there are up to each element in order, brought back to the elements' places.
        number = np.cumsum(first) - 1
        found.append(reshape(take(captured(number), argsort(order)), x.shape))
    if return_counts:
        found.append(as_traced(np.diff(np.append(places, operator.index(x.size)))))
    return found[0] if len(found) == 1 else tuple(found)


@implements("unique_values")
def unique_values(x: Any) -> Any:
    return unique(x, equal_nan=False)


class UniqueAllResult(NamedTuple):
    """What `numpy.unique_all` gives."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCountsResult(NamedTuple):
    """What `numpy.unique_counts` gives."""

    values: Any
    counts: Any


class UniqueInverseResult(NamedTuple):
    """What `numpy.unique_inverse` gives."""

    values: Any
    inverse_indices: Any


@implements("unique_all")
def unique_all(x: Any) -> UniqueAllResult:
    return UniqueAllResult(*unique(x, True, True, True, equal_nan=False))


@implements("unique_counts")
def unique_counts(x: Any) -> UniqueCountsResult:
    return UniqueCountsResult(*unique(x, return_counts=True, equal_nan=False))


@implements("unique_inverse")
def unique_inverse(x: Any) -> UniqueInverseResult:
    return UniqueInverseResult(*unique(x, return_inverse=True, equal_nan=False))


@implements(np.isin)
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> TracedArray:
    x, y = as_traced(element), as_traced(test_elements)
    found = reductions.any(apply(np.equal, reshape(x, (*x.shape, 1)), reshape(y, (y.size,))), -1)
    return emit("logical_not", found) if invert else found


@implements(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    return unique(concatenate([ravel(as_traced(ar1)), ravel(as_traced(ar2))]))


@implements(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    if return_indices:
        raise TraceError(f"np.intersect1d with return_indices= is not traced, at {user_location(2)}; leave it out")
    found = unique(ar1)
    return found[known_values(isin(found, ar2))]


@implements(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    found = ravel(as_traced(ar1)) if assume_unique else unique(ar1)
    return found[known_values(isin(found, ar2, invert=True))]
