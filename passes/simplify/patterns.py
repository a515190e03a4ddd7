"""The table of canonicalize's patterns, and what patterns ask of values.

Every rewrite gives the same bits as what it replaces, or fewer roundings. The exceptions, which concern zeros and
infinite factors inside derivatives, are named where they stand.
"""

from __future__ import annotations

import functools
from fractions import Fraction
from typing import Final

import numpy as np

from ...ir.attributes import Dense
from ...ir.graph import Operation, Value
from ...ir.rewriting import PatternTable
from ...ir.types import FLOATING, TensorType

table = PatternTable()


def splat(value: Value) -> complex | None:
    """The number that a constant repeats; None for anything else, NaN included."""
    op = value.owner
    if op.name != "tensor.constant":
        return None
    dense: Dense = op.attributes["value"]
    if not dense.is_splat:
        return None
    number: complex = dense.data.item()
    return number if number == number else None


def defined_by(value: Value, name: str) -> Operation | None:
    """The operation that makes ``value``, if it is called ``name``."""
    return value.owner if value.owner.name == name else None


def has_one_use(value: Value) -> bool:
    """Whether ``value`` is used once: what makes it goes when that use does."""
    graph = value.owner.graph
    return graph is not None and graph.has_one_use(value)


def factor(value: Value) -> Fraction | None:
    """The finite number that a floating-point constant repeats; None for anything else."""
    if value.owner.name != "tensor.constant" or value.type.dtype not in FLOATING:
        return None
    number = splat(value)
    return _fraction(float(np.real(number))) if number is not None and np.isfinite(number) else None


@functools.lru_cache(maxsize=4096)
def _fraction(number: float) -> Fraction:
    return Fraction(number)


def ordinary(number: Fraction) -> bool:
    """Whether products of a few such numbers are far from the ends of every wide element type, so that one may be
    multiplied elsewhere than with what makes up for it."""
    return Fraction(1, 2**24) <= abs(number) <= 2**24


def ordinary_factor(value: Value) -> Fraction | None:
    """The ordinary number that a floating-point constant repeats; None for anything else."""
    number = factor(value)
    return number if number is not None and ordinary(number) else None


_ONE: Final = Fraction(1)


def scaled(value: Value) -> tuple[Value, Fraction]:
    """``value`` as something times a constant: (x, c) for ``x * c``, (value, 1) for anything else."""
    if product := defined_by(value, "tensor.mul"):
        number = factor(product.operands[1])
        if number is not None:
            return product.operands[0], number
    return value, _ONE


def exactly(number: Fraction, type: TensorType) -> float | None:
    """``number`` as a float, where the type's elements hold it to the last bit."""
    if number.denominator > 2**1074 or abs(number) > Fraction(2) ** 1023:
        return None
    with np.errstate(all="ignore"):
        rounded = float(np.real(np.asarray(float(number), type.dtype)))
    return rounded if np.isfinite(rounded) and Fraction(rounded) == number else None


_NEVER_NEGATIVE: Final = frozenset(f"tensor.{name}" for name in ("square", "abs", "exp", "exp2", "cosh"))
_NEVER_IF_OPERANDS: Final = frozenset(
    f"tensor.{name}"
    for name in ("add", "mul", "div", "sqrt", "reduce_sum", "reduce_max", "reshape", "transpose", "broadcast_in_dim")
)


def never_negative(value: Value, depth: int = 8) -> bool:
    """Whether a real value is known to be NaN or not negative, -0.0 included."""
    op = value.owner
    if value.type.dtype not in FLOATING:
        return False
    if op.name in _NEVER_NEGATIVE:
        return True
    if op.name == "tensor.constant":
        return not bool(np.any(np.signbit(np.asarray(op.attributes["value"].data, np.float64))))
    return op.name in _NEVER_IF_OPERANDS and depth > 0 and all(never_negative(x, depth - 1) for x in op.operands)
