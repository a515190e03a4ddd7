"""Element-wise functions of one operand.

Each operation states its derivative once; the type rule comes from `Unary`. A derivative reuses the
result (``out``) where that is accurate, so that nothing is computed twice.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import DTypeConstraint
from ..ir.graph import Value
from ..ir.types import BOOL, COMPLEX, DTYPE_NAMES, FLOATING, INEXACT, INTEGER, TensorType
from . import special
from .definition import Array, Op, Sample, full, operation, sample

REAL = FLOATING | INTEGER
NUMERIC = INEXACT | INTEGER


def check_dtype(label: str, type: TensorType, taken: frozenset[np.dtype[Any]], position: int = 0) -> None:
    """Raise `DTypeConstraint` where operand ``position`` has an element type that is not ``taken``."""
    if type.dtype not in taken:
        names = ", ".join(name for dtype, name in DTYPE_NAMES.items() if dtype in taken)
        raise DTypeConstraint(label, f"operand {position} is {DTYPE_NAMES[type.dtype]}; it takes {names}")


class Unary(Op):
    """An element-wise function: the result has the operand's type."""

    elementwise = True
    #: Element types taken: (C1) of every unary operation.
    dtypes: ClassVar[frozenset[np.dtype[Any]]] = INEXACT
    samples: ClassVar[tuple[Sample, ...]] = (sample(()), sample((3,)), sample((2, 3)), sample((0, 2)))

    def __init_subclass__(cls) -> None:
        dtypes = cls.dtypes

        def infer(x: TensorType) -> TensorType:
            check_dtype("C1", x, dtypes)
            return x

        if "infer" not in cls.__dict__:
            cls.infer = staticmethod(infer)


# --- algebra -------------------------------------------------------------------------------------


@operation("tensor.neg")
class Neg(Unary):
    """Element-wise ``-x``. (C1) ``x`` is a number, of any kind but bool."""

    dtypes = NUMERIC
    linear_in = (("x",),)
    evaluate = staticmethod(np.negative)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value) -> Value:
        return b.neg(ct)


@operation("tensor.sign")
class Sign(Unary):
    """Element-wise sign: -1, 0 or 1, NaN of NaN; derivative zero. (C1) ``x`` is real or an integer."""

    dtypes = REAL
    piecewise_constant = True
    evaluate = staticmethod(np.sign)


@operation("tensor.abs")
class Abs(Unary):
    """Element-wise magnitude, real for complex ``x``; the derivative at 0 is 0.

    (C1) ``x`` is a number, of any kind but bool.
    """

    dtypes = NUMERIC
    evaluate = staticmethod(np.absolute)

    @staticmethod
    def infer(x: TensorType) -> TensorType:
        check_dtype("C1", x, NUMERIC)
        return x.with_dtype(x.dtype.char.lower()) if x.dtype in COMPLEX else x

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        if x.type.dtype not in COMPLEX:
            return b.mul(dx, b.sign(x))
        at_zero = b.compare(out, full(b, out.type, 0), direction="eq")
        divisor = b.select(at_zero, full(b, out.type, 1), out)
        direction = b.div(x, b.convert(divisor, dtype=x.type.dtype))
        return b.real(b.mul(dx, b.conj(direction)))


@operation("tensor.square")
class Square(Unary):
    """Element-wise ``x * x``. (C1) ``x`` is a number, of any kind but bool."""

    dtypes = NUMERIC
    evaluate = staticmethod(np.square)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.mul(x, full(b, x.type, 2)))


@operation("tensor.reciprocal")
class Reciprocal(Unary):
    """Element-wise ``1 / x``. (C1) ``x`` is floating point or complex."""

    domain = (0.3, 2.0)
    evaluate = staticmethod(np.reciprocal)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, b.neg(b.square(out)))


@operation("tensor.sqrt")
class Sqrt(Unary):
    """Element-wise square root; the derivative at 0 is infinite. (C1) ``x`` is floating point or complex."""

    domain = (0.2, 3.0)
    evaluate = staticmethod(np.sqrt)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        return b.div(b.mul(dx, full(b, out.type, 0.5)), out)


@operation("tensor.rsqrt")
class Rsqrt(Unary):
    """Element-wise ``1 / sqrt(x)``. (C1) ``x`` is floating point or complex."""

    domain = (0.3, 3.0)

    @staticmethod
    def evaluate(x: Array) -> Any:
        return np.reciprocal(np.sqrt(x))

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, b.mul(b.div(out, x), full(b, out.type, -0.5)))


