"""The ad dialect's operations that run: marks that differentiation respects, and products that it writes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.errors import ShapeConstraint
from ..ir.types import TensorType
from .definition import Op, operation, sample


@operation("ad.stop_gradient")
class StopGradient(Op):
    """The identity; its derivative is zero, at every order and in every mode."""

    piecewise_constant = True
    samples = (sample((2, 3)),)

    @staticmethod
    def infer(x: TensorType) -> TensorType:
        return x

    @staticmethod
    def evaluate(x: Any) -> Any:
        return np.asarray(x)


@operation("ad.mul_no_nan")
class MulNoNan(Op):
    """Product in which an exactly zero ``x`` gives zero, even where ``y`` is NaN or infinite.

    `transpose` writes it where a cotangent was cut by a `tensor.select`: the branch not taken has an
    exactly zero cotangent, and no residual of that branch may turn it into NaN. Linear in ``x``, and
    in ``y`` for a fixed ``x``. (C1) ``x`` and ``y`` have one type.
    """

    elementwise = True
    linear_in = (("x",), ("y",))
    samples = (sample((2, 3), (2, 3)),)

    @staticmethod
    def infer(x: TensorType, y: TensorType) -> TensorType:
        if x is not y:
            raise ShapeConstraint("C1", f"operand 0 is {x} and operand 1 is {y}")
        return x

    @staticmethod
    def evaluate(x: Any, y: Any) -> Any:
        with np.errstate(invalid="ignore"):
            return np.where(x == 0, np.zeros((), np.asarray(x).dtype), np.multiply(x, y))

    @staticmethod
    def transpose_x(b: Any, ct: Any, x: Any, y: Any) -> Any:
        return b.mul(ct, y)

    @staticmethod
    def transpose_y(b: Any, ct: Any, x: Any, y: Any) -> Any:
        return b.mul_no_nan(x, ct)
