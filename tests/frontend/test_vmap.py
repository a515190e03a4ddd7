"""vmap against loops: axes, containers, closures, decisions, derivatives around and inside it."""

from dataclasses import dataclass

import mixad as mx
import numpy as np
import pytest
from mixad.ir.errors import MixadError, ShapeError, TraceError

RNG = np.random.default_rng(0)
X = RNG.uniform(0.5, 1.5, (4, 3))
Y = RNG.uniform(0.5, 1.5, (4, 3))
W = RNG.uniform(-1, 1, (3, 3))


def loop(f, *args):
    return np.stack([f(*each) for each in zip(*args, strict=True)])


# --- axes ----------------------------------------------------------------------------------------


def test_examples_lie_along_the_leading_axis():
    np.testing.assert_allclose(mx.vmap(lambda x, y: np.sin(x) @ y)(X, Y), loop(lambda x, y: np.sin(x) @ y, X, Y))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_in_axes(axis):
    x = RNG.uniform(size=(2, 3, 4))
    found = mx.vmap(lambda row: np.cumsum(row, axis=0) * 2, in_axes=axis)(x)
    np.testing.assert_allclose(found, np.stack([np.cumsum(r, 0) * 2 for r in np.moveaxis(x, axis, 0)]))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_out_axes(axis):
    x = RNG.uniform(size=(5, 3, 4))
    found = mx.vmap(lambda row: np.exp(row), out_axes=axis)(x)
    np.testing.assert_allclose(found, np.moveaxis(np.exp(x), 0, axis))


def test_out_axes_for_each_result():
    first, rest = mx.vmap(lambda x: (x * 2, {"a": np.sum(x), "b": x}), out_axes=(1, 0))(X)
    np.testing.assert_allclose(first, (X * 2).T)
    np.testing.assert_allclose(rest["a"], X.sum(1))
    np.testing.assert_allclose(rest["b"], X)


def test_out_axes_may_be_a_container_of_the_results_shape():
    found = mx.vmap(lambda x: {"a": x, "b": x * 2}, out_axes={"a": 0, "b": 1})(X)
    np.testing.assert_allclose(found["a"], X)
    np.testing.assert_allclose(found["b"], 2 * X.T)


def test_a_result_that_is_the_same_for_all_needs_no_axis():
    shared, own = mx.vmap(lambda x, y: (np.sum(y), x * y), in_axes=(0, None), out_axes=(None, 0))(X, Y[0])
    np.testing.assert_allclose(shared, Y[0].sum())
    np.testing.assert_allclose(own, X * Y[0])


def test_a_result_without_an_axis_that_differs_from_example_to_example_is_an_error():
    with pytest.raises(ShapeError, match=r"(?s)out_axes.*None.*test_vmap.py"):
        mx.vmap(lambda x: x * 2, out_axes=None)(X)


def test_an_argument_that_all_share():
    found = mx.vmap(lambda w, x: w @ x, in_axes=(None, 0))(W, X)
    np.testing.assert_allclose(found, X @ W.T)


def test_in_axes_of_one_container():
    params = {"w": RNG.uniform(size=(3, 4, 3)), "b": RNG.uniform(size=(3,))}
    found = mx.vmap(lambda p, x: p["w"] @ x + p["b"], in_axes=({"w": 1, "b": None}, 0))(params, X)
    np.testing.assert_allclose(found, loop(lambda w, x: w @ x + params["b"], np.moveaxis(params["w"], 1, 0), X))


def test_containers_in_and_out():
    @dataclass
    class Point:
        x: np.ndarray
        y: np.ndarray

    found = mx.vmap(lambda p: {"sum": p.x + p.y, "pair": [p.x, (p.y, np.sum(p.x))]})(Point(X, Y))
    np.testing.assert_allclose(found["sum"], X + Y)
    np.testing.assert_allclose(found["pair"][1][0], Y)
    np.testing.assert_allclose(found["pair"][1][1], X.sum(1))


