"""sink-loops: what the next step does not need is done behind the loop."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import networkx as nx

from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ir.types import INTEGER
from ...ops.batching import with_batch
from ...ops.contraction import parse_spec
from ...ops.definition import Rules
from ..manager import Pass, PassLog, register_pass
from ..simplify.sums import WIDE
from .draft import Carry, Draft, Outside, Stacked, is_batchable, scans


@register_pass("sink-loops")
@dataclass(frozen=True)
class SinkLoops(Pass):
    """Move operations out of `control.scan` that no later step depends on, to behind it, where they are done for all
    steps at once by the batching rules.

    A carry to which steps only add becomes the sum over what they add: the gradient of a recurrent network's weights is
    one matrix product over all steps, not one of two vectors in each. A sum of n terms keeps its error bound, n
    roundings of the sum of the absolute values.

    What the moved operations need is stacked: the fewest values from which it can be computed, element-wise operations
    being done again. An operation stays where its values for all steps would take more than ``max-bytes``, or, but for
    a contraction, its value in one step more than ``max-step-bytes``: a large array is better worked on while it is in
    the cache.
    """

    function: str = ""
    max_bytes: int = 1 << 26
    max_step_bytes: int = 1 << 16

    def run(self, module: Module, log: PassLog) -> bool:
        count = 0
        for graph, op in scans(module, self.function):
            count += _Sinking(Draft(graph, op, module), self).run()
        log.count("operations", count)
        return count > 0


@dataclass(eq=False)
class _Sum:
    """A carry that steps only add to: the terms, each with whether it is subtracted, and the additions."""

    carry: Carry
    terms: list[tuple[Value, bool]]
    additions: list[Operation]


class _Sinking:
    """One loop."""

    def __init__(self, draft: Draft, options: SinkLoops) -> None:
        self.draft, self.options = draft, options
        draft.body.set_outputs(draft.outputs())
        self.sums = [found for part in draft.carry if (found := self._sum(part)) is not None]
        self.terms = [value for each in self.sums for value, _ in each.terms]
        self.additions = {op for each in self.sums for op in each.additions}
        self.staying = self._staying()
        #: What is to be there behind the loop, and the operations that it takes.
        self.wanted = [*(part.output for part in draft.ys), *self.terms]
        self.moved = [op for op in _ancestors(self.wanted, draft.body) if op not in self.staying]

    def run(self) -> int:
        if not self.draft.length or (not self.moved and not self.sums):
            return 0
        stacked = self._cut()
        if sum(map(self._size, stacked)) > max(
            self.options.max_bytes, sum(self._size(part.output) for part in self.draft.ys)
        ):
            return 0
        self._rewrite(stacked)
        return len(self.moved) + len(self.sums)

    def _size(self, value: Value) -> int:
        return value.type.nbytes * self.draft.length

    # --- what moves ------------------------------------------------------------------------------

    def _sum(self, part: Carry) -> _Sum | None:
        """The terms of a carry whose next value is a sum of itself and others, and that nothing else uses."""
        body, value = self.draft.body, part.input
        if value.type.dtype not in WIDE and value.type.dtype not in INTEGER:
            return None
        terms: list[tuple[Value, bool]] = []
        additions: list[Operation] = []
        while value is not part.output:
            uses = body.uses(value)
            if len(uses) != 1:
                return None
            user, place = uses[0]
            if user.name != "tensor.add" and (user.name != "tensor.sub" or place == 1):
                return None
            terms.append((user.operands[1 - place], user.name == "tensor.sub"))
            additions.append(user)
            value = user.result
        if not terms or not body.has_one_use(value):
            return None
        fits = all(
            term.owner.name == "tensor.contract" or self._size(term) <= self.options.max_bytes for term, _ in terms
        )
        return _Sum(part, terms, additions) if fits else None

    def _staying(self) -> set[Operation]:
        """What the next step's carry is made of, and what cannot be done for all steps at once."""
        summed = {each.carry for each in self.sums}
        needed = [part.output for part in self.draft.carry if part not in summed]
        needed += [value for op in self.draft.body if not self._may_move(op) for value in op.results]
        return set(_ancestors(needed, self.draft.body))

    def _may_move(self, op: Operation) -> bool:
        if op.name == "tensor.constant" or op in self.additions:
            return True
        if not is_batchable(op):
            return False
        if op.name == "tensor.contract":
            return op.result in self.terms or self._size(op.result) <= self.options.max_bytes
        largest = max(value.type.nbytes for value in op.results)
        return largest <= self.options.max_step_bytes and largest * self.draft.length <= self.options.max_bytes

    # --- what is stacked -------------------------------------------------------------------------

    def _cut(self) -> list[Value]:
        """The values to stack: those of least size from which everything wanted can be made behind the loop."""
        given = {part.input for part in (*self.draft.xs, *self.draft.consts)}
        made = {value for op in self.moved for value in op.results}
        pending = [
            value for value in (*self.wanted, *(x for op in self.moved for x in op.operands)) if value not in made
        ]
        network: nx.DiGraph[object] = nx.DiGraph()
        network.add_nodes_from(("source", "sink"))
        network.add_edges_from(((value, "out"), "sink") for value in pending if not _known(value, given))
        seen: dict[Value, None] = {}
        while pending:
            value = pending.pop()
            if value in seen or _known(value, given):
                continue
            seen[value] = None
            network.add_edge((value, "in"), (value, "out"), capacity=_STORE + value.type.nbytes)
            op = value.owner
            if op not in self.staying or not _again(op) or not self._may_move(op):
                network.add_edge("source", (value, "in"))
                continue
            pending += op.operands
            network.add_edges_from(((x, "out"), (value, "in")) for x in op.operands if not _known(x, given))
        _, (_, behind) = nx.minimum_cut(network, "source", "sink")
        return [value for value in seen if (value, "in") not in behind and (value, "out") in behind]

    # --- what takes its place --------------------------------------------------------------------

    def _rewrite(self, stacked: Sequence[Value]) -> None:
        draft, order = self.draft, list(self.draft.body)
        outside = Outside(draft)
        summed = {each.carry for each in self.sums}
        before = {part.input: part for part in draft.carry if part not in summed}
        shifted = [value for value in stacked if value in before and before[value].output in stacked]
        ys = draft.ys
        draft.carry = list(before.values())
        draft.ys = [Stacked(value, value) for value in stacked if value not in shifted]
        for part, array in draft.insert().items():
            outside.values[part.output] = (array, True)
        for value in shifted:
            outside.values[value] = (self._shifted(before[value], outside), True)
        contracted = {value for value in self.terms if value.owner.name == "tensor.contract"}
        contracted -= {x for op in self.moved for x in op.operands} | {part.output for part in ys}
        needed = {value for value in self.wanted if value not in contracted}
        needed |= {x for value in contracted for x in value.owner.operands}
        for op in _in_order(needed, order, outside):
            outside.copy(op)
        for each in ys:
            array, scanned = outside.find(each.output)
            draft.stand_ins[each.result] = with_batch(draft.builder(), array, scanned, draft.length)
        for found in self.sums:
            draft.stand_ins[found.carry.result] = self._total(found, contracted, outside)
        draft.replace()

    def _shifted(self, part: Carry, outside: Outside) -> Value:
        """What a carry is before each step: what it is behind the one before, and at the start."""
        b, length = self.draft.builder(), self.draft.length
        first = b.reshape(part.start, shape=(1, *part.start.type.shape))
        array, _ = outside.find(part.output)
        backward = bool(self.draft.op.attributes["reverse"])
        starts = (int(backward), *(0,) * part.start.type.rank)
        sizes = (length - 1, *part.start.type.shape)
        rest = b.slice(array, starts=starts, sizes=sizes, steps=(1,) * len(sizes))
        value: Value = b.concatenate(*((rest, first) if backward else (first, rest)), axis=0)
        return value

    def _total(self, found: _Sum, contracted: set[Value], outside: Outside) -> Value:
        """The final value of a carry that is a sum."""
        b, total = self.draft.builder(), found.carry.start
        for term, subtracted in found.terms:
            b.location = term.owner.location
            part = self._contracted(term, outside) if term in contracted else self._summed(term, outside)
            total = b.sub(total, part) if subtracted else b.add(total, part)
        return total

    def _summed(self, term: Value, outside: Outside) -> Value:
        b = self.draft.builder()
        b.location = term.owner.location
        array, scanned = outside.find(term)
        total: Value = b.reduce_sum(with_batch(b, array, scanned, self.draft.length), axes=(0,))
        return total

    def _contracted(self, term: Value, outside: Outside) -> Value:
        """The sum of a contraction over all steps, as one contraction over the steps too."""
        op, b = term.owner, self.draft.builder()
        b.location = op.location
        labels = parse_spec(op.attributes["spec"])
        step = next(letter for letter in string.ascii_letters if letter not in op.attributes["spec"])
        specs: list[str] = []
        operands: list[Value] = []
        for value, names in zip(op.operands, (labels.x, labels.y), strict=True):
            array, scanned = outside.find(value)
            if not scanned and not specs:
                array, scanned = with_batch(b, array, False, self.draft.length), True
            specs.append(step + names if scanned else names)
            operands.append(array)
        total: Value = b.contract(*operands, spec=f"{specs[0]},{specs[1]}->{labels.out}")
        return total


#: What it costs to stack a value beside its bytes: a call of NumPy in every step.
_STORE: Final = 64


def _known(value: Value, given: set[Value]) -> bool:
    return value in given or value.owner.name == "tensor.constant"


def _again(op: Operation) -> bool:
    """Whether an operation of the steps may be done a second time behind the loop."""
    rules: Rules | None = op.definition.rules
    return rules is not None and bool(rules.cls.elementwise)


def _ancestors(values: Iterable[Value], body: Graph) -> list[Operation]:
    """The operations of ``body`` that make ``values``, but for constants."""
    found: dict[Operation, None] = {}
    pending = [value.owner for value in values]
    while pending:
        op = pending.pop()
        if op not in found and op.name not in ("func.argument", "tensor.constant"):
            found[op] = None
            pending += [value.owner for value in op.operands]
    return list(found)


def _in_order(needed: set[Value], order: Sequence[Operation], outside: Outside) -> list[Operation]:
    """The operations that have to be done outside for the values ``needed``, in program order."""
    needed = set(needed)
    found = []
    for op in reversed(order):
        if any(value in needed and value not in outside for value in op.results):
            found.append(op)
            needed.update(op.operands)
    return found[::-1]
