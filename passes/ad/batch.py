"""batch: a function of one example becomes a function of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...ir.attributes import SymbolRef
from ...ir.builder import Builder
from ...ir.errors import PassError
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ir.types import TensorType
from ...ops.batching import batch, with_batch
from ...ops.control import CHECKPOINT, COND, SCAN, SWEEPS, WHILE, Loop
from ...ops.definition import check_rule, zeros
from ...ops.requests import CUSTOM
from ..inline import references
from ..manager import Pass, PassLog, register_pass
from ..scope import one_function


@register_pass("batch")
@dataclass(frozen=True)
class Batch(Pass):
    """Give the inputs ``batched`` of a function, and all its outputs, a leading axis of ``size`` examples.

    Operations that depend on a batched input follow by their batching rules; the others are done once for
    all examples.
    """

    batched: tuple[int, ...] = ()
    size: int = 1
    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        """Raises `PassError` for an input that is not there."""
        graph = one_function(module, self.function)
        if references(module, graph.name):
            raise PassError(f"@{graph.name} is called; batch changes what a function takes, so expand-ad uses a copy")
        if any(not 0 <= index < len(graph.inputs) for index in self.batched):
            raise PassError(f"batch: batched={list(self.batched)}, and @{graph.name} has {len(graph.inputs)} inputs")
        module.functions[graph.name] = _Batching(graph, self.batched, self.size, module).run()
        log.count("operations", len(graph))
        return True


class _Batching:
    """One run of the pass: types change throughout, so a new graph is written."""

    def __init__(
        self,
        source: Graph,
        batched: tuple[int, ...],
        size: int,
        module: Module,
        made: dict[tuple[str, tuple[int, ...]], str] | None = None,
    ) -> None:
        self.made = {} if made is None else made
        self.source = source
        self.module = module
        self.size = size
        self.target = Graph(source.name, source.attributes)
        #: Each value's stand-in, and whether it is batched.
        self.values: dict[Value, tuple[Value, bool]] = {}
        for index, value in enumerate(source.inputs):
            flag = index in batched
            type = value.type.with_shape((size, *value.type.shape)) if flag else value.type
            self.values[value] = (self.target.add_input(type, value.name, value.owner.location), flag)

    def run(self) -> Graph:
        """The batched function."""
        for op in self.source:
            self._operation(op)
        b = Builder(self.target)
        outputs = [self.values[value] for value in self.source.outputs]
        self.target.set_outputs([with_batch(b, value, flag, self.size) for value, flag in outputs])
        return self.target

    def _operation(self, op: Operation) -> None:
        operands = [self.values[value] for value in op.operands]
        values, flags = [value for value, _ in operands], [flag for _, flag in operands]
        b = Builder(self.target, None, op.location)
        results: Sequence[Value]
        if op.name in FUNCTIONAL and (any(flags) or op.name == CUSTOM.name):
            results = getattr(self, FUNCTIONAL[op.name])(b, op, values, flags)
        elif op.definition.rules is None and op.name not in FUNCTIONAL:
            raise PassError(f"batch cannot pass through '{op.name}' at {op.location}: run expand-ad and inline first")
        elif any(flags):
            results = batch(b, op, values, flags, self.size)
            check_rule(
                "batch", op, results, [value.type.with_shape((self.size, *value.type.shape)) for value in op.results]
            )
        else:
            types = [value.type for value in op.results]
            copy = Operation(op.definition, tuple(values), op.attributes, types, (), op.location)
            results = self.target.insert(copy).results
        for old, new in zip(op.results, results, strict=True):
            new.name = new.name or old.name
            self.values[old] = (new, any(flags) or op.name == CUSTOM.name)

    def _batched_function(self, source: Graph, batched: tuple[int, ...]) -> str:
        """The name of a function's batched form, made once. (A rule may lead back to its function.)"""
        key = source.name, batched
        if key not in self.made:
            name = self.module.add(Graph(f"{source.name}_batch")).name
            self.made[key] = name
            graph = _Batching(source, batched, self.size, self.module, self.made).run()
            graph.name = name
            self.module.functions[name] = graph
        return self.made[key]

    def _all_batched(self, b: Builder, values: Sequence[Value], flags: Sequence[bool]) -> list[Value]:
        return [with_batch(b, value, flag, self.size) for value, flag in zip(values, flags, strict=True)]

    def _swapped(self, b: Builder, value: Value) -> Value:
        """The first two axes exchanged: steps and examples."""
        return b.transpose(value, permutation=(1, 0, *range(2, value.type.rank)))

    def _insert(
        self, op: Operation, operands: Sequence[Value], types: Sequence[TensorType], **changed: Any
    ) -> Operation:
        attributes = {**op.attributes, **changed}
        return self.target.insert(Operation(op.definition, tuple(operands), attributes, types, (), op.location))

    def _scan(self, b: Builder, op: Operation, values: list[Value], flags: list[bool]) -> Sequence[Value]:
        """A loop whose carry and results are batched."""
        loop = Loop(op)
        count, scanned = len(loop.carry), len(loop.carry) + len(loop.xs)
        carry = self._all_batched(b, values[:count], flags[:count])
        xs = [
            self._swapped(b, value) if flag else value
            for value, flag in zip(values[count:scanned], flags[count:scanned], strict=True)
        ]
        chosen = [*[True] * count, *flags[count:]]
        body = self._batched_function(self.module[loop.body], tuple(i for i, flag in enumerate(chosen) if flag))
        types = [value.type.with_shape((self.size, *value.type.shape)) for value in loop.final]
        types += [value.type.with_shape((loop.length, self.size, *value.type.shape[1:])) for value in loop.ys]
        made = self._insert(op, [*carry, *xs, *values[scanned:]], types, body=SymbolRef(body))
        return [*made.results[:count], *(self._swapped(b, value) for value in made.results[count:])]

    def _cond(self, b: Builder, op: Operation, values: list[Value], flags: list[bool]) -> Sequence[Value]:
        """A choice: one for all examples where the predicate is no example's own, otherwise both and a select."""
        batched = tuple(i for i, flag in enumerate(flags[1:]) if flag)
        names = {
            key: self._batched_function(self.module[op.attributes[key].name], batched)
            for key in ("on_true", "on_false")
        }
        types = [value.type.with_shape((self.size, *value.type.shape)) for value in op.results]
        if not flags[0]:
            return self._insert(op, values, types, **{key: SymbolRef(name) for key, name in names.items()}).results
        branches = [
            self.module[name].copy_into(self.target, dict(zip(self.module[name].inputs, values[1:], strict=True)))
            for name in names.values()
        ]
        found = []
        for type, true, false in zip(types, *branches, strict=True):
            predicate = b.broadcast_in_dim(values[0], shape=type.shape, dims=(0,))
            found.append(b.select(predicate, true, false))
        return found

    def _while(self, b: Builder, op: Operation, values: list[Value], flags: list[bool]) -> Sequence[Value]:
        """A loop for as long as any example wants to go on; the others keep their carry."""
        count: int = op.attributes["carry"]
        chosen = tuple(i for i, flag in enumerate([*[True] * count, *flags[count:]]) if flag)
        test, body = (
            self.module[self._batched_function(self.module[op.attributes[key].name], chosen)]
            for key in ("cond", "body")
        )
        names = {}
        for key, source in (("cond", test), ("body", body)):
            graph = Graph(f"{source.name}_masked")
            inputs = [graph.add_input(value.type) for value in source.inputs]
            inner = Builder(graph, None, op.location)
            (wanting,) = test.copy_into(graph, dict(zip(test.inputs, inputs, strict=True)))
            if key == "cond":
                graph.set_outputs([inner.reduce_or(wanting, axes=(0,))])
            else:
                after = body.copy_into(graph, dict(zip(body.inputs, inputs, strict=True)))
                masks = [inner.broadcast_in_dim(wanting, shape=value.type.shape, dims=(0,)) for value in after]
                graph.set_outputs([inner.select(*each) for each in zip(masks, after, inputs[:count], strict=True)])
            names[key] = SymbolRef(self.module.add(graph).name)
        carry = self._all_batched(b, values[:count], flags[:count])
        types = [value.type for value in carry]
        return self._insert(op, [*carry, *values[count:]], types, **names).results

    def _sweeps(self, b: Builder, op: Operation, values: list[Value], flags: list[bool]) -> Sequence[Value]:
        """Loops as long as the longest example's; where the number of steps is an example's own, its states stay as
        they are in the steps that it has not."""
        count = sum(op.attributes["groups"])
        chosen = [False, *[True] * count, *flags[count + 1 :]]
        body = self.module[op.attributes["body"].name]
        name = self._batched_function(body, tuple(i for i, flag in enumerate(chosen) if flag))
        states = self._all_batched(b, values[1 : count + 1], flags[1 : count + 1])
        types = [states[i].type for i in op.attributes["wanted"]]
        rest = values[count + 1 :]
        if not flags[0]:
            return self._insert(op, [values[0], *states, *rest], types, body=SymbolRef(name)).results
        masked = self.module.add(self._masked_step(self.module[name], count, values[0], op)).name
        steps = b.reduce_max(values[0], axes=(0,)) if self.size else zeros(b, values[0].type.with_shape(()))
        return self._insert(op, [steps, *states, *rest, values[0]], types, body=SymbolRef(masked)).results

    @staticmethod
    def _masked_step(body: Graph, count: int, steps: Value, op: Operation) -> Graph:
        """A batched body that leaves alone the examples whose ``steps``, its last input, are over."""
        graph = Graph(f"{body.name}_masked")
        inputs = [graph.add_input(value.type) for value in body.inputs]
        own = graph.add_input(steps.type)
        after = body.copy_into(graph, dict(zip(body.inputs, inputs, strict=True)))
        inner = Builder(graph, None, op.location)
        step = inner.broadcast_in_dim(inputs[0], shape=own.type.shape, dims=())
        there = inner.compare(step, own, direction="lt")
        masks = [inner.broadcast_in_dim(there, shape=value.type.shape, dims=(0,)) for value in after]
        graph.set_outputs([inner.select(*each) for each in zip(masks, after, inputs[1 : count + 1], strict=True)])
        return graph

    def _checkpoint(self, b: Builder, op: Operation, values: list[Value], flags: list[bool]) -> Sequence[Value]:
        """A checkpointed call of the batched function."""
        batched = tuple(i for i, flag in enumerate(flags) if flag)
        name = self._batched_function(self.module[op.attributes["callee"].name], batched)
        types = [value.type.with_shape((self.size, *value.type.shape)) for value in op.results]
        return self._insert(op, values, types, callee=SymbolRef(name)).results

    def _custom(self, b: Builder, op: Operation, values: list[Value], flags: list[bool]) -> Sequence[Value]:
        """A custom call with its rules batched: arguments, tangents, residuals and cotangents are all batched."""
        count: int = op.attributes["arguments"]
        hidden = flags[count:]
        attributes = dict(op.attributes)
        for key in ("callee", "jvp", "forward", "backward"):
            if key in attributes:
                source = self.module[attributes[key].name]
                chosen = [True] * (len(source.inputs) - len(hidden)) + hidden
                batched = tuple(i for i, flag in enumerate(chosen) if flag)
                attributes[key] = SymbolRef(self._batched_function(source, batched))
        arguments = [with_batch(b, value, flag, self.size) for value, flag in zip(values, flags, strict=True)][:count]
        types = [value.type.with_shape((self.size, *value.type.shape)) for value in op.results]
        operands = (*arguments, *values[count:])
        return self.target.insert(Operation(CUSTOM, operands, attributes, types, (), op.location)).results


#: Operations that refer to functions, with what batches them.
FUNCTIONAL = {
    CHECKPOINT.name: "_checkpoint",
    COND.name: "_cond",
    CUSTOM.name: "_custom",
    SCAN.name: "_scan",
    SWEEPS.name: "_sweeps",
    WHILE.name: "_while",
}
