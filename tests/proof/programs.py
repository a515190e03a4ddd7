"""Programs of single operations and their derivatives, and the ways to run them.

A *chain* of modes, such as "jr", differentiates an operation once for each letter, the first letter innermost:
"j" pushes a tangent (one more input for each differentiated one), "r" pulls a cotangent. Each level is a function
of the same operands, so that level k is checked against differences of level k - 1.
"""

import functools
import itertools

import mixad.ops  # noqa: F401 - registers the operations
import numpy as np
import pytest
from mixad.ir import (
    Builder,
    Dense,
    Graph,
    Module,
    Operation,
    SymbolRef,
    TensorType,
    lookup,
    module_fingerprint,
    parse_module,
    registered,
    verify,
)
from mixad.ir.errors import ConstraintError
from mixad.ir.types import INEXACT
from mixad.passes import PassManager
from mixad.runtime.compiler import compile_module
from mixad.runtime.numpy import NUMPY
from mixad.runtime.reference import interpret

OPERATIONS = {name: each for name, each in registered().items() if each.rules is not None}
CASES = [
    (definition, number) for definition in OPERATIONS.values() for number in range(len(definition.rules.cls.samples))
]
EXPAND = "expand-ad,inline,drop-stop-gradient"


def ids(case):
    """How pytest names a case."""
    definition, number = case
    return f"{definition.name}-{number}"


def random_like(rng, type):
    """Random numbers of a tensor type."""
    real = rng.standard_normal(type.shape)
    array = real + 1j * rng.standard_normal(type.shape) if type.dtype.kind == "c" else real
    return np.asarray(array).astype(type.dtype)


def sample_arrays(definition, number, dtype=np.float64, seed=0):
    """A sample's operands: random numbers, and given arrays of float64, become ``dtype``."""
    rng = np.random.default_rng(seed)
    cls = definition.rules.cls
    found = []
    for position, operand in enumerate(cls.samples[number].operands):
        low, high = cls.domain if np.ndim(cls.domain) == 1 else cls.domain[position]
        array = rng.uniform(low, high, operand) if isinstance(operand, tuple) else operand
        if array.dtype == np.float64:
            with np.errstate(all="ignore"):
                array = np.asarray(array).astype(dtype)
            if np.dtype(dtype).kind == "c" and isinstance(operand, tuple):
                array = np.asarray(array + dtype(1j * 0.3) * rng.uniform(0.5, 1, operand)).astype(dtype)
            if np.dtype(dtype).kind in "iu" and isinstance(operand, tuple):
                array = np.maximum(array, np.ones((), dtype))
        found.append(np.asarray(array))
    return found


def accepted(definition, number, arrays):
    """Whether the type rule takes operands of these types."""
    types = [TensorType(array.shape, array.dtype) for array in arrays]
    try:
        definition.infer(types, definition.rules.cls.samples[number].attributes)
    except ConstraintError:
        return False
    return True


def differentiable(definition, number, arrays):
    """Whether the operation has floating-point operands and a floating-point result."""
    types = [TensorType(array.shape, array.dtype) for array in arrays]
    results = definition.infer(types, definition.rules.cls.samples[number].attributes)
    return any(type.differentiable for type in types) and any(type.differentiable for type in results)


def base(definition, number, arrays):
    """The function @f of the operands that have derivatives, the others constants; and its inputs."""
    graph = Graph("f")
    rules = definition.rules
    given = [
        array.dtype in INEXACT and rules.position(position) not in rules.cls.no_derivative_in
        for position, array in enumerate(arrays)
    ]
    inputs = [array for array, flag in zip(arrays, given, strict=True) if flag]
    parameters = iter([graph.add_input(TensorType(array.shape, array.dtype)) for array in inputs])
    b = Builder(graph)
    operands = tuple(
        [
            next(parameters) if flag else b.constant(value=Dense(array))
            for array, flag in zip(arrays, given, strict=True)
        ]
    )
    graph.set_outputs(b.create(definition, operands, definition.rules.cls.samples[number].attributes).results)
    return graph, inputs


def derive(module, source, mode, count, aux=0):
    """Add the next level over function ``source``: its derivatives with respect to its first ``count`` inputs."""
    callee = module[source]
    graph = Graph(f"d_{source}")
    inputs = [graph.add_input(value.type) for value in callee.inputs]
    chosen = [value.type for value in callee.inputs[:count]]
    outputs = [value.type for value in callee.outputs]
    seeds, derived = (chosen, outputs) if mode == "j" else (outputs, chosen)
    attributes = {"callee": SymbolRef(source), "wrt": tuple(range(count)), "aux": aux}
    if mode == "r":
        attributes["sens"] = "given"
    operands = (*inputs, *(graph.add_input(type) for type in seeds))
    op = graph.insert(
        Operation(lookup("ad.jvp" if mode == "j" else "ad.vjp"), operands, attributes, (*outputs, *derived), ())
    )
    graph.set_outputs(op.results[len(outputs) :])
    return module.add(graph)


