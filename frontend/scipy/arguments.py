"""What SciPy's functions take: operands in the element type that SciPy computes in."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import DTypeError, ShapeError, TraceError, UnsupportedOperationError
from ...ops.special_base import scipy_special
from ..array import TracedArray
from ..lifting import broadcast_shape, loop_dtypes, promote
from ..operands import as_traced, cast, has_traced, spread

#: The traced implementations by the name of their function.
Table = dict[str, Callable[..., Any]]


def real_dtype(name: str, args: Sequence[TracedArray]) -> np.dtype[Any]:
    """The element type in which SciPy computes `scipy.special`'s function ``name``: that of its ufunc's loop.

    Where it has none, or is not installed: float32 for what fits in it, float64 otherwise. bfloat16, which SciPy does
    not take, stays. Raises `DTypeError` for complex numbers.
    """
    dtype = promote(*args)
    if dtype.kind == "c":
        raise DTypeError(
            f"mixad.scipy: {name} of complex numbers ({dtype}) is not traced, at {user_location(2)}; it takes real ones"
        )
    if dtype.kind == "V":
        return dtype
    ufunc = _ufunc(name)
    if ufunc is not None:
        return loop_dtypes(ufunc, args[-ufunc.nin :])[-1]
    return dtype if dtype == np.float64 else np.result_type(dtype, np.float32)


def _ufunc(name: str) -> np.ufunc | None:
    try:
        found = getattr(scipy_special(), name, None)
    except UnsupportedOperationError:
        return None
    return found if isinstance(found, np.ufunc) else None


def real_operands(name: str, *args: Any) -> list[TracedArray]:
    """Operands in one floating-point type and of one shape."""
    arrays = [as_traced(x) for x in args]
    dtype = real_dtype(name, arrays)
    shape = broadcast_shape(name, [x.shape for x in arrays])
    return [spread(cast(x, dtype), shape) for x in arrays]


def whole_number(name: str, what: str, n: Any) -> int:
    """An order that is a part of the program: a Python or NumPy integer from 0."""
    if isinstance(n, TracedArray) or np.ndim(n) or int(n) != n:
        raise TraceError(
            f"mixad.scipy: {name} of a traced array takes one whole number for {what}, not "
            f"{n if isinstance(n, TracedArray) else repr(n)[:40]}, at {user_location(2)}; call it once for each"
        )
    if n < 0:
        raise ShapeError(f"mixad.scipy: {name} with {what}={n}, at {user_location(2)}; it is at least 0")
    return int(n)


def module(load: Callable[[], ModuleType], name: str) -> ModuleType:
    """SciPy's module, for the function ``name``; `UnsupportedOperationError` at the user's line where it is not
    installed."""
    try:
        return load()
    except UnsupportedOperationError as error:
        raise UnsupportedOperationError(f"mixad.scipy: {name}: {error} (at {user_location(2)})") from None


def publisher(table: Table, load: Callable[[], ModuleType]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: what a function computes on traced arrays; on other arrays it is SciPy's function of its name."""

    def publish(traced: Callable[..., Any]) -> Callable[..., Any]:
        name = traced.__name__

        @functools.wraps(traced)
        def function(*args: Any, **kwargs: Any) -> Any:
            if any(has_traced(x) for x in (*args, *kwargs.values())):
                return traced(*args, **kwargs)
            return getattr(module(load, name), name)(*args, **kwargs)

        function.__doc__ = function.__doc__ or f"As SciPy's function `{name}`."
        table[name] = traced
        return function

    return publish


def others(package: str, load: Callable[[], ModuleType], name: str) -> Any:
    """A name of SciPy's that is not traced: as it is, but for functions, which refuse traced arrays by name."""
    if name.startswith("__"):
        raise AttributeError(name)
    found = getattr(module(load, name), name)
    if isinstance(found, type | np.ufunc) or not callable(found):
        return found

    @functools.wraps(found)
    def function(*args: Any, **kwargs: Any) -> Any:
        if any(has_traced(x) for x in (*args, *kwargs.values())):
            raise TraceError(
                f"scipy.{package}.{name} is not traced, at {user_location(2)}; write it with NumPy's functions or "
                "those of mixad.scipy"
            )
        return found(*args, **kwargs)

    return function
