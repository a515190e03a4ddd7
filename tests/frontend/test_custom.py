"""custom_jvp and custom_vjp: the author's rule is used in every mode, order and batch, and checked."""

import mixad as mx
import numpy as np
import pytest
from mixad.ir.errors import DerivativeError, RuleError, TraceError


def scaled_sine():
    """sin(x) * y with a derivative that is ten times too large in x, so that its use can be seen."""

    @mx.custom_jvp
    def f(x, y):
        return np.sin(x) * y

    @f.defjvp
    def f_jvp(primals, tangents):
        (x, y), (dx, dy) = primals, tangents
        return f(x, y), 10 * np.cos(x) * dx * y + np.sin(x) * dy

    return f


def tripled_exp():
    @mx.custom_vjp
    def g(x):
        return np.exp(x)

    g.defvjp(lambda x: (np.exp(x), x), lambda x, ct: (ct * 3 * np.exp(x),))
    return g


def test_a_jvp_rule_serves_both_modes_and_every_order() -> None:
    f = scaled_sine()
    assert f(1.0, 2.0) == np.sin(1.0) * 2
    assert np.isclose(mx.grad(f)(1.0, 2.0), 20 * np.cos(1.0))
    assert np.isclose(mx.grad(f, 1)(1.0, 2.0), np.sin(1.0))
    assert np.isclose(mx.jvp(f, (1.0, 2.0), (1.0, 0.0))[1], 20 * np.cos(1.0))
    assert np.isclose(mx.grad(mx.grad(f))(1.0, 2.0), -20 * np.sin(1.0))
    # The rule's own call of f is differentiated by the rule again.
    assert np.isclose(mx.grad(lambda x: mx.grad(f, 1)(x, 2.0))(1.0), np.cos(1.0))


def test_a_rule_that_uses_its_function_holds_at_every_order() -> None:
    @mx.custom_jvp
    def e(x):
        return np.exp(x)

    e.defjvp(lambda p, t: (e(*p), 2.0 * e(*p) * t[0]))
    third = mx.grad(mx.grad(mx.grad(e)))
    assert np.isclose(third(0.5), 8 * np.exp(0.5))
    assert np.isclose(mx.jvp(mx.grad(e), (0.5,), (1.0,))[1], 4 * np.exp(0.5))
    assert np.allclose(mx.vmap(mx.grad(mx.grad(e)))(np.arange(3.0)), 4 * np.exp(np.arange(3.0)))


def test_a_vjp_rule_serves_both_modes() -> None:
    g = tripled_exp()
    wanted = 3 * np.exp(0.5)
    assert np.isclose(mx.grad(g)(0.5), wanted)
    assert np.isclose(mx.jvp(g, (0.5,), (1.0,))[1], wanted)
    assert np.isclose(mx.linearize(g, 0.5)[1](2.0), 2 * wanted)
    assert np.isclose(mx.grad(mx.grad(g))(0.5), wanted)
    assert np.isclose(mx.jvp(mx.grad(g), (0.5,), (1.0,))[1], wanted)
    assert np.isclose(mx.grad(lambda x: mx.jvp(g, (x,), (1.0,))[1])(0.5), wanted)
    assert np.allclose(mx.hessian(lambda x: np.sum(g(x)))(np.zeros(2)), 3 * np.eye(2))


def test_one_function_may_have_both_rules() -> None:
    @mx.custom_vjp
    def h(d):
        return d["a"] * 2.0

    h.defvjp(lambda d: (h(d), None), lambda residuals, ct: ({"a": ct * 7.0},))
    h.defjvp(lambda primals, tangents: (h(*primals), 5.0 * tangents[0]["a"]))
    assert mx.grad(h)({"a": 1.0}) == {"a": 7.0}
    assert mx.jvp(h, ({"a": 1.0},), ({"a": 1.0},)) == (2.0, 5.0)


def test_batching_and_compiling() -> None:
    f, g, x = scaled_sine(), tripled_exp(), np.arange(3.0)
    assert np.allclose(mx.vmap(mx.grad(f), in_axes=(0, None))(x, 2.0), 20 * np.cos(x))
    assert np.allclose(mx.vmap(mx.grad(g))(x), 3 * np.exp(x))
    assert np.allclose(mx.grad(lambda x: np.sum(mx.vmap(g)(x)))(x), 3 * np.exp(x))
    assert np.allclose(mx.jit(mx.grad(lambda x: np.sum(g(x) * x)))(x), 3 * np.exp(x) * x + np.exp(x))


