"""Writing a function whose factors are arranged as a plan says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...ir.builder import Builder
from ...ir.graph import Graph, Operation, Value
from ...ops.contraction import parse_spec
from ...ops.definition import full
from .monomials import ONE, Core, Scale

if TYPE_CHECKING:
    from .factors import Plan


def write(plan: Plan, graph: Graph) -> None:
    """Multiply out what a plan wants, where it was; the products from which it was made before go."""
    _Writer(plan, graph).write()


class _Writer:
    def __init__(self, plan: Plan, graph: Graph) -> None:
        self.plan, self.graph = plan, graph
        self.wanted = set(plan.wanted)
        self.products: dict[Core, Value] = {}
        #: What is stored for values of the old program, where that is something else: the scale is left to multiply.
        self.stored: dict[Value, Value] = {}
        self._whole: dict[tuple[Value, Scale], Value] = {}

    def write(self) -> None:
        for op in list(self.graph)[::-1]:
            if op in self.plan.front:
                self.graph.move(op, next(iter(self.graph)))
        old, monomials = list(self.graph), self.plan.monomials
        for op in old:
            b = Builder(self.graph, op, op.location)
            if len(op.results) == 1 and op.result in self.plan.monomials:
                if op.result in self.wanted:
                    self.stored[op.result] = self._core(self.plan.cores[op.result], b)
            elif op.name not in ("tensor.contract", "tensor.reduce_sum") or not self._reduce(op, b):
                for position, value in enumerate(op.operands):
                    whole = self._of(value, b)
                    if whole is not value:
                        self.graph.set_operand(op, position, whole)
        b = Builder(self.graph, self.graph.end)
        self.graph.set_outputs([self._of(value, b) for value in self.graph.outputs])
        for op in reversed(old):
            gone = op in self.plan.repeats or any(value in self.stored or value in monomials for value in op.results)
            if gone and not self.graph.is_used(op):
                self.graph.erase(op)

    def _core(self, core: Core, b: Builder) -> Value:
        """The product of large factors."""
        if len(core) == 1:
            atom = self.plan.atoms[core[0]]
            return self._of(atom, b) if atom in self.plan.monomials else self.stored.get(atom, atom)
        if core not in self.products:
            left, right = (self._core(part, b) for part in self.plan.made[core])
            self.products[core] = b.square(left) if left is right else b.mul(left, right)
        return self.products[core]

    def _of(self, value: Value, b: Builder) -> Value:
        """The new program's value for one of the old program's."""
        stored, scale = self.stored.get(value, value), self.plan.scale(value)
        if not scale:
            return stored
        if (stored, scale) not in self._whole:
            self._whole[stored, scale] = self._times(stored, scale, {axis: axis for axis in range(stored.type.rank)}, b)
        return self._whole[stored, scale]

    def _times(self, x: Value, scale: Scale, places: Mapping[int, int], b: Builder) -> Value:
        """``x`` times a scale, the axes of whose rows stand at ``places`` of ``x``."""
        number = scale.number
        groups: dict[tuple[int, ...], Value] = {}
        for row in scale.rows:
            dims = tuple(places[dim] for dim in row.dims)
            value = self._of(row.value, b)
            if dims != tuple(sorted(dims)):
                order = sorted(range(len(dims)), key=dims.__getitem__)
                value, dims = b.transpose(value, permutation=tuple(order)), tuple(sorted(dims))
            groups[dims] = b.mul(groups[dims], value) if dims in groups else value
        for dims, value in groups.items():
            value, number = _multiple(value, number, b), ONE.number
            if value.type is not x.type:
                value = b.broadcast_in_dim(value, shape=x.type.shape, dims=dims)
            x = b.mul(x, value)
        return _multiple(x, number, b)

    def _reduce(self, op: Operation, b: Builder) -> bool:
        """Write a contraction or a sum that takes scales; False where it takes none."""
        operands: list[Value] = []
        given: list[tuple[int | None, Scale, Mapping[int, int]]] = []
        for at, value in enumerate(op.operands):
            scale = self.plan.scale(value)
            target = self.plan.target(op, at, scale) if scale else None
            if target is None:
                operands.append(self._of(value, b))
            else:
                operands.append(self.stored.get(value, value))
                given.append((target.position, scale, target.places))
        for scale in self.plan.behind.get(op.result, ONE).parts():
            place = self.plan.place(op, scale.rows)
            if place is not None:
                labels = parse_spec(op.attributes["spec"])
                names = (labels.x, labels.y)[place]
                given.append((place, scale, {i: names.find(name) for i, name in enumerate(labels.out)}))
        if not given:
            return False
        for position, scale, places in given:
            if position is not None:
                operands[position] = self._times(operands[position], scale, places, b)
        result: Value = b.build(op.name, *operands, **op.attributes).result
        for position, scale, places in given:
            if position is None:
                result = self._times(result, scale, places, b)
        self.stored[op.result] = result
        return True


def _multiple(x: Value, number: float, b: Builder) -> Value:
    if number == -1:
        return b.neg(x)
    return x if number == 1 else b.mul(x, full(b, x.type, number))
