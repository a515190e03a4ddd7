"""Convolutions, differences and interpolation along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import DTypeError, ShapeError
from ..array import TracedArray
from ..functions import implements
from ..lifting import promote
from ..operands import as_traced, axis_of, captured, cast, emit, part, reshape
from ..ufuncs import apply
from .joining import concatenate
from .products import conjugated, contract
from .shapes import moveaxis


def _vectors(name: str, a: Any, v: Any) -> tuple[TracedArray, TracedArray]:
    x, y = as_traced(a), as_traced(v)
    for each in (x, y):
        if each.ndim > 1 or not each.size:
            raise ShapeError(
                f"{name} of shapes {x.shape} and {y.shape}, at {user_location(3)}; it takes vectors that are not empty"
            )
    dtype = promote(x, y)
    x, y = (cast(reshape(each, (each.size,)), dtype) for each in (x, y))
    return x, y


def _convolve(x: TracedArray, y: TracedArray, mode: str) -> TracedArray:
    """The full convolution's part that ``mode`` asks for: windows of the longer one times the shorter one."""
    if mode not in ("full", "same", "valid"):
        raise ShapeError(f"mode is {mode!r}, at {user_location(3)}; it is 'full', 'same' or 'valid'")
    if x.size < y.size:
        x, y = y, x
    long, short = x.size, y.size
    padded = emit("pad", x, low=(short - 1,), high=(short - 1,), interior=(0,))
    windows = np.arange(long + short - 1)[:, None] + np.arange(short)[::-1]
    gathered = emit("gather", padded, captured(windows), axes=(0,))
    whole = contract(gathered, y, "ik", "k", "i")
    if mode == "full":
        return whole
    if mode == "same":
        start = (short - 1) // 2
        return part(whole, 0, start, start + long)
    return part(whole, 0, short - 1, long)


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> TracedArray:
    return _convolve(*_vectors("np.convolve", a, v), mode)


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> TracedArray:
    x, y = _vectors("np.correlate", a, v)
    flipped = _reversed(conjugated(y))
    if y.size <= x.size:
        return _convolve(x, flipped, mode)
    # NumPy swaps the two and turns the result round.
    return _reversed(_convolve(conjugated(y), _reversed(x), mode))


def _reversed(x: TracedArray) -> TracedArray:
    return emit("reverse", x, axes=(0,))


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> TracedArray:
    """The jumps that are taken out are piecewise constant."""
    x = as_traced(p)
    number = axis_of(axis, x.ndim)
    y: Any = moveaxis(cast(x, promote(x, period)), number, -1)
    own: Any = moveaxis(x, number, -1)
    steps: Any = cast(apply(np.subtract, own[..., 1:], own[..., :-1]), y.dtype)
    whole = y.dtype.kind in "iu"
    half: Any = period // 2 if whole else period / 2
    turned = (steps + half) % period - half
    if not whole or period % 2 == 0:
        turned = np.where((turned == -half) & (steps > 0), half, turned)
    jump = np.where(np.abs(steps) < (half if discont is None else discont), 0, turned - steps)
    return moveaxis(concatenate([y[..., :1], y[..., 1:] + np.cumsum(jump, axis=-1)], axis=-1), -1, number)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Second-order differences inside, first- or second-order ones at the ends (NumPy's formulas)."""
    x = as_traced(f)
    if x.dtype.kind == "b":
        raise DTypeError(f"np.gradient of bool, at {user_location(2)}; convert it with .astype(float)")
    if x.dtype.kind in "iu":
        x = cast(x, np.float64)
    axes = tuple(range(x.ndim)) if axis is None else tuple(axis) if isinstance(axis, tuple) else (axis,)
    axes = tuple(axis_of(each, x.ndim) for each in axes)
    spacings: list[Any] = [1.0] * len(axes) if not varargs else list(varargs) * (len(axes) if len(varargs) == 1 else 1)
    if len(spacings) != len(axes):
        raise ShapeError(f"{len(varargs)} spacings for {len(axes)} axes, at {user_location(2)}; give 1 or {len(axes)}")
    results = [_slope(x, spacing, number, edge_order) for spacing, number in zip(spacings, axes, strict=True)]
    return results[0] if len(results) == 1 else tuple(results)


def _slope(x: TracedArray, spacing: Any, axis: int, edge_order: int) -> TracedArray:
    size = x.shape[axis]
    if size < edge_order + 1:
        raise ShapeError(
            f"np.gradient along an axis of size {size}, at {user_location(3)}; it needs {edge_order + 1} or more"
        )
    points: Any = as_traced(spacing)
    y: Any = moveaxis(x, axis, 0)
    if points.ndim:
        widths = np.reshape(np.diff(points), (-1,) + (1,) * (x.ndim - 1))
        h0, h1 = widths[:-1], widths[1:]
        inside = -h1 / (h0 * (h0 + h1)) * y[:-2] + (h1 - h0) / (h0 * h1) * y[1:-1] + h0 / (h1 * (h0 + h1)) * y[2:]
        first, last, before_first, before_last = widths[:1], widths[-1:], widths[1:2], widths[-2:-1]
    else:
        inside = (y[2:] - y[:-2]) / (2.0 * points)
        first = last = before_first = before_last = points
    if edge_order == 1:
        low, high = (y[1:2] - y[:1]) / first, (y[-1:] - y[-2:-1]) / last
    else:
        low = _edge(y[:1], y[1:2], y[2:3], first, before_first)
        high = -_edge(y[-1:], y[-2:-1], y[-3:-2], last, before_last)
    return moveaxis(concatenate([low, inside, high]), 0, axis)


def _edge(y0: Any, y1: Any, y2: Any, h1: Any, h2: Any) -> Any:
    """The one-sided second-order difference at ``y0``."""
    return -(2.0 * h1 + h2) / (h1 * (h1 + h2)) * y0 + (h1 + h2) / (h1 * h2) * y1 - h1 / (h2 * (h1 + h2)) * y2
