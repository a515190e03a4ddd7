"""checkpoint: derivatives of every order, mode and batch that keep a function's inputs alone."""

import mixad as mx
import numpy as np
import pytest
from mixad.ir.errors import TraceError
from mixad.runtime.numpy import NUMPY

X = np.linspace(-1.0, 1.5, 4)


def plain(x, w=2.0):
    """A function with several residuals."""
    return np.sum(np.sin(np.cos(x) * x * w) ** 3)


BLOCK = mx.checkpoint(plain)


def compiled(f, *args):
    """The program that runs."""
    module = mx.make_graph(f)(*args)
    mx.PassManager(NUMPY.pipeline).run(module)
    return module


def residuals(f, x):
    """How many values a pullback keeps, and their bytes."""
    module = mx.make_graph(lambda x, ct: mx.vjp(f, x)[1](ct))(x, f(x))
    mx.PassManager(f"{NUMPY.pipeline},split{{seeds=1,outputs=0}}").run(module)
    kept = module["forward"].outputs
    return len(kept), sum(value.type.nbytes for value in kept)


@pytest.mark.parametrize(
    "derive",
    [
        mx.grad,
        mx.hessian,
        lambda f: mx.grad(lambda x: np.sum(mx.grad(lambda y: np.sum(mx.grad(f)(y) ** 2))(x) ** 2)),
        lambda f: lambda x: mx.jvp(mx.grad(f), (x,), (X,))[1],
        lambda f: mx.grad(lambda x: mx.jvp(f, (x,), (X,))[1]),
        lambda f: lambda x: mx.jvp(lambda y: mx.jvp(f, (y,), (X,))[1], (x,), (X,))[1],
        lambda f: lambda x: mx.vmap(mx.grad(f))(np.stack([x, 2 * x])),
        lambda f: mx.grad(lambda x: np.sum(mx.vmap(f)(np.stack([x, 2 * x])))),
        lambda f: lambda x: mx.vjp(f, x)[1](3.0)[0],
        lambda f: lambda x: mx.linearize(f, x)[1](X),
        lambda f: mx.jit(mx.grad(mx.checkpoint(lambda x: f(x) * f(2 * x)))),
    ],
)
def test_derivatives_are_those_of_the_function(derive) -> None:
    np.testing.assert_allclose(derive(BLOCK)(X), derive(plain)(X), rtol=1e-12, atol=1e-12)


def test_values_closures_containers_keywords_and_decisions() -> None:
    @mx.checkpoint
    def f(tree, n, *, scale):
        total = sum(tree["a"] ** k for k in range(n))
        return {"out": total * scale if tree["b"] > 0 else total - tree["b"]}

    assert f({"a": 2.0, "b": 1.0}, 3, scale=10.0) == {"out": 70.0}
    outside = np.array(5.0)

    def loss(a, b, c):
        return f({"a": a, "b": b}, 3, scale=c * outside)["out"] + mx.checkpoint(lambda: c * a)()

    fast = mx.jit(mx.grad(loss, (0, 1, 2)))
    assert mx.grad(loss, (0, 1, 2))(2.0, 1.0, 3.0) == (78.0, 0.0, 37.0) == fast(2.0, 1.0, 3.0)
    assert fast(2.0, -1.0, 3.0) == (8.0, -1.0, 2.0)
    with pytest.raises(TraceError, match="which is no array"):
        mx.grad(mx.checkpoint(lambda x: "text"))(1.0)


def test_integers_pass_and_a_stopped_input_has_no_derivative() -> None:
    f = mx.checkpoint(lambda x, n: (x * n, n + 1))
    assert mx.grad(lambda x: f(x, np.array(3))[0] + f(mx.stop_gradient(x), 5)[0])(2.0) == 3.0


def test_where_cuts_what_is_computed_again() -> None:
    def safe(log):
        return mx.grad(lambda x: np.where(x > 0, log(x), 0.0))

    assert safe(mx.checkpoint(np.log))(0.0) == 0.0
    assert mx.grad(safe(mx.checkpoint(np.log)))(0.0) == 0.0
    assert safe(lambda x: mx.fori_loop(0, 1, lambda i, c: np.log(c), x))(0.0) == 0.0
    assert safe(lambda x: mx.cond(x < 1, np.log, np.exp, x))(0.0) == 0.0


def test_a_pullback_keeps_the_inputs_alone() -> None:
    def deep(block):
        return lambda x: np.sum(block(block(x)))

    def block(x):
        return np.sin(np.tanh(np.exp(x) * x))

    assert residuals(lambda x: block(block(x)), X)[0] > 4
    # The cotangent of a sum is one number, by which the gradient is multiplied at the end.
    assert residuals(deep(block), X) == (1, X.nbytes)
    # x, and what the second block takes
    assert residuals(deep(mx.checkpoint(block)), X) == (2, 2 * X.nbytes)
    assert residuals(mx.checkpoint(deep(mx.checkpoint(block))), X) == (1, X.nbytes)


def test_the_recomputation_is_not_shared_with_the_first_computation() -> None:
    f = lambda x: BLOCK(x) ** 2  # noqa: E731 (the value is needed, and with it the first computation)
    twice, once = compiled(mx.value_and_grad(f), X), compiled(mx.value_and_grad(lambda x: plain(x) ** 2), X)
    count = [sum(op.name == "tensor.cos" for op in each.entry) for each in (once, twice)]
    assert count[1] == count[0] + 1
    assert any(op.name == "ad.barrier" for op in twice.entry)
    # Forward mode computes the function once.
    forward = compiled(lambda x: mx.jvp(f, (x,), (X,)), X)
    assert not any(op.name == "ad.barrier" for op in forward.entry)
    assert len(forward) == len(compiled(lambda x: mx.jvp(lambda y: plain(y) ** 2, (x,), (X,)), X))


def test_a_checkpointed_step_of_a_scan_keeps_its_carry() -> None:
    def step(h, x):
        return np.tanh(np.sin(h * x) * np.exp(-h) + np.cos(h)), ()

    def loss(step):
        return lambda h: np.sum(mx.scan(step, h, np.arange(5.0))[0])

    kept, whole = residuals(loss(mx.checkpoint(step)), X), residuals(loss(step), X)
    xs = 5 * 8
    assert kept == (2, 5 * X.nbytes + xs)
    assert whole[1] > 3 * kept[1]
    for derive in (mx.grad, mx.hessian):
        np.testing.assert_allclose(derive(loss(mx.checkpoint(step)))(X), derive(loss(step))(X), rtol=1e-12)


def test_a_compiled_gradient_needs_less_memory(peak_of) -> None:
    def block(x):
        for _ in range(6):
            x = np.tanh(np.sin(x) * x[::-1])  # no kernel goes from one end to the other
        return x

    def gradient(block):
        def loss(x):
            for _ in range(6):
                x = block(x)
            return np.sum(x)

        return mx.jit(mx.grad(loss))

    x = np.linspace(0.0, 1.0, 50_000)
    peaks = [peak_of(f, x) / x.nbytes for f in (gradient(block), gradient(mx.checkpoint(block)))]
    assert peaks[1] < 0.4 * peaks[0]


def test_it_is_an_operation_that_is_read_and_written() -> None:
    text = str(mx.make_graph(mx.grad(lambda x: 2 * BLOCK(x)))(X))
    assert "ad.checkpoint %x {after = [], callee = @plain, tangents = 0}" in text
    assert str(mx.parse_module(text)) == text
