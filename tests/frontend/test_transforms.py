"""grad and its kin: arguments, containers, nesting, closures, decisions of Python."""

import dataclasses
from collections import namedtuple

import mixad as mx
import numpy as np
import pytest
from mixad.frontend.execution import cache_info

X = np.array([0.3, -1.2, 2.0])


def _quadratic(x, y):
    return np.sum(x * x * y)


# --- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("argnums", [0, 1, -1, -2, (0,), (1, 0), (0, 1), (0, -1), [1, 0]])
def test_argnums_choose_the_arguments(argnums):
    y = np.array([1.0, 2.0, 3.0])
    every = [2 * X * y, X * X]
    found = mx.grad(_quadratic, argnums)(X, y)
    if isinstance(argnums, int):
        np.testing.assert_allclose(found, every[argnums])
        return
    assert type(found) is tuple
    assert len(found) == len(argnums)
    for number, each in zip(argnums, found, strict=True):
        np.testing.assert_allclose(each, every[number])


def test_an_argument_chosen_twice_has_its_whole_derivative_twice():
    assert mx.grad(lambda x, y: x * y, (0, 0, -2))(2.0, 3.0) == (3, 3, 3)


def test_value_and_grad_and_has_aux():
    def function(x):
        return np.sum(x * x), {"twice": 2 * x, "name": np.sum(x)}

    value, gradient = mx.value_and_grad(lambda x: np.sum(x * x))(X)
    np.testing.assert_allclose(value, np.sum(X * X))
    np.testing.assert_allclose(gradient, 2 * X)
    (value, aux), gradient = mx.value_and_grad(function, has_aux=True)(X)
    np.testing.assert_allclose(value, np.sum(X * X))
    np.testing.assert_allclose(aux["twice"], 2 * X)
    np.testing.assert_allclose(gradient, 2 * X)
    gradient, aux = mx.grad(function, has_aux=True)(X)
    np.testing.assert_allclose(gradient, 2 * X)
    np.testing.assert_allclose(aux["name"], np.sum(X))


def test_has_aux_of_the_other_transforms():
    def function(x):
        return np.sin(x), x * 2

    out, tangent, aux = mx.jvp(function, (X,), (np.ones(3),), has_aux=True)
    np.testing.assert_allclose([out, tangent, aux], [np.sin(X), np.cos(X), 2 * X])
    out, pull, aux = mx.vjp(function, X, has_aux=True)
    np.testing.assert_allclose([out, pull(np.ones(3))[0], aux], [np.sin(X), np.cos(X), 2 * X])
    out, push, aux = mx.linearize(function, X, has_aux=True)
    np.testing.assert_allclose([out, push(np.ones(3)), aux], [np.sin(X), np.cos(X), 2 * X])


def test_keyword_arguments_are_constants():
    def function(x, *, scale=1.0, power):
        return np.sum(scale * x**power)

    np.testing.assert_allclose(mx.grad(function)(X, power=2.0), 2 * X)
    np.testing.assert_allclose(mx.grad(function)(X, scale=np.array([1.0, 2.0, 3.0]), power=2.0), 2 * X * [1, 2, 3])


def test_other_arguments_may_be_anything():
    def function(x, mode, options):
        return np.sum(x * x) if mode == "square" else options["factor"] * np.sum(x)

    np.testing.assert_allclose(mx.grad(function)(X, "square", None), 2 * X)
    np.testing.assert_allclose(mx.grad(function)(X, "line", {"factor": 3}), [3, 3, 3])


# --- containers ----------------------------------------------------------------------------------

Point = namedtuple("Point", ["x", "y"])


@dataclasses.dataclass
class Layer:
    weight: np.ndarray
    bias: np.ndarray


@dataclasses.dataclass(frozen=True)
class Frozen:
    layers: list
    scale: float


TREES = {
    "dict": {"b": X, "a": 2 * X},
    "list": [X, [2 * X]],
    "tuple": (X, (2 * X,)),
    "none": {"a": X, "n": None, "t": (None, X)},
    "namedtuple": Point(X, 3 * X),
    "dataclass": Layer(X, 2 * X),
    "nested": Frozen([Layer(X, 0.5 * X), {"p": Point(X, [X, None])}], 2.0),
    "empty": [X, [], (), {}],
}


