"""check_grads finds what is wrong, down to the operation; gradient_report finds where a gradient is lost."""

from __future__ import annotations

import io

import mixad as mx
import numpy as np
import pytest
from mixad.ir.errors import DerivativeError, GradientError, MixadError
from mixad.ir.types import bfloat16

RNG = np.random.default_rng(3)


@mx.custom_jvp
def wrong_sine(x):
    return np.sin(x)


@wrong_sine.defjvp
def _(primals, tangents):
    return np.sin(primals[0]), tangents[0] * np.sin(primals[0])


@mx.custom_jvp
def second_wrong(x):
    return np.sin(x)


@second_wrong.defjvp
def _(primals, tangents):
    return np.sin(primals[0]), tangents[0] * mx.stop_gradient(np.cos(primals[0]))


@mx.custom_vjp
def wrong_pullback(x):
    return x * x


wrong_pullback.defvjp(lambda x: (x * x, x), lambda x, ct: (ct * x,))


def both(x, w):
    h = np.tanh(x @ w)
    return {"h": h, "sum": np.sum(np.where(h > 0, h, np.exp(h)))}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, bfloat16, np.complex128])
def test_right_derivatives_pass(dtype: type) -> None:
    x = (RNG.normal(size=(2, 3)) / 2).astype(dtype)
    mx.check_grads(lambda x: np.sum(x * x * np.exp(x)), x, order=2)


def test_containers_integers_and_several_outputs() -> None:
    x, w = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 2))
    mx.check_grads(both, (x, w))
    mx.check_grads(lambda tree, n: tree["a"] ** n, ({"a": x, "b": 1}, 3), order=3)
    mx.check_grads(lambda x: (np.sin(x), np.argmax(x)), x, order=1)


def test_complex_numbers_through_real_ones() -> None:
    z = RNG.normal(size=3) + 1j * RNG.normal(size=3)
    mx.check_grads(lambda z: np.sum(np.abs(z) ** 2) + np.sum(np.real(z * z)), z, order=2)


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_a_wrong_rule_is_found_by_name_and_line(mode: str) -> None:
    def model(x, y):
        z = x * y
        return np.sum(wrong_sine(z) * y)

    with pytest.raises(GradientError) as caught:
        mx.check_grads(model, (np.array([0.5, 0.5]), np.array([1.0, 2.0])), modes=(mode,))
    error = caught.value
    assert (error.order, error.mode, error.operation) == (1, mode, "ad.custom_call")
    message = str(error)
    assert f"the derivative of order 1 of @model is wrong in mode {mode}" in message
    assert f"test_checking.py:{model.__code__.co_firstlineno + 2} in model: return np.sum(wrong_sine(z) * y)" in message
    assert "operation ad.custom_call of @wrong_sine disagrees by itself" in message
    # d/dx sum(sin(x y) y) = cos(x y) y^2, of which the second element is off by most: 2.16, against sin: 3.37.
    assert "at input 0 (args[0]), element (1,)" in message
    assert "3.3658839 by mixad, 2.1612092 by finite differences; they differ by 1.2" in message
    assert isinstance(error, AssertionError)
    assert isinstance(error, MixadError)


def test_a_rule_that_is_wrong_from_the_second_order_on() -> None:
    mx.check_grads(second_wrong, np.ones(2), order=1)
    with pytest.raises(GradientError, match="of order 2") as caught:
        mx.check_grads(second_wrong, np.ones(2), order=2, modes=("rev",))
    assert caught.value.mode == "rev over rev"
    assert caught.value.operation == "ad.custom_call"


def test_a_wrong_backward_rule() -> None:
    with pytest.raises(GradientError) as caught:
        mx.check_grads(lambda x: np.sum(wrong_pullback(x)), np.ones(2), order=1, modes=("rev",))
    assert caught.value.operation == "ad.custom_call"


def test_a_stopped_gradient_is_told_as_one() -> None:
    with pytest.raises(GradientError, match="it stops the gradient, as it is there for") as caught:
        mx.check_grads(lambda x: np.sum(mx.stop_gradient(x) * x), np.ones(2))
    assert caught.value.operation == "ad.stop_gradient"


def test_a_kink_blames_no_operation_wrongly() -> None:
    with pytest.raises(GradientError) as caught:
        mx.check_grads(lambda x: np.where(x > 1, 2 * x, x), 1.0, order=1)
    assert caught.value.operation == ""
    assert "look for a kink or a jump" in str(caught.value)


def test_nan_is_not_close_to_a_number() -> None:
    with pytest.raises(GradientError):
        mx.check_grads(lambda x: np.sqrt(x * x), 0.0, order=1)


def test_tolerances_are_the_callers() -> None:
    slightly = mx.custom_jvp(lambda x: x * x)
    slightly.defjvp(lambda p, t: (p[0] * p[0], t[0] * p[0] * 2.001))
    mx.check_grads(slightly, 1.5, order=1, rtol=1e-2)
    with pytest.raises(GradientError, match=r"rtol=0\.0001"):
        mx.check_grads(slightly, 1.5, order=1, rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [((np.arange(3),), {}), ((1.0,), {"modes": ("forward",)}), ((1.0,), {"order": 0}), ((1.0,), {"modes": ()})],
)
def test_what_cannot_be_checked(arguments: tuple[object, ...], options: dict[str, object]) -> None:
    with pytest.raises(DerivativeError, match="check_grads"):
        mx.check_grads(lambda x: x, arguments, **options)


