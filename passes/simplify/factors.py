"""arrange-factors: fewer passes over large arrays, by the algebra of products."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.contraction import parse_spec
from ..manager import Pass, PassLog, register_pass
from ..scope import functions
from .factored import write
from .monomials import ONE, Core, Monomials, Row, Scale, ordinary_product, shared_products
from .sums import rearrangeable


@dataclass(frozen=True)
class Target:
    """A small value that takes the scale of a large one: an operand, or the result where ``position`` is None.
    ``places`` are the axes of the large value that it has, and where."""

    position: int | None
    value: Value
    places: Mapping[int, int]


def _places(names: str, theirs: str) -> dict[int, int]:
    return {axis: theirs.index(name) for axis, name in enumerate(names) if name in theirs}


def _fitting(target: Target, x: Value, scale: Scale) -> Target | None:
    """A target, if it is small and has the axes of a scale."""
    small = target.value.type.size * 2 <= x.type.size
    return target if small and all(dim in target.places for row in scale.rows for dim in row.dims) else None


@register_pass("arrange-factors")
@dataclass(frozen=True)
class ArrangeFactors(Pass):
    """Products in derivatives are multiplied out anew, where that takes fewer multiplications of large arrays.

    A product of products is a scale (a number and small values that are repeated) times large factors. Scales flow
    through products, out of sums whose terms have them in common, and into contractions and sums of elements: there
    they multiply a small operand, or the small result. What is left of them is multiplied once. Equal products of large
    factors are one, whatever their order was, and only such are formed as were there before. A function is rewritten
    only if at least the part ``least`` of its multiplications is saved, counted in elements. Each term has as many
    roundings as before, in another order (numbers are divided by powers of two alone, rows never); a contraction keeps
    its bound, n roundings of the sum of the absolute values.
    """

    function: str = ""
    least: float = 0.02

    def run(self, module: Module, log: PassLog) -> bool:
        changed = False
        for graph in functions(module, self.function):
            plan = Plan(graph)
            if plan.saved > 0 and plan.saved >= self.least * plan.before:
                write(plan, graph)
                log.count("elements saved", plan.saved)
                changed = True
        return changed


class Plan:
    """What to multiply with what. Every value is its ``scales`` times what is stored for it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        found = Monomials(graph)
        self.monomials, self.rows, self.repeats = found.of, found.rows, found.repeats
        self.scales: dict[Value, Scale] = {}
        #: What contractions multiply their result with, by way of a small operand.
        self.behind: dict[Value, Scale] = {}
        #: The products that are there for others than products, and those of them that have an atom.
        self.wanted = [value for value in self.monomials if self._is_wanted(value)]
        self.holders: dict[Value, list[Value]] = {}
        self.saved = self.before = 0
        if not self.wanted:
            return
        for value in self.wanted:
            for atom in set(self.monomials[value].atoms):
                self.holders.setdefault(atom, []).append(value)
        operations = list(graph)
        self.places = {op: place for place, op in enumerate(operations)}
        #: What rows are made from, where that needs nothing but the function's arguments: it can come first.
        self.front: set[Operation] = set()
        for value in sorted(self.rows, key=lambda value: self.places.get(value.owner, -1)):
            self.front |= self._chain(value) or set()
        for op in operations:
            self._forward(op)
            if not all(ordinary_product(self.scale(value).number) for value in op.results):
                return  # numbers of many steps have no place in one
        for op in reversed(operations):
            self._backward(op)
        self._share()
        self.before = sum(value.type.size for value in self.monomials)
        self.saved = self.before - self._after()
        if not all(ordinary_product(scale.number) for scale in (*self.scales.values(), *self.behind.values())):
            self.saved = 0

    def _is_wanted(self, value: Value) -> bool:
        if value in self.rows:
            return True
        return any(
            not self._passes(user, value) and not self._is_taken_apart(user) for user, _ in self.graph.uses(value)
        )

    def _is_taken_apart(self, user: Operation) -> bool:
        """Whether a user repeats a value for products alone, which take it for a row."""
        return user in self.repeats and all(self._is_product(other) for other, _ in self.graph.uses(user.result))

    def _passes(self, user: Operation, value: Value) -> bool:
        """Whether a user is a product that takes the factors of ``value`` for its own."""
        if len(user.results) != 1 or user.result not in self.monomials:
            return False
        return value not in self.monomials[user.result].atoms

    def _chain(self, value: Value) -> set[Operation] | None:
        """The few operations that make a value from arguments alone; None where there is more to it."""
        found: set[Operation] = set()
        pending = [value.owner]
        while pending:
            op = pending.pop()
            if op in self.places and op not in found and op not in self.front:
                found.add(op)
                pending += [operand.owner for operand in op.operands]
                if len(found) > _CHAIN or op.regions:
                    return None
        return found

    def _is_there(self, row: Row, op: Operation) -> bool:
        """Whether the value of a row can be there before an operation."""
        owner = row.value.owner
        return owner in self.front or self.places.get(owner, -1) < self.places[op]

    # --- scales ------------------------------------------------------------------------------------

    def scale(self, value: Value) -> Scale:
        """What is left to multiply ``value`` with."""
        return self.scales.get(value, ONE)

    def _forward(self, op: Operation) -> None:
        """The scale of a product is that of its factors; a sum has what its terms have in common."""
        if len(op.results) != 1:
            return
        value = op.result
        if value in self.monomials:
            monomial = self.monomials[value]
            scale = monomial.scale
            for atom in monomial.atoms:
                scale = scale.times(ONE if atom in self.monomials else self.scale(atom))
            if scale:
                self.scales[value] = scale
        elif op.name in _SUMS and rearrangeable(op):
            self._extract(op)

    def _extract(self, op: Operation) -> None:
        """Let a sum have the scale that its terms have in common, where both are there for this sum alone."""
        x, y = op.operands
        if x is y or not (x in self.scales or y in self.scales):
            return
        if not all(self.graph.has_one_use(value) and value not in self.rows for value in op.operands):
            return
        scales = [self.scale(value) for value in op.operands]
        common = self._in_common(op, scales)
        rest = [scale.without(common) for scale in scales]
        left_over = sum(passes(left) for value, left in zip(op.operands, rest, strict=True) if value in self.scales)
        if not common or left_over >= sum(map(passes, scales)):
            return
        for value, left in zip(op.operands, rest, strict=True):
            if value in self.scales:
                self.scales[value] = left
            elif left:
                self.behind[value] = left
        self.scales[op.result] = common

    def _in_common(self, op: Operation, scales: list[Scale]) -> Scale:
        """The scale of a sum: what its terms have in common, and the number of one, of which the other is a multiple or
        a contraction that takes the inverse."""
        common = scales[0].common(scales[1])
        numbers = [scale.number for scale in scales]
        if abs(common.number) != 1:
            return common
        least = min(numbers, key=abs)
        if all(abs(number) != 1 for number in numbers) and all(_is_power_of_two(number / least) for number in numbers):
            return Scale(least, common.rows)
        for value, number in zip(op.operands, numbers[::-1], strict=True):
            bare = not common.rows and value not in self.scales and value not in self.monomials
            power = _is_power_of_two(number) and abs(number) != 1
            if bare and power and value.owner.name == "tensor.contract" and self._takes(value, Scale(1 / number), 0):
                return Scale(number)
        return common

    def _is_product(self, user: Operation) -> bool:
        return len(user.results) == 1 and user.result in self.monomials

    def is_absorbed(self, value: Value, scale: Scale) -> bool:
        """Whether everything that uses a value takes its scale elsewhere."""
        uses = [use for use in self.graph.uses(value) if not self._passes(use[0], value)]
        flows = value not in self.monomials
        return all(self.absorbs(*use, scale) or (flows and self._is_product(use[0])) for use in uses)

    def absorbs(self, user: Operation, position: int, scale: Scale) -> bool:
        """Whether a user multiplies something small instead of the large value that has the scale."""
        return self.target(user, position, scale) is not None

    def target(self, user: Operation, position: int, scale: Scale) -> Target | None:
        """What a contraction or a sum multiplies instead of an operand: its other operand, or its result."""
        if user.name not in _REDUCTIONS or not rearrangeable(user):
            return None
        x = user.operands[position]
        if user.name == "tensor.reduce_sum":
            kept = [axis for axis in range(x.type.rank) if axis not in user.attributes["axes"]]
            places = {axis: place for place, axis in enumerate(kept)}
            return _fitting(Target(None, user.result, places), x, scale)
        labels = parse_spec(user.attributes["spec"])
        names, theirs = (labels.x, labels.y)[:: 1 - 2 * position]
        other = user.operands[1 - position]
        beside = Target(1 - position, other, _places(names, theirs))
        behind = Target(None, user.result, _places(names, labels.out))
        return (_fitting(beside, x, scale) if other is not x else None) or _fitting(behind, x, scale)

    # --- into contractions ------------------------------------------------------------------------------

    def _backward(self, op: Operation) -> None:
        """A contraction takes what all products of it are multiplied with, and a sum gives that to its terms."""
        if len(op.results) != 1 or op.result not in self.holders or not rearrangeable(op):
            return
        value = op.result
        if op.name != "tensor.contract" and op.name not in _SUMS:
            return
        if not any(holder in self.scales for holder in self.holders[value]) or not self._is_in_products_alone(value):
            return
        if any(self.monomials[holder].atoms.count(value) > 1 for holder in self.holders[value]):
            return
        for scale in self._candidates(value):
            if scale and self._takes(value, scale, _DEPTH):
                self._give(value, scale)
                for holder in self.holders[value]:
                    self.scales[holder] = self.scale(holder).without(scale)
                return

    def _candidates(self, value: Value) -> Iterator[Scale]:
        """Scales that may leave the products of a value: the rows of all, and the number that saves most."""
        holders = self.holders[value]
        scales = [self.scale(holder) for holder in holders]
        if all(not scale or self.is_absorbed(holder, scale) for holder, scale in zip(holders, scales, strict=True)):
            return
        rows = Counter(scales[0].rows)
        for scale in scales[1:]:
            rows &= Counter(scale.rows)
        common = Scale(rows=tuple(sorted(rows.elements())))
        left = [scale.without(common) for scale in scales]
        open_ = [s.number for h, s in zip(holders, left, strict=True) if not s.rows and not self.is_absorbed(h, s)]
        number = max(open_, key=lambda number: (open_.count(number), abs(number) != 1), default=ONE.number)
        exact = all(_is_power_of_two(scale.number / number) for scale in left)
        if number != 1 and exact and open_.count(number) > sum(abs(other) == 1 for other in open_):
            yield Scale(abs(number) if len(set(open_)) > 1 else number, common.rows)
        while common:
            yield common
            common = Scale(rows=common.rows[:-1])

    def _takes(self, value: Value, scale: Scale, depth: int) -> bool:
        """Whether a value is made of contractions that multiply it with a scale at no cost."""
        op = value.owner
        if op not in self.places or op in self.front or not all(self._is_there(row, op) for row in scale.rows):
            return False
        if op.name in _SUMS and rearrangeable(op) and depth:
            return all(self._term_takes(term, scale, depth - 1) for term in op.operands) and (
                op.operands[0] is not op.operands[1]
            )
        if op.name != "tensor.contract" or not rearrangeable(op):
            return False
        return all(self.place(op, part.rows) is not None for part in scale.parts())

    def _term_takes(self, term: Value, scale: Scale, depth: int) -> bool:
        if not self.graph.has_one_use(term) or term in self.rows:
            return False
        if term not in self.monomials:
            return self._takes(term, scale, depth)
        own = self.scale(term)
        total = own.times(scale)
        if passes(total) <= passes(own):
            return True
        return any(self._atom_takes(atom, term, total, depth) for atom in self.monomials[term].atoms)

    def _atom_takes(self, atom: Value, term: Value, total: Scale, depth: int) -> bool:
        """Whether a contraction will take the scale of a term, which all other products of it have too."""
        if not self._takes(atom, total, depth) or not self._is_in_products_alone(atom):
            return False
        for holder in self.holders[atom]:
            scale = self.scale(holder)
            if self.monomials[holder].atoms.count(atom) > 1:
                return False
            if holder is not term and Counter(total.rows) - Counter(scale.rows):
                return False
            if holder is not term and abs(scale.number) != abs(total.number) and abs(total.number) != 1:
                return False
        return True

    def _is_in_products_alone(self, value: Value) -> bool:
        return value not in self.rows and all(self._is_product(user) for user, _ in self.graph.uses(value))

    def _give(self, value: Value, scale: Scale) -> None:
        if value in self.monomials:
            self.scales[value] = self.scale(value).times(scale)
        elif value.owner.name in _SUMS:
            for term in value.owner.operands:
                self._give(term, scale)
        else:
            self.behind[value] = self.behind.get(value, ONE).times(scale)

    def place(self, op: Operation, rows: tuple[Row, ...]) -> int | None:
        """The small operand of a contraction that has the axes of rows of its result."""
        labels = parse_spec(op.attributes["spec"])
        for position, names in enumerate((labels.x, labels.y)):
            small = op.operands[position].type.size * 2 <= op.result.type.size
            if small and all(labels.out[dim] in names for row in rows for dim in row.dims):
                return position
        return None

    # --- what it costs -----------------------------------------------------------------------------------

    def _share(self) -> None:
        """Find the `cores` of products, and from which two each is `made`."""
        numbers: dict[Value, int] = {}
        formed: dict[Core, tuple[Core, Core]] = {}
        self.cores: dict[Value, Core] = {}
        for value, monomial in self.monomials.items():
            core, *parts = (
                tuple(sorted(numbers.setdefault(atom, len(numbers)) for atom in atoms))
                for atoms in (monomial.atoms, *monomial.parts)
            )
            self.cores[value] = core
            if all(parts) and parts:
                formed.setdefault(core, (parts[0], parts[1]))
        self.atoms = {number: atom for atom, number in numbers.items()}
        self.made = shared_products((self.cores[value] for value in self.wanted), formed)

    def _after(self) -> int:
        total = sum(self.atoms[core[0]].type.size for core in self.made)
        seen: set[object] = set()
        for value in (*self.wanted, *(value for value in self.scales if value not in self.monomials)):
            scale = self.scale(value)
            key = (self.cores.get(value, value), scale)
            if scale and key not in seen and not self.is_absorbed(value, scale):
                seen.add(key)
                total += value.type.size * (passes(scale) if self._signed(value) else all_passes(scale)) + narrow(scale)
        return total + sum(self._small(op) for op in self.graph if op.name in _REDUCTIONS)

    def _small(self, op: Operation) -> int:
        """What it costs to multiply the small values that take scales."""
        total = 0
        for position, value in enumerate(op.operands):
            scale = self.scale(value)
            target = self.target(op, position, scale) if scale else None
            if target is not None:
                total += target.value.type.size * all_passes(scale) + narrow(scale)
        for scale in self.behind.get(op.result, ONE).parts() if len(op.results) == 1 else ():
            place = self.place(op, scale.rows)
            total += op.operands[place].type.size if place is not None else 0
        return total

    def _signed(self, value: Value) -> bool:
        """Whether a change of sign goes into sums."""
        return all(user.name in _SUMS for user, _ in self.graph.uses(value))


def _is_power_of_two(number: float) -> bool:
    return math.frexp(abs(number))[0] == 0.5


def passes(scale: Scale) -> int:
    """How many multiplications of a large array a scale is; a change of sign is none, since sums take it."""
    return len({row.dims for row in scale.rows}) or int(abs(scale.number) != 1)


def narrow(scale: Scale) -> int:
    """The elements of the products of rows that are multiplied with each other, or with a number."""
    return sum(row.value.type.size for row in scale.rows) if len(scale.rows) > 1 or scale.number != 1 else 0


def all_passes(scale: Scale) -> int:
    """How many multiplications of a large array a scale is, a change of sign being one too."""
    return passes(scale) or int(bool(scale))


_REDUCTIONS: Final = frozenset(("tensor.contract", "tensor.reduce_sum"))
_SUMS: Final = frozenset(("tensor.add", "tensor.sub"))
_DEPTH: Final = 8
_CHAIN: Final = 16
