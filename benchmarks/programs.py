"""Functions that the benchmarks differentiate, written once for every library's NumPy namespace.

Their inputs are made here too, the same at every call.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[..., Any]


def chain(numpy: Any, operations: int) -> Function:
    """exp(sin(x) * x) * 0.1, again and again: four operations a step."""

    def chained(x: Any) -> Any:
        for _ in range(operations // 4):
            x = numpy.exp(numpy.sin(x) * x) * 0.1
        return x

    return chained


def nested_tanh(numpy: Any) -> Function:
    return lambda x: numpy.tanh(numpy.tanh(numpy.tanh(x)))


def waves(numpy: Any) -> Function:
    """The sum of tanh(sin(x) * exp(-x*x) + x)."""
    return lambda x: numpy.sum(numpy.tanh(numpy.sin(x) * numpy.exp(-x * x) + x))


def rosenbrock(numpy: Any) -> Function:
    return lambda x: numpy.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def layers_of(widths: tuple[int, ...], dtype: Any) -> list[tuple[Any, Any]]:
    """Weights and biases of a network."""
    random = np.random.default_rng(0)
    return [
        ((random.standard_normal((m, n)) / np.sqrt(m)).astype(dtype), np.zeros(n, dtype))
        for m, n in itertools.pairwise(widths)
    ]


def apply(numpy: Any, layers: Any, x: Any) -> Any:
    """A network with tanh between its layers; its parameters are (weight, bias) pairs."""
    *hidden, (last, offset) = layers
    for weight, bias in hidden:
        x = numpy.tanh(numpy.matmul(x, weight) + bias)
    return numpy.matmul(x, last) + offset


def network(numpy: Any) -> Function:
    """Mean squared error of a network."""

    def loss(layers: Any, x: Any, y: Any) -> Any:
        error = apply(numpy, layers, x) - y
        return numpy.sum(error * error) / y.shape[0]

    return loss


def network_arguments(batch: int, *widths: int, dtype: Any = np.float64) -> tuple[Any, ...]:
    """Layers, inputs and targets for `network`."""
    random = np.random.default_rng(1)
    inputs, targets = (random.standard_normal((batch, width)).astype(dtype) for width in (widths[0], widths[-1]))
    return layers_of(widths, dtype), inputs, targets


def attention(numpy: Any) -> Function:
    """A head's causal-free attention over a batch, and the sum of its squares."""

    def loss(query: Any, key: Any, value: Any) -> Any:
        scores = numpy.matmul(query, numpy.swapaxes(key, -1, -2)) / query.shape[-1] ** 0.5
        weights = numpy.exp(scores - numpy.max(scores, axis=-1, keepdims=True))
        out = numpy.matmul(weights / numpy.sum(weights, axis=-1, keepdims=True), value)
        return numpy.sum(out * out)

    return loss


def layer_norm(numpy: Any) -> Function:
    def loss(x: Any, scale: Any, shift: Any) -> Any:
        centred = x - numpy.mean(x, axis=-1, keepdims=True)
        variance = numpy.mean(centred * centred, axis=-1, keepdims=True)
        out = centred / numpy.sqrt(variance + 1e-5) * scale + shift
        return numpy.sum(numpy.tanh(out))

    return loss


def softmax_regression(numpy: Any) -> Function:
    """Mean cross entropy of a linear classifier, with a quadratic penalty; labels are one-hot."""

    def loss(parameters: Any, x: Any, labels: Any) -> Any:
        scores = numpy.matmul(x, parameters)
        largest = numpy.max(scores, axis=1, keepdims=True)
        normal = numpy.log(numpy.sum(numpy.exp(scores - largest), axis=1, keepdims=True)) + largest
        return numpy.sum(labels * (normal - scores)) / x.shape[0] + 1e-3 * numpy.sum(parameters * parameters)

    return loss


def recurrence(library: Any) -> Function:
    """A recurrent network's sum of squares over its steps."""
    numpy = library.numpy

    def loss(weight: Any, start: Any, xs: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            hidden, weight = carry
            hidden = numpy.tanh(numpy.matmul(weight, hidden) + x)
            return (hidden, weight), numpy.sum(hidden * hidden)

        return numpy.sum(library.scan(step, (start, weight), xs)[1])

    return loss


def recurrence_arguments(steps: int, size: int) -> tuple[Any, ...]:
    weight, start, xs = normal((size, size), (size,), (steps, size))
    return weight / np.sqrt(size), start, xs


def normal(*shapes: tuple[int, ...], dtype: Any = np.float64) -> tuple[Any, ...]:
    """Arrays of normally distributed numbers."""
    random = np.random.default_rng(2)
    return tuple(random.standard_normal(shape).astype(dtype) for shape in shapes)


def classification_arguments(samples: int, features: int, classes: int, dtype: Any) -> tuple[Any, ...]:
    """Weights, inputs and one-hot labels for `softmax_regression`."""
    weights, inputs = normal((features, classes), (samples, features), dtype=dtype)
    labels = np.eye(classes, dtype=dtype)[np.random.default_rng(3).integers(classes, size=samples)]
    return weights * dtype(0.1), inputs, labels
