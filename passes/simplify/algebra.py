"""Patterns of sums and products.

The form that they agree on: constants on the right, negations outside of products and sums, quotients instead of
products with reciprocals.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ...ir.builder import Builder
from ...ir.graph import Operation, Value
from ...ir.types import FLOATING
from ...ops.definition import full
from .patterns import defined_by, exactly, factor, has_one_use, never_negative, scaled, splat, table

# --- sums ------------------------------------------------------------------------------------------


@table.pattern("tensor.add")
def add_itself(op: Operation, b: Builder) -> Value | None:
    """x + x -> x * 2, exactly, but for complex numbers: the product of an infinite one with 2 + 0j is NaN."""
    x, y = op.operands
    if x is y and x.type.dtype.kind not in "bc":
        return b.mul(x, full(b, x.type, 2))
    return None


@table.pattern("tensor.add")
def add_negated(op: Operation, b: Builder) -> Value | None:
    """x + -y -> x - y and -x + y -> y - x, exactly."""
    x, y = op.operands
    if negated := defined_by(y, "tensor.neg"):
        return b.sub(x, negated.operands[0])
    if negated := defined_by(x, "tensor.neg"):
        return b.sub(y, negated.operands[0])
    return None


@table.pattern("tensor.sub")
def subtract_negated(op: Operation, b: Builder) -> Value | None:
    """x - -y -> x + y, exactly."""
    x, y = op.operands
    if negated := defined_by(y, "tensor.neg"):
        return b.add(x, negated.operands[0])
    return None


@table.pattern("tensor.sub")
def subtract_from_negated(op: Operation, b: Builder) -> Value | None:
    """-x - y -> -(x + y) in derivatives (they differ in the sign of zero elsewhere)."""
    x, y = op.operands
    negated = defined_by(x, "tensor.neg")
    return b.neg(b.add(negated.operands[0], y)) if negated and op.location.order else None


@table.pattern("tensor.add", "tensor.sub")
def collect_multiples(op: Operation, b: Builder) -> Value | None:
    """x * c1 + x * c2 -> x * (c1 + c2), and x * c + x -> x * (c + 1), where the new factor is exact. Not where the
    terms cancel: the difference of infinities is NaN."""
    if op.result.type.dtype not in FLOATING:
        return None
    (x, first), (y, second) = map(scaled, op.operands)
    second = second if op.name == "tensor.add" else -second
    if x is not y or first * second <= 0:
        return None
    total = exactly(first + second, op.result.type)
    return b.mul(x, full(b, x.type, total)) if total else None


@table.pattern("tensor.add")
def add_zero_tangent(op: Operation, b: Builder) -> Value | None:
    """x + 0 -> x in derivatives, where the sign of a zero means nothing (elsewhere -0.0 + 0.0 is 0.0)."""
    x, y = op.operands
    if op.location.order and splat(y) == 0:
        return x
    if op.location.order and splat(x) == 0:
        return y
    return None


@table.pattern("tensor.add")
def add_nothing(op: Operation, b: Builder) -> Value | None:
    """x + 0 -> x where x is never -0.0, exactly: a square, an exponential, sums of those."""
    x, y = op.operands
    return x if splat(y) == 0 and y.type.dtype in FLOATING and never_negative(x) else None


@table.pattern("tensor.sub")
def subtract_zero(op: Operation, b: Builder) -> Value | None:
    """x - 0 -> x, exactly."""
    x, y = op.operands
    number = splat(y)
    if number == 0 and np.signbit(np.real(number)) == np.False_ and x.type.dtype.kind != "c":
        return x
    return None


@table.pattern("tensor.neg")
def negate_twice(op: Operation, b: Builder) -> Value | None:
    """--x -> x and -(x - y) -> y - x in derivatives (they differ in the sign of zero elsewhere)."""
    if inner := defined_by(op.operands[0], "tensor.neg"):
        return inner.operands[0]
    inner = defined_by(op.operands[0], "tensor.sub")
    if inner and op.location.order and has_one_use(inner.result):
        return b.sub(inner.operands[1], inner.operands[0])
    return None


@table.pattern("tensor.neg")
def negate_constant(op: Operation, b: Builder) -> Value | None:
    """-(x * c) -> x * -c and -(c / y) -> -c / y, exactly."""
    inner = op.operands[0].owner
    if inner.name not in ("tensor.mul", "tensor.div") or not has_one_use(inner.result):
        return None
    x, y = inner.operands
    if inner.name == "tensor.mul" and (number := factor(y)):
        return b.mul(x, full(b, y.type, float(-number)))
    if inner.name == "tensor.div" and (number := factor(x)):
        return b.div(full(b, x.type, float(-number)), y)
    return None


@table.pattern("tensor.square", "tensor.abs")
def forget_sign(op: Operation, b: Builder) -> Value | None:
    """square(-x) -> square(x) and abs(-x) -> abs(x), exactly."""
    negated = defined_by(op.operands[0], "tensor.neg")
    if negated is None or (op.name == "tensor.abs" and op.result.type.dtype.kind == "u"):
        return None  # the magnitude of an unsigned number is that number
    return b.build(op.name, negated.operands[0]).result


# --- products --------------------------------------------------------------------------------------


@table.pattern("tensor.mul", "tensor.add", "tensor.logical_and", "tensor.logical_or", "tensor.logical_xor")
def constant_right(op: Operation, b: Builder) -> Value | None:
    """A constant operand stands on the right."""
    x, y = op.operands
    if x.owner.name == "tensor.constant" and y.owner.name != "tensor.constant":
        return b.build(op.name, y, x).result
    return None


@table.pattern("tensor.mul", "tensor.div", "ad.mul_no_nan")
def multiply_one(op: Operation, b: Builder) -> Value | None:
    """x * 1 -> x, x / 1 -> x, x * -1 -> -x, x / -1 -> -x, exactly."""
    x, y = op.operands
    if x.type.dtype.kind == "b":
        return None
    number = splat(y)
    if number == 1:
        return x
    if number == -1 and x.type.dtype.kind != "u":
        return b.neg(x)
    if op.name == "tensor.mul" and splat(x) == 1:
        return y
    if op.name == "ad.mul_no_nan" and splat(x) == 1:
        return y
    return None


@table.pattern("tensor.mul", "tensor.div", "ad.mul_no_nan")
def multiply_negated(op: Operation, b: Builder) -> Value | None:
    """Negations move out of products: -x * y -> -(x * y), and cancel in pairs; exactly (but for the sign of the zeros
    that an `ad.mul_no_nan` makes, which mean nothing in derivatives)."""
    x, y = op.operands
    left, right = defined_by(x, "tensor.neg"), defined_by(y, "tensor.neg")
    if left is None and right is None:
        return None
    product = b.build(op.name, left.operands[0] if left else x, right.operands[0] if right else y).result
    return product if left and right else b.neg(product)


@table.pattern("tensor.mul")
def multiply_constants(op: Operation, b: Builder) -> Value | None:
    """(x * c1) * c2 -> x * (c1 * c2) where c1 * c2 is exact."""
    second = factor(op.operands[1])
    if second is None or defined_by(op.operands[0], "tensor.mul") is None:
        return None
    x, first = scaled(op.operands[0])
    number = exactly(first * second, op.result.type)
    return b.mul(x, full(b, x.type, number)) if number and x is not op.operands[0] else None


@table.pattern("tensor.mul")
def multiply_doubled(op: Operation, b: Builder) -> Value | None:
    """(x * 2) * y -> (x * y) * 2 in derivatives, and so for other powers of two: exact, unless x * y is at the
    edge of what the element type holds."""
    if not op.location.order or factor(op.operands[1]) is not None:
        return None
    for value, other in (op.operands, op.operands[::-1]):
        x, number = scaled(value)
        if x is not value and has_one_use(value) and abs(number) in _POWERS_OF_TWO:
            return b.mul(b.mul(x, other), full(b, x.type, float(number)))
    return None


_POWERS_OF_TWO = frozenset(Fraction(2) ** exponent for exponent in range(-24, 25))


@table.pattern("tensor.mul")
def multiply_itself(op: Operation, b: Builder) -> Value | None:
    """x * x -> square(x), exactly."""
    x, y = op.operands
    return b.square(x) if x is y and x.type.dtype.kind != "b" else None


@table.pattern("tensor.pow")
def power_of_constant(op: Operation, b: Builder) -> Value | None:
    """x ** 0 -> 1, x ** 1 -> x, x ** 2 -> square(x), x ** -1 -> 1 / x: at most as many roundings."""
    x, y = op.operands
    number = splat(y)
    if number == 0:
        return full(b, x.type, 1)
    if number == 1:
        return x
    if number == 2:
        return b.square(x)
    if number == -1 and x.type.differentiable:
        return b.reciprocal(x)
    return None


@table.pattern("tensor.div")
def divide_one(op: Operation, b: Builder) -> Value | None:
    """1 / x -> reciprocal(x), exactly for real numbers."""
    x, y = op.operands
    return b.reciprocal(y) if splat(x) == 1 and x.type.dtype in FLOATING else None


@table.pattern("tensor.div")
def divide_power_of_two(op: Operation, b: Builder) -> Value | None:
    """x / c -> x * (1 / c), exactly, where c and 1 / c are powers of two that the element type holds."""
    x, y = op.operands
    number = factor(y)
    if not number or abs(number).numerator & (abs(number).numerator - 1):
        return None
    if abs(number).denominator & (abs(number).denominator - 1):
        return None
    inverse = exactly(1 / number, y.type)
    return b.mul(x, full(b, y.type, inverse)) if inverse else None


@table.pattern("tensor.mul")
def multiply_reciprocal(op: Operation, b: Builder) -> Value | None:
    """x * (1 / y) -> x / y: one rounding less."""
    x, y = op.operands
    for value, other in ((y, x), (x, y)):
        inverse = defined_by(value, "tensor.reciprocal")
        if inverse and has_one_use(value):
            return b.div(other, inverse.operands[0])
    return None
