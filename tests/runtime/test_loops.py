"""Loops in generated programs: random bodies against the interpreter, whatever is carried, stacked and shared."""

import random

import mixad as mx
import numpy as np
import pytest
from mixad.ir import Builder, Dense, Graph, Module, Operation, SymbolRef, TensorType
from mixad.ops.control import COND, SCAN
from mixad.runtime.compiler import Observer, observed
from mixad.runtime.numpy import NUMPY, steps
from mixad.runtime.reference import interpret

F64 = np.dtype(np.float64)
SHAPES = ((), (2,), (2, 1), (4,), (2, 2), (2, 3))
SCALAR, HALF, COLUMN, VECTOR, MATRIX, WIDE = TYPES = tuple(TensorType(shape, F64) for shape in SHAPES)

#: What a step may do, by the types that it takes.
DOINGS = {
    **{
        f"{name} {type}": ((type,) * count, lambda b, *xs, name=name: getattr(b, name)(*xs))
        for type in TYPES
        for name, count in (("sin", 1), ("neg", 1), ("stop_gradient", 1), ("add", 2), ("sub", 2), ("maximum", 2))
    },
    **{
        f"choose {type}": ((type,) * 3, lambda b, x, y, z: b.select(b.compare(x, y, direction="lt"), y, z))
        for type in TYPES
    },
    **{
        f"plus a half {type}": (
            (type,),
            lambda b, x: b.add(x, b.constant(value=Dense(0.5, x.type))),
        )
        for type in TYPES
    },
    "first half": ((VECTOR,), lambda b, x: b.slice(x, starts=(0,), sizes=(2,), steps=(1,))),
    "odd": ((VECTOR,), lambda b, x: b.slice(x, starts=(1,), sizes=(2,), steps=(2,))),
    "row": ((MATRIX,), lambda b, x: b.reshape(b.slice(x, starts=(1, 0), sizes=(1, 2), steps=(1, 1)), shape=(2,))),
    "column": ((MATRIX,), lambda b, x: b.slice(x, starts=(0, 1), sizes=(2, 1), steps=(1, 1))),
    "join": ((HALF, HALF), lambda b, *xs: b.concatenate(*xs, axis=0)),
    "join twice": ((HALF,), lambda b, x: b.concatenate(x, x, axis=0)),
    "join columns": ((COLUMN, COLUMN), lambda b, *xs: b.concatenate(*xs, axis=1)),
    "join wide": ((COLUMN, MATRIX), lambda b, *xs: b.concatenate(*xs, axis=1)),
    "narrow": ((WIDE,), lambda b, x: b.slice(x, starts=(0, 1), sizes=(2, 2), steps=(1, 1))),
    "pad": ((HALF,), lambda b, x: b.pad(x, low=(1,), high=(1,), interior=(0,))),
    "square": ((VECTOR,), lambda b, x: b.reshape(x, shape=(2, 2))),
    "flatten": ((MATRIX,), lambda b, x: b.reshape(x, shape=(4,))),
    "flatten column": ((COLUMN,), lambda b, x: b.reshape(x, shape=(2,))),
    "transpose": ((MATRIX,), lambda b, x: b.transpose(x, permutation=(1, 0))),
    "reverse": ((VECTOR,), lambda b, x: b.reverse(x, axes=(0,))),
    "fill": ((SCALAR,), lambda b, x: b.broadcast_in_dim(x, shape=(4,), dims=())),
    "rows alike": ((HALF,), lambda b, x: b.broadcast_in_dim(x, shape=(2, 2), dims=(1,))),
    "columns alike": ((HALF,), lambda b, x: b.broadcast_in_dim(x, shape=(2, 2), dims=(0,))),
    "widen": ((COLUMN,), lambda b, x: b.broadcast_in_dim(x, shape=(2, 2), dims=(0, 1))),
    "sum": ((VECTOR,), lambda b, x: b.reduce_sum(x, axes=(0,))),
    "sum rows": ((MATRIX,), lambda b, x: b.reduce_sum(x, axes=(0,))),
    "product": ((MATRIX, MATRIX), lambda b, x, y: b.contract(x, y, spec="ij,jk->ik")),
    "product of columns": ((MATRIX, MATRIX), lambda b, x, y: b.contract(x, y, spec="ji,kj->ki")),
    "apply": ((MATRIX, HALF), lambda b, x, y: b.contract(x, y, spec="ij,j->i")),
    "apply back": ((MATRIX, HALF), lambda b, x, y: b.contract(x, y, spec="ij,i->j")),
    "outer": ((HALF, HALF), lambda b, x, y: b.contract(x, y, spec="i,j->ji")),
    "inner": ((HALF, HALF), lambda b, x, y: b.contract(x, y, spec="i,i->")),
    "constant": ((), lambda b: b.constant(value=Dense(np.array([0.5, -0.25])))),
}


#: What shares memory.
OFTEN = (
    "join",
    "join twice",
    "join columns",
    "join wide",
    "narrow",
    "first half",
    "column",
    "flatten",
    "square",
    "transpose",
    "product",
)


def _numbers(*shape):
    return np.sin(np.arange(float(np.prod(shape)))).reshape(shape)


