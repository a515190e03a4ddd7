"""A branch that a select does not take never leaks a NaN or an infinity into a derivative, of any order or mode."""

import mixad.ops  # noqa: F401 - registers the operations
import numpy as np
import pytest
from mixad.ir import Builder, Dense, Graph, TensorType

from .programs import OPERATIONS, Runner, chain, chains

#: Points outside of the taken branch, then points inside.
OUTSIDE = [0.0, -0.0, -1.0, 1.0, np.nan, np.inf, -np.inf, -3.5, 1e-320]
INSIDE = [1.3, 1.7]
X = np.array(OUTSIDE + INSIDE)
TYPE = TensorType(X.shape, np.float64)


def full(b, number, type=TYPE):
    return b.constant(value=Dense(number, type))


def _scaled(b, x):
    """0.3 * (x - 1), inside the domain of every function for the points inside; singular for those outside."""
    return b.mul(b.sub(x, full(b, 1.0)), full(b, 0.3))


UNARY = [
    definition.mnemonic
    for definition in OPERATIONS.values()
    if definition.rules.cls.elementwise
    and len(definition.operands) == 1
    and not definition.attributes
    and definition.rules.takes(np.dtype(np.float64))
    and not definition.rules.cls.piecewise_constant
]
BRANCHES = {
    **{
        name: lambda b, x, name=name: getattr(b, name)(_scaled(b, x) if name in ("asin", "acos", "atanh") else x)
        for name in UNARY
    },
    "log of sqrt": lambda b, x: b.log(b.sqrt(x)),
    "sqrt of sum": lambda b, x: b.sqrt(b.add(b.square(x), b.mul(x, full(b, -1.0)))),
    "quotient": lambda b, x: b.div(full(b, 1.0), x),
    "x / x": lambda b, x: b.div(b.mul(x, full(b, 3.0)), b.add(x, x)),
    "sin / x": lambda b, x: b.div(b.sin(x), x),
    "power": lambda b, x: b.pow(x, full(b, 1.5)),
    "negative power": lambda b, x: b.pow(x, full(b, -2.5)),
    "power of x": lambda b, x: b.pow(x, x),
    "exponential of reciprocal": lambda b, x: b.exp(b.reciprocal(x)),
    "atan2": lambda b, x: b.atan2(x, x),
    "maximum": lambda b, x: b.maximum(b.log(x), b.sqrt(x)),
    "product of logs": lambda b, x: b.mul(b.log(x), b.mul(b.log(x), b.rsqrt(x))),
    "remainder": lambda b, x: b.remainder(full(b, 7.3), x),
    "select in select": lambda b, x: b.select(
        b.compare(x, full(b, 0.5), direction="gt"), b.log(x), b.div(full(b, 1.0), x)
    ),
}


def _taken(b, x):
    return b.logical_and(b.compare(x, full(b, 1.2), direction="gt"), b.compare(x, full(b, 5.0), direction="lt"))


def _choice(branch, other, swapped=False):
    graph = Graph("f")
    x = graph.add_input(TYPE)
    b = Builder(graph)
    singular, calm = branch(b, x), other(b, x)
    if swapped:
        graph.set_outputs([b.select(b.logical_not(_taken(b, x)), calm, singular)])
    else:
        graph.set_outputs([b.select(_taken(b, x), singular, calm)])
    return graph


def _derivatives(graph, modes, x):
    runner = Runner(chain(graph, modes, 1))
    return runner.run(x, *[np.full(type.shape, 0.8) for type in runner.inputs[1:]])