def chain(graph, modes, count=None):
    """The module whose entry is the derivative of ``graph`` by ``modes``."""
    module = Module()
    top = module.add(graph.clone())
    count = len(graph.inputs) if count is None else count
    for mode in modes:
        top = derive(module, top.name, mode, count)
    rest = {name: each for name, each in module.functions.items() if each is not top}
    module.functions = {top.name: top, **rest}
    return module


def expanded(module, pipeline=EXPAND):
    """A copy of ``module`` with its requests carried out."""
    module = module.clone()
    PassManager(pipeline).run(module)
    return module


class Runner:
    """A module compiled by the NumPy backend, and the graph that the interpreter takes."""

    def __init__(self, module):
        self.module = module
        self.inputs = [value.type for value in module.entry.inputs]
        self.outputs = [value.type for value in module.entry.outputs]
        name = module.entry.name
        self.run = compile_module(module.clone(), NUMPY)[name].run

    @functools.cached_property
    def graph(self):
        """The derivative's operations, before the backend's own passes."""
        return expanded(self.module).entry

    def interpret(self, *arrays):
        """The reference results."""
        return interpret(self.graph, *arrays)


def check_types(runner, results):
    """Results have the types that the program states; 0-d ones are NumPy scalars."""
    for type, result in zip(runner.outputs, results, strict=True):
        assert (np.shape(result), result.dtype) == (type.shape, type.dtype)
        assert isinstance(result, np.ndarray if type.rank else np.generic)


def tolerance(dtype, ulps=2):
    """Relative tolerance of some units in the last place."""
    real = np.dtype(dtype.char.lower()) if dtype.kind == "c" else dtype
    bits = {"bfloat16": 7}.get(real.name) or np.finfo(real).nmant
    return ulps * 2.0**-bits


def assert_close(found, expected, ulps=2, err=""):
    """Equal to a few units in the last place, NaN and infinities alike."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if found.dtype not in INEXACT:
        np.testing.assert_array_equal(found, expected)
        return
    wide = np.complex128 if found.dtype.kind == "c" else np.float64
    found, expected, dtype = found.astype(wide), expected.astype(wide), found.dtype
    finite = expected[np.isfinite(expected)]
    scale = np.max(np.abs(finite)) if finite.size else 0.0
    rtol = tolerance(dtype, ulps)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * scale * 0.5, err_msg=err)


def round_trips(module):
    """The module prints to text that reads back as the same program."""
    verify(module)
    text = str(module)
    again = parse_module(text)
    assert str(again) == text
    assert module_fingerprint(again) == module_fingerprint(module)


def chains(order):
    """All mixtures of forward and reverse mode of an order."""
    return ["".join(modes) for modes in itertools.product("jr", repeat=order)]


def difference(function, h=2e-3):
    """The derivatives of a function of a number at 0, extrapolated twice (Romberg): the error is of order h**6."""
    steps = [[(a - b) / (2 * k * h) for a, b in zip(function(k * h), function(-k * h), strict=True)] for k in (1, 2, 4)]
    found = []
    for one, two, four in zip(*steps, strict=True):
        first, second = (4 * one - two) / 3, (4 * two - four) / 3
        found.append((16 * first - second) / 15)
    return found


def inner(xs, ys):
    """The real part of the bilinear product of two lists of arrays."""
    return sum(np.sum(np.asarray(x) * np.asarray(y)).real for x, y in zip(xs, ys, strict=True))


def check_chain(graph, inputs, runners, modes, rng, tolerance=2e-7):
    """The derivative by ``modes`` against differences of the level below it, and the backend against the
    interpreter. ``runners`` holds what is compiled, by modes. Returns the derivative."""
    count = len(inputs)
    below = runners[modes[:-1]]
    runner = runners[modes] = Runner(chain(graph, modes))
    seeds = [random_like(rng, type) for type in below.inputs[count:]]
    weights = [random_like(rng, type) for type in runner.inputs[len(below.inputs) :]]
    found = runner.run(*inputs, *seeds, *weights)
    check_types(runner, found)
    directions = weights if modes[-1] == "j" else [random_like(rng, type) for type in below.inputs[:count]]
    changes = difference(lambda h: below.run(*[x + h * d for x, d in zip(inputs, directions, strict=True)], *seeds))
    if modes[-1] == "j":
        pairs = zip(found, changes, strict=True)
    else:
        pairs = [(inner(found, directions), inner(changes, weights))]
    for each, change in pairs:
        scale = max(1.0, np.max(np.abs(change), initial=0.0))
        np.testing.assert_allclose(each, change, rtol=tolerance, atol=tolerance * scale, err_msg=modes)
    for each, wanted in zip(found, runner.interpret(*inputs, *seeds, *weights), strict=True):
        assert_close(each, wanted, ulps=64, err=modes)
    return found


def parameters(cases, **kwargs):
    """The cases as pytest's parameters."""
    return pytest.mark.parametrize("case", cases, ids=ids, **kwargs)