class Bodies:
    """Draws functions into a module."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.module = Module()

    def pick(self, options):
        return self.random.choice(list(options))

    def some(self, options, most):
        """Up to ``most`` of them, perhaps one more than once."""
        return [self.pick(options) for _ in range(self.random.randint(0, most))]

    def function(self, inputs, depth, fixed=()):
        """A graph of up to 16 operations; ``fixed`` are the types of its first outputs."""
        graph = Graph(f"f{len(self.module.functions)}_{depth}")
        values = [graph.add_input(type) for type in inputs]
        builder = Builder(graph)
        for _ in range(self.random.randint(3, 16)):
            known = {value.type for value in values}
            possible = [name for name, (types, _) in DOINGS.items() if known.issuperset(types)]
            possible += [name for name in possible if name in OFTEN] * 4
            name = self.pick([*possible, *(["loop", "branch"] if depth and values else [])])
            if name == "loop":
                values += self.loop(graph, values, depth - 1)
            elif name == "branch":
                values += self.branch(graph, values)
            else:
                types, do = DOINGS[name]
                values.append(do(builder, *(self.of(values, type) for type in types)))
        outputs = [self.of(values, type, builder) for type in fixed]
        graph.set_outputs([*outputs, *self.some([*values, *outputs], 3)])
        self.module.functions[graph.name] = graph
        return graph

    def of(self, values, type, builder=None):
        found = [value for value in values if value.type is type]
        found += found[-2:] * 2  # what was made last is used more often
        return self.pick(found) if found else builder.constant(value=Dense(0.25, type))

    def loop(self, graph, values, depth):
        """Append a loop over some of the values."""
        builder = Builder(graph)
        length = self.random.randint(0, 3)
        carried = [value.type for value in self.some(values, 3)]
        scanned = self.some(TYPES, 2)
        consts = self.some(values, 2)
        body = self.function([*carried, *scanned, *(value.type for value in consts)], depth, carried)
        rows = [builder.constant(value=Dense(_numbers(length, *type.shape))) for type in scanned]
        attributes = {
            "body": SymbolRef(body.name),
            "carry": len(carried),
            "xs": len(scanned),
            "length": length,
            "reverse": self.pick((False, True)),
        }
        stacked = [value.type.with_shape((length, *value.type.shape)) for value in body.outputs[len(carried) :]]
        operands = (*(self.of(values, type) for type in carried), *rows, *consts)
        return list(graph.insert(Operation(SCAN, operands, attributes, [*carried, *stacked])).results)

    def branch(self, graph, values):
        """Append a choice between two of the values, as they are."""
        x = self.pick(values)
        y = self.pick([value for value in values if value.type is x.type])
        names = []
        for index in range(2):
            function = Graph(f"g{len(self.module.functions)}_{index}")
            function.set_outputs([[function.add_input(x.type) for _ in range(2)][index]])
            self.module.functions[function.name] = function
            names.append(SymbolRef(function.name))
        builder = Builder(graph)
        which = builder.constant(value=Dense(np.array(self.pick((False, True)))))
        attributes = {"on_true": names[0], "on_false": names[1]}
        return list(graph.insert(Operation(COND, (which, x, y), attributes, [x.type])).results)


@pytest.mark.parametrize("few", [0, steps.FEW])
@pytest.mark.parametrize(
    "first", [0, *(pytest.param(first, marks=pytest.mark.slow) for first in range(600, 6000, 600))]
)
def test_random_loops_are_what_the_interpreter_makes_of_them(first, few, monkeypatch):
    monkeypatch.setattr(steps, "FEW", few)
    for seed in range(first, first + 600):
        _check_a_loop(seed)


def _check_a_loop(seed):
    bodies = Bodies(seed)
    graph = Graph("main")
    values = [graph.add_input(type) for type in TYPES]
    results = bodies.loop(graph, values, depth=1)
    graph.set_outputs([*results, *bodies.some([*values, *results], 2)])
    bodies.module.functions["main"] = graph
    inputs = [np.cos(np.arange(float(type.size)) + len(type.shape)).reshape(type.shape) for type in TYPES]
    program = NUMPY.lower(graph, bodies.module)
    expected = interpret(graph, *inputs, module=bodies.module)
    given = [each.copy() for each in inputs]
    for _ in range(2):  # nothing that was written into the first results may be in the second
        found = program.run(*given)
        for each, wanted in zip(found, expected, strict=True):
            assert (np.shape(each), each.dtype) == (wanted.shape, wanted.dtype)
            np.testing.assert_allclose(each, wanted, rtol=1e-9, atol=1e-9, err_msg=f"seed {seed}\n{program.source}")
        arrays = [*given, *(each for each in found if np.ndim(each))]
        for index, each in enumerate(arrays):
            assert not any(np.shares_memory(each, other) for other in arrays[index + 1 :]), program.source
        for each in arrays[len(given) :]:
            each[...] = -99.0
        for each, original in zip(given, inputs, strict=True):
            np.testing.assert_array_equal(each, original)


def test_a_step_makes_no_arrays():
    def f(weight, start, xs):
        return mx.scan(lambda h, x: (np.tanh(weight @ h + np.concatenate([h[2:], x])), ()), start, xs)[0]

    found = source_of(f, np.eye(4), np.ones(4), np.ones((5, 2)))
    step = found.partition("for ")[2].splitlines()[1:-1]
    assert [line.strip() for line in step if " = " in line and "[...] = " not in line] == []
    assert sum(".dot(" in line for line in step) == 1
    assert "concatenate(" not in found


def test_a_short_loop_has_no_buffers():
    found = source_of(lambda xs: mx.scan(lambda h, x: (np.sin(h + x), h), np.zeros(3), xs), np.ones((steps.FEW - 1, 3)))
    assert "np.ndarray(" not in found


def source_of(function, *arguments):
    sources = []

    class Sources(Observer):
        def finish(self, module, programs, log):
            sources.extend(program.source for program in programs.values())

    with observed(Sources):
        mx.jit(function)(*arguments)
    return sources[-1]
