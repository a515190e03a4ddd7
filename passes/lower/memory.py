"""Which values share memory: buffers by lifetime, and updates in place."""

from __future__ import annotations

from collections.abc import Callable
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


def is_view(op: Operation) -> bool:
    """Whether the result may show the first operand's memory."""
    return op.name in VIEWS


def root(value: Value, is_view: Callable[[Operation], bool] = is_view) -> Value:
    """The value whose memory a value may show."""
    while is_view(value.owner):
        value = value.owner.operands[0]
    return value


class Buffers:
    """Buffers for the values of a graph that are ``wanted``.

    An element-wise operation writes over an operand that has a buffer and is read for the last time. ``last`` is the
    step, counted in program order, that reads a value or what shows its memory.
    """

    def __init__(
        self,
        graph: Graph,
        wanted: Callable[[Value], bool],
        is_view: Callable[[Operation], bool] = is_view,
    ) -> None:
        self._is_view = is_view
        self.last = self._last_reads(graph)
        #: The number of a value's buffer.
        self.number: dict[Value, int] = {}
        #: The value that each buffer was made for, and the steps in which it is in use.
        self.owners: list[Value] = []
        self.lifetimes: list[Lifetime] = []
        for step, op in enumerate(graph):
            for value in op.results:
                if wanted(value):
                    self._place(op, value, step)

    def _last_reads(self, graph: Graph) -> dict[Value, int]:
        last: dict[Value, int] = {}
        for step, op in enumerate([*graph, graph.end]):
            for value in op.operands:
                last[value] = step
                while self._is_view(value.owner):
                    value = value.owner.operands[0]
                    last[value] = step
        return last

    def _place(self, op: Operation, value: Value, step: int) -> None:
        last = max(step, self.last.get(value, step))
        number = self._written_over(op, value, step)
        if number is None:
            number = len(self.owners)
            self.owners.append(value)
            self.lifetimes.append(Lifetime(step, last, value.type.nbytes))
        else:
            self.lifetimes[number] = Lifetime(self.lifetimes[number].first, last, value.type.nbytes)
        self.number[value] = number

    def _written_over(self, op: Operation, value: Value, step: int) -> int | None:
        if op.definition.rules is None or not op.definition.rules.cls.elementwise:
            return None
        for operand in op.operands:
            number = self.number.get(operand)
            if number is not None and operand.type is value.type and self.lifetimes[number].last == step:
                return number
        return None
