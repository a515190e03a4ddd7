"""Cells, their parameters in MindSpore's order, and layers."""

from __future__ import annotations

from typing import Any

import mixad.mindspore as ms
import mixad.mindspore.nn as nn
import mixad.mindspore.ops as ops
import numpy as np
import pytest
from mixad.mindspore import Parameter, ParameterTuple, Tensor
from mixad.mindspore import dtype as mstype


def parameter(name: str = "") -> Parameter:
    return Parameter(Tensor([1.0]), name=name)


class Inner(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.a = parameter()
        self.b = parameter("own")


class Outer(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()
        self.late = parameter()
        self.cells_in_list = nn.CellList([Inner(), nn.CellList([Inner()])])
        self.again = self.inner
        self.group = ParameterTuple([self.late, parameter("grouped")])


def test_order_own_first_then_childrens() -> None:
    net = Outer()
    assert [name for name, _ in net.parameters_and_names()] == [
        "late",
        "group.1",
        "inner.a",
        "inner.b",
        "cells_in_list.0.a",
        "cells_in_list.0.b",
        "cells_in_list.1.0.a",
        "cells_in_list.1.0.b",
    ]
    assert len(net.trainable_params()) == 8
    assert len(net.trainable_params(recurse=False)) == 2
    assert next(net.get_parameters()) is net.late
    assert list(net.parameters_dict()) == [name for name, _ in net.parameters_and_names()]


def test_names_from_attributes() -> None:
    net = Inner()
    assert net.a.name == "a"
    assert net.b.name == "own"


def test_requires_grad() -> None:
    net = Inner()
    net.a.requires_grad = False
    assert [each.name for each in net.trainable_params()] == ["own"]
    assert [each.name for each in net.untrainable_params()] == ["a"]


def test_cells_that_refer_to_each_other() -> None:
    net, other = Inner(), Inner()
    net.other, other.other = other, net
    assert len(net.trainable_params()) == 4


def test_inserting_and_training() -> None:
    net = nn.Cell()
    net.insert_child_to_cell("inner", Inner())
    net.insert_param_to_cell("w", parameter())
    assert [name for name, _ in net.parameters_and_names()] == ["w", "inner.a", "inner.b"]
    assert [name for name, _ in net.cells_and_names()] == ["", "inner"]
    assert net.set_train() is net
    assert net.inner.training
    assert not net.set_train(False).inner.training
    assert net.set_grad() is net


def test_no_construct() -> None:
    with pytest.raises(NotImplementedError, match="Inner has no construct"):
        Inner()(1)


def test_list_of_cells() -> None:
    first, second = Inner(), Inner()
    cells = nn.CellList([first])
    assert cells.append(second) is cells
    assert list(cells) == [first, second]
    assert cells[-1] is second
    assert list(cells[1:]) == [second]
    assert len(nn.SequentialCell(first, second)) == 2
    with pytest.raises(TypeError, match="holds Cells, and a int"):
        cells.append(3)


def test_repr() -> None:
    assert repr(nn.SequentialCell(nn.ReLU())) == "SequentialCell<\n  (0): ReLU<>\n  >".replace("\n  >", "\n>")


def test_dense() -> None:
    weight, bias = np.arange(6.0, dtype=np.float32).reshape(2, 3), np.float32([1, 2])
    layer = nn.Dense(3, 2, weight_init=Tensor(weight), bias_init=bias)
    x = np.float32([[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(layer(Tensor(x)).asnumpy(), x @ weight.T + bias)
    assert layer(Tensor(np.ones((4, 5, 3), np.float32))).shape == (4, 5, 2)
    assert [name for name, _ in layer.parameters_and_names()] == ["weight", "bias"]
    by_weight, by_bias = ops.GradOperation(get_by_list=True)(layer)(Tensor(x))
    np.testing.assert_array_equal(by_weight.asnumpy(), np.broadcast_to(x.sum(0), (2, 3)))
    np.testing.assert_array_equal(by_bias.asnumpy(), [2, 2])
    assert [each.name for each in nn.Dense(3, 2, has_bias=False).trainable_params()] == ["weight"]


def test_dense_initialization() -> None:
    ms.set_seed(1)
    first = nn.Dense(100, 50)
    ms.set_seed(1)
    second = nn.Dense(100, 50)
    weight = first.weight.asnumpy()
    np.testing.assert_array_equal(weight, second.weight.asnumpy())
    assert weight.dtype == np.float32
    assert 0.09 < np.abs(weight).max() <= 0.1
    assert np.abs(first.bias.asnumpy()).max() <= 0.1
    assert nn.Dense(2, 2, "ones", "zeros").weight.tolist() == [[1, 1], [1, 1]]
    assert nn.Dense(2, 2, 0.5).weight.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    for name in ("normal", "uniform", "xavier_uniform", "he_uniform"):
        assert np.std(nn.Dense(20, 30, name).weight.asnumpy()) > 0
    assert nn.Dense(2, 2, dtype=mstype.float64).weight.dtype is mstype.float64
    with pytest.raises(ValueError, match="no initializer 'x'"):
        nn.Dense(2, 2, "x")
    with pytest.raises(ValueError, match=r"shape \(3,\), and shape \(2, 2\)"):
        nn.Dense(2, 2, np.ones(3))


@pytest.mark.parametrize("activation", ["tanh", nn.Tanh(), ops.Tanh(), ops.tanh])
def test_dense_activation(activation: Any) -> None:
    layer = nn.Dense(2, 2, "ones", "zeros", activation=activation)
    np.testing.assert_allclose(
        layer(Tensor([[0.5, 0.25]])).asnumpy(), np.full((1, 2), np.tanh(np.float32(0.75))), rtol=1e-6
    )


def test_activations() -> None:
    x = Tensor([-1.0, 0.0, 2.0])
    for cell, function in (
        (nn.ReLU(), ops.relu),
        (nn.Sigmoid(), ops.sigmoid),
        (nn.GELU(), ops.gelu),
        (nn.Softmax(), ops.softmax),
        (nn.ELU(), ops.elu),
    ):
        np.testing.assert_array_equal(cell(x).asnumpy(), function(x).asnumpy())
    assert nn.LeakyReLU(0.5)(x).tolist() == [-0.5, 0, 2]
    with pytest.raises(TypeError, match="takes 1 options"):
        nn.LeakyReLU(1, 2)
    assert nn.Identity()(x) is x
    assert nn.Flatten()(Tensor(np.zeros((2, 3, 4)))).shape == (2, 12)


def test_loss() -> None:
    x, y = Tensor([1.0, 3.0]), Tensor([0.0, 1.0])
    assert nn.MSELoss()(x, y).item() == 2.5
    assert nn.MSELoss("sum")(x, y).item() == 5
    assert nn.MSELoss("none")(x, y).tolist() == [1, 4]
    with pytest.raises(ValueError, match="reduction is 'x'"):
        nn.MSELoss("x")


def test_training_fits_a_line() -> None:
    ms.set_seed(0)
    net = nn.Dense(1, 1)
    loss = nn.MSELoss()
    x = Tensor(np.linspace(-1, 1, 21, dtype=np.float32).reshape(-1, 1))
    y = x * 3.0 + 0.5
    step = ms.value_and_grad(lambda x, y: loss(net(x), y), None, net.trainable_params())
    for _ in range(200):
        value, gradients = step(x, y)
        for each, gradient in zip(net.trainable_params(), gradients, strict=True):
            each.set_data(each - 0.3 * gradient)
    assert value.item() < 1e-8
    np.testing.assert_allclose([net.weight.item(), net.bias.item()], [3.0, 0.5], atol=1e-3)
