"""Products in derivatives as monomials: a number, small factors that are repeated, and large factors."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from ...ir.graph import Graph, Operation, Value
from ...ir.types import FLOATING
from .patterns import ordinary_factor
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

    number: float = 1.0
    rows: tuple[Row, ...] = ()

    def times(self, other: Scale) -> Scale:
        """The product of two scales."""
        if not self or not other:
            return self or other
        return Scale(self.number * other.number, tuple(sorted((*self.rows, *other.rows))))

    def power(self, exponent: int) -> Scale:
        """The scale, ``exponent`` times."""
        return Scale(self.number**exponent, tuple(sorted(self.rows * exponent)))

    def without(self, other: Scale) -> Scale:
        """The scale divided by one that it contains."""
        if not other:
            return self
        left = Counter(self.rows)
        left.subtract(other.rows)
        return Scale(self.number / other.number, tuple(sorted(left.elements())))

    def common(self, other: Scale) -> Scale:
        """The rows of both, and the number where it is the same, signs apart."""
        if self == other:
            return self
        rows = Counter(self.rows) & Counter(other.rows)
        number = abs(self.number) if abs(self.number) == abs(other.number) else 1.0
        return Scale(number, tuple(sorted(rows.elements())))

    def parts(self) -> Iterator[Scale]:
        """The number and the rows, one by one."""
        if self.number != 1:
            yield Scale(self.number)
        for row in self.rows:
            yield Scale(rows=(row,))

    def __bool__(self) -> bool:
        return self.number != 1 or bool(self.rows)


ONE: Final = Scale()


@dataclass(frozen=True)
class Monomial:
    """A scale times large values, each as often as it is a factor; ``parts`` are those of the two operands."""

    scale: Scale
    atoms: tuple[Value, ...]
    parts: tuple[tuple[Value, ...], ...] = ()


class Monomials:
    """The products of a function that may be arranged anew: those of derivatives, in floating-point numbers of wide
    range. A product of products is one monomial; what is not such a product is an atom."""

    def __init__(self, graph: Graph) -> None:
        self.of: dict[Value, Monomial] = {}
        #: The values of rows, and the operations that repeat them.
        self.rows: set[Value] = set()
        self.repeats: set[Operation] = set()
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
        long = len(left.atoms) + len(right.atoms) + len(left.scale.rows) + len(right.scale.rows) > _MOST
        if long or not ordinary_product(left.scale.number * right.scale.number):
            left, right = (
                Monomial(ONE, (value,)) if value in self.of else each
                for value, each in zip(operands, (left, right), strict=True)
            )
        atoms, scale = left.atoms + right.atoms, left.scale.times(right.scale)
        return Monomial(scale, atoms, (left.atoms, right.atoms)) if atoms and ordinary_product(scale.number) else None

    def _factors(self, value: Value) -> Monomial:
        found = self.of.get(value)
        if found is not None:
            return found
        number = ordinary_factor(value)
        if number:
            return Monomial(Scale(float(number)), ())
        op = value.owner
        if op.name == "tensor.broadcast_in_dim" and op.operands[0].type.size * 2 <= value.type.size:
            dims = op.attributes["dims"]
            if op.operands[0].type.shape == tuple(value.type.shape[dim] for dim in dims):
                self.repeats.add(op)
                return Monomial(self._rows(op.operands[0], dims), ())
        return Monomial(ONE, (value,))

    def _rows(self, value: Value, dims: tuple[int, ...], depth: int = 3) -> Scale:
        """A small value as a product of those that it was made from."""
        op = value.owner
        number = ordinary_factor(value)
        if number:
            return Scale(float(number))
        if depth and op.name in _PRODUCTS and rearrangeable(op):
            operands = op.operands * 2 if op.name == "tensor.square" else op.operands
            scale = Scale(-1.0) if op.name == "tensor.neg" else ONE
            for operand in operands:
                scale = scale.times(self._rows(operand, dims, depth - 1))
            return scale
        self.rows.add(value)
        rank = self._ranks.setdefault((value, dims), len(self._ranks))
        return Scale(rows=(Row(rank, value, dims),))


_PRODUCTS: Final = frozenset(("tensor.mul", "tensor.neg", "tensor.square"))


def ordinary_product(number: float) -> bool:
    """Whether a product of numbers may stand apart from the factors that made up for it: in float32 these then have
    room for 2**79 in both directions."""
    return bool(2.0**-48 <= abs(number) <= 2.0**48)


# --- common factors --------------------------------------------------------------------------------

#: The large factors of a product, as numbers in their order.
Core = tuple[int, ...]


def shared_products(wanted: Iterable[Core], formed: Mapping[Core, tuple[Core, Core]]) -> dict[Core, tuple[Core, Core]]:
    """From which two products each product is made, so that few are made for those that are ``wanted``.

    ``formed`` are the products that the program forms already, with the two from which it does. No others are formed:
    what overflows or underflows on the way did so before. Hence there are never more of them either.
    """
    made: dict[Core, tuple[Core, Core]] = {}
    by_length: dict[int, dict[Core, None]] = {}
    for core in wanted:
        by_length.setdefault(len(core), {})[core] = None
    for length in range(max(by_length, default=0), 1, -1):
        for core in by_length.get(length, ()):
            pairs = [formed[core], *(_divided(core, formed) if length > 2 else ())]
            made[core] = min(pairs, key=lambda pair: sum(part not in by_length.get(len(part), ()) for part in pair))
            for part in made[core]:
                by_length.setdefault(len(part), {})[part] = None
    return made


def _divided(core: Core, formed: Mapping[Core, object]) -> Iterator[tuple[Core, Core]]:
    """The ways to divide a product into two that are formed."""
    for size in range(1, len(core) // 2 + 1):
        for left in dict.fromkeys(itertools.combinations(core, size)):
            if size == 1 or left in formed:
                rest = list(core)
                for each in left:
                    rest.remove(each)
                right = tuple(rest)
                if len(right) == 1 or right in formed:
                    yield left, right
