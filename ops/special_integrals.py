"""Hypergeometric functions, and integrals that are such functions or have such derivatives, element by element.

A hypergeometric function's derivative is one of the same kind with its parameters raised by one (DLMF 15.5.1, 13.3.15),
at 0 as anywhere else. Quotients that are 0 / 0 somewhere, as ``sin(x) / x`` in the derivative of the sine integral, are
written as such functions, so that derivatives of every order are right there. Equation numbers are those of the NIST
Digital Library of Mathematical Functions (DLMF). SciPy computes the numbers (see `mixad.ops.special_base`).
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.types import FLOATING, TensorType
from .arithmetic import check_same
from .definition import Array, Op, Sample, full, operation, sample
from .elementwise import check_dtype
from .special_base import Ordered, Special, SpecialPair, binary, call, ordered, scaled, shifted, unary
from .special_gamma import digamma

# --- hypergeometric functions --------------------------------------------------------------------


class Hypergeometric(Op):
    """A function of parameters, held fixed, and ``x``. The constraints: (C1) one shape, (C2) one element type, (C3)
    floating point."""

    elementwise = True
    parameters: ClassVar[int]

    def __init_subclass__(cls) -> None:
        cls.samples = tuple(sample(*[shape] * (cls.parameters + 1)) for shape in ((), (2, 3), (0, 2)))


def _check(*types: TensorType) -> TensorType:
    for position, each in enumerate(types[1:], 1):
        check_same(types[0], each, (0, position))
    check_dtype("C3", types[-1], FLOATING)
    return types[-1]


@operation("tensor.hyp0f1")
class Hyp0f1(Ordered):
    """The confluent hypergeometric limit function 0F1(; ``order``; ``x``); derivative by ``x``: 0F1(; ``order`` + 1;
    ``x``) / ``order`` (DLMF 16.3.1). That by ``order`` is refused.

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    domain = ((0.6, 3.0), (-2.0, 2.0))
    samples: ClassVar[tuple[Sample, ...]] = (*Ordered.samples, sample(np.array([1.5, 0.5]), np.array([0.0, -30.0])))
    evaluate = ordered("hyp0f1")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, order: Value, x: Value) -> Value:
        return b.mul(dx, b.div(b.hyp0f1(shifted(b, order, 1), x), order))


@operation("tensor.hyp1f1")
class Hyp1f1(Hypergeometric):
    """Kummer's confluent hypergeometric function 1F1(``p``; ``q``; ``x``); derivative by ``x``: ``p / q`` times that at
    parameters raised by one (DLMF 13.3.15). Those by ``p`` and ``q`` are refused.

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    parameters = 2
    no_derivative_in = ("p", "q")
    domain = ((-2.0, 3.0), (0.6, 3.0), (-2.0, 2.0))

    @staticmethod
    def infer(p: TensorType, q: TensorType, x: TensorType) -> TensorType:
        return _check(p, q, x)

    @staticmethod
    def evaluate(p: Array, q: Array, x: Array) -> Any:
        return call("hyp1f1", p, q, x)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, p: Value, q: Value, x: Value) -> Value:
        return b.mul(dx, b.mul(b.div(p, q), b.hyp1f1(shifted(b, p, 1), shifted(b, q, 1), x)))


@operation("tensor.hyp2f1")
class Hyp2f1(Hypergeometric):
    """Gauss's hypergeometric function 2F1(``p``, ``q``; ``r``; ``x``); derivative by ``x``: ``p * q / r`` times that at
    parameters raised by one (DLMF 15.5.1). Those by ``p``, ``q`` and ``r`` are refused.

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    parameters = 3
    no_derivative_in = ("p", "q", "r")
    domain = ((-2.0, 3.0), (-2.0, 3.0), (0.6, 3.0), (-0.6, 0.6))

    @staticmethod
    def infer(p: TensorType, q: TensorType, r: TensorType, x: TensorType) -> TensorType:
        return _check(p, q, r, x)

    @staticmethod
    def evaluate(p: Array, q: Array, r: Array, x: Array) -> Any:
        return call("hyp2f1", p, q, r, x)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, p: Value, q: Value, r: Value, x: Value) -> Value:
        above = b.hyp2f1(*[shifted(b, each, 1) for each in (p, q, r)], x)
        return b.mul(dx, b.mul(b.div(b.mul(p, q), r), above))


