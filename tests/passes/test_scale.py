"""Large programs: no recursion, and work in proportion to the program."""

from __future__ import annotations

import sys
from collections import Counter

import mixad.ops  # noqa: F401 - registers the operations
import numpy as np
import pytest
from mixad.ir import Builder, Graph, Module, TensorType, print_module
from mixad.passes import PassManager, registered_passes
from mixad.runtime.compiler import compile_module
from mixad.runtime.numpy import NUMPY

SCALAR = TensorType((), np.dtype(np.float64))
GRADIENT = "linearize{wrt=0},transpose,seed-sens{sens=ones},fixpoint(canonicalize,fold,cse,dce)"


def chain(length: int) -> Module:
    """sin(cos(sin(...x))) * x."""
    module = Module()
    graph = module.add(Graph("f"))
    x = graph.add_input(SCALAR, "x")
    b, y = Builder(graph), x
    for step in range(length - 1):
        y = b.sin(y) if step % 2 else b.cos(y)
    graph.set_outputs([b.mul(y, x)])
    return module


@pytest.mark.slow
def test_twenty_thousand_operations() -> None:
    length = 20_000
    assert length > 10 * sys.getrecursionlimit()
    module = chain(length)
    log = PassManager(GRADIENT).run(module)
    counts = Counter(op.name for op in module.entry)
    assert counts["tensor.mul"] == length
    assert 3 * length - 10 < len(module.entry) < 3.6 * length
    rounds = [record for record in log.records if record.depth == 1]
    assert len(rounds) <= 12
    programs = compile_module(module, NUMPY)
    (value, gradient) = programs["f"].run(np.array(0.5))
    assert np.isfinite(value)
    assert np.isfinite(gradient)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(registered_passes()))
def test_no_pass_recurses_over_the_program(name: str) -> None:
    module = chain(5_000)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        if name in ("transpose", "seed-sens"):
            PassManager("linearize").run(module)
        PassManager("split{seeds=0}" if name == "split" else name).run(module)
    finally:
        sys.setrecursionlimit(limit)
    assert print_module(module)


def calls_made(length: int) -> int:
    """How many Python functions are called to differentiate and simplify a chain."""
    module = chain(length)
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        PassManager(GRADIENT).run(module)
    finally:
        sys.setprofile(None)
    return count


def test_work_is_linear() -> None:
    small, large = calls_made(200), calls_made(1_600)
    assert large < 8.5 * small
