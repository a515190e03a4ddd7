"""seed-sens: what the linear part of a function is multiplied with."""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.builder import Builder
from ...ir.errors import PassError
from ...ir.module import Module
from ...ops.definition import full
from ..manager import Pass, PassLog, register_pass
from ..scope import one_function


@register_pass("seed-sens")
@dataclass(frozen=True)
class SeedSens(Pass):
    """Fix the seeds of a function's linear part, which becomes an ordinary part of the function.

    ``sens=given`` leaves the seeds as arguments; ``sens=ones`` puts ones in their place, which makes the
    gradient of the sum of all outputs.
    """

    sens: str = "given"
    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        """Raises `PassError` for a function without a linear part, or another ``sens``."""
        graph = one_function(module, self.function)
        if "linear_inputs" not in graph.attributes:
            raise PassError(f"@{graph.name} has no linear part to seed; run linearize first")
        if self.sens not in ("given", "ones"):
            raise PassError(f"seed-sens: sens is 'given' or 'ones', not '{self.sens}'")
        positions = graph.attributes.pop("linear_inputs")
        del graph.attributes["linear_outputs"]
        if self.sens == "ones":
            first = next(iter(graph), graph.end)
            for index in sorted(positions, reverse=True):
                seed = graph.inputs[index]
                graph.replace_all_uses(seed, full(Builder(graph, first), seed.type, 1))
                graph.remove_input(index)
        log.count("seeds", len(positions))
        return True