@pytest.mark.parametrize("order", [1, 2, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", BRANCHES)
def test_the_branch_not_taken_leaks_nothing(name, order):
    """Zero derivative outside, and inside what the branch alone gives."""
    alone = Graph("f")
    x = alone.add_input(TYPE)
    alone.set_outputs([BRANCHES[name](Builder(alone), x)])
    (plain,) = _derivatives(alone, "j" * order, X)
    inside = slice(len(OUTSIDE), None)
    for modes in chains(order):
        for swapped in (False, True) if order == 1 else (order == 2,):
            (found,) = _derivatives(_choice(BRANCHES[name], lambda b, x: full(b, 2.0), swapped), modes, X)
            np.testing.assert_array_equal(found[: len(OUTSIDE)], 0, err_msg=modes)
            np.testing.assert_allclose(found[inside], plain[inside], rtol=1e-11, err_msg=modes)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_calm_branch_keeps_its_derivative(order):
    """At x = 0 and below, where(x > 0, log(x), sin(2 x)) differentiates as sin(2 x)."""
    at = np.array([0.0, -1.0, -2.5])
    type = TensorType(at.shape, np.float64)
    graph = Graph("f")
    x = graph.add_input(type)
    b = Builder(graph)
    double = b.mul(x, full(b, 2.0, type))
    graph.set_outputs([b.select(b.compare(x, full(b, 0.0, type), direction="gt"), b.log(x), b.sin(double))])
    for modes in chains(order):
        (found,) = _derivatives(graph, modes, at)
        expected = 0.8**order * 2**order * np.sin(2 * at + order * np.pi / 2)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, err_msg=modes)


# --- beyond element-wise branches ----------------------------------------------------------------


def _program(write):
    graph = Graph("f")
    x = graph.add_input(TensorType((3,), np.float64))
    b = Builder(graph)
    pred = b.compare(x, full(b, 0.0, x.type), direction="gt")
    graph.set_outputs([write(b, x, pred)])
    return graph


def _matrix(b, x, shape=(3, 3)):
    return b.broadcast_in_dim(x, shape=shape, dims=(1,))


#: A singular branch that is rearranged, summed or indexed before it is chosen.
WIDER = {
    "broadcast": lambda b, x, p: b.select(_matrix(b, p), b.log(_matrix(b, x)), full(b, 0.0, _matrix(b, x).type)),
    "broadcast of log": lambda b, x, p: b.select(_matrix(b, p), _matrix(b, b.log(x)), full(b, 0.0, _matrix(b, x).type)),
    "reverse": lambda b, x, p: b.reverse(b.select(p, b.log(x), full(b, 0.0, x.type)), axes=(0,)),
    "select, then sum": lambda b, x, p: b.reduce_sum(b.select(p, b.log(x), full(b, 0.0, x.type)), axes=(0,)),
    "select, then a product": lambda b, x, p: b.mul(b.select(p, b.log(x), full(b, 0.0, x.type)), x),
    "gather": lambda b, x, p: b.select(
        p, b.gather(b.log(x), b.constant(value=Dense(np.arange(3))), axes=(0,)), full(b, 0.0, x.type)
    ),
    "pad of slice": lambda b, x, p: b.pad(
        b.slice(b.select(p, b.log(x), full(b, 0.0, x.type)), starts=(0,), sizes=(3,), steps=(1,)),
        low=(1,),
        high=(0,),
        interior=(0,),
    ),
    "pick one": lambda b, x, p: b.slice(
        b.select(p, b.sqrt(x), full(b, 0.0, x.type)), starts=(0,), sizes=(1,), steps=(1,)
    ),
}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", WIDER)
def test_arrangement_of_a_branch_leaks_nothing(name, order):
    at = np.array([0.0, 2.0, -1.0])
    graph = _program(WIDER[name])
    for modes in chains(order):
        for each in _derivatives(graph, modes, at):
            assert np.all(np.isfinite(each)), (modes, each)


@pytest.mark.parametrize("modes", ["r", "jr", "rj", "rr"])
def test_a_contraction_of_a_branch_leaks_nothing(modes):
    """where(mask, outer(log(x), y), 0): the cotangent of y sums zero times log(0)."""
    graph = Graph("f")
    x, y = (graph.add_input(TensorType((3,), np.float64)) for _ in range(2))
    b = Builder(graph)
    rows = b.broadcast_in_dim(b.compare(x, full(b, 0.0, x.type), direction="gt"), shape=(3, 3), dims=(0,))
    outer = b.contract(b.log(x), y, spec="i,j->ij")
    graph.set_outputs([b.select(rows, outer, full(b, 0.0, outer.type))])
    runner = Runner(chain(graph, modes))
    inputs = [np.ones(value.type.shape) for value in runner.graph.inputs]
    inputs[0] = np.array([0.0, 2.0, -1.0])
    for each in runner.run(*inputs):
        assert np.all(np.isfinite(each))
