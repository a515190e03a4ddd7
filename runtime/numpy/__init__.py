"""The NumPy backend: generated Python over NumPy calls."""

from __future__ import annotations

import functools
import linecache
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from ...ir.definition import registered
from ...ir.graph import Graph
from ...ir.module import Module
from ..backend import register_backend
from ..program import Program
from ..support import SupportTable
from . import blocks as _blocks  # noqa: F401  writes kernels
from . import remat as _remat  # noqa: F401  a pass
from . import steps as _steps  # noqa: F401  writes loops
from .arenas import memory
from .bufferize import ARENA, HEAP, LOWERING
from .codegen import Codegen
from .pool import ROW, Kernel, one_blas_thread
from .quiet import BUFFERS, quietly
from .table import support_table


class NumPyBackend:
    """Runs programs with NumPy on the CPU."""

    name = "numpy"
    pipeline = (
        "expand-ad,inline{custom=true},drop-stop-gradient,dce,"
        "fixpoint(canonicalize,fold,cse,dce,strength-reduce,reassociate,merge-slices,"
        "tidy-loops,gather-factors,hoist-loops,sink-loops),"
        "reciprocals,fixpoint(arrange-factors,reuse-contractions,fixpoint(canonicalize,fold,cse,dce))"
    )
    lowering = LOWERING

    @property
    def support(self) -> SupportTable:
        """The declared support table; users' own operations have rows from when they are defined."""
        return _support_of(len(registered()))

    def lower(self, graph: Graph, module: Module, annotate: bool = False) -> Program:
        """Write a function as Python and compile it."""
        codegen = Codegen(graph, module, annotate)
        source = codegen.program()
        filename = f"<mixad program @{graph.name}>"
        code = compile(source, filename, "exec")
        namespace: dict[str, Any] = codegen.namespace
        exec(code, namespace)
        kernels = []
        for name, (functions, rest) in codegen.kernels.items():
            blocks, *left = (namespace[function] for function in functions)
            kernels.append(Kernel(blocks, left[0] if left else None, *rest))
            namespace[name] = kernels[-1]
        if annotate:
            linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        attributes = graph.attributes
        arena: int = attributes.get(ARENA, 0)
        scratch = max((kernel.working_memory() for kernel in kernels), default=0)
        nbytes = arena + attributes.get(HEAP, 0) + scratch
        run = _prepared(namespace["program"], codegen.calls_blas, arena, bool(kernels))
        return Program(run, source, self.name, nbytes)


@functools.lru_cache(maxsize=1)
def _support_of(operations: int) -> SupportTable:
    return support_table()


def _prepared(function: Callable[..., Any], calls_blas: bool, arena: int, kernels: bool) -> Callable[..., Any]:
    """Run ``function`` without NumPy's floating-point warnings: a derivative passes through infinities that
    the function itself does not show. Where it wants one, it gets an arena; BLAS is held to one thread where it would
    take several, and NumPy's buffers are short where there are kernels."""
    buffers = ROW if kernels else BUFFERS
    if not (calls_blas or arena):
        return quietly(function, buffers)
    held = one_blas_thread if calls_blas else nullcontext()

    def run(*arrays: Any) -> Any:
        with held:
            if not arena:
                return function(*arrays)
            with memory(arena) as lent:
                return function(lent, *arrays)

    return quietly(run, buffers)


NUMPY = NumPyBackend()
register_backend(NUMPY)
