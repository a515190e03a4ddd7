"""Functions that choose elements: by condition, by index, by position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ...ir import Value, user_location
from ...ir.errors import ShapeError, TraceError
from ..array import TracedArray
from ..functions import implements
from ..indexing import known_values, put, read, take_rows
from ..lifting import promote
from ..operands import (
    INT64,
    as_traced,
    axis_of,
    cast,
    emit,
    full,
    full_like,
    iota,
    no_out,
    operand,
    reshape,
    select,
    spread,
    truth,
)
from ..tracing import Trace
from ..ufuncs import apply
from ..views import as_view, update
from . import reductions
from .joining import stack
from .shapes import ravel

_MISSING: Any = object()


@implements(np.where)
def where(condition: Any, x: Any = _MISSING, y: Any = _MISSING, /) -> Any:
    if x is _MISSING or y is _MISSING:
        if x is not y:
            raise ShapeError(f"np.where takes a condition alone, or with both x and y, at {user_location(2)}")
        return nonzero(condition)
    x, y = operand(x), operand(y)
    dtype = promote(x, y)
    return select(truth(as_traced(condition)), cast(as_traced(x), dtype), cast(as_traced(y), dtype))


@implements(np.nonzero)
def nonzero(a: Any) -> tuple[TracedArray, ...]:
    mask = truth(as_traced(a))
    if not mask.ndim:
        raise ShapeError(f"np.nonzero of a 0-d array, at {user_location(2)}; use np.atleast_1d")
    return tuple(as_traced(each) for each in np.nonzero(known_values(mask)))


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> TracedArray:
    return nonzero(ravel(as_traced(a)))[0]


@implements(np.argwhere)
def argwhere(a: Any) -> TracedArray:
    return stack(nonzero(a), axis=-1)


@implements(np.select)
def select_cases(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> TracedArray:
    if len(condlist) != len(choicelist) or not condlist:
        raise ShapeError(
            f"np.select of {len(condlist)} conditions and {len(choicelist)} choices, at {user_location(2)}"
        )
    choices = [operand(each) for each in choicelist]
    dtype = promote(*choices, operand(default))
    result = cast(as_traced(default), dtype)
    for condition, choice in list(zip(condlist, choices, strict=True))[::-1]:
        result = select(truth(as_traced(condition)), cast(as_traced(choice), dtype), result)
    return result


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> TracedArray:
    """Each function is applied to the whole of ``x``, and its elements chosen where its condition is the last to
    hold."""
    x = as_traced(x)
    single = isinstance(condlist, TracedArray | np.ndarray) and condlist.ndim == 1
    conditions = [truth(as_traced(each)) for each in ([condlist] if single else condlist)]
    if len(funclist) not in (len(conditions), len(conditions) + 1):
        raise ShapeError(
            f"np.piecewise of {len(conditions)} conditions and {len(funclist)} functions, at {user_location(2)}"
        )
    values = [each(x, *args, **kw) if callable(each) else each for each in funclist]
    result = spread(cast(as_traced(values[-1]), x.dtype), x.shape) if len(values) > len(conditions) else full_like(x, 0)
    for condition, value in zip(conditions, values, strict=False):
        result = select(condition, spread(cast(as_traced(value), x.dtype), x.shape), result)
    return result


@implements(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> TracedArray:
    no_out("np.choose", out)
    arrays = [as_traced(each) for each in choices]
    dtype = promote(*arrays)
    index = bounded(cast(as_traced(a), INT64), len(arrays), mode)
    shape = np.broadcast_shapes(index.shape, *[each.shape for each in arrays])
    stacked = emit("concatenate", *[reshape(spread(cast(each, dtype), shape), (1, *shape)) for each in arrays], axis=0)
    where_ = [spread(index, shape), *[iota(shape, axis) for axis in range(len(shape))]]
    return emit("gather", stacked, *where_, axes=tuple(range(len(shape) + 1)))


def bounded(index: TracedArray, size: int, mode: str) -> TracedArray:
    """Indices by NumPy's ``mode``: clip, wrap, or left to fail."""
    if mode == "clip":
        low = emit("maximum", index, full_like(index, 0))
        return emit("minimum", low, full_like(index, size - 1))
    if mode == "wrap":
        return emit("remainder", index, full_like(index, size))
    return index


@implements(np.clip)
def clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None, **kwargs: Any
) -> Any:
    no_out("np.clip", out)
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    x = operand(a)
    if low is not None:
        x = apply(np.maximum, x, low)
    if high is not None:
        x = apply(np.minimum, x, high)
    x = as_traced(x)
    dtype = kwargs.get("dtype")
    return cast(x, dtype) if dtype is not None else TracedArray(x._trace, x._value)


