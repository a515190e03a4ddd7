"""One operation on its own, with its derivatives, and the walk over a program's operations with their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..ir import Builder, Graph, Module, Operation, Value
from ..ops.control import CALL, CHECKPOINT, COND, SCAN, SWEEPS, WHILE
from ..ops.definition import Rules
from ..ops.requests import JVP, VJP, request_attributes
from ..runtime.compiler import compile_module
from ..runtime.numpy import NUMPY
from ..runtime.reference import evaluate_operation, interpret, sweep_steps

Array = np.ndarray[Any, Any]


def operation_graph(op: Operation) -> tuple[Graph, Operation]:
    """A function that is this operation alone, on all its operands; and the copy of the operation in it."""
    graph = Graph("operation")
    inputs = tuple([graph.add_input(value.type) for value in op.operands])
    types = [value.type for value in op.results]
    regions = tuple([region.clone() for region in op.regions])
    copy = graph.insert(Operation(op.definition, inputs, op.attributes, types, regions, op.location))
    graph.set_outputs(copy.results)
    return graph, copy


def pull(op: Operation, operands: Sequence[Array], cotangents: Sequence[Array], linear: Sequence[bool]) -> list[Any]:
    """The operation's transpose rule on arrays: cotangents of the operands where ``linear`` is true, else None."""
    graph, copy = operation_graph(op)
    seeds = [graph.add_input(value.type) for value in copy.results]
    rules: Rules = copy.definition.rules
    found = rules.transpose(Builder(graph, None, op.location), copy, seeds, linear)
    graph.set_outputs([value for value in found if value is not None])
    results = iter(interpret(graph, *operands, *cotangents))
    return [None if value is None else next(results) for value in found]


class Probe:
    """An operation of a module as a function of its operands ``wrt``, with derivatives along fixed directions.

    ``tangents`` are the directions, one for each of these operands.
    """

    def __init__(
        self, op: Operation, module: Module, operands: Sequence[Any], wrt: Sequence[int], tangents: Sequence[Any]
    ) -> None:
        self.wrt = tuple(wrt)
        self.outputs = tuple(i for i, value in enumerate(op.results) if value.type.differentiable)
        self.op = op
        self.module = module
        self.operands = [
            np.asarray(array, value.type.dtype) for array, value in zip(operands, op.operands, strict=True)
        ]
        self.tangents = tangents
        self._programs: dict[int, Any] = {}

    def derivative(self, order: int, operands: Sequence[Any]) -> list[Any]:
        """The ``order``-th derivative along the directions, of each differentiable result."""
        if order not in self._programs:
            self._programs[order] = self._compile(self._nested(order))
        return list(self._programs[order](*operands, *(self.tangents if order else ())))

    def gradients(self, cotangents: Sequence[Any]) -> list[Any]:
        """The cotangents of the differentiable operands, by reverse mode."""
        module = self._nested(0)
        graph = module.add(Graph("pull"))
        self._request(graph, module["along_0"], VJP, {"sens": "given"})
        graph.set_outputs(graph.outputs[len(self.outputs) :])
        module.functions = {"pull": module.functions.pop("pull"), **module.functions}
        return list(self._compile(module)(*self.operands, *cotangents))

    def _nested(self, order: int) -> Module:
        """A module whose entry is the ``order``-th derivative."""
        module = self.module.clone()
        graph, _ = operation_graph(self.op)
        graph.set_outputs([graph.outputs[i] for i in self.outputs])
        graph.name = "along_0"
        made = [module.add(graph)]
        for number in range(1, order + 1):
            graph = module.add(Graph(f"along_{number}"))
            self._request(graph, made[-1], JVP, {})
            graph.set_outputs(graph.outputs[len(self.outputs) :])
            made.append(graph)
        others = [each for each in module if each not in made]
        module.functions = {each.name: each for each in (*reversed(made), *others)}
        return module

    def _request(self, graph: Graph, callee: Graph, definition: Any, attributes: dict[str, Any]) -> None:
        """Let ``graph`` be a request for a derivative of ``callee``; beyond the first, the directions stay fixed."""
        inputs = [graph.add_input(value.type) for value in callee.inputs]
        count = len(self.op.operands)
        if definition is VJP:
            seeds = [graph.add_input(value.type) for value in callee.outputs]
            derived = [callee.inputs[i].type for i in self.wrt]
        else:
            seeds = inputs[count:] or [graph.add_input(callee.inputs[i].type) for i in self.wrt]
            derived = [value.type for value in callee.outputs]
        types = [*(value.type for value in callee.outputs), *derived]
        attributes = {**request_attributes(callee.name, self.wrt, 0), **attributes}
        op = graph.insert(Operation(definition, (*inputs, *seeds), attributes, types, (), self.op.location))
        graph.set_outputs(op.results)

    @staticmethod
    def _compile(module: Module) -> Any:
        return next(iter(compile_module(module, NUMPY).values())).run


