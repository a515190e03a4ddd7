"""The reference interpreter: one NumPy call an operation, in program order.

Slow and plain on purpose: it is what every backend is tested against.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from ..ir.errors import UnsupportedOperationError
from ..ir.graph import Graph, Operation, Value
from ..ir.module import Module
from ..ops.control import COND, SCAN, SWEEPS, WHILE
from ..ops.definition import Rules
from ..ops.kernel import FUSED


def evaluate_operation(op: Operation, operands: Sequence[Any], module: Module | None = None) -> tuple[Any, ...]:
    """The results of one operation on arrays; ``module`` has the functions of loops and choices."""
    rules: Rules | None = op.definition.rules
    if rules is None:
        if module is not None and op.name in _CONTROL:
            return _CONTROL[op.name](op, operands, module)
        raise UnsupportedOperationError(f"'{op.name}' is a request: run expand-ad and inline first")
    with np.errstate(all="ignore"):
        results = rules.evaluate(*operands, **op.attributes)
    return results if len(op.results) != 1 else (results,)


def interpret(graph: Graph, *inputs: Any, module: Module | None = None) -> tuple[np.ndarray[Any, Any], ...]:
    """Run a graph on arrays of its inputs' types; returns arrays of its outputs' types.

    ``module`` has the functions of loops and choices. Raises ValueError for a wrong number of inputs.
    """
    if len(inputs) != len(graph.inputs):
        raise ValueError(f"@{graph.name} takes {len(graph.inputs)} inputs, and {len(inputs)} are given")
    values: dict[Value, Any] = {
        value: np.asarray(array, value.type.dtype) for value, array in zip(graph.inputs, inputs, strict=True)
    }
    for op in graph:
        results = evaluate_operation(op, [values[value] for value in op.operands], module)
        values.update(zip(op.results, results, strict=True))
    return tuple(np.array(values[value], value.type.dtype) for value in graph.outputs)


def _run(op: Operation, key: str, arrays: Sequence[Any], module: Module) -> list[Any]:
    return list(interpret(module[op.attributes[key].name], *arrays, module=module))


def _cond(op: Operation, operands: Sequence[Any], module: Module) -> tuple[Any, ...]:
    return tuple(_run(op, "on_true" if operands[0] else "on_false", operands[1:], module))


def _scan(op: Operation, operands: Sequence[Any], module: Module) -> tuple[Any, ...]:
    count, last = op.attributes["carry"], op.attributes["carry"] + op.attributes["xs"]
    carry, xs, consts = list(operands[:count]), operands[count:last], operands[last:]
    ys = [np.empty(value.type.shape, value.type.dtype) for value in op.results[count:]]
    steps = range(op.attributes["length"])
    for step in reversed(steps) if op.attributes["reverse"] else steps:
        results = _run(op, "body", [*carry, *(x[step] for x in xs), *consts], module)
        carry = results[:count]
        for y, value in zip(ys, results[count:], strict=True):
            y[step] = value
    return (*carry, *ys)


def _while(op: Operation, operands: Sequence[Any], module: Module) -> tuple[Any, ...]:
    count = op.attributes["carry"]
    carry, consts = list(operands[:count]), operands[count:]
    while _run(op, "cond", [*carry, *consts], module)[0]:
        carry = _run(op, "body", [*carry, *consts], module)
    return tuple(carry)


def sweep_steps(op: Operation, operands: Sequence[Any], module: Module) -> Generator[list[Any], None, list[Any]]:
    """The inputs of each step of a `control.sweeps`, one sweep after the other; returns the final states. All states of
    all steps are kept."""
    groups, steps = op.attributes["groups"], range(int(operands[0]))
    count = sum(groups)
    states, consts = list(operands[1 : count + 1]), list(operands[count + 1 :])
    before: list[list[Any]] = [list(states) for _ in steps]
    first = 0
    for number, size in enumerate(groups):
        own = slice(first, first + size)
        for t in reversed(steps) if number % 2 else steps:
            before[t][own] = states[own]
            inputs = [np.int64(t), *before[t], *consts]
            yield inputs
            states[own] = _run(op, "body", inputs, module)[own]
        first += size
    return states


def _sweeps(op: Operation, operands: Sequence[Any], module: Module) -> tuple[Any, ...]:
    steps = sweep_steps(op, operands, module)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return tuple(stop.value[i] for i in op.attributes["wanted"])


def _fused(op: Operation, operands: Sequence[Any], module: Module) -> tuple[Any, ...]:
    return interpret(op.regions[0], *operands, module=module)


_CONTROL = {FUSED.name: _fused, COND.name: _cond, SCAN.name: _scan, SWEEPS.name: _sweeps, WHILE.name: _while}
