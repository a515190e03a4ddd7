"""`numpy.pad`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import DTypeError, ShapeError, TraceError
from ..array import TracedArray
from ..functions import implements
from ..indexing import read, take_rows
from ..operands import as_traced, axis_of, cast, emit, part, spread
from .shapes import moveaxis

#: Modes that repeat elements: NumPy pads the positions in the same way.
_REPEATED = ("edge", "reflect", "symmetric", "wrap")
#: Modes that pad with a statistic of the elements next to an end.
_STATISTICS: dict[str, Callable[..., Any]] = {
    "maximum": np.max,
    "minimum": np.min,
    "mean": np.mean,
    "median": np.median,
}
_KEYWORDS = {
    "constant": "constant_values",
    "linear_ramp": "end_values",
    **dict.fromkeys(_STATISTICS, "stat_length"),
    **dict.fromkeys(("reflect", "symmetric"), "reflect_type"),
}


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> TracedArray:
    x = as_traced(array)
    widths = _widths(pad_width, x.ndim)
    if callable(mode):
        return _by_function(x, widths, mode, kwargs)
    if mode not in (*_REPEATED, *_KEYWORDS, "empty"):
        raise TraceError(
            f"np.pad with mode={mode!r:.40} is not traced, at {user_location(2)}; it is constant, linear_ramp, empty, "
            f"{', '.join((*_REPEATED, *_STATISTICS))} or a function"
        )
    option = kwargs.pop(_KEYWORDS.get(mode, ""), None)
    if kwargs:
        raise TraceError(f"np.pad with mode={mode!r} takes no {min(kwargs)}=, at {user_location(2)}; leave it out")
    if mode in ("constant", "empty"):
        return _constant(x, widths, 0 if option is None else option)
    if mode in _REPEATED:
        return _repeated(x, widths, mode, option == "odd")
    if x.dtype.kind in "biu" and mode in ("mean", "median", "linear_ramp"):
        raise DTypeError(f"np.pad of {x.dtype} with mode={mode!r} rounds, at {user_location(2)}; use .astype(float)")
    if mode == "linear_ramp":
        return _ramps(x, widths, 0 if option is None else option)
    return _statistics(x, widths, _STATISTICS[mode], option)


def _widths(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, dict):
        widths = [(0, 0)] * rank
        for axis, width in pad_width.items():
            low, high = (width, width) if isinstance(width, int) else width
            widths[axis_of(axis, rank)] = (int(low), int(high))
    else:
        array = np.asarray(pad_width)
        if array.dtype.kind not in "iu":
            raise TraceError(f"pad_width is of type {array.dtype}, at {user_location(3)}; it must be integers")
        widths = [(int(low), int(high)) for low, high in np.broadcast_to(array, (rank, 2))]
    if any(low < 0 or high < 0 for low, high in widths):
        raise ShapeError(f"pad_width is {widths}, at {user_location(3)}; no width may be negative")
    return widths


def _constant(x: TracedArray, widths: list[tuple[int, int]], values: Any) -> TracedArray:
    low, high = tuple(a for a, _ in widths), tuple(z for _, z in widths)
    numbers = values if isinstance(values, TracedArray) else np.asarray(values)
    are_zeros = isinstance(numbers, np.ndarray) and numbers.dtype != object and not numbers.any()
    if are_zeros and x.dtype.kind != "b":
        return emit("pad", x, low=low, high=high, interior=(0,) * x.ndim)
    given = spread(as_traced(values), (x.ndim, 2))
    for axis, sizes in enumerate(widths):
        ends = [spread(_end(given, x, axis, side), _resized(x, axis, sizes[side])) for side in (0, 1)]
        x = emit("concatenate", ends[0], x, ends[1], axis=axis)
    return x


def _by_function(
    x: TracedArray, widths: list[tuple[int, int]], function: Callable[..., Any], kwargs: dict[str, Any]
) -> TracedArray:
    """Zeros around ``x``, which ``function`` overwrites along each axis in turn: it is given each vector in place."""
    padded = _constant(x, widths, 0)
    for axis, width in enumerate(widths):
        lines: Any = moveaxis(padded, axis, -1)
        for place in np.ndindex(lines.shape[:-1]):
            function(lines[place], width, axis, kwargs)
    return padded


def _end(given: TracedArray, x: TracedArray, axis: int, side: int) -> TracedArray:
    return cast(read(given, (axis, side)), x.dtype)


def _resized(x: TracedArray, axis: int, size: int) -> tuple[int, ...]:
    return (*x.shape[:axis], size, *x.shape[axis + 1 :])


def _repeated(x: TracedArray, widths: list[tuple[int, int]], mode: Any, odd: bool) -> TracedArray:
    for axis, width in enumerate(widths):
        if any(width):
            if odd:
                x = _odd(x, width, mode, axis)
            else:
                x = take_rows(x, np.pad(np.arange(x.shape[axis]), width, mode=mode), axis)
    return x


def _odd(x: TracedArray, width: tuple[int, int], mode: Any, axis: int) -> TracedArray:
    """Reflected through the ends: twice an end less an element. NumPy says of which elements each one is a sum, and how
    often, when it pads the rows of an identity."""
    factors = np.pad(np.eye(x.shape[axis]), (width, (0, 0)), mode=mode, reflect_type="odd")
    terms = int(np.max(np.count_nonzero(factors, axis=1)))
    positions = np.argsort(factors == 0, axis=1, kind="stable")[:, :terms]
    factors = np.take_along_axis(factors, positions, 1)
    # Where there are fewer terms, zero times one of them: no other element's NaN gets in.
    positions = np.where(factors == 0, positions[:, :1], positions)
    total: Any = 0
    for term in range(terms):
        column = factors[:, term].astype(x.dtype).reshape((-1,) + (1,) * (x.ndim - 1 - axis))
        total = take_rows(x, positions[:, term], axis) * column + total
    return total  # type: ignore[no-any-return]


def _ramps(x: TracedArray, widths: list[tuple[int, int]], ends: Any) -> TracedArray:
    """Straight lines from an end value to the array's edge."""
    given = spread(as_traced(ends), (x.ndim, 2))
    for axis, (low, high) in enumerate(widths):
        parts: list[TracedArray] = [x]
        for side, size in ((0, low), (1, high)):
            if size:
                ramp = _ramp(x, axis, side, size, _end(given, x, axis, side))
                parts.insert(0 if side == 0 else len(parts), ramp)
        x = emit("concatenate", *parts, axis=axis)
    return x


def _ramp(x: TracedArray, axis: int, side: int, size: int, end: Any) -> TracedArray:
    edge: Any = part(x, axis, 0, 1) if side == 0 else part(x, axis, x.shape[axis] - 1, x.shape[axis])
    share = np.arange(size) if side == 0 else np.arange(size)[::-1]
    return (edge - end) / size * share.astype(x.dtype).reshape((-1,) + (1,) * (x.ndim - 1 - axis)) + end  # type: ignore[no-any-return]


def _statistics(
    x: TracedArray, widths: list[tuple[int, int]], statistic: Callable[..., Any], lengths: Any
) -> TracedArray:
    for axis, (low, high) in enumerate(widths):
        size = x.shape[axis]
        asked = [size, size] if lengths is None else [int(each) for each in np.broadcast_to(lengths, (x.ndim, 2))[axis]]
        first, last = (min(each, size) for each in asked)
        parts = [
            spread(statistic(part(x, axis, 0, first), axis=axis, keepdims=True), _resized(x, axis, low)),
            x,
            spread(statistic(part(x, axis, size - last, size), axis=axis, keepdims=True), _resized(x, axis, high)),
        ]
        x = emit("concatenate", *parts, axis=axis)
    return x
