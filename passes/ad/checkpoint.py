"""The derivatives of `ad.checkpoint`: only the operands are kept, and the function is computed again."""

from __future__ import annotations

from ...ir.attributes import SymbolRef
from ...ir.builder import Builder
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.control import CHECKPOINT
from ...ops.definition import zeros
from .functional import Parts, Pushed, active_outputs, given_tangents, insert, linearized, named, simplify, transposed


def push_checkpoint(b: Builder, graph: Graph, op: Operation, tangents: Parts, module: Module) -> Pushed:
    """The call stays as it is; its linear part takes the operands again, beside the tangents."""
    name: str = op.attributes["callee"].name
    source = module[name]
    wrt = [i for i, tangent in enumerate(tangents) if tangent is not None]
    outputs = sorted(active_outputs(source, wrt))
    both, differentiable = linearized(source, wrt, module)
    count = len(source.outputs)
    both.set_outputs([both.outputs[count + differentiable.index(i)] for i in outputs])
    linear = insert(
        graph,
        b.before,
        CHECKPOINT,
        [*op.operands, *given_tangents(b, op.operands, tangents, wrt)],
        [op.results[i].type for i in outputs],
        b.location,
        callee=SymbolRef(module.add(named(simplify(both), f"{name}_linear")).name),
        tangents=len(wrt),
        after=op.attributes["after"],
    )
    found = dict(zip(outputs, linear.results, strict=True))
    return [(value, found.get(i)) for i, value in enumerate(op.results)]


def pull_checkpoint(b: Builder, graph: Graph, op: Operation, cotangents: Parts, module: Module) -> list[Value | None]:
    """The transposed function, of the operands and the cotangents, which it waits for."""
    count: int = op.attributes["tangents"]
    name: str = op.attributes["callee"].name
    kept = len(op.operands) - count
    turned = module.add(named(transposed(b, module[name], count, module), f"{name}_transposed"))
    seeds = [ct or zeros(b, value.type) for ct, value in zip(cotangents, op.results, strict=True)]
    found = insert(
        graph,
        None,
        CHECKPOINT,
        [*op.operands[:kept], *seeds],
        [value.type for value in op.operands[kept:]],
        op.location,
        callee=SymbolRef(turned.name),
        tangents=0,
        after=tuple(kept + i for i, ct in enumerate(cotangents) if ct is not None),
    )
    return [*[None] * kept, *found.results]
