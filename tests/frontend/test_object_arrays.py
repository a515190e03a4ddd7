"""np.array of traced values makes an object array: it is one traced array wherever it reaches mixad again."""

from __future__ import annotations

from typing import Any

import mixad as mx
import numpy as np
import pytest
from mixad.frontend import namespace as mnp
from mixad.ir.errors import MixadError

X = np.array([0.3, -1.2, 2.0])
MATRIX = np.arange(6.0).reshape(3, 2) - 2.3


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.array([x[0] * x[1], np.sin(x[2])]),
        lambda x: np.array([[x[0], x[1]], [x[2], 1.0]]),
        lambda x: np.array([[x[0], x[1]], [x[2], x[0]]]) @ np.array([x[1], x[2]]),
        lambda x: np.array([x, x * 2]),
        lambda x: np.asarray(x) * 2,
        lambda x: np.array(x).sum() * x,
        lambda x: np.exp(np.array([x[0], x[1]])),
        lambda x: np.arctan(np.sqrt(np.abs(np.array([x[0], x[1] * x[2]])))),
        lambda x: np.sum(np.array([x[0], x[1]]) ** 2),
        lambda x: np.dot(np.array([x[0], x[1]]), np.array([x[1], x[2]])),
        lambda x: MATRIX.T @ np.array([x[0], x[1], x[2]]),
        lambda x: x * np.array([x[0], 1.0, x[2]]),
        lambda x: np.array([x[0], 1.0, x[2]]) * x,
        lambda x: np.array([x[0], 1.0, x[2]]) @ x,
        lambda x: np.linalg.norm(np.array([x[0], x[1]]) * x[0]) + x[0],
        lambda x: np.stack([np.array([x[0], x[1]]), x[1:]]),
        lambda x: np.concatenate([np.array([x[0], x[1]]), [1.0, x[2]], x]),
        lambda x: np.where(np.array([x[0], x[1], x[2]]) > 0, x, 0.0),
        lambda x: {"a": np.array([x[0], x[1]]), "b": (np.array([x[2]]),)}["a"],
        lambda x: np.array([x[0], x[1]]).sum(),
        lambda x: np.array([x[0], x[1]]).reshape(2, 1) * np.array([x[1], x[2]]),
        lambda x: np.array([xi * 2 for xi in x]),
        lambda x: np.array([float(i) * x[i] for i in range(3)]),
        lambda x: np.hypot(np.array([x[0]]), np.array([x[1]])),
        lambda x: np.maximum(x, np.array([x[1], x[0], x[0]])),
    ],
)
def test_values_and_gradients(function: Any) -> None:
    expected = np.asarray(function(X), float)
    found = mx.jit(function)(X)
    assert isinstance(found, np.ndarray | np.float64)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    weights = np.cos(np.arange(expected.size)).reshape(expected.shape)
    direction = np.array([0.2, 1.0, -0.6])
    step = 1e-6
    difference = np.sum(weights * (np.asarray(function(X + step * direction)) - function(X - step * direction))) / (
        2 * step
    )
    gradient = mx.grad(lambda x: np.sum(mnp.asarray(function(x)) * weights))(X)
    np.testing.assert_allclose(np.sum(gradient * direction), difference, rtol=1e-6, atol=1e-9)


def test_element_types_are_promoted() -> None:
    def mixed(x: Any, y: Any) -> Any:
        return np.array([x[0], y[0], 1])

    assert mx.jit(mixed)(np.ones(2, np.float32), np.ones(2, np.int32)).dtype == np.result_type(np.float32, np.int32)
    assert mx.jit(lambda x: np.array([x[0], 2.5]))(np.ones(2, np.float32)).dtype == np.float32


def test_a_vector_read_element_by_element_is_taken_back_whole() -> None:
    text = str(mx.make_graph(lambda x: x * np.asarray(x))(X))
    assert "concatenate" not in text
    text = str(mx.make_graph(lambda x: x * np.array([x[1], x[0], x[2]]))(X))
    assert "concatenate" in text


def test_mixed_shapes_are_an_error() -> None:
    with pytest.raises(MixadError, match=r"shape \(3,\)"):
        mx.jit(lambda x: x * np.array([x, x[0]], dtype=object))(X)


def test_names_of_arrays_made_while_tracing() -> None:
    def fill(x: Any) -> Any:
        parts = [
            mnp.zeros(3),
            mnp.ones((2,)),
            mnp.full(2, x[0]),
            mnp.eye(2)[0],
            mnp.array([x[0], 2.0]),
            mnp.array([1.0, 2.0]),
        ]
        parts += [
            mnp.zeros_like(MATRIX[0]),
            mnp.full_like(MATRIX[0], 3.0),
            mnp.asarray([x[1], x[2]]),
            mnp.linspace(0, 1, 3),
        ]
        for part in parts:
            part[0] = part[0] + x[0]
        return np.concatenate(parts)

    np.testing.assert_allclose(mx.jit(fill)(X), fill(X))
    assert type(mnp.zeros(3)) is np.ndarray
    assert mnp.pi == np.pi
    assert mnp.linalg is np.linalg
    assert "fft" in dir(mnp)
    assert mnp.array([1, 2], dtype=np.float32).dtype == np.float32
    with pytest.raises(AttributeError):
        mnp.no_such_name  # noqa: B018
