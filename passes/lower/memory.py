"""Which values share memory: buffers by lifetime, and updates in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ...ir.graph import Graph, Operation, Value
from .arena import Lifetime

#: Operations whose result may show their first operand's memory.
VIEWS: Final = frozenset(
    (
        "ad.barrier",
        "ad.stop_gradient",
        "tensor.broadcast_in_dim",
        "tensor.reshape",
        "tensor.reverse",
        "tensor.slice",
        "tensor.transpose",
    )
)
_OWN_MEMORY: Final = frozenset(("ad", "fft", "kernel", "linalg", "tensor"))
#: The operands whose memory an operation's results may show.
Shown = Callable[[Operation], Sequence[Value]]


def shown(op: Operation) -> Sequence[Value]:
    """The operands whose memory the results may show: choices, loops and users' operations may return any."""
    if op.name in VIEWS:
        return op.operands[:1]
    return () if op.definition.dialect in _OWN_MEMORY else op.operands


def roots(values: Iterable[Value], shown: Shown = shown) -> set[Value]:
    """Values, and those whose memory they may show."""
    found: set[Value] = set()
    pending = list(values)
    while pending:
        value = pending.pop()
        if value not in found:
            found.add(value)
            pending += shown(value.owner)
    return found


def may_write_over(op: Operation, operand: Value) -> bool:
    """Whether an operation puts each element where it took it from, and does not look at the operand again. The
    product that is mended where one side is zero does look again."""
    if op.definition.rules is None or not op.definition.rules.cls.elementwise:
        return False
    return op.name != "ad.mul_no_nan" or operand is not op.operands[0]


def last_reads(graph: Graph, shown: Shown = shown) -> dict[Value, int]:
    """The last step, counted in program order, that reads a value or what shows its memory."""
    last: dict[Value, int] = {}
    for step, op in enumerate([*graph, graph.end]):
        last.update(dict.fromkeys(roots(op.operands, shown), step))
    return last


def bytes_alive(graph: Graph, counted: Callable[[Value], bool]) -> list[tuple[int, int]]:
    """For each step the bytes that ``counted`` values hold during it, and behind it. Constants, values that show
    others' memory, and those that nothing reads are left out."""
    last = last_reads(graph)
    live = 0
    ends: dict[int, int] = {}
    found = []
    for step, op in enumerate(graph):
        for value in op.results:
            if counted(value) and value in last and not shown(op) and op.name != "tensor.constant":
                live += value.type.nbytes
                ends[last[value]] = ends.get(last[value], 0) + value.type.nbytes
        during = live
        live -= ends.get(step, 0)
        found.append((during, live))
    return found


class Buffers:
    """Buffers for the values of a graph that are ``wanted``.

    An element-wise operation writes over an operand that has a buffer and is read for the last time.
    """

    def __init__(self, graph: Graph, wanted: Callable[[Value], bool], shown: Shown = shown) -> None:
        self._shown = shown
        self._last = last_reads(graph, shown)
        #: The number of a value's buffer.
        self.number: dict[Value, int] = {}
        #: The value that each buffer was made for, and the steps in which it is in use.
        self.owners: list[Value] = []
        self.lifetimes: list[Lifetime] = []
        for step, op in enumerate(graph):
            for value in op.results:
                if wanted(value):
                    self._place(op, value, step)

    def _place(self, op: Operation, value: Value, step: int) -> None:
        last = max(step, self._last.get(value, step))
        number = self._written_over(op, value, step)
        if number is None:
            number = len(self.owners)
            self.owners.append(value)
            self.lifetimes.append(Lifetime(step, last, value.type.nbytes))
        else:
            self.lifetimes[number] = Lifetime(self.lifetimes[number].first, last, value.type.nbytes)
        self.number[value] = number

    def _written_over(self, op: Operation, value: Value, step: int) -> int | None:
        for operand in op.operands:
            number = self.number.get(operand)
            if number is None or operand.type is not value.type or self.lifetimes[number].last != step:
                continue
            if not may_write_over(op, operand):
                continue
            # Another operand may show the same memory in another order.
            others = roots([each for each in op.operands if each is not operand], self._shown)
            if all(self.number.get(each) != number for each in others):
                return number
        return None