def _leaves(tree):
    from mixad.frontend.trees import flatten

    return flatten(tree)[0]


def _energy(tree):
    total = 0.0
    for number, leaf in enumerate(_leaves(tree), 1):
        total = total + number * np.sum(np.sin(leaf))
    return total


@pytest.mark.parametrize("name", TREES)
def test_containers_in_and_out(name):
    from mixad.frontend.trees import flatten

    tree = TREES[name]
    expected = [number * np.cos(leaf) for number, leaf in enumerate(_leaves(tree), 1)]
    gradient = mx.grad(_energy)(tree)
    assert flatten(gradient)[1] == flatten(tree)[1]
    for found, wanted in zip(_leaves(gradient), expected, strict=True):
        np.testing.assert_allclose(found, wanted)
    same, pull = mx.vjp(lambda t: t, tree)
    assert flatten(same)[1] == flatten(tree)[1]
    (pulled,) = pull(tree)
    for found, wanted in zip(_leaves(pulled), _leaves(tree), strict=True):
        np.testing.assert_allclose(found, wanted)
    again = mx.jit(lambda t: t)(tree)
    assert flatten(again)[1] == flatten(tree)[1]


def test_second_derivatives_through_containers():
    tree = {"a": X, "b": [np.float64(2.0)]}

    def function(t):
        return np.sum(t["a"] ** 3) * t["b"][0]

    def gradient_norm(t):
        g = mx.grad(function)(t)
        return np.sum(g["a"] * g["a"])

    found = mx.grad(gradient_norm)(tree)
    np.testing.assert_allclose(found["a"], 4 * 9 * 4 * X**3)
    np.testing.assert_allclose(found["b"][0], 2 * 2 * np.sum(9 * X**4))


# --- the transforms against each other -----------------------------------------------------------


def _map(x):
    return np.stack([np.sin(x[0]) * x[1], x[1] * x[2], np.exp(x[0])]) if x.shape == (3,) else x


JACOBIAN = np.array(
    [[np.cos(X[0]) * X[1], np.sin(X[0]), 0], [0, X[2], X[1]], [np.exp(X[0]), 0, 0]],
)


def test_every_transform_gives_the_jacobian():
    basis = np.eye(3)
    _, pull = mx.vjp(_map, X)
    _, push = mx.linearize(_map, X)
    np.testing.assert_allclose([pull(e)[0] for e in basis], JACOBIAN)
    np.testing.assert_allclose(np.transpose([push(e) for e in basis]), JACOBIAN)
    np.testing.assert_allclose(np.transpose([mx.jvp(_map, (X,), (e,))[1] for e in basis]), JACOBIAN)
    np.testing.assert_allclose(mx.jacfwd(_map)(X), JACOBIAN)
    np.testing.assert_allclose(mx.jacrev(_map)(X), JACOBIAN)


def test_a_pullback_keeps_the_point_where_it_was_made():
    x = X.copy()
    _, pull = mx.vjp(lambda x: x * x, x)
    _, push = mx.linearize(lambda x: x * x, x)
    x[:] = 100
    np.testing.assert_allclose(pull(np.ones(3))[0], 2 * X)
    np.testing.assert_allclose(pull(2 * np.ones(3))[0], 4 * X)
    np.testing.assert_allclose(push(np.ones(3)), 2 * X)


def test_pullbacks_and_pushforwards_inside_of_other_transforms():
    def through_pullback(x):
        out, pull = mx.vjp(lambda y: y * y * y, x)
        return np.sum(pull(out)[0])

    def through_pushforward(x):
        out, push = mx.linearize(lambda y: y * y * y, x)
        return np.sum(push(out))

    for function in (through_pullback, through_pushforward):
        np.testing.assert_allclose(function(X), np.sum(3 * X**5))
        np.testing.assert_allclose(mx.grad(function)(X), 15 * X**4)
        np.testing.assert_allclose(mx.jit(function)(X), np.sum(3 * X**5))
        np.testing.assert_allclose(mx.jvp(mx.grad(function), (X,), (np.ones(3),))[1], 60 * X**3)


