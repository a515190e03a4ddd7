"""Kernels mean what their regions mean: the generic suite again, with every value cut into blocks of a few points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixad.ir import Graph, Module
from mixad.ir.graph import copy_operations
from mixad.ops.kernel import FUSED, WHOLE, Fused
from mixad.passes import PassManager
from mixad.passes.lower.cut import cut
from mixad.passes.lower.iteration import COMBINED
from mixad.runtime.compiler import compile_with
from mixad.runtime.numpy import NumPyBackend
from mixad.runtime.reference import interpret

from .composer import compose
from .programs import Runner, assert_close, chain, chains, random_like
from .test_operations import (  # noqa: F401  run here again
    test_first_derivatives,
    test_first_derivatives_of_complex_numbers,
    test_numpy_backend_is_the_reference,
    test_numpy_backend_takes_integer_operands_as_inputs,
)

SMALL = "fuse{min-elements=1},layout,tile{cache=1,least=1,most=3,chunks=3,serial=0,contiguous=1}"


class InSmallBlocks(NumPyBackend):
    """The NumPy backend, which cuts arrays of any size."""

    name = "small"
    lowering = SMALL


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    compile_with(InSmallBlocks())
    yield
    compile_with(None)


@settings(max_examples=40)
@given(st.data())
def test_random_programs_in_small_blocks(data):
    """Values, first and second derivatives; and each kernel's blocks put together are its region's results."""
    composer = compose(data, [1, 2, 3, 5], 16)
    rng = np.random.default_rng(1)
    for modes in ["", *chains(1), "jr"]:
        runner = Runner(chain(composer.graph, modes))
        given_inputs = [*composer.inputs, *(random_like(rng, type) for type in runner.inputs[len(composer.inputs) :])]
        for each, wanted in zip(runner.run(*given_inputs), runner.interpret(*given_inputs), strict=True):
            assert_close(each, wanted, ulps=2**12)


@settings(max_examples=25)
@given(st.data())
def test_a_block_is_a_part_of_its_kernel(data):
    composer = compose(data, [2, 3, 4], 16)
    module = Module()
    graph = module.add(composer.graph.clone("f"))
    PassManager(f"dce,{SMALL}").run(module)
    values = dict(zip(graph.inputs, composer.inputs, strict=True))
    for op in graph:
        operands = [values[value] for value in op.operands]
        if op.definition is FUSED:
            results = interpret(op.regions[0], *operands)
            _check_blocks(Fused(op), operands, results)
        else:
            results = interpret(_alone(op), *operands)
        values.update(zip(op.results, results, strict=True))


def _alone(op):
    graph = Graph("alone")
    arguments = [graph.add_input(value.type) for value in op.operands]
    mapping = dict(zip(op.operands, arguments, strict=True))
    copy_operations((op,), graph, mapping)
    graph.set_outputs([mapping[value] for value in op.results])
    return graph


def _check_blocks(fused, operands, results):
    parts = [[] for _ in results]
    for start in range(0, fused.extent, fused.block):
        points = min(fused.block, fused.extent - start)
        inputs = [
            array if axis == WHOLE else np.take(array, range(start, start + points), axis)
            for array, axis in zip(operands, fused.axes, strict=True)
        ]
        for part, each in zip(parts, interpret(cut(fused, points), *inputs), strict=True):
            part.append(each)
    for part, axis, value, wanted in zip(parts, fused.results, fused.region.outputs, results, strict=True):
        if axis == WHOLE:
            whole = COMBINED[value.owner.name].reduce(np.stack(part), axis=0)
        else:
            whole = np.concatenate(part, axis)
        assert_close(whole, wanted, ulps=2**10)
