"""Comparison, logic and choice."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import DTypeConstraint, ShapeConstraint
from ..ir.graph import Value
from ..ir.types import BOOL, COMPLEX, DTYPE_NAMES, INTEGER, TensorType
from .arithmetic import Binary, check_same
from .definition import Array, Op, operation, sample, zeros
from .elementwise import Unary, check_dtype

LOGICAL = INTEGER | {BOOL}
_TRUTH = (np.array([True, True, False, False]), np.array([True, False, True, False]))
_BITS = (np.array([12, -1, 5]), np.array([10, 7, 0]))

DIRECTIONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}


@operation("tensor.logical_not")
class LogicalNot(Unary):
    """Element-wise negation. (C1) ``x`` is bool."""

    dtypes = frozenset({BOOL})
    piecewise_constant = True
    samples = (sample(_TRUTH[0]), sample(np.array(False)))
    evaluate = staticmethod(np.logical_not)


@operation("tensor.logical_and")
class LogicalAnd(Binary):
    """Element-wise and, bit by bit for integers. (C1) one shape, (C2) one element type, (C3) bool or integers."""

    dtypes = LOGICAL
    piecewise_constant = True
    samples = (sample(*_TRUTH), sample(*_BITS))
    evaluate = staticmethod(np.bitwise_and)


@operation("tensor.logical_or")
class LogicalOr(Binary):
    """Element-wise or, bit by bit for integers. (C1) one shape, (C2) one element type, (C3) bool or integers."""

    dtypes = LOGICAL
    piecewise_constant = True
    samples = (sample(*_TRUTH), sample(*_BITS))
    evaluate = staticmethod(np.bitwise_or)


@operation("tensor.logical_xor")
class LogicalXor(Binary):
    """Element-wise exclusive or, bit by bit for integers.

    (C1) one shape, (C2) one element type, (C3) bool or integers.
    """

    dtypes = LOGICAL
    piecewise_constant = True
    samples = (sample(*_TRUTH), sample(*_BITS))
    evaluate = staticmethod(np.bitwise_xor)


@operation("tensor.compare")
class Compare(Op):
    """Element-wise comparison, as bool; derivative zero. ``direction`` is eq, ne, lt, le, gt or ge.

    (C1) one shape, (C2) one element type, (C3) the direction is one of the six, (C4) complex numbers
    compare by eq and ne only.
    """

    elementwise = True
    piecewise_constant = True
    samples = (
        *(sample((3,), (3,), direction=direction) for direction in DIRECTIONS),
        sample((), (), direction="lt"),
        sample(np.array([1.0, 2.0, np.nan]), np.array([1.0, 1.0, np.nan]), direction="ge"),
    )

    @staticmethod
    def infer(x: TensorType, y: TensorType, *, direction: str) -> TensorType:
        check_same(x, y)
        if direction not in DIRECTIONS:
            raise ShapeConstraint("C3", f"direction is {direction!r}; it is one of {', '.join(DIRECTIONS)}")
        if x.dtype in COMPLEX and direction not in ("eq", "ne"):
            raise DTypeConstraint("C4", f"direction {direction} has no meaning for {DTYPE_NAMES[x.dtype]}")
        return x.with_dtype(BOOL)

    @staticmethod
    def evaluate(x: Array, y: Array, *, direction: str) -> Any:
        return DIRECTIONS[direction](x, y)


@operation("tensor.select")
class Select(Op):
    """``on_true`` where ``pred`` holds, ``on_false`` elsewhere.

    (C1) ``on_true`` and ``on_false`` have one shape and (C2) one element type; (C3) ``pred`` is bool
    (C4) and of the same shape.
    """

    elementwise = True
    linear_in = (("on_true", "on_false"),)
    constant_in = ("pred",)
    samples = (
        sample(np.array([True, False, True]), (3,), (3,)),
        sample(np.array(False), (), ()),
        sample(np.array([[True, False], [False, False]]), (2, 2), (2, 2)),
        sample(np.zeros((0, 2), bool), (0, 2), (0, 2)),
    )

    @staticmethod
    def infer(pred: TensorType, on_true: TensorType, on_false: TensorType) -> TensorType:
        check_same(on_true, on_false, (1, 2))
        check_dtype("C3", pred, frozenset({BOOL}))
        if pred.shape != on_true.shape:
            raise ShapeConstraint("C4", f"operand 0 has shape {pred.shape} and operand 1 has shape {on_true.shape}")
        return on_true

    @staticmethod
    def evaluate(pred: Array, on_true: Array, on_false: Array) -> Any:
        return np.where(pred, on_true, on_false)

    @staticmethod
    def transpose_on_true(b: Builder, ct: Value, pred: Value, on_true: Value, on_false: Value) -> Value:
        return b.select(pred, ct, zeros(b, ct.type))

    @staticmethod
    def transpose_on_false(b: Builder, ct: Value, pred: Value, on_true: Value, on_false: Value) -> Value:
        return b.select(pred, zeros(b, ct.type), ct)
