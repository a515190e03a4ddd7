"""From a graph to a plan: kernels and other steps in order, and where each value stands in memory."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.control import SCAN, SWEEPS, WHILE
from ..sweeps import one_sweep
from .clusters import Cluster, Clusters, has_numbers, label_sizes, needs_store
from .driver import Kernel
from .rows import Rows
from .slots import Checks, Launch, Slot, Temporary
from .small import is_small, merged
from .table import CONTROL, SPECIAL
from .tiled import Tiled
from .turned import turned

ALIGNMENT: Final = 256


@dataclass(frozen=True)
class Host:
    """An operation that the CPU computes, between kernels."""

    op: Operation


@dataclass(frozen=True)
class Control:
    """A choice or a loop, whose functions are plans: the host decides which run, and how often. ``rooms`` are two
    places for what a loop carries, from one to the other."""

    op: Operation
    plans: dict[str, Plan]
    rooms: tuple[tuple[Temporary, ...], ...] = ()


Step = Launch | Host | Control


@dataclass(frozen=True)
class Work:
    """What a run does at the least: bytes that kernels read and write, each array once a kernel; multiplications and
    additions of products."""

    nbytes: int
    operations: int


@dataclass
class Plan:
    """A function as steps. ``offsets`` says where values stand in the function's own memory, of ``nbytes``."""

    name: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    steps: list[Step] = field(default_factory=list)
    offsets: dict[Slot, int] = field(default_factory=dict)
    #: The result that a value computed here is, by its number: it is written there.
    direct: dict[Value, int] = field(default_factory=dict)
    #: Arrays that stand in memory before anything runs.
    constants: dict[Value, np.ndarray[Any, Any]] = field(default_factory=dict)
    nbytes: int = 0
    #: Multiplications and additions of the function's own products.
    operations: int = 0

    def children(self) -> Iterator[Plan]:
        """The plans of the functions that this one runs."""
        for step in self.steps:
            if isinstance(step, Control):
                yield from step.plans.values()

    def kernels(self) -> Iterator[Kernel]:
        """Every kernel, those of the functions that it runs included."""
        for step in self.steps:
            if isinstance(step, Launch):
                yield step.kernel
        for plan in self.children():
            yield from plan.kernels()

    @property
    def launches(self) -> int | None:
        """How many kernels a run launches; None where the host decides that, or computes something itself."""
        total = 0
        for step in self.steps:
            if isinstance(step, Launch):
                total += 1
            elif isinstance(step, Control) and step.op.name == SCAN.name:
                inner = step.plans["body"].launches
                if inner is None:
                    return None
                total += (inner + 1) * step.op.attributes["length"]
            else:
                return None
        return total

    @property
    def work(self) -> Work | None:
        """What a run does; None where the host decides that, or computes something itself."""
        nbytes, operations = 0, self.operations
        for step in self.steps:
            if isinstance(step, Launch):
                nbytes += sum(nbytes_of(slot) for slot in step.slots if not isinstance(slot, Checks | int))
                continue
            if not isinstance(step, Control) or step.op.name not in (SCAN.name, SWEEPS.name):
                return None
            times = step.op.attributes.get("length", 1)
            for plan in step.plans.values():
                inner = plan.work
                if inner is None:
                    return None
                nbytes, operations = nbytes + times * inner.nbytes, operations + times * inner.operations
        return Work(nbytes, operations)

    @property
    def depth_bytes(self) -> int:
        """The memory of this function and of what it runs."""
        return self.nbytes + max((plan.depth_bytes for plan in self.children()), default=0)


@dataclass(frozen=True)
class Options:
    """How kernels are made: the precision of float32 products, whether the CPU may compute what they cannot, whether
    several versions are tried for the fastest."""

    precision: str = "ieee"
    fallback: bool = False
    tune: bool = False


