"""The derivatives of `control.scan`."""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.attributes import SymbolRef
from ...ir.builder import Builder
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.control import SCAN, Loop
from ...ops.definition import zeros
from .functional import Parts, Pushed, active_outputs, cut, given_tangents, insert, named, transposed


def push_scan(b: Builder, graph: Graph, op: Operation, tangents: Parts, module: Module) -> Pushed:
    """Cut the body: a loop that hands on residuals, and a linear loop over tangents."""
    loop = Loop(op)
    wrt, outputs = _activity(loop, tangents, module)
    first, second = cut(module[loop.body], wrt, outputs, module)
    results, residuals = _forward_scan(graph, loop, first, module)
    found = _linear_scan(b, graph, loop, second, residuals, wrt, tangents, [results[i] for i in outputs], module)
    pushed = dict(zip(outputs, found, strict=True))
    return [(result, pushed.get(i)) for i, result in enumerate(results)]


def _activity(loop: Loop, tangents: Parts, module: Module) -> tuple[list[int], list[int]]:
    """Which inputs and outputs of the body have tangents."""
    body, count = module[loop.body], len(loop.carry)
    carry = {i for i in range(count) if tangents[i] is not None}
    others = [i for i in range(count, len(loop.op.operands)) if tangents[i] is not None]
    while True:  # a tangent that enters the carry in one step is there in the next
        reached = active_outputs(body, [*sorted(carry), *others])
        if {i for i in reached if i < count} <= carry:
            return [*sorted(carry), *others], [*sorted(carry), *sorted(i for i in reached if i >= count)]
        carry |= {i for i in reached if i < count}


def _forward_scan(
    graph: Graph, loop: Loop, first: Graph, module: Module
) -> tuple[Sequence[Value], list[tuple[Value, bool]]]:
    """Put the loop over the first half in the loop's place. Returns its results, and the residuals in the order of the
    second half's inputs, each with whether it is the same in all steps (the others are scanned)."""
    op, count, scanned = loop.op, len(loop.carry), len(loop.carry) + len(loop.xs)
    kept = len(op.results)
    residuals = first.outputs[kept:]
    # A residual that is an input of the loop is there already: scanned, or the same in all steps.
    known = {value: i for i, value in enumerate(first.inputs) if i >= count}
    fresh = [value for value in residuals if value not in known]
    first.set_outputs([*first.outputs[:kept], *fresh])
    name = module.add(named(first, f"{loop.body}_forward")).name
    stacked = [value.type.with_shape((loop.length, *value.type.shape)) for value in fresh]
    types = [*(value.type for value in op.results), *stacked]
    attributes = {**op.attributes, "body": SymbolRef(name), "tangents": ()}
    forward = insert(graph, op, SCAN, op.operands, types, op.location, **attributes)
    graph.replace(op, forward.results[:kept])
    sources = dict(zip(fresh, forward.results[kept:], strict=True))
    given = [
        (op.operands[known[value]], known[value] >= scanned) if value in known else (sources[value], False)
        for value in residuals
    ]
    return forward.results[:kept], given


def _linear_scan(
    b: Builder,
    graph: Graph,
    loop: Loop,
    second: Graph,
    residuals: Sequence[tuple[Value, bool]],
    wrt: Sequence[int],
    tangents: Parts,
    like: Sequence[Value],
    module: Module,
) -> Sequence[Value]:
    """The loop over the second half, whose inputs are residuals, then tangents; results with the types of ``like``."""
    operands, count, scanned = loop.op.operands, len(loop.carry), len(loop.carry) + len(loop.xs)
    xs = [i for i, (_, constant) in enumerate(residuals) if not constant]
    consts = [i for i, (_, constant) in enumerate(residuals) if constant]
    t_carry, t_xs, t_consts = (
        [i for i in wrt if low <= i < high] for low, high in ((0, count), (count, scanned), (scanned, len(operands)))
    )
    at = {i: len(residuals) + position for position, i in enumerate(wrt)}
    second.reorder_inputs([*(at[i] for i in t_carry), *xs, *(at[i] for i in t_xs), *consts, *(at[i] for i in t_consts)])
    name = module.add(named(second, f"{loop.body}_linear")).name
    given = [
        *given_tangents(b, operands, tangents, t_carry),
        *(residuals[i][0] for i in xs),
        *given_tangents(b, operands, tangents, t_xs),
        *(residuals[i][0] for i in consts),
        *given_tangents(b, operands, tangents, t_consts),
    ]
    return insert(
        graph,
        b.before,
        SCAN,
        given,
        [value.type for value in like],
        b.location,
        body=SymbolRef(name),
        carry=len(t_carry),
        xs=len(xs) + len(t_xs),
        length=loop.length,
        reverse=loop.op.attributes["reverse"],
        tangents=(len(t_xs), len(t_consts)),
    ).results


def pull_scan(b: Builder, graph: Graph, op: Operation, cotangents: Parts, module: Module) -> list[Value | None]:
    """The cotangents of a linear loop's operands, by a loop in the other direction over the transposed body."""
    loop = Loop(op)
    n_xs, n_consts = op.attributes["tangents"]
    count = len(loop.carry)
    kept_xs, kept_consts = len(loop.xs) - n_xs, len(loop.consts) - n_consts
    body = module[loop.body].clone()
    first = count + kept_xs
    consts = first + n_xs
    # inputs: residuals (scanned, constant), then everything that is linear: carry, scanned, constants
    order = [*range(count, first), *range(consts, consts + kept_consts), *range(count), *range(first, consts)]
    body.reorder_inputs([*order, *range(consts + kept_consts, len(body.inputs))])
    turned = transposed(b, body, count + n_xs + n_consts, module)

    back = Graph(f"{loop.body}_transposed")
    types = [value.type for value in loop.carry]
    sums = [value.type for value in loop.consts[kept_consts:]]
    ct_carry = [back.add_input(type) for type in types]
    totals = [back.add_input(type) for type in sums]
    r_xs = [back.add_input(loop.element(value.type)) for value in loop.xs[:kept_xs]]
    ct_ys = [back.add_input(loop.element(value.type)) for value in loop.ys]
    r_consts = [back.add_input(value.type) for value in loop.consts[:kept_consts]]
    arguments = [*r_xs, *r_consts, *ct_carry, *ct_ys]
    pulled = turned.copy_into(back, dict(zip(turned.inputs, arguments, strict=True)))
    inner = Builder(back, None, op.location)
    added = [inner.add(total, part) for total, part in zip(totals, pulled[count + n_xs :], strict=True)]
    back.set_outputs([*pulled[:count], *added, *pulled[count : count + n_xs]])
    name = module.add(back).name

    seeds = [ct or zeros(b, value.type) for ct, value in zip(cotangents, op.results, strict=True)]
    operands = [
        *seeds[:count],
        *(zeros(b, type) for type in sums),
        *loop.xs[:kept_xs],
        *seeds[count:],
        *loop.consts[:kept_consts],
    ]
    results = [*types, *sums, *(value.type for value in loop.xs[kept_xs:])]
    found = insert(
        graph,
        None,
        SCAN,
        operands,
        results,
        op.location,
        body=SymbolRef(name),
        carry=count + len(sums),
        xs=kept_xs + len(loop.ys),
        length=loop.length,
        reverse=not op.attributes["reverse"],
        tangents=(),
    ).results
    return [
        *found[:count],
        *[None] * kept_xs,
        *found[count + len(sums) :],
        *[None] * kept_consts,
        *found[count : count + len(sums)],
    ]
