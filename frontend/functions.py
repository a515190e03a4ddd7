"""NumPy's functions on traced arrays: the table of implementations, which `numpy_functions` fills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..ir import user_location
from ..ir.errors import TraceError
from .ufuncs import write_out

F = TypeVar("F", bound=Callable[..., Any])

#: What implements each public function of NumPy.
FUNCTIONS: dict[Any, Callable[..., Any]] = {}


def dispatch(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``__array_function__`` does: record a call of ``function``."""
    implementation = FUNCTIONS.get(function)
    if implementation is None:
        raise TraceError(
            f"{name_of(function)} is not traced, at {user_location(2)}; write it with NumPy's other functions"
        )
    out = kwargs.pop("out", None)
    result = implementation(*args, **kwargs)
    return result if out is None else write_out(name_of(function), result, out)


def name_of(function: Any) -> str:
    """The name by which users know a function of NumPy."""
    return f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)


def implements(*functions: Any) -> Callable[[F], F]:
    """Decorator: use the function below for the given functions of NumPy.

    One that not every NumPy 2 has is given by its name.
    """

    def add(implementation: F) -> F:
        for function in functions:
            if isinstance(function, str):
                function = getattr(np, function, None)
            if function is not None:
                FUNCTIONS[function] = implementation
        return implementation

    return add
