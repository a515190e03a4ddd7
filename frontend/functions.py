"""NumPy's functions on traced arrays: compositions of operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import user_location
from ..ir.errors import TraceError
from .array import TracedArray
from .lifting import as_value, recording

#: What implements each public function of NumPy.
FUNCTIONS: dict[Any, Callable[..., Any]] = {}


def dispatch(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``__array_function__`` does: record a call of ``function``."""
    implementation = FUNCTIONS.get(function)
    if implementation is None:
        name = f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)
        raise TraceError(f"{name} is not traced yet, at {user_location(2)}; write it with NumPy's other functions")
    return implementation(*args, **kwargs)


def implements(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: use the function below for the given functions of NumPy."""

    def add(implementation: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            FUNCTIONS[function] = implementation
        return implementation

    return add


@implements(np.sum)
def sum(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> TracedArray:
    trace = recording()
    b = trace.here()
    value = as_value(x, x.dtype, trace)
    axes = tuple(range(x.ndim)) if axis is None else tuple(sorted(a % x.ndim for a in np.atleast_1d(axis)))
    return TracedArray(trace, b.reduce_sum(value, axes=axes))
