"""keep-values: a derivative's program computes the function's value too."""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.module import Module
from ...ops.requests import JVP, VJP
from ..manager import Pass, PassLog, register_pass


@register_pass("keep-values")
@dataclass(frozen=True)
class KeepValues(Pass):
    """Return, behind the entry's outputs, the values of functions whose derivative alone is wanted, so that nothing of
    their forward part is erased. The entry's attribute ``kept`` says how many they are.

    For debugging: a NaN in a function's value is found though only its gradient is asked for.
    """

    def run(self, module: Module, log: PassLog) -> bool:
        graph = module.entry
        used = set(graph.outputs)
        kept = [
            value
            for op in graph
            if op.name in (VJP.name, JVP.name)
            for value in op.results[: len(module[op.attributes["callee"].name].outputs)]
            if value.type.differentiable and value not in used and not graph.uses(value)
        ]
        if kept:
            graph.set_outputs([*graph.outputs, *kept])
            graph.attributes["kept"] = len(kept)
        log.count("kept", len(kept))
        return bool(kept)