def test_a_function_without_a_result_to_differentiate() -> None:
    with pytest.raises(DerivativeError, match="returns no floating-point"):
        mx.check_grads(lambda x: np.argmax(x), np.ones(3))


# --- gradient_report -------------------------------------------------------------------------------


def rows(report: object) -> dict[str, object]:
    return {row.name: row for row in report.rows}


def test_norms_are_those_of_values_and_gradients() -> None:
    x = np.array([3.0, 4.0])
    found = rows(mx.gradient_report(lambda x: np.sum(np.square(x)), x))
    assert found["input x"].value == 5
    assert found["input x"].gradient == pytest.approx(10)
    assert found["tensor.square"].value == pytest.approx(np.hypot(9, 16))
    assert found["tensor.square"].gradient == pytest.approx(np.sqrt(2))
    assert found["tensor.reduce_sum"].gradient == 1


def test_where_a_gradient_is_cut() -> None:
    def cut(x, y):
        kept = mx.stop_gradient(np.exp(x))
        return np.sum(kept * y + np.round(x))

    report = mx.gradient_report(cut, np.ones(2), np.ones(2))
    assert [(row.name, row.remark) for row in report.remarks] == [
        ("ad.stop_gradient", "cuts the gradient"),
        ("tensor.round", "cuts the gradient"),
    ]
    line = cut.__code__.co_firstlineno + 1
    assert f"line {line}: kept = mx.stop_gradient(np.exp(x))" in str(report)
    assert rows(report)["input x"].state == "zero"
    assert rows(report)["input y"].state == ""


def test_where_a_gradient_vanishes_and_explodes() -> None:
    report = mx.gradient_report(lambda x: np.sum(np.tanh(x) * 1.5), np.full(3, 12.0))
    assert [(row.name, row.remark) for row in report.remarks] == [("tensor.tanh", "the gradient vanishes")]
    report = mx.gradient_report(lambda x: np.sum(np.sqrt(x) + x), np.full(3, 1e-20))
    assert [(row.name, row.remark) for row in report.remarks] == [("tensor.sqrt", "the gradient explodes")]
    report = mx.gradient_report(lambda x: np.sum(np.sqrt(x)), np.zeros(3))
    assert [row.remark for row in report.remarks] == ["the gradient becomes NaN or infinite"]


def test_a_dead_unit_and_a_healthy_program() -> None:
    report = mx.gradient_report(lambda x: np.sum(np.where(x > 0, x, 0.0)), -np.ones(3))
    assert [row.remark for row in report.remarks] == ["the gradient becomes zero"]
    report = mx.gradient_report(both, RNG.normal(size=(2, 3)), RNG.normal(size=(3, 2)))
    assert report.remarks == ()
    assert str(report).endswith("The gradient reaches every input.")


def test_the_report_respects_branches_not_taken() -> None:
    report = mx.gradient_report(lambda x: np.sum(np.where(x > 0, np.sqrt(x), x)), np.array([0.0, 1.0]))
    assert rows(report)["input x"].gradient == pytest.approx(np.hypot(1, 0.5))


def test_captured_arrays_calls_and_custom_rules() -> None:
    captured = np.array([1.0, 2.0])

    def model(x):
        return np.sum(wrong_pullback(x) * captured) + mx.grad(lambda y: np.sum(y**3))(x)[0]

    report = mx.gradient_report(model, np.array([2.0, 2.0]))
    assert rows(report)["ad.custom_call"].gradient == pytest.approx(np.hypot(1, 2))
    assert rows(report)["input x"].gradient == pytest.approx(np.hypot(2 + 12, 4))


def test_rich_draws_it() -> None:
    from rich.console import Console

    console = Console(width=120, record=True, file=io.StringIO())
    console.print(mx.gradient_report(lambda x: np.sum(mx.stop_gradient(x)), np.ones(2)))
    text = console.export_text()
    assert "cuts the gradient" in text
    assert "|gradient|" in text


def test_a_report_needs_something_to_differentiate() -> None:
    with pytest.raises(DerivativeError, match="no argument"):
        mx.gradient_report(lambda x: x, np.arange(3))
    with pytest.raises(DerivativeError, match="no output"):
        mx.gradient_report(lambda x: np.argmax(x), np.ones(3))


def test_constant_operands_are_not_blamed() -> None:
    def model(x):
        return np.sum(np.sqrt(wrong_sine(x) ** 2 + 1) + np.log(x + 3))

    with pytest.raises(GradientError) as caught:
        mx.check_grads(model, np.array([-1.0, 0.3]))
    assert caught.value.operation == "ad.custom_call", "and not pow, whose exponent does not vary"


def test_a_wrong_rule_inside_a_loop() -> None:
    def model(x):
        return mx.scan(lambda carry, step: (wrong_sine(carry) * step, carry), x, np.ones(3))[0]

    with pytest.raises(GradientError) as caught:
        mx.check_grads(model, 0.7, order=1)
    assert caught.value.operation == "ad.custom_call"
    mx.check_grads(lambda x: mx.scan(lambda carry, step: (np.sin(carry) * step, carry), x, np.ones(3))[0], 0.7)
