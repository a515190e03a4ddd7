"""The four problems of ADBench (Srajer, Kukelova, Fitzgibbon, "A benchmark of selected algorithmic differentiation
tools", 2018), from its formulas: a Gaussian mixture, bundle adjustment, an LSTM, and tracking a hand.

Arrays that do not change are arguments too, so that each library is given its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .adbench_data import parents
from .peers import Function, Library


def gmm(library: Library) -> Function:
    """Log likelihood of a Gaussian mixture with a Wishart prior (gamma 1, m 0)."""
    numpy = library.numpy

    def largest_apart(x: Any, axis: int) -> Any:
        top = numpy.max(x, axis=axis, keepdims=True)
        return numpy.sum(numpy.log(numpy.sum(numpy.exp(x - top), axis=axis, keepdims=True)) + top)

    def objective(parameters: Any, x: Any, triangle: Any) -> Any:
        alphas, means, icf = parameters
        (n, d), k = x.shape, alphas.shape[0]
        diagonal, rest = icf[:, :d], icf[:, d:]
        scales, sums = numpy.exp(diagonal), numpy.sum(diagonal, axis=1)
        below = numpy.reshape(numpy.matmul(rest, triangle), (k, d, d))
        centred = x[None, :, :] - means[:, None, :]
        turned = scales[:, None, :] * centred + numpy.matmul(centred, numpy.swapaxes(below, 1, 2))
        inner = (alphas + sums)[:, None] - 0.5 * numpy.sum(turned * turned, axis=2)
        prior = numpy.sum(0.5 * (numpy.sum(scales * scales, axis=1) + numpy.sum(rest * rest, axis=1)))
        return largest_apart(inner, 0) - n * largest_apart(alphas, 0) + prior + _gmm_constant(n, d, k)

    return objective


def _gmm_constant(n: int, d: int, k: int) -> float:
    degrees = d + 1
    log_gamma = 0.25 * d * (d - 1) * math.log(math.pi) + sum(math.lgamma(0.5 * (degrees - j)) for j in range(d))
    return -n * d * 0.5 * math.log(2 * math.pi) - k * (degrees * d * math.log(1 / math.sqrt(2)) - log_gamma)


def bundle_adjustment(library: Library) -> Function:
    """Weighted reprojection errors (p, 2) of cameras (p, 11), points (p, 3) and weights (p, 1), one a row."""
    numpy = library.numpy

    def dot(a: Any, b: Any) -> Any:
        return numpy.sum(a * b, axis=1, keepdims=True)

    def cross(a: Any, b: Any) -> Any:
        a0, a1, a2, b0, b1, b2 = (x[:, i : i + 1] for x in (a, b) for i in range(3))
        return numpy.concatenate([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axis=1)

    def rotate(rotation: Any, x: Any) -> Any:
        angle = numpy.sqrt(dot(rotation, rotation))
        axis, cosine = rotation / angle, numpy.cos(angle)
        return x * cosine + cross(axis, x) * numpy.sin(angle) + axis * (dot(axis, x) * (1.0 - cosine))

    def errors(cameras: Any, points: Any, weights: Any, features: Any) -> Any:
        seen = rotate(cameras[:, 0:3], points - cameras[:, 3:6])
        flat = seen[:, 0:2] / seen[:, 2:3]
        square = dot(flat, flat)
        distorted = flat * (1.0 + cameras[:, 9:10] * square + cameras[:, 10:11] * square * square)
        return weights * (distorted * cameras[:, 6:7] + cameras[:, 7:9] - features)

    return errors


def bundle_adjustment_rows(library: Library, errors: Function) -> Function:
    """The two rows of the Jacobian that each observation has, (p, 15) each, by one pullback each."""
    numpy = library.numpy

    def rows(cameras: Any, points: Any, weights: Any, features: Any, camera: Any, point: Any, seeds: Any) -> Any:
        ours = [cameras[camera], points[point], weights]
        out, pull = library.vjp(lambda *parts: errors(*parts, features), *ours)
        blocks = [numpy.concatenate(list(pull(seed)), axis=1) for seed in seeds]
        return out, *blocks, 1.0 - weights * weights, -2.0 * weights

    return rows


def seeds(count: int) -> list[Any]:
    """What each of two outputs is pulled back with."""
    return [np.tile(row, (count, 1)) for row in np.eye(2)]


def lstm(library: Library) -> Function:
    """Average loss of a network of LSTM cells with diagonal weights, over a text."""
    numpy = library.numpy

    def sigmoid(x: Any) -> Any:
        return 1.0 / (1.0 + numpy.exp(-x))

    def cell(weight: Any, bias: Any, hidden: Any, cell: Any, x: Any) -> tuple[Any, Any]:
        size = hidden.shape[0]
        gates = numpy.concatenate([x, hidden, x, hidden]) * weight + bias
        forget, take, out = (sigmoid(gates[i * size : (i + 1) * size]) for i in range(3))
        cell = cell * forget + take * numpy.tanh(gates[3 * size :])
        return out * numpy.tanh(cell), cell

    def objective(main: Any, extra: Any, state: Any, text: Any) -> Any:
        def step(carry: Any, pair: Any) -> Any:
            state, main, extra = carry
            x, parts = pair[0] * extra[0], []
            for i in range(0, state.shape[0], 2):
                parts += cell(main[i], main[i + 1], state[i], state[i + 1], x)
                x = parts[-2]
            predicted = x * extra[1] + extra[2]
            normal = predicted - numpy.log(numpy.sum(numpy.exp(predicted)) + 2.0)
            return (numpy.stack(parts), main, extra), numpy.sum(pair[1] * normal)

        _, scores = library.scan(step, (state, main, extra), text)
        return -numpy.sum(scores) / (text.shape[0] * text.shape[2])

    return objective


def hand(library: Library) -> Function:
    """Differences (points, 3) between measured points and those of a posed, skinned hand."""
    numpy = library.numpy
    tree = parents()

    def turn(theta: Any) -> Any:
        angle = numpy.sqrt(numpy.sum(theta * theta))
        x, y, z = (theta[i] / angle for i in range(3))
        s, c = numpy.sin(angle), numpy.cos(angle)
        rows = [
            [x * x + (1 - x * x) * c, x * y * (1 - c) - z * s, x * z * (1 - c) + y * s],
            [x * y * (1 - c) + z * s, y * y + (1 - y * y) * c, y * z * (1 - c) - x * s],
            [x * z * (1 - c) - y * s, z * y * (1 - c) + x * s, z * z + (1 - z * z) * c],
        ]
        return numpy.stack([numpy.stack(row) for row in rows])

    def local(angles: Any) -> Any:
        """Of angles about x, z and y, (b, 3), rotations Rz Ry Rx as homogeneous matrices."""
        (sx, cx), (sz, cz), (sy, cy) = ((numpy.sin(a), numpy.cos(a)) for a in (angles[:, i] for i in range(3)))
        zero = cx * 0.0
        rows = [
            [cz * cy, cz * sy * sx - sz * cx, sz * sx + cz * sy * cx, zero],
            [sz * cy, cz * cx + sz * sy * sx, sz * sy * cx - cz * sx, zero],
            [-sy, cy * sx, cy * cx, zero],
            [zero, zero, zero, zero + 1.0],
        ]
        return numpy.stack([numpy.stack(row, axis=1) for row in rows], axis=1)

    def differences(
        parameters: Any, bones: Any, inverses: Any, vertices: Any, weights: Any, angles: Any, points: Any, *rest: Any
    ) -> Any:
        theta, (coordinates, corners) = parameters[:26], rest
        relative = numpy.matmul(bones, local(numpy.reshape(numpy.matmul(angles, theta), (len(tree), 3))))
        absolute: list[Any] = []
        for number, parent in enumerate(tree):
            own = relative[number]
            absolute.append(own if parent == -1 else numpy.matmul(absolute[parent], own))
        posed = numpy.matmul(numpy.matmul(numpy.stack(absolute), inverses), vertices)
        skinned = numpy.sum(posed * weights[:, None, :], axis=0)[:3]
        placed = numpy.swapaxes(numpy.matmul(turn(theta[0:3]), skinned), 0, 1) + theta[3:6]
        if parameters.shape[0] == 26:
            return points - placed[corners[:, 0]]
        u, v = (coordinates[:, i : i + 1] + parameters[26 + i] for i in range(2))
        first, second, third = (placed[corners[:, i]] for i in range(3))
        return points - (u * first + v * second + (1.0 - u - v) * third)

    return differences
