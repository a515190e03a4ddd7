"""Batching against a loop: every operation with every mixture of batched and unbatched operands, its derivatives under
and over the batching, and random programs."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixad.ir import Builder, Graph, Operation, SymbolRef, TensorType, lookup
from mixad.ir.types import INEXACT
from mixad.passes import PassManager
from mixad.passes.ad.batch import Batch

from .programs import (
    CASES,
    Runner,
    assert_close,
    base,
    chain,
    check_types,
    derive,
    differentiable,
    parameters,
    random_like,
    round_trips,
    sample_arrays,
)
from .test_random_programs import compose

WITH_OPERANDS = [case for case in CASES if case[0].rules.cls.samples[case[1]].operands]
DIFFERENTIABLE = [case for case in WITH_OPERANDS if differentiable(*case, sample_arrays(*case))]


def masks(count):
    """Every choice of batched operands but none of them; of many operands a few choices."""
    if count > 4:
        return [(True,) * count, *[tuple(i == j for j in range(count)) for i in range(count)]]
    return [mask for mask in itertools.product((True, False), repeat=count) if any(mask)]


def _another(array, example):
    """Other numbers that the operation takes where a sample gives ``array``: indices and predicates rotated, inexact
    numbers scaled (a positive definite matrix stays one)."""
    return array * (1 + example / 8) if array.dtype in INEXACT else np.roll(array, example)


def examples_of(case, size):
    """Operands for each example."""
    found = []
    for example in range(size):
        arrays = sample_arrays(*case, seed=example)
        given = case[0].rules.cls.samples[case[1]].operands
        found.append(
            [
                array if isinstance(operand, tuple) else _another(array, example)
                for array, operand in zip(arrays, given, strict=True)
            ]
        )
    return found


def stacked(arrays, batched):
    """What the batched function takes: the examples of an operand along a leading axis, or the first's alone."""
    return [np.stack(each) if flag else each[0] for each, flag in zip(zip(*arrays, strict=True), batched, strict=True)]


def chosen(examples, batched):
    """The operands that each pass of the loop takes."""
    return [
        [own if flag else shared for own, shared, flag in zip(each, examples[0], batched, strict=True)]
        for each in examples
    ]


def program(case, arrays):
    """The operation as a function of all its operands."""
    definition, number = case
    graph = Graph("f")
    operands = tuple(graph.add_input(TensorType(array.shape, array.dtype)) for array in arrays)
    attributes = definition.rules.cls.samples[number].attributes
    graph.set_outputs(Builder(graph).create(definition, operands, attributes).results)
    return graph


def mapped(module, source, batched, size):
    """Add to the module a request for the function ``source`` of ``size`` examples."""
    callee = module[source]
    graph = Graph(f"v_{source}")
    operands = [
        graph.add_input(value.type.with_shape((size, *value.type.shape)) if flag else value.type)
        for value, flag in zip(callee.inputs, batched, strict=True)
    ]
    positions = tuple(i for i, flag in enumerate(batched) if flag)
    attributes = {"callee": SymbolRef(source), "batched": positions, "size": size}
    types = [value.type.with_shape((size, *value.type.shape)) for value in callee.outputs]
    op = graph.insert(Operation(lookup("ad.vmap"), tuple(operands), attributes, types, ()))
    graph.set_outputs(op.results)
    return module.add(graph)


def entered(module, top):
    """The module with ``top`` for its entry."""
    rest = {name: each for name, each in module.functions.items() if each is not top}
    module.functions = {top.name: top, **rest}
    return module


def close(found, expected, ulps=32):
    for each, wanted in zip(found, expected, strict=True):
        assert_close(each, wanted, ulps=ulps)


# --- every operation -----------------------------------------------------------------------------


@parameters(WITH_OPERANDS)
def test_an_operation_of_many_examples_is_a_loop(case):
    size = 3
    examples = examples_of(case, size)
    graph = program(case, examples[0])
    one = Runner(chain(graph, ""))
    for batched in masks(len(examples[0])):
        expected = [
            np.stack(each) for each in zip(*[one.interpret(*a) for a in chosen(examples, batched)], strict=True)
        ]
        module = chain(graph, "")
        module = entered(module, mapped(module, graph.name, batched, size))
        round_trips(module)
        many = Runner(module)
        given = stacked(examples, batched)
        found = many.run(*given)
        check_types(many, found)
        close(found, expected)
        close(many.interpret(*given), expected)


