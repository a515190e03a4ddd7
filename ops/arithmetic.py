"""Element-wise functions of two operands of one type: arithmetic, powers, extrema.

The constraints of all of them: (C1) one shape, (C2) one element type, (C3) of a kind that the
operation takes.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import DTypeConstraint, ShapeConstraint
from ..ir.graph import Value
from ..ir.types import DTYPE_NAMES, FLOATING, INEXACT, INTEGER, TensorType
from .definition import Op, Sample, full, operation, sample, zeros
from .elementwise import NUMERIC, REAL, check_dtype


def check_same(x: TensorType, y: TensorType, positions: tuple[int, int] = (0, 1)) -> None:
    """Raise (C1) where the shapes differ, (C2) where the element types do."""
    if x is y:
        return
    first, second = positions
    if x.shape != y.shape:
        raise ShapeConstraint("C1", f"operand {first} has shape {x.shape} and operand {second} has shape {y.shape}")
    names = DTYPE_NAMES[x.dtype], DTYPE_NAMES[y.dtype]
    raise DTypeConstraint("C2", f"operand {first} is {names[0]} and operand {second} is {names[1]}")


class Binary(Op):
    """An element-wise function of two operands of one type, which is the result's type too."""

    elementwise = True
    #: Element types taken: (C3) of every binary operation.
    dtypes: ClassVar[frozenset[np.dtype[Any]]] = INEXACT
    samples: ClassVar[tuple[Sample, ...]] = (sample((), ()), sample((2, 3), (2, 3)), sample((0, 2), (0, 2)))

    def __init_subclass__(cls) -> None:
        dtypes = cls.dtypes

        def infer(x: TensorType, y: TensorType) -> TensorType:
            check_same(x, y)
            check_dtype("C3", x, dtypes)
            return x

        if "infer" not in cls.__dict__:
            cls.infer = staticmethod(infer)


@operation("tensor.add")
class Add(Binary):
    """Element-wise sum. (C1) one shape, (C2) one element type, (C3) numbers of any kind but bool."""

    dtypes = NUMERIC
    linear_in = (("x", "y"),)
    evaluate = staticmethod(np.add)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, y: Value) -> Value:
        return dx

    @staticmethod
    def jvp_y(b: Builder, dy: Value, x: Value, y: Value) -> Value:
        return dy

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, y: Value) -> Value:
        return ct

    @staticmethod
    def transpose_y(b: Builder, ct: Value, x: Value, y: Value) -> Value:
        return ct


@operation("tensor.sub")
class Sub(Binary):
    """Element-wise difference. (C1) one shape, (C2) one element type, (C3) numbers of any kind but bool."""

    dtypes = NUMERIC
    linear_in = (("x", "y"),)
    evaluate = staticmethod(np.subtract)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, y: Value) -> Value:
        return dx

    @staticmethod
    def jvp_y(b: Builder, dy: Value, x: Value, y: Value) -> Value:
        return b.neg(dy)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, y: Value) -> Value:
        return ct

    @staticmethod
    def transpose_y(b: Builder, ct: Value, x: Value, y: Value) -> Value:
        return b.neg(ct)


@operation("tensor.mul")
class Mul(Binary):
    """Element-wise product. (C1) one shape, (C2) one element type, (C3) numbers of any kind but bool."""

    dtypes = NUMERIC
    linear_in = (("x",), ("y",))
    evaluate = staticmethod(np.multiply)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, y: Value) -> Value:
        return b.mul(ct, y)

    @staticmethod
    def transpose_y(b: Builder, ct: Value, x: Value, y: Value) -> Value:
        return b.mul(ct, x)


@operation("tensor.div")
class Div(Binary):
    """Element-wise true quotient. (C1) one shape, (C2) one element type, (C3) floating point or complex."""

    linear_in = (("x",),)
    domain = ((-2.0, 2.0), (0.5, 2.0))
    evaluate = staticmethod(np.divide)

    @staticmethod
    def jvp_y(b: Builder, dy: Value, x: Value, y: Value, *, out: Value) -> Value:
        return b.neg(b.div(b.mul(dy, out), y))

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, y: Value) -> Value:
        return b.div(ct, y)


