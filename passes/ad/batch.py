"""batch: a function of one example becomes a function of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...ir.attributes import SymbolRef
from ...ir.builder import Builder
from ...ir.errors import PassError
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.batching import batch, with_batch
from ...ops.requests import CUSTOM
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
        if any(index >= len(graph.inputs) for index in self.batched):
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
        if op.name == CUSTOM.name:
            results = self._custom(b, op, values, flags)
        elif op.definition.rules is None:
            raise PassError(f"batch cannot pass through '{op.name}' at {op.location}: run expand-ad and inline first")
        elif any(flags):
            results = batch(b, op, values, flags, self.size)
        else:
            results = b.create(op.definition, tuple(values), op.attributes).results
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
