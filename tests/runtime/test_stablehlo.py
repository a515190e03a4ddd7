"""jaxlib as an independent oracle: it reads, verifies and evaluates what `to_stablehlo` writes, to the numbers of the
reference interpreter; and MLIR's own parser reads the generic form of every program."""

import runpy
from pathlib import Path

import mixad as mx
import numpy as np
import pytest
from mixad.ir import Builder, Dense, Graph, Module, OpDefinition, Operation, TensorType, lookup, print_module
from mixad.ir.errors import UnsupportedOperationError
from mixad.ir.location import Location
from mixad.ir.types import DTYPE_NAMES, FLOATING, INTEGER, bfloat16
from mixad.runtime.compiler import Observer, observed
from mixad.runtime.reference import interpret
from mixad.runtime.stablehlo import to_stablehlo
from mixad.runtime.stablehlo.table import ROWS
from mixad.tools.cli import main

from ..proof.programs import (
    CASES,
    OPERATIONS,
    accepted,
    assert_close,
    base,
    chain,
    chains,
    differentiable,
    expanded,
    ids,
    parameters,
    random_like,
    sample_arrays,
)

pytest.importorskip("jaxlib", reason="jaxlib, the oracle, is not installed: pip install 'mixad[test]' on Linux")

from . import stablehlo_oracle as oracle

GUIDE = Path(__file__).parents[2] / "examples" / "guide"


#: What StableHLO's interpreter in jaxlib 0.10 lacks, or does wrong: it scatters into the operand itself, which may be
#: used again.
ONLY_XLA = ("stablehlo.scatter", "stablehlo.fft", "stablehlo.cholesky")
#: What neither StableHLO nor CHLO has, and docs/stablehlo.md lists.
ABSENT = {
    *(f"linalg.{name}" for name in ("solve", "det", "slogdet", "qr", "eigh", "eig", "svd", "pinv", "sylvester")),
    "linalg.lu",
    "linalg.complement",
    *(f"linalg.{name}" for name in ("matrix_function", "matrix_function_derivative", "polar", "lyapunov")),
    "linalg.nuclear_norm",
    *(f"tensor.{name}" for name in ("gcd", "poch", "hyp0f1", "hyp1f1", "hyp2f1", "spence", "ellipk", "ellipe")),
    *(f"tensor.{name}" for name in ("sine_integral", "cosine_integral", "fresnel_sine", "fresnel_cosine")),
    *(f"tensor.bessel_{name}" for name in ("i", "ie", "j", "k", "ke", "y")),
    *(f"tensor.{name}" for name in ("erfcx", "erfcinv", "log_ndtr", "ndtri", "dawsn", "expi", "expn")),
    *(f"tensor.{name}" for name in ("gamma", "beta", "gammainc", "gammaincc", "betainc", "betaincc", "logit")),
}
WRITTEN = [case for case in CASES if case[0].name in ROWS]
#: Derivatives of linear algebra solve systems of equations, which StableHLO does not.
DIFFERENTIATED = [
    case for case in WRITTEN if case[0].dialect != "linalg" and differentiable(*case, sample_arrays(*case))
]


def check(module, inputs, *, xla=False, pipeline="", ulps=16):
    """StableHLO's numbers are the reference interpreter's. Inputs that are missing are random."""
    module = expanded(module)
    graph = module.entry
    rng = np.random.default_rng(11)
    inputs = [*inputs, *(random_like(rng, value.type) for value in graph.inputs[len(inputs) :])]
    types = [value.type for value in graph.outputs]
    text = to_stablehlo(module, pipeline)
    xla = xla or any(name in text for name in ONLY_XLA)
    evaluate = oracle.run_xla if xla else oracle.interpret_stablehlo
    found = evaluate(text, inputs, types)
    for each, wanted in zip(found, interpret(graph, *inputs), strict=True):
        assert_close(each, wanted, ulps=ulps)


def of_operation(function, *arrays):
    """The module of one function of a builder and values, which gives one value."""
    graph = Graph("f")
    values = [graph.add_input(TensorType(array.shape, array.dtype)) for array in arrays]
    graph.set_outputs([function(Builder(graph), *values)])
    module = Module()
    module.add(graph)
    return module


# --- operations ----------------------------------------------------------------------------------


def test_every_operation_has_a_row_or_none_in_stablehlo():
    assert {name for name in OPERATIONS if name not in ROWS} == ABSENT


