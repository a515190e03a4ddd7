"""Simplification keeps what a user wrote, in every element type and at the ends of each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mixad.ir import Builder, Dense, Graph, Module, TensorType, Value
from mixad.ir.errors import MixadError
from mixad.ir.types import COMPLEX, FLOATING, INTEGER
from mixad.passes import PassManager
from mixad.runtime.reference import interpret

PIPELINE = "fixpoint(canonicalize,fold,cse,dce,strength-reduce,reassociate,merge-slices)"
TYPES = sorted({np.dtype(bool), *INTEGER, *FLOATING, *COMPLEX}, key=lambda dtype: dtype.name)
UNARY = ["neg", "square", "abs", "reciprocal", "sqrt", "exp", "sign", "logical_not", "repeat", "sum", "turn"]
BINARY = ["add", "sub", "mul", "div", "pow", "maximum", "minimum", "logical_and", "logical_or", "logical_xor", "dot"]
SHAPE = (3, 4)
STEPS = st.lists(st.tuples(st.sampled_from(UNARY + 2 * BINARY), st.integers(0, 5), st.integers(0, 9)), max_size=10)


def numbers(dtype: np.dtype) -> np.ndarray:
    """Those that operations treat as special, the ends, and a few others."""
    if dtype.kind == "b":
        return np.array([True, False])
    if dtype in INTEGER:
        limits = np.iinfo(dtype)
        return np.array([0, 1, 2, 3, 5, limits.max, limits.min, limits.max // 2], dtype)
    found = np.array([0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -1.5, 3.0, 4.0, -2.0, 1e-3, np.inf, -np.inf, np.nan]).astype(
        dtype
    )
    return np.concatenate([found, found[:11] + dtype.type(0.5j)]) if dtype in COMPLEX else found


def program(dtype: np.dtype, steps: list[tuple[str, int, int]]) -> Graph:
    """One operation a step, where the type rule takes it; it reads one of the last values, and another one or a
    constant."""
    graph = Graph("f")
    b = Builder(graph)
    values = [graph.add_input(TensorType(SHAPE, dtype)) for _ in range(2)]
    for name, one, other in steps:
        x = values[-1 - one % len(values)]
        splats = numbers(dtype)
        constant = b.constant(value=Dense(splats[other * 3 % min(len(splats), 11)], x.type))
        y = constant if other % 2 else values[other // 2 % len(values)]
        try:
            values.append(_step(b, name, *((x, y) if other % 4 < 2 else (y, x))))
        except MixadError:
            continue  # not for this element type
    graph.set_outputs(values[-2:])
    return graph


def _step(b: Builder, name: str, x: Value, y: Value) -> Value:
    row = b.slice(x, starts=(1, 0), sizes=(1, 4), steps=(1, 1))
    result: Value
    if name == "repeat":
        result = b.broadcast_in_dim(row, shape=SHAPE, dims=(0, 1))
    elif name == "sum":
        result = b.broadcast_in_dim(b.reduce_sum(x, axes=(0,)), shape=SHAPE, dims=(1,))
    elif name == "turn":
        result = b.reshape(b.transpose(x, permutation=(1, 0)), shape=SHAPE)
    elif name == "dot":
        result = b.broadcast_in_dim(b.contract(x, y, spec="ij,kj->k"), shape=SHAPE, dims=(0,))
    else:
        result = getattr(b, name)(*(x, y)[: 1 + (name in BINARY)])
    return result if result.type is x.type else b.convert(result, dtype=x.type.dtype)


@pytest.mark.parametrize("dtype", TYPES, ids=lambda dtype: dtype.name)
@settings(max_examples=25)
@given(steps=STEPS, seed=st.integers(0, 99))
@example(steps=[("neg", 0, 0), ("abs", 0, 0)], seed=0)
@example(steps=[("add", 1, 0), ("reciprocal", 0, 0)], seed=1)
@example(steps=[("repeat", 1, 0), ("sum", 0, 0), ("reciprocal", 0, 0)], seed=2)
def test_programs_keep_their_values(dtype: np.dtype, steps: list[tuple[str, int, int]], seed: int) -> None:
    before = program(dtype, steps)
    module = Module()
    after = module.add(before.clone())
    PassManager(PIPELINE).run(module)
    random = np.random.default_rng(seed)
    arrays = [random.choice(numbers(dtype), SHAPE) for _ in range(2)]
    for old, new in zip(interpret(before, *arrays), interpret(after, *arrays), strict=True):
        check(new, old)


def check(new: np.ndarray, old: np.ndarray) -> None:
    """The same, but for fewer roundings; complex numbers may keep an infinity that a product with 1 + 0j loses."""
    assert new.dtype == old.dtype
    if old.dtype in INTEGER or old.dtype.kind == "b":
        np.testing.assert_array_equal(new, old)
        return
    wide = np.complex128 if old.dtype in COMPLEX else np.float64
    bits = {"bfloat16": 7, "float16": 10, "float32": 23, "complex64": 23}.get(old.dtype.name, 52)
    new, old = new.astype(wide), old.astype(wide)
    if wide is np.float64:
        np.testing.assert_array_equal(np.isfinite(new), np.isfinite(old))
    finite = np.isfinite(old)
    scale = np.max(np.abs(old[finite]), initial=0.0)
    np.testing.assert_allclose(new[finite], old[finite], rtol=2.0 ** (8 - bits), atol=2.0 ** (4 - bits) * scale)
