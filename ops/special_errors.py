"""The error function's relatives, the normal distribution, and logistic and entropy functions.

Equation numbers are those of the NIST Digital Library of Mathematical Functions (DLMF).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.graph import Value
from .definition import Array, full, operation, sample
from .special_base import Special, scaled, unary

_SLOPE = 2 / math.sqrt(math.pi)


@operation("tensor.erfc")
class Erfc(Special):
    """``1 - erf(x)``, accurate where it is small; derivative ``-2 / sqrt(pi) * exp(-x**2)`` (DLMF 7.10.1).

    (C1) ``x`` is floating point.
    """

    evaluate = unary("erfc")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, scaled(b, b.exp(b.neg(b.square(x))), -_SLOPE))


@operation("tensor.erfcx")
class Erfcx(Special):
    """``exp(x**2) * erfc(x)``; derivative ``2 * x * erfcx(x) - 2 / sqrt(pi)`` (DLMF 7.10.1). (C1) ``x`` is floating
    point. Each derivative loses some digits where ``x`` is large."""

    evaluate = unary("erfcx")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, b.sub(scaled(b, b.mul(x, out), 2), full(b, x.type, _SLOPE)))


@operation("tensor.erfinv")
class Erfinv(Special):
    """Inverse of erf; derivative ``sqrt(pi) / 2 * exp(erfinv(x)**2)``, infinite at -1 and 1. (C1) ``x`` is floating
    point."""

    domain = (-0.8, 0.8)
    evaluate = unary("erfinv")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, scaled(b, b.exp(b.square(out)), 1 / _SLOPE))


@operation("tensor.erfcinv")
class Erfcinv(Special):
    """Inverse of erfc; derivative ``-sqrt(pi) / 2 * exp(erfcinv(x)**2)``, infinite at 0 and 2. (C1) ``x`` is floating
    point."""

    domain = (0.2, 1.8)
    evaluate = unary("erfcinv")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, scaled(b, b.exp(b.square(out)), -1 / _SLOPE))


@operation("tensor.log_ndtr")
class LogNdtr(Special):
    """Logarithm of the standard normal distribution function; its derivative, density over distribution, is
    ``sqrt(2 / pi) / erfcx(-x / sqrt(2))`` (DLMF 7.2.2 and 7.2.3), which is never 0 / 0. (C1) ``x`` is floating point.
    """

    evaluate = unary("log_ndtr")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.div(full(b, x.type, math.sqrt(2 / math.pi)), b.erfcx(scaled(b, x, -math.sqrt(0.5)))))


@operation("tensor.ndtri")
class Ndtri(Special):
    """Inverse of the standard normal distribution function; derivative ``sqrt(2 * pi) * exp(ndtri(x)**2 / 2)``,
    infinite at 0 and 1. (C1) ``x`` is floating point."""

    domain = (0.1, 0.9)
    evaluate = unary("ndtri")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, scaled(b, b.exp(scaled(b, b.square(out), 0.5)), math.sqrt(2 * math.pi)))


@operation("tensor.log_sigmoid")
class LogSigmoid(Special):
    """``-log(1 + exp(-x))``, which neither overflows nor cancels; derivative ``sigmoid(-x)``. (C1) ``x`` is floating
    point."""

    @staticmethod
    def evaluate(x: Array) -> Any:
        return np.minimum(x, np.zeros((), np.asarray(x).dtype)) - np.log1p(np.exp(-np.abs(x)))

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.sigmoid(b.neg(x)))


@operation("tensor.logit")
class Logit(Special):
    """``log(x / (1 - x))``; derivative ``1 / (x * (1 - x))``, infinite at 0 and 1. (C1) ``x`` is floating point."""

    domain = (0.2, 0.8)
    evaluate = unary("logit")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.div(dx, b.mul(x, b.sub(full(b, x.type, 1), x)))


@operation("tensor.entr")
class Entr(Special):
    """``-x * log(x)``, 0 at 0 and -inf below; derivative ``-log(x) - 1``: infinite at 0, as of JAX. (C1) ``x`` is
    floating point."""

    domain = (0.2, 3.0)
    samples = (*Special.samples, sample(np.array([0.5, 2.0, 0.1])))
    evaluate = unary("entr")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.sub(full(b, x.type, -1), b.log(x)))


@operation("tensor.dawsn")
class Dawsn(Special):
    """Dawson's integral; derivative ``1 - 2 * x * dawsn(x)`` (DLMF 7.10.3, for 7.2.5). (C1) ``x`` is floating point."""

    evaluate = unary("dawsn")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, b.sub(full(b, x.type, 1), scaled(b, b.mul(x, out), 2)))
