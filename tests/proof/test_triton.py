"""The Triton backend's table cannot lie: every cell that claims support is computed by its kernels, in Triton's
interpreter, in value and in first and second derivatives, in every mixture of modes; every cell that denies it raises.

With a GPU, ``make test-gpu`` runs the same on it.
"""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixad.ir import Builder, Dense, Graph, Module, TensorType, registered
from mixad.ir.errors import UnsupportedOperationError
from mixad.ir.types import DTYPE_NAMES, INEXACT
from mixad.runtime.compiler import compile_module
from mixad.runtime.numpy import NUMPY
from mixad.runtime.reference import interpret
from mixad.runtime.support import ANY_ORDER
from mixad.runtime.triton import TRITON, Options, backend_for
from mixad.runtime.triton.compiler import HOPPER, compile_kernels
from mixad.runtime.triton.expressions import LONG
from mixad.tools.tables import GUIDE

from .composer import compose
from .programs import (
    OPERATIONS,
    accepted,
    assert_close,
    base,
    chain,
    chains,
    differentiable,
    expanded,
    random_like,
    sample_arrays,
)

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed"),
    pytest.mark.usefixtures("on_device"),
]
TABLE = TRITON.support
SAMPLED = [name for name in TABLE if name in OPERATIONS and OPERATIONS[name].rules.cls.samples[0].operands]
#: The operations that have no kernel. What else is added gets one.
WITHOUT_KERNELS = {
    *(f"tensor.{name}" for name in ("real", "imag", "conj", "complex")),
    *(name for name in OPERATIONS if name.startswith(("fft.", "linalg."))),
}
#: Functions that the interpreter, a GPU or SciPy computes with a few more units of error (see
#: tests/runtime/triton/test_special.py for the first two).
WIDER = {
    **{"tensor.polygamma": 512, "tensor.gamma": 64, "tensor.log_ndtr": 64, "tensor.lgamma": 64, "tensor.logit": 16},
    **{f"tensor.bessel_{kind}": 512 for kind in ("i", "ie", "j", "k", "ke", "y")},
    "tensor.hyp0f1": 1 << 18,  # SciPy's has 11 digits at numbers far below 0
}
#: Where SciPy's own numbers are off by thousands of units, or are no limits.
NOT_OF_SCIPY = {"tensor.lgamma", "tensor.beta", "tensor.lbeta", "tensor.poch"}
#: Where SciPy's are: the angle of a cosine or a sine.
FAR = {"tensor.cosine_integral", "tensor.fresnel_sine", "tensor.fresnel_cosine"}


@pytest.fixture(scope="module")
def on_device(request):
    with pytest.MonkeyPatch.context() as patch:
        if not request.config.getoption("--gpu"):
            patch.setenv("MIXAD_TRITON", "interpret")
        yield


def _agree(module, inputs, ulps, backend=TRITON):
    expected = interpret(expanded(module).entry, *inputs)
    program = compile_module(module.clone(), backend)[module.entry.name]
    for found, wanted in zip(program.run(*inputs), expected, strict=True):
        assert_close(found, wanted, ulps)


def _of_inputs(definition, number, arrays):
    """The operation of inputs alone: a constant would be folded before there is a kernel."""
    graph = Graph("f")
    operands = tuple(graph.add_input(TensorType(array.shape, array.dtype)) for array in arrays)
    attributes = definition.rules.cls.samples[number].attributes
    graph.set_outputs(Builder(graph).create(definition, operands, attributes).results)
    module = Module()
    module.add(graph)
    return module


def test_the_table_is_what_it_is_said_to_be():
    loops = {"control.cond", "control.scan", "control.sweeps", "control.while"}
    assert set(TABLE) == loops | set(OPERATIONS) - WITHOUT_KERNELS
    assert all(row.order == ANY_ORDER for row in TABLE.values())
    kernels = frozenset(dtype for dtype in DTYPE_NAMES if dtype.kind != "c")
    for name in SAMPLED:
        assert TABLE[name].dtypes == NUMPY.support[name].dtypes & kernels
    guide = {
        f"tensor.{each}"
        for each in [
            "pow",
            "log",
            "square",
            "exp",
            "neg",
            "mul",
            "div",
            "sin",
            "cos",
            "tan",
            "atanh",
            "sinh",
            "cosh",
            "contract",
        ]
    }
    assert guide <= set(TABLE)
    assert set(GUIDE) & set(OPERATIONS) <= set(TABLE)


