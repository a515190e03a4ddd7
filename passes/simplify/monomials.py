"""Products in derivatives as monomials: a number, small factors that are repeated, and large factors."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from ...ir.graph import Graph, Operation, Value
from ...ir.types import FLOATING
from .patterns import factor
from .sums import rearrangeable

#: More large factors than this are not multiplied in another order: the work would grow with their square.
_MOST: Final = 8


class Row(NamedTuple):
    """A small value that is repeated: its axes are the axes ``dims`` of the product. ``rank`` orders rows."""

    rank: int
    value: Value
    dims: tuple[int, ...]


@dataclass(frozen=True)
class Scale:
    """What a large value is multiplied with: a number, and rows in their order."""

    number: Fraction = Fraction(1)
    rows: tuple[Row, ...] = ()

    def times(self, other: Scale) -> Scale:
        """The product of two scales."""
        return Scale(self.number * other.number, tuple(sorted((*self.rows, *other.rows))))

    def power(self, exponent: int) -> Scale:
        """The scale, ``exponent`` times."""
        return Scale(self.number**exponent, tuple(sorted(self.rows * exponent)))

    def without(self, other: Scale) -> Scale:
        """The scale divided by one that it contains."""
        left = Counter(self.rows)
        left.subtract(other.rows)
        return Scale(self.number / other.number, tuple(sorted(left.elements())))

    def common(self, other: Scale) -> Scale:
        """The rows of both, and the number where it is the same, signs apart."""
        rows = Counter(self.rows) & Counter(other.rows)
        number = abs(self.number) if abs(self.number) == abs(other.number) else Fraction(1)
        number = self.number if self.number == other.number else number
        return Scale(number, tuple(sorted(rows.elements())))

    def __bool__(self) -> bool:
        return bool(self.rows) or self.number != 1


ONE: Final = Scale()


@dataclass(frozen=True)
class Monomial:
    """A scale times large values, each as often as it is a factor."""

    scale: Scale
    atoms: tuple[Value, ...]


class Monomials:
    """The products of a function that may be arranged anew: those of derivatives, in floating-point numbers of wide
    range. A product of products is one monomial; what is not such a product is an atom."""

    def __init__(self, graph: Graph) -> None:
        self.of: dict[Value, Monomial] = {}
        #: The values of rows.
        self.rows: set[Value] = set()
        self._ranks: dict[tuple[Value, tuple[int, ...]], int] = {}
        for op in graph:
            if op.name in _PRODUCTS and rearrangeable(op) and op.result.type.dtype in FLOATING and op.result.type.size:
                found = self._product(op)
                if found is not None:
                    self.of[op.result] = found

    def _product(self, op: Operation) -> Monomial | None:
        """The monomial of a product; None where it has no large factor, and is an atom itself."""
        if op.name == "tensor.neg":
            inner = self._factors(op.operands[0])
            return Monomial(Scale(-inner.scale.number, inner.scale.rows), inner.atoms) if inner.atoms else None
        operands = op.operands * 2 if op.name == "tensor.square" else op.operands
        left, right = map(self._factors, operands)
        if len(left.atoms) + len(right.atoms) + len(left.scale.rows) + len(right.scale.rows) > _MOST:
            left, right = (
                Monomial(ONE, (value,)) if value in self.of else each
                for value, each in zip(operands, (left, right), strict=True)
            )
        atoms = left.atoms + right.atoms
        return Monomial(left.scale.times(right.scale), atoms) if atoms else None

    def _factors(self, value: Value) -> Monomial:
        found = self.of.get(value)
        if found is not None:
            return found
        number = factor(value)
        if number and _ordinary(number):
            return Monomial(Scale(number), ())
        op = value.owner
        if op.name == "tensor.broadcast_in_dim" and op.operands[0].type.size * 2 <= value.type.size:
            dims = op.attributes["dims"]
            if op.operands[0].type.shape == tuple(value.type.shape[dim] for dim in dims):
                return Monomial(self._rows(op.operands[0], dims), ())
        return Monomial(ONE, (value,))

    def _rows(self, value: Value, dims: tuple[int, ...], depth: int = 3) -> Scale:
        """A small value as a product of those that it was made from."""
        op = value.owner
        number = factor(value)
        if number and _ordinary(number):
            return Scale(number)
        if depth and op.name in _PRODUCTS and rearrangeable(op):
            operands = op.operands * 2 if op.name == "tensor.square" else op.operands
            scale = Scale(Fraction(-1 if op.name == "tensor.neg" else 1))
            for operand in operands:
                scale = scale.times(self._rows(operand, dims, depth - 1))
            return scale
        self.rows.add(value)
        rank = self._ranks.setdefault((value, dims), len(self._ranks))
        return Scale(rows=(Row(rank, value, dims),))


_PRODUCTS: Final = frozenset(("tensor.mul", "tensor.neg", "tensor.square"))


def _ordinary(number: Fraction) -> bool:
    """Whether products of a few such numbers are far from the ends of every wide element type."""
    return Fraction(1, 2**24) <= abs(number) <= 2**24


def ordinary_product(number: Fraction) -> bool:
    """Whether a product of numbers is still one that every wide element type holds."""
    return Fraction(1, 2**100) <= abs(number) <= 2**100


# --- common factors --------------------------------------------------------------------------------

Pair = tuple[int, int]


class SharedFactors:
    """How to multiply out products of atoms, each given as numbers, with few multiplications.

    Greedily the pair that most products share is multiplied first, pairs that stood together before among equals; as
    for common factors of polynomials in hardware (Breuer, "Generation of optimal code for expressions via
    factorization", 1969). Nearly linear in the number of products, as these are short.
    """

    def __init__(self, products: Iterable[tuple[int, ...]], first: int, together: Callable[[Pair], bool]) -> None:
        #: The two factors of each product that was made, by its number.
        self.made: dict[int, Pair] = {}
        self._next = first
        self._together = together
        self._left: list[list[int]] = [list(product) for product in products]
        self._where: dict[Pair, set[int]] = {}
        for index in range(len(self._left)):
            self._note(index)
        self._heap = [self._priority(pair) for pair in self._where]
        heapq.heapify(self._heap)
        while self._heap:
            self._take(heapq.heappop(self._heap))
        #: What each product is, in the order in which they were given.
        self.results = [self._finish(index) for index in range(len(self._left))]

    def _priority(self, pair: Pair) -> tuple[int, bool, Pair]:
        return -len(self._where[pair]), not self._together(pair), pair

    def _note(self, index: int) -> None:
        for pair in _pairs(self._left[index]):
            self._where.setdefault(pair, set()).add(index)

    def _take(self, entry: tuple[int, bool, Pair]) -> None:
        pair = entry[2]
        users = self._where[pair]
        if -entry[0] != len(users):
            if users:
                heapq.heappush(self._heap, self._priority(pair))
            return
        if len(users) < 2:
            return
        product = self._make(pair)
        changed: set[Pair] = set()
        for index in sorted(users):
            items = self._left[index]
            for old in _pairs(items):
                self._where[old].discard(index)
            while _holds(items, pair):
                items.remove(pair[0])
                items.remove(pair[1])
                items.append(product)
            self._note(index)
            changed.update(_pairs(items))
        for each in sorted(changed):
            heapq.heappush(self._heap, self._priority(each))

    def _make(self, pair: Pair) -> int:
        self.made[self._next] = pair
        self._next += 1
        return self._next - 1

    def _finish(self, index: int) -> int:
        items = self._left[index]
        while len(items) > 1:
            together = next((pair for pair in sorted(_pairs(items)) if self._together(pair)), None)
            pair = together or (items[0], items[1])
            items.remove(pair[0])
            items.remove(pair[1])
            items.append(self._make(pair))
        return items[0]


def _pairs(items: list[int]) -> set[Pair]:
    return {(a, b) if a <= b else (b, a) for a, b in itertools.combinations(items, 2)}


def _holds(items: list[int], pair: Pair) -> bool:
    return items.count(pair[0]) > 1 if pair[0] == pair[1] else pair[0] in items and pair[1] in items