def test_arguments_that_are_not_differentiated() -> None:
    @mx.custom_vjp(nondiff_argnums=(1,))
    def power(x, n):
        return x**n

    power.defvjp(lambda x, n: (power(x, n), x), lambda n, x, ct: (ct * 100.0 * n * x ** (n - 1),))
    assert np.isclose(mx.grad(power)(2.0, 3), 1200.0)

    @mx.custom_jvp(nondiff_argnums=(0,))
    def apply(function, x):
        return function(x)

    apply.defjvp(lambda function, p, t: (function(*p), 2.0 * t[0]))
    assert mx.grad(lambda x: apply(np.sin, x))(0.3) == 2.0


def test_a_cotangent_of_none_is_zero_and_integers_pass() -> None:
    @mx.custom_vjp
    def f(x, y, n):
        return x * y * n

    f.defvjp(lambda x, y, n: (f(x, y, n), None), lambda residuals, ct: (ct, None, None))
    assert mx.grad(f, (0, 1))(2.0, 3.0, np.array(4)) == (1.0, 0.0)


def test_captured_arrays_are_constants_and_stay_fresh() -> None:
    c = np.array([1.0, 2.0])

    @mx.custom_jvp
    def f(x):
        return np.sum(x * c)

    f.defjvp(lambda p, t: (f(*p), 2 * np.sum(t[0] * c)))
    assert np.allclose(mx.grad(f)(np.ones(2)), [2.0, 4.0])
    c[:] = 5.0
    assert np.allclose(mx.grad(f)(np.ones(2)), [10.0, 10.0])


def test_a_differentiated_value_from_outside_is_an_error() -> None:
    def outer(w):
        @mx.custom_jvp
        def k(x):
            return w * x

        k.defjvp(lambda p, t: (k(*p), w * t[0]))
        return k(2.0)

    with pytest.raises(DerivativeError, match=r"@k has a custom rule and uses a value from outside.*test_custom.py"):
        mx.grad(outer)(3.0)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda p, t: (p[0], np.stack([t[0], t[0]])), r"jvp rule of @bad gives .*tensor<2xf64> where tensor<f64>"),
        (lambda p, t: (p[0], (t[0],)), "gives the structure"),
        (lambda p, t: t[0], r"where a pair \(out, tangent of out\) is needed"),
        (lambda p, t: (p[0], t[0].astype(np.float32)), r"tensor<f32> where tensor<f64>"),
    ],
)
def test_wrong_jvp_rules_are_named(rule, message) -> None:
    @mx.custom_jvp
    def bad(x):
        return x * 2

    bad.defjvp(rule)
    with pytest.raises(RuleError, match=message):
        mx.grad(bad)(1.0)


@pytest.mark.parametrize(
    ("backward", "message"),
    [
        (lambda r, ct: ct, r"backward rule of @bad gives a TracedArray where a tuple of 1 cotangents"),
        (lambda r, ct: (ct, ct), "gives 2 values where a tuple of 1"),
        (lambda r, ct: (np.stack([ct, ct]),), r"tensor<2xf64> where tensor<f64>"),
    ],
)
def test_wrong_vjp_rules_are_named(backward, message) -> None:
    @mx.custom_vjp
    def bad(x):
        return x * 2

    bad.defvjp(lambda x: (x * 2, None), backward)
    with pytest.raises(RuleError, match=message):
        mx.grad(bad)(1.0)


def test_a_rule_cannot_decide_and_must_exist() -> None:
    @mx.custom_jvp
    def f(x):
        return x

    with pytest.raises(DerivativeError, match="@f has no rule"):
        mx.grad(f)(1.0)
    f.defjvp(lambda p, t: (p[0], t[0] if p[0] > 0 else -t[0]))
    with pytest.raises(TraceError, match="takes a Python decision"):
        mx.grad(f)(1.0)


def test_decisions_in_the_function_itself_are_guards() -> None:
    @mx.custom_jvp
    def f(x):
        return x * 2.0 if x > 0 else x * 3.0

    f.defjvp(lambda p, t: (f(*p), 7.0 * t[0]))
    compiled = mx.jit(lambda x: f(x) + mx.grad(f)(x))
    assert [compiled(1.0), compiled(-1.0), compiled(1.0)] == [9.0, 4.0, 9.0]
