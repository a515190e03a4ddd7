"""Every operation's rules against each other and against numbers, on the samples beside the operation."""

import itertools
import math

import mixad.ops  # noqa: F401 - registers the operations
import ml_dtypes
import mpmath
import numpy as np
import pytest
from mixad.ir import Graph, TensorType, lookup, registered
from mixad.ir.attributes import Dense
from mixad.ir.builder import Builder
from mixad.ir.errors import ConstraintError
from mixad.ir.types import DTYPE_NAMES, INEXACT
from mixad.ops.definition import zeros

CASES = [
    pytest.param(definition, sample, id=f"{name}-{number}")
    for name, definition in registered().items()
    if definition.rules is not None
    for number, sample in enumerate(definition.rules.cls.samples)
]


def _arrays(definition, sample, rng, dtype=np.float64):
    """The sample's operands; given inexact arrays and random numbers are of ``dtype``."""
    domains = definition.rules.cls.domain
    found = []
    for position, operand in enumerate(sample.operands):
        low, high = domains if np.ndim(domains) == 1 else domains[position]
        array = rng.uniform(low, high, operand) if isinstance(operand, tuple) else operand
        found.append(np.asarray(array, dtype if array.dtype == np.float64 else array.dtype))
    return found


def _types(arrays):
    return [TensorType(array.shape, array.dtype) for array in arrays]


def _run(graph, *inputs):
    """The graph's outputs, by the operations' own `evaluate`, each checked against its inferred type."""
    values = dict(zip(graph.inputs, inputs, strict=True))
    with np.errstate(all="ignore"):
        for op in graph:
            results = _results(op.definition, [values[v] for v in op.operands], op.attributes)
            for value, result in zip(op.results, results, strict=True):
                assert (np.shape(result), result.dtype) == (value.type.shape, value.type.dtype), op.name
                values[value] = result
    return [None if value is None else values[value] for value in graph.outputs]


def _results(definition, arrays, attributes):
    """The operation's results by its own `evaluate`, as a tuple."""
    found = definition.rules.evaluate(*arrays, **attributes)
    return found if type(found) is tuple else (found,)


def _graph(definition, arrays, attributes):
    graph = Graph("f")
    operands = tuple(graph.add_input(type) for type in _types(arrays))
    op = Builder(graph).create(definition, operands, attributes)
    return graph, op


def _random(rng, like):
    """Random numbers of the shape and dtype of an inexact array."""
    real = rng.standard_normal(like.shape)
    return np.asarray(real + 1j * rng.standard_normal(like.shape) if like.dtype.kind == "c" else real, like.dtype)


def _accepts(definition, types, attributes):
    try:
        definition.infer(types, attributes)
    except ConstraintError:
        return False
    return True


@pytest.mark.parametrize(("definition", "sample"), CASES)
def test_result_has_the_inferred_type_for_every_dtype(definition, sample):
    rng = np.random.default_rng(0)
    tried = 0
    for dtype in DTYPE_NAMES:
        with np.errstate(all="ignore"):
            arrays = _arrays(definition, sample, rng, dtype)
            if any(isinstance(operand, tuple) for operand in sample.operands) and dtype.kind in "iu":
                arrays = [np.maximum(a, 1) if a.dtype == dtype else a for a in arrays]
        if not _accepts(definition, _types(arrays), sample.attributes):
            continue
        graph, op = _graph(definition, arrays, sample.attributes)
        graph.set_outputs(op.results)
        _run(graph, *arrays)
        tried += 1
    assert tried


def _cases(dtype):
    """The cases whose operations take the dtype."""
    rng = np.random.default_rng(0)
    for case in CASES:
        definition, sample = case.values
        if _accepts(definition, _types(_arrays(definition, sample, rng, dtype)), sample.attributes):
            yield pytest.param(definition, sample, dtype, id=f"{case.id}-{np.dtype(dtype).name}")


def _is_differentiable(definition, sample, dtype):
    types = _types(_arrays(definition, sample, np.random.default_rng(0), dtype))
    results = definition.infer(types, sample.attributes)
    return any(type.differentiable for type in types) and any(type.differentiable for type in results)