def test_keyword_arguments_are_the_same_for_all():
    found = mx.vmap(lambda x, *, scale, shift=0.0: x * scale + shift)(X, scale=W[0], shift=2.0)
    np.testing.assert_allclose(found, X * W[0] + 2)


def test_numbers_beside_arrays_are_the_same_for_all():
    found = mx.vmap(lambda x, n: x**n, in_axes=(0, None))(X, 3)
    np.testing.assert_allclose(found, X**3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128, np.int32, bool])
def test_element_types_are_kept(dtype):
    x = (X > 1) if dtype is bool else X.astype(dtype)
    found = mx.vmap(lambda r: r)(x)
    assert found.dtype == x.dtype
    np.testing.assert_array_equal(found, x)


@pytest.mark.parametrize("size", [0, 1])
def test_no_example_and_one(size):
    found = mx.vmap(lambda x: (np.sin(x), np.sum(x), np.float64(1)))(X[:size])
    assert [each.shape for each in found] == [(size, 3), (size,), (size,)]
    np.testing.assert_allclose(found[0], np.sin(X[:size]))


def test_a_result_that_depends_on_no_example_is_repeated():
    np.testing.assert_array_equal(mx.vmap(lambda x: np.arange(2.0))(X), np.tile(np.arange(2.0), (4, 1)))


def test_examples_that_are_scalars():
    np.testing.assert_allclose(
        mx.vmap(lambda a, b: np.where(a > b, a, b * b))(X[:, 0], Y[:, 0]),
        np.where(X[:, 0] > Y[:, 0], X[:, 0], Y[:, 0] ** 2),
    )


# --- what a function does inside -------------------------------------------------------------------

FUNCTIONS = {
    "norm": lambda x: np.linalg.norm(x),
    "softmax": lambda x: np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x))),
    "index": lambda x: x[np.array([2, 0])] * x[-1],
    "mask": lambda x: np.where(x > 1, np.log(x), 0.0),
    "update": lambda x: _updated(x),
    "outer": lambda x: np.outer(x, x) @ W,
    "concatenate": lambda x: np.concatenate([x[1:], x[:1], np.ones(2)]),
    "take": lambda x: np.take(W, [0, 2], axis=1) @ x[:2],
    "einsum": lambda x: np.einsum("i,ij,j->", x, W, x),
    "pad": lambda x: np.pad(x, (1, 2)),
    "prod": lambda x: np.prod(x) + np.cumprod(x),
    "var": lambda x: np.var(x) + np.ptp(x),
    "flip": lambda x: np.flip(x)[::2],
    "constant": lambda x: np.ones(2),
}


