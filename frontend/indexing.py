"""Reading and writing parts of traced arrays, by NumPy's rules.

An index is taken apart once: its basic part (integers, slices, new axes) is a strided slice and a reshape, its advanced
part (integer and boolean arrays) a gather. A boolean array needs a count of what it selects that is known: it is
taken with its numbers in this call, and guarded.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..ir import Value, user_location
from ..ir.errors import BoundsError, ShapeError
from .array import TracedArray
from .lifting import broadcast_shape, own_value, recording
from .operands import (
    BOOL,
    INT64,
    as_traced,
    captured,
    cast,
    emit,
    full,
    has_traced,
    iota,
    operand,
    permute,
    reshape,
    select,
    spread,
    stack_objects,
)
from .tracing import Trace
from .views import View, as_view, assign

__all__ = ["Index", "parse", "read", "stack_objects", "write"]

_FULL = slice(None)


@dataclass
class Index:
    """An index, taken apart for an array of a known shape.

    The strided slice ``starts, sizes, steps`` is reshaped to ``shape``; ``advanced`` then has an integer array for each
    axis in ``axes``, all broadcast to one shape. Its axes come first in the result, or at ``position``.
    """

    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    steps: tuple[int, ...]
    shape: tuple[int, ...]
    advanced: list[TracedArray] = field(default_factory=list)
    axes: tuple[int, ...] = ()
    position: int = 0
    is_view: bool = True

    @property
    def key(self) -> Any:
        """Equal for two basic indices that select the same."""
        return self.starts, self.sizes, self.steps, self.shape


def parse(shape: tuple[int, ...], index: Any) -> Index:
    """Take an index apart. Raises `BoundsError` (an IndexError) where it does not fit ``shape``."""
    items = list(index) if type(index) is tuple else [index]
    items = _expand_ellipsis([_normal(item) for item in items], len(shape))
    has_arrays = any(isinstance(item, TracedArray | np.ndarray) for item, _ in items)
    starts, sizes, steps, result = [], [], [], []
    advanced: list[tuple[int, Any]] = []
    places: list[int] = []
    axis = 0
    for place, (item, consumed) in enumerate(items):
        if item is Ellipsis:
            continue
        if item is None:
            result.append(1)
            continue
        if isinstance(item, slice):
            size = shape[axis]
            start, stop, step = item.indices(size)
            count = len(range(start, stop, step))
            starts.append(start if count else 0)
            sizes.append(count)
            steps.append(step if count else 1)
            result.append(count)
            axis += 1
            continue
        if isinstance(item, int):
            number = _in_bounds(item, shape[axis], axis)
            if not has_arrays:
                starts.append(number)
                sizes.append(1)
                steps.append(1)
                axis += 1
                continue
            item = np.asarray(number)
        places.append(place)
        for part in _integer_arrays(item, shape, axis, consumed):
            advanced.append((len(result), part))
            if consumed == 0:  # a 0-d bool: a new axis that the array of positions reads
                result.append(1)
                continue
            starts.append(0)
            sizes.append(shape[axis])
            steps.append(1)
            result.append(shape[axis])
            axis += 1
    parsed = Index(tuple(starts), tuple(sizes), tuple(steps), tuple(result))
    if advanced:
        _add_advanced(parsed, advanced, places)
    else:
        parsed.is_view = bool(result) or (
            not isinstance(index, int) and any(item is Ellipsis for item in _as_tuple(index))
        )
    return parsed


def _as_tuple(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _normal(item: Any) -> Any:
    """One entry of an index: None, Ellipsis, a slice, an int, or an array of integers or bool."""
    if item is None or item is Ellipsis or isinstance(item, slice):
        return item
    if isinstance(item, TracedArray):
        if item.dtype.kind not in "iub":
            raise BoundsError(f"an index is an array of {item.dtype}, at {user_location(2)}; use integers or bool")
        return item
    if isinstance(item, bool | np.bool_):
        return np.asarray(item)
    if isinstance(item, int | np.integer):
        return int(item)
    if isinstance(item, list | tuple | np.ndarray):
        if has_traced(item):
            return _normal(operand(item))
        array = np.asarray(item)
        if array.size == 0 and not isinstance(item, np.ndarray):
            array = array.astype(INT64)
        if array.dtype.kind in "iub":
            return int(array) if array.dtype.kind != "b" and array.ndim == 0 else array
    elif hasattr(item, "__index__"):
        return operator.index(item)
    raise BoundsError(
        f"{item!r:.60} of type {type(item).__name__} is no index, at {user_location(2)}; use integers, slices, "
        "..., None, and "
        "arrays of integers or bool"
    )


def _expand_ellipsis(items: list[Any], rank: int) -> list[tuple[Any, int]]:
    """Entries with the number of axes that each consumes, slices in place of the Ellipsis; those left out appended."""
    consumed = [_consumes(item) for item in items]
    used = sum(consumed)
    if used > rank:
        raise BoundsError(f"an index has {used} entries for an array of dimension {rank}, at {user_location(2)}")
    found: list[tuple[Any, int]] = []
    seen = False
    for item, count in zip(items, consumed, strict=True):
        if item is not Ellipsis:
            found.append((item, count))
            continue
        if seen:
            raise BoundsError(f"an index has more than one Ellipsis, at {user_location(2)}; use one")
        seen = True
        # An Ellipsis that stands for no axis still separates arrays.
        found += [(_FULL, 1)] * (rank - used) or [(Ellipsis, 0)]
    if not seen:
        found += [(_FULL, 1)] * (rank - used)
    return found


def _consumes(item: Any) -> int:
    if item is None or item is Ellipsis:
        return 0
    if isinstance(item, TracedArray | np.ndarray) and item.dtype == BOOL:
        return item.ndim
    return 1


def _in_bounds(number: int, size: int, axis: int) -> int:
    if not -size <= number < size:
        raise BoundsError(f"index {number} is out of bounds for axis {axis} with size {size}, at {user_location(2)}")
    return number + size if number < 0 else number


def _integer_arrays(item: Any, shape: tuple[int, ...], axis: int, consumed: int) -> list[Any]:
    """The integer arrays that an advanced entry stands for: several for a mask of several dimensions."""
    if item.dtype == BOOL:
        wanted = shape[axis : axis + consumed]
        # A mask of size 0 along an axis selects nothing from it, whatever its size.
        if len(wanted) < consumed or any(own not in (size, 0) for own, size in zip(item.shape, wanted, strict=True)):
            raise BoundsError(
                f"a boolean index of shape {item.shape} does not match the dimensions {wanted} from axis {axis} "
                f"on, at {user_location(2)}"
            )
        positions = np.nonzero(known_values(item)) if consumed else (np.zeros(int(bool(known_values(item))), INT64),)
        return list(positions)
    if isinstance(item, np.ndarray) and item.size:
        size = shape[axis]
        low, high = item.min(), item.max()
        for number in (low, high):
            _in_bounds(int(number), size, axis)
    return [item]


def known_values(x: Any) -> Any:
    """The elements of a mask or of an array of numbers in this call; later calls are held to them by a guard."""
    trace = recording()
    value = own_value(as_traced(x), trace)
    known = np.array(trace.concrete(value))
    same = emit("compare", TracedArray(trace, value), captured(known), direction="eq")
    if known.ndim:
        same = emit("reduce_and", same, axes=tuple(range(known.ndim)))
    trace.guards.append((same._value, True))
    return known


def _add_advanced(parsed: Index, advanced: list[tuple[int, Any]], places: list[int]) -> None:
    """Broadcast the integer arrays and find where their axes go."""
    arrays = [as_traced(part) for _, part in advanced]
    try:
        shape = np.broadcast_shapes(*[each.shape for each in arrays])
    except ValueError:
        shown = " and ".join(str(each.shape) for each in arrays)
        raise BoundsError(f"index arrays of shapes {shown} do not broadcast together, at {user_location(2)}") from None
    common = INT64 if all(each.dtype.kind == "i" for each in arrays) else None
    parsed.advanced = [
        spread(each if common is None or each.dtype == common else cast(each, common), shape) for each in arrays
    ]
    parsed.axes = tuple(axis for axis, _ in advanced)
    together = places == list(range(places[0], places[0] + len(places)))
    parsed.position = parsed.axes[0] if together else 0
    parsed.is_view = False


# --- reading -------------------------------------------------------------------------------------


def read(x: TracedArray, index: Any) -> TracedArray:
    """``x[index]``. A basic index gives a view: it sees later writes to ``x``, and ``x`` those to it."""
    trace = recording()
    value = own_value(x, trace)
    if type(index) is int:
        result = _read_row(x, value, index, trace)
        if result is not None:
            return result
    parsed = parse(x.shape, index)
    result = TracedArray(trace, _read_basic(trace, value, parsed))
    if parsed.advanced:
        return _gather(result, parsed)
    if parsed.is_view and x._trace is trace:
        _note_view(result, x, parsed)
    return result


def _read_row(x: TracedArray, value: Value, index: int, trace: Trace) -> TracedArray | None:
    """The commonest index: one integer on a vector."""
    shape = value.type.shape
    if len(shape) != 1:
        return None
    b = trace.here()
    number = index if 0 <= index < shape[0] else _in_bounds(index, shape[0], 0)
    return TracedArray(trace, b.reshape(b.slice(value, starts=(number,), sizes=(1,), steps=(1,)), shape=()))


def _read_basic(trace: Trace, value: Value, parsed: Index) -> Value:
    b = trace.here()
    if parsed.sizes != value.type.shape or any(step != 1 for step in parsed.steps):
        value = b.slice(value, starts=parsed.starts, sizes=parsed.sizes, steps=parsed.steps)
    return value if parsed.shape == value.type.shape else b.reshape(value, shape=parsed.shape)


def _note_view(result: TracedArray, x: TracedArray, parsed: Index) -> None:
    def read_again(trace: Trace, base: Value) -> Value:
        return _read_basic(trace, base, parsed)

    def write_back(trace: Trace, base: Value, value: Value) -> Value:
        return _insert(trace, base, value, parsed)

    as_view(result, x, read_again, write_back, parsed.key)


def _gather(x: TracedArray, parsed: Index) -> TracedArray:
    result = emit("gather", x, *parsed.advanced, axes=parsed.axes)
    count = parsed.advanced[0].ndim
    if parsed.position and count:
        rest = list(range(count, result.ndim))
        result = permute(result, rest[: parsed.position] + list(range(count)) + rest[parsed.position :])
    return result


# --- writing -------------------------------------------------------------------------------------


def write(x: TracedArray, index: Any, values: Any) -> None:
    """``x[index] = values``: ``x`` gets a new value. Of repeated positions the last one wins.

    Raises `ShapeError` where ``values`` does not broadcast to what is selected.
    """
    trace = recording()
    own_value(x, trace)
    if _is_mask_of(x, index):
        number = operand(values)
        if isinstance(number, bool | int | float | complex) or not number.shape:
            _write_masked(x, index, number)
            return
    parsed = parse(x.shape, index)
    view = values._view if isinstance(values, TracedArray) else None
    if _already_written(view, values, x, parsed):
        return
    if not parsed.advanced:
        update = _to_assign(values, x, parsed.shape)
        assign(x, _insert(trace, own_value(x, trace), update._value, parsed))
        return
    counted = iota((x.size,), 0)
    positions = _gather(TracedArray(trace, _read_basic(trace, reshape(counted, x.shape)._value, parsed)), parsed)
    update = _to_assign(values, x, positions.shape)
    assign(x, put(x, positions, update)._value)


def _already_written(view: View | None, values: Any, x: TracedArray, parsed: Index) -> bool:
    """Whether this is the second half of ``x[index] += y``: the view was written to, and ``x`` with it."""
    return view is not None and view.base is x and view.key == parsed.key and values._seen == x._seen


def _is_mask_of(x: TracedArray, index: Any) -> bool:
    return isinstance(index, TracedArray | np.ndarray) and index.dtype == BOOL and index.shape == x.shape and x.ndim > 0


def _write_masked(x: TracedArray, mask: Any, number: Any) -> None:
    assign(x, select(as_traced(mask), spread(cast(as_traced(number), x.dtype), x.shape), x)._value)


def _to_assign(values: Any, x: TracedArray, shape: tuple[int, ...]) -> TracedArray:
    """What is assigned, in the type of ``x`` and broadcast to what is selected."""
    array = cast(as_traced(values), x.dtype)
    while array.ndim > len(shape) and array.shape[0] == 1:
        array = reshape(array, array.shape[1:])
    if array.ndim > len(shape) or broadcast_shape("x[...] = values", [array.shape, shape]) != shape:
        raise ShapeError(
            f"values of shape {array.shape} do not broadcast to the shape {shape} that is assigned, at "
            f"{user_location(2)}"
        )
    return spread(array, shape)


def _insert(trace: Trace, base: Value, value: Value, parsed: Index) -> Value:
    b = trace.here()
    if value.type.shape != parsed.sizes:
        value = b.reshape(value, shape=parsed.sizes)
    if parsed.sizes == base.type.shape and all(step == 1 for step in parsed.steps):
        return value
    return b.insert_slice(base, value, starts=parsed.starts, steps=parsed.steps)


def put(x: TracedArray, positions: TracedArray, values: TracedArray) -> TracedArray:
    """``x`` with ``values`` at ``positions``, which count its elements in C order.

    The last value at each position is found among the positions' numbers, so that repeated ones differentiate right.
    """
    if not values.size:
        return TracedArray(x._trace, x._value)
    flat = (positions.size,)
    order = iota(flat, 0)
    winner = emit("scatter", full(-1, (x.size,), INT64), order, reshape(positions, flat), axes=(0,))
    written = emit("compare", winner, full(0, winner.shape, INT64), direction="ge")
    source = emit("maximum", winner, full(0, winner.shape, INT64))
    found = emit("gather", reshape(values, flat), source, axes=(0,))
    return reshape(select(written, found, reshape(x, (x.size,))), x.shape)


def take_rows(x: TracedArray, rows: Any, axis: int) -> TracedArray:
    """The elements at known positions along one axis."""
    found = emit("gather", x, captured(np.asarray(rows, INT64)), axes=(axis,))
    return permute(found, [*range(1, axis + 1), 0, *range(axis + 1, x.ndim)])
