"""Gradients of small functions, not compiled by the user.

A call of `grad(f)` without `jit`: the programs of MindSpore's guide, and a few like them. mixad traces at every call
and finds the compiled program by the trace.
"""

import numpy as np
import pytest

from .peers import call, uncompiled

X = np.array([0.1, 0.2, 0.3])
INPUT = np.array([[0.8, 0.6, 0.2], [1.8, 1.3, 1.1]])
WEIGHT = np.array([[0.11, 3.3, 1.1], [1.1, 0.2, 1.4], [1.1, 2.2, 0.3]])

#: Row: (order of derivative, function of a NumPy namespace, arguments).
PROGRAMS = {
    "sin(x)": (1, lambda numpy: lambda x: numpy.sin(x), (np.float64(1.0),)),
    "sin(x), second derivative": (2, lambda numpy: lambda x: numpy.sin(x), (np.float64(1.0),)),
    "sin(x), third derivative": (3, lambda numpy: lambda x: numpy.sin(x), (np.float64(1.0),)),
    "x*x*y, second derivative": (2, lambda numpy: lambda x, y: x * x * y, (np.float64(4.0), np.float64(5.0))),
    "sum(x*x)": (1, lambda numpy: lambda x: numpy.sum(x * x), (X,)),
    "sum((x*z) @ y)": (1, lambda numpy: lambda x, y: numpy.sum(numpy.matmul(x * 1.0, y)), (INPUT, WEIGHT)),
    "Rosenbrock, 3 numbers": (
        1,
        lambda numpy: lambda x: numpy.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2),
        (X,),
    ),
}


@pytest.mark.parametrize("row", PROGRAMS)
def test_gradient(contest, row):
    order, function, arguments = PROGRAMS[row]
    calls = {
        library.name: call(library, library.nested(function(library.numpy), order), *arguments)
        for library in uncompiled()
    }
    contest.row = row
    contest.warm(calls, seconds=1.0)
