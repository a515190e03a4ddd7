"""Functions that the benchmarks differentiate, written once for every library's NumPy namespace."""

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


def network(numpy: Any) -> Function:
    """Mean squared error of a network with tanh between its layers; its parameters are (weight, bias) pairs."""

    def loss(layers: Any, x: Any, y: Any) -> Any:
        *hidden, (last, offset) = layers
        for weight, bias in hidden:
            x = numpy.tanh(numpy.matmul(x, weight) + bias)
        error = numpy.matmul(x, last) + offset - y
        return numpy.sum(error * error) / y.shape[0]

    return loss


def network_arguments(batch: int, *widths: int) -> tuple[Any, ...]:
    """Layers, inputs and targets for `network`, the same at every call."""
    random = np.random.default_rng(0)
    layers = [(random.standard_normal((m, n)) / np.sqrt(m), np.zeros(n)) for m, n in itertools.pairwise(widths)]
    return layers, random.standard_normal((batch, widths[0])), random.standard_normal((batch, widths[-1]))
