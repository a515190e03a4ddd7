"""From what a user writes to values of the trace: NumPy's promotion and broadcasting, made explicit.

Python numbers are weak (NEP 50), as are traced arrays that came from Python numbers. NumPy itself decides
the element types: its ufuncs are asked for the loop that they would run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir import TensorType, Value, user_location
from ..ir.errors import DTypeError, ShapeError, TraceError
from ..ir.types import bfloat16
from .tracing import Trace, current_trace, is_active

if TYPE_CHECKING:
    from .array import TracedArray

_NUMBER_TYPES = (bool, int, float, complex)
_loops: dict[tuple[Any, ...], tuple[np.dtype[Any], ...]] = {}


def recording() -> Trace:
    """The innermost active trace; `TraceError` where there is none."""
    trace = current_trace()
    if trace is None:
        raise TraceError(
            f"a traced array is used after its function returned ({user_location(2)}): return it as a result "
            "instead of keeping it"
        )
    return trace


def own_value(array: TracedArray, trace: Trace) -> Value:
    """The value of a traced array in ``trace``; `TraceError` where it escaped from another function."""
    if array._family is not None and array._seen != array._family.writes:
        from .views import refresh

        refresh(array)
    if array._trace is trace:
        return array._value
    if trace.owns(array._trace):
        return trace.adopt(array._value, array._trace)
    state = "another function that is being traced" if is_active(array._trace) else "a function that has returned"
    raise TraceError(
        f"a traced array of {state} (@{array._trace.name}) is used here, at {user_location(2)}: pass it as an "
        "argument, or return it as a result"
    )


def dtype_key(x: Any) -> Any:
    """What ``x`` contributes to type promotion: a dtype, or the Python type of a weak number."""
    kind = type(x)
    if kind in _NUMBER_TYPES:
        return np.dtype(np.bool_) if kind is bool else kind
    weak = getattr(x, "_weak", None)
    return weak if weak is not None else x.dtype


def loop_dtypes(ufunc: np.ufunc, args: Sequence[Any]) -> tuple[np.dtype[Any], ...]:
    """The element types of the loop that NumPy runs for ``ufunc`` on ``args``: inputs, then outputs.

    Raises `DTypeError` where NumPy has no such loop.
    """
    key = (ufunc, *[dtype_key(x) for x in args])
    found = _loops.get(key)
    if found is None:
        if all(isinstance(part, type) for part in key[1:]):
            asked = [np.dtype(part) for part in key[1:]]
        else:
            asked = list(key[1:])
        try:
            found = ufunc.resolve_dtypes((*asked, *(None,) * ufunc.nout))
        except TypeError:
            shown = ", ".join(str(getattr(part, "__name__", part)) for part in key[1:])
            raise DTypeError(f"np.{ufunc.__name__} does not take ({shown}), at {user_location(2)}") from None
        _loops[key] = found
    return found


def promote(*args: Any) -> np.dtype[Any]:
    """The element type that NumPy gives to a mixture of ``args``; `DTypeError` where it has none."""
    keys = [dtype_key(x) for x in args]
    if bfloat16 in keys:  # beside which NumPy takes a Python number for a float64
        keys = [key for key in keys if key not in (int, float)]
    stand_ins = {int: 0, float: 0.0, complex: 0j}
    try:
        return np.result_type(*[stand_ins[key] if isinstance(key, type) else key for key in keys])
    except TypeError:
        shown = " and ".join(str(getattr(key, "__name__", key)) for key in dict.fromkeys(keys))
        raise DTypeError(f"{shown} have no common type, at {user_location(2)}; convert one with .astype") from None


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array, traced or not; () of a number."""
    return () if type(x) in _NUMBER_TYPES else x.shape


def broadcast_shape(name: str, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that ``shapes`` broadcast to; `ShapeError` with all of them where they do not."""
    first = shapes[0]
    for shape in shapes:
        if shape != first:
            break
    else:
        return first
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        shown = " and ".join(map(str, shapes))
        raise ShapeError(
            f"{name}: shapes {shown} do not broadcast together, at {user_location(2)}; sizes must be equal or 1"
        ) from None


def as_value(x: Any, dtype: np.dtype[Any], trace: Trace, shape: tuple[int, ...] | None = None) -> Value:
    """``x`` as a value of ``trace``, of element type ``dtype``, broadcast to ``shape`` where one is given."""
    kind = type(x)
    if kind in _NUMBER_TYPES or isinstance(x, np.generic):
        return trace.number(x, TensorType(() if shape is None else shape, dtype))
    value = own_value(x, trace) if hasattr(x, "_value") else trace.capture(x)
    b = trace.builder
    if value.type.dtype is not dtype and value.type.dtype != dtype:
        value = b.convert(value, dtype=dtype)
    if shape is not None and value.type.shape != shape:
        value = broadcast_value(value, shape, trace)
    return value


def broadcast_value(value: Value, shape: tuple[int, ...], trace: Trace) -> Value:
    """``value`` broadcast to ``shape`` by NumPy's rule: missing dimensions come first."""
    offset = len(shape) - value.type.rank
    return trace.builder.broadcast_in_dim(value, shape=shape, dims=tuple(range(offset, len(shape))))