@pytest.mark.parametrize("case", [case for case in CASES if case not in WRITTEN], ids=ids)
def test_operation_without_a_row_is_refused(case):
    definition, number = case
    attributes = definition.rules.cls.samples[number].attributes
    module = of_operation(lambda b, *values: b.create(definition, values, attributes).results[0], *sample_arrays(*case))
    with pytest.raises(UnsupportedOperationError, match=f"no counterpart of '{definition.name}'"):
        to_stablehlo(module)


@parameters(WRITTEN)
def test_operation_on_every_type(case):
    for dtype in DTYPE_NAMES:
        arrays = sample_arrays(*case, dtype.type)
        if accepted(*case, arrays):
            graph, inputs = base(*case, arrays)
            check(chain(graph, ""), inputs)


@parameters(WRITTEN)
def test_operation_by_xla(case):
    graph, inputs = base(*case, sample_arrays(*case))
    check(chain(graph, ""), inputs, xla=True)


#: Element types in which derivatives are taken, and the highest order.
ORDERS = {np.float64: 2, np.float32: 1, bfloat16.type: 1, np.complex128: 1}


@parameters(DIFFERENTIATED)
def test_derivatives(case):
    for dtype, order in ORDERS.items():
        arrays = sample_arrays(*case, dtype)
        if accepted(*case, arrays) and differentiable(*case, arrays):
            graph, inputs = base(*case, arrays)
            for modes in [*chains(1), *(chains(2) if order == 2 else [])]:
                check(chain(graph, modes), inputs)


REMAINDERS = [
    np.array([7, -7, 7, -7, 6, -6, 0, 5, -5], np.int64),
    np.array([2, 2, -2, -2, 3, 3, 4, 0, 0], np.int64),
]
REAL_REMAINDERS = [
    np.array([7.5, -7.5, 7.5, -7.5, 6, -6, 0, 5, -5, 0, np.inf, np.nan, 1, -1, 1, -1]),
    np.array([2, 2, -2, -2, 3, 3, 4, 0, 0, 0, 2, 1, np.inf, np.inf, -np.inf, -np.inf]),
]


@pytest.mark.parametrize("name", ["remainder", "floor_divide"])
@pytest.mark.parametrize("dtype", sorted(INTEGER | FLOATING, key=str))
def test_division_of_every_sign(name, dtype):
    pair = REMAINDERS if dtype in INTEGER else REAL_REMAINDERS
    arrays = [np.abs(x).astype(dtype) if dtype.kind == "u" else x.astype(dtype) for x in pair]
    check(of_operation(lambda b, x, y: getattr(b, name)(x, y), *arrays), arrays)


@pytest.mark.parametrize("dtype", DTYPE_NAMES, ids=str)
@pytest.mark.parametrize("count", [3, 100])
def test_constants_to_the_last_bit(dtype, count):
    special = [np.nan, np.inf, -np.inf, -0.0, 1e-40] if dtype not in INTEGER and dtype.kind != "b" else [0, 1, 1]
    with np.errstate(all="ignore"):
        data = np.resize(np.asarray(special), count).astype(dtype)
    for dense in (Dense(data), Dense(data[:1].reshape(()), TensorType((2, 2), dtype)), Dense(data[:0])):
        graph = Graph("f")
        graph.set_outputs([Builder(graph).constant(value=dense)])
        module = Module()
        module.add(graph)
        (found,) = oracle.run_xla(to_stablehlo(module, ""), [], [dense.type])
        assert found.dtype == dtype
        assert found.tobytes() == dense.expand().tobytes()


@pytest.mark.parametrize("index", [np.uint8, np.int8, np.int32, np.uint64])
def test_indices_of_every_type(index):
    x, at = np.arange(200.0), np.array([100, 3, 100]).astype(index)
    check(of_operation(lambda b, x, at: b.gather(x, at, axes=(0,)), x, at), [x, at])


def test_the_last_of_many_updates_wins():
    rng = np.random.default_rng(0)
    x, updates = np.zeros((5, 3, 4), np.int32), rng.integers(0, 1000, (1000, 4), np.int32)
    indices = rng.integers(-3, 3, 1000), rng.integers(-5, 5, 1000)
    arrays = [x, updates, *indices]
    check(of_operation(lambda b, x, u, *i: b.scatter(x, u, *i, axes=(1, 0)), *arrays), arrays)


