"""NumPy's universal functions on traced arrays.

One table maps a ufunc to the operation that it is, after promotion and broadcasting; another holds the
compositions, those that are several operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import user_location
from ..ir.errors import TraceError
from .array import TracedArray
from .lifting import as_value, broadcast_shape, loop_dtypes, recording, shape_of

#: Ufuncs that are one operation of the tensor dialect, with its attributes.
ELEMENTWISE: dict[np.ufunc, tuple[str, dict[str, Any]]] = {
    np.negative: ("neg", {}),
    np.absolute: ("abs", {}),
    np.sign: ("sign", {}),
    np.square: ("square", {}),
    np.sqrt: ("sqrt", {}),
    np.reciprocal: ("reciprocal", {}),
    np.exp: ("exp", {}),
    np.expm1: ("expm1", {}),
    np.log: ("log", {}),
    np.log1p: ("log1p", {}),
    np.sin: ("sin", {}),
    np.cos: ("cos", {}),
    np.tan: ("tan", {}),
    np.arcsin: ("asin", {}),
    np.arccos: ("acos", {}),
    np.arctan: ("atan", {}),
    np.sinh: ("sinh", {}),
    np.cosh: ("cosh", {}),
    np.tanh: ("tanh", {}),
    np.arcsinh: ("asinh", {}),
    np.arccosh: ("acosh", {}),
    np.arctanh: ("atanh", {}),
    np.floor: ("floor", {}),
    np.ceil: ("ceil", {}),
    np.rint: ("round", {}),
    np.trunc: ("trunc", {}),
    np.add: ("add", {}),
    np.subtract: ("sub", {}),
    np.multiply: ("mul", {}),
    np.true_divide: ("div", {}),
    np.power: ("pow", {}),
    np.arctan2: ("atan2", {}),
    np.maximum: ("maximum", {}),
    np.minimum: ("minimum", {}),
    np.remainder: ("remainder", {}),
    np.floor_divide: ("floor_divide", {}),
    np.bitwise_and: ("logical_and", {}),
    np.bitwise_or: ("logical_or", {}),
    np.bitwise_xor: ("logical_xor", {}),
    np.isfinite: ("is_finite", {}),
    np.equal: ("compare", {"direction": "eq"}),
    np.not_equal: ("compare", {"direction": "ne"}),
    np.less: ("compare", {"direction": "lt"}),
    np.less_equal: ("compare", {"direction": "le"}),
    np.greater: ("compare", {"direction": "gt"}),
    np.greater_equal: ("compare", {"direction": "ge"}),
}

#: Ufuncs that are compositions: functions of the operands.
COMPOSED: dict[np.ufunc, Callable[..., Any]] = {}


def elementwise(ufunc: np.ufunc, args: tuple[Any, ...]) -> TracedArray:
    """Record one element-wise ufunc that is one operation."""
    trace = recording()
    name, attributes = ELEMENTWISE[ufunc]
    b = trace.here()
    dtypes = loop_dtypes(ufunc, args)
    if len(args) == 1:
        values = [as_value(args[0], dtypes[0], trace)]
    else:
        shape = broadcast_shape(f"np.{ufunc.__name__}", [shape_of(x) for x in args])
        values = [as_value(x, dtype, trace, shape) for x, dtype in zip(args, dtypes, strict=False)]
    return TracedArray(trace, getattr(b, name)(*values, **attributes))


def operate(name: str, x: Any, y: Any) -> Any:
    """A Python operator: as the ufunc, but numbers that came from Python numbers stay weak."""
    ufunc = getattr(np, name)
    if not (_is_operand(x) and _is_operand(y)):
        return NotImplemented
    result = dispatch(ufunc, "__call__", (x, y), {})
    weak_x, weak_y = (getattr(each, "_weak", type(each)) for each in (x, y))
    if weak_x in (int, float, complex) and weak_y in (int, float, complex) and result.dtype.kind in "ifc":
        result._weak = {"i": int, "f": float, "c": complex}[result.dtype.kind]
    return result


def _is_operand(x: Any) -> bool:
    return isinstance(x, TracedArray | np.ndarray | np.generic | bool | int | float | complex | list | tuple)


def dispatch(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``__array_ufunc__`` does: record a call of ``ufunc``."""
    if method == "__call__" and not kwargs:
        if ufunc in ELEMENTWISE:
            return elementwise(ufunc, inputs)
        composed = COMPOSED.get(ufunc)
        if composed is not None:
            return composed(*inputs)
    raise TraceError(
        f"np.{ufunc.__name__}{'' if method == '__call__' else '.' + method} is not traced yet, at {user_location(2)}"
    )
