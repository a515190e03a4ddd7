"""Tests of closeness and equality."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import DTypeError
from ..array import TracedArray
from ..functions import implements
from ..operands import as_traced, full
from ..ufuncs import apply
from . import reductions


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1.0e-5, atol: Any = 1.0e-8, equal_nan: bool = False) -> TracedArray:
    x: Any = as_traced(a)
    y: Any = as_traced(b)
    if y.dtype.kind in "biu":
        y = y.astype(np.float64)
    near = apply(np.less_equal, abs(x - y), atol + rtol * abs(y))
    result = apply(np.logical_or, apply(np.logical_and, near, np.isfinite(y)), apply(np.equal, x, y))
    if equal_nan:
        result = apply(np.logical_or, result, apply(np.logical_and, np.isnan(x), np.isnan(y)))
    return result


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1.0e-5, atol: Any = 1.0e-8, equal_nan: bool = False) -> bool:
    return bool(reductions.all(isclose(a, b, rtol, atol, equal_nan)))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    x, y = as_traced(a1), as_traced(a2)
    if x.shape != y.shape:
        return False
    same = apply(np.equal, x, y)
    if equal_nan:
        same = apply(np.logical_or, same, apply(np.logical_and, np.isnan(x), np.isnan(y)))
    return bool(reductions.all(same))


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> bool:
    x, y = as_traced(a1), as_traced(a2)
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return False
    return bool(reductions.all(apply(np.equal, x, y)))


def _infinite(x: Any, number: float) -> TracedArray:
    x = as_traced(x)
    if x.dtype.kind == "c":
        raise DTypeError(
            f"a signed infinity of {x.dtype}, at {user_location(3)}: complex numbers have none; use np.isinf"
        )
    return full(False, x.shape, bool) if x.dtype.kind in "biu" else apply(np.equal, x, number)


@implements(np.isposinf)
def isposinf(x: Any, out: Any = None) -> TracedArray:
    return _infinite(x, np.inf)


@implements(np.isneginf)
def isneginf(x: Any, out: Any = None) -> TracedArray:
    return _infinite(x, -np.inf)


@implements(np.isreal)
def isreal(x: Any) -> TracedArray:
    return apply(np.equal, np.imag(as_traced(x)), 0)


@implements(np.iscomplex)
def iscomplex(x: Any) -> TracedArray:
    return apply(np.not_equal, np.imag(as_traced(x)), 0)
