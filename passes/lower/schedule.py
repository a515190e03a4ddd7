"""schedule: the order of a kernel's operations in which fewer bytes are alive at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...ir.graph import Graph, Operation
from ...ir.module import Module
from ...ops.kernel import FUSED
from ..manager import Pass, PassLog, register_pass
from .memory import bytes_alive


@register_pass("schedule")
@dataclass(frozen=True)
class Schedule(Pass):
    """Order each kernel's operations depth first, from its results to its operands, where that keeps fewer bytes alive.

    Linearization and transposition leave all of a forward sweep before all of a backward one. Depth first, a value is
    made just before the first operation that needs it, which is good for values that are read once. Which order is
    better is not known before it is tried: finding the best one is NP-complete (Sethi, "Complete register allocation
    problems", 1975).
    """

    def run(self, module: Module, log: PassLog) -> bool:
        regions = [op.regions[0] for graph in module for op in graph if op.definition is FUSED]
        moved = [region for region in regions if _improve(region)]
        log.count("kernels", len(moved))
        return bool(moved)


def _improve(region: Graph) -> bool:
    """Put the operations into the better order; whether that is another one."""
    before = list(region)
    peak = _peak(region)
    _arrange(region, depth_first(region))
    if _peak(region) < peak:
        return True
    _arrange(region, before)
    return False


def _peak(region: Graph) -> int:
    """The most bytes of intermediates that are alive at once."""
    return max((during for during, _ in bytes_alive(region, lambda value: True)), default=0)


def _arrange(region: Graph, order: Sequence[Operation]) -> None:
    for op in order:
        region.move(op, region.end)


def depth_first(region: Graph) -> list[Operation]:
    """The operations, each behind its operands' and these, one operand's after the other's, as late as that allows.

    Those that no result needs are left where they are, in front.
    """
    own = set(region)
    order: dict[Operation, None] = {}
    for output in region.outputs:
        pending = [output.owner]
        while pending:
            op = pending[-1]
            missing = [value.owner for value in op.operands if value.owner in own and value.owner not in order]
            if missing:
                pending.append(missing[0])
            else:
                pending.pop()
                if op in own:
                    order.setdefault(op)
    return [*(op for op in region if op not in order), *order]
