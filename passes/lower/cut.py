"""One block of a kernel as a graph of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ...ir.attributes import Dense
from ...ir.graph import Graph, Operation, Value
from ...ir.types import TensorType
from ...ops.kernel import WHOLE, Fused
from .iteration import walked


def cut(fused: Fused, points: int) -> Graph:
    """The region of a kernel at ``points`` points of its dimension: every value that is cut is that much shorter."""
    axes = walked(fused.region, fused.axes, fused.results)
    graph = Graph(fused.region.name)
    mapping: dict[Value, Value] = {}
    for value in fused.region.inputs:
        mapping[value] = graph.add_input(_shorter(value.type, axes[value], points), value.name)
    for op in fused.region:
        operands = tuple([mapping[value] for value in op.operands])
        attributes: Mapping[str, Any] = op.attributes
        if op.name in _ATTRIBUTES and axes[op.result] != WHOLE:
            attributes = {**attributes, **_ATTRIBUTES[op.name](op, axes[op.result], points)}
        types = op.definition.infer([value.type for value in operands], attributes)
        copied = graph.insert(Operation(op.definition, operands, attributes, types, (), op.location))
        mapping[op.result] = copied.result
        copied.result.name = op.result.name
    graph.set_outputs([mapping[value] for value in fused.region.outputs])
    return graph


def _shorter(type: TensorType, axis: int, points: int) -> TensorType:
    if axis == WHOLE:
        return type
    return type.with_shape(_at(type.shape, axis, points))


def _at(sizes: tuple[int, ...], axis: int, points: int) -> tuple[int, ...]:
    return (*sizes[:axis], points, *sizes[axis + 1 :])


def _constant(op: Operation, axis: int, points: int) -> dict[str, Any]:
    return {"value": Dense(op.attributes["value"].data, _shorter(op.result.type, axis, points))}


def _named(attribute: str) -> Callable[[Operation, int, int], dict[str, Any]]:
    """Sizes of the result, in an attribute."""
    return lambda op, axis, points: {attribute: _at(op.attributes[attribute], axis, points)}


#: Attributes that hold sizes along a cut axis, by operation.
_ATTRIBUTES: Final[dict[str, Callable[[Operation, int, int], dict[str, Any]]]] = {
    "tensor.constant": _constant,
    "tensor.broadcast_in_dim": _named("shape"),
    "tensor.reshape": _named("shape"),
    "tensor.slice": _named("sizes"),
}
