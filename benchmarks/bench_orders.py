"""Growth with the order of the derivative.

Orders 1 to 6 by `grad` of `grad`, of a function of one float64 number: operations of the compiled program beside
equations of JAX's jaxpr (those of inner jaxprs counted), and the time from nothing to the first value. JAX is
`jax.jit` of the nest; autograd and eager PyTorch do not compile.
"""

import mixad as mx
import numpy as np
import pytest
from mixad import PassManager
from mixad.runtime.numpy import NUMPY

from .peers import MIXAD, call, fresh, jax, uncompiled
from .programs import chain, nested_tanh

X = np.float64(0.5)
FUNCTIONS = {"tanh(tanh(tanh(x)))": nested_tanh, "x = exp(sin(x)*x)*0.1, 4 times": lambda numpy: chain(numpy, 16)}


def operations(function, order):
    """Operations of mixad's program behind the backend's pipeline."""
    module = mx.make_graph(MIXAD.nested(function(MIXAD.numpy), order))(X)
    PassManager(NUMPY.pipeline).run(module)
    return len(module)


def equations(jaxpr):
    """Equations of a jaxpr and of those inside it; a call is not counted beside what it calls."""
    total = 0
    for equation in jaxpr.eqns:
        inner = [getattr(each, "jaxpr", each) for each in equation.params.values() if hasattr(each, "eqns")]
        total += sum(map(equations, inner)) or 1
    return total


def first_value(library, function, order):
    made = function(library.numpy)
    return lambda: call(library, library.jit(library.nested(fresh(made), order)), X)()


@pytest.mark.parametrize("order", range(1, 7))
@pytest.mark.parametrize("name", FUNCTIONS)
def test_order(contest, name, order):
    function = FUNCTIONS[name]
    contest.row = f"{name}, order {order}"
    contest.facts["operations"] = operations(function, order)
    if jax():
        from jax import make_jaxpr

        contest.facts["JAX's equations"] = equations(make_jaxpr(jax().nested(function(jax().numpy), order))(X).jaxpr)
    contest.unit = "first value"
    contest.cold({library.name: first_value(library, function, order) for library in uncompiled()}, seconds=2.0)
