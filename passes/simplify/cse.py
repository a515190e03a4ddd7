"""cse: common subexpression elimination."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from ...ir.attributes import attribute_text
from ...ir.graph import Graph, Operation
from ...ir.module import Module
from ..manager import Pass, PassLog, register_pass
from ..scope import functions

#: Operations whose two operands may change places without changing a bit of the result.
COMMUTATIVE = frozenset(
    f"tensor.{name}" for name in ("add", "mul", "maximum", "minimum", "logical_and", "logical_or", "logical_xor")
)


@register_pass("cse")
@dataclass(frozen=True)
class CSE(Pass):
    """Let equal operations on equal operands be one: the first in program order stands for all.

    Across forward, backward and all orders, since they are one graph.
    """

    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        count = sum(_eliminate(graph) for graph in functions(module, self.function))
        log.count("merged", count)
        return count > 0


def _eliminate(graph: Graph) -> int:
    seen: dict[Hashable, Operation] = {}
    count = 0
    for op in graph:
        if op.regions:
            continue
        first = seen.setdefault(_key(op), op)
        if first is not op:
            graph.replace(op, first.results)
            count += 1
    return count


def _key(op: Operation) -> Hashable:
    operands: tuple[object, ...] = op.operands
    name = op.definition.name
    if name in COMMUTATIVE and id(op.operands[1]) < id(op.operands[0]):
        operands = operands[::-1]
    if not op.attributes:
        return name, operands
    attributes = tuple([(key, attribute_text(value)) for key, value in sorted(op.attributes.items())])
    return name, operands, attributes
