"""The loss of a physics-informed network for Burgers' equation.

Raissi, Perdikaris and Karniadakis (arXiv 1711.10561), section 3.1: u_t + u u_x - (0.01/pi) u_xx = 0 on [0, 1] x [-1, 1]
with u(0, x) = -sin(pi x) and u(t, -1) = u(t, 1) = 0; the network has eight hidden layers of 20 tanh units.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .peers import Function, Library
from .programs import apply, layers_of

VISCOSITY = 0.01 / np.pi
WIDTHS = (2, *(20,) * 8, 1)


def burgers(library: Library) -> Function:
    """Mean squares of the residual at collocation points and of the error at initial and boundary points.

    u_t, u_x and u_xx are derivatives of sums over the points, each of which depends on its own point alone: one
    derivative is taken of u, giving u_t and u_x with it, and one of u_x.
    """
    numpy = library.numpy

    def loss(layers: Any, t: Any, x: Any, points: Any, values: Any) -> Any:
        def state(t: Any, x: Any) -> Any:
            u = apply(numpy, layers, numpy.concatenate([t, x], axis=1))
            return numpy.sum(u), u

        def slope(x: Any) -> Any:
            (_, u), (u_t, u_x) = library.value_and_grad(state, (0, 1), True)(t, x)
            return numpy.sum(u_x), (u, u_t, u_x)

        (_, (u, u_t, u_x)), u_xx = library.value_and_grad(slope, 0, True)(x)
        residual = u_t + u * u_x - VISCOSITY * u_xx
        error = apply(numpy, layers, points) - values
        return numpy.mean(residual * residual) + numpy.mean(error * error)

    return loss


def burgers_arguments(count: int, dtype: Any) -> tuple[Any, ...]:
    """Layers, ``count`` collocation points (t and x apart), 100 initial and boundary points with their values."""
    random = np.random.default_rng(4)
    t, x = random.uniform(0.0, 1.0, (count, 1)), random.uniform(-1.0, 1.0, (count, 1))
    initial = np.stack([np.zeros(50), random.uniform(-1.0, 1.0, 50)], axis=1)
    boundary = np.stack([random.uniform(0.0, 1.0, 50), np.repeat([-1.0, 1.0], 25)], axis=1)
    values = np.concatenate([-np.sin(np.pi * initial[:, 1:]), np.zeros((50, 1))])
    points = np.concatenate([initial, boundary])
    return layers_of(WIDTHS, dtype), *(each.astype(dtype) for each in (t, x, points, values))
