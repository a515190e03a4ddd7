"""Sums, means, extrema and running sums."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import DTypeError, ShapeError
from ..array import TracedArray
from ..compositions import safe_sqrt, squared_magnitude
from ..functions import implements
from ..operands import (
    BOOL,
    INT64,
    as_traced,
    axes_of,
    axis_of,
    cast,
    emit,
    full_like,
    no_out,
    reshape,
    select,
    spread,
    truth,
)
from ..ufuncs import apply

_FLOAT16 = np.dtype(np.float16)
#: The types in which integers are added up, by kind.
_SUMMED_IN: dict[str, np.dtype[Any]] = {"b": INT64, "i": INT64, "u": np.dtype(np.uint64)}


def kept(x: TracedArray, shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> TracedArray:
    """A reduction's result, with axes of size 1 for the reduced ``axes`` of ``shape`` where they are kept."""
    if not keepdims:
        return x
    return reshape(x, tuple(1 if axis in axes else size for axis, size in enumerate(shape)))


def sum_dtype(x: TracedArray, dtype: Any = None) -> np.dtype[Any]:
    """The element type in which NumPy adds up: at least 64 bits for integers."""
    found: np.dtype[Any] = _SUMMED_IN.get(x.dtype.kind, x.dtype) if dtype is None else np.dtype(dtype)
    return found


def masked(x: TracedArray, where: Any, number: Any) -> TracedArray:
    """``x`` with ``number`` where ``where`` does not hold."""
    if where is True:
        return x
    mask = truth(as_traced(where))
    return select(mask, x, full_like(x, number))


@implements(np.sum)
def sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> TracedArray:
    no_out("np.sum", out)
    x = as_traced(a)
    axes = axes_of(axis, x.ndim)
    x = masked(cast(x, sum_dtype(x, dtype)), where, 0)
    shape = x.shape
    result = _any(x, axes) if x.dtype == BOOL else emit("reduce_sum", x, axes=axes) if axes else x
    if initial is not None:
        result = emit("add", result, spread(cast(as_traced(initial), result.dtype), result.shape))
    return kept(result, shape, axes, keepdims)


@implements(np.prod)
def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> TracedArray:
    no_out("np.prod", out)
    x = as_traced(a)
    axes = axes_of(axis, x.ndim)
    x = masked(cast(x, sum_dtype(x, dtype)), where, 1)
    result = emit("reduce_prod", x, axes=axes)
    if initial is not None:
        result = emit("mul", result, spread(cast(as_traced(initial), result.dtype), result.shape))
    return kept(result, x.shape, axes, keepdims)


def _any(x: TracedArray, axes: tuple[int, ...]) -> TracedArray:
    return emit("reduce_or", truth(x), axes=axes)


@implements(np.any)
def any(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True) -> TracedArray:
    no_out("np.any", out)
    x = truth(as_traced(a))
    axes = axes_of(axis, x.ndim)
    return kept(_any(masked(x, where, False), axes), x.shape, axes, keepdims)


@implements(np.all)
def all(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True) -> TracedArray:
    no_out("np.all", out)
    x = truth(as_traced(a))
    axes = axes_of(axis, x.ndim)
    return kept(emit("reduce_and", masked(x, where, True), axes=axes), x.shape, axes, keepdims)


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> TracedArray:
    return sum(truth(as_traced(a)), axis, keepdims=keepdims)


# --- extrema -------------------------------------------------------------------------------------


def lowest(dtype: np.dtype[Any], largest: bool = False) -> Any:
    """The least number of an element type, or the largest."""
    if dtype.kind == "b":
        return largest
    if dtype.kind in "iu":
        return np.iinfo(dtype).max if largest else np.iinfo(dtype).min
    return math.inf if largest else -math.inf


def extremum(name: str, a: Any, axis: Any, keepdims: bool, initial: Any, where: Any) -> TracedArray:
    """``max`` or ``min``, as ``name`` says."""
    x = as_traced(a)
    axes = axes_of(axis, x.ndim)
    if x.dtype.kind == "c":
        raise DTypeError(f"np.{name} of a complex array is not traced, at {user_location(2)}; compare np.abs")
    bound = lowest(x.dtype, name == "min")
    if initial is not None:
        bound = initial
    elif where is not True:
        raise ShapeError(
            f"np.{name} with where= has no value where nothing is chosen, at {user_location(2)}; give initial="
        )
    elif not math.prod([x.shape[axis] for axis in axes]) and 0 not in _without(x.shape, axes):
        raise ShapeError(
            f"np.{name} of zero elements, over axes {axes} of shape {x.shape}, at {user_location(2)}; give initial="
        )
    if where is not True:
        mask = truth(as_traced(where))
        x = select(mask, x, spread(cast(as_traced(bound), x.dtype), x.shape))
    shape = x.shape
    if not math.prod([shape[axis] for axis in axes]):
        return kept(spread(cast(as_traced(bound), x.dtype), _without(shape, axes)), shape, axes, keepdims)
    if x.dtype == BOOL:
        result = emit("reduce_or" if name == "max" else "reduce_and", x, axes=axes)
    else:
        result = emit(f"reduce_{name}", x, axes=axes) if axes else x
    if initial is not None:
        result = apply(np.maximum if name == "max" else np.minimum, result, cast(as_traced(initial), x.dtype))
    return kept(result, shape, axes, keepdims)