EDGES = np.array([np.nan, 0.0, -0.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.7, 1e-30, 70.0, -70.0, 300.0, np.inf, -np.inf])
#: Functions whose results at special numbers StableHLO leaves open, or gives by another name.
EDGE_CASES = {
    "round": lambda b, x: b.round(x),
    "trunc": lambda b, x: b.trunc(x),
    "sign": lambda b, x: b.sign(x),
    "is_finite": lambda b, x: b.is_finite(x),
    "sign_bit": lambda b, x: b.sign_bit(x),
    "next_after": lambda b, x: b.next_after(x, b.reverse(x, axes=(0,))),
    "sigmoid": lambda b, x: b.sigmoid(x),
    "to bool": lambda b, x: b.convert(x, dtype=np.dtype(bool)),
    "mul_no_nan": lambda b, x: b.mul_no_nan(x, b.reverse(x, axes=(0,))),
    "maximum": lambda b, x: b.maximum(x, b.reverse(x, axes=(0,))),
    "compare": lambda b, x: b.compare(x, b.reverse(x, axes=(0,)), direction="ge"),
    "reduce_max": lambda b, x: b.reduce_max(x, axes=(0,)),
    "argmin": lambda b, x: b.argmin(x, axis=0),
}


@pytest.mark.parametrize("name", EDGE_CASES)
@pytest.mark.parametrize("dtype", sorted(FLOATING, key=str))
@pytest.mark.parametrize("xla", [False, True])
def test_special_numbers(name, dtype, xla):
    with np.errstate(all="ignore"):
        x = EDGES.astype(dtype)
    check(of_operation(EDGE_CASES[name], x), [x], xla=xla)


def test_integers_are_truncated_parts():
    x = np.array([2.7, -2.7, 0.5, -0.5, 1e9, -1e9])
    check(of_operation(lambda b, x: b.convert(x, dtype=np.dtype(np.int32)), x), [x])


UNSORTED = np.array([2.0, np.nan, -0.0, 1.0, 0.0, -np.inf, np.nan, 1.0, np.inf, -1.0])


@pytest.mark.parametrize("dtype", [*sorted(FLOATING, key=str), np.dtype(np.complex64), np.dtype(np.complex128)])
def test_sorting_puts_nan_last(dtype):
    x = UNSORTED.astype(dtype)
    if dtype.kind == "c":
        x = np.empty(100, dtype)
        x.real, x.imag = np.repeat(UNSORTED, 10), np.tile(UNSORTED, 10)
        x = np.random.default_rng(0).permutation(x)
    check(of_operation(lambda b, x: b.argsort(x, axis=0), x), [x])
    check(of_operation(lambda b, x: b.sort(x, axis=0), x), [x])


# --- programs ------------------------------------------------------------------------------------


class Recorder(Observer):
    """Keeps a copy of each program that is compiled."""

    def __init__(self):
        self.modules = []

    def start(self, module, pipeline):
        self.modules.append(module.clone())


@pytest.mark.parametrize("program", sorted(path.stem for path in GUIDE.glob("*.py")))
def test_programs_of_the_guide(program, capsys):
    recorder = Recorder()
    with observed(lambda: recorder):
        runpy.run_path(str(GUIDE / f"{program}.py"))
    assert recorder.modules
    for module in recorder.modules:
        check(module, [])
        check(module, [], xla=True)
        oracle.accepts_generic(print_module(module, locations=True, generic=True))


def network(parameters, x, labels):
    """The loss of a small classifier."""
    (w, b), (v, c) = parameters
    logits = np.tanh(x @ w + b) @ v + c
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    picked = np.take_along_axis(shifted, labels[:, None], axis=1)[:, 0]
    return np.mean(np.log(np.sum(np.exp(shifted), axis=1)) - picked)


@pytest.mark.parametrize("pipeline", ["", "fixpoint(canonicalize,fold,cse,dce)"])
def test_the_gradient_of_a_network(pipeline):
    rng = np.random.default_rng(2)
    shapes = [((3, 8), (8,)), ((8, 4), (4,))]
    parameters = [tuple(rng.standard_normal(shape) for shape in layer) for layer in shapes]
    x, labels = rng.standard_normal((6, 3)), rng.integers(0, 4, 6)
    leaves = [*parameters[0], *parameters[1], x, labels]
    module = mx.make_graph(mx.grad(network))(parameters, x, labels)
    check(module, leaves, pipeline=pipeline)
    check(module, leaves, xla=True, pipeline=pipeline)


