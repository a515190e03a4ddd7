"""Running sums and products, and the methods of ufuncs: reduce, reduceat, accumulate, outer, at."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import ShapeError, TraceError
from ..array import TracedArray
from ..functions import implements
from ..indexing import known_values, put, read, take_rows
from ..operands import (
    as_traced,
    axis_of,
    captured,
    cast,
    emit,
    expand,
    full,
    has_traced,
    iota,
    no_out,
    reshape,
    select,
    spread,
)
from ..ufuncs import METHODS, apply
from ..views import update
from .reductions import all, any, lowest, max, min, prod, sum, sum_dtype


def _flat(a: Any, axis: Any) -> tuple[TracedArray, int]:
    x = as_traced(a)
    if axis is None:
        return reshape(x, (x.size,)), 0
    return x, axis_of(axis, x.ndim)


@implements(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> TracedArray:
    no_out("np.cumsum", out)
    x, number = _flat(a, axis)
    return emit("cumsum", cast(x, sum_dtype(x, dtype)), axis=number, reverse=False)


@implements(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> TracedArray:
    """Running products by doubling: exact derivatives at zeros, in log2(n) products of whole arrays."""
    no_out("np.cumprod", out)
    x, number = _flat(a, axis)
    x = cast(x, sum_dtype(x, dtype))
    return scan_by_doubling(x, number, "mul", 1)


@implements("cumulative_sum")
def cumulative_sum(x: Any, /, *, axis: Any = None, dtype: Any = None, include_initial: bool = False) -> TracedArray:
    return _cumulative(cumsum, x, axis, dtype, include_initial, 0)


@implements("cumulative_prod")
def cumulative_prod(x: Any, /, *, axis: Any = None, dtype: Any = None, include_initial: bool = False) -> TracedArray:
    return _cumulative(cumprod, x, axis, dtype, include_initial, 1)


def _cumulative(function: Any, x: Any, axis: Any, dtype: Any, include_initial: bool, first: int) -> TracedArray:
    x = as_traced(x)
    if axis is None:
        if x.ndim != 1:
            raise ShapeError(f"an array of dimension {x.ndim} needs axis=, at {user_location(2)}")
        axis = 0
    result: TracedArray = function(x, axis, dtype)
    if not include_initial:
        return result
    number = axis_of(axis, x.ndim)
    shape = tuple(1 if each == number else size for each, size in enumerate(result.shape))
    return emit("concatenate", full(first, shape, result.dtype), result, axis=number)


def scan_by_doubling(x: TracedArray, axis: int, name: str, identity: Any) -> TracedArray:
    """Running combination along ``axis`` by an associative operation (Hillis and Steele, 1986)."""
    size, shift = x.shape[axis], 1
    while shift < size:
        start = [0] * x.ndim
        sizes = tuple(size - shift if each == axis else length for each, length in enumerate(x.shape))
        earlier = emit("slice", x, starts=tuple(start), sizes=sizes, steps=(1,) * x.ndim)
        shape = tuple(shift if each == axis else length for each, length in enumerate(x.shape))
        x = emit(name, x, emit("concatenate", full(identity, shape, x.dtype), earlier, axis=axis))
        shift *= 2
    return x


# --- methods of ufuncs ---------------------------------------------------------------------------

_REDUCTIONS: dict[np.ufunc, Any] = {
    np.add: sum,
    np.multiply: prod,
    np.maximum: max,
    np.minimum: min,
    np.logical_and: all,
    np.logical_or: any,
}


def _running_extremum(name: str) -> Any:
    def running(a: Any, axis: Any, dtype: Any) -> TracedArray:
        x, number = _flat(a, axis)
        x = x if dtype is None else cast(x, dtype)
        return scan_by_doubling(x, number, name, lowest(x.dtype, name == "minimum"))

    return running


_ACCUMULATIONS: dict[np.ufunc, Any] = {
    np.add: cumsum,
    np.multiply: cumprod,
    np.maximum: _running_extremum("maximum"),
    np.minimum: _running_extremum("minimum"),
}


def _reduce(ufunc: np.ufunc, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None, **kwargs: Any) -> Any:
    function = _REDUCTIONS.get(ufunc)
    if function is None:
        raise TraceError(
            f"np.{ufunc.__name__}.reduce is not traced, at {user_location(2)}; reduce with np.add or the like"
        )
    no_out(f"np.{ufunc.__name__}.reduce", out if not isinstance(out, tuple) else out[0])
    if dtype is not None:
        kwargs["dtype"] = dtype
    return function(x, axis, **kwargs)


#: Ufuncs that may be applied in any order, which segments are reduced with.
_ASSOCIATIVE = frozenset(
    {
        *(np.add, np.multiply, np.maximum, np.minimum, np.fmax, np.fmin, np.logaddexp, np.logaddexp2, np.hypot),
        *(np.logical_and, np.logical_or, np.logical_xor, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.gcd, np.lcm),
    }
)


def _reduceat(ufunc: np.ufunc, x: Any, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
    """Each segment's elements one behind the other, reduced by doubling: what starts at an element and is 2**k long,
    or ends with its segment, is made of two that are half as long. Where segments start is decided with the numbers of
    this call."""
    name = f"np.{ufunc.__name__}.reduceat"
    if ufunc not in _ASSOCIATIVE:
        raise TraceError(f"{name} is not traced, at {user_location(2)}; reduce with np.add or the like")
    no_out(name, out if not isinstance(out, tuple) else out[0])
    x = as_traced(x)
    number = axis_of(axis, x.ndim)
    starts = np.asarray(known_values(indices) if has_traced(indices) else indices).astype(int)
    size = x.shape[number]
    if starts.ndim != 1 or np.any((starts < 0) | (starts >= size)):
        raise ShapeError(
            f"{name} of {size} elements at {starts.tolist()}, at {user_location(2)}; it takes a vector of "
            f"numbers from 0 to {size - 1}"
        )
    lengths = np.maximum(np.append(starts[1:], size) - starts, 1)
    first = np.cumsum(lengths) - lengths
    ends = np.repeat(first + lengths, lengths)
    places = np.arange(lengths.sum())
    rows = take_rows(x, np.repeat(starts - first, lengths) + places, number)
    if dtype is not None or ufunc in (np.add, np.multiply):
        rows = cast(rows, sum_dtype(rows, dtype))
    step = 1
    while step < np.max(lengths, initial=1):
        whole = places + step < ends
        later = apply(ufunc, rows, take_rows(rows, np.where(whole, places + step, places), number))
        mask = captured(whole.reshape((-1,) + (1,) * (x.ndim - 1 - number)))
        rows = select(mask, later, cast(rows, later.dtype))
        step *= 2
    return take_rows(rows, first, number)


def _accumulate(ufunc: np.ufunc, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
    function = _ACCUMULATIONS.get(ufunc)
    if function is None:
        raise TraceError(
            f"np.{ufunc.__name__}.accumulate is not traced, at {user_location(2)}; use np.cumsum or np.cumprod"
        )
    no_out(f"np.{ufunc.__name__}.accumulate", out if not isinstance(out, tuple) else out[0])
    return function(x, axis, dtype)


def _outer(ufunc: np.ufunc, x: Any, y: Any) -> Any:
    x, y = as_traced(x), as_traced(y)
    for _ in range(y.ndim):
        x = expand(x, x.ndim)
    return apply(ufunc, x, y)


def _at(ufunc: np.ufunc, x: Any, index: Any, values: Any = None) -> None:
    """``np.add.at(x, index, values)``: repeated positions accumulate."""
    name = f"np.{ufunc.__name__}.at"
    if not isinstance(x, TracedArray):
        raise TraceError(
            f"{name} writes traced values to a plain array, at {user_location(2)}; make it with mixad.numpy.zeros"
        )
    if ufunc not in (np.add, np.subtract):
        update(x, reshape(_at_in_turn(name, ufunc, x, index, values), x.shape))
        return
    counted = reshape(iota((x.size,), 0), x.shape)
    positions = read(counted, index)
    updates = spread(cast(as_traced(values), x.dtype), positions.shape)
    if ufunc is np.subtract:
        updates = emit("neg", updates)
    flat = (positions.size,)
    total = emit("scatter_add", reshape(x, (x.size,)), reshape(updates, flat), reshape(positions, flat), axes=(0,))
    update(x, reshape(total, x.shape))


def _at_in_turn(name: str, ufunc: np.ufunc, x: TracedArray, index: Any, values: Any) -> TracedArray:
    """The elements after a ufunc at known positions: those that come a first time, then a second time, ..."""
    if has_traced(index):
        raise TraceError(
            f"{name} at traced positions is traced for np.add and np.subtract alone, at {user_location(3)}; give plain "
            "integers"
        )
    shape = np.arange(x.size).reshape(x.shape)[index].shape
    positions = np.arange(x.size).reshape(x.shape)[index].reshape(-1)
    order = np.argsort(positions, kind="stable")
    starts = np.flatnonzero(np.diff(positions[order], prepend=-1))
    turns = np.empty(positions.size, int)
    turns[order] = np.arange(positions.size) - np.repeat(starts, np.diff(np.append(starts, positions.size)))
    given = None if values is None else reshape(spread(as_traced(values), shape), (positions.size,))
    flat = reshape(x, (x.size,))
    for turn in range(int(np.max(turns, initial=-1)) + 1):
        chosen = np.flatnonzero(turns == turn)
        at = captured(positions[chosen])
        others = () if given is None else (take_rows(given, chosen, 0),)
        found = apply(ufunc, emit("gather", flat, at, axes=(0,)), *others)
        flat = put(flat, at, cast(found, x.dtype))
    return flat


METHODS.update(reduce=_reduce, reduceat=_reduceat, accumulate=_accumulate, outer=_outer, at=_at)
