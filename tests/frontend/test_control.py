"""cond, switch, scan, map, fori_loop and while_loop: one operation in the program, in every mode, order and batch."""

import mixad as mx
import numpy as np
import pytest
from mixad.ir.errors import ShapeError, TraceError
from mixad.runtime.compiler import compile_module
from mixad.runtime.numpy import NUMPY
from mixad.runtime.reference import interpret

RNG = np.random.default_rng(0)
W = RNG.normal(size=(3, 3)) * 0.4
XS = RNG.normal(size=(6, 3))


def network(w, xs):
    """A recurrent network as a scan."""
    h, ys = mx.scan(lambda h, x: (np.tanh(w @ h + x), h * x), np.zeros(3), xs)
    return np.sum(h**2) + np.sum(ys**2)


def unrolled(w, xs):
    """The same, unrolled by Python."""
    h, total = np.zeros(3), 0.0
    for x in xs:
        total = total + np.sum((h * x) ** 2)
        h = np.tanh(w @ h + x)
    return np.sum(h**2) + total


def same(found, wanted, tolerance=1e-13) -> None:
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def test_a_scan_is_one_operation_and_has_every_derivative() -> None:
    assert "control.scan" in str(mx.make_graph(network)(W, XS))
    same(network(W, XS), unrolled(W, XS))
    for argument in (0, 1):
        same(mx.grad(network, argument)(W, XS), mx.grad(unrolled, argument)(W, XS))
    v = RNG.normal(size=(3, 3))
    same(mx.jvp(network, (W, XS), (v, XS))[1], mx.jvp(unrolled, (W, XS), (v, XS))[1])
    same(mx.hvp(network)(W, v, XS), mx.hvp(unrolled)(W, v, XS))

    def squared(f):
        return mx.grad(lambda w: np.sum(mx.grad(f)(w, XS) ** 2))

    same(squared(network)(W), squared(unrolled)(W))
    same(mx.hessian(network)(W, XS), mx.hessian(unrolled)(W, XS))
    third = [mx.grad(lambda w, f=f: np.sum(mx.hvp(f)(w, v, XS) * v))(W) for f in (network, unrolled)]
    same(*third, tolerance=1e-12)


def test_a_scan_in_vmap_jit_and_vjp() -> None:
    batch = np.stack([XS, 2 * XS])
    same(mx.vmap(network, in_axes=(None, 0))(W, batch), [network(W, XS), network(W, 2 * XS)])
    same(mx.vmap(mx.grad(network), in_axes=(None, 0))(W, batch)[1], mx.grad(unrolled)(W, 2 * XS))
    same(
        mx.grad(lambda w: np.sum(mx.vmap(network, in_axes=(None, 0))(w, batch)))(W),
        mx.grad(unrolled)(W, XS) + mx.grad(unrolled)(W, 2 * XS),
    )
    same(mx.jit(mx.grad(network))(W, XS), mx.grad(unrolled)(W, XS))
    _, pull = mx.vjp(network, W, XS)
    same(pull(2.0)[0], 2 * mx.grad(unrolled)(W, XS))


def test_scans_nest_and_run_backwards() -> None:
    def nested(x):
        return mx.scan(lambda c, t: (mx.scan(lambda d, u: (np.sin(d * u), ()), c + t, XS[0])[0], c), x, XS[1])

    def plain(x):
        ys = []
        for t in XS[1]:
            ys.append(x)
            x = x + t
            for u in XS[0]:
                x = np.sin(x * u)
        return x, np.stack(ys)

    for order in range(3):
        f, g = (lambda x, h=h: h(x)[0] + np.sum(h(x)[1]) for h in (nested, plain))
        for _ in range(order):
            f, g = mx.grad(f), mx.grad(g)
        same(f(0.7), g(0.7), 1e-11)
    carry, ys = mx.scan(lambda c, x: (c * 2 + x, c), 1.0, np.arange(3.0), reverse=True)
    assert carry == 1 * 8 + 2 * 4 + 1 * 2 + 0
    same(ys, [9.0, 4.0, 1.0])
    same(
        mx.grad(lambda x: mx.scan(lambda c, t: (c * t, ()), 1.0, x, reverse=True)[0])(np.array([2.0, 3.0])), [3.0, 2.0]
    )


