"""The derivatives of `control.cond`."""

from __future__ import annotations

from ...ir.attributes import SymbolRef
from ...ir.builder import Builder
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.control import COND
from ...ops.definition import zeros
from .functional import Parts, Pushed, active_outputs, cut, given_tangents, insert, named, transposed


def push_cond(b: Builder, graph: Graph, op: Operation, tangents: Parts, module: Module) -> Pushed:
    """Cut both branches; each hands on its residuals, and zeros for those of the other."""
    keys = ("on_true", "on_false")
    branches = [module[op.attributes[key].name] for key in keys]
    wrt = [i for i in range(len(op.operands) - 1) if tangents[i + 1] is not None]
    outputs = sorted(set().union(*(active_outputs(branch, wrt) for branch in branches)))
    if not outputs:
        return [(value, None) for value in op.results]
    halves = [cut(branch, wrt, outputs, module) for branch in branches]
    count = len(op.results)
    residuals = [list(first.outputs[count:]) for first, _ in halves]
    types = [value.type for part in residuals for value in part]
    names = []
    for index, (key, (first, second)) in enumerate(zip(keys, halves, strict=True)):
        source = op.attributes[key].name
        filler = Builder(first)
        own = [
            value if position == index else zeros(filler, value.type)
            for position, part in enumerate(residuals)
            for value in part
        ]
        first.set_outputs([*first.outputs[:count], *own])
        # The linear half takes the residuals of both branches, and leaves the other branch's alone.
        mine, inputs = len(residuals[index]), len(second.inputs)
        for value in residuals[1 - index]:
            second.add_input(value.type)
        rest = list(range(inputs, len(second.inputs)))
        both = [*range(mine), *rest] if index == 0 else [*rest, *range(mine)]
        second.reorder_inputs([*both, *range(mine, inputs)])
        names.append(
            (module.add(named(first, f"{source}_forward")).name, module.add(named(second, f"{source}_linear")).name)
        )
    (true_first, true_second), (false_first, false_second) = names
    forward = insert(
        graph,
        op,
        COND,
        op.operands,
        [*(value.type for value in op.results), *types],
        op.location,
        on_true=SymbolRef(true_first),
        on_false=SymbolRef(false_first),
        tangents=0,
    )
    graph.replace(op, forward.results[:count])
    operands = [op.operands[0], *forward.results[count:], *given_tangents(b, op.operands[1:], tangents[1:], wrt)]
    linear = insert(
        graph,
        b.before,
        COND,
        operands,
        [forward.results[i].type for i in outputs],
        b.location,
        on_true=SymbolRef(true_second),
        on_false=SymbolRef(false_second),
        tangents=len(wrt),
    )
    found = dict(zip(outputs, linear.results, strict=True))
    return [(forward.results[i], found.get(i)) for i in range(count)]


def pull_cond(b: Builder, graph: Graph, op: Operation, cotangents: Parts, module: Module) -> list[Value | None]:
    """Transpose both branches of a linear choice."""
    tangents: int = op.attributes["tangents"]
    kept = len(op.operands) - 1 - tangents
    names = []
    for key in ("on_true", "on_false"):
        source = op.attributes[key].name
        names.append(module.add(named(transposed(b, module[source], tangents, module), f"{source}_transposed")).name)
    seeds = [ct or zeros(b, value.type) for ct, value in zip(cotangents, op.results, strict=True)]
    operands = [op.operands[0], *op.operands[1 : 1 + kept], *seeds]
    results = [value.type for value in op.operands[1 + kept :]]
    found = insert(
        graph,
        None,
        COND,
        operands,
        results,
        op.location,
        on_true=SymbolRef(names[0]),
        on_false=SymbolRef(names[1]),
        tangents=0,
    )
    return [*[None] * (1 + kept), *found.results]
