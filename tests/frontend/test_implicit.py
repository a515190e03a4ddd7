"""Implicit differentiation, prefix scans, raveling, linear transposes and users' own operations."""

import mixad as mx
import numpy as np
import pytest
from mixad.frontend.execution import clear_caches
from mixad.ir.errors import DefinitionError, RuleError


def newton(f, x):
    for _ in range(10):
        x = x - f(x) / mx.grad(f)(x)
    return x


def test_the_root_of_a_scalar_equation_to_third_order() -> None:
    def cube_root(a):
        return mx.custom_root(lambda x, a: x**3 - a, 1.0, newton, a)

    assert np.isclose(cube_root(8.0), 2.0)
    for order, wanted in enumerate((1 / 12, -2 / 9 * 8 ** (-5 / 3), 10 / 27 * 8 ** (-8 / 3)), 1):
        reverse, forward = cube_root, cube_root
        for _ in range(order):
            reverse = mx.grad(reverse)
            forward = (lambda f: lambda a: mx.jvp(f, (a,), (1.0,))[1])(forward)
        assert np.isclose(reverse(8.0), wanted, rtol=1e-10)
        assert np.isclose(forward(8.0), wanted, rtol=1e-10)
    assert np.allclose(mx.vmap(mx.grad(cube_root))(np.array([1.0, 8.0])), [1 / 3, 1 / 12])


def test_the_solver_is_not_differentiated() -> None:
    def bisection(f, x):
        low, high = 0.0, 4.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = np.where(f(middle) < 0, middle, low), np.where(f(middle) < 0, high, middle)
        return low

    assert np.isclose(
        mx.grad(lambda a: mx.custom_root(lambda x, a: x * x - a, 1.0, bisection, a))(2.0), 0.5 / np.sqrt(2)
    )


def test_a_fixed_point_of_a_tree() -> None:
    def step(x, w):
        return {"a": np.tanh(w @ x["a"] + 1.0), "b": 0.5 * x["b"] + x["a"][0]}

    start, w = {"a": np.zeros(2), "b": 0.0}, np.array([[0.3, -0.2], [0.1, 0.4]])

    def total(w):
        found = mx.fixed_point(step, start, w)
        return np.sum(found["a"]) + found["b"]

    def unrolled(w):
        x = start
        for _ in range(80):
            x = step(x, w)
        return np.sum(x["a"]) + x["b"]

    assert np.isclose(total(w), unrolled(w))
    np.testing.assert_allclose(mx.grad(total)(w), mx.grad(unrolled)(w), rtol=1e-9)
    np.testing.assert_allclose(mx.jit(mx.grad(total))(w), mx.grad(unrolled)(w), rtol=1e-9)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8])
def test_associative_scan(length) -> None:
    x = np.random.default_rng(length).normal(size=(length, 2))
    np.testing.assert_allclose(mx.associative_scan(np.add, x), np.cumsum(x, axis=0), rtol=1e-13)
    np.testing.assert_allclose(
        mx.associative_scan(np.add, x, reverse=True), np.cumsum(x[::-1], axis=0)[::-1], rtol=1e-13
    )

    def affine(first, second):  # composition of x -> a x + b
        return first[0] * second[0], second[0] * first[1] + second[1]

    def last(x):
        return mx.associative_scan(affine, (x[:, 0], x[:, 1]))[1][-1]

    def plain(x):
        y = 0.0
        for a, b in x:
            y = a * y + b
        return y

    assert np.isclose(last(x), plain(x))
    np.testing.assert_allclose(mx.grad(last)(x), mx.grad(plain)(x), rtol=1e-12)


def test_ravel() -> None:
    tree = {"w": np.arange(6.0).reshape(2, 3), "b": np.array(7.0), "n": np.array([1.0, 2.0], np.float32)}
    flat, unravel = mx.ravel(tree)
    assert flat.shape == (9,)
    again = unravel(flat)
    assert all(np.array_equal(again[k], tree[k]) and again[k].dtype == tree[k].dtype for k in tree)
    gradient = mx.grad(lambda v: np.sum(unravel(v)["w"] ** 2))(flat)
    np.testing.assert_array_equal(gradient, np.concatenate([np.zeros(3), 2 * np.arange(6.0)]))
    with pytest.raises(ValueError, match=r"shape \(3,\), and \(9,\) is needed"):
        unravel(np.zeros(3))


