"""The passes over loops: they change no value, take operations out of steps, and keep within their limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mixad as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixad.ir import Builder, Graph, Module, Operation, SymbolRef, TensorType, Value
from mixad.ops.control import SCAN
from mixad.passes import PassManager
from mixad.runtime.reference import interpret

LOOPS = "tidy-loops,gather-factors,hoist-loops,sink-loops"
VECTOR = TensorType((3,), np.dtype(np.float64))
UNARY = ("sin", "tanh", "square", "neg", "exp")
BINARY = ("add", "sub", "mul", "maximum")


def program(choices: list[tuple[int, int, int]], ends: list[int], length: int, reverse: bool) -> Module:
    """A loop over two carries, two scanned arrays and two constants, whose steps do the chosen operations."""
    body = Graph("step")
    values: list[Value] = [body.add_input(VECTOR) for _ in range(6)]
    b = Builder(body)
    for kind, first, second in choices:
        x, y = values[first % len(values)], values[second % len(values)]
        if kind < len(UNARY):
            made = b.build(f"tensor.{UNARY[kind]}", x).result
        elif kind < len(UNARY) + len(BINARY):
            made = b.build(f"tensor.{BINARY[kind - len(UNARY)]}", x, y).result
        else:
            outer = b.contract(x, y, spec="i,j->ij")
            made = b.tanh(b.reduce_sum(outer, axes=(0,)))
        values.append(b.tanh(made) if kind % 3 == 0 else made)
    # The second carry adds up what the last operation gives.
    outputs = [
        values[ends[0] % len(values)],
        b.add(values[1], values[-1]),
        *(values[end % len(values)] for end in ends),
    ]
    body.set_outputs(outputs)
    graph = Graph("f")
    stacked = TensorType((length, 3), VECTOR.dtype)
    inputs = [graph.add_input(type) for type in (VECTOR, VECTOR, stacked, stacked, VECTOR, VECTOR)]
    types = [VECTOR, VECTOR, *[stacked] * len(ends)]
    attributes = {"body": SymbolRef("step"), "carry": 2, "xs": 2, "length": length, "reverse": reverse}
    loop = graph.insert(Operation(SCAN, tuple(inputs), attributes, types))
    graph.set_outputs(loop.results)
    module = Module()
    module.add(graph)
    module.add(body)
    return module


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=8),
    st.lists(st.integers(0, 20), min_size=1, max_size=4),
    st.integers(0, 4),
    st.booleans(),
)
def test_any_loop_keeps_its_values(
    choices: list[tuple[int, int, int]], ends: list[int], length: int, reverse: bool
) -> None:
    before, after = (program(choices, ends, length, reverse) for _ in range(2))
    PassManager(f"fixpoint({LOOPS},canonicalize,fold,cse,dce)").run(after)
    random = np.random.default_rng(0)
    arrays = [random.uniform(-1, 1, value.type.shape) for value in before.entry.inputs]
    with np.errstate(all="ignore"):
        wanted, found = (interpret(each.entry, *arrays, module=each) for each in (before, after))
    for old, new in zip(wanted, found, strict=True):
        np.testing.assert_allclose(new, old, 1e-12, 1e-12)


def recurrent(scan: Callable[..., Any], weight: Any, start: Any, xs: Any) -> Any:
    """A recurrent network with its weight in the carry."""

    def step(carry: Any, x: Any) -> Any:
        hidden, weight = carry
        hidden = np.tanh(weight @ hidden + weight @ x)
        return (hidden, weight), np.sum(hidden * hidden)

    return np.sum(scan(step, (start, weight), xs)[1])


def in_parts(scan: Callable[..., Any], weight: Any, start: Any, xs: Any) -> Any:
    """A state that is put together and taken apart in every step, and used at the end."""

    def step(state: Any, x: Any) -> Any:
        first, second = state[0], state[1]
        gate = 1 / (1 + np.exp(-(first * x + weight[0])))
        return np.stack([gate * second, np.tanh(first + weight[1] * x)]), gate * x

    state, ys = scan(step, np.stack([start, weight[2]]), xs)
    return np.sum(state * weight[:2]) + np.sum(ys**3)


def sums(scan: Callable[..., Any], weight: Any, start: Any, xs: Any) -> Any:
    """Sums in the carry, of floats and of integers, and an exchange of two carries."""

    def step(carry: Any, x: Any) -> Any:
        total, count, left, right = carry
        return (total - np.outer(x, left) + weight, count + 2, right, np.sin(left + x)), left > right

    (total, count, left, _), signs = scan(step, (weight, 1, start, start * 0.5), xs)
    return np.sum(total**2) * count + np.sum(left * signs[0]) + np.sum(np.where(signs, xs, 1.0))


def nested(scan: Callable[..., Any], weight: Any, start: Any, xs: Any) -> Any:
    """A loop in a loop's steps."""

    def step(hidden: Any, x: Any) -> Any:
        inner, _ = scan(lambda h, row: (np.sin(h * row + x), None), hidden, weight)
        return np.tanh(inner + hidden), inner[0] * np.sum(weight)

    hidden, ys = scan(step, start, xs)
    return np.sum(hidden) * np.sum(ys)