def _gauss(b: Builder, p: float, q: float, r: float, x: Value) -> Value:
    """2F1 of numbers and ``x``."""
    found: Value = b.hyp2f1(*[full(b, x.type, each) for each in (p, q, r)], x)
    return found


@operation("tensor.poch")
class Poch(SpecialPair):
    """Pochhammer's symbol, gamma(``x`` + ``y``) / gamma(``x``); derivatives by DLMF 5.2.2, NaN at poles.

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    domain = (0.4, 3.0)
    evaluate = binary("poch")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, y: Value, *, out: Value) -> Value:
        return b.mul(dx, b.mul(out, b.sub(digamma(b, b.add(x, y)), digamma(b, x))))

    @staticmethod
    def jvp_y(b: Builder, dy: Value, x: Value, y: Value, *, out: Value) -> Value:
        return b.mul(dy, b.mul(out, digamma(b, b.add(x, y))))


# --- integrals -----------------------------------------------------------------------------------


def one_of(name: str, index: int) -> Any:
    """The meaning of one of the results of SciPy's function ``name``."""

    def evaluate(x: Array) -> Any:
        return np.asarray(call(name, x)[index])

    return staticmethod(evaluate)


@operation("tensor.sine_integral")
class SineIntegral(Special):
    """The sine integral Si; derivative ``sin(x) / x`` (DLMF 6.2.9) = 0F1(; 3/2; -x**2 / 4). (C1) ``x`` is floating
    point."""

    samples = (*Special.samples, sample(np.array([0.0, 1e-3, 30.0])))
    evaluate = one_of("sici", 0)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.hyp0f1(full(b, x.type, 1.5), scaled(b, b.square(x), -0.25)))


@operation("tensor.cosine_integral")
class CosineIntegral(Special):
    """The cosine integral Ci, of the magnitude of ``x``; derivative ``cos(x) / x`` (DLMF 6.2.11). (C1) ``x`` is
    floating point."""

    domain = (0.4, 3.0)
    evaluate = one_of("sici", 1)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.div(b.cos(x), x))


def _angle(b: Builder, x: Value) -> Value:
    return scaled(b, b.square(x), math.pi / 2)


@operation("tensor.fresnel_sine")
class FresnelSine(Special):
    """The Fresnel integral S; derivative ``sin(pi x**2 / 2)`` (DLMF 7.2.8). (C1) ``x`` is floating point."""

    evaluate = one_of("fresnel", 0)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.sin(_angle(b, x)))


@operation("tensor.fresnel_cosine")
class FresnelCosine(Special):
    """The Fresnel integral C; derivative ``cos(pi x**2 / 2)`` (DLMF 7.2.7). (C1) ``x`` is floating point."""

    evaluate = one_of("fresnel", 1)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.cos(_angle(b, x)))


@operation("tensor.spence")
class Spence(Special):
    """Spence's integral, the dilogarithm of ``1 - x``; derivative ``log(x) / (1 - x)`` (DLMF 25.12.2) =
    -2F1(1, 1; 2; 1 - x). (C1) ``x`` is floating point."""

    domain = (0.4, 3.0)
    samples = (*Special.samples, sample(np.array([1.0, 0.5, 40.0])))
    evaluate = unary("spence")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.neg(_gauss(b, 1, 1, 2, b.sub(full(b, x.type, 1), x))))


@operation("tensor.ellipk")
class EllipticK(Special):
    """The complete elliptic integral of the first kind of the parameter ``x``, pi / 2 times 2F1(1/2, 1/2; 1; ``x``)
    (DLMF 19.5.1). (C1) ``x`` is floating point."""

    domain = (-2.0, 0.8)
    evaluate = unary("ellipk")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, scaled(b, _gauss(b, 1.5, 1.5, 2, x), math.pi / 8))


@operation("tensor.ellipe")
class EllipticE(Special):
    """The complete elliptic integral of the second kind of the parameter ``x``, pi / 2 times 2F1(-1/2, 1/2; 1; ``x``)
    (DLMF 19.5.2). (C1) ``x`` is floating point."""

    domain = (-2.0, 0.8)
    evaluate = unary("ellipe")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, scaled(b, _gauss(b, 0.5, 1.5, 2, x), -math.pi / 8))
