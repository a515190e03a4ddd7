"""merge-slices: what is done to each of several adjacent slices is done to them together."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from ...ir.attributes import attribute_text
from ...ir.builder import Builder
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ir.types import TensorType
from ...ops.definition import Rules, full
from ..manager import Pass, PassLog, register_pass
from ..scope import functions
from .patterns import splat


@register_pass("merge-slices")
@dataclass(frozen=True)
class MergeSlices(Pass):
    """exp(x[0:2]), exp(x[2:5]) -> slices of exp(x[0:5]): equal element-wise operations on adjacent slices of the same
    values become one. The gates of a recurrent network are computed together.

    Slices are views, so this saves calls; where a merged value would take more than ``max-bytes`` calls are no matter.
    """

    function: str = ""
    max_bytes: int = 1 << 16

    def run(self, module: Module, log: PassLog) -> bool:
        count = 0
        for graph in functions(module, self.function):
            for run in list(_runs(graph, self.max_bytes)):
                _merge(run, graph)
                count += len(run)
        log.count("merged", count)
        return count > 0


@dataclass(frozen=True, eq=False)
class _Part:
    """An operation on slices from ``start`` to ``stop`` along ``axis``, and its place in the program."""

    op: Operation
    place: int
    axis: int
    start: int
    stop: int


def _runs(graph: Graph, most: int) -> Iterator[list[_Part]]:
    """Operations that differ in nothing but which slice they take, the slices being adjacent."""
    groups: dict[Hashable, list[_Part]] = {}
    for place, op in enumerate(graph):
        found = _part(op, place)
        if found is not None:
            key, part = found
            groups.setdefault(key, []).append(part)
    for parts in groups.values():
        run: list[_Part] = []
        for part in sorted(parts, key=lambda part: part.start):
            if run and (part.start != run[-1].stop or _nbytes([*run, part]) > most):
                if len(run) > 1:
                    yield run
                run = []
            run.append(part)
        if len(run) > 1:
            yield run


def _nbytes(run: Sequence[_Part]) -> int:
    return sum(part.op.result.type.nbytes for part in run)


def _part(op: Operation, place: int) -> tuple[Hashable, _Part] | None:
    """What is equal in operations that may be merged, and what is this one's own."""
    rules: Rules | None = op.definition.rules
    if rules is None or not rules.cls.elementwise or len(op.results) != 1:
        return None
    sources: list[object] = []
    where: set[tuple[int, int, int]] = set()
    for value in op.operands:
        if splat(value) is not None:
            sources.append((value.owner.attributes["value"].data.tobytes(), value.type.dtype))
            continue
        at = _only_axis(value)
        if at is None:
            return None
        sources.append(value.owner.operands[0])
        where.add(at)
    if len(where) != 1:
        return None
    ((axis, start, stop),) = where
    shape = tuple(size for position, size in enumerate(op.result.type.shape) if position != axis)
    attributes = tuple((key, attribute_text(value)) for key, value in sorted(op.attributes.items()))
    return (op.name, attributes, tuple(sources), axis, shape), _Part(op, place, axis, start, stop)


def _only_axis(value: Value) -> tuple[int, int, int] | None:
    """The axis along which a value is a slice, from where to where; None where it is no slice, or one along others."""
    op = value.owner
    if op.name != "tensor.slice" or any(step != 1 for step in op.attributes["steps"]):
        return None
    extents = op.operands[0].type.shape
    axes = [axis for axis, size in enumerate(op.attributes["sizes"]) if size != extents[axis]]
    if len(axes) != 1 or not value.type.size:
        return None
    start = op.attributes["starts"][axes[0]]
    return axes[0], start, start + op.attributes["sizes"][axes[0]]


def _merge(run: Sequence[_Part], graph: Graph) -> None:
    first = min(run, key=lambda part: part.place).op
    axis, start, stop = run[0].axis, run[0].start, run[-1].stop
    b = Builder(graph, first, first.location)
    operands = []
    for value in first.operands:
        if (number := splat(value)) is not None:
            operands.append(full(b, _wide(value, axis, stop - start), number))
        else:
            operands.append(_slice(value.owner.operands[0], axis, start, stop, b))
    whole = b.build(first.name, *operands, **first.attributes).result
    slices = [_slice(whole, axis, part.start - start, part.stop - start, b) for part in run]
    for part, value in zip(run, slices, strict=True):
        graph.replace(part.op, (value,))


def _wide(value: Value, axis: int, size: int) -> TensorType:
    shape = value.type.shape
    return value.type.with_shape((*shape[:axis], size, *shape[axis + 1 :]))


def _slice(value: Value, axis: int, start: int, stop: int, b: Builder) -> Value:
    """``value`` from ``start`` to ``stop`` along ``axis``."""
    shape = value.type.shape
    if (start, stop) == (0, shape[axis]):
        return value
    starts = tuple(start if position == axis else 0 for position in range(len(shape)))
    sizes = tuple(stop - start if position == axis else size for position, size in enumerate(shape))
    part: Value = b.slice(value, starts=starts, sizes=sizes, steps=(1,) * len(shape))
    return part
