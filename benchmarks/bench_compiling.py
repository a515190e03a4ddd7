"""From a function to its first gradient.

Trace, differentiate, simplify, generate, run once, with every cache empty, those on the disk included: the same chain.
autograd and eager PyTorch differentiate without compiling; JAX is `jax.jit(jax.grad(f))`. An operation is one of the
function's own, not of its gradient.
"""

import numpy as np
import pytest

from .peers import call, fresh, installed, libraries
from .programs import chain

X = np.float64(0.5)
#: Above so many operations a library is left out, because it takes minutes.
LIMITS = {
    "JAX": (3_000, "not run: over 60 s"),
    "torch.compile": (1_000, "not run: half a minute at 1,000"),
    "PyTorch": (30_000, "not run"),
    "MindSpore": (3_000, "not run"),
}


@pytest.fixture
def no_disk_caches():
    """torch.compile keeps what it compiled on the disk, too."""
    if not installed("torch.compile"):
        yield
        return
    from torch._inductor import config

    with config.patch(force_disable_caches=True):
        yield


def first_gradient(library, operations):
    function = chain(library.numpy, operations)
    return lambda: call(library, library.jit(library.grad(fresh(function))), X)()


@pytest.mark.parametrize("operations", [100, 1_000, 10_000, 100_000])
def test_first_gradient(contest, operations, no_disk_caches):
    contest.row, contest.bar = f"{operations:,} operations", "first gradient"
    contest.count, contest.unit, contest.target = operations, "an operation", "0.2 ms"
    calls = {}
    for library in libraries():
        limit, why = LIMITS.get(library.name, (operations, ""))
        if operations > limit:
            contest.absent[library.name] = why
        else:
            calls[library.name] = first_gradient(library, operations)
    contest.cold(calls, tolerance=1e-6 if operations <= 1_000 else None)