def test_carries_of_containers_integers_and_numbers() -> None:
    def step(carry, x):
        return {"n": carry["n"] + 1, "v": carry["v"] * x}, (carry["n"], x)

    carry, (ns, xs) = mx.scan(step, {"n": 0, "v": 1.0}, np.array([2.0, 3.0, 4.0]))
    assert carry == {"n": 3, "v": 24.0}
    same(ns, [0, 1, 2])
    same(xs, [2, 3, 4])
    gradient = mx.grad(lambda x: mx.scan(step, {"n": 0, "v": 1.0}, x)[0]["v"])(np.array([2.0, 3.0, 4.0]))
    same(gradient, [12.0, 8.0, 6.0])
    assert mx.scan(lambda c, _: (c + 1, c), 0, length=3)[0] == 3
    carry, ys = mx.scan(lambda c, x: (c + x, x), 0.5, np.zeros(0))
    assert (carry, ys.shape) == (0.5, (0,))


def test_results_alias_nothing() -> None:
    init = np.ones(2)
    carry, _ = mx.scan(lambda c, x: (c, x), init, np.arange(3.0))
    carry[:] = 5
    same(init, [1, 1])


@pytest.mark.parametrize("order", range(4))
def test_cond(order) -> None:
    w = 2.0

    def f(x):
        return mx.cond(x > 1, lambda y: y**3, lambda y: np.sin(y) * w, x)

    wanted = {
        2.0: [8.0, 12.0, 12.0, 6.0],
        0.5: [2 * np.sin(0.5), 2 * np.cos(0.5), -2 * np.sin(0.5), -2 * np.cos(0.5)],
    }
    g, forward = f, f
    for _ in range(order):
        g = mx.grad(g)
        forward = (lambda h: lambda x: mx.jvp(h, (x,), (1.0,))[1])(forward)
    for x, values in wanted.items():
        same(g(x), values[order])
        same(forward(x), values[order])
        same(mx.jit(g)(x), values[order])
    same(mx.vmap(g)(np.array([2.0, 0.5])), [wanted[2.0][order], wanted[0.5][order]])


def test_cond_runs_one_branch_and_takes_derivatives_of_what_it_closes_over() -> None:
    calls = mx.cond(np.array(True), lambda x: x, lambda x: np.linalg.inv(x * np.zeros((2, 2)))[0, 0], 3.0)
    assert calls == 3.0
    gradient = mx.grad(lambda a: mx.cond(a > 0, lambda x: a * x, lambda x: a + x, 5.0))
    assert (gradient(2.0), gradient(-2.0)) == (5.0, 1.0)
    compiled = mx.jit(lambda a: mx.cond(a > 0, lambda x: x, lambda x: -x, a))
    assert (compiled(2.0), compiled(-2.0)) == (2.0, 2.0)


def test_switch_map_and_fori_loop() -> None:
    branches = [lambda x: x, lambda x: x * x, lambda x: x**3]
    assert [mx.switch(i, branches, 2.0) for i in (-1, 0, 1, 2, 9)] == [2.0, 2.0, 4.0, 8.0, 8.0]
    assert [mx.grad(lambda x, i=i: mx.switch(i, branches, x))(2.0) for i in range(3)] == [1.0, 4.0, 12.0]
    same(mx.map(lambda x: x**2, np.arange(4.0)), [0, 1, 4, 9])
    assert mx.fori_loop(0, 5, lambda i, c: c * 2 + i, 1.0) == 58.0
    assert mx.grad(lambda x: mx.fori_loop(0, 3, lambda i, c: c * x, 1.0))(2.0) == 12.0


def test_while_loop() -> None:
    def loop(x, **bound):
        return mx.while_loop(lambda c: c < 100.0, lambda c: c * c, x, **bound)

    assert (loop(3.0), mx.jvp(loop, (3.0,), (1.0,))[1]) == (6561.0, 8 * 3.0**7)
    assert mx.jvp(lambda x: mx.jvp(loop, (x,), (1.0,))[1], (3.0,), (1.0,))[1] == 56 * 3.0**6

    def bounded(x):
        return loop(x, max_steps=6)

    assert (bounded(3.0), mx.grad(bounded)(3.0), mx.grad(mx.grad(bounded))(3.0)) == (6561.0, 8 * 3.0**7, 56 * 3.0**6)
    same(mx.vmap(mx.grad(bounded))(np.array([3.0, 50.0])), [8 * 3.0**7, 100.0])
    assert mx.grad(loop)(3.0) == 8 * 3.0**7