def unrolled(step: Any, carry: Any, xs: Any) -> Any:
    ys = []
    for x in xs:
        carry, y = step(carry, x)
        ys.append(y)
    return carry, None if ys[0] is None else np.stack(ys)


@pytest.mark.parametrize("function", [recurrent, in_parts, sums, nested])
def test_derivatives_are_those_of_the_unrolled_loop(function: Callable[..., Any]) -> None:
    random = np.random.default_rng(1)
    arguments = random.normal(size=(3, 3)) * 0.5, random.normal(size=3), random.normal(size=(4, 3))

    def second(scan: Callable[..., Any]) -> Callable[..., Any]:
        gradient = mx.grad(lambda *args: function(scan, *args), (0, 1, 2))
        return mx.grad(lambda *args: sum(np.sum(part**2) for part in gradient(*args)), (0, 1, 2))

    for make in (
        lambda scan: lambda *args: (function(scan, *args),),
        lambda scan: mx.grad(lambda *args: function(scan, *args), (0, 1, 2)),
        lambda scan: lambda *args: mx.jvp(lambda *inner: function(scan, *inner), args, args),
        second,
    ):
        for found, wanted in zip(make(mx.scan)(*arguments), make(unrolled)(*arguments), strict=True):
            np.testing.assert_allclose(found, wanted, 1e-11, 1e-11)


def operations_of_steps(function: Callable[..., Any], *arguments: Any, pipeline: str = "") -> list[int]:
    """How many operations the steps of a gradient's loops have."""
    module = mx.make_graph(mx.grad(lambda *args: function(mx.scan, *args), (0, 1, 2)))(*arguments)
    PassManager(pipeline or mx.runtime.numpy.NUMPY.pipeline).run(module)
    bodies = [op.attributes["body"].name for graph in module for op in graph if op.name == SCAN.name]
    return [sum(op.name != "tensor.constant" for op in module[name]) for name in bodies]


def test_steps_do_what_the_next_step_needs() -> None:
    arguments = np.ones((3, 3)), np.ones(3), np.ones((4, 3))
    # A matrix product, an addition, a tanh; and the adjoints of these.
    assert operations_of_steps(recurrent, *arguments) == [3, 3]
    assert operations_of_steps(in_parts, *arguments, pipeline="expand-ad,inline,fixpoint(canonicalize,cse,dce)") > (
        operations_of_steps(in_parts, *arguments)
    )


def test_nothing_is_hoisted_from_a_loop_that_may_not_run() -> None:
    """A factorization that fails is an error only where a step makes it."""

    def function(matrix: Any, xs: Any) -> Any:
        return mx.scan(lambda total, x: (total + x * np.linalg.cholesky(matrix)[0, 0], None), 0.0, xs)[0]

    assert mx.jit(function)(-np.eye(2), np.ones(0)) == 0.0
    with pytest.raises(np.linalg.LinAlgError):
        mx.jit(function)(-np.eye(2), np.ones(2))


def test_stacked_arrays_stay_within_the_limit() -> None:
    before = program([(1, 0, 0), (5, 6, 2), (4, 7, 0)], [6, 8], 4, False)
    after = program([(1, 0, 0), (5, 6, 2), (4, 7, 0)], [6, 8], 4, False)
    PassManager("fixpoint(hoist-loops{max-bytes=95},sink-loops{max-bytes=95})").run(after)
    assert str(after) == str(before)
