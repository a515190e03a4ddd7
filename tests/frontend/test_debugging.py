"""debug_nans and debug_infs stop at the operation that makes one, and at nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import mixad as mx
import numpy as np
import pytest
from mixad.ir.errors import NonFiniteError
from mixad.runtime.compiler import epoch


@pytest.fixture(autouse=True)
def _off_afterwards() -> Iterator[None]:
    yield
    mx.debug_nans(False)
    mx.debug_infs(False)
    assert epoch() is None


def logarithm(x):
    y = 2 * x
    return np.sum(np.log(y))


def line_of(function: Callable[..., object], offset: int) -> str:
    return f"test_debugging.py:{function.__code__.co_firstlineno + offset}"


X = np.array([1.0, -1.0, 3.0])


@pytest.mark.parametrize("transform", [mx.jit, mx.grad, mx.value_and_grad, lambda f: lambda x: mx.vjp(f, x)])
def test_a_nan_of_the_forward_part(transform: Callable[..., Callable[..., object]]) -> None:
    with mx.debug_nans(), pytest.raises(NonFiniteError) as caught:
        transform(logarithm)(X)
    message = str(caught.value)
    assert caught.value.operation == "tensor.log"
    assert message.startswith("debug_nans: tensor.log makes NaN in 1 of 3 elements, first at (1,), in @")
    assert f"{line_of(logarithm, 2)} in logarithm: return np.sum(np.log(y))" in message
    assert "operand 0: tensor<3xf64>, from -2 to 6, -2.0 there" in message
    assert "derivative" not in message
    assert isinstance(caught.value, FloatingPointError)


def test_a_nan_of_the_backward_part_names_its_origin() -> None:
    def norm(x):
        return np.sqrt(np.sum(x * x)) * np.sum(x)

    with (
        mx.debug_nans(),
        pytest.raises(FloatingPointError, match=r"in the derivative of order 1 of tensor\.sqrt") as caught,
    ):
        mx.grad(norm)(np.zeros(2))
    assert f"{line_of(norm, 1)} in norm" in str(caught.value)
    assert "operand 1: tensor<f64>, 0.0" in str(caught.value)


def test_a_nan_of_a_second_derivative_names_its_order() -> None:
    with mx.debug_nans(), pytest.raises(NonFiniteError) as caught:
        mx.grad(mx.grad(lambda x: np.sqrt(x) * x))(0.0)
    assert caught.value.location.order >= 1
    assert caught.value.location.origin == "tensor.sqrt"


@pytest.mark.parametrize("transform", [mx.jit, mx.grad])
def test_a_nan_in_an_input_is_the_inputs(transform: Callable[..., Callable[..., object]]) -> None:
    with (
        mx.debug_nans(),
        pytest.raises(NonFiniteError, match=r"input 0 \(?x?\)?.*holds NaN in 1 of 2 elements") as caught,
    ):
        transform(logarithm)(np.array([1.0, np.nan]))
    assert caught.value.operation == ""


def test_a_captured_array_is_an_input() -> None:
    captured = np.array([np.nan, 1.0])
    with (
        mx.debug_nans(),
        pytest.raises(NonFiniteError, match=r"input 1.*holds NaN in 1 of 2 elements, first at \(0,\)"),
    ):
        mx.jit(lambda x: x * captured)(np.ones(2))


def test_a_nan_constant_is_named() -> None:
    with mx.debug_nans(), pytest.raises(NonFiniteError, match="a constant is NaN"):
        mx.jit(lambda x: x * float("nan"))(1.0)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)),
        lambda x: np.sum(np.where(x > 0, np.sqrt(x).reshape(3, 1)[:, 0], 0.0)),
        lambda x: np.sum(np.where(x > 0, np.concatenate([np.sqrt(x)[1:], np.sqrt(x)[:1]])[[2, 0, 1]], 0.0)),
        lambda x: np.sum(np.nan_to_num(np.log(x))),
        lambda x: np.sum(np.where(np.isnan(np.log(x)), x, 2 * x)),
    ],
)
@pytest.mark.parametrize("transform", [mx.jit, mx.grad, mx.value_and_grad])
def test_what_is_absorbed_is_not_blamed(function: Callable[..., object], transform: Callable[..., object]) -> None:
    expected = transform(function)(X)
    with mx.debug_nans():
        found = transform(function)(X)
    for one, other in zip(
        np.atleast_1d(*found) if isinstance(found, tuple) else [found],
        np.atleast_1d(*expected) if isinstance(expected, tuple) else [expected],
        strict=True,
    ):
        np.testing.assert_allclose(one, other)


def test_a_residual_that_the_pullback_absorbs_is_not_blamed() -> None:
    def safe(x):
        return np.sum(np.where(x > 0, np.sqrt(x), 0.0))

    with mx.debug_nans():
        _, pullback = mx.vjp(safe, X)
        np.testing.assert_allclose(pullback(1.0)[0], [0.5, 0, 0.5 / np.sqrt(3)])


def test_the_branch_that_is_taken_is_blamed() -> None:
    with (
        mx.debug_nans(),
        pytest.raises(NonFiniteError, match=r"tensor\.log makes NaN in 1 of 3 elements, first at \(1,\)"),
    ):
        mx.jit(lambda x: np.sum(np.where(x > -2, np.log(x), 0.0)))(X)


# --- infinities ------------------------------------------------------------------------------------


def test_an_infinity_of_each_part() -> None:
    with mx.debug_infs():
        with pytest.raises(NonFiniteError, match=r"debug_infs: tensor\.exp makes an infinity"):
            mx.jit(lambda x: 1 / (1 + np.exp(x)))(1000.0)
        with pytest.raises(NonFiniteError, match=r"derivative of order 1 of tensor\.sqrt"):
            mx.grad(lambda x: np.sum(np.sqrt(x)))(np.array([0.0, 1.0]))
        assert mx.jit(lambda x: np.log(x))(1.0) == 0


def test_infinite_constants_and_masks_are_no_error() -> None:
    with mx.debug_infs(), mx.debug_nans():
        found = mx.jit(lambda x: np.exp(np.where(x > 2, -np.inf, x)))(X)
    np.testing.assert_allclose(found, [np.e, 1 / np.e, 0])


def test_each_looks_for_its_own() -> None:
    with mx.debug_infs():
        assert np.isnan(mx.jit(np.log)(-1.0))
    with mx.debug_nans():
        assert np.isinf(mx.jit(np.log)(0.0))
    with mx.debug_nans(), mx.debug_infs(), pytest.raises(NonFiniteError, match="debug_infs"):
        mx.jit(np.log)(0.0)


# --- switching -------------------------------------------------------------------------------------


def test_the_switch() -> None:
    jitted = mx.jit(logarithm)
    assert np.isnan(jitted(X))
    mx.debug_nans(True)
    mx.debug_nans(True)
    with pytest.raises(NonFiniteError):
        jitted(X)
    mx.debug_nans(False)
    assert np.isnan(jitted(X))


def test_blocks_nest_and_end_after_an_error() -> None:
    with pytest.raises(NonFiniteError), mx.debug_nans(), mx.debug_nans():
        mx.grad(logarithm)(X)
    assert epoch() is None
    np.testing.assert_allclose(mx.grad(logarithm)(X), 1 / X)


def test_a_block_inside_the_switch_leaves_it_on() -> None:
    mx.debug_nans(True)
    with mx.debug_nans():
        pass
    with pytest.raises(NonFiniteError):
        mx.jit(logarithm)(X)


def test_results_are_those_of_the_ordinary_program() -> None:
    def model(x, w):
        h = np.tanh(x @ w)
        return {"loss": np.sum(h**3), "h": h}

    x, w = np.linspace(-1, 1, 6).reshape(2, 3), np.ones((3, 2), np.float32)
    expected = mx.jit(model)(x, w)
    with mx.debug_nans(), mx.debug_infs():
        found = mx.jit(model)(x, w)
    assert type(found["loss"]) is type(expected["loss"])
    np.testing.assert_allclose(found["h"], expected["h"])
    assert found["h"].dtype == expected["h"].dtype


def test_results_are_the_callers_own() -> None:
    x = np.ones(3)
    with mx.debug_nans():
        found = mx.jit(lambda x: x)(x)
    found[0] = 7
    assert x[0] == 1


def test_threads_are_checked_too() -> None:
    caught: list[Exception] = []

    def work() -> None:
        try:
            mx.jit(logarithm)(X)
        except NonFiniteError as error:
            caught.append(error)

    with mx.debug_nans():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(caught) == 1


# --- loops and choices -----------------------------------------------------------------------------


def falling(x):
    def body(carry, step):
        value = np.log(carry) * step
        return value, value

    return mx.scan(body, x, np.ones(4))[0]


def test_a_loop_is_looked_into() -> None:
    with mx.debug_nans(), pytest.raises(NonFiniteError) as caught:
        mx.jit(falling)(5.0)
    assert caught.value.operation == "tensor.log"
    assert "value = np.log(carry) * step" in str(caught.value)
    assert "in step 3 of control.scan" in str(caught.value), "log log log 5 is negative"


def test_a_choice_is_looked_into() -> None:
    with mx.debug_nans(), pytest.raises(NonFiniteError, match=r"in the branch taken of control\.cond") as caught:
        mx.jit(lambda x: mx.cond(x > 0, np.sqrt, np.log, x))(-1.0)
    assert caught.value.operation == "tensor.log"
    with mx.debug_nans():
        assert mx.jit(lambda x: mx.cond(x > 0, np.sqrt, lambda y: -y, x))(-1.0) == 1
