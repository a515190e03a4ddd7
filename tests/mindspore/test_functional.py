"""grad, value_and_grad, jvp and vjp with MindSpore's signatures; mixad's own transformations on tensors."""

from __future__ import annotations

from typing import Any

import mixad as mx
import mixad.mindspore as ms
import mixad.mindspore.ops as ops
import numpy as np
import pytest
from mixad.mindspore import Parameter, Tensor

X, Y = Tensor(np.array([2.0, 3.0])), Tensor(np.array([5.0, 7.0]))


def product(x: Any, y: Any) -> Any:
    return x * x * y


def lists(tree: Any) -> Any:
    if isinstance(tree, tuple):
        return tuple(map(lists, tree))
    assert isinstance(tree, Tensor)
    return tree.tolist()


def test_positions() -> None:
    assert lists(ms.grad(product)(X, Y)) == [20, 42]
    assert lists(ms.grad(product, 1)(X, Y)) == [4, 9]
    assert lists(ms.grad(product, (1, 0))(X, Y)) == ([4, 9], [20, 42])
    assert lists(ms.grad(product, (0,))(X, Y)) == ([20, 42],)
    assert ms.ops.grad is ms.grad


def test_weights() -> None:
    w, v = Parameter(Tensor(np.array([2.0, 2.0])), name="w"), Parameter(Tensor(np.array([1.0, 1.0])), name="v")

    def function(x: Any) -> Any:
        return x * w * w

    assert lists(ms.grad(function, None, [w, v])(X)) == ([8, 12], [0, 0])
    assert lists(ms.grad(function, None, w)(X)) == [8, 12]
    assert lists(ms.grad(function, 0, [w])(X)) == ([4, 4], ([8, 12],))
    assert lists(ms.grad(ms.grad(function, None, w), None, w)(X)) == [4, 6]


def test_value_and_aux() -> None:
    def function(x: Any, y: Any) -> Any:
        return product(x, y), x + y, "kept"

    value, gradient = ms.value_and_grad(function, 0, has_aux=True)(X, Y)
    assert lists(value[:2]) == ([20, 63], [7, 10])
    assert value[2] == "kept"
    assert lists(gradient) == [20, 42]
    gradient, aux = ms.grad(function, 0, has_aux=True)(X, Y)
    assert lists(gradient) == [20, 42]
    assert lists(aux[:1]) == ([7, 10],)
    assert lists(ms.value_and_grad(product)(X, Y)) == ([20, 63], [20, 42])


def test_errors() -> None:
    with pytest.raises(TypeError, match="both None"):
        ms.grad(product, None)
    with pytest.raises(TypeError, match="grad_position has 2 and 2"):
        ms.grad(product, 2)(X, Y)
    with pytest.raises(TypeError, match="input 1 is 3 of type int, which is a constant"):
        ms.grad(product, (0, 1))(X, 3)
    with pytest.raises(TypeError, match="has_aux"):
        ms.grad(product, 0, has_aux=True)(X, Y)


def test_jvp() -> None:
    ones = Tensor(np.ones(2))
    assert lists(ms.jvp(product, (X, Y), (ones, ones))) == ([20, 63], [24, 51])
    assert lists(ms.jvp(lambda x: x * x, X, ones)) == ([4, 9], [4, 6])
    assert lists(ms.jvp(lambda x: (x * x, x), X, ones, has_aux=True)) == ([4, 9], [4, 6], ([2, 3],))
    with pytest.raises(mx.MixadError, match="shape"):
        ms.jvp(product, (X, Y), (ones, Tensor(np.ones(3))))


def test_vjp() -> None:
    ones = Tensor(np.ones(2))
    out, pullback = ms.vjp(product, X, Y)
    assert lists(out) == [20, 63]
    assert lists(pullback(ones)) == ([20, 42], [4, 9])
    assert lists(pullback(ones * 2)) == ([40, 84], [8, 18])
    (first, second), pullback = ms.vjp(lambda x: (x * x, 3 * x), X)
    assert lists((first, second)) == ([4, 9], [6, 9])
    assert lists(pullback(ones, ones)) == ([7, 9],)


def test_vjp_of_weights() -> None:
    w = Parameter(Tensor(np.array([2.0, 2.0])), name="w")
    ones = Tensor(np.ones(2))
    _, pullback, aux = ms.vjp(lambda x: (x * w * w, x), X, weights=[w, w], has_aux=True)
    assert lists(pullback(ones)) == (([4, 4],), ([8, 12], [8, 12]))
    assert lists(aux) == ([2, 3],)


def test_mixads_own_transformations_take_tensors() -> None:
    def function(x: Any) -> Any:
        return (x * x * x).sum()

    assert lists(mx.grad(function)(X)) == [12, 27]
    assert lists(mx.jit(mx.grad(function))(X)) == [12, 27]
    assert lists(mx.hvp(function)(X, Y)) == [60, 126]
    assert lists(mx.grad(lambda x: ms.grad(lambda y: y * y * x)(x).sum())(X)) == [8, 12]


def test_core_operation_on_arrays_and_parameters() -> None:
    w = mx.Parameter(np.array([[1.0, 2.0], [3.0, 4.0]]), name="w")

    def function(x: Any) -> Any:
        return np.sum(np.sin(np.matmul(w, x)) * np.multiply(x, w))

    x = np.array([0.5, -0.25])
    (gradient,), (by_w,) = mx.GradOperation(get_all=True, get_by_list=True)(function, [w])(x)
    explicit = mx.grad(lambda x, w: np.sum(np.sin(np.matmul(w, x)) * np.multiply(x, w)), (0, 1))(x, w.value)
    assert isinstance(by_w, np.ndarray)
    np.testing.assert_allclose(gradient, explicit[0], rtol=1e-14)
    np.testing.assert_allclose(by_w, explicit[1], rtol=1e-14)
    w.value = w.value * 2
    assert w.value.tolist() == [[2, 4], [6, 8]]
    w.value -= 1.0
    assert (w + 0).tolist() == [[1, 3], [5, 7]]
    assert w.shape == (2, 2)
    assert ops.GradOperation is mx.GradOperation