class Planner:
    """Makes the plans of a program's functions; ``checks`` are shared by all."""

    def __init__(self, module: Module, options: Options) -> None:
        self.module = module
        self.options = options
        self.checks = Checks()
        self._plans: dict[str, Plan] = {}

    def plan(self, graph: Graph) -> Plan:
        """The plan of a function."""
        found = Plan(graph.name, graph.inputs, graph.outputs)
        found.operations = sum(2 * math.prod(label_sizes(op).values()) for op in graph if op.name == "tensor.contract")
        clusters = Clusters(graph)
        lives: list[tuple[Slot, ...]] = []
        for made, slots in _joined(pair for step in clusters.steps for pair in self._step(clusters, step)):
            found.steps.append(made)
            lives.append(slots)
        self._constants(found, graph)
        self._arrange(found, lives)
        return found

    def _step(self, clusters: Clusters, step: Cluster | Operation) -> Iterator[tuple[Step, tuple[Slot, ...]]]:
        if isinstance(step, Cluster):
            stores = needs_store(clusters.graph, clusters, step)
            if step.tiled is not None:
                writer = Tiled(clusters, step, self.checks, stores, self.options.precision)
                launches = writer.write()
                if self.options.tune and len(launches) == 1:
                    launches = [dataclasses.replace(launches[0], others=writer.tuned_kernels())]
            else:
                launches = Rows(clusters, turned(clusters, step), self.checks, stores).write()
            for launch in launches:
                yield launch, launch.slots
        elif step.name in SPECIAL and has_numbers(step):
            for launch in SPECIAL[step.name](clusters, self.checks, step):
                yield launch, launch.slots
        else:
            if step.name not in CONTROL:
                yield Host(step), (*step.operands, *step.results)
                return
            rooms = _rooms(step)
            extra = [room for part in rooms for room in part]
            yield Control(step, self._functions(step), rooms), (*step.operands, *step.results, *extra)

    def _functions(self, op: Operation) -> dict[str, Plan]:
        """The plans that a choice or a loop runs; of sweeps one for each."""
        a = op.attributes
        if op.name != SWEEPS.name:
            keys = [key for key in ("body", "cond", "on_true", "on_false") if key in a]
            return {key: self._function(a[key].name) for key in keys}
        plans, first = {}, 0
        for number, size in enumerate(a["groups"]):
            own = slice(first, first + size)
            plans[str(number)] = self.plan(one_sweep(self.module[a["body"].name], own, sum(a["groups"])))
            first += size
        return plans

    def _function(self, name: str) -> Plan:
        if name not in self._plans:
            self._plans[name] = self.plan(self.module[name])
        return self._plans[name]

    def _constants(self, plan: Plan, graph: Graph) -> None:
        """Constants that kernels or the host read from memory: those that are more than one repeated number, and
        all that are wanted as they are."""
        used = {slot for step in plan.steps for slot in _slots(step) if isinstance(slot, Value)}
        for value in (*used, *graph.outputs):
            if value.owner.name == "tensor.constant":
                plan.constants[value] = np.ascontiguousarray(value.owner.attributes["value"].expand())

    def _arrange(self, plan: Plan, lives: Sequence[tuple[Slot, ...]]) -> None:
        """Give each value computed here an address for as long as it lives: the first gap that is large enough."""
        given = {*plan.inputs, *plan.constants}
        for number, value in enumerate(plan.outputs):
            if value not in given and value not in plan.direct:
                plan.direct[value] = number
        first: dict[Slot, int] = {}
        last: dict[Slot, int] = {}
        for number, slots in enumerate(lives):
            for slot in slots:
                if not isinstance(slot, Checks | int) and slot not in given and slot not in plan.direct:
                    first.setdefault(slot, number)
                    last[slot] = number
        plan.offsets, plan.nbytes = arrange([(slot, nbytes_of(slot), first[slot], last[slot]) for slot in first])


def _joined(steps: Iterable[tuple[Step, tuple[Slot, ...]]]) -> Iterator[tuple[Step, tuple[Slot, ...]]]:
    """The steps with their slots, small kernels made one."""
    small: list[Launch] = []
    for step, slots in steps:
        if isinstance(step, Launch) and is_small(step):
            small.append(step)
            continue
        yield from ((launch, launch.slots) for launch in merged(small))
        small = []
        yield step, slots
    yield from ((launch, launch.slots) for launch in merged(small))


def _rooms(op: Operation) -> tuple[tuple[Temporary, ...], ...]:
    """Two places for each value that a loop carries."""
    if op.name not in (SCAN.name, WHILE.name):
        return ()
    carried = op.results[: op.attributes["carry"]]
    return tuple(tuple(Temporary(value.type.nbytes, "int8", "carried") for value in carried) for _ in range(2))


def _slots(step: Step) -> tuple[Slot, ...]:
    return step.slots if isinstance(step, Launch) else (*step.op.operands, *step.op.results)


def nbytes_of(slot: Slot) -> int:
    """The bytes that a value takes in memory."""
    if isinstance(slot, Temporary):
        return slot.nbytes
    assert isinstance(slot, Value)
    return slot.type.nbytes


def arrange(lives: Sequence[tuple[Any, int, int, int]]) -> tuple[dict[Any, int], int]:
    """Offsets for blocks (key, bytes, first step, last step) such that those that live at one time do not overlap, and
    the bytes needed in all."""
    offsets: dict[Any, int] = {}
    live: list[tuple[int, int, int]] = []
    total = 0
    for key, nbytes, first, last in lives:
        size = -(-max(nbytes, 1) // ALIGNMENT) * ALIGNMENT
        live = [block for block in live if block[2] >= first]
        at = 0
        for start, end, _ in sorted(live):
            if start - at >= size:
                break
            at = max(at, end)
        offsets[key] = at
        live.append((at, at + size, last))
        total = max(total, at + size)
    return offsets, total
