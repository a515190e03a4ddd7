"""reassociate: chains of products in the order that costs least."""

from __future__ import annotations

import math
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ...ir.builder import Builder
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.contraction import parse_spec
from ..manager import Pass, PassLog, register_pass
from ..scope import functions
from .sums import WIDE

#: What an element of an intermediate result costs beside the multiplications, in multiplications.
_ELEMENT: Final = 8


@register_pass("reassociate")
@dataclass(frozen=True)
class Reassociate(Pass):
    """(A B) v -> A (B v): contractions of contractions are done in the order of least cost, which is found by dynamic
    programming over the sets of their factors, where it saves at least half.

    The sum of a product with what is repeated is a contraction too, sum over b of (A[b, c, :] v[:]) * w[b] for one.
    Only products that nothing else uses are taken apart. Whatever the order, an error is bounded by n roundings of the
    product of the factors' absolute values, n being the longest chain of sums; 16-bit numbers, whose intermediate
    results may overflow in one order and not in another, are left alone.
    """

    function: str = ""
    max_factors: int = 6

    def run(self, module: Module, log: PassLog) -> bool:
        count = 0
        for graph in functions(module, self.function):
            for op in reversed(graph):
                if op.name in ("tensor.contract", "tensor.reduce_sum") and op.result.type.dtype in WIDE:
                    count += _reassociate(op, graph, self.max_factors)
        log.count("chains", count)
        return count > 0


def _reassociate(op: Operation, graph: Graph, most: int) -> bool:
    chain = _Chain(op, graph, most)
    if len(chain.factors) < 3 or not chain.contractions:
        return False
    everything = (1 << len(chain.factors)) - 1
    best = chain.best(everything)
    if 2 * best > chain.cost or best == chain.cost:
        return False
    value, _ = chain.build(everything, Builder(graph, op, op.location))
    graph.replace(op, (value,))
    return True


