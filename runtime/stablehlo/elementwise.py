"""Element-wise operations that StableHLO does not have under one name, composed of those that it has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...ir.graph import Operation
from ...ir.types import COMPLEX, INTEGER
from .writer import Tensor, Writer

#: Writes one operation: the writer, the operation, its operands.
Row = Callable[..., Tensor]


def unary(name: str) -> Row:
    """The row of an operation that StableHLO or CHLO has."""
    return lambda w, op, x: w.unary(name, x)


def binary(name: str) -> Row:
    """The row of an operation of two operands that StableHLO has."""
    return lambda w, op, x, y: w.binary(name, x, y)


def identity(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """``x`` itself."""
    return x


def sign(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """The sign; of unsigned integers the smaller of them and 1."""
    if x.type.dtype.kind == "u":
        return w.binary("minimum", x, w.full(x.type, 1))
    return w.unary("sign", x)


def absolute(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """The magnitude; StableHLO's takes no unsigned integers."""
    return x if x.type.dtype.kind == "u" else w.op("abs", [x], op.result.type)


def square(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """``x * x``."""
    return w.binary("multiply", x, x)


def reciprocal(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """``1 / x``."""
    return w.binary("divide", w.full(x.type, 1), x)


def trunc(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """Rounded up below zero, down elsewhere."""
    return w.select(w.compare(x, w.full(x.type, 0), "lt"), w.unary("ceil", x), w.unary("floor", x))


def part(name: str) -> Row:
    """The row of the real or imaginary part."""
    return lambda w, op, x: w.part(name, x)


def conj(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """The complex conjugate."""
    return w.conj(x)


def make_complex(w: Writer, op: Operation, x: Tensor, y: Tensor) -> Tensor:
    """Complex numbers of their parts."""
    return w.op("complex", [x, y], op.result.type)


def is_finite(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """Of a complex number both parts are asked."""
    flags = op.result.type
    if x.type.dtype not in COMPLEX:
        return w.op("is_finite", [x], flags)
    return w.binary("and", *[w.op("is_finite", [w.part(name, x)], flags) for name in ("real", "imag")])


def sign_bit(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """Whether the same bits are a negative integer."""
    bits = w.op("bitcast_convert", [x], x.type.with_dtype(np.dtype(f"i{x.type.dtype.itemsize}")))
    return w.compare(bits, w.full(bits.type, 0), "lt")


def compare(w: Writer, op: Operation, x: Tensor, y: Tensor) -> Tensor:
    """A comparison."""
    return w.compare(x, y, op.attributes["direction"])


def select(w: Writer, op: Operation, pred: Tensor, on_true: Tensor, on_false: Tensor) -> Tensor:
    """A choice."""
    return w.select(pred, on_true, on_false)


def convert(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """Another element type."""
    return w.convert(x, op.result.type.dtype)


def mul_no_nan(w: Writer, op: Operation, x: Tensor, y: Tensor) -> Tensor:
    """The product, zero where ``x`` is."""
    zero = w.full(x.type, 0)
    return w.select(w.compare(x, zero, "eq"), zero, w.binary("multiply", x, y))


def _other_sign(w: Writer, rest: Tensor, y: Tensor) -> Tensor:
    """Whether the remainder of a division towards zero is not zero and has not ``y``'s sign."""
    zero = w.full(y.type, 0)
    differs = w.compare(w.compare(rest, zero, "lt"), w.compare(y, zero, "lt"), "ne")
    return w.binary("and", w.compare(rest, zero, "ne"), differs)


def _divisor(w: Writer, y: Tensor) -> tuple[Tensor, Tensor]:
    """Where an integer divisor is zero, for which StableHLO has no result, and the divisor with 1 there."""
    zero = w.compare(y, w.full(y.type, 0), "eq")
    return zero, w.select(zero, w.full(y.type, 1), y)


def remainder(w: Writer, op: Operation, x: Tensor, y: Tensor) -> Tensor:
    """StableHLO's remainder has the sign of ``x``; of integers by zero it is 0, as NumPy's."""
    if y.type.dtype in INTEGER:
        _, y = _divisor(w, y)
        rest = w.binary("remainder", x, y)
        return w.select(_other_sign(w, rest, y), w.binary("add", rest, y), rest)
    rest, zero = w.binary("remainder", x, y), w.full(y.type, 0)
    signed = w.select(w.compare(y, zero, "lt"), w.full(y.type, -0.0), zero)
    rest = w.select(w.compare(rest, zero, "eq"), signed, rest)
    return w.select(_other_sign(w, rest, y), w.binary("add", rest, y), rest)


def floor_divide(w: Writer, op: Operation, x: Tensor, y: Tensor) -> Tensor:
    """The quotient towards zero, less one where the remainder has the other sign; of integers by zero it is 0."""
    zero, one = w.full(x.type, 0), w.full(x.type, 1)
    if y.type.dtype in INTEGER:
        by_zero, y = _divisor(w, y)
        quotient, rest = w.binary("divide", x, y), w.binary("remainder", x, y)
        floor = w.select(_other_sign(w, rest, y), w.binary("subtract", quotient, one), quotient)
        return w.select(by_zero, zero, floor)
    rest = w.binary("remainder", x, y)
    # The difference is a multiple of y but for rounding, so the quotient is rounded to the nearest whole number.
    quotient = w.binary("divide", w.binary("subtract", x, rest), y)
    quotient = w.select(_other_sign(w, rest, y), w.binary("subtract", quotient, one), quotient)
    whole = w.unary("round_nearest_even", quotient)
    return w.select(w.compare(y, zero, "eq"), w.binary("divide", x, y), whole)
