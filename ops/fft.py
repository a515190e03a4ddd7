"""Discrete Fourier transforms along one axis, without scaling forward and divided by the size backward (NumPy's
``norm="backward"``).

All are linear. Under the pairing ``Re(sum(ct * dx))`` the complex transforms are their own transposes, since their
matrices are symmetric; those of the real ones follow from writing them as complex ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import ShapeConstraint
from ..ir.graph import Value
from ..ir.types import COMPLEX, TensorType
from .complex import complex_dtype, real_dtype
from .definition import Array, Op, Sample, full, operation, sample
from .elementwise import check_dtype

_REAL: frozenset[np.dtype[Any]] = frozenset({np.dtype(np.float32), np.dtype(np.float64)})
_SIGNAL = np.array([1 + 2j, -0.5j, -3.0, 0.25, 1j])
_SHEET = (np.arange(6) + 1j * np.arange(6)[::-1] ** 2).reshape(2, 3)


def _check_axis(x: TensorType, axis: int) -> None:
    """(C1) and (C2) of every transform."""
    if not 0 <= axis < x.rank:
        raise ShapeConstraint("C1", f"axis {axis} is not within operand 0's rank {x.rank}")
    if not x.shape[axis]:
        raise ShapeConstraint("C2", f"axis {axis} has 0 elements; at least 1 is needed")


def _resized(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:axis], size, *shape[axis + 1 :])


class _Transform(Op):
    """A transform of complex numbers."""

    linear_in = (("x",),)
    samples: tuple[Sample, ...] = (  # type: ignore[misc]
        sample(_SIGNAL, axis=0),
        sample(_SHEET, axis=1),
        sample(_SHEET, axis=0),
        sample(_SHEET[:0], axis=1),
    )

    @staticmethod
    def infer(x: TensorType, *, axis: int) -> TensorType:
        _check_axis(x, axis)
        check_dtype("C3", x, COMPLEX)
        return x


@operation("fft.fft")
class Fft(_Transform):
    """The discrete Fourier transform: ``sum_j x[j] * exp(-2j * pi * j * k / n)``.

    (C1) ``axis`` is within the rank and (C2) not empty, (C3) ``x`` is complex.
    """

    @staticmethod
    def evaluate(x: Array, *, axis: int) -> Any:
        return np.fft.fft(x, axis=axis)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *, axis: int) -> Value:
        return b.fft(ct, axis=axis)


@operation("fft.ifft")
class Ifft(_Transform):
    """The inverse transform: ``sum_k x[k] * exp(2j * pi * j * k / n) / n``.

    (C1) ``axis`` is within the rank and (C2) not empty, (C3) ``x`` is complex.
    """

    @staticmethod
    def evaluate(x: Array, *, axis: int) -> Any:
        return np.fft.ifft(x, axis=axis)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *, axis: int) -> Value:
        return b.ifft(ct, axis=axis)


@operation("fft.rfft")
class Rfft(Op):
    """The transform of real numbers: the first ``n // 2 + 1`` terms, which determine the others.

    (C1) ``axis`` is within the rank and (C2) not empty, (C3) ``x`` is float32 or float64.
    """

    linear_in = (("x",),)
    samples = (sample((5,), axis=0), sample((2, 4), axis=1), sample((3, 2), axis=0), sample((1,), axis=0))

    @staticmethod
    def infer(x: TensorType, *, axis: int) -> TensorType:
        _check_axis(x, axis)
        check_dtype("C3", x, _REAL)
        return TensorType(_resized(x.shape, axis, x.shape[axis] // 2 + 1), complex_dtype(x.dtype))

    @staticmethod
    def evaluate(x: Array, *, axis: int) -> Any:
        return np.fft.rfft(x, axis=axis)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *, axis: int) -> Value:
        # The whole transform, of which the result is the first part, is its own transpose.
        none = (0,) * x.type.rank
        missing = x.type.shape[axis] - ct.type.shape[axis]
        whole = b.pad(ct, low=none, high=_resized(none, axis, missing), interior=none)
        return b.real(b.fft(whole, axis=axis))


@operation("fft.irfft")
class Irfft(Op):
    """The inverse of `fft.rfft`: ``size`` real numbers. The imaginary parts of the first term, and of the last where
    ``size`` is even, count for nothing.

    (C1) ``axis`` is within the rank and (C2) not empty, (C3) ``x`` is complex, (C4) its size along the axis is
    ``size // 2 + 1``.
    """

    linear_in = (("x",),)
    samples = (
        sample(_SIGNAL, axis=0, size=8),
        sample(_SIGNAL, axis=0, size=9),
        sample(_SHEET, axis=1, size=4),
        sample(_SHEET, axis=0, size=3),
    )

    @staticmethod
    def infer(x: TensorType, *, axis: int, size: int) -> TensorType:
        _check_axis(x, axis)
        check_dtype("C3", x, COMPLEX)
        if size < 1 or x.shape[axis] != size // 2 + 1:
            raise ShapeConstraint(
                "C4", f"axis {axis} has size {x.shape[axis]} and {size // 2 + 1} is needed for a result of size {size}"
            )
        return TensorType(_resized(x.shape, axis, size), real_dtype(x.dtype))

    @staticmethod
    def evaluate(x: Array, *, axis: int, size: int) -> Any:
        return np.fft.irfft(x, size, axis)

    @staticmethod
    def batch(b: Builder, count: int, batched: Sequence[bool], x: Value, *, axis: int, size: int) -> Value:
        result: Value = b.irfft(x, axis=axis + 1, size=size)
        return result

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *, axis: int, size: int) -> Value:
        # Every term counts twice, for itself and for its conjugate, but for the first and a last one that is both.
        spectrum = b.conj(b.rfft(ct, axis=axis))
        shape = x.type.shape
        position = b.iota(shape=shape, axis=axis, dtype=np.dtype(np.int64))
        single = b.compare(position, full(b, position.type, 0), direction="eq")
        if size % 2 == 0:
            last = b.compare(position, full(b, position.type, size // 2), direction="eq")
            single = b.logical_or(single, last)
        return b.mul(spectrum, b.select(single, full(b, x.type, 1 / size), full(b, x.type, 2 / size)))
