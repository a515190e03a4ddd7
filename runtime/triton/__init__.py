"""The Triton backend: programs as generated GPU kernels.

`clusters` decides what runs in one kernel, `writer`, `rows`, `tiled` and `special` write the kernels, `lowering` plans
memory, `execution` runs plans on a `driver.Driver`. Nothing here imports Triton, which compiles in processes of its
own.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir.definition import registered
from ...ir.graph import Graph
from ...ir.module import Module
from ..backend import register_backend
from ..numpy import NUMPY
from ..program import Program
from ..support import SupportTable
from . import prepare  # noqa: F401 - registers its pass
from .devices import current_device
from .execution import Block, Device, Execution, aligned
from .lowering import Options, Plan, Planner
from .table import support_table
from .writer import Checks


class TritonBackend:
    """Runs programs on a GPU with kernels that Triton compiles."""

    name = "triton"
    pipeline = f"{NUMPY.pipeline},triton-prepare,fixpoint(canonicalize,cse,dce)"

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()

    @property
    def support(self) -> SupportTable:
        """The declared support table; users' own operations have no kernels. With the CPU to fall back on, what that
        runs."""
        return NUMPY.support if self.options.fallback else _support_of(len(registered()))

    def lower(self, graph: Graph, module: Module, annotate: bool = False) -> Program:
        """Plan a function; its kernels are made ready on the device that it first runs on."""
        planner = Planner(module, self.options)
        plan = planner.plan(graph)
        return Program(Runner(plan, planner.checks), source_of(plan), self.name)


@functools.lru_cache(maxsize=1)
def _support_of(operations: int) -> SupportTable:
    return support_table()


class Runner:
    """A plan as a callable on arrays."""

    def __init__(self, plan: Plan, checks: Checks) -> None:
        self.plan = plan
        self.checks = checks
        self._executions: dict[Device, Execution] = {}
        self._lock = threading.Lock()

    def _on(self, device: Device) -> Execution:
        with self._lock:
            if device not in self._executions:
                self._executions[device] = Execution(device, self.plan, self.checks)
            return self._executions[device]

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Arrays of the program's inputs' types in, its outputs out."""
        plan = self.plan
        device = current_device()
        with device.lock:
            execution = self._on(device)
            staged = [np.ascontiguousarray(array) for array in arrays]
            own = aligned(plan.depth_bytes)
            base = device.workspace(own + sum(aligned(max(array.nbytes, 1)) for array in staged))
            inputs, at = [], base + own
            for array in staged:
                if array.nbytes:
                    device.driver.write(at, array)
                inputs.append(at)
                at += aligned(max(array.nbytes, 1))
            blocks = [Block(device, value.type.nbytes) for value in plan.outputs]
            execution(inputs, [block.address for block in blocks], base)
            pairs = zip(plan.outputs, blocks, strict=True)
            return tuple([execution.fetch(value, block.address)[()] for value, block in pairs])


def source_of(plan: Plan, seen: set[str] | None = None) -> str:
    """The kernels' sources, in the order in which they run; each once."""
    kernels = dict.fromkeys(plan.kernels())
    order = "".join(f"# {number}: {kernel.name} in {kernel.grid[0]} programs\n" for number, kernel in enumerate(kernels))
    return "\n\n".join([order, *(kernel.source for kernel in kernels)])


TRITON = TritonBackend()
register_backend(TRITON)