@operation("tensor.pow")
class Pow(Binary):
    """Element-wise ``x ** y``. (C1) one shape, (C2) one element type, (C3) floating point or complex.

    At ``x = y = 0`` the derivative with respect to ``x`` is 0. At ``x = 0``, ``y >= 0`` that with
    respect to ``y`` is 0.
    """

    domain = ((0.3, 2.0), (-2.0, 3.0))
    samples = (*Binary.samples, sample(np.array([0.7, 2.0, 1.0]), np.array([0.0, -1.0, 2.0])))
    evaluate = staticmethod(np.power)

    # Both rules replace a number *before* the singular function, so that the derivatives of the rules
    # themselves meet no infinity either.

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, y: Value) -> Value:
        zero, one = zeros(b, x.type), full(b, x.type, 1)
        at_zero = b.logical_and(b.compare(y, zero, direction="eq"), b.compare(x, zero, direction="eq"))
        exponent = b.sub(b.select(at_zero, one, y), one)
        return b.mul(dx, b.mul(y, b.pow(x, exponent)))

    @staticmethod
    def jvp_y(b: Builder, dy: Value, x: Value, y: Value, *, out: Value) -> Value:
        zero = zeros(b, x.type)
        at_zero = b.compare(x, zero, direction="eq")
        if x.type.dtype in FLOATING:
            at_zero = b.logical_and(at_zero, b.compare(y, zero, direction="ge"))
        return b.mul(dy, b.mul(out, b.log(b.select(at_zero, full(b, x.type, 1), x))))


@operation("tensor.atan2")
class Atan2(Binary):
    """Element-wise angle of the point with ordinate ``x`` and abscissa ``y``, as `numpy.arctan2`.

    (C1) one shape, (C2) one element type, (C3) floating point. The derivative at the origin is NaN.
    """

    dtypes = FLOATING
    domain = (0.3, 2.0)
    evaluate = staticmethod(np.arctan2)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, y: Value) -> Value:
        return b.mul(dx, b.div(y, b.add(b.square(x), b.square(y))))

    @staticmethod
    def jvp_y(b: Builder, dy: Value, x: Value, y: Value) -> Value:
        return b.mul(dy, b.neg(b.div(x, b.add(b.square(x), b.square(y)))))


def _share(b: Builder, tangent: Value, x: Value, y: Value, direction: str) -> Value:
    """The tangent of the operand ``x`` where it is the extremum, half of it where the two tie."""
    half, one = full(b, x.type, 0.5), full(b, x.type, 1)
    weight = b.select(b.compare(x, y, direction="eq"), half, one)
    chosen = b.compare(x, y, direction=direction)
    return b.select(chosen, b.mul(tangent, weight), zeros(b, tangent.type))


@operation("tensor.maximum")
class Maximum(Binary):
    """Element-wise larger number, NaN where either is NaN. Where the two tie each has derivative 1/2.

    (C1) one shape, (C2) one element type, (C3) floating point or integers.
    """

    dtypes = REAL
    evaluate = staticmethod(np.maximum)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, y: Value) -> Value:
        return _share(b, dx, x, y, "ge")

    @staticmethod
    def jvp_y(b: Builder, dy: Value, x: Value, y: Value) -> Value:
        return _share(b, dy, y, x, "ge")


@operation("tensor.minimum")
class Minimum(Binary):
    """Element-wise smaller number, NaN where either is NaN. Where the two tie each has derivative 1/2.

    (C1) one shape, (C2) one element type, (C3) floating point or integers.
    """

    dtypes = REAL
    evaluate = staticmethod(np.minimum)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, y: Value) -> Value:
        return _share(b, dx, x, y, "le")

    @staticmethod
    def jvp_y(b: Builder, dy: Value, x: Value, y: Value) -> Value:
        return _share(b, dy, y, x, "le")


@operation("tensor.remainder")
class Remainder(Binary):
    """Element-wise remainder with the sign of ``y``, as `numpy.remainder`.

    (C1) one shape, (C2) one element type, (C3) floating point or integers. At its jumps the derivative
    is that of the branch taken.
    """

    dtypes = REAL
    domain = ((2.1, 2.4), (0.9, 1.0))
    evaluate = staticmethod(np.remainder)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, y: Value) -> Value:
        return dx

    @staticmethod
    def jvp_y(b: Builder, dy: Value, x: Value, y: Value) -> Value:
        return b.mul(dy, b.neg(b.floor_divide(x, y)))


@operation("tensor.floor_divide")
class FloorDivide(Binary):
    """Element-wise quotient rounded down, as `numpy.floor_divide`; derivative zero everywhere.

    (C1) one shape, (C2) one element type, (C3) floating point or integers.
    """

    dtypes = REAL
    domain = ((2.1, 2.4), (0.9, 1.0))
    piecewise_constant = True
    evaluate = staticmethod(np.floor_divide)


@operation("tensor.gcd")
class Gcd(Binary):
    """Element-wise greatest common divisor of the magnitudes, as `numpy.gcd`; that of zeros is 0.

    (C1) one shape, (C2) one element type, (C3) integers.
    """

    dtypes = INTEGER
    piecewise_constant = True
    samples = (
        sample(np.array([12, -18, 0, 7]), np.array([8, 27, 0, 0])),
        sample(np.zeros((0, 2), int), np.zeros((0, 2), int)),
    )
    evaluate = staticmethod(np.gcd)