def _central_difference(f, h=1e-3):
    """The derivative of ``f`` at 0, extrapolated twice (Romberg): the error is of order h**6."""
    with np.errstate(all="ignore"):
        one, two, four = ((f(k * h) - f(-k * h)) / (2 * k * h) for k in (1, 2, 4))
    first, second = (4 * one - two) / 3, (4 * two - four) / 3
    return (16 * first - second) / 15


@pytest.mark.parametrize(("definition", "sample", "dtype"), [*_cases(np.float64), *_cases(np.complex128)])
def test_jvp_is_the_directional_derivative(definition, sample, dtype):
    rng = np.random.default_rng(1)
    arrays = _arrays(definition, sample, rng, dtype)
    rules = definition.rules
    fixed = [rules.position(i) in rules.cls.no_derivative_in for i in range(len(arrays))]
    directions = [
        _random(rng, a) if a.dtype in INEXACT and not flag else None for a, flag in zip(arrays, fixed, strict=True)
    ]
    graph, op = _graph(definition, arrays, sample.attributes)
    tangents = [None if d is None else graph.add_input(v.type) for d, v in zip(directions, op.operands, strict=True)]
    pushed = definition.rules.jvp(Builder(graph), op, tangents)
    if not _is_differentiable(definition, sample, dtype):
        assert not any(pushed)
        return
    if not any(pushed):
        assert definition.rules.cls.piecewise_constant or all(fixed)
        pushed = [zeros(Builder(graph), result.type) for result in op.results]
    assert [tangent.type for tangent in pushed] == [result.type for result in op.results]
    graph.set_outputs(pushed)
    seeds = [d for d in directions if d is not None]
    found = _run(graph, *arrays, *seeds)

    def at(h, position):
        moved = [a if d is None else a + h * d for a, d in zip(arrays, directions, strict=True)]
        return _results(definition, moved, sample.attributes)[position]

    for position, each in enumerate(found):
        stopped = definition.name == "ad.stop_gradient"
        expected = 0 if stopped else _central_difference(lambda h, position=position: at(h, position))
        np.testing.assert_allclose(each, expected, rtol=1e-8, atol=1e-9)


LINEAR = [
    pytest.param(*case.values, group, id=f"{case.id}-{'+'.join(group)}")
    for case in [*_cases(np.float64), *_cases(np.complex128)]
    for group in case.values[0].rules.cls.linear_in
    if _is_differentiable(*case.values)
]


def _pairing(a, b):
    """The real part of the bilinear product: what transposing preserves between real and complex."""
    return np.sum(np.asarray(a) * np.asarray(b)).real


@pytest.mark.parametrize(("definition", "sample", "dtype", "group"), LINEAR)
def test_transpose_is_the_adjoint(definition, sample, dtype, group):
    rng = np.random.default_rng(2)
    arrays = _arrays(definition, sample, rng, dtype)
    rules = definition.rules
    linear = [rules.position(i) in group and a.dtype in INEXACT for i, a in enumerate(arrays)]
    vectors = [_random(rng, a) if on else a for a, on in zip(arrays, linear, strict=True)]
    image = rules.evaluate(*vectors, **sample.attributes)
    weight = _random(rng, image)
    graph, op = _graph(definition, arrays, sample.attributes)
    ct = graph.add_input(op.result.type)
    cotangents = rules.transpose(Builder(graph), op, [ct], linear)
    assert [c is not None for c in cotangents] == linear
    assert all(c is None or c.type is v.type for c, v in zip(cotangents, op.operands, strict=True))
    graph.set_outputs([c for c in cotangents if c is not None])
    pulled = _run(graph, *vectors, weight)
    chosen = [v for v, on in zip(vectors, linear, strict=True) if on]
    expected = sum(_pairing(v, p) for v, p in zip(chosen, pulled, strict=True))
    np.testing.assert_allclose(_pairing(image, weight), expected, rtol=1e-12, atol=1e-12)


# --- meaning -------------------------------------------------------------------------------------