class _Chain:
    """The factors of a product, each with a name for each axis: equal names, equal axes."""

    def __init__(self, root: Operation, graph: Graph, most: int) -> None:
        self.graph, self.most = graph, most
        self.sizes: list[int] = []
        self.factors: list[tuple[Value, tuple[int, ...]]] = []
        #: What the products cost as they are, and how many of them are contractions.
        self.cost = self.contractions = 0
        self.out = tuple(self._axis(size) for size in root.result.type.shape)
        self._best: dict[int, tuple[int, int]] = {}
        if root.name == "tensor.contract":
            self._add_contraction(root, self.out, most)
        else:
            self._add_sum(root)
        self._narrow()

    def _axis(self, size: int) -> int:
        self.sizes.append(size)
        return len(self.sizes) - 1

    def _add(self, value: Value, axes: tuple[int, ...], most: int) -> int:
        """Add the factors of a value with these axes, at most ``most``; returns how many."""
        op = value.owner
        if most > 1 and self.graph.has_one_use(value):
            if op.name == "tensor.contract":
                return self._add_contraction(op, axes, most)
            if _is_scaled(op):
                return self._add_product(op, axes, most)
        self.factors.append((value, axes))
        return 1

    def _narrow(self) -> None:
        """Take what is repeated without the axes that another factor has as well. One factor has to keep each axis: the
        result has it, or a sum counts its elements."""
        for index, (value, axes) in enumerate(self.factors):
            if _repeats(value):
                own = tuple(axes[dim] for dim in value.owner.attributes["dims"])
                others = {axis for _, theirs in (*self.factors[:index], *self.factors[index + 1 :]) for axis in theirs}
                if others.issuperset(set(axes).difference(own)):
                    self.factors[index] = value.owner.operands[0], own

    def _add_contraction(self, op: Operation, out: tuple[int, ...], most: int) -> int:
        labels = parse_spec(op.attributes["spec"])
        names = dict(zip(labels.out, out, strict=True))
        for value, letters in zip(op.operands, (labels.x, labels.y), strict=True):
            for letter, size in zip(letters, value.type.shape, strict=True):
                if letter not in names:
                    names[letter] = self._axis(size)
        self.cost += self._cost(set(names.values())) + _ELEMENT * op.result.type.size
        self.contractions += 1
        left, right = (tuple(names[letter] for letter in letters) for letters in (labels.x, labels.y))
        count = self._add(op.operands[0], left, most - 1)
        return count + self._add(op.operands[1], right, most - count)

    def _add_product(self, op: Operation, axes: tuple[int, ...], most: int) -> int:
        self.cost += (1 + _ELEMENT) * op.result.type.size
        count = self._add(op.operands[0], axes, most - 1)
        return count + self._add(op.operands[1], axes, most - count)

    def _add_sum(self, op: Operation) -> None:
        """Add the factors of a sum of products, where there is a product in it that a contraction is part of."""
        x = op.operands[0]
        kept = iter(self.out)
        axes = [
            self._axis(size) if axis in op.attributes["axes"] else next(kept) for axis, size in enumerate(x.type.shape)
        ]
        self.cost += x.type.size + _ELEMENT * op.result.type.size
        if _is_scaled(x.owner) and any(value.owner.name == "tensor.contract" for value in x.owner.operands):
            self._add(x, tuple(axes), self.most)

    def _cost(self, axes: set[int]) -> int:
        return math.prod(self.sizes[axis] for axis in axes)

    def _axes(self, factors: int) -> set[int]:
        """The axes that the product of some factors, given as bits, has to keep."""
        inside: set[int] = set()
        outside = set(self.out)
        for index, (_, axes) in enumerate(self.factors):
            (inside if factors >> index & 1 else outside).update(axes)
        return inside & outside

    def best(self, factors: int) -> int:
        """The least cost of the product of some factors."""
        if factors & (factors - 1) == 0:
            return 0
        if factors not in self._best:
            own = _ELEMENT * self._cost(self._axes(factors))
            self._best[factors] = min(
                (self.best(part) + self.best(factors ^ part) + self._product(part, factors ^ part) + own, part)
                for part in _parts(factors)
            )
        return self._best[factors][0]

    def _product(self, left: int, right: int) -> int:
        return self._cost(self._held(left) | self._held(right))

    def _held(self, factors: int) -> set[int]:
        """The axes that the product of some factors has: all of them, where it is one factor."""
        if factors & (factors - 1) == 0:
            return set(self.factors[factors.bit_length() - 1][1])
        return self._axes(factors)

    def build(self, factors: int, b: Builder) -> tuple[Value, tuple[int, ...]]:
        """Write the product of some factors, in the order of least cost; returns it with its axes."""
        if factors & (factors - 1) == 0:
            return self.factors[factors.bit_length() - 1]
        self.best(factors)
        part = self._best[factors][1]
        (x, left), (y, right) = self.build(part, b), self.build(factors ^ part, b)
        kept = self._axes(factors)
        whole = factors == (1 << len(self.factors)) - 1
        out = self.out if whole else tuple(dict.fromkeys(axis for axis in (*left, *right) if axis in kept))
        letters = dict(zip(dict.fromkeys((*left, *right)), string.ascii_letters, strict=False))
        specs = ["".join(letters[axis] for axis in axes) for axes in (left, right, out)]
        return b.contract(x, y, spec=f"{specs[0]},{specs[1]}->{specs[2]}"), out


def _repeats(value: Value) -> bool:
    """Whether a value has another's elements along more axes."""
    if value.owner.name != "tensor.broadcast_in_dim":
        return False
    x, dims = value.owner.operands[0], value.owner.attributes["dims"]
    return x.type.shape == tuple(value.type.shape[dim] for dim in dims)


def _is_scaled(op: Operation) -> bool:
    """Whether an operation multiplies with what is repeated."""
    return op.name == "tensor.mul" and any(map(_repeats, op.operands))


def _parts(factors: int) -> Iterator[int]:
    """The ways to divide a set of bits in two, each once."""
    part = (factors - 1) & factors
    while part:
        if part > factors ^ part:
            yield part
        part = (part - 1) & factors
