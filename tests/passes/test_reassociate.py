"""reassociate: the same products, within the error bound of any order, in fewer operations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixad.ir import Builder, Graph, Module, TensorType, Value
from mixad.ops.contraction import parse_spec
from mixad.passes import PassManager
from mixad.runtime.reference import interpret


def chain(shapes: list[str], sizes: dict[str, int], out: str, repeated: frozenset[str] = frozenset()) -> Module:
    """The product of factors with the given axes, from left to right; every axis that a later factor has is kept.
    Factors repeat their elements along the axes ``repeated``."""
    graph = Graph("f")
    b = Builder(graph)
    inputs = [_factor(axes, sizes, repeated, graph) for axes in shapes]
    value, axes = inputs[0], shapes[0]
    for position, (factor, own) in enumerate(zip(inputs[1:], shapes[1:], strict=True)):
        later = set("".join(shapes[position + 2 :]) + out)
        kept = "".join(dict.fromkeys(axis for axis in axes + own if axis in later))
        kept = out if position == len(shapes) - 2 else kept
        value, axes = b.contract(value, factor, spec=f"{axes},{own}->{kept}"), kept
    graph.set_outputs([value])
    module = Module()
    module.add(graph)
    return module


def _factor(axes: str, sizes: dict[str, int], repeated: frozenset[str], graph: Graph) -> Value:
    own = [axis for axis in axes if axis not in repeated]
    given = graph.add_input(TensorType(tuple(sizes[axis] for axis in own), np.dtype(np.float64)))
    if len(own) == len(axes):
        return given
    dims = tuple(axes.index(axis) for axis in own)
    value: Value = Builder(graph).broadcast_in_dim(given, shape=tuple(sizes[axis] for axis in axes), dims=dims)
    return value


def multiplications(module: Module) -> int:
    total = 0
    for op in module.entry:
        if op.name != "tensor.contract":
            continue
        labels = parse_spec(op.attributes["spec"])
        sizes = dict(zip(labels.x, op.operands[0].type.shape, strict=True))
        sizes |= dict(zip(labels.y, op.operands[1].type.shape, strict=True))
        total += math.prod(sizes.values())
    return total


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text("abcde", min_size=0, max_size=3).map(lambda axes: "".join(dict.fromkeys(axes))), min_size=3, max_size=6
    ),
    st.lists(st.integers(0, 6), min_size=5, max_size=5),
    st.text("abcde", max_size=3),
    st.frozensets(st.sampled_from("abcde"), max_size=2),
)
def test_any_chain_keeps_its_value(
    shapes: list[str], numbers: list[int], wanted: str, repeated: frozenset[str]
) -> None:
    sizes = dict(zip("abcde", numbers, strict=True))
    out = "".join(dict.fromkeys(axis for axis in wanted if axis in "".join(shapes)))
    before, after = chain(shapes, sizes, out, repeated), chain(shapes, sizes, out, repeated)
    PassManager("fixpoint(reassociate,dce)").run(after)
    random = np.random.default_rng(0)
    arrays = [random.normal(size=value.type.shape) for value in before.entry.inputs]
    (old,), (new,) = interpret(before.entry, *arrays), interpret(after.entry, *arrays)
    (bound,) = interpret(before.entry, *map(np.abs, arrays))
    np.testing.assert_array_less(abs(new - old), 40 * np.finfo(float).eps * bound + 1e-300)
    assert multiplications(after) <= multiplications(before)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text("abcde", min_size=0, max_size=3).map(lambda axes: "".join(dict.fromkeys(axes))), min_size=3, max_size=3
    ),
    st.lists(st.integers(0, 6), min_size=5, max_size=5),
    st.sets(st.sampled_from("abcde")),
)
def test_the_sum_of_a_scaled_product_keeps_its_value(shapes: list[str], numbers: list[int], summed: set[str]) -> None:
    sizes = dict(zip("abcde", numbers, strict=True))
    kept = "".join(dict.fromkeys(shapes[0] + shapes[1]))
    scale = "".join(axis for axis in kept if axis in shapes[2])  # a broadcast keeps the order of its operand's axes
    graph = Graph("f")
    b = Builder(graph)
    types = [TensorType(tuple(sizes[axis] for axis in axes), np.dtype(np.float64)) for axes in (*shapes[:2], scale)]
    x, y, row = map(graph.add_input, types)
    product = b.contract(x, y, spec=f"{shapes[0]},{shapes[1]}->{kept}")
    repeated = b.broadcast_in_dim(row, shape=product.type.shape, dims=tuple(kept.index(axis) for axis in scale))
    axes = tuple(place for place, axis in enumerate(kept) if axis in summed)
    graph.set_outputs([b.reduce_sum(b.mul(product, repeated), axes=axes)])
    module = Module()
    module.add(graph)
    arrays = [np.random.default_rng(0).normal(size=type.shape) for type in types]
    (old,), (bound,) = interpret(graph, *arrays), interpret(graph, *map(np.abs, arrays))
    PassManager("fixpoint(reassociate,dce)").run(module)
    (new,) = interpret(graph, *arrays)
    np.testing.assert_array_less(abs(new - old), 40 * np.finfo(float).eps * bound + 1e-300)


@pytest.mark.parametrize(
    ("shapes", "most"),
    [(["ab", "bc", "c"], 2 * 6 * 6), (["a", "b", "bc"], 6 * 6 + 6 * 6), (["ab", "bc", "cd", "d"], 3 * 6 * 6)],
)
def test_a_chain_that_ends_in_a_vector_has_no_product_of_matrices(shapes: list[str], most: int) -> None:
    sizes = dict.fromkeys("abcd", 6)
    module = chain(shapes, sizes, "ac" if shapes[1] == "b" else "a")
    assert multiplications(module) > most
    PassManager("reassociate,dce").run(module)
    assert multiplications(module) == most


@pytest.mark.parametrize("out", ["ad", "a", "b"])
def test_what_all_factors_repeat_counts(out: str) -> None:
    """A sum over an axis that no factor has by itself is a multiple, and such an axis of the result is repeated."""
    sizes = {"a": 20, "b": 7, "c": 30, "d": 2}
    before, after = (chain(["ab", "bc", "cd"], sizes, out, frozenset("ab")) for _ in range(2))
    PassManager("reassociate,dce").run(after)
    assert multiplications(after) < multiplications(before)
    arrays = [np.random.default_rng(0).normal(size=value.type.shape) for value in before.entry.inputs]
    for old, new in zip(interpret(before.entry, *arrays), interpret(after.entry, *arrays), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-12)


def test_what_is_not_finite_stays_so() -> None:
    module = chain(["ab", "bc", "c"], dict.fromkeys("abc", 4), "a")
    PassManager("reassociate,dce").run(module)
    matrix = np.ones((4, 4))
    matrix[1, 2] = np.nan
    (result,) = interpret(module.entry, matrix, np.ones((4, 4)), np.ones(4))
    assert np.isnan(result).tolist() == [False, True, False, False]
