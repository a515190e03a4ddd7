"""prune-stop-gradient and drop-stop-gradient."""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.builder import Builder
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ..manager import Pass, PassLog, register_pass
from ..scope import functions

STOP = "ad.stop_gradient"


@register_pass("prune-stop-gradient")
@dataclass(frozen=True)
class PruneStopGradient(Pass):
    """Move each stop_gradient up to where its branch leaves the active part of the program.

    An operation all of whose uses lie behind a stop_gradient is inactive: its operands are stopped
    instead, so that linearize does not touch it. ``stop_gradient(f(x))`` and ``f(stop_gradient(x))`` have
    the same derivatives at every order.
    """

    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        pruned = sum(_prune(graph) for graph in functions(module, self.function))
        log.count("pruned", pruned)
        return pruned > 0


def _prune(graph: Graph) -> int:
    inactive: dict[Operation, None] = {}
    stops = [op for op in graph if op.name == STOP]
    if not stops:
        return 0
    for op in reversed(graph):
        if op.name == STOP or op.name == "tensor.constant":
            continue
        users = [user for result in op.results for user, _ in graph.uses(result)]
        if users and all(user in inactive or user.name == STOP for user in users):
            inactive[op] = None
    stopped: dict[Value, Value] = {}
    for op in reversed(inactive):
        for position, value in enumerate(op.operands):
            owner = value.owner
            if owner in inactive or owner.name in (STOP, "tensor.constant") or not value.type.differentiable:
                continue
            if value not in stopped:
                stopped[value] = Builder(graph, op, op.location).stop_gradient(value)
            graph.set_operand(op, position, stopped[value])
    for op in stops:
        if op.operands[0].owner in inactive:
            graph.replace(op, op.operands)
    return len(inactive)


@register_pass("drop-stop-gradient")
@dataclass(frozen=True)
class DropStopGradient(Pass):
    """Remove every stop_gradient, when no derivative will be taken any more: it is the identity."""

    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        stops = [(graph, op) for graph in functions(module, self.function) for op in graph if op.name == STOP]
        for graph, op in stops:
            graph.replace(op, op.operands)
        log.count("dropped", len(stops))
        return bool(stops)
