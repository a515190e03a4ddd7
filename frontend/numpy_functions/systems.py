"""Systems of linear equations, inverses and determinants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...ir import user_location
from ...ir.errors import DTypeError, ShapeError
from ..array import TracedArray
from ..functions import implements
from ..indexing import known_values
from ..lifting import broadcast_shape, promote, recording
from ..operands import as_traced, axis_of, cast, emit, full, has_traced, permute, reshape, spread


class SlogdetResult(NamedTuple):
    """What `numpy.linalg.slogdet` returns."""

    sign: Any
    logabsdet: Any


def inexact(a: Any) -> TracedArray:
    """``a`` as a traced array, integers as float64."""
    x = as_traced(a)
    return cast(x, np.float64) if x.dtype.kind in "biu" else x


def matrices(name: str, a: Any, square: bool = False) -> TracedArray:
    """``a`` as a stack of matrices in an element type that LAPACK has, integers as float64.

    Raises `ShapeError` for less than two dimensions, or where ``square`` and the matrices are not; `DTypeError` for
    16-bit floating point numbers.
    """
    x = inexact(a)
    if x.ndim < 2:
        raise ShapeError(f"{name} of an array of dimension {x.ndim}, at {user_location(2)}; it needs 2 or more")
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"{name} of matrices of {x.shape[-2]} rows and {x.shape[-1]} columns, at {user_location(2)}; they must be "
            "square"
        )
    return wide(name, x)


def wide(name: str, x: TracedArray) -> TracedArray:
    """``x``, if LAPACK has its element type; `DTypeError` otherwise."""
    if x.dtype.itemsize == 2:
        raise DTypeError(f"{name} of {x.dtype}, at {user_location(3)}; NumPy's LAPACK takes float32 or wider")
    return x


def emit_all(name: str, x: TracedArray) -> tuple[TracedArray, ...]:
    """Record an operation of several results."""
    trace = recording()
    return tuple(TracedArray(trace, value) for value in getattr(trace.here(), name)(x._value))


def permute_last(x: TracedArray, axes: Sequence[int]) -> TracedArray:
    """``x`` with ``axes`` moved behind the others, in the order given."""
    return permute(x, (*(axis for axis in range(x.ndim) if axis not in axes), *axes))


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> TracedArray:
    matrix, right = matrices("np.linalg.solve", a, True), wide("np.linalg.solve", inexact(b))
    vector = right.ndim == 1
    if not right.ndim or right.shape[-1 if vector else -2] != matrix.shape[-1]:
        raise ShapeError(
            f"np.linalg.solve of shapes {matrix.shape} and {right.shape}, at {user_location(2)}; the second needs "
            f"{matrix.shape[-1]} rows"
        )
    dtype = promote(matrix, right)
    if vector:
        right = reshape(right, (right.size, 1))
    stack = broadcast_shape("np.linalg.solve", [matrix.shape[:-2], right.shape[:-2]])
    result = emit(
        "solve",
        spread(cast(matrix, dtype), (*stack, *matrix.shape[-2:])),
        spread(cast(right, dtype), (*stack, *right.shape[-2:])),
    )
    return reshape(result, result.shape[:-1]) if vector else result


@implements(np.linalg.inv)
def inverse(a: Any) -> TracedArray:
    x = matrices("np.linalg.inv", a, True)
    return emit("solve", x, spread(identity(x.shape[-1], x.dtype), x.shape))


def identity(size: int, dtype: Any) -> TracedArray:
    """An identity matrix as part of the program."""
    return full(np.eye(size, dtype=dtype), (size, size), dtype)


@implements(np.linalg.det)
def det(a: Any) -> TracedArray:
    return emit("det", matrices("np.linalg.det", a, True))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> SlogdetResult:
    return SlogdetResult(*emit_all("slogdet", matrices("np.linalg.slogdet", a, True)))


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> TracedArray:
    x, y = inexact(a), inexact(b)
    if axes is not None:
        moved = [axis_of(axis, x.ndim) for axis in axes]
        x = permute_last(x, moved)
    shape = x.shape[y.ndim :]
    size = math.prod(shape)
    if x.size != size * y.size or y.size != size:
        raise ShapeError(
            f"np.linalg.tensorsolve of shapes {x.shape} and {y.shape}, at {user_location(2)}; it needs as many "
            "equations as unknowns"
        )
    return reshape(solve(reshape(x, (size, size)), reshape(y, (size,))), shape)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> TracedArray:
    x = inexact(a)
    if ind <= 0:
        raise ShapeError(f"np.linalg.tensorinv with ind={ind}, at {user_location(2)}; it is positive")
    first, last = x.shape[:ind], x.shape[ind:]
    size = math.prod(last)
    if math.prod(first) != size:
        raise ShapeError(
            f"np.linalg.tensorinv of shape {x.shape} with ind={ind}, at {user_location(2)}; the sizes before and "
            "behind it must have one product"
        )
    return reshape(inverse(reshape(x, (size, size))), (*last, *first))


def pseudo_inverse(x: TracedArray, cutoff: float) -> TracedArray:
    """Pseudo-inverses of a stack of matrices, which may be empty."""
    return emit("pinv", x, cutoff=float(cutoff))


@implements(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> TracedArray:
    """Cutoffs that are traced are those of this call."""
    x = matrices("np.linalg.pinv", a)
    if rcond is None:
        rcond = 1e-15 if rtol is np._NoValue else rtol
    if rcond is None:
        rcond = max(x.shape[-2:]) * np.finfo(x.dtype).eps
    cutoffs: Any = known_values(rcond) if has_traced(rcond) else np.asarray(rcond)
    if cutoffs.ndim == 0:
        return pseudo_inverse(x, cutoffs)
    stack = broadcast_shape("np.linalg.pinv", [x.shape[:-2], cutoffs.shape])
    parts: Any = reshape(spread(x, (*stack, *x.shape[-2:])), (math.prod(stack), *x.shape[-2:]))
    cutoffs = np.broadcast_to(cutoffs, stack).reshape(-1)
    if not cutoffs.size:
        return reshape(pseudo_inverse(parts, 0.0), (*stack, *x.shape[:-3:-1]))
    found = [pseudo_inverse(parts[number], cutoff) for number, cutoff in enumerate(cutoffs)]
    return reshape(as_traced(np.stack(found)), (*stack, *x.shape[:-3:-1]))
