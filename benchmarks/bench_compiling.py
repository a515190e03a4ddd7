"""From a function to its first gradient.

Trace, differentiate, simplify, generate, run once, with every cache empty: the same chain. autograd differentiates
without compiling; JAX is `jax.jit(jax.grad(f))`. An operation is one of the function's own, not of its gradient.
"""

import numpy as np
import pytest

from .peers import call, fresh, libraries
from .programs import chain

X = np.float64(0.5)
#: More than these operations take JAX over a minute.
JAX_LIMIT = 3_000


def first_gradient(library, operations):
    function = chain(library.numpy, operations)
    return lambda: call(library, library.jit(library.grad(fresh(function))), X)()


@pytest.mark.parametrize("operations", [100, 1_000, 10_000, 100_000])
def test_first_gradient(contest, operations):
    contest.row = f"{operations:,} operations"
    contest.count, contest.unit, contest.target = operations, "an operation", "0.2 ms"
    entered = list(libraries())
    if operations > JAX_LIMIT:
        entered = [library for library in entered if library.name != "JAX"]
        contest.absent["JAX"] = "not run: JAX needs over 60 s"
    calls = {library.name: first_gradient(library, operations) for library in entered}
    contest.cold(calls, tolerance=1e-6 if operations <= 1_000 else None)
