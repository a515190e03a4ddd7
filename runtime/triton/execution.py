"""Running plans on a device.

What a program computes with stands in memory that all programs of a device share: they run one behind the other, so
none needs to keep what another writes over. Results are allocated anew at each call.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from ...ir.errors import BoundsError, DeviceError
from ...ir.graph import Operation, Value
from ...ops.control import COND, SCAN, SWEEPS, WHILE, Loop
from ...ops.definition import Rules
from ..sweeps import Sweeps
from .driver import Driver
from .lowering import ALIGNMENT, Control, Host, Plan
from .slots import Check, Checks, Launch, Slot
from .tuning import fastest

Addresses = Sequence[int]


class Device:
    """A driver, and the memory that its programs compute in. What uses it does so inside ``with device:``.

    Memory is given back between uses: the garbage collector may find something to give back at any moment, such as
    while a message is being written or a graph recorded.
    """

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._lock = threading.RLock()
        self._uses = 0
        self._later: collections.deque[Callable[[], None]] = collections.deque()
        self._address = self._nbytes = 0

    def __enter__(self) -> Device:
        self._lock.acquire()
        self._uses += 1
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self._uses == 1:
                self._give_back()
        finally:
            self._uses -= 1
            self._lock.release()

    def workspace(self, nbytes: int) -> int:
        """The address of at least so many bytes, the same ones as before where they suffice."""
        if nbytes > self._nbytes:
            if self._nbytes:
                self.driver.free(self._address)
                self._nbytes = 0
            self._address = self.driver.alloc(nbytes)
            self._nbytes = nbytes
        return self._address

    def free(self, address: int) -> None:
        """Give memory back."""
        self.later(functools.partial(self.driver.free, address))

    def retire(self, owner: Any) -> None:
        """Forget an owner of memory that another library has used, once what that asked for is done."""
        self.later(functools.partial(self._settle, [owner]))

    def _settle(self, owners: list[Any]) -> None:
        self.driver.settle()
        owners.clear()

    def later(self, work: Callable[[], None]) -> None:
        """Do something now, or behind the present use."""
        self._later.append(work)
        if self._lock.acquire(blocking=False):
            unused = not self._uses
            try:
                if unused:
                    with self:
                        pass
            finally:
                self._lock.release()

    def _give_back(self) -> None:
        with contextlib.suppress(DeviceError):  # a device that failed has said so to its user
            while self._later:
                self._later.popleft()()


class Block:
    """Memory of a device that is given back when nothing refers to it."""

    __slots__ = ("__weakref__", "address", "device", "nbytes")

    def __init__(self, device: Device, nbytes: int) -> None:
        self.device = device
        self.nbytes = nbytes
        with device:
            self.address = device.driver.alloc(max(nbytes, 1))

    def __del__(self) -> None:
        address = getattr(self, "address", None)
        if address is not None:
            self.device.free(address)


class Execution:
    """A program on a device: its kernels ready, its constants in memory."""

    def __init__(self, device: Device, plan: Plan, checks: Checks) -> None:
        self.device = device
        self.driver = device.driver
        self.plan = plan
        self.checks = checks
        self.driver.prepare(list(dict.fromkeys(plan.kernels())))
        self._constants: dict[Value, Block] = {}
        self._store_constants(plan)
        self._check_block = Block(device, 16 * len(checks.found)) if checks.found else None

    def _store_constants(self, plan: Plan) -> None:
        for value, array in plan.constants.items():
            if value not in self._constants:
                block = self._constants[value] = Block(self.device, array.nbytes)
                self.driver.write(block.address, array)
        for child in plan.children():
            self._store_constants(child)

    def __call__(self, inputs: Addresses, outputs: Addresses, base: int) -> None:
        """Run the program: arrays of its inputs' types stand at ``inputs``, its results are written to ``outputs``.
        ``base`` is the address of `Plan.depth_bytes` of memory. Raises `BoundsError` for an index out of range."""
        self.checked(lambda: self.steps(inputs, outputs, base))

    def steps(self, inputs: Addresses, outputs: Addresses, base: int) -> None:
        """The program's steps alone."""
        self._run(self.plan, inputs, outputs, base)

    def checked(self, work: Callable[[], None]) -> None:
        """Do ``work``; raise the errors that kernels told of."""
        if self._check_block is not None:
            self.driver.fill(self._check_block.address, self._check_block.nbytes, 0)
        work()
        if self._check_block is not None:
            self._raise_broken()

    def _raise_broken(self) -> None:
        assert self._check_block is not None
        told = np.empty((len(self.checks.found), 2), np.int64)
        self.driver.read(self._check_block.address, told)
        for check, (broken, index) in zip(self.checks.found, told.tolist(), strict=True):
            if broken:
                raise BoundsError(_out_of_bounds(check, index))

    # --- steps -----------------------------------------------------------------------------------

    def _run(self, plan: Plan, inputs: Addresses, outputs: Addresses, base: int) -> None:
        at: dict[Slot, int] = dict(zip(plan.inputs, inputs, strict=True))
        at.update({slot: base + offset for slot, offset in plan.offsets.items()})
        at.update({value: outputs[number] for value, number in plan.direct.items()})
        at.update({value: self._constants[value].address for value in plan.constants})
        if self._check_block is not None:
            at[self.checks] = self._check_block.address
        for step in plan.steps:
            if isinstance(step, Launch):
                arguments = tuple(slot if isinstance(slot, int) else at[slot] for slot in step.slots)
                kernel = fastest(self.driver, step, arguments) if step.others else step.kernel
                self.driver.launch(kernel, arguments)
            elif isinstance(step, Host):
                self._host(step.op, at)
            else:
                _CONTROL[step.op.name](self, step, at, base + plan.nbytes)
        for number, value in enumerate(plan.outputs):
            if at.get(value) != outputs[number] and value.type.nbytes:
                self.driver.copy(outputs[number], at[value], value.type.nbytes)

    def fetch(self, value: Value, address: int) -> np.ndarray[Any, Any]:
        """A value's array, on the host."""
        array = np.empty(value.type.shape, value.type.dtype)
        if array.nbytes:
            self.driver.read(address, array)
        return array

    def _host(self, op: Operation, at: dict[Slot, int]) -> None:
        rules: Rules = op.definition.rules
        operands = [self.fetch(value, at[value]) for value in op.operands]
        with np.errstate(all="ignore"):
            found = rules.evaluate(*operands, **op.attributes)
        results = found if len(op.results) != 1 else (found,)
        for value, array in zip(op.results, results, strict=True):
            if value in at and value.type.nbytes:
                self.driver.write(at[value], np.ascontiguousarray(array, value.type.dtype))

    def cond(self, step: Control, at: dict[Slot, int], base: int) -> None:
        """The host reads the predicate."""
        op = step.op
        taken = bool(self.fetch(op.operands[0], at[op.operands[0]]))
        plan = step.plans["on_true" if taken else "on_false"]
        self._run(plan, [at[value] for value in op.operands[1:]], [at[value] for value in op.results], base)

    def scan(self, step: Control, at: dict[Slot, int], base: int) -> None:
        """Each step reads and writes its own parts of the scanned arrays; the carry goes to and fro between two."""
        loop, plan = Loop(step.op), step.plans["body"]
        carry = [at[value] for value in loop.carry]
        consts = [at[value] for value in loop.consts]
        steps = range(loop.length)
        for number, t in enumerate(reversed(steps) if step.op.attributes["reverse"] else steps):
            xs = [at[value] + t * loop.element(value.type).nbytes for value in loop.xs]
            ys = [at[value] + t * loop.element(value.type).nbytes for value in loop.ys]
            following = [at[room] for room in step.rooms[number % 2]]
            self._run(plan, [*carry, *xs, *consts], [*following, *ys], base)
            carry = following
        self._copy_all(carry, loop.final, at)

    def loop(self, step: Control, at: dict[Slot, int], base: int) -> None:
        """The host reads the condition of each step."""
        op, count = step.op, step.op.attributes["carry"]
        carry = [at[value] for value in op.operands[:count]]
        consts = [at[value] for value in op.operands[count:]]
        test, body = step.plans["cond"], step.plans["body"]
        flag = Block(self.device, 1)
        number = 0
        while True:
            self._run(test, [*carry, *consts], [flag.address], base)
            if not bool(self.fetch(test.outputs[0], flag.address)):
                break
            following = [at[room] for room in step.rooms[number % 2]]
            self._run(body, [*carry, *consts], following, base)
            carry, number = following, number + 1
        self._copy_all(carry, op.results, at)

    def sweeps(self, step: Control, at: dict[Slot, int], base: int) -> None:
        """As `mixad.runtime.sweeps` says, states being blocks of device memory."""
        op, groups = step.op, step.op.attributes["groups"]
        count = sum(groups)
        states: list[tuple[Any, ...]] = []
        first = 1
        for size in groups:
            states.append(tuple(self._copied(value, at) for value in op.operands[first : first + size]))
            first += size
        consts = tuple(at[value] for value in op.operands[first:])
        nbytes = sum(value.type.nbytes for value in op.operands[1 : count + 1])
        clock = Block(self.device, 8)

        def body_of(plan: Plan) -> Callable[..., tuple[Block, ...]]:
            def body(t: Any, *given: Any) -> tuple[Block, ...]:
                self.driver.write(clock.address, np.asarray(t, np.int64))
                made = tuple(Block(self.device, value.type.nbytes) for value in plan.outputs)
                addresses = [each.address if isinstance(each, Block) else each for each in given]
                self._run(plan, [clock.address, *addresses], [block.address for block in made], base)
                return made

            return body

        bodies = [body_of(step.plans[str(number)]) for number in range(len(groups))]
        length = self.fetch(op.operands[0], at[op.operands[0]])
        finals = Sweeps(groups, op.attributes["wanted"], nbytes).run(length, bodies, states, consts)
        self._copy_all([block.address for block in finals], op.results, at)

    def _copied(self, value: Value, at: dict[Slot, int]) -> Block:
        block = Block(self.device, value.type.nbytes)
        if value.type.nbytes:
            self.driver.copy(block.address, at[value], value.type.nbytes)
        return block

    def _copy_all(self, sources: Addresses, values: Sequence[Value], at: dict[Slot, int]) -> None:
        for source, value in zip(sources, values, strict=True):
            if value in at and value.type.nbytes:
                self.driver.copy(at[value], source, value.type.nbytes)


def _out_of_bounds(check: Check, index: int) -> str:
    return f"index {index} is out of bounds for axis {check.axis} with size {check.size}, at {check.op.location}"


_CONTROL: Final[dict[str, Callable[[Execution, Control, dict[Slot, int], int], None]]] = {
    COND.name: Execution.cond,
    SCAN.name: Execution.scan,
    SWEEPS.name: Execution.sweeps,
    WHILE.name: Execution.loop,
}


def aligned(nbytes: int) -> int:
    """Bytes up to the next address that anything may start at."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