def _without(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


@implements(np.max, np.amax)
def max(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> TracedArray:
    no_out("np.max", out)
    return extremum("max", a, axis, keepdims, initial, where)


@implements(np.min, np.amin)
def min(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> TracedArray:
    no_out("np.min", out)
    return extremum("min", a, axis, keepdims, initial, where)


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> TracedArray:
    no_out("np.ptp", out)
    return apply(np.subtract, max(a, axis, keepdims=keepdims), min(a, axis, keepdims=keepdims))


def position(name: str, a: Any, axis: Any, keepdims: bool) -> TracedArray:
    """``argmax`` or ``argmin``, as ``name`` says."""
    x = as_traced(a)
    shape = x.shape
    if axis is None:
        x, number, axes = reshape(x, (x.size,)), 0, tuple(range(x.ndim))
    else:
        number = axis_of(axis, x.ndim)
        axes = (number,)
    return kept(emit(name, x, axis=number), shape, axes, keepdims)


@implements(np.argmax)
def argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> TracedArray:
    no_out("np.argmax", out)
    return position("argmax", a, axis, keepdims)


@implements(np.argmin)
def argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> TracedArray:
    no_out("np.argmin", out)
    return position("argmin", a, axis, keepdims)


# --- means ---------------------------------------------------------------------------------------


def _count(shape: tuple[int, ...], axes: tuple[int, ...], where: Any, dtype: np.dtype[Any]) -> Any:
    """How many elements are averaged: a number, or an array with ``where``."""
    if where is True:
        return float(math.prod([shape[axis] for axis in axes]))
    mask = spread(truth(as_traced(where)), shape)
    return emit("reduce_sum", cast(mask, dtype), axes=axes)


def _mean_dtypes(x: TracedArray, dtype: Any) -> tuple[np.dtype[Any], np.dtype[Any]]:
    """The type in which NumPy averages, and that of the result."""
    if dtype is not None:
        return np.dtype(dtype), np.dtype(dtype)
    if x.dtype.kind in "biu":
        return np.dtype(np.float64), np.dtype(np.float64)
    return (np.dtype(np.float32) if x.dtype == _FLOAT16 else x.dtype), x.dtype


@implements(np.mean)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
) -> TracedArray:
    no_out("np.mean", out)
    x = as_traced(a)
    axes = axes_of(axis, x.ndim)
    inner, outer = _mean_dtypes(x, dtype)
    total = sum(cast(x, inner), axes, keepdims=keepdims, where=where)
    count = _count(x.shape, axes, where, inner)
    if where is not True:
        count = kept(count, x.shape, axes, keepdims)
    else:
        count = full_like(total, count)
    return cast(emit("div", total, count), outer)


@implements(np.var)
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> TracedArray:
    no_out("np.var", out)
    x = as_traced(a)
    axes = axes_of(axis, x.ndim)
    inner, outer = _mean_dtypes(x, dtype)
    x = cast(x, inner)
    if inner.kind == "c":
        inner = outer = np.dtype(inner.char.lower())
    center = _centre(x, axes, where) if mean is None else cast(as_traced(mean), x.dtype)
    difference = emit("sub", x, spread(center, x.shape))
    total = sum(squared_magnitude(difference), axes, keepdims=keepdims, where=where)
    ddof = ddof if correction is None else correction
    count = _count(x.shape, axes, where, inner)
    if where is True:
        divisor = full_like(total, builtins.max(count - ddof, 0.0))
    else:
        less = emit("sub", count, full_like(count, ddof))
        divisor = kept(emit("maximum", less, full_like(count, 0)), x.shape, axes, keepdims)
    return cast(emit("div", total, divisor), outer)


def _centre(x: TracedArray, axes: tuple[int, ...], where: Any) -> TracedArray:
    return mean(x, axes, keepdims=True, where=where)


@implements(np.std)
def std(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, *args: Any, **kwargs: Any) -> TracedArray:
    no_out("np.std", out)
    # At a spread of zero the derivative is 0, as that of a norm.
    return safe_sqrt(var(a, axis, dtype, None, *args, **kwargs))


@implements(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    x = as_traced(a)
    if weights is None:
        result = mean(x, axis, keepdims=keepdims)
        total = full_like(result, x.size / builtins.max(result.size, 1))
        return (result, total) if returned else result
    w = as_traced(weights)
    axes = axes_of(axis, x.ndim)
    if w.shape != x.shape:
        if axis is None or w.shape != tuple(x.shape[each] for each in axes):
            raise ShapeError(
                f"weights of shape {w.shape} do not fit axis {axis} of shape {x.shape}, at {user_location(2)}"
            )
        w = reshape(w, tuple(size if each in axes else 1 for each, size in enumerate(x.shape)))
    dtype = np.result_type(x.dtype, w.dtype, *([np.float64] if x.dtype.kind in "biu" else []))
    x, w = cast(x, dtype), spread(cast(w, dtype), x.shape)
    total = sum(w, axes, keepdims=keepdims)
    result = emit("div", sum(emit("mul", x, w), axes, keepdims=keepdims), total)
    return (result, total) if returned else result
