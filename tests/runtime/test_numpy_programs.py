"""Generated programs: what they return never aliases, and their source is what a person would write."""

import itertools

import mixad.ops  # noqa: F401 - registers the operations
import numpy as np
import pytest
from mixad.ir import Builder, Dense, Graph, Module, TensorType
from mixad.ir.errors import UnsupportedOperationError
from mixad.runtime.backend import backend_named, backends
from mixad.runtime.compiler import compile_module
from mixad.runtime.numpy import NUMPY
from mixad.runtime.numpy.table import template_of
from mixad.runtime.reference import interpret

VECTOR = TensorType((4,), np.float64)


def _compiled(write, *types):
    graph = Graph("f")
    inputs = [graph.add_input(type) for type in types]
    outputs = write(Builder(graph), *inputs)
    graph.set_outputs(outputs if isinstance(outputs, list) else [outputs])
    module = Module()
    module.add(graph)
    return compile_module(module.clone(), NUMPY)["f"], graph


VIEWS = {
    "itself": lambda b, x: [x, x],
    "slice": lambda b, x: [b.slice(x, starts=(1,), sizes=(2,), steps=(1,)), x],
    "reshape": lambda b, x: [b.reshape(x, shape=(2, 2)), b.reshape(x, shape=(4, 1))],
    "transpose of reshape": lambda b, x: [b.transpose(b.reshape(x, shape=(2, 2)), permutation=(1, 0))],
    "reverse": lambda b, x: [b.reverse(x, axes=(0,))],
    "broadcast": lambda b, x: [b.broadcast_in_dim(x, shape=(3, 4), dims=(1,))],
    "gather of one": lambda b, x: [
        b.gather(b.reshape(x, shape=(2, 2)), b.constant(value=Dense(np.array(1))), axes=(0,))
    ],
    "stop_gradient": lambda b, x: [b.stop_gradient(x)],
    "views of a result": lambda b, x: [b.reverse(b.sin(x), axes=(0,)), b.sin(x), b.reshape(b.sin(x), shape=(2, 2))],
    "constants": lambda b, x: [b.constant(value=Dense(np.arange(3.0))), b.constant(value=Dense(2.0, VECTOR))],
    "equal results": lambda b, x: [b.sin(x), b.sin(x)],
    "concatenate": lambda b, x: [b.concatenate(x, axis=0)],
    "convert": lambda b, x: [b.convert(x, dtype=np.dtype(np.float64))],
}


@pytest.mark.parametrize("name", VIEWS)
def test_outputs_alias_neither_inputs_nor_each_other(name):
    program, graph = _compiled(VIEWS[name], VECTOR)
    x = np.arange(4.0)
    for _ in range(2):  # what was written into the first results must not be in the second
        results = program.run(x)
        for found, wanted in zip(results, interpret(graph, np.arange(4.0)), strict=True):
            np.testing.assert_array_equal(found, wanted)
        for position, each in enumerate(results):
            assert each.flags.writeable
            assert not np.shares_memory(each, x)
            assert not any(np.shares_memory(each, other) for other in results[position + 1 :])
        for each in results:
            each[...] = -99
        np.testing.assert_array_equal(x, np.arange(4.0))


def test_a_number_has_a_name_that_says_which():
    program, _ = _compiled(lambda b, x: b.add(x, b.constant(value=Dense(2.5, VECTOR))), VECTOR)
    assert "n2_5" in program.source


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.uint8, np.complex64])
@pytest.mark.parametrize("number", [0, 1, 3, 100])
def test_numbers_do_not_widen_the_element_type(dtype, number):
    type = TensorType((3,), dtype)
    program, graph = _compiled(
        lambda b, x: [
            b.add(x, b.constant(value=Dense(number, type))),
            b.mul(b.constant(value=Dense(number, type)), x),
            b.compare(x, b.constant(value=Dense(number, type)), direction="eq"),
        ],
        type,
    )
    x = np.array([0, 1, 3], dtype)
    for found, wanted in zip(program.run(x), interpret(graph, x), strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, -0.0, 1e-320, 1e308])
def test_unusual_numbers(number):
    program, graph = _compiled(
        lambda b, x: [
            b.sub(x, b.constant(value=Dense(number, VECTOR))),
            b.mul(x, b.constant(value=Dense(number, VECTOR))),
            b.maximum(x, b.constant(value=Dense(number, VECTOR))),
        ],
        VECTOR,
    )
    x = np.array([1.0, -0.0, np.inf, np.nan])
    with np.errstate(all="ignore"):
        for found, wanted in zip(program.run(x), interpret(graph, x), strict=True):
            np.testing.assert_array_equal(found, wanted)
            np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))


def test_programs_run_without_numpys_warnings():
    program, _ = _compiled(lambda b, x: b.log(x), VECTOR)
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(program.run(np.zeros(4))[0], -np.inf)
        assert np.geterr()["divide"] == "raise"


def test_the_interpreter_refuses_requests_and_wrong_counts():
    graph = Graph("f")
    x = graph.add_input(VECTOR)
    graph.set_outputs([x])
    with pytest.raises(ValueError, match="takes 1 inputs, and 2 are given"):
        interpret(graph, np.ones(4), np.ones(4))
    from mixad.ir import Operation
    from mixad.ops.control import CALL, call_attributes

    op = graph.insert(Operation(CALL, (x,), call_attributes("g"), (VECTOR,), ()))
    graph.set_outputs(op.results)
    with pytest.raises(UnsupportedOperationError, match="expand-ad and inline"):
        interpret(graph, np.ones(4))


def test_backends_by_name():
    assert backend_named("numpy") in backends()
    with pytest.raises(ValueError, match=r"no backend 'abacus'; there are .*numpy"):
        backend_named("abacus")


def test_numbers_of_two_element_types_have_two_names():
    halves = [Dense(0.5, TensorType((4,), dtype)) for dtype in (np.float32, np.float64)]

    def write(b, *inputs):
        return [b.add(x, b.constant(value=half)) for x, half in zip(inputs, halves, strict=True)]

    program, _ = _compiled(write, *(half.type for half in halves))
    single, double = program.run(np.ones(4, np.float32), np.ones(4))
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    assert "n0_5_f64" in program.source
    np.testing.assert_array_equal(double, 1.5)


def test_products_of_all_arrangements_of_axes():
    sizes = {"a": 2, "b": 3, "c": 4, "d": 5}
    written = 0
    for x, y in itertools.product(
        [labels for rank in (1, 2, 3) for labels in itertools.permutations("abc", rank)], repeat=2
    ):
        y = [{"a": "d"}.get(label, label) for label in y]
        kept = [label for label in dict.fromkeys([*x, *y]) if label not in x or label not in y or label == "c"]
        for out in (kept, [label for label in kept if label != "c"]):
            spec = f"{''.join(x)},{''.join(y)}->{''.join(out)}"
            graph = Graph("f")
            left, right = (
                graph.add_input(TensorType(tuple(sizes[label] for label in each), np.float64)) for each in (x, y)
            )
            op = Builder(graph).contract(left, right, spec=spec).owner
            arrays = [np.sin(np.arange(float(value.type.size))).reshape(value.type.shape) for value in (left, right)]
            template = template_of(op)
            if template is not None:
                written += 1
                found = eval(template.format("left", "right"), dict(zip(("left", "right"), arrays, strict=True)))
                assert np.shape(found) == op.result.type.shape, spec
                np.testing.assert_allclose(found, np.einsum(spec, *arrays), atol=1e-12, err_msg=spec)
    assert written > 100
