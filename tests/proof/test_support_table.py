"""The support table cannot lie: each cell that claims support runs, to third order, and each that denies it raises."""

import numpy as np
import pytest
from mixad.ir import Builder, Graph, Location, Module, Operation, TensorType, registered
from mixad.ir.errors import DTypeError, MixadError, UnsupportedOperationError, UnsupportedOrderError
from mixad.ir.types import DTYPE_NAMES, INEXACT
from mixad.runtime.compiler import compile_module
from mixad.runtime.numpy import NUMPY
from mixad.runtime.support import ANY_ORDER, Support, SupportTable

from .programs import (
    OPERATIONS,
    Runner,
    accepted,
    base,
    chain,
    check_types,
    differentiable,
    random_like,
    sample_arrays,
    tolerance,
)

CELLS = [
    pytest.param(definition, dtype, id=f"{name}-{DTYPE_NAMES[dtype]}")
    for name, definition in OPERATIONS.items()
    for dtype in DTYPE_NAMES
]
TABLE = NUMPY.support


def _data_of(definition, number):
    """The sample's operands in float64, or as given, and the element type of the data."""
    arrays = sample_arrays(definition, number)
    return arrays, arrays[definition.rules.data].dtype if arrays else None


def _in_dtype(definition, number, dtype):
    """The sample's operands with data of ``dtype``."""
    arrays, data = _data_of(definition, number)
    if data == np.float64:
        return sample_arrays(definition, number, dtype.type)
    return [_cast(array, dtype) if array.dtype == data else array for array in arrays]


def _cast(array, dtype):
    if dtype.kind == "u":
        array = np.abs(array)  # a negative index has no unsigned counterpart
    return (array.real if array.dtype.kind == "c" and dtype.kind != "c" else array).astype(dtype)


def _accepted_samples(definition, dtype):
    for number in range(len(definition.rules.cls.samples)):
        arrays = _in_dtype(definition, number, dtype)
        if arrays and accepted(definition, number, arrays):
            yield number, arrays


def test_every_operation_with_a_meaning_has_a_row_and_requests_have_none():
    loops = {"control.cond", "control.scan", "control.sweeps", "control.while", "kernel.fused"}
    assert set(TABLE) == loops | {name for name, definition in registered().items() if definition.rules is not None}
    assert all(row.dtypes and row.order == ANY_ORDER for row in TABLE.values())


@pytest.mark.parametrize(("definition", "dtype"), CELLS)
def test_a_cell_that_claims_support_runs_and_one_that_denies_it_raises(definition, dtype):
    samples = definition.rules.cls.samples
    if not samples[0].operands:
        _check_creation(definition, dtype)
        return
    found = list(_accepted_samples(definition, dtype))
    assert bool(found) == (dtype in TABLE[definition.name].dtypes)
    if not found:
        _check_denied(definition, dtype)
        return
    for number, arrays in found[:3]:
        graph, inputs = base(definition, number, arrays)
        runner = Runner(chain(graph, ""))
        check_types(runner, runner.run(*inputs))


def _check_creation(definition, dtype):
    """Constants and counters: the element type is an attribute."""
    graph = Graph("f")
    sample = definition.rules.cls.samples[0]
    attributes = dict(sample.attributes)
    if "dtype" in attributes:
        attributes["dtype"] = dtype
    else:
        from mixad.ir import Dense

        attributes["value"] = Dense(1, TensorType((), dtype))
    claimed = dtype in TABLE[definition.name].dtypes
    if not claimed:
        with pytest.raises(DTypeError):
            Builder(graph).create(definition, (), attributes)
        return
    graph.set_outputs(Builder(graph).create(definition, (), attributes).results)
    runner = Runner(chain(graph, "", 0))
    check_types(runner, runner.run())


def _check_denied(definition, dtype):
    """The type rule refuses, and so does the table, should a pass go around the type rule."""
    for number, sample in enumerate(definition.rules.cls.samples):
        arrays = _in_dtype(definition, number, dtype)
        graph = Graph("f")
        operands = tuple(graph.add_input(TensorType(a.shape, a.dtype)) for a in arrays)
        with pytest.raises(DTypeError):
            Builder(graph).create(definition, operands, sample.attributes)
        place = Location("user.py", 12)
        op = graph.insert(Operation(definition, operands, sample.attributes, [operands[0].type], (), place))
        graph.set_outputs(op.results)
        module = Module()
        module.add(graph)
        with pytest.raises(UnsupportedOperationError) as caught:
            TABLE.check(module)
        for part in ("numpy", f"'{definition.name}'", DTYPE_NAMES[dtype], "user.py:12"):
            assert part in str(caught.value)