def test_a_pullback_from_outside_applied_inside_of_a_trace():
    _, pull = mx.vjp(lambda x: np.sin(x), X)
    found = mx.grad(lambda w: np.sum(pull(w * w)[0]))(X)
    np.testing.assert_allclose(found, 2 * X * np.cos(X))


NESTINGS = {
    "grad of grad": lambda f: mx.grad(mx.grad(f)),
    "jit of grad of grad": lambda f: mx.jit(mx.grad(mx.grad(f))),
    "grad of jit of grad": lambda f: mx.grad(mx.jit(mx.grad(f))),
    "grad of grad of jit": lambda f: mx.grad(mx.grad(mx.jit(f))),
    "jvp of grad": lambda f: lambda x: mx.jvp(mx.grad(f), (x,), (1.0,))[1],
    "grad of jvp": lambda f: mx.grad(lambda x: mx.jvp(f, (x,), (1.0,))[1]),
    "jvp of jvp": lambda f: lambda x: mx.jvp(lambda y: mx.jvp(f, (y,), (1.0,))[1], (x,), (1.0,))[1],
    "grad of vjp": lambda f: mx.grad(lambda x: mx.vjp(f, x)[1](1.0)[0]),
    "grad of linearize": lambda f: mx.grad(lambda x: mx.linearize(f, x)[1](1.0)),
    "hvp": lambda f: lambda x: mx.hvp(f)(x, 1.0),
    "hessian": lambda f: mx.hessian(f),
    "jacfwd of jacfwd": lambda f: mx.jacfwd(mx.jacfwd(f)),
    "jacrev of jacfwd": lambda f: mx.jacrev(mx.jacfwd(f)),
    "jit of jacrev of jit of grad": lambda f: mx.jit(mx.jacrev(mx.jit(mx.grad(f)))),
    "grad of value_and_grad": lambda f: mx.grad(lambda x: mx.value_and_grad(f)(x)[1]),
}


@pytest.mark.parametrize("name", NESTINGS)
def test_second_derivatives_by_every_nesting(name):
    second = NESTINGS[name](lambda x: np.sin(x) * x)
    for x in (0.3, np.float64(-1.2), np.array(2.0)):
        np.testing.assert_allclose(second(x), 2 * np.cos(x) - x * np.sin(x), rtol=1e-12)


# --- perturbation confusion ----------------------------------------------------------------------


def test_the_classic_of_perturbation_confusion():
    assert mx.grad(lambda x: x * mx.grad(lambda y: x + y)(1.0))(1.0) == 1
    assert mx.jvp(lambda x: x * mx.jvp(lambda y: x + y, (1.0,), (1.0,))[1], (1.0,), (1.0,))[1] == 1
    assert mx.grad(lambda x: x * mx.jvp(lambda y: x + y, (1.0,), (1.0,))[1])(1.0) == 1
    assert mx.jvp(lambda x: x * mx.grad(lambda y: x + y)(1.0), (1.0,), (1.0,))[1] == 1
    assert mx.jit(mx.grad(lambda x: x * mx.grad(lambda y: x + y)(1.0)))(1.0) == 1


def test_closures_over_two_levels():
    """d/dx [x * d/dy (x * y * y)] at y = x is 6 x**2 for y = x inside, 4 x y at a fixed y."""
    inner = lambda x: mx.grad(lambda y: x * y * y)(x)  # noqa: E731
    np.testing.assert_allclose(mx.grad(lambda x: x * inner(x))(3.0), 6 * 9)
    np.testing.assert_allclose(mx.grad(lambda x: x * mx.grad(lambda y: x * y * y)(5.0))(3.0), 4 * 3 * 5)


def test_three_levels_that_close_over_each_other():
    def outer(x):
        def middle(y):
            return mx.grad(lambda z: x * y * z * z)(y) * y

        return mx.grad(middle)(x) * x

    # the inner: 2 x y z at z = y, times y: 2 x y**3; d/dy: 6 x y**2 at y = x: 6 x**3; times x: 6 x**4
    np.testing.assert_allclose(outer(2.0), 6 * 16)
    np.testing.assert_allclose(mx.grad(outer)(2.0), 24 * 8)


