"""A compiled call's own time.

What a call of `jit(f)` takes beyond the NumPy calls that it makes, written by hand (on arrays of 8 float64 numbers,
or on one number); beside it what `jax.jit` takes beyond the same NumPy calls, given JAX arrays.
"""

import numpy as np
import pytest

from .peers import MIXAD, call, jax

ARRAY = np.linspace(0.1, 1.0, 8)


def plain(library):
    """Functions of 1, 2 and 5 arrays and of a dictionary; NumPy's calls are the function itself."""
    numpy = library.numpy
    return {
        "1 array: sin(a)": lambda a: numpy.sin(a),
        "2 arrays: sin(a) * b": lambda a, b: numpy.sin(a) * b,
        "5 arrays: a*b + c*d + e": lambda a, b, c, d, e: a * b + c * d + e,
        "a dictionary: p['w'] * p['b']": lambda p: p["w"] * p["b"],
    }


ARGUMENTS = {
    "1 array: sin(a)": (ARRAY,),
    "2 arrays: sin(a) * b": (ARRAY,) * 2,
    "5 arrays: a*b + c*d + e": (ARRAY,) * 5,
    "a dictionary: p['w'] * p['b']": ({"w": ARRAY, "b": ARRAY},),
}


@pytest.mark.parametrize("row", ARGUMENTS)
def test_function(contest, row):
    arguments = ARGUMENTS[row]
    calls = {"NumPy": call(MIXAD, plain(MIXAD)[row], *arguments)}
    for library in filter(None, (MIXAD, jax())):
        calls[library.name] = call(library, library.jit(plain(library)[row]), *arguments)
    contest.row, contest.baseline, contest.target = row, "NumPy", "5 µs"
    contest.warm(calls, seconds=1.0)


@pytest.mark.parametrize("number", [0.5, np.float64(0.5), np.array(0.5)], ids=["float", "float64", "0-d array"])
def test_scalar_gradient(contest, number, request):
    calls = {"NumPy": call(MIXAD, lambda x: np.cos(x) * x + np.sin(x), number)}
    for library in filter(None, (MIXAD, jax())):
        gradient = library.jit(library.grad(lambda x, numpy=library.numpy: numpy.sin(x) * x))
        calls[library.name] = call(library, gradient, number)
    contest.row = f"gradient of sin(x) * x at a {request.node.callspec.id}"
    contest.baseline, contest.target = "NumPy", "5 µs"
    contest.warm(calls, seconds=1.0)