def walk(
    graph: Graph, module: Module, inputs: Sequence[Any], fixed: Sequence[int] = ()
) -> Iterator[tuple[Operation, list[Any], list[int]]]:
    """The operations of a program in the order in which they run, with the arrays of their operands, and the positions
    of the differentiable operands that depend on inputs beside those in ``fixed``. The operations of functions that are
    called or differentiated come too, those of a loop's body for its first step."""
    values: dict[Value, Any] = dict(zip(graph.inputs, inputs, strict=True))
    varying = {value for i, value in enumerate(graph.inputs) if value.type.differentiable and i not in fixed}
    for op in graph:
        operands = [values[value] for value in op.operands]
        moving = [i for i, value in enumerate(op.operands) if value in varying]
        if op.name in (CALL.name, CHECKPOINT.name, JVP.name, VJP.name):
            callee = module[op.attributes["callee"].name]
            count = len(callee.inputs)
            yield from walk(callee, module, operands[:count], [i for i in range(count) if i not in moving])
        else:
            inside = next(control_steps(op, module, operands), None)
            if inside is not None:
                name, arrays = inside
                yield from walk(module[name], module, arrays)
            yield op, operands, moving
        if moving:
            varying.update(value for value in op.results if value.type.differentiable)
        values.update(zip(op.results, _evaluate(op, module, operands), strict=True))


def control_steps(op: Operation, module: Module, operands: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    """The functions that a loop or a choice runs, by name, with their inputs, one after another; none for other
    operations."""
    a = op.attributes
    if op.name == COND.name:
        yield a["on_true" if operands[0] else "on_false"].name, list(operands[1:])
    elif op.name == SCAN.name:
        count, last = a["carry"], a["carry"] + a["xs"]
        carry, xs, rest = list(operands[:count]), operands[count:last], list(operands[last:])
        steps = range(a["length"])
        for step in reversed(steps) if a["reverse"] else steps:
            inputs = [*carry, *(np.asarray(x)[step] for x in xs), *rest]
            yield a["body"].name, inputs
            carry = list(interpret(module[a["body"].name], *inputs, module=module))[:count]
    elif op.name == SWEEPS.name:
        for inputs in sweep_steps(op, operands, module):
            yield a["body"].name, inputs
    elif op.name == WHILE.name:
        count = a["carry"]
        carry, rest = list(operands[:count]), list(operands[count:])
        while interpret(module[a["cond"].name], *carry, *rest, module=module)[0]:
            yield a["body"].name, [*carry, *rest]
            carry = list(interpret(module[a["body"].name], *carry, *rest, module=module))


def _evaluate(op: Operation, module: Module, operands: Sequence[Any]) -> Sequence[Any]:
    if op.definition.rules is not None:
        return evaluate_operation(op, operands)
    needed = module.clone()
    graph, _ = operation_graph(op)
    graph = needed.add(graph)
    needed.functions = {graph.name: graph, **needed.functions}
    program = next(iter(compile_module(needed, NUMPY).values()))
    return program.run(*[np.asarray(x, value.type.dtype) for x, value in zip(operands, op.operands, strict=True)])
