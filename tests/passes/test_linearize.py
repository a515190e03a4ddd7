"""linearize, transpose, seed-sens and split: what they count, and what they refuse."""

from __future__ import annotations

import mixad.ops  # noqa: F401 - registers the operations
import numpy as np
import pytest
from mixad.ir import Module, parse_module
from mixad.ir.errors import DerivativeError, PassError
from mixad.passes import PassManager
from mixad.runtime.reference import interpret

TEXT = """module {
  func @f(%x: tensor<3xf64>, %n: tensor<3xsi64>) -> (tensor<3xf64>, tensor<3xsi64>) {
    %0 = tensor.sin %x : tensor<3xf64>
    %1 = tensor.mul %0, %x : tensor<3xf64>
    %2 = tensor.add %n, %n : tensor<3xsi64>
    return %1, %2
  }
}"""


def run(pipeline: str, text: str = TEXT) -> Module:
    module = parse_module(text, "test.mix")
    PassManager(pipeline).run(module)
    return module


def test_all_differentiable_inputs_are_linearized_where_none_is_named() -> None:
    graph = run("linearize").entry
    assert [value.name for value in graph.inputs] == ["x", "n", "x_t"]
    assert graph.attributes["linear_inputs"] == (2,)
    assert graph.attributes["linear_outputs"] == (2,)


def test_only_active_operations_are_counted() -> None:
    log = PassManager("linearize{wrt=0}").run(parse_module(TEXT, "test.mix"))
    assert log.records[0].statistics == {"linearized": 2}


def test_derived_operations_say_what_they_come_from() -> None:
    text = TEXT.replace("%0 = tensor.sin %x : tensor<3xf64>", '%0 = tensor.sin %x : tensor<3xf64> loc("f.py":7 "f")')
    (cos,) = [op for op in run("linearize", text).entry if op.name == "tensor.cos"]
    assert cos.location.key() == ("f.py", 7, "f", "tensor.sin", 1)


@pytest.mark.parametrize("pipeline", ["linearize{wrt=0},seed-sens", "linearize{wrt=0},transpose,seed-sens"])
def test_the_derivative_is_right(pipeline: str) -> None:
    x, n, t = np.array([0.1, -2.0, 3.0]), np.arange(3), np.array([1.0, 0.5, -1.0])
    *values, derivative = interpret(run(pipeline).entry, x, n, t)
    np.testing.assert_array_equal(values[0], np.sin(x) * x)
    np.testing.assert_array_equal(values[1], 2 * n)
    np.testing.assert_allclose(derivative, t * (np.sin(x) + x * np.cos(x)), rtol=1e-14)


def test_no_operation_of_the_linear_part_is_left_behind_by_transpose() -> None:
    graph = run("linearize,transpose").entry
    assert [value.type.text for value in graph.inputs] == ["tensor<3xf64>", "tensor<3xsi64>", "tensor<3xf64>"]
    assert "x_t" not in str(graph)


def test_transpose_twice_is_forward_mode_again() -> None:
    x, n, t = np.array([0.1, -2.0, 3.0]), np.arange(3), np.array([1.0, 0.5, -1.0])
    forward = interpret(run("linearize,seed-sens").entry, x, n, t)[-1]
    again = interpret(run("linearize,transpose,transpose,seed-sens").entry, x, n, t)[-1]
    np.testing.assert_allclose(again, forward, rtol=1e-15)


def test_split_hands_on_residuals() -> None:
    module = run("linearize,transpose,seed-sens,fixpoint(canonicalize,cse,dce),split{seeds=2,outputs=2}")
    assert list(module.functions) == ["forward", "backward"]
    x, n, ct = np.array([0.1, -2.0, 3.0]), np.arange(3), np.array([1.0, 0.5, -1.0])
    value, _, *residuals = interpret(module["forward"], x, n)
    np.testing.assert_array_equal(value, np.sin(x) * x)
    (gradient,) = interpret(module["backward"], *residuals, ct)
    np.testing.assert_allclose(gradient, ct * (np.sin(x) + x * np.cos(x)), rtol=1e-14)


@pytest.mark.parametrize(
    ("pipeline", "error", "message"),
    [
        ("linearize,linearize", PassError, "@f has a linear part already; run seed-sens before"),
        ("linearize{wrt=2}", PassError, "wrt=2: @f has 2 inputs"),
        ("linearize{wrt=-1}", PassError, "wrt=-1: @f has 2 inputs"),
        ("linearize{wrt=0,0}", PassError, r"wrt=\[0, 0\] names an input of @f twice"),
        ("linearize{wrt=1}", DerivativeError, "input 1 of @f is tensor<3xsi64>, which has no tangent"),
        ("linearize{aux=3}", PassError, "aux=3: @f has 2 outputs"),
        ("linearize{function=g}", PassError, "no function @g; it has @f"),
        ("transpose", PassError, "@f has no linear part to transpose; run linearize first"),
        ("seed-sens", PassError, "@f has no linear part to seed; run linearize first"),
        ("linearize,seed-sens{sens=twos}", PassError, "sens is 'given' or 'ones', not 'twos'"),
        ("linearize,transpose,seed-sens,seed-sens", PassError, "run linearize first"),
        ("split{seeds=2}", PassError, r"seeds=\[2\], and @f has 2 inputs"),
        ("split{seeds=0,0}", PassError, r"seeds=\[0, 0\], and @f has 2 inputs"),
        ("split{seeds=0,outputs=1}", PassError, "one of the first 1 outputs of @f depends on a seed"),
        ("split{outputs=3}", PassError, "outputs=3, and @f has 2 outputs"),
        ("linearize,split{seeds=2}", PassError, "has no seeds yet; run seed-sens first"),
    ],
)
def test_refusals(pipeline: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        run(pipeline)


REQUEST = """module {
  func @main(%x: tensor<f64>) -> (tensor<f64>) {
    %d:2 = ad.vjp %x {aux = 0, callee = @f, sens = "ones", wrt = [0]} : tensor<f64>, tensor<f64>
    return %d#1
  }
  func @f(%x: tensor<f64>) -> (tensor<f64>) {
    %y = tensor.sin %x : tensor<f64>
    return %y
  }
}"""


def test_requests_are_not_differentiated_as_they_stand() -> None:
    with pytest.raises(PassError, match=r"cannot pass through 'ad.vjp' at .*: run expand-ad and inline first"):
        run("linearize", REQUEST)


def test_a_function_that_is_called_keeps_its_arguments() -> None:
    with pytest.raises(PassError, match="@f is called"):
        run("linearize{function=f}", REQUEST)


def test_split_wants_no_calls() -> None:
    with pytest.raises(PassError, match="calls functions; run expand-ad and inline first"):
        run("split", REQUEST)