@parameters(WITH_OPERANDS)
@pytest.mark.parametrize("size", [0, 1])
def test_no_example_and_one(case, size):
    examples = examples_of(case, 1)
    graph = program(case, examples[0])
    expected = Runner(chain(graph, "")).interpret(*examples[0])
    for batched in masks(len(examples[0])):
        module = chain(graph, "")
        many = Runner(entered(module, mapped(module, graph.name, batched, size)))
        given = [
            np.repeat(array[None], size, axis=0) if flag else array
            for array, flag in zip(examples[0], batched, strict=True)
        ]
        found = many.run(*given)
        check_types(many, found)
        close(found, [np.repeat(each[None], size, axis=0) for each in expected])


@parameters(WITH_OPERANDS)
def test_nested_batching_is_two_loops(case):
    """The first operand batched outside, the last one inside, the others in both."""
    examples = [examples_of(case, 2), examples_of(case, 3)]
    count = len(examples[0][0])
    graph = program(case, examples[0][0])
    one = Runner(chain(graph, ""))
    inner = [position != 0 or count == 1 for position in range(count)]
    outer = [position != count - 1 or count == 1 for position in range(count)]
    rows = []
    given = []
    for position in range(count):
        array = np.stack([examples[1][k][position] for k in range(3)]) if inner[position] else examples[0][0][position]
        if outer[position]:
            array = np.stack([array, np.flip(array, 0) if inner[position] else examples[0][1][position]])
        given.append(array)
    for i in range(2):
        at = [array[i] if flag else array for array, flag in zip(given, outer, strict=True)]
        parts = [one.interpret(*[a[k] if flag else a for a, flag in zip(at, inner, strict=True)]) for k in range(3)]
        rows.append([np.stack(each) for each in zip(*parts, strict=True)])
    expected = [np.stack(each) for each in zip(*rows, strict=True)]
    module = chain(graph, "")
    within = mapped(module, graph.name, inner, 3)
    many = Runner(entered(module, mapped(module, within.name, outer, 2)))
    close(many.run(*given), expected)


# --- derivatives ---------------------------------------------------------------------------------


def _data(case, size):
    """The differentiated function, and its inexact operands for each example."""
    graph, first = base(*case, sample_arrays(*case))
    rng = np.random.default_rng(5)
    varied = [
        [array if size == 1 else array * (1 + 0.01 * rng.uniform(-1, 1, array.shape)) for array in first]
        for _ in range(size)
    ]
    return graph, varied


def _check_over(case, modes, size=2):
    """vmap of the derivative of the operation."""
    graph, examples = _data(case, size)
    one = Runner(chain(graph, modes))
    rng = np.random.default_rng(9)
    for batched in masks(len(examples[0])):
        seeds = [[random_like(rng, type) for type in one.inputs[len(batched) :]] for _ in range(size)]
        for seeded in (True, False):
            flags = [*batched, *(seeded,) * len(seeds[0])]
            arrays = [[*x, *s] for x, s in zip(examples, seeds, strict=True)]
            loops = [one.run(*each) for each in chosen(arrays, flags)]
            module = chain(graph, modes)
            many = Runner(entered(module, mapped(module, module.entry.name, flags, size)))
            close(many.run(*stacked(arrays, flags)), [np.stack(each) for each in zip(*loops, strict=True)], 256)


