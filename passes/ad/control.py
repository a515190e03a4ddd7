"""Derivatives of choices and loops, made by the same passes on their functions.

A `control.scan` is linearized by linearizing its body and cutting that in two: the first half runs in the loop's place
and hands on what the second half needs (its residuals, stacked over the steps); the second half is the body of a linear
scan over tangents. The transpose of a linear scan is a scan in the other direction, whose body is the transposed body.
A `control.cond` is cut the same way, branch by branch. A `control.while` has tangents in its carry: forward mode only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir.attributes import SymbolRef
from ...ir.builder import Builder
from ...ir.definition import OpDefinition
from ...ir.errors import DerivativeError
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ir.types import TensorType
from ...ops.control import COND, SCAN, WHILE, Loop
from ...ops.definition import Rules, zeros
from ..manager import PassManager
from ..simplify import simplification
from .split import split

#: A tangent or cotangent for each operand or result, None where it is zero.
Parts = Sequence[Value | None]
Pushed = list[tuple[Value, Value | None]]
CONTROL = frozenset((COND.name, SCAN.name, WHILE.name))


def push_control(b: Builder, graph: Graph, op: Operation, tangents: Parts, module: Module) -> Pushed:
    """The results of a choice or loop, each with its tangent. It may be replaced by one that hands on residuals, whose
    results then stand for the old ones."""
    push = {COND.name: _push_cond, SCAN.name: _push_scan, WHILE.name: _push_while}[op.name]
    return push(b, graph, op, tangents, module)


def pull_control(b: Builder, graph: Graph, op: Operation, cotangents: Parts, module: Module) -> list[Value | None]:
    """The cotangents of the operands of a linear choice or loop."""
    if op.name == WHILE.name:
        raise DerivativeError(
            f"the while_loop at {op.location} has no reverse derivative: the number of its steps is not known. Give it "
            "max_steps, or use fori_loop or scan"
        )
    pull = _pull_cond if op.name == COND.name else _pull_scan
    return pull(b, graph, op, cotangents, module)


# --- functions -------------------------------------------------------------------------------------


def _linearized(source: Graph, wrt: Sequence[int], module: Module) -> tuple[Graph, list[int]]:
    """A copy of a function with its linear part, and which outputs have tangents."""
    from .linearize import linearize

    copy = source.clone()
    linearize(copy, tuple(wrt), 0, module)
    del copy.attributes["linear_inputs"], copy.attributes["linear_outputs"]
    return copy, [i for i, value in enumerate(source.outputs) if value.type.differentiable]


def _simplify(graph: Graph) -> Graph:
    """Clean a function that is not in the module yet."""
    alone = Module()
    alone.functions[graph.name] = graph
    PassManager([_settle()]).run(alone)
    return graph


def _settle() -> Any:
    from ..manager import Fixpoint

    return Fixpoint(simplification())


def _active_outputs(source: Graph, wrt: Sequence[int]) -> set[int]:
    """The outputs that a tangent can reach from the inputs ``wrt``."""
    reached = {source.inputs[i] for i in wrt}
    for op in source:
        rules: Rules | None = op.definition.rules
        if rules is not None and rules.cls.piecewise_constant:
            continue
        if any(value in reached for value in op.operands):
            reached.update(value for value in op.results if value.type.differentiable)
    return {i for i, value in enumerate(source.outputs) if value in reached}


def _cut(source: Graph, wrt: Sequence[int], outputs: Sequence[int], module: Module) -> tuple[Graph, Graph]:
    """Linearize a function and cut it: the first half returns its outputs and residuals; the second takes residuals and
    the tangents of ``wrt``, and returns the tangents of ``outputs``."""
    both, differentiable = _linearized(source, wrt, module)
    count = len(source.outputs)
    tangents = [both.outputs[count + differentiable.index(i)] for i in outputs]
    both.set_outputs([*both.outputs[:count], *tangents])
    _simplify(both)
    seeds = range(len(source.inputs), len(both.inputs))
    first, second = split(both, tuple(seeds), count)
    del first.attributes["residuals"]
    return first, second


def _transposed(source: Graph, tangents: int, module: Module) -> Graph:
    """The transpose of a function that is linear in its last inputs, ``tangents`` many: it takes the others, then
    cotangents of the outputs."""
    from .transpose import transpose

    copy = source.clone()
    count = len(copy.inputs)
    copy.attributes["linear_inputs"] = tuple(range(count - tangents, count))
    copy.attributes["linear_outputs"] = tuple(range(len(copy.outputs)))
    transpose(copy, module)
    del copy.attributes["linear_inputs"], copy.attributes["linear_outputs"]
    return _simplify(copy)


def _insert(
    graph: Graph,
    before: Operation | None,
    definition: OpDefinition,
    operands: Sequence[Value],
    results: Any,
    like: Any,
    **attributes: Any,
) -> Operation:
    return graph.insert(Operation(definition, tuple(operands), attributes, results, (), like), before)


def _given(b: Builder, values: Sequence[Value], tangents: Parts, chosen: Sequence[int]) -> list[Value]:
    return [tangents[i] or zeros(b, values[i].type) for i in chosen]


# --- scan ------------------------------------------------------------------------------------------


def _push_scan(b: Builder, graph: Graph, op: Operation, tangents: Parts, module: Module) -> Pushed:
    loop = Loop(op)
    body = module[loop.body]
    count, scanned = len(loop.carry), len(loop.carry) + len(loop.xs)
    carry = {i for i in range(count) if tangents[i] is not None}
    others = [i for i in range(count, len(op.operands)) if tangents[i] is not None]
    while True:  # a tangent that enters the carry in one step is there in the next
        reached = _active_outputs(body, [*sorted(carry), *others])
        if {i for i in reached if i < count} <= carry:
            break
        carry |= {i for i in reached if i < count}
    wrt = [*sorted(carry), *others]
    outputs = [*sorted(carry), *sorted(i for i in reached if i >= count)]
    first, second = _cut(body, wrt, outputs, module)
    residuals = first.outputs[len(body.outputs) :]
    # A residual that is an input of the loop is there already: scanned, or the same in all steps.
    known = {value: i for i, value in enumerate(first.inputs) if i >= count}
    fresh = [value for value in residuals if value not in known]
    first.set_outputs([*first.outputs[: len(body.outputs)], *fresh])
    first.name = module.add(_named(first, f"{loop.body}_forward")).name
    stacked = [value.type.with_shape((loop.length, *value.type.shape)) for value in fresh]
    forward = _insert(
        graph,
        op,
        SCAN,
        op.operands,
        [*(value.type for value in op.results), *stacked],
        op.location,
        **{**op.attributes, "body": SymbolRef(first.name)},
    )
    sources = dict(zip(fresh, forward.results[len(op.results) :], strict=True))
    graph.replace(op, forward.results[: len(op.results)])

    is_const = [value in known and known[value] >= scanned for value in residuals]
    given = [op.operands[known[value]] if value in known else sources[value] for value in residuals]
    xs = [i for i, const in enumerate(is_const) if not const]
    consts = [i for i, const in enumerate(is_const) if const]
    t_carry, t_xs, t_consts = (
        [i for i in wrt if low <= i < high] for low, high in ((0, count), (count, scanned), (scanned, len(op.operands)))
    )
    start = len(residuals)
    at = {i: start + position for position, i in enumerate(wrt)}
    second.reorder_inputs([*(at[i] for i in t_carry), *xs, *(at[i] for i in t_xs), *consts, *(at[i] for i in t_consts)])
    name = module.add(_named(second, f"{loop.body}_linear")).name
    operands = [
        *_given(b, op.operands, tangents, t_carry),
        *(given[i] for i in xs),
        *_given(b, op.operands, tangents, t_xs),
        *(given[i] for i in consts),
        *_given(b, op.operands, tangents, t_consts),
    ]
    linear = _insert(
        graph,
        b.before,
        SCAN,
        operands,
        [forward.results[i].type for i in outputs],
        b.location,
        body=SymbolRef(name),
        carry=len(t_carry),
        xs=len(xs) + len(t_xs),
        length=loop.length,
        reverse=op.attributes["reverse"],
        tangents=(len(t_xs), len(t_consts)),
    )
    found = dict(zip(outputs, linear.results, strict=True))
    return [(forward.results[i], found.get(i)) for i in range(len(op.results))]


def _named(graph: Graph, name: str) -> Graph:
    graph.name = name
    return graph


def _pull_scan(b: Builder, graph: Graph, op: Operation, cotangents: Parts, module: Module) -> list[Value | None]:
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
    turned = _transposed(body, count + n_xs + n_consts, module)

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
    found = _insert(
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


# --- cond ------------------------------------------------------------------------------------------


def _push_cond(b: Builder, graph: Graph, op: Operation, tangents: Parts, module: Module) -> Pushed:
    keys = ("on_true", "on_false")
    branches = [module[op.attributes[key].name] for key in keys]
    wrt = [i for i in range(len(op.operands) - 1) if tangents[i + 1] is not None]
    outputs = sorted(set().union(*(_active_outputs(branch, wrt) for branch in branches)))
    if not outputs:
        return [(value, None) for value in op.results]
    halves = [_cut(branch, wrt, outputs, module) for branch in branches]
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
            (module.add(_named(first, f"{source}_forward")).name, module.add(_named(second, f"{source}_linear")).name)
        )
    (true_first, true_second), (false_first, false_second) = names
    forward = _insert(
        graph,
        op,
        COND,
        op.operands,
        [*(value.type for value in op.results), *types],
        op.location,
        on_true=SymbolRef(true_first),
        on_false=SymbolRef(false_first),
        tangents=op.attributes.get("tangents", 0),
    )
    graph.replace(op, forward.results[:count])
    operands = [op.operands[0], *forward.results[count:], *_given(b, op.operands[1:], tangents[1:], wrt)]
    linear = _insert(
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


def _pull_cond(b: Builder, graph: Graph, op: Operation, cotangents: Parts, module: Module) -> list[Value | None]:
    tangents: int = op.attributes["tangents"]
    kept = len(op.operands) - 1 - tangents
    names = []
    for key in ("on_true", "on_false"):
        source = op.attributes[key].name
        names.append(module.add(_named(_transposed(module[source], tangents, module), f"{source}_transposed")).name)
    seeds = [ct or zeros(b, value.type) for ct, value in zip(cotangents, op.results, strict=True)]
    operands = [op.operands[0], *op.operands[1 : 1 + kept], *seeds]
    results = [value.type for value in op.operands[1 + kept :]]
    found = _insert(
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


# --- while -----------------------------------------------------------------------------------------


def _push_while(b: Builder, graph: Graph, op: Operation, tangents: Parts, module: Module) -> Pushed:
    count: int = op.attributes["carry"]
    body, test = (module[op.attributes[key].name] for key in ("body", "cond"))
    carry = {i for i in range(count) if tangents[i] is not None}
    others = [i for i in range(count, len(op.operands)) if tangents[i] is not None]
    while not (reached := _active_outputs(body, [*sorted(carry), *others])) <= carry:
        carry |= reached
    wrt, chosen = [*sorted(carry), *others], sorted(carry)
    both, differentiable = _linearized(body, wrt, module)
    both.set_outputs([*both.outputs[:count], *(both.outputs[count + differentiable.index(i)] for i in chosen)])
    checked = test.clone()
    extra: list[TensorType] = [op.operands[i].type for i in wrt]
    for type in extra:
        checked.add_input(type)
    # inputs: carry, its tangents, constants, their tangents
    total, size = len(op.operands), len(chosen)
    order = [*range(count), *range(total, total + size), *range(count, total), *range(total + size, total + len(wrt))]
    names = []
    for graph_of, name in ((_simplify(both), "body"), (checked, "cond")):
        graph_of.reorder_inputs(order)
        names.append(module.add(_named(graph_of, f"{op.attributes[name].name}_jvp")).name)
    given = dict(zip(wrt, _given(b, op.operands, tangents, wrt), strict=True))
    operands = [
        *op.operands[:count],
        *(given[i] for i in chosen),
        *op.operands[count:],
        *(given[i] for i in others),
    ]
    types = [value.type for value in op.results]
    loop = _insert(
        graph,
        b.before,
        WHILE,
        operands,
        [*types, *(types[i] for i in chosen)],
        op.location,
        cond=SymbolRef(names[1]),
        body=SymbolRef(names[0]),
        carry=count + size,
    )
    found = dict(zip(chosen, loop.results[count:], strict=True))
    return [(op.results[i], found.get(i)) for i in range(count)]