@implements(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> TracedArray:
    x = as_traced(x)
    if x.dtype.kind in "biu":
        return TracedArray(x._trace, x._value)
    if x.dtype.kind == "c":
        parts = [nan_to_num(emit(name, x), True, nan, posinf, neginf) for name in ("real", "imag")]
        return emit("complex", *parts) if copy else update(x, emit("complex", *parts))
    limits = ml_dtypes.finfo(x.dtype)  # type: ignore[no-untyped-call]
    result = x
    for test, number in (
        (apply(np.isnan, x), nan),
        (apply(np.equal, x, np.inf), limits.max if posinf is None else posinf),
        (apply(np.equal, x, -np.inf), limits.min if neginf is None else neginf),
    ):
        result = select(test, spread(cast(as_traced(number), x.dtype), x.shape), result)
    return result if copy else update(x, result)


# --- by position ---------------------------------------------------------------------------------


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> TracedArray:
    no_out("np.take", out)
    x = as_traced(a)
    if axis is None:
        x, number = reshape(x, (x.size,)), 0
    else:
        number = axis_of(axis, x.ndim)
    index = operand(indices)
    if mode != "raise":
        index = bounded(cast(as_traced(index), INT64), x.shape[number], mode)
    elif not isinstance(index, TracedArray):
        array = np.asarray(index)
        index = array.astype(INT64) if not array.size else array
    result = read(x, (*(slice(None),) * number, index))
    return TracedArray(result._trace, result._value)


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> TracedArray:
    x, index = as_traced(arr), as_traced(indices)
    if axis is None:
        x, number = reshape(x, (x.size,)), 0
    else:
        number = axis_of(axis, x.ndim)
    if index.ndim != x.ndim:
        raise ShapeError(
            f"indices of dimension {index.ndim} for an array of dimension {x.ndim}, at {user_location(2)}; they "
            "must be equal"
        )
    shape = list(
        np.broadcast_shapes(
            *[tuple(1 if axis_ == number else size for axis_, size in enumerate(each.shape)) for each in (x, index)]
        )
    )
    shape[number] = index.shape[number]
    size = tuple(shape)
    sizes = tuple(x.shape[number] if each == number else length for each, length in enumerate(size))
    rows = [spread(index, size) if each == number else iota(size, each) for each in range(x.ndim)]
    return emit("gather", spread(x, sizes), *rows, axes=tuple(range(x.ndim)))


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    if not isinstance(arr, TracedArray):
        raise TraceError(
            f"np.put_along_axis writes traced values to a plain array, at {user_location(2)}; make it with "
            "mixad.numpy.zeros"
        )
    x, index = arr, as_traced(indices)
    number = axis_of(axis, x.ndim)
    counted = reshape(iota((x.size,), 0), x.shape)
    positions = take_along_axis(counted, index, number)
    update(x, put(x, positions, spread(cast(as_traced(values), x.dtype), positions.shape)))


@implements(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> TracedArray:
    no_out("np.compress", out)
    x = as_traced(a)
    if axis is None:
        x, number = reshape(x, (x.size,)), 0
    else:
        number = axis_of(axis, x.ndim)
    mask = truth(as_traced(condition))
    return take_rows(x, np.flatnonzero(known_values(mask)), number)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> TracedArray:
    return compress(ravel(as_traced(condition)), ravel(as_traced(arr)))


# --- triangles and diagonals ---------------------------------------------------------------------


def _triangle(m: Any, k: int, lower: bool) -> TracedArray:
    x = as_traced(m)
    if x.ndim == 1:
        x = spread(x, (x.size, x.size))
    if not x.ndim:
        raise ShapeError(f"a triangle of a 0-d array, at {user_location(3)}; it needs 1 dimension or more")
    shape = x.shape[-2:]
    row, column = iota(shape, 0), iota(shape, 1)
    inside = emit(
        "compare", column, emit("add", row, full(int(k) if lower else int(k) - 1, shape, INT64)), direction="le"
    )
    zero = full_like(x, 0)
    return select(inside, x, zero) if lower else select(inside, zero, x)


@implements(np.tril)
def tril(m: Any, k: int = 0) -> TracedArray:
    return _triangle(m, k, True)


@implements(np.triu)
def triu(m: Any, k: int = 0) -> TracedArray:
    return _triangle(m, k, False)


@implements(np.diagonal)
def diagonal(a: Any, /, offset: int = 0, axis1: Any = 0, axis2: Any = 1) -> TracedArray:
    from .products import diagonal_of

    x = as_traced(a)
    first, second = axis_of(axis1, x.ndim, "axis1"), axis_of(axis2, x.ndim, "axis2")
    if first == second:
        raise ShapeError(f"axis1 and axis2 are both {first}, at {user_location(2)}; give two axes")

    def read_again(trace: Trace, base: Value) -> Value:
        return diagonal_of(TracedArray(trace, base), int(offset), first, second)._value

    result = diagonal_of(x, int(offset), first, second)
    return as_view(TracedArray(result._trace, result._value), x, read_again, None)  # NumPy's is read-only


@implements(np.linalg.diagonal)
def matrix_diagonal(x: Any, /, *, offset: int = 0) -> TracedArray:
    return diagonal(x, offset, -2, -1)


@implements(np.diag)
def diag(v: Any, k: int = 0) -> TracedArray:
    x = as_traced(v)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ShapeError(f"np.diag of an array of dimension {x.ndim}, at {user_location(2)}; it takes 1 or 2")
    size = x.size + abs(k)
    # Padding each element with a row and one more puts them on the diagonal of the flat matrix.
    step = size + 1
    first = k if k >= 0 else -k * size
    last = first + max(x.size - 1, 0) * step
    if not x.size:
        return full(0, (size, size), x.dtype)
    if x.dtype.kind == "b":
        return cast(diag(cast(x, np.int8), k), bool)
    flat = emit("pad", x, low=(first,), high=(size * size - 1 - last,), interior=(step - 1,))
    return reshape(flat, (size, size))


@implements(np.diagflat)
def diagflat(v: Any, k: int = 0) -> TracedArray:
    return diag(ravel(as_traced(v)), k)


@implements(np.trace)
def trace(a: Any, offset: int = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None) -> TracedArray:
    no_out("np.trace", out)
    return reductions.sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@implements(np.linalg.trace)
def matrix_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> TracedArray:
    return trace(x, offset, -2, -1, dtype)