def _check_under(case, mode, size=2):
    """The derivative of the vmap of the operation, whose unbatched operands gather the sum of the examples."""
    graph, examples = _data(case, size)
    one = Runner(chain(graph, mode))
    rng = np.random.default_rng(9)
    count = len(examples[0])
    for batched in masks(count):
        module = chain(graph, "")
        many = Runner(entered(module, derive(module, mapped(module, graph.name, batched, size).name, mode, count)))
        seeds = [random_like(rng, type) for type in many.inputs[count:]]
        flags = batched if mode == "j" else (True,) * len(seeds)
        loops = [
            one.run(*each, *[seed[i] if flag else seed for seed, flag in zip(seeds, flags, strict=True)])
            for i, each in enumerate(chosen(examples, batched))
        ]
        expected = [np.stack(each) for each in zip(*loops, strict=True)]
        if mode == "r":
            expected = [each if flag else each.sum(0) for each, flag in zip(expected, batched, strict=True)]
        found = many.run(*stacked(examples, batched), *seeds)
        check_types(many, found)
        close(found, expected, 256)


@parameters(DIFFERENTIABLE)
@pytest.mark.parametrize("mode", ["j", "r"])
def test_batching_over_first_derivatives(case, mode):
    _check_over(case, mode)


@parameters(DIFFERENTIABLE)
@pytest.mark.parametrize("mode", ["j", "r"])
def test_first_derivatives_of_batching(case, mode):
    _check_under(case, mode)


@pytest.mark.slow
@parameters([case for case in DIFFERENTIABLE if case[1] == 0])
@pytest.mark.parametrize("modes", ["rj", "rr", "jr"])
def test_batching_over_second_derivatives(case, modes):
    _check_over(case, modes)


# --- random programs -----------------------------------------------------------------------------


def _random(data, most):
    composer = compose(data, [1, 2, 3], most)
    count = len(composer.inputs)
    batched = [data.draw(st.booleans()) for _ in range(count)]
    batched[data.draw(st.integers(0, count - 1))] = True
    examples = [[x + 0.05 * k * np.cos(x) for x in composer.inputs] for k in range(data.draw(st.sampled_from([1, 3])))]
    return composer.graph, examples, batched


@settings(max_examples=40)
@given(st.data())
def test_a_random_program_of_many_examples_is_a_loop(data):
    graph, examples, batched = _random(data, 15)
    one = Runner(chain(graph, ""))
    loops = [one.run(*each) for each in chosen(examples, batched)]
    module = chain(graph, "")
    many = Runner(entered(module, mapped(module, graph.name, batched, len(examples))))
    found = many.run(*stacked(examples, batched))
    check_types(many, found)
    close(found, [np.stack(each) for each in zip(*loops, strict=True)], 256)


@pytest.mark.slow
@settings(max_examples=40)
@given(st.data())
def test_derivatives_of_a_random_program_of_many_examples_are_a_loop(data):
    graph, examples, batched = _random(data, 15)
    rng = np.random.default_rng(4)
    for modes in ("j", "r", "rj"):
        one = Runner(chain(graph, modes))
        seeds = [[random_like(rng, type) for type in one.inputs[len(batched) :]] for _ in examples]
        arrays = [[*x, *s] for x, s in zip(examples, seeds, strict=True)]
        flags = [*batched, *(True for _ in seeds[0])]
        loops = [one.run(*each) for each in chosen(arrays, flags)]
        module = chain(graph, modes)
        many = Runner(entered(module, mapped(module, module.entry.name, flags, len(examples))))
        for each, wanted in zip(
            many.run(*stacked(arrays, flags)), [np.stack(each) for each in zip(*loops, strict=True)], strict=True
        ):
            scale = np.max(np.abs(wanted), initial=1.0)
            np.testing.assert_allclose(each, wanted, rtol=1e-9, atol=1e-11 * scale, err_msg=modes)


# --- the pass ------------------------------------------------------------------------------------


def test_what_depends_on_no_batched_input_is_done_once():
    graph = Graph("f")
    x = graph.add_input(TensorType((3,), np.float64))
    y = graph.add_input(TensorType((3,), np.float64))
    b = Builder(graph)
    graph.set_outputs([b.mul(b.exp(b.sin(y)), x)])
    module = chain(graph, "")
    PassManager([Batch((0,), 5)]).run(module)
    shapes = {op.name: op.results[0].type.shape for op in module.entry}
    assert shapes["tensor.sin"] == shapes["tensor.exp"] == (3,)
    assert shapes["tensor.mul"] == (5, 3)
