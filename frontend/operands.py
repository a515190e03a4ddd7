"""What NumPy's functions take, as traced arrays, and the small steps that their compositions are made of."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir import Dense, TensorType, Value, user_location
from ..ir.errors import DTypeError, NoAxisError, ShapeError, TraceError
from .array import TracedArray
from .devices import DeviceArray, adopted
from .lifting import as_value, broadcast_shape, dtype_key, own_value, promote, recording

NUMBERS = (bool, int, float, complex)
#: Types that element-wise operations take as they are.
PLAIN = frozenset({TracedArray, DeviceArray, bool, int, float, complex})
INT64 = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)


def has_traced(x: Any) -> bool:
    """Whether a traced array stands somewhere in nested lists or tuples, or in an object array."""
    if isinstance(x, TracedArray):
        return True
    if isinstance(x, list | tuple):
        return any(has_traced(each) for each in x)
    return isinstance(x, np.ndarray) and x.dtype == object and any(isinstance(each, TracedArray) for each in x.flat)


def operand(x: Any) -> Any:
    """``x`` as an operand: a traced array, an array of numbers, or a number.

    Object arrays and nested lists of traced values are stacked. Raises `DTypeError` for what is no array.
    """
    if type(x) in PLAIN or isinstance(x, np.generic):
        return x
    if isinstance(x, TracedArray):
        return x
    if isinstance(x, list | tuple) and has_traced(x):
        return stack_nested(x)
    x = adopted(x)
    if isinstance(x, DeviceArray):
        return x
    array = np.asarray(x)
    if array.dtype == object:
        return stack_objects(array)
    if array.dtype.kind in "USMmO":
        raise DTypeError(
            f"{x!r:.60} of type {type(x).__name__} meets a traced array at {user_location(2)}; only numbers and arrays "
            "of numbers can"
        )
    return array


def as_traced(x: Any) -> TracedArray:
    """Anything that NumPy takes for an array, as a traced array of the current trace.

    A traced array of this trace comes back as the same object; Python numbers stay weak.
    """
    trace = recording()
    x = operand(x)
    if isinstance(x, TracedArray):
        return x if x._trace is trace else TracedArray(trace, own_value(x, trace), x._weak)
    key = dtype_key(x)
    weak = key if isinstance(key, type) else None
    return TracedArray(trace, as_value(x, np.dtype(key), trace), weak)


def as_array(x: Any) -> TracedArray:
    """As `as_traced`, where NumPy makes an array of ``x`` first: the element type of a Python number counts."""
    array = as_traced(x)
    return array if array._weak is None else TracedArray(array._trace, array._value)


def stack_objects(array: Any) -> TracedArray:
    """An object array whose elements are numbers or traced values, as one traced array of its shape.

    The element type is what NumPy's promotion gives to the elements.
    """
    elements = [as_traced(each) for each in array.reshape(-1).tolist()]
    if not elements:
        raise DTypeError(f"an empty object array meets a traced array, at {user_location(2)}; give it a numeric dtype")
    for each in elements:
        if each.shape:
            raise ShapeError(
                f"an object array holds a traced array of shape {each.shape} beside others, at {user_location(2)}; "
                "make it with np.stack or np.concatenate"
            )
    return reshape(join(_promoted(elements), 0), array.shape)


def stack_nested(x: Sequence[Any]) -> TracedArray:
    """Nested lists or tuples of traced values and numbers, as one traced array."""
    parts = [as_traced(each) for each in x]
    for each in parts:
        if each.shape != parts[0].shape:
            raise ShapeError(
                f"a list holds arrays of shapes {parts[0].shape} and {each.shape}, at {user_location(2)}; "
                "they must have one shape to make an array"
            )
    return join(_promoted([expand(each, 0) for each in parts]), 0, scalars=False)


def _promoted(parts: Sequence[TracedArray]) -> list[TracedArray]:
    dtype = promote(*parts)
    return [cast(each, dtype) for each in parts]


def join(parts: Sequence[TracedArray], axis: int, scalars: bool = True) -> TracedArray:
    """Arrays of one element type one behind the other; with ``scalars``, 0-d ones count as one element."""
    if scalars:
        found = whole_of(parts)
        if found is not None:
            return found
        parts = [reshape(each, (1,)) if not each.shape else each for each in parts]
    return parts[0] if len(parts) == 1 else emit("concatenate", *parts, axis=axis)


def whole_of(parts: Sequence[TracedArray]) -> TracedArray | None:
    """The vector whose elements ``parts`` are, all of them and in order, if there is one.

    ``np.asarray(x)`` and ``np.array([x, y])`` read a traced vector element by element: this takes it back.
    """
    trace = recording()
    source: Value | None = None
    for position, part in enumerate(parts):
        if part._trace is not trace:
            return None
        op = part._value.owner
        if op.name != "tensor.reshape" or op.operands[0].owner.name != "tensor.slice":
            return None
        read = op.operands[0].owner
        if source is None:
            source = read.operands[0]
            if source.type.shape != (len(parts),):
                return None
        if read.operands[0] is not source or read.attributes["starts"] != (position,):
            return None
    return None if source is None else TracedArray(trace, source)


# --- steps ---------------------------------------------------------------------------------------


def emit(name: str, *arrays: TracedArray, **attributes: Any) -> TracedArray:
    """Record one operation on traced arrays whose types already fit."""
    trace = recording()
    values = [own_value(each, trace) for each in arrays]
    return TracedArray(trace, getattr(trace.here(), name)(*values, **attributes))


def cast(x: TracedArray, dtype: Any) -> TracedArray:
    """``x`` in another element type; complex numbers lose their imaginary part, as in NumPy."""
    dtype = np.dtype(dtype)
    if x.dtype == dtype:
        return x
    if x.dtype.kind == "c" and dtype.kind != "c":
        if dtype.kind == "b":
            return emit("compare", x, full_like(x, 0), direction="ne")
        x = emit("real", x)
    return x if x.dtype == dtype else emit("convert", x, dtype=dtype)


def reshape(x: TracedArray, shape: tuple[int, ...]) -> TracedArray:
    """The elements in C order in another shape."""
    return x if x.shape == shape else emit("reshape", x, shape=shape)


def permute(x: TracedArray, permutation: Sequence[int]) -> TracedArray:
    """The axes in another order."""
    permutation = tuple(permutation)
    return x if permutation == tuple(range(x.ndim)) else emit("transpose", x, permutation=permutation)


def spread(x: TracedArray, shape: tuple[int, ...]) -> TracedArray:
    """``x`` broadcast to ``shape`` by NumPy's rule."""
    if x.shape == shape:
        return x
    if broadcast_shape("broadcasting", [x.shape, shape]) != shape:
        raise ShapeError(f"an array of shape {x.shape} does not broadcast to {shape}, at {user_location(2)}")
    offset = len(shape) - x.ndim
    return emit("broadcast_in_dim", x, shape=shape, dims=tuple(range(offset, len(shape))))


