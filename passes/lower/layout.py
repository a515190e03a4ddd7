"""layout: the dimension of a kernel as the innermost axis of its values, where their own rows are short."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ...ir.attributes import Dense
from ...ir.definition import lookup
from ...ir.graph import Graph, Operation, Value
from ...ir.location import Location
from ...ir.module import Module
from ...ops.contraction import parse_spec
from ...ops.kernel import FUSED, WHOLE, Fused
from ..manager import Pass, PassLog, register_pass
from .iteration import walked

Order = tuple[int, ...]
#: Elements in rows of an operand that a product reads where they lie.
LONG: Final = 64


@register_pass("layout")
@dataclass(frozen=True)
class Layout(Pass):
    """Put the kernel's dimension last inside kernels whose values have fewer than ``least`` elements behind it.

    A loop over the innermost axis is what vector units and BLAS work on: sums and broadcasts along an axis of two
    elements cost more for their loops than for their numbers. Operands and results keep their layout; the region
    transposes them.
    """

    least: int = 32

    def run(self, module: Module, log: PassLog) -> bool:
        kernels = [op for graph in module for op in graph if op.definition is FUSED]
        narrow = [op for op in kernels if self._is_narrow(Fused(op))]
        for op in narrow:
            op.regions = (_Moved(Fused(op)).region,)
        log.count("kernels", len(narrow))
        return bool(narrow)

    def _is_narrow(self, fused: Fused) -> bool:
        """Whether more elements lie in short rows than in long ones."""
        axes = walked(fused.region, fused.axes, fused.results)
        short = long = 0
        for op in fused.region:
            value = op.result
            if axes[value] != WHOLE:
                row = math.prod(value.type.shape[axes[value] + 1 :])
                short += value.type.size if 1 < row < self.least else 0
                long += value.type.size if row >= self.least else 0
        return short > long


class _Moved:
    """A copy of a kernel's region in which the dimension is the last axis of every value it runs through."""

    def __init__(self, fused: Fused) -> None:
        self.axes = walked(fused.region, fused.axes, fused.results)
        self.region = Graph(fused.region.name)
        self._mapping: dict[Value, Value] = {}
        #: The kernel's operands as they are.
        self._own: dict[Value, Value] = {}
        for value in fused.region.inputs:
            argument = self._own[value] = self.region.add_input(value.type, value.name)
            self._mapping[value] = self._transposed(argument, self.order(value), value.owner.location)
        for op in fused.region:
            self._copy(op)
        outputs = [
            self._transposed(self._mapping[value], _inverse(self.order(value)), value.owner.location)
            for value in fused.region.outputs
        ]
        self.region.set_outputs(outputs)

    def order(self, value: Value) -> Order:
        """A value's axes in their new order."""
        axis, rank = self.axes[value], value.type.rank
        if axis == WHOLE:
            return tuple(range(rank))
        return (*(each for each in range(rank) if each != axis), axis)

    def place(self, value: Value, axis: int) -> int:
        """Where one of a value's axes is now."""
        return self.order(value).index(axis)

    def _copy(self, op: Operation) -> None:
        rule = _RULES.get(op.name)
        if op.definition.rules.cls.elementwise:
            self._emit(op, op.attributes)
        elif op.name == "tensor.broadcast_in_dim":
            self._broadcast(op)
        elif rule is not None and not self._reads_long_rows(op):
            self._emit(op, {**op.attributes, **rule(self, op)})
        else:  # as it was, between transpositions
            operands = [
                self._own.get(value) or self._transposed(self._mapping[value], _inverse(self.order(value)), op.location)
                for value in op.operands
            ]
            result = self._insert(op.name, operands, op.attributes, op.location)
            self._mapping[op.result] = self._transposed(result, self.order(op.result), op.location)

    def _reads_long_rows(self, op: Operation) -> bool:
        """Whether a product takes long rows of an operand of the kernel: BLAS needs half the time for a result of
        short rows beside one of short columns."""
        if op.name != "tensor.contract" or self.axes[op.result] != 0:
            return False
        return any(
            value in self._own and self.axes[value] == 0 and value.type.size >= LONG * value.type.shape[0]
            for value in op.operands
        )

    def _broadcast(self, op: Operation) -> None:
        """``dims`` increase: an operand that has one element where the dimension is follows the result's order."""
        x = op.operands[0]
        dims = [self.place(op.result, op.attributes["dims"][axis]) for axis in self.order(x)]
        operand = self._transposed(self._mapping[x], tuple(np.argsort(dims).tolist()), op.location)
        attributes = {"dims": tuple(sorted(dims)), "shape": _sizes(self, op)}
        self._mapping[op.result] = self._insert(op.name, [operand], attributes, op.location)

    def _emit(self, op: Operation, attributes: Any) -> None:
        operands = [self._mapping[value] for value in op.operands]
        changes_nothing = attributes.get("permutation") == tuple(range(op.result.type.rank)) or (
            op.name == "tensor.reshape" and attributes["shape"] == operands[0].type.shape
        )
        if changes_nothing:
            self._mapping[op.result] = operands[0]
        else:
            self._mapping[op.result] = self._insert(op.name, operands, attributes, op.location)
            self._mapping[op.result].name = op.result.name

    def _transposed(self, value: Value, order: Order, location: Location) -> Value:
        if order == tuple(range(len(order))):
            return value
        return self._insert("tensor.transpose", [value], {"permutation": order}, location)

    def _insert(self, name: str, operands: Sequence[Value], attributes: Any, location: Location) -> Value:
        definition = lookup(name)
        types = definition.infer([value.type for value in operands], attributes)
        return self.region.insert(Operation(definition, tuple(operands), attributes, types, (), location)).result


