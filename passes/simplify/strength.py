"""strength-reduce: cheaper operations, once no derivative is taken any more.

A derivative of x ** 3 is better taken as such; its program shares the square of x with that of x ** 3 afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ...ir.builder import Builder
from ...ir.graph import Operation, Value
from ...ir.module import Module
from ...ir.rewriting import PatternTable
from ...ops.contraction import parse_spec
from ..manager import Pass, PassLog, register_pass
from ..scope import functions
from .patterns import defined_by, has_one_use, never_negative, splat
from .sums import rearrangeable

table = PatternTable()

_TYPES: Final = frozenset((np.dtype(np.float32), np.dtype(np.float64)))


@register_pass("strength-reduce")
@dataclass(frozen=True)
class StrengthReduce(Pass):
    """Powers with small constant exponents become products and roots; constant factors go where arrays are small; sums
    of contractions with one operand in common become one contraction.

    Error bounds, in units u of rounding (half an ulp): 2 u for x ** 3 and x ** -2, 3 u for x ** 4, as of a power
    function with an error below one or two ulp; 1 u for the root, 2 u for x ** 1.5 and x ** -0.5. Where x * x is below
    the smallest normal number, so is what it is a factor of, or 1 / (x * x) is at the end of the range. Roots are taken
    of what is known not to be negative alone: of -0.0 and of -inf they differ from powers.
    """

    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        changed = False
        for graph in functions(module, self.function):
            for pattern, times in table.rewrite(graph).items():
                log.count(pattern.replace("_", "-"), times)
                changed = True
        return changed


@table.pattern("tensor.pow")
def power_as_products(op: Operation, b: Builder) -> Value | None:
    """x ** 3 -> x * x * x, x ** 4 -> (x * x) * (x * x), x ** -2 -> 1 / (x * x)."""
    x, y = op.operands
    number = splat(y) if x.type.dtype in _TYPES else None
    if number == 3:
        return b.mul(b.square(x), x)
    if number == 4:
        return b.square(b.square(x))
    return b.reciprocal(b.square(x)) if number == -2 else None


@table.pattern("tensor.pow")
def power_as_roots(op: Operation, b: Builder) -> Value | None:
    """x ** 0.5 -> sqrt(x), x ** 1.5 -> x * sqrt(x), x ** -0.5 -> 1 / sqrt(x), where x is known not to be negative."""
    x, y = op.operands
    number = splat(y) if x.type.dtype in _TYPES else None
    if number not in (0.5, 1.5, -0.5) or not never_negative(x):
        return None
    root: Value = b.sqrt(x)
    if number == 1.5:
        return b.mul(x, root)
    return b.reciprocal(root) if number == -0.5 else root


@table.pattern("tensor.add", "tensor.sub")
def add_contractions(op: Operation, b: Builder) -> Value | None:
    """The sum of x w and y w is (x + y) w, in derivatives, where x + y is no larger than the sum."""
    first, second = (defined_by(value, "tensor.contract") for value in op.operands)
    if first is None or second is None or first is second or not rearrangeable(op):
        return None
    if not all(rearrangeable(each) and has_one_use(each.result) for each in (first, second)):
        return None
    for at, common in enumerate(first.operands):
        if common not in second.operands:
            continue
        there = second.operands.index(common)
        x, y = first.operands[1 - at], second.operands[1 - there]
        if x.type is y.type and x.type.size <= op.result.type.size and _axes(first, at) == _axes(second, there):
            operands = [b.build(op.name, x, y).result, common]
            return b.contract(*(operands if at else operands[::-1]), spec=first.attributes["spec"])
    return None


def _axes(op: Operation, position: int) -> tuple[list[int], list[int]]:
    """The axes of an operand of a contraction, and of the other, as numbers that do not depend on their names."""
    labels = parse_spec(op.attributes["spec"])
    names = (labels.x, labels.y)[:: 1 - 2 * position]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(labels.out + names[0] + names[1]))}
    return [numbers[name] for name in names[0]], [numbers[name] for name in names[1]]
