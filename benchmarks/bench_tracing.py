"""Tracing.

What recording costs, on a chain of element-wise operations on one float64 number: mixad's trace with its fingerprint
(taken at every call of an un-jitted `grad(f)`), autograd's forward pass with its tape (which computes as it goes),
`jax.make_jaxpr`.
"""

import numpy as np
import pytest
from mixad.frontend.execution import collector_paused
from mixad.frontend.requests import root_argument
from mixad.frontend.tracing import Trace, active

from .peers import MIXAD, fresh, installed, jax
from .programs import chain

X = np.float64(0.5)


def trace(function):
    with collector_paused():
        root = Trace("chain")
        with active(root):
            root.finish([function(root_argument(root, X))._value])
        return root


@pytest.mark.parametrize("operations", [1_000, 100_000])
def test_tracing(contest, operations):
    own = chain(MIXAD.numpy, operations)
    calls = {"mixad": lambda: trace(own)}
    if theirs := installed("autograd"):
        from autograd.core import make_vjp

        tape = chain(theirs.numpy, operations)
        calls["autograd"] = lambda: make_vjp(tape, X)
    if jax():
        from jax import make_jaxpr

        jaxs = chain(jax().numpy, operations)
        calls["JAX"] = lambda: make_jaxpr(fresh(jaxs))(X)
    contest.row = f"{operations:,} operations"
    contest.count, contest.unit, contest.target = operations, "an operation", "20 µs"
    if operations <= 1_000:
        contest.warm(calls, tolerance=None)
    else:
        contest.cold(calls, tolerance=None)