def expand(x: TracedArray, axis: int) -> TracedArray:
    """A new axis of size 1 before ``axis``."""
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


def full(number: Any, shape: tuple[int, ...], dtype: Any) -> TracedArray:
    """A constant that belongs to the composition, not to the user's numbers: it is part of the program."""
    trace = recording()
    type = TensorType(shape, np.dtype(dtype))
    return TracedArray(trace, trace.here().constant(value=Dense(number, type)))


def full_like(x: TracedArray, number: Any) -> TracedArray:
    """A constant of the type of ``x``."""
    return full(number, x.shape, x.dtype)


def captured(array: Any) -> TracedArray:
    """An array that a composition made, as a hidden input: its numbers are not part of the program."""
    trace = recording()
    return TracedArray(trace, trace.capture(array))


def iota(shape: tuple[int, ...], axis: int, dtype: Any = INT64) -> TracedArray:
    """An array that counts along ``axis``."""
    trace = recording()
    return TracedArray(trace, trace.here().iota(shape=shape, axis=axis, dtype=np.dtype(dtype)))


def select(pred: TracedArray, on_true: TracedArray, on_false: TracedArray) -> TracedArray:
    """``on_true`` where ``pred`` holds; the types already fit, the shapes broadcast."""
    shape = broadcast_shape("np.where", [pred.shape, on_true.shape, on_false.shape])
    return emit("select", spread(pred, shape), spread(on_true, shape), spread(on_false, shape))


def truth(x: TracedArray) -> TracedArray:
    """Whether each element is not zero (NaN is not)."""
    return x if x.dtype == BOOL else emit("compare", x, full_like(x, 0), direction="ne")


def part(x: TracedArray, axis: int, start: int, stop: int, step: int = 1) -> TracedArray:
    """The elements from ``start`` to ``stop`` along an axis."""
    starts, sizes, steps = [0] * x.ndim, list(x.shape), [1] * x.ndim
    size = max(0, -((start - stop) // step))
    if (start, size, step) == (0, x.shape[axis], 1):
        return x
    starts[axis], sizes[axis], steps[axis] = start if size else 0, size, step
    return emit("slice", x, starts=tuple(starts), sizes=tuple(sizes), steps=tuple(steps))


# --- arguments -----------------------------------------------------------------------------------


def axis_of(axis: Any, ndim: int, what: str = "axis") -> int:
    """An axis counted from 0; `NoAxisError` where there is none such."""
    number = operator.index(axis)
    if not -ndim <= number < ndim:
        raise NoAxisError(f"{what} {number} is out of bounds for an array of dimension {ndim}, at {user_location(2)}")
    return number % ndim


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes counted from 0, sorted: all for None. `NoAxisError`, or `ShapeError` for one named twice."""
    if axis is None:
        return tuple(range(ndim))
    chosen = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    axes = sorted(axis_of(each, ndim) for each in chosen)
    if len(set(axes)) != len(axes):
        raise ShapeError(f"axis {tuple(chosen)} names an axis twice, at {user_location(2)}; name each once")
    return tuple(axes)


def shape_argument(shape: Any) -> tuple[int, ...]:
    """A shape as NumPy takes it: an integer or a sequence of them."""
    try:
        return (operator.index(shape),)
    except TypeError:
        return tuple(operator.index(size) for size in shape)


def no_out(name: str, out: Any) -> None:
    """`TraceError` where ``out`` is given to a function that does not take it while it is traced."""
    if out is not None:
        raise TraceError(f"{name} with out= is not traced, at {user_location(2)}; use its result, or x[...] = result")
