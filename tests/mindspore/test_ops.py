"""MindSpore's operations: both forms, and their derivatives to second order against finite differences."""

from __future__ import annotations

from typing import Any

import mixad.mindspore.ops as ops
import numpy as np
import pytest
from mixad.frontend.mindspore.primitives import CLASSES, FUNCTIONS
from mixad.mindspore import Tensor
from mixad.mindspore import dtype as mstype

# Away from the points where anything below has a kink or a pole.
X = np.array([[0.3, 0.71, 0.52], [0.93, 0.14, 0.47]])
Y = np.array([[1.3, 0.4, 0.25], [0.6, 1.7, 0.9]])
SQUARE = np.array([[0.2, 0.5, 0.9], [0.4, 0.3, 0.8], [0.7, 0.1, 0.6]])

#: Operation, options, inputs to differentiate, inputs that are constants, what NumPy says.
Case = tuple[str, tuple[Any, ...], tuple[Any, ...], tuple[Any, ...], Any]


def softmax(x: Any) -> Any:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


CASES: list[Case] = [
    *((name, (), (X,), (), function) for name, function in {
        "Square": np.square, "Exp": np.exp, "Expm1": np.expm1, "Neg": np.negative, "Log": np.log, "Log1p": np.log1p,
        "Sin": np.sin, "Cos": np.cos, "Tan": np.tan, "Asin": np.arcsin, "ACos": np.arccos, "Atan": np.arctan,
        "Sinh": np.sinh, "Cosh": np.cosh, "Tanh": np.tanh, "Asinh": np.arcsinh, "Atanh": np.arctanh, "Abs": np.abs,
        "Sqrt": np.sqrt, "Reciprocal": np.reciprocal, "Sign": np.sign, "Floor": np.floor, "Ceil": np.ceil,
        "ZerosLike": np.zeros_like, "OnesLike": np.ones_like,
        "Sigmoid": lambda x: 1 / (1 + np.exp(-x)), "Rsqrt": lambda x: x**-0.5, "SiLU": lambda x: x / (1 + np.exp(-x)),
        "Softplus": lambda x: np.log(1 + np.exp(x)), "Softmax": softmax, "LogSoftmax": lambda x: np.log(softmax(x)),
        "ReLU": lambda x: x, "ReduceSum": np.sum, "ReduceMean": np.mean, "ReduceMax": np.max, "ReduceMin": np.min,
        "ReduceProd": np.prod, "Squeeze": np.squeeze,
    }.items()),
    *((name, (), (X, Y), (), function) for name, function in {
        "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "RealDiv": np.divide, "Pow": np.power,
        "Atan2": np.arctan2, "Maximum": np.maximum, "Minimum": np.minimum,
    }.items()),
    *((name, (), (), (X, Y), function) for name, function in {
        "Equal": np.equal, "NotEqual": np.not_equal, "Less": np.less, "LessEqual": np.less_equal, "Greater": np.greater,
        "GreaterEqual": np.greater_equal,
    }.items()),
    ("LogicalAnd", (), (), (X > 0.5, Y > 0.5), np.logical_and),
    ("LogicalOr", (), (), (X > 0.5, Y > 0.5), np.logical_or),
    ("LogicalNot", (), (), (X > 0.5,), np.logical_not),
    ("Acosh", (), (X + 1,), (), np.arccosh),
    ("Erf", (), (X,), (), None),
    ("GeLU", (), (X,), (), None),
    ("ReLU", (), (X - 0.5,), (), lambda x: np.maximum(x, 0)),
    ("LeakyReLU", (0.3,), (X - 0.5,), (), lambda x: np.where(x > 0, x, 0.3 * x)),
    ("Elu", (2.0,), (X - 0.5,), (), lambda x: np.where(x > 0, x, 2 * np.expm1(x))),
    ("Softplus", (), (X - 0.5,), (), lambda x: np.log(1 + np.exp(x))),
    ("Softmax", (0,), (X,), (), lambda x: softmax(x.T).T),
    ("MatMul", (), (X, SQUARE), (), np.matmul),
    ("MatMul", (True,), (SQUARE, SQUARE + 1), (), lambda x, y: x.T @ y),
    ("MatMul", (False, True), (X, Y), (), lambda x, y: x @ y.T),
    ("BatchMatMul", (), (X[None], SQUARE[None]), (), np.matmul),
    ("TensorDot", (1,), (X, SQUARE), (), np.matmul),
    ("ReduceSum", (True,), (X,), (1,), lambda x, axis: x.sum(axis, keepdims=True)),
    ("ReduceMean", (), (X,), ((0, 1),), np.mean),
    ("ReduceMax", (True,), (X,), (0,), lambda x, axis: x.max(axis, keepdims=True)),
    ("CumSum", (), (X,), (1,), np.cumsum),
    ("Reshape", (), (X,), ((3, -1),), np.reshape),
    ("Transpose", (), (X,), ((1, 0),), np.transpose),
    ("ExpandDims", (), (X,), (1,), np.expand_dims),
    ("Squeeze", (0,), (X[:1],), (), lambda x: x[0]),
    ("BroadcastTo", ((2, 2, 3),), (X,), (), lambda x: np.broadcast_to(x, (2, 2, 3))),
    ("Cast", (), (X,), (mstype.float64,), lambda x, dtype: x),
]  # fmt: skip
SEPARATE = {"Concat", "Stack", "Select", "TruncatedDiv"}
IDS = [f"{name}{options or ''}-{index}" for index, (name, options, *_) in enumerate(CASES)]