def test_while_loop_in_vmap() -> None:
    def loop(x, limit):
        return mx.while_loop(lambda c: c < limit, lambda c: c * c, x)

    xs = np.array([3.0, 50.0, 200.0])
    same(mx.vmap(loop, in_axes=(0, None))(xs, 100.0), [6561.0, 2500.0, 200.0])
    same(mx.vmap(loop, in_axes=(None, 0))(3.0, xs), [3.0, 81.0, 6561.0])
    slopes = mx.vmap(lambda x: mx.jvp(lambda y: loop(y, 100.0), (x,), (1.0,))[1])(xs)
    same(slopes, [8 * 3.0**7, 100.0, 1.0])
    roots = mx.vmap(mx.grad(lambda a: mx.fixed_point(lambda x, a: np.cos(a * x), 0.5, a)))(np.array([0.5, 0.7]))
    same(roots[0], mx.grad(lambda a: mx.fixed_point(lambda x, a: np.cos(a * x), 0.5, a))(0.5), 1e-10)


def test_custom_rules_inside_loops_and_choices() -> None:
    @mx.custom_vjp
    def act(x):
        return np.tanh(x)

    act.defvjp(lambda x: (act(x), x), lambda x, ct: (ct * (1 - np.tanh(x) ** 2),))

    def loss(function, w, xs, flag):
        def step(h, x):
            h = function(w @ h + x)
            return mx.cond(flag, lambda a: 2.0 * a, lambda a: np.where(a > 0, np.sqrt(np.abs(a)), a), h), ()

        return np.sum(mx.scan(step, np.zeros(3), xs)[0] ** 2)

    batch, flags = RNG.normal(size=(2, 4, 3)), np.array([True, False])
    for derivative in (mx.grad, lambda f: lambda w: mx.hvp(f)(w, np.ones((3, 3))), mx.hessian):
        found, wanted = (
            mx.vmap(lambda xs, flag, f=f, d=derivative: d(lambda w: loss(f, w, xs, flag))(W))(batch, flags)
            for f in (act, np.tanh)
        )
        same(found, wanted, 1e-12)


def test_derivatives_inside_loops() -> None:
    def newton(a):
        def f(x):
            return x**3 - a

        return mx.fori_loop(0, 30, lambda i, x: x - f(x) / mx.grad(f)(x), 1.0)

    same(newton(8.0), 2.0)
    same(mx.grad(newton)(8.0), 1 / 12)
    same(mx.grad(mx.grad(newton))(8.0), -2 / 9 * 8 ** (-5 / 3))


def test_the_interpreter_agrees() -> None:
    module = mx.make_graph(mx.grad(lambda w: mx.cond(np.sum(w) > 0, network, unrolled, w, XS)))(W)
    mx.PassManager(NUMPY.pipeline).run(module)
    array = [W, np.zeros(3), XS]
    inputs = [next(a for a in array if a.shape == value.type.shape) for value in module.entry.inputs]
    found = interpret(module.entry, *inputs, module=module)
    same(compile_module(module.clone(), NUMPY)[module.entry.name].run(*inputs)[0], found[0])


def test_mistakes() -> None:
    with pytest.raises(ShapeError, match=r"the carry of @lambda gives a tensor<2xf64> where a tensor<f64>"):
        mx.scan(lambda c, x: (np.stack([c, c]), x), 0.0, np.ones(2))
    with pytest.raises(ShapeError, match="lengths"):
        mx.scan(lambda c, x: (c, x), 0.0, (np.ones(2), np.ones(3)))
    with pytest.raises(TraceError, match=r"choose with np\.where or cond"):
        mx.scan(lambda c, x: (c if x > 0 else -c, x), 0.0, np.ones(2))
    with pytest.raises(ShapeError, match="predicate has shape"):
        mx.cond(np.ones(2), lambda: 1.0, lambda: 2.0)
    with pytest.raises(ShapeError, match="structure"):
        mx.cond(True, lambda: 1.0, lambda: (2.0, 3.0))
    with pytest.raises(TraceError, match=r"return \(carry, y\)"):
        mx.scan(lambda c, x: c, 0.0, np.ones(2))
