"""gather-factors: in a loop's steps, what multiplies the carry is multiplied together first."""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.builder import Builder
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ..manager import Pass, PassLog, register_pass
from ..simplify.sums import rearrangeable
from .draft import Draft, scans


@register_pass("gather-factors")
@dataclass(frozen=True)
class GatherFactors(Pass):
    """((carry * x) / y) * z -> carry * (x / y * z) in the steps of a `control.scan`, in derivatives.

    Where x, y and z do not depend on the carry, `hoist-loops` then multiplies them for all steps at once. The
    concatenation of such products is the product of two concatenations, one of them of what does not depend on the
    carry.

    As many roundings as before; the intermediate products are others, and so is what overflows.
    """

    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        count = 0
        for graph, op in scans(module, self.function):
            count += _gather(graph, op, module)
        log.count("gathered", count)
        return count > 0


def _gather(graph: Graph, op: Operation, module: Module) -> int:
    draft = Draft(graph, op, module)
    body = draft.body
    body.set_outputs(draft.outputs())
    known = {part.input for part in (*draft.xs, *draft.consts)}
    count = 0
    for each in body:
        if all(value in known or value.owner.name == "tensor.constant" for value in each.operands):
            known.update(each.results)
            continue
        found = _gathered(each, known, body)
        if found is not None:
            draft.replace_in_body(each.result, found)
            known.update(found.owner.operands[1:])
            count += 1
    if count:
        draft.finish()
    return count


def _factors(op: Operation, known: set[Value]) -> tuple[Value, Value] | None:
    """What a product or quotient multiplies, and what is known in it, by which."""
    if op.name not in ("tensor.mul", "tensor.div") or not rearrangeable(op):
        return None
    x, y = op.operands
    if y in known and x not in known:
        return x, y
    return (y, x) if op.name == "tensor.mul" and x in known and y not in known else None


def _gathered(op: Operation, known: set[Value], body: Graph) -> Value | None:
    """The product of something with one known value, where ``op`` multiplies it with two, one after the other."""
    if op.name == "tensor.concatenate":
        return _concatenated(op, known, body)
    outer = _factors(op, known)
    if outer is None or not body.has_one_use(outer[0]):
        return None
    inner = _factors(outer[0].owner, known)
    if inner is None:
        return None
    b = Builder(body, op, op.location)
    value, first, second = inner[0], inner[1], outer[1]
    names = outer[0].owner.name, op.name
    if names == ("tensor.mul", "tensor.mul"):
        return b.mul(value, b.mul(first, second))
    if names == ("tensor.mul", "tensor.div"):
        return b.mul(value, b.div(first, second))
    if names == ("tensor.div", "tensor.mul"):
        return b.mul(value, b.div(second, first))
    return b.div(value, b.mul(first, second))


def _concatenated(op: Operation, known: set[Value], body: Graph) -> Value | None:
    """A concatenation of products with known values, as one product."""
    parts = [_factors(value.owner, known) for value in op.operands]
    if any(value.owner.name != "tensor.mul" or not body.has_one_use(value) for value in op.operands):
        return None
    b, axis = Builder(body, op, op.location), op.attributes["axis"]
    found = [part for part in parts if part is not None]
    if len(found) < max(len(parts), 2):
        return None
    values, factors = (b.concatenate(*each, axis=axis) for each in zip(*found, strict=True))
    product: Value = b.mul(values, factors)
    return product
