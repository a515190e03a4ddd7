"""Patterns of sums and factors: arithmetic is done where the arrays are small.

Those that change roundings, or what an infinite factor gives, are for derivatives alone. There a sum of n products
keeps its error bound, n roundings of the sum of the absolute values, wherever its common factor stands; what the
element type's ends do (an overflow of the sum before the factor makes it small) is the exception, so 16-bit numbers,
whose end is near, are left out.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np

from ...ir.builder import Builder
from ...ir.graph import Operation, Value
from ...ir.types import COMPLEX, FLOATING
from ...ops.definition import full
from .patterns import defined_by, exactly, has_one_use, ordinary_factor, table
from .repetition import repeated_axes, without_axes

#: Element types of which sums and products may be arranged anew in derivatives.
WIDE: Final = frozenset((np.dtype(np.float32), np.dtype(np.float64), *COMPLEX))


def rearrangeable(op: Operation) -> bool:
    """Whether an operation is part of a derivative, of an element type whose range is wide."""
    return bool(op.location.order) and op.result.type.dtype in WIDE


# --- sums ------------------------------------------------------------------------------------------


@table.pattern("tensor.reduce_sum")
def sum_negated(op: Operation, b: Builder) -> Value | None:
    """The sum of -x is minus the sum of x, in derivatives (elsewhere the sign of a zero would change)."""
    x = op.operands[0]
    negated = defined_by(x, "tensor.neg")
    if negated is None or not op.location.order or not has_one_use(x):
        return None
    return b.neg(b.reduce_sum(negated.operands[0], axes=op.attributes["axes"]))


@table.pattern("tensor.reduce_sum")
def sum_multiple(op: Operation, b: Builder) -> Value | None:
    """The sum of x * c is the sum of x, times c, in derivatives, unless c brings x into range."""
    x = op.operands[0]
    product = defined_by(x, "tensor.mul")
    if product is None or not rearrangeable(op) or not has_one_use(x) or op.result.type.size >= x.type.size:
        return None
    number = ordinary_factor(product.operands[1])
    if number is None:
        return None
    return b.mul(b.reduce_sum(product.operands[0], axes=op.attributes["axes"]), full(b, op.result.type, float(number)))


@table.pattern("tensor.reduce_sum")
def sum_common_factor(op: Operation, b: Builder) -> Value | None:
    """The sum of x * y, where y is repeated along the axes of the sum, is the sum of x, times y; and so the sum of
    x / y. In derivatives."""
    x, axes = op.operands[0], op.attributes["axes"]
    if x.owner.name not in ("tensor.mul", "tensor.div") or not rearrangeable(op) or not has_one_use(x):
        return None
    pairs = (x.owner.operands, x.owner.operands[::-1])
    for other, common in pairs if x.owner.name == "tensor.mul" else pairs[:1]:
        repeat = defined_by(common, "tensor.broadcast_in_dim")
        if repeat and repeated_axes(repeat) >= set(axes):
            outside = without_axes(b, repeat, axes, op.result.type.shape)
            return b.build(x.owner.name, b.reduce_sum(other, axes=axes), outside).result
    return None


@table.pattern("tensor.reduce_sum")
def sum_repeated(op: Operation, b: Builder) -> Value | None:
    """The sum of n equal numbers x is n * x: one rounding. Of complex numbers in derivatives alone: the product of an
    infinite one with n + 0j is NaN."""
    x, axes = op.operands[0], op.attributes["axes"]
    repeat = defined_by(x, "tensor.broadcast_in_dim")
    if repeat is None or not repeated_axes(repeat) >= set(axes):
        return None
    if not (rearrangeable(op) or op.result.type.dtype in WIDE & FLOATING):
        return None
    count = exactly(Fraction(x.type.size, max(op.result.type.size, 1)), op.result.type) if x.type.size else None
    if count is None:
        return None
    return b.mul(without_axes(b, repeat, axes, op.result.type.shape), full(b, op.result.type, count))


@table.pattern("tensor.add")
def add_again(op: Operation, b: Builder) -> Value | None:
    """(x + y) + y -> x + y * 2 in derivatives: a rounding less, and the factor finds a smaller place."""
    if not rearrangeable(op):
        return None
    for total, again in (op.operands, op.operands[::-1]):
        inner = defined_by(total, "tensor.add")
        if inner is None or not has_one_use(total) or again not in inner.operands:
            continue
        rest = inner.operands[1] if inner.operands[0] is again else inner.operands[0]
        return b.add(rest, b.mul(again, full(b, again.type, 2)))
    return None
