"""tidy-loops: a loop carries, scans and stacks nothing that it need not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.batching import with_batch
from ..manager import Pass, PassLog, register_pass
from ..simplify.patterns import splat
from ..simplify.repetition import narrowed, repeats
from .draft import Carry, Draft, Given, scans
from .shapes import reshape_carry, split_carry


@register_pass("tidy-loops")
@dataclass(frozen=True)
class TidyLoops(Pass):
    """Simplify the carry, the scanned arrays and the results of every `control.scan`.

    What no used result needs goes. A carry that no step changes is a constant, and so is a scanned array whose elements
    are all the same; a result that is one of the loop's own operands is that. What is given, or stacked, twice is once.
    A carry that is put together in each step and taken apart in the next, or reshaped, is carried in the form in which
    it is used.
    """

    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        count = 0
        for graph, op in scans(module, self.function):
            count += _tidy(graph, op, module)
        log.count("parts", count)
        return count > 0


def _tidy(graph: Graph, op: Operation, module: Module) -> int:
    draft = Draft(graph, op, module)
    count = sum(step(draft) for step in _STEPS)
    if count:
        draft.finish()
    return count


def _drop_unused(draft: Draft) -> int:
    """Parts that no used result depends on, round the loop."""
    needed = [part.output for part in draft.ys if draft.is_used(part.result)]
    live: set[Carry] = {part for part in draft.carry if draft.is_used(part.result)}
    needed += [part.output for part in live]
    seen: set[Value] = set()
    while needed:
        value = needed.pop()
        if value in seen:
            continue
        seen.add(value)
        needed += value.owner.operands
        for part in draft.carry:
            if part.input is value and part not in live:
                live.add(part)
                needed.append(part.output)
    before = _size(draft)
    draft.carry = [part for part in draft.carry if part in live]
    draft.ys = [part for part in draft.ys if draft.is_used(part.result)]
    draft.xs = [part for part in draft.xs if part.input in seen]
    draft.consts = [part for part in draft.consts if part.input in seen]
    return before - _size(draft)


def _size(draft: Draft) -> int:
    return len(draft.carry) + len(draft.xs) + len(draft.consts) + len(draft.ys)


def _unchanged_carry(draft: Draft) -> int:
    unchanged = [part for part in draft.carry if part.output is part.input]
    for part in unchanged:
        draft.carry.remove(part)
        draft.consts.append(Given(part.start, part.input))
        draft.stand_ins[part.result] = part.start
    return len(unchanged)


def _equal_elements(draft: Draft) -> int:
    """Scanned arrays that repeat one element, and constants that are one number: they are written into the steps."""
    count = 0
    for part in list(draft.xs):
        if 0 in repeats(part.operand):
            draft.replace_in_body(part.input, draft.constant(narrowed(part.operand, {0}, draft.builder())))
            draft.xs.remove(part)
            count += 1
    for part in list(draft.consts):
        if splat(part.operand) is not None:
            op = part.operand.owner
            first = next(iter(draft.body), None)
            copy = Operation(op.definition, (), op.attributes, (part.operand.type,), (), op.location)
            draft.replace_in_body(part.input, draft.body.insert(copy, first).result)
            draft.consts.remove(part)
            count += 1
    return count


def _given_twice(draft: Draft) -> int:
    count = 0
    for parts in (draft.xs, draft.consts):
        first: dict[Value, Value] = {}
        for part in list(parts):
            value = first.setdefault(part.operand, part.input)
            if value is not part.input:
                draft.replace_in_body(part.input, value)
                parts.remove(part)
                count += 1
    return count


def _known_results(draft: Draft) -> int:
    """Stacked arrays that are a scanned one, repeat a constant, or are stacked already."""
    given = {part.input: (part.operand, True) for part in draft.xs}
    given |= {part.input: (part.operand, False) for part in draft.consts}
    first: dict[Value, Value] = {}
    count = 0
    for part in list(draft.ys):
        if part.output in given:
            operand, scanned = given[part.output]
            draft.stand_ins[part.result] = with_batch(draft.builder(), operand, scanned, draft.length)
        elif part.output in first:
            draft.graph.replace_all_uses(part.result, first[part.output])
        else:
            first[part.output] = part.result
            continue
        draft.ys.remove(part)
        count += 1
    return count


_STEPS: tuple[Callable[[Draft], int], ...] = (
    _drop_unused,
    _unchanged_carry,
    _equal_elements,
    _given_twice,
    _known_results,
    split_carry,
    reshape_carry,
)
