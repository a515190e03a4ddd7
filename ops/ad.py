"""The ad dialect's operations that run: marks that differentiation respects, and products that it writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import ShapeConstraint
from ..ir.graph import Value
from ..ir.types import TensorType
from .batching import with_batch
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


@operation("ad.barrier")
class Barrier(Op):
    """The identity in ``x``, which is not to be had before the operands ``after`` are.

    `inline` writes it where it puts in the recomputation of a checkpointed function: nothing that is computed of the
    result is a common subexpression with what was computed of ``x``, and nothing of it can run ahead of the cotangents.
    """

    linear_in = (("x",),)
    constant_in = ("after",)
    samples = (sample((2, 3)), sample((2, 3), (4,)), sample((3,), (), np.arange(2)))

    @staticmethod
    def infer(x: TensorType, *after: TensorType) -> TensorType:
        return x

    @staticmethod
    def evaluate(x: Any, *after: Any) -> Any:
        return np.asarray(x)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *after: Value) -> Value:
        found: Value = b.barrier(ct, *after)
        return found

    @staticmethod
    def batch(b: Builder, size: int, batched: Sequence[bool], x: Value, *after: Value) -> Value:
        found: Value = b.barrier(with_batch(b, x, batched[0], size), *after)
        return found


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
