"""What the derivatives of choices and loops are made of: the passes, applied to the functions that these run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir.builder import Builder
from ...ir.definition import OpDefinition
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.definition import Rules, zeros
from ..manager import Fixpoint, PassManager
from ..simplify import simplification
from .split import split

#: A tangent or cotangent for each operand or result, None where it is zero.
Parts = Sequence[Value | None]
#: Results with their tangents.
Pushed = list[tuple[Value, Value | None]]


def linearized(source: Graph, wrt: Sequence[int], module: Module) -> tuple[Graph, list[int]]:
    """A copy of a function with its linear part, and which outputs have tangents."""
    from .linearize import linearize

    copy = source.clone()
    linearize(copy, tuple(wrt), 0, module)
    del copy.attributes["linear_inputs"], copy.attributes["linear_outputs"]
    return copy, [i for i, value in enumerate(source.outputs) if value.type.differentiable]


def simplify(graph: Graph) -> Graph:
    """Clean a function that is not in the module yet."""
    alone = Module()
    alone.functions[graph.name] = graph
    PassManager([Fixpoint(simplification())]).run(alone)
    return graph


def active_outputs(source: Graph, wrt: Sequence[int]) -> set[int]:
    """The outputs that a tangent can reach from the inputs ``wrt``."""
    reached = {source.inputs[i] for i in wrt}
    for op in source:
        rules: Rules | None = op.definition.rules
        if rules is not None and rules.cls.piecewise_constant:
            continue
        if any(value in reached for value in op.operands):
            reached.update(value for value in op.results if value.type.differentiable)
    return {i for i, value in enumerate(source.outputs) if value in reached}


def cut(source: Graph, wrt: Sequence[int], outputs: Sequence[int], module: Module) -> tuple[Graph, Graph]:
    """Linearize a function and cut it: the first half returns its outputs and residuals; the second takes residuals and
    the tangents of ``wrt``, and returns the tangents of ``outputs``."""
    both, differentiable = linearized(source, wrt, module)
    count = len(source.outputs)
    tangents = [both.outputs[count + differentiable.index(i)] for i in outputs]
    both.set_outputs([*both.outputs[:count], *tangents])
    simplify(both)
    seeds = range(len(source.inputs), len(both.inputs))
    first, second = split(both, tuple(seeds), count)
    del first.attributes["residuals"]
    return first, second


def transposed(b: Builder, source: Graph, tangents: int, module: Module) -> Graph:
    """The transpose of a function that is linear in its last inputs, ``tangents`` many: it takes the others, then
    cotangents of the outputs. Their zeros absorb NaN where those written with ``b`` do."""
    from .transpose import AbsorbingBuilder, transpose

    copy = source.clone()
    count = len(copy.inputs)
    copy.attributes["linear_inputs"] = tuple(range(count - tangents, count))
    copy.attributes["linear_outputs"] = tuple(range(len(copy.outputs)))
    transpose(copy, module, isinstance(b, AbsorbingBuilder))
    del copy.attributes["linear_inputs"], copy.attributes["linear_outputs"]
    return simplify(copy)


def insert(
    graph: Graph,
    before: Operation | None,
    definition: OpDefinition,
    operands: Sequence[Value],
    results: Any,
    like: Any,
    **attributes: Any,
) -> Operation:
    """Insert an operation that refers to functions."""
    return graph.insert(Operation(definition, tuple(operands), attributes, results, (), like), before)


def given_tangents(b: Builder, values: Sequence[Value], tangents: Parts, chosen: Sequence[int]) -> list[Value]:
    """The tangents of the ``chosen`` values, zeros where they have none."""
    return [tangents[i] or zeros(b, values[i].type) for i in chosen]


def named(graph: Graph, name: str) -> Graph:
    """The graph, called ``name``."""
    graph.name = name
    return graph
