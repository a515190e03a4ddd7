"""Sorting, and what is read off sorted numbers: places and interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import DTypeError, ShapeError, TraceError
from ..array import TracedArray
from ..compositions import is_nan
from ..functions import implements
from ..operands import as_traced, axis_of, cast, emit, reshape
from ..ufuncs import apply
from . import reductions
from .choices import take, take_along_axis


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
    narrow = x.dtype.kind in "iu" and x.dtype.itemsize <= 2
    return sort(cast(x, np.complex64 if narrow else x.dtype if x.dtype.kind == "c" else np.complex128))


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
    if "c" in (at.dtype.kind, knots.dtype.kind):
        raise DTypeError(f"np.interp at complex points, at {user_location(2)}; points and knots are real")
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
        start, width = knots[index], knots[index + 1] - knots[index]
        at_end = apply(np.equal, width, 0.0)  # two last knots at one point: the second value holds
        low = np.where(at_end, values[index + 1], values[index])
        inside = low + (at - start) * ((values[index + 1] - low) / np.where(at_end, 1.0, width))
    found = np.where(apply(np.less, at, knots[0]), below, np.where(apply(np.greater, at, knots[-1]), above, inside))
    return cast(as_traced(found), dtype)


def _wrapped(at: Any, knots: Any, values: Any, period: Any) -> tuple[Any, Any, Any]:
    """One period of a periodic function, with a knot more on each side."""
    at, knots = at % abs(period), knots % abs(period)
    order = argsort(knots)
    knots, values = knots[order], values[order]
    knots = np.concatenate([knots[-1:] - abs(period), knots, knots[:1] + abs(period)])
    return at, knots, np.concatenate([values[-1:], values, values[:1]])
