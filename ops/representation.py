"""What depends on how a number is represented: its sign bit, and the number next to it."""

from __future__ import annotations

import numpy as np

from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.types import BOOL, FLOATING, TensorType
from .arithmetic import Binary
from .definition import operation, zeros
from .elementwise import Unary, check_dtype


@operation("tensor.sign_bit")
class SignBit(Unary):
    """Whether the sign bit of each element is set, as bool; so it is of -0.0. (C1) ``x`` is floating point."""

    piecewise_constant = True
    evaluate = staticmethod(np.signbit)

    @staticmethod
    def infer(x: TensorType) -> TensorType:
        check_dtype("C1", x, FLOATING)
        return x.with_dtype(BOOL)


@operation("tensor.next_after")
class NextAfter(Binary):
    """Element-wise next representable number from ``x`` towards ``y``, as `numpy.nextafter`.

    (C1) one shape, (C2) one element type, (C3) floating point. The derivative is 1 by ``x`` and 0 by ``y``: that of the
    identity, from which the result is one rounding away.
    """

    dtypes = FLOATING
    evaluate = staticmethod(np.nextafter)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, y: Value) -> Value:
        return dx

    @staticmethod
    def jvp_y(b: Builder, dy: Value, x: Value, y: Value) -> Value:
        return zeros(b, dy.type)
