"""remat: what a program keeps and what it computes again, under a budget of memory.

At the point where most bytes are alive, the values that later operations read are kept or made again from others: the
choice that keeps the fewest bytes is a minimum cut between what is there anyway (arguments, constants, results) and the
later operations. Griewank and Walther, "Evaluating Derivatives", chapter 12, for the trade; PyTorch's functorch cuts
forward and backward passes apart in the same way (``min_cut_rematerialization_partition``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import networkx as nx

from ...ir.definition import lookup
from ...ir.errors import MemoryBudgetError
from ...ir.graph import Graph, Operation, Value, copy_operations
from ...ir.module import Module
from ...passes.lower.iteration import iteration
from ...passes.lower.memory import VIEWS, bytes_alive, roots
from ...passes.manager import Pass, PassLog, PassManager, register_pass
from .bufferize import ARENA, HEAP, LOWERING

#: Cuts that are tried before the pass gives up.
CUTS: Final = 16
#: Operations that are repeated at no cost, beside element-wise ones.
CHEAP: Final = VIEWS | {"tensor.concatenate", "tensor.constant", "tensor.pad"}


@register_pass("remat")
@dataclass(frozen=True)
class Remat(Pass):
    """Compute values again where they are read later, until what the lowering plans needs at most ``budget`` bytes.

    Outputs count, arguments do not; a budget below 0 is none. First cheap operations are repeated, then sums and
    products too. Raises `MemoryBudgetError` where the budget is not met so.
    """

    budget: int = -1

    def run(self, module: Module, log: PassLog) -> bool:
        """True when something is computed twice."""
        if self.budget < 0:
            return False
        first = best = _planned(module)
        changed = False
        for costly in (False, True):
            for _ in range(CUTS):
                if best <= self.budget:
                    return changed
                trial = module.clone()
                repeated = sum(_cut(graph, costly) for graph in trial.roots())
                PassManager("dce").run(trial)
                needed = _planned(trial) if repeated else best
                if needed >= best:
                    break
                module.functions.update(trial.functions)
                log.count("repeated", repeated)
                best, changed = needed, True
        if best > self.budget:
            raise MemoryBudgetError(
                f"memory_budget is {self.budget:,} bytes, and the program needs {best:,} ({first:,} where nothing is "
                f"computed twice); mixad.checkpoint cuts a function into parts that are computed again"
            )
        return changed


def _planned(module: Module) -> int:
    """The bytes that a module would need, lowered."""
    trial = module.clone()
    PassManager(LOWERING).run(trial)
    needed = [graph.attributes.get(ARENA, 0) + graph.attributes.get(HEAP, 0) for graph in trial.roots()]
    return int(max(needed))


def _cut(graph: Graph, costly: bool) -> int:
    """Keep the fewest bytes at the fullest point; the number of operations that are repeated behind it."""
    operations = list(graph)
    step = _fullest(graph)
    place = {op: number for number, op in enumerate(operations)}
    later = operations[step + 1 :]
    read = [value for op in later for value in op.operands if place.get(value.owner, step + 1) <= step]
    crossing = list(dict.fromkeys(read))
    kept = _kept(graph, crossing, costly)
    return _Repeated(graph, place, step, kept).write(later, costly)


def _fullest(graph: Graph) -> int:
    """The step behind which most bytes are alive."""
    behind = [rest for _, rest in bytes_alive(graph, lambda value: True)]
    return behind.index(max(behind)) if max(behind, default=0) > 0 else 0


def _is_repeatable(op: Operation, costly: bool) -> bool:
    """Whether an operation may run twice: one that costs nothing in a kernel; on request any that a kernel takes."""
    if len(op.results) != 1 or op.definition.rules is None:
        return False
    cheap: bool = op.definition.rules.cls.elementwise or op.name in CHEAP
    return cheap or (costly and iteration(op) is not None)


def _kept(graph: Graph, crossing: list[Value], costly: bool) -> set[Value]:
    """The values to keep, so that those of ``crossing`` are kept or can be made from what is."""
    network: nx.DiGraph[Any] = nx.DiGraph()
    there = roots(graph.outputs)
    pending, seen = list(crossing), set(crossing)
    for value in crossing:
        network.add_edge((value, "out"), "sink")
    while pending:
        value = pending.pop()
        op = value.owner
        is_there = op.definition.name == "func.argument" or op.name == "tensor.constant" or value in there
        network.add_edge((value, "in"), (value, "out"), capacity=0 if is_there else value.type.nbytes)
        if is_there or not _is_repeatable(op, costly):
            network.add_edge("source", (value, "in"))
            continue
        for operand in dict.fromkeys(op.operands):
            network.add_edge((operand, "out"), (value, "in"))
            if operand not in seen:
                seen.add(operand)
                pending.append(operand)
    if "source" not in network or not crossing:
        return seen
    _, (reached, _) = nx.minimum_cut(network, "source", "sink")
    return {value for value in seen if (value, "in") in reached and (value, "out") not in reached}


class _Repeated:
    """Operations that are repeated right before what reads them."""

    def __init__(self, graph: Graph, place: dict[Operation, int], step: int, kept: set[Value]) -> None:
        self._graph = graph
        self._place = place
        self._step = step
        self._kept = kept
        self._copies: dict[Value, Value] = {}
        #: The last value of each shape that is made behind the cut.
        self._latest: dict[tuple[int, ...], Value] = {}

    def write(self, later: list[Operation], costly: bool) -> int:
        """Let ``later`` operations read copies of what is not kept; the number of copies. Cheap ones are made anew
        behind each operation that may end a kernel: to keep them from one to the next is what the cut avoids."""
        count = 0
        for op in later:
            if not costly and not _is_repeatable(op, False):
                count += len(self._copies)
                self._copies.clear()
            for position, value in enumerate(op.operands):
                if self._is_early(value):
                    self._graph.set_operand(op, position, self._copy(value, op))
            self._latest.update({value.type.shape: value for value in op.results if op.name != "tensor.constant"})
        return count + len(self._copies)

    def _is_early(self, value: Value) -> bool:
        return value not in self._kept and self._place.get(value.owner, self._step + 1) <= self._step

    def _copy(self, value: Value, before: Operation) -> Value:
        waiting: dict[Value, Value] = {}
        for each in self._needed(value):
            if each not in self._copies:
                for operand in each.owner.operands:
                    if operand not in self._copies and operand not in waiting:
                        waiting[operand] = self._waiting(operand, before)
                mapping = {operand: self._copies.get(operand) or waiting[operand] for operand in each.owner.operands}
                copy_operations((each.owner,), self._graph, mapping, before)
                self._copies[each] = mapping[each]
        return self._copies[value]

    def _waiting(self, value: Value, before: Operation) -> Value:
        """A kept value behind a late one, so that what is made of it is not made together with the first time."""
        if value.owner.name == "tensor.constant" or not self._latest:
            return value
        late = self._latest.get(value.type.shape) or next(reversed(self._latest.values()))
        location = before.location
        barrier = Operation(lookup("ad.barrier"), (value, late), {}, [value.type], (), location)
        return self._graph.insert(barrier, before).result

    def _needed(self, value: Value) -> Iterator[Value]:
        """What is copied for ``value``, operands first."""
        done: set[Value] = set()
        pending = [value]
        while pending:
            each = pending[-1]
            missing = [
                operand
                for operand in each.owner.operands
                if self._is_early(operand) and operand not in self._copies and operand not in done
            ]
            if missing:
                pending += missing
                continue
            pending.pop()
            if each not in done:
                done.add(each)
                yield each