def _evaluate(name, *arrays, **attributes):
    return lookup(name).rules.evaluate(*arrays, **attributes)


@pytest.mark.parametrize("sample", lookup("tensor.contract").rules.cls.samples, ids=lambda s: s.attributes["spec"])
def test_contract_is_einsum(sample):
    rng = np.random.default_rng(3)
    x, y = (rng.standard_normal(shape) for shape in sample.operands)
    found = _evaluate("tensor.contract", x, y, **sample.attributes)
    np.testing.assert_allclose(found, np.einsum(sample.attributes["spec"], x, y), rtol=1e-13, atol=1e-13)


def test_slice_is_numpy_indexing_for_every_start_size_and_step():
    x = np.arange(5)
    for start, size, step in itertools.product(range(5), range(1, 6), (-3, -2, -1, 1, 2, 3)):
        wanted = [start + k * step for k in range(size)]
        attributes = {"starts": (start,), "sizes": (size,), "steps": (step,)}
        inside = all(0 <= position < 5 for position in wanted)
        assert _accepts(lookup("tensor.slice"), [TensorType((5,), np.int64)], attributes) == inside
        if inside:
            assert _evaluate("tensor.slice", x, **attributes).tolist() == wanted


def test_scatter_last_update_wins_and_scatter_add_accumulates():
    index = np.array([2, 0, 2, -1])
    x, updates = np.zeros(4, int), np.array([1, 2, 3, 4])
    assert _evaluate("tensor.scatter", x, updates, index, axes=(0,)).tolist() == [2, 0, 3, 4]
    assert _evaluate("tensor.scatter_add", x, updates, index, axes=(0,)).tolist() == [2, 0, 4, 4]
    assert x.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("name", ["gather", "scatter_add"])
def test_an_index_out_of_range_is_an_index_error(name):
    updates = (np.zeros(1),) if name == "scatter_add" else ()
    with pytest.raises(IndexError):
        _evaluate(f"tensor.{name}", np.zeros(3), *updates, np.array([3]), axes=(0,))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_narrow_types_accumulate_in_float32(dtype):
    ones = np.ones(4096, dtype)
    assert _evaluate("tensor.reduce_sum", ones, axes=(0,)) == 4096
    assert _evaluate("tensor.contract", ones, ones, spec="i,i->") == 4096
    assert _evaluate("tensor.cumsum", ones, axis=0, reverse=False)[-1] == 4096


def test_erf_is_accurate_to_two_units_in_the_last_place():
    rng = np.random.default_rng(4)
    x = np.concatenate(
        [rng.uniform(-6.5, 6.5, 500), 1 + rng.uniform(-1e-6, 1e-6, 100), 10.0 ** rng.uniform(-300, 0, 100)]
    )
    found = _evaluate("tensor.erf", x)
    with mpmath.workdps(40):
        errors = [abs(float(mpmath.mpf(f) - mpmath.erf(v))) for f, v in zip(found.tolist(), x.tolist(), strict=True)]
    assert max(np.array(errors) / np.spacing(np.abs(found))) < 2
    special = _evaluate("tensor.erf", np.array([np.nan, np.inf, -np.inf, 0.0, -0.0]))
    np.testing.assert_array_equal(special, [np.nan, 1, -1, 0, -0.0])
    assert np.signbit(special[-1])


def test_sigmoid_neither_overflows_nor_cancels():
    with np.errstate(all="raise", under="ignore"):
        found = _evaluate("tensor.sigmoid", np.array([-800.0, -40.0, 0.0, 40.0, 800.0]))
    np.testing.assert_allclose(found, [0, math.exp(-40), 0.5, 1, 1], rtol=1e-15)


# --- chosen derivatives --------------------------------------------------------------------------


def _partials(name, *numbers, **attributes):
    """The derivative with respect to each operand, on its own."""
    definition = lookup(name)
    arrays = [np.asarray(n, float) for n in numbers]
    graph, op = _graph(definition, arrays, attributes)
    seed = Builder(graph).constant(value=Dense(1.0, op.operands[0].type))
    outputs = []
    for position in range(len(arrays)):
        tangents = [seed if i == position else None for i in range(len(arrays))]
        outputs.append(definition.rules.jvp(Builder(graph), op, tangents)[0])
    graph.set_outputs(outputs)
    return [float(value) for value in _run(graph, *arrays)]