def test_linear_transpose() -> None:
    a = np.arange(6.0).reshape(2, 3)
    (found,) = mx.linear_transpose(lambda x: a @ x, np.zeros(3))(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(found, a.T @ [1.0, 2.0])


@pytest.fixture
def registry():
    """Forget the operations that a test defines."""
    from mixad.ir import definition
    from mixad.runtime.numpy import _support_of

    known = set(definition._registry)
    yield
    for name in set(definition._registry) - known:
        del definition._registry[name]
    clear_caches()
    _support_of.cache_clear()


def test_an_operation_of_the_user(registry) -> None:
    @mx.operation("mine.cubed")
    class Cubed:
        """Scaled third power."""

        elementwise = True

        @staticmethod
        def infer(x, *, scale):
            return x

        @staticmethod
        def evaluate(x, *, scale):
            return scale * x**3

        @staticmethod
        def jvp_x(b, dx, x, *, scale):
            from mixad.ops import full

            return b.mul(dx, b.mul(b.square(x), full(b, x.type, 3 * scale)))

    assert Cubed(2.0, scale=0.5) == 4.0
    assert mx.jit(lambda x: Cubed(x, scale=0.5))(2.0) == 4.0
    assert mx.grad(lambda x: Cubed(x, scale=0.5))(2.0) == 6.0
    assert mx.grad(mx.grad(mx.grad(lambda x: Cubed(x, scale=0.5))))(2.0) == 3.0
    assert "mine.cubed" in str(mx.make_graph(lambda x: Cubed(x, scale=0.5))(2.0))
    with pytest.raises(DefinitionError, match="jvp_y"):

        @mx.operation("mine.wrong")
        class Wrong:
            @staticmethod
            def infer(x):
                return x

            @staticmethod
            def evaluate(x):
                return x

            @staticmethod
            def jvp_y(b, dx, x):
                return dx


@pytest.mark.parametrize(
    ("rule", "function", "message"),
    [
        ("evaluate", lambda x: np.sum(x), r"evaluate of 'mine.bad' gives \(float64 \(\)\) where .* \(float64 \(3,\)\)"),
        ("evaluate", lambda x: np.sin(x).astype(np.float32), r"evaluate .* gives \(float32 \(3,\)\)"),
        ("infer", lambda x: 3, "infer of 'mine.bad' gives 3 where a TensorType is needed"),
        (
            "jvp_x",
            lambda b, dx, x: b.reduce_sum(dx, axes=(0,)),
            r"jvp_x .* gives \(tensor<f64>\) for \(tensor<3xf64>\)",
        ),
        ("jvp_x", lambda b, dx, x: b.convert(dx, dtype=np.dtype(np.float32)), r"jvp_x .* gives \(tensor<3xf32>\)"),
        ("jvp_x", lambda b, dx, x: 3.0, r"jvp_x .* gives \(float\) for \(tensor<3xf64>\), at .*test_implicit.py"),
        (
            "transpose_x",
            lambda b, ct, x: b.reduce_sum(ct, axes=(0,)),
            r"transpose .* \(tensor<f64>\) for \(tensor<3xf64>\)",
        ),
        ("batch", lambda b, size, batched, x: b.slice(x, starts=(0, 0), sizes=(1, 3), steps=(1, 1)), "batch .*1x3xf64"),
    ],
)
def test_a_rule_of_the_users_operation_that_gives_something_else_is_named(registry, rule, function, message) -> None:
    rules = {"infer": lambda x: x, "evaluate": lambda x: 2 * x, "jvp_x": lambda b, dx, x: b.add(dx, dx), rule: function}
    if rule == "transpose_x":
        del rules["jvp_x"]
        rules["linear_in"] = (("x",),)
    members = {key: staticmethod(each) if callable(each) else each for key, each in rules.items()}
    bad = mx.operation("mine.bad")(type("Bad", (), members))
    use = {"batch": lambda: mx.vmap(bad)(np.ones((2, 3))), "evaluate": lambda: mx.jit(bad)(np.ones(3))}
    with pytest.raises(RuleError, match=message):
        use.get(rule, lambda: mx.grad(lambda x: np.sum(bad(x)))(np.ones(3)))()