def _updated(x):
    z = x * 1.0
    z[1] = x[0] * x[2]
    z[:1] += 2
    return z


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_one_example(name):
    f = FUNCTIONS[name]
    np.testing.assert_allclose(mx.vmap(f)(X), loop(f, X), rtol=1e-12)
    np.testing.assert_allclose(mx.jit(mx.vmap(f))(X), loop(f, X), rtol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_over_and_under_it(name):
    f = FUNCTIONS[name]

    def g(x):
        return np.sum(np.sin(f(x)))

    gradients = loop(mx.grad(g), X)
    tolerances = {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(mx.vmap(mx.grad(g))(X), gradients, **tolerances)
    np.testing.assert_allclose(mx.grad(lambda x: np.sum(mx.vmap(g)(x)))(X), gradients, **tolerances)
    np.testing.assert_allclose(
        mx.jvp(mx.vmap(g), (X,), (Y,))[1], loop(lambda x, t: mx.jvp(g, (x,), (t,))[1], X, Y), **tolerances
    )
    np.testing.assert_allclose(
        mx.vmap(lambda x, t: mx.jvp(mx.grad(g), (x,), (t,))[1])(X, Y),
        loop(lambda x, t: mx.hessian(g)(x) @ t, X, Y),
        **tolerances,
    )
    np.testing.assert_allclose(mx.vmap(mx.hessian(g))(X), loop(mx.hessian(g), X), **tolerances)
    np.testing.assert_allclose(mx.vmap(mx.jacrev(f))(X), loop(mx.jacrev(f), X), **tolerances)
    np.testing.assert_allclose(mx.vmap(mx.jacfwd(f))(X), loop(mx.jacfwd(f), X), **tolerances)


def test_third_order_through_two_maps():
    def f(x):
        return np.sum(np.sin(x) ** 2 * np.exp(x[::-1]))

    def third(x):
        return mx.jacfwd(mx.hessian(f))(x)

    np.testing.assert_allclose(mx.vmap(third)(X), loop(third, X), rtol=1e-10)


def test_the_gradient_of_a_shared_argument_is_the_sum_over_examples():
    def f(w, x):
        return np.sum(np.tanh(w @ x))

    total = mx.grad(lambda w: np.sum(mx.vmap(f, in_axes=(None, 0))(w, X)))(W)
    each = mx.vmap(mx.grad(f), in_axes=(None, 0))(W, X)
    assert each.shape == (4, 3, 3)
    np.testing.assert_allclose(total, each.sum(0), rtol=1e-12)
    np.testing.assert_allclose(each, np.stack([mx.grad(f)(W, x) for x in X]), rtol=1e-12)


def test_vjp_of_vmap_and_vmap_of_vjp():
    def f(x):
        return np.cumsum(np.sin(x))

    out, pull = mx.vjp(mx.vmap(f), X)
    (found,) = pull(Y)
    np.testing.assert_allclose(out, loop(f, X))
    expected = np.stack([mx.vjp(f, x)[1](y)[0] for x, y in zip(X, Y, strict=True)])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(mx.vmap(lambda x, y: mx.vjp(f, x)[1](y)[0])(X, Y), expected, rtol=1e-12)
    pull_many = mx.vmap(mx.vjp(f, X[0])[1])
    np.testing.assert_allclose(pull_many(Y)[0], np.stack([mx.vjp(f, X[0])[1](y)[0] for y in Y]), rtol=1e-12)


def test_value_and_grad_and_aux_inside():
    def f(x):
        return np.sum(x**3), {"square": x * x}

    (value, aux), gradient = mx.vmap(mx.value_and_grad(f, has_aux=True))(X)
    np.testing.assert_allclose(value, np.sum(X**3, 1))
    np.testing.assert_allclose(aux["square"], X * X)
    np.testing.assert_allclose(gradient, 3 * X**2)


# --- nesting, closures, decisions ------------------------------------------------------------------


def test_nested_maps_make_a_table():
    def kernel(a, b):
        return np.exp(-np.sum((a - b) ** 2))

    table = mx.vmap(mx.vmap(kernel, in_axes=(None, 0)), in_axes=(0, None))(X, Y[:2])
    np.testing.assert_allclose(table, [[kernel(a, b) for b in Y[:2]] for a in X])
    deep = mx.vmap(mx.vmap(mx.vmap(lambda a, b, c: a * b - c, (None, None, 0)), (None, 0, None)), (0, None, None))
    np.testing.assert_allclose(deep(X[:, 0], Y[:3, 0], W[0]), X[:, 0][:, None, None] * Y[:3, 0][:, None] - W[0])


def test_closures_over_outer_traced_values():
    def f(w):
        return np.sum(mx.vmap(lambda x: np.tanh(x * w) @ w)(X))

    def by_loop(w):
        return sum(np.tanh(x * w) @ w for x in X)

    np.testing.assert_allclose(mx.grad(f)(W[0]), mx.grad(by_loop)(W[0]), rtol=1e-12)
    np.testing.assert_allclose(mx.hessian(f)(W[0]), mx.hessian(by_loop)(W[0]), rtol=1e-10)
    np.testing.assert_allclose(mx.vmap(mx.grad(f))(W), np.stack([mx.grad(by_loop)(w) for w in W]), rtol=1e-12)


def test_a_closed_over_example_of_an_outer_map_is_batched_in_the_inner_one():
    found = mx.vmap(lambda a: mx.vmap(lambda b: a @ b + a[0])(Y))(X)
    np.testing.assert_allclose(found, X @ Y.T + X[:, :1])


def test_captured_arrays_are_read_at_each_call():
    scale = np.array([1.0, 2.0, 3.0])
    f = mx.jit(mx.vmap(lambda x: x * scale))
    np.testing.assert_allclose(f(X), X * scale)
    scale[0] = 10
    np.testing.assert_allclose(f(X), X * scale)


def test_decisions_on_what_all_examples_share():
    def f(x, flag):
        return x * 2 if flag > 0 else x * 3

    mapped = mx.jit(mx.vmap(f, in_axes=(0, None)))
    for flag in (1.0, -1.0, 2.0, -3.0):
        np.testing.assert_allclose(mapped(X, flag), X * (2 if flag > 0 else 3))
    np.testing.assert_allclose(
        mx.grad(lambda w: np.sum(mx.vmap(f, in_axes=(0, None))(X * w, w)))(-2.0), 3 * X.sum(), rtol=1e-12
    )


def test_a_decision_on_an_example_says_what_to_do():
    def f(x):
        if x[0] > 1:
            return x
        return -x

    with pytest.raises(TraceError, match=r"(?s)np\.where.*"):
        mx.vmap(f)(X)
    with pytest.raises(TraceError, match="vmap"):
        mx.vmap(lambda x: x if np.sin(x).sum() > 1 else -x)(X)


def test_a_decision_on_an_example_inside_a_derivative_is_refused_as_well():
    def f(x):
        return np.sum(x) if x[0] > 1 else np.sum(-x)

    with pytest.raises(TraceError):
        mx.vmap(mx.grad(f))(X)


# --- wrong calls -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("in_axes", "args", "parts"),
    [
        (0, (X, Y[:3]), ("4", "3", "number")),
        (0, (3.0,), ("no axis 0", "in_axes")),
        (2, (X,), ("no axis 2", "(4, 3)")),
        (-3, (X,), ("no axis -3", "(4, 3)")),
        ((0, 0), (X,), ("2 entries", "1 positional")),
        (None, (X,), ("none",)),
        ((None,), (X,), ("none",)),
        (({"a": 0},), ({"b": X},), ("in_axes",)),
        (("a",), (X,), ("in_axes", "'a'")),
        (1.5, (X,), ("in_axes", "1.5")),
        ((True,), (X,), ("in_axes", "True")),
    ],
)
def test_wrong_in_axes(in_axes, args, parts):
    with pytest.raises(MixadError) as caught:
        mx.vmap(lambda *a: a[0], in_axes=in_axes)(*args)
    for part in (*parts, "test_vmap.py"):
        assert part in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("out_axes", "part"), [(2, "2"), (-3, "-3"), ((0, 0), "out_axes"), ("a", "'a'"), (True, "True")]
)
def test_wrong_out_axes(out_axes, part):
    with pytest.raises(MixadError) as caught:
        mx.vmap(lambda x: np.sum(x), out_axes=out_axes)(X)
    for each in (part, "out_axes", "test_vmap.py"):
        assert each in str(caught.value), str(caught.value)


def test_a_result_that_is_no_array():
    with pytest.raises(TraceError, match="returns"):
        mx.vmap(lambda x: "text")(X)


def test_no_arguments():
    with pytest.raises(ShapeError, match=r"test_vmap\.py"):
        mx.vmap(lambda: 1.0)()


def test_examples_do_not_escape():
    kept = []
    mx.vmap(lambda x: kept.append(x) or x)(X)
    with pytest.raises(TraceError):
        np.sin(kept[0])
