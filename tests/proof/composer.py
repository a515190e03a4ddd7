"""Random programs: Hypothesis draws the steps, each of which writes one operation or a few."""

import mixad.ops  # noqa: F401 - registers the operations
import numpy as np
from hypothesis import strategies as st
from mixad.ir import Builder, Dense, Graph, TensorType

SMOOTH = ["sin", "cos", "tanh", "sigmoid", "erf", "atan", "asinh", "neg", "square", "sinh", "cosh"]
#: Functions with a domain: each is given a number in [1.2, 1.8] for x, and a weight in [-1, 1] for y.
GUARDED = ["log", "sqrt", "rsqrt", "reciprocal", "log1p", "expm1", "exp", "acosh"]
STEPS = [
    "smooth",
    "guarded",
    "add",
    "sub",
    "mul",
    "div",
    "pow",
    "atan2",
    "constant",
    "select",
    "stop",
    "reshape",
    "transpose",
    "broadcast",
    "slice",
    "pad",
    "reverse",
    "concatenate",
    "reduce_sum",
    "reduce_prod",
    "cumsum",
    "contract",
    "gather",
    "scatter_add",
    "again",
]


class Composer:
    """Writes a random program, step by step; ``draw`` takes a list and gives one of its items."""

    def __init__(self, draw, sizes):
        self.draw = draw
        self.sizes = sizes
        self.graph = Graph("f")
        self.b = Builder(self.graph)
        self.rng = np.random.default_rng(draw(list(range(100))))
        self.numbers = {}
        self.inputs = []
        for _ in range(draw([1, 2])):
            type = TensorType(tuple(draw(sizes) for _ in range(draw([0, 1, 2, 2]))), np.float64)
            value = self.graph.add_input(type)
            self.inputs.append(self.rng.uniform(-1, 1, type.shape))
            self.numbers[value] = self.inputs[-1]
        self.values = list(self.numbers)

    def keep(self, value):
        """Take a result into the pool; numbers that grow large are brought back, so that differences stay exact."""
        operands = [self.number(each) for each in value.owner.operands]
        self.numbers[value] = np.asarray(value.owner.definition.rules.evaluate(*operands, **value.owner.attributes))
        if np.max(np.abs(self.numbers[value]), initial=0) > 3:
            return self.keep(self.b.sin(self.b.mul(value, self.like(value, 0.25))))
        self.values.append(value)
        return value

    def number(self, value):
        if value not in self.numbers:
            operands = [self.number(each) for each in value.owner.operands]
            self.numbers[value] = value.owner.definition.rules.evaluate(*operands, **value.owner.attributes)
        return self.numbers[value]

    def like(self, value, number):
        return self.b.constant(value=Dense(number, value.type))

    def any(self, shape=None, rank=None):
        """A value, of a shape or of at least a rank where one is asked for."""
        fitting = [
            v for v in self.values if (shape is None or v.type.shape == shape) and (rank is None or v.type.rank >= rank)
        ]
        if not fitting:
            return None
        return self.draw(fitting[-6:])

    def guarded(self, x):
        """1.5 + 0.3 * sin(x)."""
        b = self.b
        return b.add(b.mul(b.sin(x), self.like(x, 0.3)), self.like(x, 1.5))

    def step(self):
        name = self.draw(STEPS)
        made = getattr(self, f"_{name}")()
        if made is not None:
            self.keep(made)

    # --- element by element ----------------------------------------------------------------------

    def _smooth(self):
        return getattr(self.b, self.draw(SMOOTH))(self.any())

    def _guarded(self):
        return getattr(self.b, self.draw(GUARDED))(self.guarded(self.any()))

    def _pair(self):
        x = self.any()
        return x, self.any(x.type.shape)

    def _add(self):
        return self.b.add(*self._pair())

    def _sub(self):
        return self.b.sub(*self._pair())

    def _mul(self):
        return self.b.mul(*self._pair())

    def _div(self):
        x, y = self._pair()
        return self.b.div(x, self.guarded(y))

    def _pow(self):
        x, y = self._pair()
        return self.b.pow(self.guarded(x), y)

    def _atan2(self):
        x, y = self._pair()
        return self.b.atan2(x, self.guarded(y))

    def _constant(self):
        x = self.any()
        number = self.draw([0.0, 1.0, -1.0, 2.0, 0.5, -0.0])
        return getattr(self.b, self.draw(["mul", "add", "sub", "maximum"]))(x, self.like(x, number - 4.0))

    def _select(self):
        x, y = self._pair()
        flags = self.rng.integers(0, 2, x.type.shape).astype(bool)
        return self.b.select(self.b.constant(value=Dense(flags)), x, y)

    def _stop(self):
        x = self.any()
        return self.b.mul(x, self.b.stop_gradient(self.like(x, 0.7)))

    def _again(self):
        """The same operation once more, for cse."""
        x = self.any()
        return self.b.mul(self.b.sin(x), self.b.sin(x))

    # --- shapes ----------------------------------------------------------------------------------

    def _reshape(self):
        x = self.any()
        return self.b.reshape(x, shape=self.draw([(x.type.size,), (1, *x.type.shape), (*x.type.shape, 1)]))

    def _transpose(self):
        x = self.any(rank=1)
        return None if x is None else self.b.transpose(x, permutation=tuple(reversed(range(x.type.rank))))

    def _broadcast(self):
        x = self.any()
        if x.type.rank > 2:
            return None
        shape = (self.draw(self.sizes), *x.type.shape)
        return self.b.broadcast_in_dim(x, shape=shape, dims=tuple(range(1, len(shape))))

    def _slice(self):
        x = self.any(rank=1)
        if x is None:
            return None
        down = self.draw([True, False])
        starts = tuple(size - 1 if down else 0 for size in x.type.shape)
        sizes = tuple((size + 1) // 2 for size in x.type.shape)
        return self.b.slice(x, starts=starts, sizes=sizes, steps=(-1 if down else 1,) * x.type.rank)

    def _pad(self):
        x = self.any(rank=1)
        if x is None:
            return None
        rank = x.type.rank
        return self.b.pad(x, low=(1,) * rank, high=(0,) * rank, interior=(self.draw([0, 1]),) * rank)

    def _reverse(self):
        x = self.any(rank=1)
        return None if x is None else self.b.reverse(x, axes=(self.draw(list(range(x.type.rank))),))

    def _concatenate(self):
        x = self.any(rank=1)
        return None if x is None else self.b.concatenate(x, self.any(x.type.shape), axis=0)

    def _reduce(self, name):
        x = self.any(rank=1)
        return None if x is None else getattr(self.b, name)(x, axes=(self.draw(list(range(x.type.rank))),))

    def _reduce_sum(self):
        return self._reduce("reduce_sum")

    def _reduce_prod(self):
        return self._reduce("reduce_prod")

    def _cumsum(self):
        x = self.any(rank=1)
        return None if x is None else self.b.cumsum(x, axis=0, reverse=self.draw([True, False]))

    def _contract(self):
        x = self.any(rank=1)
        if x is None:
            return None
        y = self.any(x.type.shape)
        labels = "abcd"[: x.type.rank]
        if len(labels) == 2:
            spec = self.draw(["ab,ab->", "ab,cb->ac", "ab,ac->cb", "ab,ab->b", "ab,ab->ab"])
        else:
            spec = self.draw([f"{labels},{labels}->", f"{labels},{labels}->{labels}"])
        return self.b.contract(x, y, spec=spec)

    def _index(self, size):
        return self.b.constant(value=Dense(self.rng.integers(-size, size, (3,))))

    def _gather(self):
        x = self.any(rank=1)
        if x is None or x.type.shape[0] == 0:
            return None
        return self.b.gather(x, self._index(x.type.shape[0]), axes=(0,))

    def _scatter_add(self):
        x = self.any(rank=1)
        if x is None or x.type.shape[0] == 0:
            return None
        index = self._index(x.type.shape[0])
        return self.b.scatter_add(x, self.b.gather(self.any(x.type.shape), index, axes=(0,)), index, axes=(0,))


def compose(data, sizes, most):
    composer = Composer(lambda items: data.draw(st.sampled_from(items)), sizes)
    for _ in range(data.draw(st.integers(1, most))):
        composer.step()
        if composer.values[-1].type.size > 20_000:
            break
    composer.graph.set_outputs(composer.values[-data.draw(st.integers(1, 2)) :])
    return composer
