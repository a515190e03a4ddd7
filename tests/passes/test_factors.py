"""arrange-factors on random programs: the same values to rounding, and never more multiplications of large arrays."""

from __future__ import annotations

import random

import mixad as mx
import numpy as np
import pytest
from mixad.ir import Builder, Graph, Module, TensorType, Value, verify
from mixad.ir.location import Location
from mixad.ops.definition import full
from mixad.passes import PassManager
from mixad.runtime.numpy import NumPyBackend
from mixad.runtime.reference import interpret

ROWS, COLUMNS = 12, 3
KINDS = (
    *("mul", "mul", "mul", "neg", "square", "number", "row", "row", "column", "tanh", "contract", "contract"),
    *("add", "add", "sub", "turned", "down", "late"),
)
IN_A_DERIVATIVE = Location("f.py", 1, "f", "tensor.mul", 1)


def wide(shape: tuple[int, ...]) -> TensorType:
    return TensorType(shape, np.dtype(np.float64))


class Programs:
    """Random programs of products, sums, contractions and sums over rows, whose values are used again and again."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.graph = Graph("f")
        self.b = Builder(self.graph, None, IN_A_DERIVATIVE)
        self.large = [self.graph.add_input(wide((ROWS, COLUMNS))) for _ in range(2)]
        self.weights = [self.graph.add_input(wide((COLUMNS, COLUMNS))) for _ in range(2)]
        self.rows = [self.graph.add_input(wide((COLUMNS,))) for _ in range(2)]
        self.columns = [self.graph.add_input(wide((ROWS,)))]
        small: list[Value] = []
        for _ in range(self.random.randint(3, 25)):
            value = self.step()
            {2: self.large, 1: small}[2 if value.type.shape == (ROWS, COLUMNS) else 1].append(value)
        some = self.random.sample(self.large[2:], min(2, len(self.large) - 2))
        self.graph.set_outputs([*some, self.large[-1], *small])

    def step(self) -> Value:
        b, choice = self.b, self.random.choice
        x, y = choice([*self.large[-6:], choice(self.large)]), choice(self.large)
        kind = choice(KINDS)
        if kind in ("mul", "add", "sub"):
            return b.build(f"tensor.{kind}", x, y).result
        if kind in ("neg", "square", "tanh"):
            return b.build(f"tensor.{kind}", x).result
        value: Value
        if kind == "number":
            value = b.mul(x, full(b, x.type, choice([-2.0, 2.0, 0.5, -1.0, 3.0])))
        elif kind in ("row", "column"):
            small, axis = (choice(self.rows), 1) if kind == "row" else (choice(self.columns), 0)
            value = b.mul(x, b.broadcast_in_dim(small, shape=x.type.shape, dims=(axis,)))
        elif kind == "contract":
            value = b.contract(x, choice(self.weights), spec=choice(["IK,KJ->IJ", "IK,JK->IJ"]))
        elif kind == "turned":
            value = b.contract(x, y, spec="IJ,IK->JK")
            self.weights.append(value)
        else:
            value = b.reduce_sum(x, axes=(0,)) if kind == "down" else b.tanh(choice(self.rows))
            self.rows.append(value)
        return value


def program(seed: int) -> Module:
    module = Module()
    module.add(Programs(seed).graph)
    PassManager("fixpoint(canonicalize,fold,cse,dce,strength-reduce)").run(module)
    return module


def elements_multiplied(module: Module) -> int:
    products = ("tensor.mul", "tensor.neg", "tensor.square")
    return sum(op.result.type.size for op in module.entry if op.name in products)


def contractions(module: Module) -> int:
    return sum(op.name == "tensor.contract" for op in module.entry)


@pytest.mark.parametrize("first", range(0, 240, 40))
def test_random_programs_keep_their_values_and_multiply_less(first: int) -> None:
    fewer = 0
    for seed in range(first, first + 40):
        old, new = program(seed), program(seed)
        PassManager("fixpoint(arrange-factors,canonicalize,fold,cse,dce)").run(new)
        verify(new)
        assert elements_multiplied(new) <= elements_multiplied(old), f"seed {seed}"
        assert contractions(new) <= contractions(old), f"seed {seed}"
        fewer += elements_multiplied(new) < elements_multiplied(old)
        rng = np.random.default_rng(seed)
        arrays = [rng.uniform(0.5, 1.5, x.type.shape) * rng.choice([-1, 1], x.type.shape) for x in old.entry.inputs]
        for found, expected in zip(interpret(new.entry, *arrays), interpret(old.entry, *arrays), strict=True):
            np.testing.assert_allclose(
                found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max(), err_msg=f"seed {seed}"
            )
    assert fewer > 2


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_stays_so(number: float) -> None:
    for seed in range(60):
        old, new = program(seed), program(seed)
        PassManager("arrange-factors,dce").run(new)
        rng = np.random.default_rng(seed)
        arrays = [rng.uniform(0.5, 1.5, x.type.shape) for x in old.entry.inputs]
        arrays[seed % len(arrays)].flat[0] = number
        with np.errstate(all="ignore"):
            results = zip(interpret(new.entry, *arrays), interpret(old.entry, *arrays), strict=True)
            for found, expected in results:
                np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected), err_msg=f"seed {seed}")


def test_products_overflow_only_where_they_did() -> None:
    """e * r * (e * r), with e huge and r tiny, stays a product of e * r: no order forms e * e."""
    graph = Graph("f")
    b = Builder(graph, None, IN_A_DERIVATIVE)
    e, r, x = (graph.add_input(wide((4,))) for _ in range(3))
    one = b.mul(e, r)
    graph.set_outputs([b.mul(one, b.mul(one, x)), b.mul(b.mul(one, one), x)])
    module = Module()
    module.add(graph)
    PassManager("arrange-factors").run(module)
    for found in interpret(module.entry, np.full(4, 1e200), np.full(4, 1e-200), np.ones(4)):
        np.testing.assert_allclose(found, 1, rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_higher_derivatives_of_a_network(order: int) -> None:
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((1, 8)), rng.standard_normal((8, 8)) / 3, rng.standard_normal((8, 1))

    def total(x: np.ndarray, w1: np.ndarray, w2: np.ndarray, w3: np.ndarray) -> np.ndarray:
        return np.sum(np.tanh(np.tanh(x @ w1) @ w2) @ w3)

    f = total
    for _ in range(order):
        f = (lambda inner: lambda x, *w: np.sum(mx.grad(inner)(x, *w)))(f)
    arguments = np.linspace(-1, 2, 40)[:, None], *weights
    old, new = (mx.make_graph(f)(*arguments) for _ in range(2))
    start, _, end = NumPyBackend.pipeline.partition(",fixpoint(arrange-factors")
    PassManager(start).run(old)
    PassManager(NumPyBackend.pipeline).run(new)
    assert end
    assert elements_multiplied(new) <= elements_multiplied(old)
    (found,), (expected,) = interpret(new.entry, *arguments), interpret(old.entry, *arguments)
    np.testing.assert_allclose(found, expected, rtol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("number", "steps"), [(0.1, 700), (1e-7, 60), (1e6, 60), (-3.0, 400)])
def test_numbers_of_many_steps_stay_with_what_makes_up_for_them(number, steps, dtype):
    """Together the numbers are beyond what any element type holds."""

    def shrunk_and_grown(x):
        for _ in range(steps):
            x = np.sin(x * number) / number
        return np.sum(x)

    x = np.array([1e-3, -2e-3, 0.5e-3], dtype) / abs(number)
    slope, value = np.ones(3), x.astype(np.float64)
    for _ in range(steps):
        slope = slope * np.cos(value * number)
        value = np.sin(value * number) / number
    tolerance = 1e-3 if dtype is np.float32 else 1e-10
    np.testing.assert_allclose(mx.jit(mx.grad(shrunk_and_grown))(x), slope, rtol=tolerance)


def test_a_long_chain_of_products_has_a_gradient():
    def chained(x):
        for _ in range(1_000):
            x = np.exp(np.sin(x) * x) * 0.1
        return x

    assert mx.jit(mx.grad(chained))(0.5) == 0.0  # a thousand factors of about 1e-2
