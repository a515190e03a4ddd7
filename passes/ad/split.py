"""split: one program cut in two, before and behind its seeds.

A pullback is called later than the function, and more than once: what does not depend on the seeds runs
first and hands on its residuals.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.errors import PassError
from ...ir.graph import Graph, Operation, Value, copy_operations
from ...ir.module import Module
from ...ops.control import CALL
from ...ops.requests import REQUESTS
from ..manager import Pass, PassLog, register_pass
from ..scope import one_function


@register_pass("split")
@dataclass(frozen=True)
class Split(Pass):
    """Cut the entry into two functions, ``forward`` and ``backward``, at the inputs ``seeds``.

    ``forward`` takes the other inputs, and returns the first ``outputs`` outputs, which depend on no seed, then the
    residuals (its attribute ``residuals`` says how many). ``backward`` takes the residuals, then the seeds, and returns
    the remaining outputs.
    """

    seeds: tuple[int, ...] = ()
    outputs: int = 0

    def run(self, module: Module, log: PassLog) -> bool:
        """Raises `PassError` for a seed that is no input, and for a module of several functions."""
        graph = one_function(module, "")
        if any(op.name == CALL.name or op.name in REQUESTS for op in graph):
            raise PassError(f"split: @{graph.name} calls functions; run expand-ad and inline first")
        if "linear_inputs" in graph.attributes:
            raise PassError(f"split: the linear part of @{graph.name} has no seeds yet; run seed-sens first")
        if any(not 0 <= index < len(graph.inputs) for index in self.seeds) or len(set(self.seeds)) < len(self.seeds):
            raise PassError(f"split: seeds={list(self.seeds)}, and @{graph.name} has {len(graph.inputs)} inputs")
        if not 0 <= self.outputs <= len(graph.outputs):
            raise PassError(f"split: outputs={self.outputs}, and @{graph.name} has {len(graph.outputs)} outputs")
        forward, backward = split(graph, self.seeds, self.outputs)
        log.count("residuals", len(backward.inputs) - len(self.seeds))
        others = {each.name: each for each in module if each is not forward}
        forward.name, backward.name = "forward", "backward"
        module.functions = {"forward": forward, "backward": backward, **others}
        return True


def split(graph: Graph, positions: tuple[int, ...], count: int) -> tuple[Graph, Graph]:
    """Cut a graph at the inputs ``positions``: itself, which keeps the first ``count`` outputs and gains the residuals
    as further ones, and a new graph of the residuals and those inputs."""
    seeds = [graph.inputs[index] for index in positions]
    late: set[Value] = set(seeds)
    operations: list[Operation] = []
    for op in graph:
        if any(value in late for value in op.operands):
            late.update(op.results)
            operations.append(op)
    if any(value in late for value in graph.outputs[:count]):
        raise PassError(f"split: one of the first {count} outputs of @{graph.name} depends on a seed")
    results = graph.outputs[count:]
    wanted = [*(value for op in operations for value in op.operands), *results]
    early = dict.fromkeys(value for value in wanted if value not in late)
    residuals = [value for value in early if value.owner.name != "tensor.constant"]
    backward = Graph(f"{graph.name}_linear")
    mapping = {
        value: backward.add_input(value.type, value.name, value.owner.location) for value in (*residuals, *seeds)
    }
    constants = [value.owner for value in early if value not in mapping]
    copy_operations([*constants, *operations], backward, mapping)
    for value in (result for op in backward for result in op.results):
        value.name = ""
    backward.set_outputs([mapping[value] for value in results])
    graph.set_outputs([*graph.outputs[:count], *residuals])
    for op in reversed(operations):
        graph.erase(op)
    for index in sorted(positions, reverse=True):
        graph.remove_input(index)
    graph.attributes["residuals"] = len(residuals)
    return graph, backward
