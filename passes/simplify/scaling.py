"""Patterns of constant factors: they go where arrays are small.

They belong to `strength-reduce`, behind every derivative: before, a factor inside a product would keep that product
from being recognised where it appears without it. Factors that bring large or small numbers into range stay.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from ...ir.builder import Builder
from ...ir.graph import Operation, Value
from ...ops.definition import full
from .patterns import defined_by, has_one_use, ordinary_factor
from .strength import table
from .sums import WIDE, rearrangeable

_DEPTH: Final = 4


@table.pattern("tensor.mul")
def scale_small(op: Operation, b: Builder) -> Value | None:
    """(x * y) * c -> x * (y * c), where y is repeated, or an operand of a contraction, and at most half as large as the
    product. Chains of products, quotients and contractions are looked through.

    In derivatives c is any number, elsewhere a power of two below 1: that changes no bit of the result, unless y is
    so small that y * c is below the smallest normal number, or x * y overflows where x * y * c does not.
    """
    number = ordinary_factor(op.operands[1])
    if not number or not op.result.type.size or not (rearrangeable(op) or _is_exact(number, op)):
        return None
    return _scaled_inside(op.operands[0], op.operands[1], b, _DEPTH)


def _is_exact(number: Fraction, op: Operation) -> bool:
    small = abs(number) < 1 and abs(number.numerator) == 1 and number.denominator.bit_count() == 1
    return small and op.result.type.dtype in WIDE


def _scaled_inside(x: Value, constant: Value, b: Builder, depth: int) -> Value | None:
    """``x * constant``, multiplied where ``x`` has a small factor; None where it has none."""
    op = x.owner
    if op.name == "tensor.broadcast_in_dim":
        small = op.operands[0]
        if small.type.size * 2 > x.type.size:
            return None
        return b.broadcast_in_dim(_times(small, constant, b), shape=x.type.shape, dims=op.attributes["dims"])
    if op.name not in _LINEAR or depth == 0 or not has_one_use(x):
        return None
    for position in _LINEAR[op.name]:
        part = op.operands[position]
        inside = _scaled_inside(part, constant, b, depth - 1)
        if inside is None and op.name == "tensor.contract" and part.type.size * 2 <= x.type.size:
            inside = _times(part, constant, b)
        if inside is not None:
            operands = [inside if i == position else value for i, value in enumerate(op.operands)]
            return b.build(op.name, *operands, **op.attributes).result
    return None


#: The operands through which a factor may enter an operation.
_LINEAR: Final = {
    "tensor.mul": (0, 1),
    "tensor.div": (0,),
    "tensor.contract": (0, 1),
    "tensor.reshape": (0,),
    "tensor.transpose": (0,),
}


def _times(x: Value, constant: Value, b: Builder) -> Value:
    product: Value = b.mul(x, full(b, x.type, _number(constant)))
    return product


def _number(constant: Value) -> complex:
    number: complex = constant.owner.attributes["value"].data.item()
    return number


@table.pattern("tensor.contract")
def scale_after(op: Operation, b: Builder) -> Value | None:
    """A contraction of x * c, in derivatives, is multiplied by c behind it, where its result is at most half as large
    as x, and x * c is there for such contractions alone."""
    if not rearrangeable(op) or not op.result.type.size:
        return None
    for position, x in enumerate(op.operands):
        product = defined_by(x, "tensor.mul")
        if product is None or not ordinary_factor(product.operands[1]) or product.graph is None:
            continue
        users = [user for user, _ in product.graph.uses(x)]
        small = sum(user.results[0].type.size for user in users if user.name == "tensor.contract") * 2 <= x.type.size
        if small and all(user.name == "tensor.contract" and user.location.order for user in users):
            operands = [product.operands[0] if i == position else value for i, value in enumerate(op.operands)]
            return _times(b.contract(*operands, spec=op.attributes["spec"]), product.operands[1], b)
    return None
