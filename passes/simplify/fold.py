"""fold: operations on constants become constants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.attributes import Dense
from ...ir.builder import Builder
from ...ir.graph import Graph, Operation
from ...ir.module import Module
from ...ops.definition import Rules
from ..manager import Pass, PassLog, register_pass
from ..scope import functions

CONSTANT = "tensor.constant"


@register_pass("fold")
@dataclass(frozen=True)
class Fold(Pass):
    """Evaluate operations all of whose operands are constants.

    Element-wise operations on splats give splats of any size; other results are folded up to ``max-elements``
    elements. An operation that raises an error on its constants is left, to raise it when the program runs.
    """

    function: str = ""
    max_elements: int = 1024

    def run(self, module: Module, log: PassLog) -> bool:
        count = 0
        for graph in functions(module, self.function):
            for op in graph:
                count += self._fold(op, graph)
        log.count("folded", count)
        return count > 0

    def _fold(self, op: Operation, graph: Graph) -> bool:
        if not op.operands or any(value.owner.name != CONSTANT for value in op.operands):
            return False
        rules: Rules | None = op.definition.rules
        if rules is None or len(op.results) != 1 or op.name.startswith("ad."):
            return False
        constants: list[Dense] = [value.owner.attributes["value"] for value in op.operands]
        splat = rules.cls.elementwise and all(constant.is_splat for constant in constants)
        if not splat and op.result.type.size > self.max_elements:
            return False
        arrays = [constant.data if splat else constant.expand() for constant in constants]
        try:
            with np.errstate(all="ignore"):
                value = np.asarray(rules.evaluate(*arrays, **op.attributes))
        except Exception:  # the program raises it, at its own time
            return False
        constant = Builder(graph, op, op.location).constant(value=Dense(value, op.result.type))
        graph.replace(op, (constant,))
        return True
