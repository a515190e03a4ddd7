"""Constants, counting, and conversion between element types."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.attributes import Dense
from ..ir.builder import Builder
from ..ir.errors import DTypeConstraint, ShapeConstraint
from ..ir.graph import Value
from ..ir.types import COMPLEX, DTYPE_NAMES, FLOATING, INEXACT, TensorType
from .definition import Array, Op, operation, sample
from .elementwise import NUMERIC


@operation("tensor.constant")
class Constant(Op):
    """The array ``value``."""

    samples = (
        sample(value=Dense(2.5)),
        sample(value=Dense(np.array([[1, 2], [3, 4]]))),
        sample(value=Dense(0.0, TensorType((2, 3), np.dtype(np.float32)))),
    )

    @staticmethod
    def infer(*, value: Dense) -> TensorType:
        return value.type

    @staticmethod
    def evaluate(*, value: Dense) -> Any:
        return value.expand()


@operation("tensor.iota")
class Iota(Op):
    """An array of ``shape`` that counts 0, 1, 2... along ``axis``.

    (C1) ``axis`` is within the shape's rank, (C2) ``dtype`` is a number of any kind but bool.
    """

    samples = (
        sample(shape=(4,), axis=0, dtype=np.dtype(np.int64)),
        sample(shape=(2, 3), axis=1, dtype=np.dtype(np.float32)),
        sample(shape=(2, 0), axis=0, dtype=np.dtype(np.float64)),
    )

    @staticmethod
    def infer(*, shape: tuple[int, ...], axis: int, dtype: np.dtype[Any]) -> TensorType:
        if not 0 <= axis < len(shape):
            raise ShapeConstraint("C1", f"axis {axis} is not within the result's rank {len(shape)}")
        if dtype not in NUMERIC:
            raise DTypeConstraint("C2", f"dtype is {dtype}; it is a number of any kind but bool")
        return TensorType(shape, dtype)

    @staticmethod
    def evaluate(*, shape: tuple[int, ...], axis: int, dtype: np.dtype[Any]) -> Any:
        aligned = [1] * len(shape)
        aligned[axis] = shape[axis]
        return np.broadcast_to(np.arange(shape[axis]).astype(dtype).reshape(aligned), shape)


@operation("tensor.convert")
class Convert(Op):
    """``x`` in another element type, as `numpy.ndarray.astype`.

    (C1) a complex ``x`` stays complex: what to drop is not for a conversion to decide. From or to integers and bool the
    derivative is zero.
    """

    elementwise = True
    linear_in = (("x",),)
    samples = (
        sample((2, 3), dtype=np.dtype(np.float64)),
        sample((), dtype=np.dtype(np.float64)),
        sample((3,), dtype=np.dtype(np.complex128)),
        sample((3,), dtype=np.dtype(np.int32)),
        sample(np.array([0, 1, -2]), dtype=np.dtype(np.float64)),
        sample(np.array([True, False]), dtype=np.dtype(np.float32)),
    )

    @staticmethod
    def infer(x: TensorType, *, dtype: np.dtype[Any]) -> TensorType:
        if x.dtype in COMPLEX and dtype not in COMPLEX:
            names = DTYPE_NAMES[x.dtype], DTYPE_NAMES[dtype]
            raise DTypeConstraint(
                "C1", f"operand 0 is {names[0]} and {names[1]} has no imaginary part; take its real part"
            )
        return x.with_dtype(dtype)

    @staticmethod
    def evaluate(x: Array, *, dtype: np.dtype[Any]) -> Any:
        return np.asarray(x).astype(dtype)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, dtype: np.dtype[Any]) -> Value | None:
        if dtype not in INEXACT:
            return None
        return b.convert(dx, dtype=dtype)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *, dtype: np.dtype[Any]) -> Value:
        kind = x.type.dtype
        if dtype in COMPLEX and kind in FLOATING:
            ct = b.real(ct)
        return ct if ct.type.dtype == kind else b.convert(ct, dtype=kind)
