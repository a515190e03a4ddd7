"""The derivatives of loops whose length is known when they have run: `control.while` and `control.sweeps`.

A while counts its steps; its linear part is a sweep of so many over states and tangents together. The adjoint of a
number of sweeps is as many more, which run over the same steps in the other direction, the last one first: each takes
the states before it from the sweeps that it is the adjoint of (Griewank and Walther, Evaluating Derivatives, chapter
12). So an adjoint is an operation of the same kind again, and orders, modes and batches compose; what to keep and what
to compute anew is the backend's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir.attributes import Dense, SymbolRef
from ...ir.builder import Builder
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ir.types import INT64, TensorType
from ...ops.control import SWEEPS, WHILE
from ...ops.definition import zeros
from .functional import Parts, Pushed, active_outputs, insert, linearized, named, simplify, transposed

COUNT = TensorType((), INT64)


def push_while(b: Builder, graph: Graph, op: Operation, tangents: Parts, module: Module) -> Pushed:
    """The loop counts its steps; tangents go along in a sweep of as many."""
    size: int = op.attributes["carry"]
    body = module[op.attributes["body"].name]
    counted = _counted(graph, op, module)
    step = body.clone(f"{body.name}_step")
    step.add_input(COUNT)
    step.reorder_inputs([len(body.inputs), *range(len(body.inputs))])
    results = tuple(range(size))
    found = _joint(b, graph, step, [counted.results[size], *op.operands], (size,), results, [None, *tangents], module)
    return [(counted.results[i], found.get(i)) for i in range(size)]


def _counted(graph: Graph, op: Operation, module: Module) -> Operation:
    """Put a loop that counts its steps in the place of ``op``; the count is its last result."""
    size: int = op.attributes["carry"]
    names = {}
    for key in ("cond", "body"):
        source = module[op.attributes[key].name].clone()
        count = source.add_input(COUNT)
        source.reorder_inputs([*range(size), len(source.inputs) - 1, *range(size, len(source.inputs) - 1)])
        if key == "body":
            inner = Builder(source, None, op.location)
            source.set_outputs([*source.outputs, inner.add(count, _number(inner, 1))])
        names[key] = SymbolRef(module.add(named(source, f"{source.name}_counted")).name)
    start = _number(Builder(graph, op, op.location), 0)
    operands = [*op.operands[:size], start, *op.operands[size:]]
    types = [*(value.type for value in op.results), COUNT]
    counted = insert(graph, op, WHILE, operands, types, op.location, carry=size + 1, **names)
    graph.replace(op, counted.results[:size])
    return counted


def _number(b: Builder, number: int) -> Value:
    value: Value = b.constant(value=Dense(np.int64(number)))
    return value


def push_sweeps(b: Builder, graph: Graph, op: Operation, tangents: Parts, module: Module) -> Pushed:
    """The loops stay as they are; tangents go along in loops of the same states."""
    a = op.attributes
    body = module[a["body"].name]
    found = _joint(b, graph, body, op.operands, a["groups"], a["wanted"], tangents, module)
    return [(value, found.get(i)) for i, value in enumerate(op.results)]


def _joint(
    b: Builder,
    graph: Graph,
    body: Graph,
    operands: Sequence[Value],
    groups: Sequence[int],
    results: Sequence[int],
    tangents: Parts,
    module: Module,
) -> dict[int, Value]:
    """The tangents of those results that have one, by sweeps whose states have their tangents beside them. Operands and
    inputs of the body agree in their positions: steps, states, constants."""
    count = sum(groups)
    consts = [i for i in range(count + 1, len(operands)) if tangents[i] is not None]
    states = {i for i in range(1, count + 1) if tangents[i] is not None}
    while not (reached := {i + 1 for i in active_outputs(body, [*sorted(states), *consts])}) <= states:
        states |= reached
    wrt = [*sorted(states), *consts]
    both, differentiable = linearized(body, wrt, module)
    total = len(operands)
    #: Where each active input's tangent is among the inputs and, by state, among the outputs.
    tangent_in = {i: total + position for position, i in enumerate(wrt)}
    tangent_out = {i: count + differentiable.index(i - 1) for i in states}
    order, outputs, sizes, first = [0], [], [], 1
    for size in groups:
        primal = list(range(first, first + size))
        active = [i for i in primal if i in states]
        order += [*primal, *(tangent_in[i] for i in active)]
        outputs += [*(i - 1 for i in primal), *(tangent_out[i] for i in active)]
        sizes.append(size + len(active))
        first += size
    order += [*range(count + 1, total), *(tangent_in[i] for i in consts)]
    both.set_outputs([both.outputs[i] for i in outputs])
    both.reorder_inputs(order)
    given = [*operands, *(tangents[i] or zeros(b, operands[i].type) for i in wrt)]
    place = {original: position for position, original in enumerate(order)}
    wanted = [i for i, state in enumerate(results) if state + 1 in states]
    loop = insert(
        graph,
        b.before,
        SWEEPS,
        [given[i] for i in order],
        [operands[results[i] + 1].type for i in wanted],
        b.location,
        body=SymbolRef(module.add(named(simplify(both), f"{body.name}_jvp")).name),
        groups=tuple(sizes),
        wanted=tuple(place[tangent_in[results[i] + 1]] - 1 for i in wanted),
        tangents=tuple(sorted(place[i] for i in tangent_in.values())),
    )
    return dict(zip(wanted, loop.results, strict=True))


def pull_sweeps(b: Builder, graph: Graph, op: Operation, cotangents: Parts, module: Module) -> list[Value | None]:
    """The adjoint: the sweeps over the states, then one for each over the cotangents of its tangents. The last one also
    adds up the cotangents of constants."""
    adjoint = _Adjoint(op, module)
    body = adjoint.body(b, module)
    seeds = dict(zip(op.attributes["wanted"], cotangents, strict=True))
    given: list[Value] = [
        *(op.operands[i] for i in adjoint.primal_states),
        *(seeds.get(i - 1) or zeros(b, op.operands[i].type) for i in adjoint.seeded),
        *(zeros(b, op.operands[i].type) for i in adjoint.linear_consts),
    ]
    first, count = len(adjoint.primal_states), len(given)
    found = insert(
        graph,
        None,
        SWEEPS,
        [op.operands[0], *given, *(op.operands[i] for i in adjoint.consts)],
        [value.type for value in given[first:]],
        op.location,
        body=SymbolRef(module.add(body).name),
        groups=adjoint.groups,
        wanted=tuple(range(first, count)),
        tangents=(),
    ).results
    pulled: list[Value | None] = [None] * len(op.operands)
    for i, value in zip((*adjoint.seeded, *adjoint.linear_consts), found, strict=True):
        pulled[i] = value
    return pulled


class _Adjoint:
    """The parts of a linear `control.sweeps`, as positions of its operands, and the body of its adjoint."""

    def __init__(self, op: Operation, module: Module) -> None:
        a: dict[str, Any] = dict(op.attributes)
        self.source = module[a["body"].name]
        self.location = op.location
        linear, count = set(a["tangents"]), sum(a["groups"])
        split: list[tuple[list[int], list[int]]] = []
        first = 1
        for size in a["groups"]:
            members = range(first, first + size)
            split.append(([i for i in members if i not in linear], [i for i in members if i in linear]))
            first += size
        self.primal_states = [i for primal, _ in split for i in primal]
        self.linear_states = [i for _, tangents in split for i in tangents]
        self.consts = [i for i in range(count + 1, len(op.operands)) if i not in linear]
        self.linear_consts = [i for i in range(count + 1, len(op.operands)) if i in linear]
        #: The states that have cotangents, in the order of the adjoint's sweeps.
        self.seeded = [i for _, tangents in reversed(split) for i in tangents]
        sizes = [len(primal) for primal, _ in split] + [len(tangents) for _, tangents in reversed(split)]
        sizes[-1] += len(self.linear_consts)
        self.groups = tuple(sizes)

    def body(self, b: Builder, module: Module) -> Graph:
        """One step: the states' next values, and the transpose of the step of their tangents."""
        source, kept = self.source, [0, *self.primal_states, *self.consts]
        primal = source.clone()
        primal.set_outputs([source_output(primal, i) for i in self.primal_states])
        linear = source.clone()
        linear.set_outputs([source_output(linear, i) for i in self.linear_states])
        linear.reorder_inputs([*kept, *self.linear_states, *self.linear_consts])
        turned = transposed(b, linear, len(self.linear_states) + len(self.linear_consts), module)

        back = Graph(f"{source.name}_adjoint")
        at = {
            i: back.add_input(source.inputs[i].type, source.inputs[i].name)
            for i in (0, *self.primal_states, *self.seeded, *self.linear_consts, *self.consts)
        }
        following = simplify(primal).copy_into(back, {primal.inputs[i]: at[i] for i in kept})
        arguments = [at[i] for i in (*kept, *self.linear_states)]
        pulled = turned.copy_into(back, dict(zip(turned.inputs, arguments, strict=True)))
        cotangents = dict(zip((*self.linear_states, *self.linear_consts), pulled, strict=True))
        inner = Builder(back, None, self.location)
        totals = [inner.add(at[i], cotangents[i]) for i in self.linear_consts]
        back.set_outputs([*following, *(cotangents[i] for i in self.seeded), *totals])
        return simplify(back)


def source_output(graph: Graph, position: int) -> Value:
    """The next value of the state at an input position."""
    return graph.outputs[position - 1]