# --- exponentials --------------------------------------------------------------------------------


@operation("tensor.exp")
class Exp(Unary):
    """Element-wise exponential. (C1) ``x`` is floating point or complex."""

    evaluate = staticmethod(np.exp)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, out)


@operation("tensor.expm1")
class Expm1(Unary):
    """Element-wise ``exp(x) - 1``, accurate near 0. (C1) ``x`` is floating point or complex."""

    evaluate = staticmethod(np.expm1)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, b.add(out, full(b, out.type, 1)))


@operation("tensor.log")
class Log(Unary):
    """Element-wise natural logarithm. (C1) ``x`` is floating point or complex."""

    domain = (0.1, 3.0)
    evaluate = staticmethod(np.log)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.div(dx, x)


@operation("tensor.log1p")
class Log1p(Unary):
    """Element-wise ``log(1 + x)``, accurate near 0. (C1) ``x`` is floating point or complex."""

    domain = (-0.7, 2.0)
    evaluate = staticmethod(np.log1p)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.div(dx, b.add(x, full(b, x.type, 1)))


@operation("tensor.sigmoid")
class Sigmoid(Unary):
    """Element-wise ``1 / (1 + exp(-x))``, which neither overflows nor cancels. (C1) ``x`` is floating point."""

    dtypes = FLOATING

    @staticmethod
    def evaluate(x: Array) -> Any:
        one = np.ones((), np.asarray(x).dtype)
        small = np.exp(-np.abs(x))
        return np.where(np.less(x, 0), small, one) / (one + small)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, b.mul(out, b.sub(full(b, out.type, 1), out)))


@operation("tensor.erf")
class Erf(Unary):
    """Element-wise error function (see `mixad.ops.special`). (C1) ``x`` is floating point."""

    dtypes = FLOATING
    evaluate = staticmethod(special.erf)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        slope = b.mul(b.exp(b.neg(b.square(x))), full(b, x.type, 2 / math.sqrt(math.pi)))
        return b.mul(dx, slope)


# --- piecewise constant functions ----------------------------------------------------------------


@operation("tensor.floor")
class Floor(Unary):
    """Largest whole number not above ``x``; derivative zero everywhere. (C1) ``x`` is floating point."""

    dtypes = FLOATING
    piecewise_constant = True
    evaluate = staticmethod(np.floor)


@operation("tensor.ceil")
class Ceil(Unary):
    """Smallest whole number not below ``x``; derivative zero everywhere. (C1) ``x`` is floating point."""

    dtypes = FLOATING
    piecewise_constant = True
    evaluate = staticmethod(np.ceil)


@operation("tensor.round")
class Round(Unary):
    """Nearest whole number, halves to even; derivative zero everywhere. (C1) ``x`` is floating point."""

    dtypes = FLOATING
    piecewise_constant = True
    evaluate = staticmethod(np.rint)


@operation("tensor.trunc")
class Trunc(Unary):
    """Whole part of ``x``, towards zero; derivative zero everywhere. (C1) ``x`` is floating point."""

    dtypes = FLOATING
    piecewise_constant = True
    evaluate = staticmethod(np.trunc)


@operation("tensor.real")
class Real(Unary):
    """Real part, of the complex type's own precision. (C1) ``x`` is complex.

    It is what `tensor.convert` from real to complex transposes to.
    """

    dtypes = COMPLEX
    linear_in = (("x",),)
    samples = (sample(np.array([1 + 2j, -0.5j])), sample(np.array(2 - 1j)))

    @staticmethod
    def infer(x: TensorType) -> TensorType:
        check_dtype("C1", x, COMPLEX)
        return x.with_dtype(np.float32 if x.dtype == np.complex64 else np.float64)

    @staticmethod
    def evaluate(x: Array) -> Any:
        return np.real(x).copy()

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value) -> Value:
        return b.convert(ct, dtype=x.type.dtype)


@operation("tensor.is_finite")
class IsFinite(Unary):
    """Whether each element is neither infinite nor NaN, as bool. (C1) ``x`` is floating point or complex."""

    piecewise_constant = True
    evaluate = staticmethod(np.isfinite)

    @staticmethod
    def infer(x: TensorType) -> TensorType:
        check_dtype("C1", x, INEXACT)
        return x.with_dtype(BOOL)