DERIVED = [
    pytest.param(definition, dtype, number, id=f"{name}-{DTYPE_NAMES[dtype]}")
    for name, definition in OPERATIONS.items()
    for dtype in DTYPE_NAMES
    if dtype in INEXACT
    for number, arrays in list(_accepted_samples(definition, dtype))[:1]
    if differentiable(definition, number, arrays)
]
#: Whose derivative the tests of float64 show right, and which in narrow types may fall on another side of a jump.
JUMPS = ("tensor.remainder", "tensor.floor_divide")


@pytest.mark.parametrize(("definition", "dtype", "number"), DERIVED)
@pytest.mark.parametrize("modes", ["j", "r", "rj", pytest.param("rjr", marks=pytest.mark.slow)])
def test_derivatives_in_every_dtype(definition, dtype, number, modes):
    """Right types, and the numbers of the widest type."""
    arrays = _in_dtype(definition, number, dtype)
    wide = np.dtype(np.complex128 if dtype.kind == "c" else np.float64)
    widened = [a.astype(wide) if a.dtype == dtype else a for a in arrays]
    graph, inputs = base(definition, number, arrays)
    runner = Runner(chain(graph, modes))
    rng = np.random.default_rng(5)
    seeds = [random_like(rng, type) for type in runner.inputs[len(inputs) :]]
    found = runner.run(*inputs, *seeds)
    check_types(runner, found)
    if definition.name in JUMPS or definition.name == "tensor.convert":
        return
    graph, inputs = base(definition, number, widened)
    wider = Runner(chain(graph, modes))
    types = wider.inputs[len(inputs) :]
    expected = wider.run(*inputs, *[seed.astype(type.dtype) for seed, type in zip(seeds, types, strict=True)])
    for each, wanted in zip(found, expected, strict=True):
        scale = np.max(np.abs(wanted), initial=1.0)
        ulps = tolerance(dtype, 200 if modes == "rjr" else 40)
        np.testing.assert_allclose(each.astype(wanted.dtype), wanted, rtol=ulps, atol=ulps * scale)


# --- limits --------------------------------------------------------------------------------------


class _Limited:
    """The NumPy backend with another table."""

    name = "limited"
    pipeline = NUMPY.pipeline
    lowering = NUMPY.lowering
    lower = staticmethod(NUMPY.lower)

    def __init__(self, **rows):
        changed = {f"tensor.{name}": row for name, row in rows.items()}
        self.support = SupportTable("limited", {**TABLE, **{n: r for n, r in changed.items() if r is not None}})
        for name, row in changed.items():
            if row is None:
                del self.support._rows[name]


def _sine():
    graph = Graph("f")
    x = graph.add_input(TensorType((3,), np.float64))
    graph.set_outputs([Builder(graph, None, Location("user.py", 7, "f")).sin(x)])
    return graph


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_derivatives_up_to_the_declared_order_compile_and_one_more_raises(limit):
    backend = _Limited(sin=Support(TABLE["tensor.sin"].dtypes, limit))
    for modes in ("r" * limit, "j" * limit):
        compile_module(chain(_sine(), modes), backend)
    for modes in ("r" * (limit + 1), "j" * (limit + 1)):
        with pytest.raises(UnsupportedOrderError) as caught:
            compile_module(chain(_sine(), modes), backend)
        message = str(caught.value)
        assert isinstance(caught.value, NotImplementedError)
        assert isinstance(caught.value, MixadError)
        for part in ("limited", "'tensor.sin'", f"order {limit},", f"order {limit + 1} is", "user.py:7"):
            assert part in message, message


def test_a_missing_row_is_named():
    with pytest.raises(UnsupportedOperationError, match=r"limited backend has no lowering for 'tensor.cos'.*user.py:7"):
        compile_module(chain(_sine(), "j"), _Limited(cos=None))


def test_a_missing_element_type_is_named():
    backend = _Limited(sin=Support(frozenset({np.dtype(np.float32)})))
    with pytest.raises(UnsupportedOperationError, match=r"does not run 'tensor.sin' on f64, at user.py:7.*takes f32"):
        compile_module(chain(_sine(), ""), backend)
