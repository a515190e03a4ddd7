"""The Triton backend: programs as generated GPU kernels.

`clusters` decides what runs in one kernel, `writer`, `rows`, `folds`, `tiled` and `special` write the kernels,
`lowering` plans memory, `execution` runs plans on a `driver.Driver`. Nothing here imports Triton, which compiles in
processes of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Final

from ...ir.definition import registered
from ...ir.graph import Graph
from ...ir.module import Module
from ..backend import register_backend
from ..numpy import NUMPY
from ..program import Program
from ..support import SupportTable
from . import prepare  # noqa: F401 - registers its pass
from .compiler import compile_kernels
from .cuda import CudaDriver
from .devices import gpu, interpreted, missing
from .lowering import Host, Options, Plan, Planner
from .running import Runner
from .slots import Launch
from .table import support_table

__all__ = ["TRITON", "Options", "TritonBackend", "backend_for"]


class TritonBackend:
    """Runs programs on a GPU with kernels that Triton compiles."""

    name = "triton"
    pipeline = NUMPY.pipeline
    lowering = "triton-prepare,fixpoint(canonicalize,cse,dce)"

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
        results = sum(value.type.nbytes for value in plan.outputs)
        source, stages = source_of(plan), functools.partial(stages_of, plan)
        runner = Runner(plan, planner.checks)
        return Program(runner, source, self.name, plan.depth_bytes + results, stages)


@functools.lru_cache(maxsize=1)
def _support_of(operations: int) -> SupportTable:
    return support_table()


def source_of(plan: Plan) -> str:
    """The steps, as comments, and the kernels' sources, each once."""
    kernels = dict.fromkeys(plan.kernels())
    return "\n\n".join(["\n".join(_steps(plan, "# ")) + "\n", *(kernel.source for kernel in kernels)])


def stages_of(plan: Plan) -> dict[str, str]:
    """Triton's IR and the GPU's assembly of each kernel, by file name; nothing where there is no GPU to compile for."""
    if interpreted() or missing() is not None:
        return {}
    driver = gpu().driver
    assert isinstance(driver, CudaDriver)
    kernels = list(dict.fromkeys(plan.kernels()))
    binaries = compile_kernels(kernels, driver.target)
    found = {}
    for kernel, binary in zip(kernels, binaries, strict=True):
        found.update({f"{kernel.name}.{stage}": text for stage, text in binary.stages.items()})
    return found


def _steps(plan: Plan, indent: str) -> Iterator[str]:
    yield f"{indent}@{plan.name}: {len(plan.steps)} steps, {plan.nbytes} bytes"
    for step in plan.steps:
        if isinstance(step, Launch):
            warps = f"{step.kernel.warps} warp{'s' if step.kernel.warps > 1 else ''}"
            yield f"{indent}  {step.kernel.name}, {step.kernel.grid[0]} x {warps}"
        elif isinstance(step, Host):
            yield f"{indent}  {step.op.name} on the CPU"
        else:
            yield f"{indent}  {step.op.name}, decided by the CPU"
            for child in step.plans.values():
                yield from _steps(child, indent + "    ")


@functools.cache
def backend_for(options: Options) -> TritonBackend:
    """The backend with these options: one object, by which caches know it."""
    return TRITON if options == TRITON.options else TritonBackend(options)


TRITON: Final = TritonBackend()
register_backend(TRITON)