def test_the_same_array_twice_is_two_inputs():
    found = mx.grad(lambda a, b: np.sum(a * a * b), (0, 1))(X, X)
    np.testing.assert_allclose(found, [2 * X * X, X * X])
    np.testing.assert_allclose(mx.grad(lambda t: np.sum(t[0] * t[1]))([X, 2 * X]), [2 * X, X])
    np.testing.assert_allclose(mx.jvp(lambda a, b: a * b, (X, X), (np.ones(3), np.zeros(3)))[1], X)


def test_the_argument_also_captured_is_a_constant_there():
    """The array that is differentiated, and the same object seen through a closure, are two things."""
    x = X.copy()
    np.testing.assert_allclose(mx.grad(lambda y: np.sum(y * x))(x), X)
    np.testing.assert_allclose(mx.grad(lambda y: mx.grad(lambda z: np.sum(z * y * x))(x).sum())(x), X)


# --- closures are never stale --------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda f: f, mx.jit], ids=["grad", "jit(grad)"])
def test_a_captured_array_changed_in_place_or_rebound(wrap):
    weights = np.array([1.0, 2.0, 3.0])
    gradient = wrap(mx.grad(lambda x: np.sum(weights * x)))
    np.testing.assert_array_equal(gradient(X), [1, 2, 3])
    weights[:] = [4.0, 5.0, 6.0]
    np.testing.assert_array_equal(gradient(X), [4, 5, 6])
    weights = np.array([7.0, 8.0, 9.0])
    np.testing.assert_array_equal(gradient(X), [7, 8, 9])


def test_a_captured_array_of_a_jitted_function():
    weights = np.array([1.0, 2.0, 3.0])
    function = mx.jit(lambda x: weights * x)
    np.testing.assert_array_equal(function(np.ones(3)), [1, 2, 3])
    weights[:] = 5
    np.testing.assert_array_equal(function(np.ones(3)), [5, 5, 5])
    weights = np.zeros(3)
    np.testing.assert_array_equal(function(np.ones(3)), [0, 0, 0])


def test_a_captured_array_of_another_shape_or_dtype():
    weights = np.array([1.0, 2.0, 3.0])
    gradient = mx.grad(lambda x: np.sum(weights * x))
    np.testing.assert_array_equal(gradient(np.float64(1.0)), 6)
    weights = np.ones((2, 2))
    np.testing.assert_array_equal(gradient(np.float64(1.0)), 4)
    weights = np.ones((2, 2), np.float32)
    assert gradient(np.float32(1.0)).dtype == np.float32


def test_a_captured_number_compiles_at_most_twice():
    def of(factor):
        return mx.grad(lambda x: factor * x * x * x)(2.0)

    before = cache_info()["misses"]
    assert [of(k) for k in (3.0, 5.0, -1.5, 0.0, -0.0, 7.25, 3.0)] == [
        k * 12 for k in (3.0, 5.0, -1.5, 0, 0, 7.25, 3.0)
    ]
    assert cache_info()["misses"] - before <= 2


def test_numbers_that_become_equal_or_differ_are_told_apart():
    def of(a, b):
        return mx.grad(lambda x: a * x + b * x * x)(3.0)

    for a, b in [(2.0, 2.0), (2.0, 5.0), (1.0, 0.0), (0.0, 1.0), (2, 2), (True, 2.0), (1e300, -1e300), (np.inf, 1.0)]:
        assert of(a, b) == a + 6.0 * b


def test_a_captured_nan():
    for number in (np.nan, 1.0, np.nan, 2.0):
        assert np.isnan(mx.grad(lambda x, n=number: n * x)(1.0)) == np.isnan(number)


# --- decisions of Python -------------------------------------------------------------------------


def _branch(x):
    return x * x if x > 0 else -3.0 * x


def _loop(x):
    while x < 10:
        x = x * x + x
    return x


def _count(x):
    total = 0.0 * x
    for k in range(5):
        if total > 3:
            break
        total = total + x**k
    return total


def _recursive(x):
    return np.sin(x) if x < 1 else x * _recursive(x / 2)


def _and(x):
    return x * 2 if (x > 1 and x < 3) or x < -0.5 else x * 5


