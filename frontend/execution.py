"""Running what was recorded: programs are found by fingerprint, compiled when new.

Programs that differ only in Python numbers are one *family*. Its program holds the numbers as constants;
a number that is seen with a second value becomes an input, for good.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from ..ir import Graph, Module, Operation, Value, module_fingerprint
from ..runtime.backend import Backend
from ..runtime.cache import Cache
from ..runtime.compiler import compile_module, epoch
from ..runtime.forks import new_lock
from ..runtime.numpy import NUMPY
from ..runtime.program import Program
from .devices import backend_of
from .tracing import Trace

#: Records a program: given the numbers' positions to lift, a finished trace.
Record = Callable[[frozenset[int]], Trace]
Programs = dict[str, Program]
#: A family's programs, the positions of the numbers lifted to inputs, and these in order.
State = tuple[Programs, frozenset[int], tuple[int, ...]]

CACHE_LIMIT: Final = 2048


class Family:
    """The programs of one fingerprint: at any time one, with some numbers lifted to inputs."""

    def __init__(self, trace: Trace, compile: Callable[[Module], Programs]) -> None:
        self._compile = compile
        self._lock = new_lock()
        self._numbers = [_number_key(number) for number, _ in trace.numbers]
        self._state: State = (self._compile(trace.build_module()), frozenset(), ())

    def programs(self, trace: Trace, record: Record) -> tuple[Programs, list[Any]]:
        """The programs for this call's trace, and the values of its lifted numbers."""
        numbers = [_number_key(number) for number, _ in trace.numbers]
        programs, _, order = self._state
        if numbers != self._numbers:
            programs, _, order = self._lift(numbers, record)
        return programs, [np.asarray(*trace.numbers[position]) for position in order]

    def _lift(self, numbers: list[Any], record: Record) -> State:
        with self._lock:
            programs, lift, order = self._state
            varying = {i for i, (a, b) in enumerate(zip(numbers, self._numbers, strict=True)) if a != b}
            if not varying <= lift:
                lift = lift | varying
                order = tuple(sorted(lift))
                programs = self._compile(record(lift).build_module())
                self._state = (programs, lift, order)
            return programs, lift, order


def _number_key(number: Any) -> Any:
    """Equal for equal numbers: signed zeros are told apart, and NaN equals itself."""
    if number and type(number) in (int, float, bool):
        return number
    return repr(number)


_families: Cache[Family] = Cache(CACHE_LIMIT)
_requests: Cache[Programs] = Cache(CACHE_LIMIT)


def find_programs(
    record: Record, backend: Backend | None = None, extra_passes: Callable[[Trace], str] = lambda trace: ""
) -> tuple[Trace, Programs, list[Any]]:
    """Record a program and find it compiled: its trace, the programs, the values of lifted numbers. Without a
    ``backend`` its inputs, or the chosen device, decide."""
    with collector_paused():
        trace = record(frozenset())
        trace.settle()
        passes = extra_passes(trace)
        chosen = backend_of(trace.known_inputs()) if backend is None else backend
        digest = trace.fingerprint.digest(trace.outputs)

        def compile(module: Module) -> Programs:
            return compile_module(module, chosen, passes)

        family = _families.get((digest, chosen, passes, epoch()), lambda: Family(trace, compile))
        programs, numbers = family.programs(trace, record)
    return trace, programs, numbers


def entry_program(programs: Programs) -> Program:
    """The program that a caller runs: the first. Its name is that of the function that was compiled first, which may
    be another one of the same fingerprint."""
    return next(iter(programs.values()))


_pauses = 0
_pause_lock = new_lock()
_collecting = False


@contextmanager
def collector_paused() -> Iterator[None]:
    """Hold Python's cyclic garbage collector while a program is made.

    A trace and its graph are nothing but long-lived objects, which the collector would walk again and again: at
    100,000 operations that is a third of the time. What is dropped is still freed by reference counts.
    """
    global _pauses, _collecting
    with _pause_lock:
        _pauses += 1
        if _pauses == 1:
            _collecting = gc.isenabled()
            gc.disable()
    try:
        yield
    finally:
        with _pause_lock:
            _pauses -= 1
            if _pauses == 0 and _collecting:
                gc.enable()


def _resume() -> None:
    """A forked child has none of the threads that made programs in its parent."""
    global _pauses
    if _pauses and _collecting:
        gc.enable()
    _pauses = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_resume)


def input_arrays(trace: Trace, skip: Sequence[Value] = ()) -> list[Any]:
    """The arrays of a root trace's inputs in this call, but for those in ``skip``."""
    return [trace.concrete(value) for value in trace.inputs if value not in skip]


def run_request(root: Trace, op: Operation, operands: Sequence[Any]) -> tuple[Any, ...]:
    """Run one `ad.vjp`, `ad.jvp` or `control.call` on arrays, while the program around it is being traced."""
    module = Module()
    entry = module.add(Graph("value"))
    inputs = tuple([entry.add_input(value.type) for value in op.operands])
    types = [value.type for value in op.results]
    copy = entry.insert(Operation(op.definition, inputs, op.attributes, types, (), op.location))
    entry.set_outputs(copy.results)
    for trace in root.functions.values():
        module.functions[trace.name] = trace.copy_function()
    programs = _requests.get((module_fingerprint(module), epoch()), lambda: compile_module(module, NUMPY))
    return programs["value"].run(
        *[np.asarray(array, value.type.dtype) for array, value in zip(operands, op.operands, strict=True)]
    )


def clear_caches() -> None:
    """Forget every compiled program."""
    _families.clear()
    _requests.clear()


def cache_info() -> dict[str, int]:
    """Compiled programs kept, hits and misses."""
    return {"programs": len(_families), "hits": _families.hits, "misses": _families.misses}