def _inverse(order: Order) -> Order:
    return tuple(order.index(axis) for axis in range(len(order)))


def _sizes(moved: _Moved, op: Operation) -> Order:
    return tuple(op.result.type.shape[axis] for axis in moved.order(op.result))


def _constant(moved: _Moved, op: Operation) -> dict[str, Any]:
    type = op.result.type.with_shape(_sizes(moved, op))
    return {"value": Dense(op.attributes["value"].data, type)}


def _axes(moved: _Moved, op: Operation) -> dict[str, Any]:
    return {"axes": tuple(sorted(moved.place(op.operands[0], axis) for axis in op.attributes["axes"]))}


def _axis(moved: _Moved, op: Operation) -> dict[str, Any]:
    return {"axis": moved.place(op.operands[0], op.attributes["axis"])}


def _contract(moved: _Moved, op: Operation) -> dict[str, Any]:
    labels = parse_spec(op.attributes["spec"])
    values = zip((labels.x, labels.y, labels.out), (*op.operands, op.result), strict=True)
    x, y, out = ("".join(names[axis] for axis in moved.order(value)) for names, value in values)
    return {"spec": f"{x},{y}->{out}"}


def _transpose(moved: _Moved, op: Operation) -> dict[str, Any]:
    permutation = op.attributes["permutation"]
    places = [moved.place(op.operands[0], permutation[axis]) for axis in moved.order(op.result)]
    return {"permutation": tuple(places)}


def _permuted(*names: str) -> Callable[[_Moved, Operation], dict[str, Any]]:
    """Attributes with an entry for each axis of the first operand."""

    def rule(moved: _Moved, op: Operation) -> dict[str, Any]:
        order = moved.order(op.operands[0])
        return {name: tuple(op.attributes[name][axis] for axis in order) for name in names}

    return rule


#: What an operation's attributes become.
_RULES: Final[dict[str, Callable[[_Moved, Operation], dict[str, Any]]]] = {
    "tensor.constant": _constant,
    "tensor.contract": _contract,
    "ad.contract_no_nan": _contract,
    "tensor.transpose": _transpose,
    "tensor.reshape": lambda moved, op: {"shape": _sizes(moved, op)},
    "tensor.slice": _permuted("starts", "sizes", "steps"),
    "tensor.insert_slice": _permuted("starts", "steps"),
    "tensor.pad": _permuted("low", "high", "interior"),
    "tensor.reverse": _axes,
    **dict.fromkeys((f"tensor.reduce_{name}" for name in ("sum", "max", "min", "prod", "and", "or")), _axes),
    **dict.fromkeys(("tensor.argmax", "tensor.argmin"), _axis),
    **dict.fromkeys(("tensor.concatenate", "tensor.cumsum", "tensor.sort", "tensor.argsort"), _axis),
    **dict.fromkeys(("fft.fft", "fft.ifft", "fft.rfft", "fft.irfft"), _axis),
}