CHOICES = [
    ("abs", (0.0,), [0.0]),
    ("sqrt", (0.0,), [np.inf]),
    ("maximum", (1.0, 1.0), [0.5, 0.5]),
    ("minimum", (1.0, 1.0), [0.5, 0.5]),
    ("maximum", (2.0, 1.0), [1.0, 0.0]),
    ("minimum", (2.0, 1.0), [0.0, 1.0]),
    ("pow", (0.0, 0.0), [0.0, 0.0]),
    ("pow", (0.0, 2.0), [0.0, 0.0]),
    ("pow", (0.0, 1.0), [1.0, 0.0]),
    ("pow", (2.0, 0.0), [0.0, math.log(2)]),
    ("pow", (0.0, -1.0), [-np.inf, -np.inf]),
    ("atanh", (1 - 2.0**-53,), [1 / (2.0**-53 * (2 - 2.0**-53))]),
]


@pytest.mark.parametrize(("name", "at", "expected"), CHOICES)
def test_derivative_at_a_special_point(name, at, expected):
    np.testing.assert_allclose(_partials(f"tensor.{name}", *at), expected, rtol=1e-15)


@pytest.mark.parametrize("name", ["reduce_max", "reduce_min"])
def test_ties_of_an_extremum_share_evenly(name):
    definition = lookup(f"tensor.{name}")
    x, dx = np.array([1.0, 1.0, 1.0]), np.array([1.0, 0.0, 0.0])
    graph, op = _graph(definition, [x], {"axes": (0,)})
    tangent = graph.add_input(op.operands[0].type)
    graph.set_outputs(definition.rules.jvp(Builder(graph), op, [tangent]))
    np.testing.assert_allclose(_run(graph, x, dx), [1 / 3], rtol=1e-15)


def _nested(name, numbers, *order):
    """The derivatives of a function of numbers with respect to operands ``order``, one after the other."""
    arrays = [np.asarray(number, float) for number in numbers]
    graph, op = _graph(lookup(name), arrays, {})
    b, value = Builder(graph), op.result
    for position in order:
        tangents = {op.operands[position]: b.constant(value=Dense(1.0))}
        for inner in list(graph):
            (tangent,) = inner.definition.rules.jvp(b, inner, [tangents.get(v) for v in inner.operands])
            if tangent is not None:
                tangents[inner.result] = tangent
        value = tangents.get(value) or zeros(b, value.type)
    graph.set_outputs([value])
    return _run(graph, *arrays)[0]


def test_pow_at_zero_differentiates_to_any_order():
    found = [_nested("tensor.pow", (0.0, 2.0), *[0] * order) for order in range(5)]
    assert found == [0, 0, 2, 0, 0]
    assert _nested("tensor.pow", (0.0, 0.0), 0, 0) == 0


def test_mixed_second_derivative_of_pow_at_exponent_zero():
    """d2/dxdy x**y is 1/x at y = 0, so the choice for 0**0 must not reach beyond that point."""
    assert _nested("tensor.pow", (2.0, 0.0), 0, 1) == 0.5
    assert _nested("tensor.pow", (2.0, 0.0), 1, 0) == 0.5


def test_fourth_derivative_of_sin_is_sin():
    found = [_nested("tensor.sin", (0.7,), *[0] * order) for order in range(5)]
    sin, cos = math.sin(0.7), math.cos(0.7)
    np.testing.assert_allclose(found, [sin, cos, -sin, -cos, sin], rtol=1e-15)


def test_an_integer_conversion_cuts_the_tangent():
    definition = lookup("tensor.convert")
    graph, op = _graph(definition, [np.array(1.5)], {"dtype": np.dtype(np.int32)})
    assert definition.rules.jvp(Builder(graph), op, [op.operands[0]]) == (None,)
