"""inline: calls become the operations of the function that they call."""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.attributes import SymbolRef
from ..ir.builder import Builder
from ..ir.graph import Graph, Operation, Value
from ..ir.module import Module
from ..ops.control import CALL, CHECKPOINT
from ..ops.requests import CUSTOM
from .manager import Pass, PassLog, register_pass
from .scope import functions


@register_pass("inline")
@dataclass(frozen=True)
class Inline(Pass):
    """Replace every `control.call` by the body of its function, and drop functions that nothing refers to.

    With ``function`` only that function's calls are inlined, and nothing is dropped but what they alone called. With
    ``custom`` each `ad.custom_call` and `ad.checkpoint` is a call too, when no derivative will be taken any more; what
    the backward part of a checkpointed function computes anew is put behind an `ad.barrier`.
    """

    function: str = ""
    custom: bool = False

    def run(self, module: Module, log: PassLog) -> bool:
        count = 0
        for graph in functions(module, self.function):
            if graph.name in module.functions:
                count += _inline_calls(graph, module, CALLS if self.custom else CALLS[:1])
        log.count("calls", count)
        dropped = 0 if self.function else _drop_unreferenced(module)
        log.count("dropped", dropped)
        return bool(count or dropped)


CALLS = (CALL.name, CUSTOM.name, CHECKPOINT.name)


def _inline_calls(graph: Graph, module: Module, calls: tuple[str, ...]) -> int:
    count = 0
    for op in list(graph):
        if op.name not in calls:
            continue
        count += 1
        name = op.attributes["callee"].name
        callee = module[name]
        _inline_calls(callee, module, calls)
        if module.entry is not callee and references(module, name) == 1:
            module.remove(name)
            outputs = graph.absorb(callee, _arguments(graph, op), op)
        else:
            outputs = callee.copy_into(graph, dict(zip(callee.inputs, _arguments(graph, op), strict=True)), op)
        graph.replace(op, outputs)
    return count


def _arguments(graph: Graph, op: Operation) -> list[Value]:
    """What the callee's inputs are: the operands, behind barriers where a recomputation waits for some of them."""
    waited_for: tuple[int, ...] = op.attributes.get("after", ())
    if not waited_for:
        return list(op.operands)
    b = Builder(graph, op, op.location)
    after = [op.operands[i] for i in waited_for]
    return [value if i in waited_for else b.barrier(value, *after) for i, value in enumerate(op.operands)]


def references(module: Module, name: str) -> int:
    """How often the module's operations refer to the function ``name``."""
    reference = SymbolRef(name)
    return sum(reference in op.attributes.values() for graph in module for op in graph if op.definition.rules is None)


def _drop_unreferenced(module: Module) -> int:
    before = len(module.functions)
    entry = module.entry.name
    while unused := [name for name in module.functions if name != entry and references(module, name) == 0]:
        for name in unused:
            module.remove(name)
    return before - len(module.functions)