@pytest.mark.parametrize("name", SAMPLED)
def test_a_cell_that_claims_support_runs(name):
    definition = OPERATIONS[name]
    seen = set()
    for number in range(len(definition.rules.cls.samples)):
        for dtype in TABLE[name].dtypes:
            arrays = sample_arrays(definition, number, dtype.type)
            key = (dtype, number if dtype in (np.float64, np.int64, np.bool_) else min(number, 1))
            if key in seen or not accepted(definition, number, arrays) or any(a.dtype.kind == "c" for a in arrays):
                continue
            if definition.rules.cls.samples[number].attributes.get("dtype", np.dtype(float)).kind == "c":
                continue
            seen.add(key)
            _agree(_of_inputs(definition, number, arrays), arrays, WIDER.get(name, 8))


#: Zeros of both signs, subnormal numbers, whole and half ones, infinities, NaN.
TRAPS = np.array(
    [
        *(0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.5, -3.5, -7.0, -8.3, 40.0, -40.0, 700.0, -750.0),
        *(5e-324, 1e-310, 1e-40, 1e-8, 1e10, 1e30, -1e300, np.inf, -np.inf, np.nan),
    ]
)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [name for name in SAMPLED if OPERATIONS[name].rules.cls.elementwise])
def test_traps(name, dtype):
    """Infinities and NaN, and the sign of zero, where the reference has them. (SciPy's lgamma is infinite at subnormal
    numbers, C's is not; the beta functions and Pochhammer's symbol are held to mpmath instead.)"""
    rules = OPERATIONS[name].rules
    if rules.operands not in (("x",), ("x", "y")) or np.dtype(dtype) not in TABLE[name].dtypes:
        return
    with np.errstate(over="ignore"):
        traps = TRAPS.astype(dtype)
    if name in FAR:
        traps = traps[~((np.abs(traps) > 1e6) & np.isfinite(traps))]
    arrays = [traps] if len(rules.operands) == 1 else [each.ravel() for each in np.meshgrid(traps, traps)]
    attributes = rules.cls.samples[0].attributes
    if attributes.get("dtype", np.dtype(dtype)).kind != "f" or name in NOT_OF_SCIPY:
        return
    module = _of_inputs(OPERATIONS[name], 0, arrays)
    (wanted,) = interpret(module.clone().entry, *arrays)
    (found,) = compile_module(module, TRITON)["f"].run(*arrays)
    assert found.dtype == wanted.dtype
    if found.dtype.kind == "f":
        np.testing.assert_allclose(found, wanted, rtol=500 * np.finfo(dtype).eps, atol=np.finfo(dtype).tiny)
        if name != "tensor.polygamma":
            zero = wanted == 0
            np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(wanted[zero]))
    else:
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", ["tensor.constant", "tensor.iota"])
@pytest.mark.parametrize("dtype", DTYPE_NAMES, ids=DTYPE_NAMES.get)
def test_what_is_made_of_nothing(name, dtype):
    graph = Graph("f")
    b = Builder(graph)
    attributes = {"value": Dense(1, TensorType((3,), dtype))} if name == "tensor.constant" else {}
    if name == "tensor.iota":
        if dtype.kind == "b":
            return
        attributes = {"shape": (2, 3), "axis": 1, "dtype": dtype}
    graph.set_outputs(b.create(registered()[name], (), attributes).results)
    module = Module()
    module.add(graph)
    if dtype in TABLE[name].dtypes:
        _agree(module, (), 0)
    else:
        with pytest.raises(UnsupportedOperationError, match=r"does not run .*complex"):
            compile_module(module, TRITON)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_a_cell_that_denies_support_raises(name):
    definition = OPERATIONS[name]
    sample = definition.rules.cls.samples[0]
    for dtype in NUMPY.support[name].dtypes - (TABLE[name].dtypes if name in TABLE else frozenset()):
        arrays = sample_arrays(definition, 0, dtype.type)
        if not arrays or not accepted(definition, 0, arrays) or arrays[definition.rules.data].dtype != dtype:
            continue
        graph = Graph("f")
        operands = tuple(graph.add_input(TensorType(array.shape, array.dtype)) for array in arrays)
        graph.set_outputs(Builder(graph).create(definition, operands, sample.attributes).results)
        module = Module()
        module.add(graph)
        with pytest.raises(UnsupportedOperationError, match=rf"triton backend .*'{name}'.*fallback='host'"):
            TABLE.check(module)


DERIVED = [
    name
    for name in SAMPLED
    if np.dtype(np.float64) in TABLE[name].dtypes
    and accepted(OPERATIONS[name], 0, sample_arrays(OPERATIONS[name], 0))
    and differentiable(OPERATIONS[name], 0, sample_arrays(OPERATIONS[name], 0))
]


