"""A loop that is being rewritten: its parts as lists, from which a new one is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...ir.attributes import SymbolRef
from ...ir.builder import Builder
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.batching import batch, can_batch
from ...ops.control import SCAN, Loop
from ...ops.definition import Rules
from ..inline import references
from ..scope import functions


@dataclass(eq=False)
class Carry:
    """A value that goes from step to step: what it is at first, in a step, behind it, and at last."""

    start: Value
    input: Value
    output: Value
    result: Value


@dataclass(eq=False)
class Given:
    """A scanned array, or a value that is the same in all steps: outside, and in a step."""

    operand: Value
    input: Value


@dataclass(eq=False)
class Stacked:
    """What each step adds to an array: in a step, and the array."""

    output: Value
    result: Value


def scans(module: Module, function: str) -> Iterator[tuple[Graph, Operation]]:
    """The loops of a function (of all, where none is named) that is still in the module when its turn comes."""
    for graph in functions(module, function):
        for op in list(graph):
            if op.name == SCAN.name and module.functions.get(graph.name) is graph:
                yield graph, op


class Draft:
    """The parts of a `control.scan`, with a body of its own.

    Parts may be added and removed. ``stand_ins`` says what takes the place of a result whose part is gone.
    """

    def __init__(self, graph: Graph, op: Operation, module: Module) -> None:
        loop = Loop(op)
        self.graph, self.op, self.module, self.name, self.length = graph, op, module, loop.body, loop.length
        self.body = module[loop.body].clone()
        inputs, outputs = self.body.inputs, self.body.outputs
        n, scanned = len(loop.carry), len(loop.carry) + len(loop.xs)
        self.carry = [Carry(*parts) for parts in zip(loop.carry, inputs, outputs, loop.final, strict=False)]
        self.xs = [Given(*parts) for parts in zip(loop.xs, inputs[n:scanned], strict=True)]
        self.consts = [Given(*parts) for parts in zip(loop.consts, inputs[scanned:], strict=True)]
        self.ys = [Stacked(*parts) for parts in zip(outputs[n:], loop.ys, strict=True)]
        self.stand_ins: dict[Value, Value] = {}
        #: Results that are made of the final values of several carries: which, and how.
        self.later: list[tuple[Value, list[Value], Callable[..., Value]]] = []
        self.body.set_outputs([])

    def builder(self) -> Builder:
        """A builder of operations before the loop."""
        return Builder(self.graph, self.op, self.op.location)

    def outputs(self) -> list[Value]:
        """What a step has to compute."""
        return [*(part.output for part in self.carry), *(part.output for part in self.ys)]

    def is_used(self, result: Value) -> bool:
        """Whether a result of the loop is used."""
        if result.owner is self.op:
            return bool(self.graph.uses(result))
        return any(result in parts for _, parts, _ in self.later)

    def replace_in_body(self, old: Value, new: Value) -> None:
        """Let the steps use ``new`` in place of ``old``."""
        self.body.replace_all_uses(old, new)
        parts: list[Carry | Stacked] = [*self.carry, *self.ys]
        for part in parts:
            if part.output is old:
                part.output = new

    def scanned(self, operand: Value) -> Value:
        """A step's element of an array outside of the loop."""
        value = self.body.add_input(operand.type.with_shape(operand.type.shape[1:]))
        self.xs.append(Given(operand, value))
        return value

    def constant(self, operand: Value) -> Value:
        """A value from outside, in a step."""
        value = self.body.add_input(operand.type)
        self.consts.append(Given(operand, value))
        return value

    def clean(self) -> None:
        """Erase what no output needs, and the arguments that are left without a use."""
        self.body.set_outputs(self.outputs())
        for op in reversed(self.body):
            if not self.body.is_used(op):
                self.body.erase(op)
        self.xs = [part for part in self.xs if self.body.uses(part.input)]
        self.consts = [part for part in self.consts if self.body.uses(part.input)]
        kept = [*(part.input for part in self.carry), *(part.input for part in (*self.xs, *self.consts))]
        for index in reversed(range(len(self.body.inputs))):
            if self.body.inputs[index] not in kept:
                self.body.remove_input(index)
        place = {value: index for index, value in enumerate(self.body.inputs)}
        self.body.reorder_inputs([place[value] for value in kept])

    def insert(self) -> dict[Stacked, Value]:
        """Put the new loop before the old one, whose final carry its own stands in for. Returns the stacked arrays."""
        self.clean()
        stacked: dict[Stacked, Value] = {}
        if self.carry or self.ys:
            operands = [part.start for part in self.carry]
            operands += [part.operand for part in (*self.xs, *self.consts)]
            types = [part.start.type for part in self.carry]
            types += [part.output.type.with_shape((self.length, *part.output.type.shape)) for part in self.ys]
            if references(self.module, self.name) == 1:
                self.module.remove(self.name)
            body = SymbolRef(self.module.add(self.body).name)
            attributes = {**self.op.attributes, "body": body, "carry": len(self.carry), "xs": len(self.xs)}
            attributes.pop("tangents", None)
            new = Operation(SCAN, tuple(operands), attributes, types, (), self.op.location)
            results = self.graph.insert(new, self.op).results
            for part, value in zip(self.carry, results, strict=False):
                self.stand_ins[part.result] = value
            stacked = dict(zip(self.ys, results[len(self.carry) :], strict=True))
        return stacked

    def replace(self) -> None:
        """Let the stand-ins take the place of the old loop's results, and drop it."""
        for result, parts, make in reversed(self.later):
            self.stand_ins[result] = make(self.builder(), *(self.stand_ins[part] for part in parts))
        for result in self.op.results:
            if result in self.stand_ins:
                self.graph.replace_all_uses(result, self.stand_ins[result])
        self.graph.erase(self.op)
        if self.name in self.module.functions and not references(self.module, self.name):
            self.module.remove(self.name)

    def finish(self) -> None:
        """`insert`, where every stacked array stands in for the old one, and `replace`."""
        for part, value in self.insert().items():
            self.stand_ins[part.result] = value
        self.replace()


def is_batchable(op: Operation) -> bool:
    """Whether an operation can be done for all steps at once."""
    rules: Rules | None = op.definition.rules
    return rules is not None and can_batch(rules)


class Outside:
    """Operations of a loop's steps, done for all steps at once outside of it."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        #: What stands outside for a step's values, and whether it has an element for each step.
        self.values: dict[Value, tuple[Value, bool]] = {part.input: (part.operand, True) for part in draft.xs}
        self.values |= {part.input: (part.operand, False) for part in draft.consts}

    def __contains__(self, value: Value) -> bool:
        return value in self.values or value.owner.name == "tensor.constant"

    def find(self, value: Value) -> tuple[Value, bool]:
        """What stands for a step's value."""
        if value not in self.values:
            constant = self.draft.builder().build("tensor.constant", **value.owner.attributes)
            self.values[value] = (constant.result, False)
        return self.values[value]

    def copy(self, op: Operation) -> None:
        """Do an operation once, or for all steps where one of its operands has an element for each step."""
        found = [self.find(value) for value in op.operands]
        values, flags = [value for value, _ in found], [flag for _, flag in found]
        b = self.draft.builder()
        b.location = op.location
        if any(flags):
            results = batch(b, op, values, flags, self.draft.length)
        else:
            regions = tuple(region.clone() for region in op.regions)
            types = [value.type for value in op.results]
            made = Operation(op.definition, tuple(values), op.attributes, types, regions, op.location)
            results = self.draft.graph.insert(made, self.draft.op).results
        for old, new in zip(op.results, results, strict=True):
            self.values[old] = (new, any(flags))