def test_the_default_passes_expand_and_shorten():
    module = mx.make_graph(mx.grad(mx.grad(lambda x: np.sin(x) * x)))(1.5)
    before = str(module)
    text = mx.to_stablehlo(module)
    assert str(module) == before
    (type,) = [value.type for value in module.entry.outputs]
    x = np.float64(0.7)
    (found,) = oracle.interpret_stablehlo(text, [x], [type])
    np.testing.assert_allclose(found, 2 * np.cos(x) - x * np.sin(x), rtol=1e-14)


def test_functions_beside_the_entry_are_written():
    module = of_operation(lambda b, x: b.sin(x), np.zeros(2))
    other = of_operation(lambda b, x: b.cos(x), np.zeros(2)).entry
    other.name = "main"
    module.add(other)
    text = to_stablehlo(module, "")
    oracle.parse(text)
    assert 'sym_name = "main"}' in text
    assert 'sym_name = "main_1"}' in text


def test_locations_are_mlirs():
    graph = Graph("f")
    x = graph.add_input(TensorType((), np.float64))
    graph.set_outputs([Builder(graph, location=Location("model.py", 7, "loss")).sin(x)])
    module = Module()
    module.add(graph)
    text = to_stablehlo(module, locations=True)
    parsed = oracle.parse(text)
    (operation, _) = parsed.body.operations[0].regions[0].blocks[0].operations
    assert 'loc("loss"("model.py":7:0))' in str(operation.location)
    assert "loc(" not in to_stablehlo(module)


# --- refusals ------------------------------------------------------------------------------------


def test_a_request_is_refused():
    module = mx.make_graph(mx.grad(np.sin))(1.5)
    with pytest.raises(UnsupportedOperationError, match=r"no counterpart of 'ad.vjp'.*expand-ad"):
        to_stablehlo(module, "")


def test_an_unknown_operation_is_refused():
    definition = OpDefinition(
        "user.think", ("x",), (), lambda types, attributes: tuple(types), rules=lookup("tensor.sin").rules
    )
    module = of_operation(lambda b, x: b.sin(x), np.zeros(2))
    graph = module.entry
    thought = Operation(definition, graph.inputs, {}, [graph.inputs[0].type], (), Location("user.py", 3))
    graph.insert(thought)
    graph.set_outputs(thought.results)
    with pytest.raises(UnsupportedOperationError, match=r"no counterpart of 'user.think', at user.py:3"):
        to_stablehlo(module, "")


# --- the generic form, and the command -----------------------------------------------------------


@parameters(CASES)
def test_mlir_reads_the_generic_form(case):
    graph, _ = base(*case, sample_arrays(*case))
    requests = chain(graph, "rj" if case in DIFFERENTIATED else "")
    for module in (requests, expanded(requests)):
        for locations in (False, True):
            oracle.accepts_generic(print_module(module, locations=locations, generic=True))


@pytest.mark.parametrize("dtype", DTYPE_NAMES, ids=str)
def test_mlir_reads_constants_of_the_generic_form(dtype):
    graph = Graph("a name")
    b = Builder(graph, location=Location('a "file".py', 7, "f\n"))
    special = [1, 0] if dtype in INTEGER or dtype.kind == "b" else [np.nan, np.inf, -np.inf, -0.0, 1e-40, 0.1]
    with np.errstate(all="ignore"):
        dense = [Dense(np.resize(np.asarray(special), size).astype(dtype)) for size in (0, 6, 1000)]
    graph.set_outputs([b.constant(value=each) for each in dense])
    module = Module("it's")
    module.add(graph)
    oracle.accepts_generic(print_module(module, locations=True, generic=True))


def test_the_command(tmp_path, capsys):
    module = mx.make_graph(mx.grad(np.sin))(1.5)
    file, output = tmp_path / "f.mix", tmp_path / "f.mlir"
    file.write_text(str(module))
    assert main(["stablehlo", str(file)]) == 0
    text = capsys.readouterr().out
    oracle.parse(text)
    assert main(["stablehlo", str(file), "-o", str(output)]) == 0
    assert output.read_text() == text
    assert main(["stablehlo", "--pipeline", "", str(file)]) == 1
    assert "no counterpart of 'ad.vjp'" in capsys.readouterr().err
