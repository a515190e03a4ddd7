"""Making arrays: traced ones while a function is traced, NumPy's elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import ShapeError
from .. import namespace
from ..array import TracedArray
from ..operands import NUMBERS, as_traced, cast, has_traced
from ..tracing import current_trace

#: The one device: arrays are NumPy's, as they go in and as they come out.
DEVICE = "cpu"


def check_device(device: Any) -> None:
    """`ShapeError` (a ValueError) for a device that is not there."""
    if device not in (None, DEVICE):
        raise ShapeError(f"device {device!r} is not there, at {user_location(2)}; arrays are on {DEVICE!r}")


def own(array: Any) -> Any:
    """An array that was just made, as a traced array while a function is traced.

    Its numbers are a hidden input of the program, so that other numbers do not make another program.
    """
    if current_trace() is None or isinstance(array, TracedArray):
        return array
    x = as_traced(array)
    return TracedArray(x._trace, x._value)


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: Any = None) -> Any:
    """Numbers, nested lists and arrays, traced or not, as an array. ``ValueError`` where ``copy=False`` cannot be."""
    check_device(device)
    if not has_traced(obj):
        made = np.asarray(obj, dtype=dtype, copy=copy)
        return own(made[()] if isinstance(obj, (*NUMBERS, np.generic)) else made)
    x = as_traced(obj)
    converted = x if dtype is None else cast(x, dtype)
    if copy is False and converted is not obj:
        raise ShapeError(f"asarray with copy=False has to copy, at {user_location(2)}; leave copy out")
    if copy or converted._weak is not None:
        return TracedArray(converted._trace, converted._value)
    return converted


def from_dlpack(x: Any, /, *, device: Any = None, copy: Any = None) -> Any:
    check_device(device)
    if isinstance(x, TracedArray):
        return asarray(x, copy=copy)
    return own(np.from_dlpack(x) if copy is None else np.from_dlpack(x, copy=copy))


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Any:
    check_device(device)
    if stop is None:
        start, stop = 0, start
    return own(np.arange(start, stop, step, dtype=dtype))


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Any:
    check_device(device)
    return own(np.linspace(start, stop, num, endpoint=endpoint, dtype=dtype))


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Any:
    check_device(device)
    return own(np.eye(n_rows, n_cols, k, np.float64 if dtype is None else dtype))


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    check_device(device)
    return namespace.zeros(shape, dtype)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    check_device(device)
    return namespace.ones(shape, dtype)


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """Zeros, as everything else would not be reproducible."""
    return zeros(shape, dtype=dtype, device=device)


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    check_device(device)
    return namespace.full(shape, fill_value, dtype)


def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    check_device(device)
    return namespace.zeros_like(x, dtype)


def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    check_device(device)
    return namespace.ones_like(x, dtype)


def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """Zeros, as everything else would not be reproducible."""
    return zeros_like(x, dtype=dtype, device=device)


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    check_device(device)
    return namespace.full_like(x, fill_value, dtype)


def meshgrid(*arrays: Any, indexing: str = "xy") -> Any:
    return list(np.meshgrid(*arrays, indexing=indexing))  # type: ignore[call-overload]


def tril(x: Any, /, *, k: int = 0) -> Any:
    return np.tril(x, k)


def triu(x: Any, /, *, k: int = 0) -> Any:
    return np.triu(x, k)
