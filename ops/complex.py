"""Complex numbers and their parts, element by element.

Cotangents pair with tangents by the real part of the bilinear product, ``Re(sum(ct * dx))``: nothing is conjugated, so
a holomorphic function's transposed derivative is the same rule as a real one's. `tensor.real` is in
`mixad.ops.elementwise`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.types import COMPLEX, FLOATING, TensorType
from .arithmetic import check_same
from .definition import Array, Op, full, operation, sample
from .elementwise import Unary, check_dtype

_COMPLEX_OF: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype(np.float32): np.dtype(np.complex64),
    np.dtype(np.float64): np.dtype(np.complex128),
}
_REAL_OF = {wide: narrow for narrow, wide in _COMPLEX_OF.items()}
_POINTS = (sample(np.array([1 + 2j, -0.5j, -3.0])), sample(np.array(2 - 1j)))


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The element type of a number's real part: itself for real numbers."""
    return _REAL_OF.get(dtype, dtype)


def complex_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The complex element type of float32 or float64's precision: itself for complex numbers."""
    return _COMPLEX_OF.get(dtype, dtype)


def conjugate(b: Builder, x: Value) -> Value:
    """The conjugate: ``x`` itself where it is real."""
    found: Value = b.conj(x) if x.type.dtype in COMPLEX else x
    return found


def real_part(b: Builder, x: Value) -> Value:
    """The real part: ``x`` itself where it is real."""
    found: Value = b.real(x) if x.type.dtype in COMPLEX else x
    return found


def as_dtype(b: Builder, x: Value, dtype: np.dtype[Any]) -> Value:
    """``x`` in another element type."""
    found: Value = x if x.type.dtype == dtype else b.convert(x, dtype=dtype)
    return found


@operation("tensor.conj")
class Conj(Unary):
    """Element-wise complex conjugate. (C1) ``x`` is complex. It is linear over the reals, not holomorphic."""

    dtypes = COMPLEX
    linear_in = (("x",),)
    samples = _POINTS
    evaluate = staticmethod(np.conjugate)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value) -> Value:
        return b.conj(ct)


@operation("tensor.imag")
class Imag(Unary):
    """Imaginary part, of the complex type's own precision. (C1) ``x`` is complex."""

    dtypes = COMPLEX
    linear_in = (("x",),)
    samples = _POINTS

    @staticmethod
    def infer(x: TensorType) -> TensorType:
        check_dtype("C1", x, COMPLEX)
        return x.with_dtype(_REAL_OF[x.dtype])

    @staticmethod
    def evaluate(x: Array) -> Any:
        return np.imag(x).copy()

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value) -> Value:
        # The imaginary part is the real part of -1j * x.
        return b.mul(b.convert(ct, dtype=x.type.dtype), full(b, x.type, -1j))


@operation("tensor.complex")
class Complex(Op):
    """The complex numbers of real part ``x`` and imaginary part ``y``.

    (C1) one shape, (C2) one element type, (C3) float32 or float64.
    """

    elementwise = True
    linear_in = (("x", "y"),)
    samples = (sample((), ()), sample((2, 3), (2, 3)), sample((0, 2), (0, 2)))

    @staticmethod
    def infer(x: TensorType, y: TensorType) -> TensorType:
        check_same(x, y)
        check_dtype("C3", x, FLOATING & set(_COMPLEX_OF))
        return x.with_dtype(_COMPLEX_OF[x.dtype])

    @staticmethod
    def evaluate(x: Array, y: Array) -> Any:
        x, y = np.asarray(x), np.asarray(y)
        result: Array = np.empty(np.broadcast_shapes(x.shape, y.shape), _COMPLEX_OF[x.dtype])
        result.real, result.imag = x, y
        return result

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, y: Value) -> Value:
        return b.real(ct)

    @staticmethod
    def transpose_y(b: Builder, ct: Value, x: Value, y: Value) -> Value:
        return b.neg(b.imag(ct))
