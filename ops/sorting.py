"""Sorting along an axis.

Sorts are stable: equal elements keep their order. NaN comes last; complex numbers are ordered by real part, then by
imaginary part.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import ShapeConstraint
from ..ir.graph import Value
from ..ir.types import TensorType, bfloat16
from .definition import Array, Op, operation, sample

_INT64 = np.dtype(np.int64)
_TIED = np.array([[2.0, 1.0, 2.0, 1.0], [0.5, 0.5, -1.0, 3.0]])


def _check_axis(x: TensorType, axis: int) -> None:
    if not 0 <= axis < x.rank:
        raise ShapeConstraint("C1", f"axis {axis} is not within operand 0's rank {x.rank}")


def _comparable(x: Array) -> Array:
    """``x`` in a type that NumPy sorts with NaN last: it knows no order of bfloat16's NaN."""
    return x.astype(np.float32) if x.dtype == bfloat16 else x


def rows_along(b: Builder, position: Value, axis: int) -> list[Value]:
    """The indices that read, at each place, the element at ``position`` along ``axis``."""
    shape = position.type.shape
    return [position if each == axis else b.iota(shape=shape, axis=each, dtype=_INT64) for each in range(len(shape))]


@operation("tensor.argsort")
class Argsort(Op):
    """The positions along ``axis``, as si64, in the order that sorts ``x``; equal elements keep theirs.

    (C1) ``axis`` is within the rank.
    """

    piecewise_constant = True
    samples = (sample((4,), axis=0), sample((2, 3), axis=0), sample(_TIED, axis=1), sample((0, 2), axis=1))

    @staticmethod
    def infer(x: TensorType, *, axis: int) -> TensorType:
        _check_axis(x, axis)
        return x.with_dtype(_INT64)

    @staticmethod
    def evaluate(x: Array, *, axis: int) -> Any:
        return np.argsort(_comparable(x), axis=axis, kind="stable").astype(_INT64, copy=False)


@operation("tensor.sort")
class Sort(Op):
    """The elements in ascending order along ``axis``.

    (C1) ``axis`` is within the rank. The derivative moves each tangent with its element; elements that tie keep their
    order.
    """

    samples = (
        sample(np.array([0.7, -1.2, 1.9, 0.1]), axis=0),
        sample(np.array([[0.3, 1.5], [-0.4, 0.9], [1.1, -1.7]]), axis=0),
        sample(np.array([[0.3, 1.5, -0.8], [-0.4, 0.9, 0.2]]), axis=1),
        sample((0, 2), axis=1),
        sample((1,), axis=0),
    )

    @staticmethod
    def infer(x: TensorType, *, axis: int) -> TensorType:
        _check_axis(x, axis)
        return x

    @staticmethod
    def evaluate(x: Array, *, axis: int) -> Any:
        return np.sort(_comparable(x), axis=axis, kind="stable").astype(x.dtype, copy=False)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, axis: int) -> Value:
        order = b.argsort(x, axis=axis)
        tangent: Value = b.gather(dx, *rows_along(b, order, axis), axes=tuple(range(x.type.rank)))
        return tangent