PYTHON = [_branch, _loop, _count, _recursive, _and]
NUMBERS = [0.5, 2.0, -1.0, 0.1, 7.0, 2.0, 0.5, 1.0, 3.0]


def _slope(function, x):
    """Second derivative and value by hand: the functions are smooth between their branches."""
    h = 1e-6
    return (function(x + h) - function(x - h)) / (2 * h)


@pytest.mark.parametrize("function", PYTHON, ids=lambda f: f.__name__)
def test_decisions_are_taken_anew_at_every_call(function):
    points = [x for x in NUMBERS if function is not _loop or x > 0]
    points = [x for x in points if abs(_slope(function, x) - _slope(function, x + 1e-5)) < 1e-2]
    assert len(points) >= 4
    gradient, jitted = mx.grad(function), mx.jit(function)
    both, inside = mx.jit(mx.grad(function)), mx.grad(mx.jit(function))
    for x in points:
        slope = _slope(function, x)
        np.testing.assert_allclose(jitted(x), function(x), rtol=1e-12)
        for derivative in (gradient, both, inside):
            np.testing.assert_allclose(derivative(x), slope, rtol=1e-5, atol=1e-5)


def test_second_derivatives_with_decisions():
    second = mx.jit(mx.grad(mx.grad(lambda x: x**3 if x > 1 else np.sin(x))))
    for x in (2.0, 0.3, 2.5, -1.0):
        np.testing.assert_allclose(second(x), 6 * x if x > 1 else -np.sin(x), rtol=1e-12)


def test_a_decision_on_a_derivative():
    def function(x):
        return x * x if mx.grad(lambda y: y * y)(x) > 1 else x * 7

    for wrap in (mx.grad, lambda f: mx.jit(mx.grad(f)), lambda f: mx.grad(mx.jit(f))):
        derivative = wrap(function)
        assert [float(derivative(x)) for x in (2.0, 0.1, 3.0)] == [4.0, 7.0, 6.0]


def test_a_decision_on_a_captured_array():
    weights = np.array([1.0, 2.0])

    def function(x):
        return np.sum(x * weights) if np.sum(x * weights) > 2 else np.sum(x)

    gradient, both = mx.grad(function), mx.jit(mx.grad(function))
    for scale in (1.0, 0.1, 1.0, 5.0):
        weights[:] = [scale, 2 * scale]
        expected = weights if np.sum(weights) > 2 else np.ones(2)
        np.testing.assert_array_equal(gradient(np.ones(2)), expected)
        np.testing.assert_array_equal(both(np.ones(2)), expected)


# --- stop_gradient and make_graph ----------------------------------------------------------------


def test_stop_gradient_at_every_order_and_in_every_mode():
    function = lambda x: x * mx.stop_gradient(x * x)  # noqa: E731
    assert mx.grad(function)(3.0) == 9
    assert mx.grad(mx.grad(function))(3.0) == 0
    assert mx.jvp(function, (3.0,), (1.0,))[1] == 9
    assert mx.jvp(mx.grad(function), (3.0,), (1.0,))[1] == 0
    assert mx.jit(mx.grad(function))(3.0) == 9
    tree = mx.grad(lambda t: np.sum(mx.stop_gradient(t)["a"] * t["a"]))({"a": X})
    np.testing.assert_array_equal(tree["a"], X)


def test_stop_gradient_of_what_is_not_traced():
    assert mx.stop_gradient(3.0) == 3.0
    assert mx.stop_gradient({"a": X})["a"] is X


def test_make_graph_gives_a_module_that_prints_and_parses():
    module = mx.make_graph(mx.grad(lambda x: np.sum(np.sin(x))))(X)
    text = str(module)
    assert "ad.vjp" in text
    assert "tensor.sin" in text
    assert str(mx.parse_module(text)) == text


# --- branches not taken --------------------------------------------------------------------------

