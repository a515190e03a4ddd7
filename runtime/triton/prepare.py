"""Rewriting what kernels do not compute as it is."""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.builder import Builder
from ...ir.graph import Operation, Value
from ...ir.module import Module
from ...ops.definition import full, zeros
from ...passes.manager import Pass, PassLog, register_pass


@register_pass("triton-prepare")
@dataclass(frozen=True)
class Prepare(Pass):
    """Replace operations that have no kernel by others: `ad.contract_no_nan` by three contractions."""

    def run(self, module: Module, log: PassLog) -> bool:
        """See `Pass.run`."""
        count = 0
        for graph in module:
            for op in graph:
                if op.name == "ad.contract_no_nan":
                    graph.replace(op, [_without_nan(Builder(graph, op, op.location), op)])
                    count += 1
        log.count("replaced", count)
        return count > 0


def _without_nan(b: Builder, op: Operation) -> Value:
    """The contraction, without the elements of ``y`` that meet zeros of ``x`` alone where they are not finite."""
    (x, y), spec = op.operands, op.attributes["spec"]
    zero, one = zeros(b, y.type), full(b, y.type, 1)
    finite = b.is_finite(y)
    clean = b.contract(x, b.select(finite, y, zero), spec=spec)
    hits = b.convert(b.compare(x, zeros(b, x.type), direction="ne"), dtype=x.type.dtype)
    reached = b.contract(hits, b.select(finite, zero, one), spec=spec)
    broken = b.compare(reached, zeros(b, reached.type), direction="gt")
    found: Value = b.select(broken, b.contract(x, y, spec=spec), clean)
    return found
