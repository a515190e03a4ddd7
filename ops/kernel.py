"""The kernel dialect: operations that run together, over a named iteration dimension."""

from __future__ import annotations

from typing import Any, Final

from ..ir.definition import OpDefinition, register
from ..ir.graph import Graph, Operation, Value
from ..ir.module import Module
from ..ir.verifier import register_symbol_check

#: What `axes` and `results` say of a value that no block cuts: an operand that every block reads whole, a result
#: that all blocks add to.
WHOLE: Final = -1


class Fused:
    """A `kernel.fused` by its parts."""

    def __init__(self, op: Operation) -> None:
        a: dict[str, Any] = dict(op.attributes)
        self.op = op
        (self.region,) = op.regions
        self.extent: int = a["extent"]
        self.axes: tuple[int, ...] = a["axes"]
        self.results: tuple[int, ...] = a["results"]
        #: Points computed at once, and taken by one thread at a time; all of them where nothing is decided.
        self.block: int = a.get("block", 0) or self.extent
        self.chunk: int = a.get("chunk", 0) or self.extent


def _check_cut(value: Value, axis: int, extent: int, what: str) -> str | None:
    if axis == WHOLE or (0 <= axis < value.type.rank and value.type.shape[axis] == extent):
        return None
    return f"{what} is {value.type}, which has no axis {axis} of size {extent}"


def _check_fused(op: Operation, module: Module) -> str | None:
    fused = Fused(op)
    region: Graph = fused.region
    for what, values, inner, axes in (
        ("operand", op.operands, region.inputs, fused.axes),
        ("result", op.results, region.outputs, fused.results),
    ):
        if not len(values) == len(inner) == len(axes):
            return f"has {len(values)} {what}s, {len(inner)} in its region and {len(axes)} axes for them"
        for number, (outer, own, axis) in enumerate(zip(values, inner, axes, strict=True)):
            if outer.type is not own.type:
                return f"{what} {number} is {outer.type}, and {own.type} in the region"
            if wrong := _check_cut(outer, axis, fused.extent, f"{what} {number}"):
                return wrong
    return None


FUSED: Final = OpDefinition(
    name="kernel.fused",
    operands=("operands",),
    attributes=("extent", "axes", "results", "block", "chunk"),
    infer=lambda types, attributes: (),
    variadic=True,
    optional={"block": 0, "chunk": 0},
    regions=1,
    doc="""The region's results, computed block by block along one iteration dimension of ``extent`` points.

``axes`` says for each operand along which of its axes the dimension runs, -1 where every block reads the whole
operand; ``results`` says so of the results, -1 where the blocks' contributions are combined (sums of
`tensor.reduce_sum` and of contractions, extrema of `tensor.reduce_max` and `tensor.reduce_min`). The region is written
for the whole extent and means what it says: cutting it changes no number but by the order of a sum. ``block`` is the
number of points computed at once and ``chunk`` the number that one thread takes at a time, 0 where it is undecided;
both fix the order of every sum, whatever the number of threads. (V5) the region has the operands' and the results'
types, and each axis named has the extent.""",
)
register(FUSED)
register_symbol_check(FUSED.name, _check_fused)
