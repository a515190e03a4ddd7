"""Reductions that leave NaN out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import ShapeError
from ..array import TracedArray
from ..compositions import is_nan, safe_sqrt
from ..functions import implements
from ..operands import as_traced, axes_of, emit, full_like, no_out, select
from . import reductions, scans


def _replaced(a: Any, number: Any) -> tuple[TracedArray, TracedArray]:
    """``a`` with ``number`` for NaN, and where there was none."""
    x = as_traced(a)
    missing = is_nan(x)
    return select(missing, full_like(x, number), x), emit("logical_not", missing)


def _there(present: TracedArray, where: Any) -> Any:
    return present if where is True else np.logical_and(present, where)


@implements(np.nansum)
def nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> TracedArray:
    return reductions.sum(_replaced(a, 0)[0], axis, dtype, out, keepdims, initial, where)


@implements(np.nanprod)
def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> TracedArray:
    return reductions.prod(_replaced(a, 1)[0], axis, dtype, out, keepdims, initial, where)


@implements(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> TracedArray:
    return scans.cumsum(_replaced(a, 0)[0], axis, dtype, out)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> TracedArray:
    return scans.cumprod(_replaced(a, 1)[0], axis, dtype, out)


@implements(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
) -> TracedArray:
    x, present = _replaced(a, 0)
    if x.dtype.kind in "biu":
        return reductions.mean(x, axis, dtype, out, keepdims, where=where)
    return reductions.mean(x, axis, dtype, out, keepdims, where=_there(present, where))


@implements(np.nanvar)
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    **kwargs: Any,
) -> TracedArray:
    x, present = _replaced(a, 0)
    there = _there(present, where)
    result = reductions.var(x, axis, dtype, out, ddof, keepdims, where=there, **kwargs)
    # Too few numbers are NaN here, not infinite.
    degrees = reductions.sum(np.broadcast_to(there, x.shape), axis, keepdims=keepdims)
    enough = emit("compare", degrees, full_like(degrees, max(math.floor(ddof), 0)), direction="gt")
    return select(enough, result, full_like(result, math.nan))


@implements(np.nanstd)
def nanstd(*args: Any, **kwargs: Any) -> TracedArray:
    return safe_sqrt(nanvar(*args, **kwargs))


def _extremum(name: str, a: Any, axis: Any, keepdims: bool, initial: Any, where: Any) -> TracedArray:
    given = as_traced(a)
    if given.dtype.kind in "biu":
        return reductions.extremum(name, given, axis, keepdims, initial, where)
    x, present = _replaced(given, reductions.lowest(given.dtype, name == "min"))
    result = reductions.extremum(name, x, axis, keepdims, initial, where)
    if initial is not None:
        return result
    some = reductions.any(present, axis, keepdims=keepdims)
    return select(some, result, full_like(result, math.nan))


@implements(np.nanmax)
def nanmax(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> TracedArray:
    no_out("np.nanmax", out)
    return _extremum("max", a, axis, keepdims, initial, where)


@implements(np.nanmin)
def nanmin(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> TracedArray:
    no_out("np.nanmin", out)
    return _extremum("min", a, axis, keepdims, initial, where)


def _position(name: str, largest: bool, a: Any, axis: Any, keepdims: bool) -> TracedArray:
    x, present = (
        _replaced(a, math.inf if largest else -math.inf) if as_traced(a).dtype.kind == "f" else (as_traced(a), None)
    )
    if present is not None:
        axes = axes_of(axis, x.ndim)
        if not bool(np.all(np.any(present, axis=axes))):
            raise ShapeError(f"np.nan{name} of a slice of NaN alone, at {user_location(3)}")
    return reductions.position(name, x, axis, keepdims)


@implements(np.nanargmax)
def nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> TracedArray:
    no_out("np.nanargmax", out)
    return _position("argmax", False, a, axis, keepdims)


@implements(np.nanargmin)
def nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> TracedArray:
    no_out("np.nanargmin", out)
    return _position("argmin", True, a, axis, keepdims)
