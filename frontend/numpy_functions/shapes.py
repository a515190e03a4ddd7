"""Functions that rearrange one array: reshaping, permuting, repeating, flipping, padding."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Value, user_location
from ...ir.errors import ShapeError
from ..array import TracedArray
from ..functions import implements
from ..indexing import known_values, read, take_rows
from ..operands import (
    as_traced,
    axes_of,
    axis_of,
    captured,
    emit,
    full,
    has_traced,
    part,
    permute,
    shape_argument,
    spread,
)
from ..operands import reshape as reshape_to
from ..tracing import Trace
from ..views import as_view

_IN_C_ORDER = ("C", "A", "K")


def reshaped_view(x: TracedArray, shape: tuple[int, ...]) -> TracedArray:
    """``x`` with axes of size 1 added or taken away: always a view."""
    before = x.shape

    def read_again(trace: Trace, base: Value) -> Value:
        return trace.builder.reshape(base, shape=shape)

    def write_back(trace: Trace, base: Value, value: Value) -> Value:
        return trace.builder.reshape(value, shape=before)

    result = reshape_to(x, shape)
    return as_view(TracedArray(result._trace, result._value), x, read_again, write_back)


def permuted_view(x: TracedArray, permutation: Sequence[int]) -> TracedArray:
    """``x`` with its axes in another order: a view."""
    permutation = tuple(permutation)
    inverse = tuple(sorted(range(len(permutation)), key=permutation.__getitem__))

    def read_again(trace: Trace, base: Value) -> Value:
        return trace.builder.transpose(base, permutation=permutation)

    def write_back(trace: Trace, base: Value, value: Value) -> Value:
        return trace.builder.transpose(value, permutation=inverse)

    result = permute(x, permutation)
    return as_view(TracedArray(result._trace, result._value), x, read_again, write_back)


def _full_shape(x: TracedArray, shape: Any) -> tuple[int, ...]:
    """A shape with -1 filled in; `ShapeError` where the elements do not fill it."""
    wanted = shape_argument(shape)
    unknown = [position for position, size in enumerate(wanted) if size < 0]
    if len(unknown) > 1 or any(wanted[position] != -1 for position in unknown):
        raise ShapeError(f"a shape has one -1 at most, not {wanted}, at {user_location(2)}")
    if unknown:
        others = math.prod(size for size in wanted if size >= 0)
        if others and x.size % others == 0:
            wanted = tuple(x.size // others if size < 0 else size for size in wanted)
    if any(size < 0 for size in wanted) or math.prod(wanted) != x.size:
        raise ShapeError(
            f"an array of shape {x.shape}, {x.size} elements, does not reshape to {wanted}, at {user_location(2)}"
        )
    return wanted


@implements(np.reshape)
def reshape(a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> TracedArray:
    x = as_traced(a)
    wanted = _full_shape(x, shape)
    if order == "F":
        result = permute(reshape_to(permute(x, range(x.ndim)[::-1]), wanted[::-1]), range(len(wanted))[::-1])
    elif order in _IN_C_ORDER:
        result = reshape_to(x, wanted)
    else:
        raise ShapeError(f"order is {order!r}, at {user_location(2)}; it is 'C', 'F' or 'A'")
    result = TracedArray(result._trace, result._value)
    return result if copy else as_view(result, x, None, None)


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> TracedArray:
    return reshape(a, (-1,), order="F" if order == "F" else "C")


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> TracedArray:
    x = as_traced(a)
    if axes is None:
        return permuted_view(x, range(x.ndim)[::-1])
    order = [axis_of(axis, x.ndim) for axis in axes]
    if sorted(order) != list(range(x.ndim)):
        raise ShapeError(f"axes {tuple(axes)} are not the {x.ndim} axes of shape {x.shape}, at {user_location(2)}")
    return permuted_view(x, order)


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> TracedArray:
    x = as_traced(x)
    if x.ndim < 2:
        raise ShapeError(
            f"an array of dimension {x.ndim} is no stack of matrices, at {user_location(2)}; it needs 2 or more"
        )
    return permuted_view(x, [*range(x.ndim - 2), x.ndim - 1, x.ndim - 2])


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> TracedArray:
    x = as_traced(a)
    order = list(range(x.ndim))
    first, second = axis_of(axis1, x.ndim, "axis1"), axis_of(axis2, x.ndim, "axis2")
    order[first], order[second] = second, first
    return permuted_view(x, order)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> TracedArray:
    x = as_traced(a)
    sources = [axis_of(axis, x.ndim, "source") for axis in shape_argument(source)]
    targets = [axis_of(axis, x.ndim, "destination") for axis in shape_argument(destination)]
    if len(sources) != len(targets) or len(set(sources)) != len(sources) or len(set(targets)) != len(targets):
        raise ShapeError(
            f"moveaxis from {source} to {destination}, at {user_location(2)}; give as many distinct axes for both"
        )
    order = [axis for axis in range(x.ndim) if axis not in sources]
    for target, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(target, axis)
    return permuted_view(x, order)


@implements(np.rollaxis)
def rollaxis(a: Any, axis: Any, start: int = 0) -> TracedArray:
    x = as_traced(a)
    number = axis_of(axis, x.ndim)
    start = start + x.ndim if start < 0 else start
    if not 0 <= start <= x.ndim:
        raise ShapeError(f"start {start} is not within 0 and {x.ndim}, at {user_location(2)}")
    order = [each for each in range(x.ndim) if each != number]
    order.insert(start - (start > number), number)
    return permuted_view(x, order)


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> TracedArray:
    x = as_traced(a)
    if axis is None:
        axes = tuple(number for number, size in enumerate(x.shape) if size == 1)
    else:
        axes = axes_of(axis, x.ndim)
        for number in axes:
            if x.shape[number] != 1:
                raise ShapeError(
                    f"axis {number} of shape {x.shape} has size {x.shape[number]}, not 1, at {user_location(2)}"
                )
    return reshaped_view(x, tuple(size for number, size in enumerate(x.shape) if number not in axes))


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> TracedArray:
    x = as_traced(a)
    chosen = axis if isinstance(axis, tuple | list) else (axis,)
    axes = axes_of(tuple(chosen), x.ndim + len(chosen))
    sizes = iter(x.shape)
    return reshaped_view(x, tuple(1 if number in axes else next(sizes) for number in range(x.ndim + len(chosen))))


def _at_least(name: Any, rank: int, shape_of: Any) -> None:
    @implements(name)
    def at_least(*arys: Any) -> Any:
        found = []
        for each in arys:
            x = as_traced(each)
            found.append(x if x.ndim >= rank else reshaped_view(x, shape_of(x.shape)))
        return found[0] if len(found) == 1 else tuple(found)


_at_least(np.atleast_1d, 1, lambda shape: (1,))
_at_least(np.atleast_2d, 2, lambda shape: (1, *shape) if shape else (1, 1))
_at_least(np.atleast_3d, 3, lambda shape: {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}[len(shape)])


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> TracedArray:
    x = as_traced(array)
    wanted = shape_argument(shape)

    def read_again(trace: Trace, base: Value) -> Value:
        return spread(TracedArray(trace, base), wanted)._value

    result = spread(x, wanted)
    return as_view(TracedArray(result._trace, result._value), x, read_again, None)


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[TracedArray, ...]:
    arrays = [as_traced(each) for each in args]
    try:
        shape = np.broadcast_shapes(*[x.shape for x in arrays])
    except ValueError:
        shown = " and ".join(str(x.shape) for x in arrays)
        raise ShapeError(f"shapes {shown} do not broadcast together, at {user_location(2)}") from None
    return tuple(broadcast_to(x, shape) for x in arrays)


# --- repeating and moving ------------------------------------------------------------------------


@implements(np.tile)
def tile(A: Any, reps: Any) -> TracedArray:  # noqa: N803
    x = as_traced(A)
    counts = shape_argument(reps)
    rank = max(x.ndim, len(counts))
    counts = (1,) * (rank - len(counts)) + counts
    shape = (1,) * (rank - x.ndim) + x.shape
    pairs = [each for size in shape for each in (1, size)]
    wide = [each for count, size in zip(counts, shape, strict=True) for each in (count, size)]
    repeated = spread(reshape_to(x, tuple(pairs)), tuple(wide))
    return reshape_to(repeated, tuple(count * size for count, size in zip(counts, shape, strict=True)))


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> TracedArray:
    x = as_traced(a)
    if axis is None:
        x, number = reshape_to(x, (x.size,)), 0
    else:
        number = axis_of(axis, x.ndim)
    counts = known_values(repeats) if has_traced(repeats) else np.asarray(repeats)
    size = x.shape[number]
    if counts.ndim and counts.shape not in ((1,), (size,)):
        raise ShapeError(f"{counts.size} repeats for {size} elements, at {user_location(2)}; give 1 or {size}")
    if counts.size and counts.min() < 0:
        raise ShapeError(f"repeats are {int(counts.min())}, at {user_location(2)}; they may not be negative")
    if counts.size == 1:
        count = int(counts.reshape(()))
        shape = x.shape
        wide = spread(
            reshape_to(x, (*shape[: number + 1], 1, *shape[number + 1 :])),
            (*shape[: number + 1], count, *shape[number + 1 :]),
        )
        return reshape_to(wide, (*shape[:number], size * count, *shape[number + 1 :]))
    return take_rows(x, np.repeat(np.arange(size), counts), number)


def _shifted(x: TracedArray, shift: int, axis: int) -> TracedArray:
    size = x.shape[axis]
    shift = shift % size if size else 0
    if not shift:
        return x
    return emit("concatenate", part(x, axis, size - shift, size), part(x, axis, 0, size - shift), axis=axis)


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> TracedArray:
    x = as_traced(a)
    if axis is None:
        total = sum(shape_argument(shift))
        return reshape_to(_shifted(reshape_to(x, (x.size,)), total, 0), x.shape)
    shifts, axes = np.broadcast_arrays(np.asarray(shift), np.asarray(axis))
    for each, number in zip(shifts.reshape(-1).tolist(), axes.reshape(-1).tolist(), strict=True):
        x = _shifted(x, operator.index(each), axis_of(number, x.ndim))
    return TracedArray(x._trace, x._value)


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> TracedArray:
    x = as_traced(m)
    axes = axes_of(axis, x.ndim)
    return read(x, tuple(slice(None, None, -1) if number in axes else slice(None) for number in range(x.ndim)))


@implements(np.fliplr)
def fliplr(m: Any) -> TracedArray:
    return flip(_of_rank(m, 2), 1)


@implements(np.flipud)
def flipud(m: Any) -> TracedArray:
    return flip(_of_rank(m, 1), 0)


def _of_rank(m: Any, rank: int) -> TracedArray:
    x = as_traced(m)
    if x.ndim < rank:
        raise ShapeError(f"an array of dimension {x.ndim} is given, at {user_location(3)}; it must be {rank} or more")
    return x


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> TracedArray:
    x = _of_rank(m, 2)
    first, second = (axis_of(axis, x.ndim) for axis in axes)
    if first == second:
        raise ShapeError(f"axes {tuple(axes)} are the same axis, at {user_location(2)}; give two")
    k %= 4
    if k == 0:
        return read(x, ...)
    if k == 2:
        return flip(x, (first, second))
    if k == 1:
        return swapaxes(flip(x, second), first, second)
    return flip(swapaxes(x, first, second), second)


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> TracedArray:
    """The elements in C order, again and again."""
    x = as_traced(a)
    shape = shape_argument(new_shape)
    size = math.prod(shape)
    if not x.size or not size:
        return full(0, shape, x.dtype)
    flat = reshape_to(x, (x.size,))
    return reshape_to(take_rows(flat, [each % x.size for each in range(size)], 0), shape)


@implements(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> TracedArray:
    """A copy, where NumPy gives a view."""
    found = as_traced(x)
    windows = shape_argument(window_shape)
    axes = [axis_of(each, found.ndim) for each in (range(found.ndim) if axis is None else shape_argument(axis))]
    if len(axes) != len(windows):
        raise ShapeError(f"{len(windows)} windows along {len(axes)} axes, at {user_location(2)}; give one for each")
    for number, size in zip(axes, windows, strict=True):
        count = found.shape[number] - size + 1
        if size < 0 or count < 1:
            raise ShapeError(f"a window of {size} along {found.shape[number]} elements, at {user_location(2)}")
        places = captured(np.arange(count)[:, None] + np.arange(size))
        parts = emit("gather", found, places, axes=(number,))
        found = permute(parts, (*range(2, number + 2), 0, *range(number + 2, parts.ndim), 1))
    return found
