"""Norms, products and powers of matrices, integrals by trapezoids."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import ShapeError
from ..array import TracedArray
from ..compositions import safe_sqrt, squared_magnitude
from ..functions import implements
from ..operands import as_traced, axis_of, cast, emit, full_like, reshape, spread
from . import factorizations, reductions, systems
from .joining import stack
from .products import einsum, matrix_product
from .reductions import kept
from .shapes import moveaxis, swapaxes
from .systems import inexact, permute_last


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> TracedArray:
    """Norms of vectors, and those of matrices that need no decomposition. The derivative of a 2-norm at 0 is 0."""
    a = inexact(x)
    if axis is None and ord is None:
        return kept(_two_norm(reshape(a, (a.size,)), (0,)), a.shape, tuple(range(a.ndim)), keepdims)
    axes = tuple(range(a.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(axis_of(each, a.ndim) for each in axes)
    if len(axes) == 1:
        result = _vector_norm(a, ord, axes)
    elif len(axes) == 2 and axes[0] != axes[1]:
        result = _matrix_norm(a, ord, axes)
    else:
        raise ShapeError(
            f"np.linalg.norm over axes {axes} of shape {a.shape}, at {user_location(2)}; give one or two axes"
        )
    return kept(result, a.shape, axes, keepdims)


def _two_norm(x: TracedArray, axes: tuple[int, ...]) -> TracedArray:
    return safe_sqrt(emit("reduce_sum", squared_magnitude(x), axes=tuple(sorted(axes))))


def _vector_norm(x: TracedArray, ord: Any, axes: tuple[int, ...]) -> TracedArray:
    if ord is None or ord == 2:
        return _two_norm(x, axes)
    size = emit("abs", x)
    if ord in (math.inf, -math.inf):
        return emit("reduce_max" if ord > 0 else "reduce_min", size, axes=axes)
    if ord == 0:
        return reductions.sum(cast(emit("compare", x, full_like(x, 0), direction="ne"), size.dtype), axes)
    if ord == 1:
        return emit("reduce_sum", size, axes=axes)
    if isinstance(ord, str):
        raise ShapeError(f"np.linalg.norm with ord={ord!r} of vectors, at {user_location(3)}; give a number")
    total = emit("reduce_sum", emit("pow", size, full_like(size, ord)), axes=axes)
    return emit("pow", total, full_like(total, 1 / ord))


def _matrix_norm(x: TracedArray, ord: Any, axes: tuple[int, ...]) -> TracedArray:
    if ord in (None, "fro", "f"):
        return _two_norm(x, axes)
    if ord == "nuc":
        matrices = permute_last(x, axes)
        rows, columns = matrices.shape[-2:]
        return emit("nuclear_norm", matrices if rows >= columns else swapaxes(matrices, -1, -2))
    if ord in (2, -2):
        values = factorizations.singular_values(permute_last(x, axes))
        return emit("reduce_max" if ord == 2 else "reduce_min", values, axes=(values.ndim - 1,))
    if ord not in (1, -1, math.inf, -math.inf):
        raise ShapeError(
            f"np.linalg.norm with ord={ord!r} of matrices, at {user_location(3)}; it is 'fro', 'nuc', 1, -1, 2, -2, "
            "inf or -inf"
        )
    inner, outer = (axes[0], axes[1]) if abs(ord) == 1 else (axes[1], axes[0])
    sums = emit("reduce_sum", emit("abs", x), axes=(inner,))
    return emit("reduce_max" if ord > 0 else "reduce_min", sums, axes=(outer - (outer > inner),))


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> TracedArray:
    a = inexact(x)
    axes = tuple(range(a.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(sorted(axis_of(each, a.ndim) for each in axes))
    return kept(_vector_norm(a, ord, axes), a.shape, axes, keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> TracedArray:
    a = inexact(x)
    axes = (a.ndim - 2, a.ndim - 1)
    return kept(_matrix_norm(a, ord, axes), a.shape, axes, keepdims)


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> TracedArray:
    found = [as_traced(each) for each in arrays]
    if len(found) < 2:
        raise ShapeError(f"multi_dot of {len(found)} arrays, at {user_location(2)}; give 2 or more")
    letters = "abcdefghijklmnopqrstuvwxyz"
    if len(found) >= len(letters):
        result = found[0]
        for each in found[1:]:
            result = matrix_product("np.linalg.multi_dot", result, each)
        return result
    labels = [letters[position : position + 2] for position in range(len(found))]
    labels[0] = labels[0][2 - found[0].ndim :]
    labels[-1] = labels[-1][: found[-1].ndim]
    out_labels = (labels[0][:1] if found[0].ndim == 2 else "") + (labels[-1][1:] if found[-1].ndim == 2 else "")
    return einsum(",".join(labels) + "->" + out_labels, *found)


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> TracedArray:
    x = as_traced(a)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"matrix_power of shape {x.shape}, at {user_location(2)}; its last two sizes must be equal")
    if n < 0:
        x, n = systems.inverse(x), -n
    result: TracedArray | None = None
    while n:
        if n & 1:
            result = x if result is None else matrix_product("matrix_power", result, x)
        n >>= 1
        if n:
            x = matrix_product("matrix_power", x, x)
    if result is None:
        return spread(as_traced(np.eye(x.shape[-1], dtype=x.dtype)), x.shape)
    return TracedArray(result._trace, result._value)


@implements(np.linalg.cross)
def linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> TracedArray:
    for each in (as_traced(x1), as_traced(x2)):
        if each.shape[axis] != 3:
            raise ShapeError(
                f"np.linalg.cross of vectors of size {each.shape[axis]}, at {user_location(2)}; both must be of size 3"
            )
    return cross(x1, x2, axis=axis)


@implements(np.cross)
def cross(a: Any, b: Any, /, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> TracedArray:
    if axis is not None:
        axisa = axisb = axisc = axis
    x: Any = moveaxis(as_traced(a), axisa, -1)
    y: Any = moveaxis(as_traced(b), axisb, -1)
    sizes = (x.shape[-1], y.shape[-1])
    if not set(sizes) <= {2, 3}:
        raise ShapeError(
            f"np.cross of vectors of sizes {sizes[0]} and {sizes[1]}, at {user_location(2)}; each must be 2 or 3"
        )
    x0, x1, x2 = (x[..., each] if each < sizes[0] else 0 * x[..., 0] for each in range(3))
    y0, y1, y2 = (y[..., each] if each < sizes[1] else 0 * y[..., 0] for each in range(3))
    if sizes == (2, 2):
        return x0 * y1 - x1 * y0  # type: ignore[no-any-return]
    return stack([x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0], axis=axisc)


def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> TracedArray:
    values: Any = as_traced(y)
    number = axis_of(axis, values.ndim)
    if x is None:
        width: Any = dx
    else:
        points = as_traced(x)
        if points.ndim == 1:
            aligned = tuple(-1 if each == number else 1 for each in range(values.ndim))
            width = np.reshape(np.diff(points), aligned)
        else:
            width = np.diff(points, axis=number)
    before = (slice(None),) * number
    sides = values[(*before, slice(1, None))] + values[(*before, slice(None, -1))]
    return reductions.sum(width * sides / 2.0, number)


implements(np.trapezoid)(_trapezoid)
if hasattr(np, "trapz"):
    implements(np.trapz)(_trapezoid)