AWAY = np.array([0.0, -1.0, np.nan, -np.inf, -0.0])
CHOICES = {
    "log": lambda x: np.where(x > 0, np.log(x), 0.0),
    "sqrt": lambda x: np.where(x > 0, np.sqrt(x), 0.0),
    "power": lambda x: np.where(x > 0, x**-1.5, 0.0),
    "quotient": lambda x: np.where(x > 0, 1 / x, 0.0),
    "log of sqrt": lambda x: np.where(x > 0, np.log(np.sqrt(x)), 0.0),
    "other order": lambda x: np.where(x <= 0, 0.0, np.where(np.isnan(x), 0.0, np.log(x) * np.sqrt(x))),
}
HIGHER = {
    "grad": mx.grad,
    "jvp": lambda f: lambda x: mx.jvp(f, (x,), (1.0,))[1],
    "jvp of grad": lambda f: lambda x: mx.jvp(mx.grad(f), (x,), (1.0,))[1],
    "grad of grad": lambda f: mx.grad(mx.grad(f)),
    "grad of jvp": lambda f: mx.grad(lambda x: mx.jvp(f, (x,), (1.0,))[1]),
    "hessian": mx.hessian,
    "grad of grad of grad": lambda f: mx.grad(mx.grad(mx.grad(f))),
}


@pytest.mark.parametrize("mode", HIGHER)
@pytest.mark.parametrize("name", CHOICES)
def test_a_branch_that_where_does_not_take_leaks_nothing(name, mode):
    derivative = HIGHER[mode](CHOICES[name])
    for x in AWAY:
        assert derivative(x) == 0, x
    if name in ("log", "sqrt"):
        np.testing.assert_allclose(derivative(1.7), HIGHER[mode](getattr(np, name))(1.7), rtol=1e-13)


def test_the_norm_at_zero_is_safe_under_where():
    def norm(x):
        total = np.sum(x * x)
        return np.where(total > 0, np.sqrt(total), 0.0)

    np.testing.assert_array_equal(mx.grad(norm)(np.zeros(3)), np.zeros(3))
    assert np.all(np.isfinite(mx.hessian(norm)(np.zeros(3))))


# --- types ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_derivatives_keep_the_dtype(dtype):
    x = X.astype(dtype)
    assert mx.grad(lambda x: np.sum(np.sin(x) * 2.0))(x).dtype == dtype
    value, tangent = mx.jvp(lambda x: np.exp(x) / 3, (x,), (x,))
    assert (value.dtype, tangent.dtype) == (dtype, dtype)
    assert mx.grad(mx.grad(lambda x: x * x * x))(dtype(2.0)).dtype == dtype


def test_zero_size_arrays():
    empty = np.zeros((0, 3))
    assert mx.grad(lambda x: np.sum(x * x))(empty).shape == (0, 3)
    assert mx.jacrev(lambda x: x * 2)(empty).shape == (0, 3, 0, 3)


def test_an_unused_argument_has_a_zero_gradient():
    found = mx.grad(lambda a, b: np.sum(a), (0, 1))(X, np.ones((2, 2), np.float32))
    np.testing.assert_array_equal(found[1], np.zeros((2, 2)))
    assert found[1].dtype == np.float32


def test_gradients_neither_alias_each_other_nor_the_arguments():
    a, b = X.copy(), X.copy()
    found = mx.grad(lambda a, b: np.sum(a * 1.0 + b), (0, 1))(a, b)
    assert not np.shares_memory(found[0], found[1])
    found[0][:] = 99
    np.testing.assert_array_equal(found[1], [1, 1, 1])
    linear = mx.grad(lambda x: np.sum(x * b))(a)
    assert not np.shares_memory(linear, b)
    linear[:] = 99
    np.testing.assert_array_equal(b, X)


def test_a_number_that_varies_under_a_pullback_or_a_pushforward():
    """The second number makes it an input of a second program; the seeds are inputs of both."""
    for power in (2, 3, 4, 2):
        np.testing.assert_allclose(mx.vjp(lambda x, p=power: x**p, X)[1](np.ones(3))[0], power * X ** (power - 1))
        np.testing.assert_allclose(mx.linearize(lambda x, p=power: x * p, X)[1](X), power * X)
        expected = np.diag(power * (power - 1) * X ** (power - 2))
        np.testing.assert_allclose(mx.hessian(lambda x, p=power: np.sum(x**p))(X), expected, atol=1e-12)
