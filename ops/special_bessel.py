"""Bessel functions of real order, element by element: each derivative by ``x`` is one of neighbouring orders.

Equation numbers are those of the NIST Digital Library of Mathematical Functions (DLMF). That by the order is refused.
(C1) one shape, (C2) one element type, (C3) floating point, in all of them.
"""

from __future__ import annotations

from ..ir.builder import Builder
from ..ir.graph import Value
from .definition import operation
from .special_base import Ordered, neighbours, ordered


@operation("tensor.bessel_j")
class BesselJ(Ordered):
    """Bessel function of the first kind; derivative ``(J[v - 1] - J[v + 1]) / 2`` (DLMF 10.6.1).

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    evaluate = ordered("jv")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, order: Value, x: Value) -> Value:
        return b.mul(dx, neighbours(b, b.bessel_j, order, x, minus=True))


@operation("tensor.bessel_y")
class BesselY(Ordered):
    """Bessel function of the second kind; derivative ``(Y[v - 1] - Y[v + 1]) / 2`` (DLMF 10.6.1).

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    domain = ((0.0, 3.0), (0.8, 3.0))
    evaluate = ordered("yv")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, order: Value, x: Value) -> Value:
        return b.mul(dx, neighbours(b, b.bessel_y, order, x, minus=True))


@operation("tensor.bessel_i")
class BesselI(Ordered):
    """Modified Bessel function of the first kind; derivative ``(I[v - 1] + I[v + 1]) / 2`` (DLMF 10.29.1).

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    evaluate = ordered("iv")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, order: Value, x: Value) -> Value:
        return b.mul(dx, neighbours(b, b.bessel_i, order, x))


@operation("tensor.bessel_ie")
class BesselIe(Ordered):
    """``exp(-abs(x)) * I[v](x)``; derivative ``(Ie[v - 1] + Ie[v + 1]) / 2 - sign(x) * Ie[v]`` (DLMF 10.29.1).

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    evaluate = ordered("ive")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, order: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, b.sub(neighbours(b, b.bessel_ie, order, x), b.mul(b.sign(x), out)))


@operation("tensor.bessel_k")
class BesselK(Ordered):
    """Modified Bessel function of the second kind; derivative ``-(K[v - 1] + K[v + 1]) / 2`` (DLMF 10.29.1).

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    domain = ((0.0, 3.0), (0.8, 3.0))
    evaluate = ordered("kv")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, order: Value, x: Value) -> Value:
        return b.mul(dx, b.neg(neighbours(b, b.bessel_k, order, x)))


@operation("tensor.bessel_ke")
class BesselKe(Ordered):
    """``exp(x) * K[v](x)``; derivative ``Ke[v] - (Ke[v - 1] + Ke[v + 1]) / 2`` (DLMF 10.29.1).

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    domain = ((0.0, 3.0), (0.8, 3.0))
    evaluate = ordered("kve")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, order: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, b.sub(out, neighbours(b, b.bessel_ke, order, x)))
