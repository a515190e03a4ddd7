"""hoist-loops: what does not depend on the carry is done before the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ..manager import Pass, PassLog, register_pass
from .draft import Draft, Outside, is_batchable, scans

#: What stays in the steps: it costs nothing there, and outside it would fill memory.
CHEAP: Final = frozenset(("tensor.constant", "tensor.broadcast_in_dim"))


@register_pass("hoist-loops")
@dataclass(frozen=True)
class HoistLoops(Pass):
    """Move operations out of `control.scan` that do not depend on its carry, to before it.

    What depends on constants alone is done once. What depends on scanned arrays is done for all steps at once, by the
    batching rules: the products of a recurrent network's inputs become one matrix product. The values of all steps
    then stand together in memory; where they would take more than ``max-bytes``, or more than twice the operands that
    they are made of, the operation stays.
    """

    function: str = ""
    max_bytes: int = 1 << 26

    def run(self, module: Module, log: PassLog) -> bool:
        count = 0
        for graph, op in scans(module, self.function):
            count += self._hoist(graph, op, module)
        log.count("operations", count)
        return count > 0

    def _hoist(self, graph: Graph, op: Operation, module: Module) -> int:
        draft = Draft(graph, op, module)
        moved = self._movable(draft)
        if not moved or not draft.length:
            return 0
        outside = Outside(draft)
        for each in moved:
            outside.copy(each)
        for part in list(draft.ys):
            operand, scanned = outside.values.get(part.output, (None, False))
            if operand is not None and scanned:
                draft.stand_ins[part.result] = operand
                draft.ys.remove(part)
        draft.body.set_outputs(draft.outputs())
        for each in moved:
            for value in each.results:
                if any(user not in moved for user, _ in draft.body.uses(value)):
                    operand, scanned = outside.find(value)
                    draft.replace_in_body(value, draft.scanned(operand) if scanned else draft.constant(operand))
        draft.finish()
        return len(moved)

    def _movable(self, draft: Draft) -> dict[Operation, None]:
        """The operations to move, in order. What is cheap only goes where something that uses it goes too."""
        scanned = {part.input for part in draft.xs}
        known = scanned | {part.input for part in draft.consts}
        moved: dict[Operation, None] = {}
        for op in draft.body:
            if all(value in known or value.owner.name == "tensor.constant" for value in op.operands):
                per_step = any(value in scanned for value in op.operands)
                if per_step and not self._fits(op, draft, scanned):
                    continue
                if op.name != "tensor.constant":
                    moved[op] = None
                    known.update(op.results)
                    if per_step:
                        scanned.update(op.results)
        outputs = set(draft.outputs())
        for op in reversed(list(moved)):
            uses = [user for value in op.results for user, _ in draft.body.uses(value)]
            if op.name in CHEAP and outputs.isdisjoint(op.results) and not any(user in moved for user in uses):
                del moved[op]
        return moved

    def _fits(self, op: Operation, draft: Draft, scanned: set[Value]) -> bool:
        if not is_batchable(op):
            return False
        size = sum(value.type.nbytes for value in op.results)
        source = sum(value.type.nbytes for value in op.operands if value in scanned)
        return size * draft.length <= self.max_bytes and (size <= 2 * source or size <= 1024)
