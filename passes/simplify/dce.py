"""dce: dead code elimination."""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.module import Module
from ..manager import Pass, PassLog, register_pass
from ..scope import functions


@register_pass("dce")
@dataclass(frozen=True)
class DCE(Pass):
    """Erase operations whose results nothing uses. Every operation is pure, so nothing else is lost."""

    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        count = 0
        for graph in functions(module, self.function):
            for op in reversed(graph):
                if not graph.is_used(op):
                    graph.erase(op)
                    count += 1
        log.count("erased", count)
        return count > 0
