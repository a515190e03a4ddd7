"""``mixad.numpy``: NumPy, and what NumPy's protocols cannot intercept.

Everything that NumPy has is here. Functions that make arrays, which NumPy answers with real memory, give traced
arrays while a
function is traced, so that ``z = zeros(3); z[0] = x[0]`` works; elsewhere they are NumPy's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .array import TracedArray
from .numpy_functions.creation import array as traced_array
from .operands import as_traced, has_traced
from .operands import full as filled
from .tracing import current_trace


def _own(made: Any) -> TracedArray:
    """NumPy's result as a new traced array: a constant of the program where it is all zeros or ones."""
    made = np.asarray(made)
    for number in (0, 1):
        if made.size and np.all(made == number):
            return filled(number, made.shape, made.dtype)
    x = as_traced(made)
    return TracedArray(x._trace, x._value)


def _made_by(function: Callable[..., Any]) -> Callable[..., Any]:
    def make(*args: Any, **kwargs: Any) -> Any:
        made = function(*args, **kwargs)
        if current_trace() is None or isinstance(made, TracedArray):
            return made
        return _own(made)

    make.__name__ = make.__qualname__ = function.__name__
    make.__doc__ = f"As `numpy.{function.__name__}`; a traced array while a function is traced."
    return make


zeros = _made_by(np.zeros)
ones = _made_by(np.ones)
empty = _made_by(np.zeros)
empty.__name__ = "empty"
eye = _made_by(np.eye)
identity = _made_by(np.identity)
zeros_like = _made_by(np.zeros_like)
ones_like = _made_by(np.ones_like)
empty_like = _made_by(np.zeros_like)
linspace = _made_by(np.linspace)
copy = _made_by(np.copy)


def full(shape: Any, fill_value: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """As `numpy.full`, where the value may be traced; a traced array while a function is traced."""
    if current_trace() is None:
        return np.full(shape, fill_value, dtype, **kwargs)
    value = as_traced(fill_value)
    return np.full_like(value, value, dtype, shape=shape)


def full_like(a: Any, fill_value: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """As `numpy.full_like`, where the value may be traced; a traced array while a function is traced."""
    if current_trace() is None:
        return np.full_like(a, fill_value, dtype, **kwargs)
    return np.full_like(as_traced(a), fill_value, dtype, **kwargs)


def array(object: Any, dtype: Any = None, *, copy: bool | None = True, ndmin: int = 0, **kwargs: Any) -> Any:
    """As `numpy.array`, of numbers and traced values; a traced array while a function is traced."""
    if current_trace() is None:
        return np.array(object, dtype, copy=copy, ndmin=ndmin, **kwargs)
    return traced_array(object if has_traced(object) else np.array(object, dtype), dtype, ndmin=ndmin)


def asarray(a: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """As `numpy.asarray`: traced values become one traced array, other things NumPy's array."""
    if not has_traced(a):
        return np.asarray(a, dtype, **kwargs)
    x = as_traced(a)
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


def __getattr__(name: str) -> Any:
    return getattr(np, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(np)})