def _check_derivatives(name, dtype, number, orders, ulps):
    definition = OPERATIONS[name]
    graph, inputs = base(definition, number, sample_arrays(definition, number, dtype))
    rng = np.random.default_rng(7)
    for order in orders:
        for modes in chains(order):
            module = chain(graph, modes)
            seeds = [random_like(rng, value.type) for value in module.entry.inputs[len(inputs) :]]
            _agree(module, [*inputs, *seeds], ulps)


@pytest.mark.parametrize("name", DERIVED)
def test_derivatives_to_second_order(name):
    _check_derivatives(name, np.float64, 0, (1, 2), 4 * WIDER.get(name, 64))


@pytest.mark.slow
@pytest.mark.usefixtures("unwatched")
@pytest.mark.parametrize("name", DERIVED)
def test_derivatives_to_second_order_of_every_sample_and_type(name):
    definition = OPERATIONS[name]
    if name in LONG:  # in float64 whatever the type, and slow here: the samples that are more than a shape
        for number, sample in enumerate(definition.rules.cls.samples[1:], 1):
            if sample.attributes or any(not isinstance(operand, tuple) for operand in sample.operands):
                _check_derivatives(name, np.float64, number, (1, 2), WIDER.get(name, 256))
        return
    for dtype in TABLE[name].dtypes & INEXACT:
        wide = dtype.itemsize > 2
        for number in range(len(definition.rules.cls.samples) if dtype == np.float64 else 1):
            arrays = sample_arrays(definition, number, dtype.type)
            if accepted(definition, number, arrays) and differentiable(definition, number, arrays):
                target = definition.rules.cls.samples[number].attributes.get("dtype")
                if target is None or target in TABLE[name].dtypes:
                    _check_derivatives(name, dtype.type, number, (1, 2), 256 if wide else 64)


@pytest.mark.slow
@pytest.mark.usefixtures("unwatched")
@pytest.mark.parametrize("modes", ["r", "rr", "jr"])
def test_kernels_of_derivatives_compile_for_hopper(modes):
    """The interpreter takes what the compiler refuses, such as branches of two types. (Of long functions the kernels
    alone are compiled, in tests/runtime/triton/test_special.py.)"""
    kernels = {}
    for name in DERIVED:
        if name not in LONG:
            graph, _ = base(OPERATIONS[name], 0, sample_arrays(OPERATIONS[name], 0))
            module = chain(graph, modes)
            program = compile_module(module, TRITON)[module.entry.name]
            kernels.update(dict.fromkeys(program.run.plan.kernels(), name))
    assert len(kernels) > 35
    assert all(binary.metadata["shared"] <= 232_448 for binary in compile_kernels(list(kernels), HOPPER))


@pytest.mark.parametrize("name", sorted(WITHOUT_KERNELS))
def test_the_cpu_computes_what_has_no_kernel_where_that_is_asked_for(name):
    definition = OPERATIONS[name]
    arrays = sample_arrays(definition, 0)
    if not accepted(definition, 0, arrays):
        arrays = sample_arrays(definition, 0, np.complex128)
    graph, inputs = base(definition, 0, arrays)
    backend = backend_for(Options(fallback=True))
    _agree(chain(graph, ""), inputs, 8, backend)
    program = compile_module(chain(graph, ""), backend)["f"]
    assert f"{name} on the CPU" in program.source or not program.run.plan.steps


# --- programs ------------------------------------------------------------------------------------


def _check_random(composer, modes):
    module = chain(composer.graph, modes)
    rng = np.random.default_rng(1)
    seeds = [random_like(rng, value.type) for value in module.entry.inputs[len(composer.inputs) :]]
    inputs = [*composer.inputs, *seeds]
    found = compile_module(module.clone(), TRITON)[module.entry.name].run(*inputs)
    for each, wanted in zip(found, interpret(expanded(module).entry, *inputs), strict=True):
        scale = np.max(np.abs(np.nan_to_num(wanted, nan=0, posinf=0, neginf=0)), initial=1.0)
        np.testing.assert_allclose(each, wanted, rtol=1e-8, atol=1e-9 * scale)


@settings(max_examples=15)
@given(st.data())
def test_random_programs(data):
    composer = compose(data, [1, 2, 3], 12)
    for modes in ("", "r"):
        _check_random(composer, modes)


@pytest.mark.slow
@settings(max_examples=40)
@given(st.data())
def test_second_derivatives_of_random_programs(data):
    composer = compose(data, [1, 2, 3], 30)
    for modes in ("j", "rj", "rr"):
        _check_random(composer, modes)


@pytest.mark.slow
@settings(max_examples=20)
@given(st.data())
def test_random_programs_of_several_blocks(data):
    composer = compose(data, [17, 40], 12)
    for modes in ("", "r"):
        _check_random(composer, modes)
