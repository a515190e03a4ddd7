"""bufferize: where a program's large intermediates lie in its arena."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ...ir.graph import Graph, Value
from ...ir.module import Module
from ...ops.kernel import FUSED, WHOLE, Fused
from ...passes.lower.arena import assign
from ...passes.lower.memory import Buffers, bytes_alive, roots
from ...passes.manager import Pass, PassLog, register_pass
from .caches import BLOCKED
from .table import into_of

#: The passes from a simplified module to what the code generator takes.
LOWERING: Final = f"{BLOCKED},bufferize"
#: The attributes of a function that the pass writes: bytes of the arena; for each result, in program order, its offset
#: there or -1; and the most bytes that are in use outside of it at once, outputs included.
ARENA: Final = "arena"
OFFSETS: Final = "offsets"
HEAP: Final = "heap"


@register_pass("bufferize")
@dataclass(frozen=True)
class Bufferize(Pass):
    """Give intermediates of at least ``least`` bytes a place in one arena, by lifetime; outputs have their own memory.

    Only results that something can be told to write to a given place take part. Functions that loops and choices run
    are left alone.
    """

    least: int = 65536

    def run(self, module: Module, log: PassLog) -> bool:
        """True: at least the bytes outside of the arena are counted."""
        for graph in module.roots():
            offsets, arena = self._plan(graph)
            graph.attributes[HEAP] = _heap(graph, offsets)
            if arena:
                graph.attributes |= {ARENA: arena, OFFSETS: tuple(offsets.values())}
            log.count("buffers", sum(offset >= 0 for offset in offsets.values()))
            log.count("bytes", arena)
        return True

    def _plan(self, graph: Graph) -> tuple[dict[Value, int], int]:
        kept = roots(graph.outputs)
        buffers = Buffers(graph, lambda value: self._is_planned(value) and value not in kept)
        places, arena = assign(buffers.lifetimes)
        values = [value for op in graph for value in op.results]
        return {value: places[buffers.number[value]] if value in buffers.number else -1 for value in values}, arena

    def _is_planned(self, value: Value) -> bool:
        if value.type.nbytes < self.least:
            return False
        op = value.owner
        if op.definition is FUSED:
            return Fused(op).results[value.index] != WHOLE
        return len(op.results) == 1 and op.definition.rules is not None and into_of(op) is not None


def _heap(graph: Graph, offsets: dict[Value, int]) -> int:
    """The most bytes of other values that are alive at once."""
    return max((during for during, _ in bytes_alive(graph, lambda value: offsets[value] < 0)), default=0)


def offsets_of(graph: Graph) -> dict[Value, int]:
    """Where the values of a graph that has been planned lie; those outside of the arena are not in it."""
    values = [value for op in graph for value in op.results]
    places = graph.attributes.get(OFFSETS, (-1,) * len(values))
    return {value: offset for value, offset in zip(values, places, strict=True) if offset >= 0}
