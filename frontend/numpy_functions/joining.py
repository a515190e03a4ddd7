"""Functions that join arrays, and take them apart."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import DTypeError, ShapeError
from ..array import TracedArray
from ..functions import implements
from ..indexing import read, take_rows
from ..lifting import promote
from ..operands import as_array, as_traced, axis_of, cast, emit, expand, no_out, part, permute, reshape, spread
from ..ufuncs import apply
from .shapes import moveaxis, ravel


def _parts(arrays: Any, dtype: Any = None) -> list[TracedArray]:
    """A sequence of arrays (or one array, along its first axis) in one element type."""
    if isinstance(arrays, TracedArray):
        arrays = list(arrays)
    found = [as_traced(each) for each in arrays]
    if not found:
        raise ShapeError(f"there are 0 arrays to join, at {user_location(3)}; give at least 1")
    common = promote(*found) if dtype is None else np.dtype(dtype)
    return [cast(each, common) for each in found]


@implements(np.concatenate)
def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> TracedArray:
    no_out("np.concatenate", out)
    parts = _parts(arrays, dtype)
    if axis is None:
        parts, number = [reshape(each, (each.size,)) for each in parts], 0
    else:
        if not parts[0].ndim:
            raise ShapeError(f"0-d arrays cannot be concatenated, at {user_location(2)}; use np.stack")
        number = axis_of(axis, parts[0].ndim)
    if len(parts) == 1:
        return TracedArray(parts[0]._trace, parts[0]._value)
    return emit("concatenate", *parts, axis=number)


@implements(np.stack)
def stack(arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> TracedArray:
    no_out("np.stack", out)
    parts = _parts(arrays, dtype)
    for each in parts:
        if each.shape != parts[0].shape:
            raise ShapeError(
                f"np.stack of shapes {parts[0].shape} and {each.shape}, at {user_location(2)}; they must be equal"
            )
    number = axis_of(axis, parts[0].ndim + 1)
    return concatenate([expand(each, number) for each in parts], number)


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> TracedArray:
    return concatenate([np.atleast_2d(each) for each in _parts(tup, dtype)], 0)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> TracedArray:
    parts = [np.atleast_1d(each) for each in _parts(tup, dtype)]
    return concatenate(parts, 0 if parts[0].ndim == 1 else 1)


@implements(np.dstack)
def dstack(tup: Any) -> TracedArray:
    return concatenate([np.atleast_3d(each) for each in _parts(tup)], 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> TracedArray:
    parts = [each if each.ndim > 1 else reshape(each, (each.size, 1)) for each in _parts(tup)]
    return concatenate(parts, 1)


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> TracedArray:
    return concatenate([as_array(arr), as_array(values)], axis)


@implements(np.block)
def block(arrays: Any) -> TracedArray:
    return _block(arrays, 0, _depth(arrays))


def _depth(arrays: Any) -> int:
    return 1 + _depth(arrays[0]) if isinstance(arrays, list) else 0


def _block(arrays: Any, level: int, depth: int) -> TracedArray:
    if not isinstance(arrays, list):
        x = as_traced(arrays)
        return reshape(x, (1,) * (depth - x.ndim) + x.shape)
    parts = [_block(each, level + 1, depth) for each in arrays]
    rank = max(each.ndim for each in parts)
    parts = [reshape(each, (1,) * (rank - each.ndim) + each.shape) for each in parts]
    return concatenate(parts, rank - depth + level)


# --- apart ---------------------------------------------------------------------------------------


def _cuts(x: TracedArray, sections: Any, axis: int, even: bool) -> list[tuple[int, int]]:
    size = x.shape[axis]
    if isinstance(sections, int | np.integer):
        count = int(sections)
        if count <= 0:
            raise ShapeError(f"an axis cannot be split into {count} parts, at {user_location(3)}")
        if even and size % count:
            raise ShapeError(
                f"axis {axis} of size {size} does not split into {count} equal parts, at {user_location(3)}; "
                "use array_split"
            )
        small, extra = divmod(size, count)
        ends = np.cumsum([0] + extra * [small + 1] + (count - extra) * [small]).tolist()
    else:
        ends = [0, *[int(each) for each in sections], size]
    return [slice(low, high).indices(size)[:2] for low, high in itertools.pairwise(ends)]


def _split(ary: Any, sections: Any, axis: Any, even: bool) -> list[TracedArray]:
    x = as_traced(ary)
    number = axis_of(axis, x.ndim)
    before = (slice(None),) * number
    return [read(x, (*before, slice(low, max(low, high)))) for low, high in _cuts(x, sections, number, even)]


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[TracedArray]:
    return _split(ary, indices_or_sections, axis, True)


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[TracedArray]:
    return _split(ary, indices_or_sections, axis, False)


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[TracedArray]:
    return _split(ary, indices_or_sections, 0, True)


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[TracedArray]:
    return _split(ary, indices_or_sections, 0 if as_traced(ary).ndim == 1 else 1, True)


@implements(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[TracedArray]:
    return _split(ary, indices_or_sections, 2, True)


@implements("unstack")
def unstack(x: Any, /, *, axis: Any = 0) -> tuple[TracedArray, ...]:
    x = as_traced(x)
    number = axis_of(axis, x.ndim)
    before = (slice(None),) * number
    return tuple(read(x, (*before, position)) for position in range(x.shape[number]))


# --- rows in and out -----------------------------------------------------------------------------


def _flat(arr: Any, axis: Any) -> tuple[TracedArray, int]:
    x = as_traced(arr)
    if axis is None:
        return reshape(x, (x.size,)), 0
    return x, axis_of(axis, x.ndim)


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> TracedArray:
    x, number = _flat(arr, axis)
    return take_rows(x, np.delete(np.arange(x.shape[number]), obj), number)


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> TracedArray:
    x, number = _flat(arr, axis)
    size = x.shape[number]
    # NumPy says where each position comes from: from x, or from a new row.
    marks = np.insert(np.arange(size), obj, -1)
    count = len(marks) - size
    new = cast(as_traced(values), x.dtype)
    single = not isinstance(obj, slice) and np.size(obj) == 1 and np.asarray(obj).dtype.kind != "b"
    if single:
        # A single position takes all the values along the axis, as NumPy does.
        new = reshape(new, (1,) * (x.ndim - new.ndim) + new.shape)
        new = new if np.ndim(obj) else moveaxis(new, 0, number)
        count = new.shape[number]
        marks = np.insert(np.arange(size), [int(np.asarray(obj).item())] * count, -1)
    new = spread(new, (*x.shape[:number], count, *x.shape[number + 1 :]))
    order = np.where(marks < 0, size + np.cumsum(marks < 0) - 1, marks)
    if np.ndim(obj) and not single:
        positions = np.arange(size + count)[marks < 0]
        given = np.argsort(np.where(np.asarray(obj) < 0, np.asarray(obj) + size, obj), kind="stable")
        order[positions] = size + given
    return take_rows(emit("concatenate", x, new, axis=number), order, number)


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> TracedArray:
    x = as_traced(ary)
    x = reshape(x, (x.size,))
    parts = [apply(np.subtract, part(x, 0, 1, x.size), part(x, 0, 0, max(x.size - 1, 0)))]
    if to_begin is not None:
        parts.insert(0, _end(to_begin, x.dtype))
    if to_end is not None:
        parts.append(_end(to_end, x.dtype))
    return concatenate(parts)


def _end(end: Any, dtype: np.dtype[Any]) -> TracedArray:
    x = as_array(end)
    if not np.can_cast(x.dtype, dtype, "same_kind"):
        raise DTypeError(f"np.ediff1d of {dtype} with ends of {x.dtype}, at {user_location(3)}; convert one")
    return cast(ravel(x), dtype)


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: Any = -1, prepend: Any = None, append: Any = None) -> TracedArray:
    x = as_traced(a)
    if n < 0:
        raise ShapeError(f"np.diff of order {n}, at {user_location(2)}; it may not be negative")
    number = axis_of(axis, x.ndim)
    around = []
    for each in (prepend, append):
        if each is None:
            continue
        edge = as_traced(each)
        around.append(edge if edge.ndim else spread(edge, (*x.shape[:number], 1, *x.shape[number + 1 :])))
    if prepend is not None:
        x = concatenate([around.pop(0), x], number)
    if append is not None:
        x = concatenate([x, around.pop()], number)
    subtract: np.ufunc = np.not_equal if x.dtype.kind == "b" else np.subtract
    for _ in range(n):
        size = x.shape[number]
        x = apply(subtract, part(x, number, min(1, size), size), part(x, number, 0, max(size - 1, 0)))
    return x


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> TracedArray:
    """The function is called once for each vector."""
    x = as_traced(arr)
    number = axis_of(axis, x.ndim)
    last = permute(x, (*(each for each in range(x.ndim) if each != number), number))
    vectors: Any = reshape(last, (x.size // max(x.shape[number], 1), x.shape[number]))
    found = stack([func1d(each, *args, **kwargs) for each in vectors])
    inner = found.ndim - 1
    found = reshape(found, (*last.shape[:-1], *found.shape[1:]))
    before = range(number)
    return permute(found, (*before, *range(x.ndim - 1, x.ndim - 1 + inner), *range(number, x.ndim - 1)))


@implements(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> TracedArray:
    x = as_traced(a)
    for axis in axes if isinstance(axes, list | tuple) else (axes,):
        number = axis_of(axis, x.ndim)
        found = as_traced(func(x, number))
        x = found if found.ndim == x.ndim else reshape(found, (*found.shape[:number], 1, *found.shape[number:]))
    return x
