"""reciprocals and reuse-contractions: the same numbers, whatever the axes are, and a softmax's to third order."""

from __future__ import annotations

import mixad as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixad.ir import Builder, Graph, Location, Module, TensorType
from mixad.passes import PassManager
from mixad.runtime.numpy import NUMPY
from mixad.runtime.reference import interpret

AXES = st.text("abcde", max_size=3).map(lambda axes: "".join(dict.fromkeys(axes)))
DERIVED = Location("f.py", 1, "f", "tensor.mul", 1)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_axes_keep_the_value(data):
    """A = P Q' and C Q, each with any of their axes, in any order; then the sum of A * C."""
    p, q, c = data.draw(AXES), data.draw(AXES), data.draw(AXES)
    numbers = data.draw(st.lists(st.integers(0, 7), min_size=5, max_size=5))
    sizes = dict(zip("abcde", numbers, strict=True))

    def some(axes):
        return "".join(
            axis for axis in data.draw(st.permutations("abcde")) if axis in axes and data.draw(st.booleans())
        )

    a, e = some(p + q), some(c + q)
    out = some(a + c)
    graph = Graph("f")
    inputs = [graph.add_input(TensorType(tuple(sizes[axis] for axis in axes), np.dtype(float))) for axes in (p, q, c)]
    b = Builder(graph, location=DERIVED)
    product = b.contract(*inputs[:2], spec=f"{p},{q}->{a}")
    known = b.contract(*inputs[2:0:-1], spec=f"{c},{q}->{e}")
    total = b.contract(product, inputs[2], spec=f"{a},{c}->{out}")
    graph.set_outputs([product, known, total])
    module = Module()
    module.add(graph)
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(value.type.shape) for value in graph.inputs]
    before = interpret(graph, *arrays)
    PassManager("fixpoint(reuse-contractions,cse,dce)").run(module)
    for old, new in zip(before, interpret(module.entry, *arrays), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-10, atol=1e-10)


def attention(query, key, value):
    scores = query @ np.swapaxes(key, -1, -2) / 2
    weights = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return np.sum(np.tanh(weights / np.sum(weights, axis=-1, keepdims=True) @ value))


@pytest.mark.parametrize("argnum", [0, 1, 2])
def test_attention_to_third_order(argnum):
    random = np.random.default_rng(1)
    arrays = [random.standard_normal((2, 9, 4)) for _ in range(3)]

    def along(scale):
        moved = arrays.copy()
        moved[argnum] = arrays[argnum] * scale
        return attention(*moved)

    mx.check_grads(along, (1.25,), order=3)


def test_attention_sums_over_the_smaller_products():
    random = np.random.default_rng(1)
    module = mx.make_graph(mx.grad(attention, (0, 1, 2)))(*(random.standard_normal((2, 30, 4)) for _ in range(3)))
    PassManager(NUMPY.pipeline).run(module)
    large = [op.name for op in module.entry if op.result.type.shape == (2, 30, 30)]
    assert large.count("tensor.div") == 1
    assert large.count("tensor.contract") == 2
    assert not [op for op in module.entry if op.name == "tensor.reduce_sum" and op.location.order]
