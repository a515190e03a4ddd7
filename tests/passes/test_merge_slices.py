"""merge-slices: calls are saved, values are kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixad.ir import Builder, Graph, Module, TensorType
from mixad.passes import PassManager
from mixad.runtime.reference import interpret

NAMES = ("exp", "neg", "add", "mul")


def program(parts: list[tuple[int, int, int]], axis: int, dtype: type = np.float64) -> Module:
    """Operations on slices of two arrays: each with its start, size and operation."""
    graph = Graph("f")
    shape = [3, 3]
    shape[axis] = 12
    x, y = (graph.add_input(TensorType(tuple(shape), np.dtype(dtype))) for _ in range(2))
    b = Builder(graph)
    results = []
    for start, size, name in parts:
        starts, sizes = [0, 0], list(shape)
        starts[axis], sizes[axis] = start, min(size, 12 - start)
        left, right = (b.slice(value, starts=tuple(starts), sizes=tuple(sizes), steps=(1, 1)) for value in (x, y))
        operands = (left,) if name < 2 else (left, right)
        results.append(b.build(f"tensor.{NAMES[name]}", *operands).result)
    graph.set_outputs(results)
    module = Module()
    module.add(graph)
    return module


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=9),
    st.integers(0, 1),
    st.sampled_from([np.float32, np.float64]),
)
def test_values_are_kept(parts: list[tuple[int, int, int]], axis: int, dtype: type) -> None:
    before, after = program(parts, axis, dtype), program(parts, axis, dtype)
    PassManager("fixpoint(merge-slices,canonicalize,cse,dce)").run(after)
    random = np.random.default_rng(0)
    arrays = [random.normal(size=value.type.shape) for value in before.entry.inputs]
    for old, new in zip(interpret(before.entry, *arrays), interpret(after.entry, *arrays), strict=True):
        # The same functions, but NumPy's may treat the ends of arrays by other code.
        np.testing.assert_allclose(new, old, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize(("most", "calls"), [(1 << 16, 1), (6 * 3 * 8, 2), (1, 3)])
def test_adjacent_slices_are_merged_up_to_a_size(most: int, calls: int) -> None:
    module = program([(0, 4, 0), (4, 2, 0), (6, 6, 0)], 0)
    PassManager(f"merge-slices{{max-bytes={most}}},dce").run(module)
    assert sum(op.name == "tensor.exp" for op in module.entry) == calls