def test_every_operation_has_a_case() -> None:
    assert set(CLASSES) - SEPARATE == {name for name, *_ in CASES}


@pytest.mark.parametrize(("name", "options", "inputs", "constants", "expected"), CASES, ids=IDS)
def test_value_and_derivatives(name: str, options: Any, inputs: Any, constants: Any, expected: Any) -> None:
    check(getattr(ops, name)(*options), inputs, constants, expected)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("name", "function"), [("Concat", np.concatenate), ("Stack", np.stack)])
def test_joining(name: str, function: Any, axis: int) -> None:
    operation = getattr(ops, name)(axis)
    check(lambda x, y: operation((x, y)), (X, Y), (), lambda x, y: function((x, y), axis))


def test_select() -> None:
    condition = Tensor(X > 0.5)
    check(lambda x, y: ops.Select()(condition, x, y), (X, Y), (), lambda x, y: np.where(X > 0.5, x, y))


def check(operation: Any, inputs: Any, constants: Any, expected: Any) -> None:
    given = [Tensor(x) if isinstance(x, np.ndarray) else x for x in constants]
    found = operation(*map(Tensor, inputs), *given)
    assert isinstance(found, Tensor)
    if expected is not None:
        np.testing.assert_allclose(found.asnumpy(), expected(*inputs, *constants), rtol=1e-13)
    if not inputs:
        return
    # A sum of squares, so that no second derivative is trivially zero.
    weights = np.cos(np.arange(found.size)).reshape(found.shape)

    def value(*x: Any) -> Any:
        out = operation(*x, *given)
        return (out * out * weights).sum()

    gradient = ops.GradOperation(get_all=True)(value)
    directions = [np.sin(np.arange(x.size) + index).reshape(x.shape) for index, x in enumerate(inputs)]

    def slope(*x: Any) -> Any:
        return sum(
            ((part * direction).sum() for part, direction in zip(gradient(*x), directions, strict=True)), Tensor(0.0)
        )

    differences(value, gradient, inputs, directions)
    differences(slope, ops.GradOperation(get_all=True)(slope), inputs, directions)


def differences(function: Any, gradient: Any, inputs: Any, directions: Any, step: float = 1e-5) -> None:
    def moved(size: float) -> float:
        return float(function(*[Tensor(x + size * d) for x, d in zip(inputs, directions, strict=True)]))

    found = sum(np.sum(g.asnumpy() * d) for g, d in zip(gradient(*map(Tensor, inputs)), directions, strict=True))
    central = (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step)
    np.testing.assert_allclose(found, central, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_class_and_function_are_one(name: str) -> None:
    assert getattr(ops, name).function in FUNCTIONS.values()


def test_points_without_derivative() -> None:
    gradient = ops.GradOperation()
    zero = Tensor([0.0])
    for operation in (ops.abs, ops.relu, ops.sign):
        assert gradient(operation)(zero).tolist() == [0]
    first, second = ops.GradOperation(get_all=True)(ops.maximum)(zero, zero)
    assert (first.tolist(), second.tolist()) == ([0.5], [0.5])
    assert gradient(ops.amax)(Tensor([1.0, 2.0, 2.0])).tolist() == [0, 0.5, 0.5]


def test_options() -> None:
    assert repr(ops.MatMul(True)) == "MatMul(transpose_a=True)"
    assert ops.ReduceSum(keep_dims=True)(Tensor(X)).shape == (1, 1)
    assert ops.softmax(Tensor(X), 0).shape == (2, 3)
    assert ops.concat((Tensor(X), Tensor(Y)), 1).shape == (2, 6)
    with pytest.raises(TypeError, match=r"MatMul takes 2 options \(transpose_a, transpose_b\), and 3"):
        ops.MatMul(1, 2, 3)
    with pytest.raises(TypeError, match="MatMul: axis is not among its options"):
        ops.MatMul(axis=1)
    with pytest.raises(TypeError, match="transpose_a is given twice"):
        ops.MatMul(True, transpose_a=True)


def test_unknown_operation() -> None:
    with pytest.raises(AttributeError, match="no operation 'Sine'; did you mean Sin"):
        ops.Sine  # noqa: B018
    with pytest.raises(AttributeError, match="write it with the operations that there are"):
        ops.Conv2D  # noqa: B018


def test_numbers_and_arrays_are_taken() -> None:
    assert ops.sin(np.array([0.0])).tolist() == [0]
    assert ops.add(Tensor([1.0]), 2).tolist() == [3]
    assert ops.sum(Tensor(X), 1, True).shape == (2, 1)
