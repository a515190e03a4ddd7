"""while_loop without a bound: every mode, order and batch, with bounded storage."""

import tracemalloc

import mixad as mx
import numpy as np
import pytest
from mixad.ir.errors import VerificationError
from mixad.ir.verifier import verify
from mixad.runtime import sweeps
from mixad.runtime.compiler import compile_module
from mixad.runtime.numpy import NUMPY
from mixad.runtime.reference import interpret

RNG = np.random.default_rng(3)
W = RNG.normal(size=(3, 3)) * 0.3
X = RNG.normal(size=3)


def same(found, wanted, tolerance=1e-11) -> None:
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def recurrent(w, x, limit=4.0, **bound):
    """A loop over a tree with a counter, until a number that depends on the data is reached."""

    def step(state):
        h = np.tanh(w @ state["h"] + x)
        return {"h": h, "sum": state["sum"] + np.sum(h * h), "n": state["n"] + 1}

    start = {"h": x * 0.5, "sum": 0.0, "n": 0}
    last = mx.while_loop(lambda state: state["sum"] < limit, step, start, **bound)
    return np.sum(last["h"] ** 3) + last["sum"]


def bounded(w, x, limit=4.0):
    """The same, as a scan."""
    return recurrent(w, x, limit, max_steps=15)


V = RNG.normal(size=(3, 3))
DERIVATIVES = {
    "grad": lambda f: mx.grad(f, (0, 1)),
    "jit": lambda f: mx.jit(mx.grad(f)),
    "vjp": lambda f: lambda w, x: mx.vjp(f, w, x)[1](3.0),
    "jvp": lambda f: lambda w, x: mx.jvp(f, (w, x), (V, x)),
    "linearize": lambda f: lambda w, x: mx.linearize(f, w, x)[1](V, x),
    "hessian": mx.hessian,
    "reverse over reverse": lambda f: mx.grad(lambda w, x: np.sum(mx.grad(f)(w, x) ** 2), (0, 1)),
    "reverse over forward": lambda f: mx.grad(lambda w, x: mx.jvp(lambda w: f(w, x), (w,), (V,))[1]),
    "forward over forward": lambda f: (
        lambda w, x: mx.jvp(lambda w: mx.jvp(lambda w: f(w, x), (w,), (V,))[1], (w,), (V,))[1]
    ),
    "third order": lambda f: mx.grad(
        lambda w, x: np.sum(mx.grad(lambda w: np.sum(mx.grad(f)(w, x) * V))(w) * V),
    ),
    "third order, forward": lambda f: mx.grad(lambda w, x: np.sum(mx.hvp(f)(w, V, x) * V)),
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives_are_those_of_the_bounded_loop(name) -> None:
    found, wanted = (DERIVATIVES[name](f)(W, X) for f in (recurrent, bounded))
    for one, other in zip(*(part if isinstance(part, tuple) else (part,) for part in (found, wanted)), strict=True):
        same(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["grad", "hessian", "reverse over reverse", "third order"])
def test_batches_whose_examples_take_different_numbers_of_steps(name) -> None:
    limits = np.array([-1.0, 0.5, 4.0, 7.0])

    def derive(f):
        return lambda limit: DERIVATIVES[name](lambda w, x: f(w, x, limit))(W, X)

    found = mx.vmap(derive(recurrent))(limits)
    wanted = [derive(bounded)(limit) for limit in limits]
    for i, one in enumerate(wanted):
        for a, b in zip(*((y if isinstance(y, tuple) else (y,)) for y in (found, one)), strict=True):
            same(a[i], b)
    ws = np.stack([W, -W, 2 * W])
    same(
        mx.grad(lambda ws: np.sum(mx.vmap(recurrent, in_axes=(0, None))(ws, X)))(ws),
        np.stack([mx.grad(bounded)(w, X) for w in ws]),
    )
    assert mx.vmap(mx.grad(recurrent), in_axes=(0, None))(ws[:0], X).shape == (0, 3, 3)


@pytest.mark.slow
def test_closed_forms_and_no_step_at_all() -> None:
    def power(x):
        return mx.while_loop(lambda c: c < 100.0, lambda c: c * c, x)

    f = power
    for wanted in ([3.0**8, 200.0], [8 * 3.0**7, 1.0], [56 * 3.0**6, 0.0], [336 * 3.0**5, 0.0]):
        same([f(3.0), f(200.0)], wanted)
        same(mx.vmap(f)(np.array([3.0, 200.0])), wanted)
        f = mx.grad(f)

    def square_root(a):  # Newton's method, until it stands
        start = (a, 0.5 * (a + 1.0))
        return mx.while_loop(
            lambda s: np.abs(s[0] - s[1]) > 1e-14 * s[1], lambda s: (s[1], (s[1] + a / s[1]) / 2), start
        )[1]

    for order, wanted in enumerate((np.sqrt(2), 0.5 / np.sqrt(2), -0.25 * 2**-1.5, 0.375 * 2**-2.5)):
        f = square_root
        for _ in range(order):
            f = mx.grad(f)
        same(f(2.0), wanted, 1e-10)


@pytest.mark.slow
def test_finite_differences() -> None:
    mx.check_grads(lambda w, x: recurrent(w, x), (W, X), order=2)
    z = mx.grad(lambda x: np.real(mx.while_loop(lambda z: np.abs(z) < 9.0, lambda z: z * z + x, x * (0.4 + 1j))))
    step = 1e-6
    f = lambda x: np.real(mx.while_loop(lambda z: np.abs(z) < 9.0, lambda z: z * z + x, x * (0.4 + 1j)))  # noqa: E731
    same(z(1.2), (f(1.2 + step) - f(1.2 - step)) / (2 * step), 1e-6)


@pytest.mark.slow
def test_loops_nest_and_hold_everything() -> None:
    @mx.custom_vjp
    def act(x):
        return np.tanh(x)

    act.defvjp(lambda x: (act(x), x), lambda x, ct: (ct * (1 - np.tanh(x) ** 2),))

    def nested(loop):
        def step(state):
            x, n = state
            x = mx.checkpoint(lambda x: np.sin(act(x) * 2.0))(x)
            x = mx.cond(n % 2 == 0, lambda x: x * 1.1, lambda x: x + 0.3, x)
            x = loop(lambda y: np.abs(y) < 1.0, lambda y: y * 1.5 + 0.1, x, 8)
            return mx.scan(lambda c, t: (c * np.cos(t * c), ()), x, np.arange(2.0))[0], n + 1

        def whole(x):
            def outer(c, t):
                return loop(lambda s: s[1] < 3, step, (c + t, 0), 5)[0], c

            last, all = mx.scan(outer, x, np.array([0.1, 0.4]))
            return last + np.sum(all**2)

        return whole

    free = nested(lambda test, body, start, most: mx.while_loop(test, body, start))
    with_bound = nested(lambda test, body, start, most: mx.while_loop(test, body, start, max_steps=most))
    for _ in range(3):
        same(free(0.7), with_bound(0.7), 1e-9)
        free, with_bound = mx.grad(free), mx.grad(with_bound)


def test_float32_stays_float32_and_results_alias_nothing() -> None:
    x = np.float32(1.5)
    found = mx.grad(lambda x: mx.while_loop(lambda c: c < 10, lambda c: c * x, x))(x)
    assert found.dtype == np.float32
    same(found, 6 * 1.5**5, 1e-6)
    carry = np.ones(2)
    mx.vjp(lambda c: mx.while_loop(lambda c: c[0] < 0, lambda c: c * 2, c), carry)[1](carry)[0][:] = 7.0
    same(carry, [1.0, 1.0])


def test_numbers_that_are_not_finite() -> None:
    # a NaN ends the loop; a branch not taken and an example that is done spoil nothing
    halve = lambda x: mx.while_loop(lambda c: c[0] > 1.0, lambda c: (c[0] / 2, c[1] + np.log(c[0])), (x, 0.0))[1]  # noqa: E731
    assert np.isnan(mx.grad(lambda x: mx.while_loop(lambda c: c < 9.0, lambda c: c * np.nan, x))(2.0))
    assert mx.grad(halve)(np.nan) == 0.0
    same(mx.vmap(mx.grad(halve))(np.array([-1.0, 8.0])), [0.0, 3 / 8.0])
    safe = mx.grad(lambda x: np.where(x > 0, mx.while_loop(lambda c: c < -5.0, np.log, np.log(x)), 0.0))
    assert safe(0.0) == 0.0


def few_slots(monkeypatch, slots):
    """Let so many slots be there."""
    monkeypatch.setattr(sweeps, "FEWEST_SLOTS", slots)
    monkeypatch.setattr(sweeps, "MOST_SLOTS", slots)


def count_calls(monkeypatch):
    """How often each sweep's step is evaluated from now on, by the sweep's number."""
    counts: dict[int, int] = {}

    class Counting(sweeps._Run):
        def __init__(self, bodies, consts, slots):
            super().__init__([self.counted(i, each) for i, each in enumerate(bodies)], consts, slots)

        @staticmethod
        def counted(number, body):
            def step(*arguments):
                counts[number] = counts.get(number, 0) + 1
                return body(*arguments)

            return step

    monkeypatch.setattr(sweeps, "_Run", Counting)
    return counts


@pytest.mark.parametrize("order", [1, 2, 3])
def test_any_number_of_slots_gives_the_same(order, monkeypatch) -> None:
    def derivative(**bound):
        def f(x, n):
            step = lambda s: (np.sin(s[0] * 1.3 + x) * s[0] + 0.1 * s[1], s[1] + 1)  # noqa: E731
            return mx.while_loop(lambda s: s[1] < n, step, (x, 0), **bound)[0]

        for _ in range(order):
            f = mx.grad(f)
        return mx.jit(f)

    free, bounded = derivative(), derivative(max_steps=12)
    wanted = {n: bounded(0.4, n) for n in (0, 1, 2, 3, 7, 11)}
    for slots in (2, 3, 5, 64):
        few_slots(monkeypatch, slots)
        for n, value in wanted.items():
            same(free(0.4, n), value, 1e-9)


@pytest.mark.parametrize(("slots", "steps", "times"), [(64, 64, 1), (64, 1000, 2), (10, 1000, 3), (10, 5000, 4)])
def test_the_cost_is_bounded(slots, steps, times, monkeypatch) -> None:
    few_slots(monkeypatch, slots)
    counts = count_calls(monkeypatch)

    def loop(x):
        return mx.while_loop(lambda s: s[1] < steps, lambda s: (np.sin(s[0] + x), s[1] + 1), (x, 0))[0]

    mx.grad(loop)(0.5)
    assert counts[1] == steps, "the adjoint runs once"
    assert (times - 1) * 0.8 * steps < counts[0] <= times * steps


@pytest.mark.slow
def test_memory_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(sweeps, "SLOT_BYTES", 20 * 2 * 8 * 20_000)
    x = np.linspace(0.1, 1.0, 20_000)  # enough for kernels

    def peak(steps):
        def loop(x):
            return np.sum(mx.while_loop(lambda s: s[1] < steps, lambda s: (np.sin(s[0] * 1.1), s[1] + 1), (x, 0))[0])

        f = mx.jit(mx.grad(loop))
        f(x)
        tracemalloc.start()
        f(x)
        found = tracemalloc.get_traced_memory()[1] / x.nbytes
        tracemalloc.stop()
        return found

    assert 10 < peak(15) < 25, "few steps are all kept"
    assert 20 < peak(400) < 50, "many in parts, of which one is there at a time"
    assert peak(2000) < 70, "five times as many need one more level"


def test_the_interpreter_agrees_and_the_program_can_be_read() -> None:
    module = mx.make_graph(mx.grad(mx.grad(lambda x: recurrent(W, x * X))))(0.9)
    mx.PassManager(NUMPY.pipeline).run(module)
    text = str(module)
    assert "groups = [3, " in text
    assert str(mx.parse_module(text)) == text
    arrays = [0.9 if not value.type.rank else {(3,): X, (3, 3): W}[value.type.shape] for value in module.entry.inputs]
    wanted = interpret(module.entry, *arrays, module=module)
    same(compile_module(module.clone(), NUMPY)[module.entry.name].run(*arrays)[0], wanted[0])


@pytest.mark.parametrize(
    ("operands", "attributes", "message"),
    [
        ("%x, %n", "groups = [1]", "takes the number of steps as a tensor<si64>"),
        ("%n, %x, %x", "groups = [2], wanted = [2]", r"has 2 states for groups = \[2\] and wanted = \[2\]"),
        ("%n, %x, %x", "groups = [1, 1]", r"has state 0 in sweep 0, which @step makes of sweep 1"),
    ],
)
def test_malformed_sweeps_are_refused(operands, attributes, message) -> None:
    if "wanted" not in attributes:
        attributes += ", wanted = [0]"
    with pytest.raises((VerificationError, mx.MixadError), match=message):
        verify(
            mx.parse_module(f"""module {{
  func @f(%n: tensor<si64>, %x: tensor<f64>) -> (tensor<f64>) {{
    %0 = control.sweeps {operands} {{body = @step, {attributes}, tangents = []}} : tensor<f64>
    return %0
  }}
  func @step(%t: tensor<si64>, %x: tensor<f64>, %y: tensor<f64>) -> (tensor<f64>, tensor<f64>) {{
    %0 = tensor.add %x, %y : tensor<f64>
    return %0, %y
  }}
}}""")
        )
