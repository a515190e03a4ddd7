"""Circular and hyperbolic functions and their inverses, element by element."""

from __future__ import annotations

import numpy as np

from ..ir.builder import Builder
from ..ir.graph import Value
from .definition import full, operation
from .elementwise import Unary

# --- circular functions --------------------------------------------------------------------------


@operation("tensor.sin")
class Sin(Unary):
    """Element-wise sine. (C1) ``x`` is floating point or complex."""

    evaluate = staticmethod(np.sin)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.cos(x))


@operation("tensor.cos")
class Cos(Unary):
    """Element-wise cosine. (C1) ``x`` is floating point or complex."""

    evaluate = staticmethod(np.cos)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.neg(b.sin(x)))


@operation("tensor.tan")
class Tan(Unary):
    """Element-wise tangent. (C1) ``x`` is floating point or complex."""

    domain = (-1.2, 1.2)
    evaluate = staticmethod(np.tan)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, b.add(b.square(out), full(b, out.type, 1)))


def _one_minus_square(b: Builder, x: Value) -> Value:
    """``1 - x**2`` as ``(1 - x) * (1 + x)``, which does not cancel near 1."""
    one = full(b, x.type, 1)
    return b.mul(b.sub(one, x), b.add(one, x))


@operation("tensor.asin")
class Asin(Unary):
    """Element-wise inverse sine; the derivative at -1 and 1 is infinite. (C1) ``x`` is floating point or complex."""

    domain = (-0.8, 0.8)
    evaluate = staticmethod(np.arcsin)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.rsqrt(_one_minus_square(b, x)))


@operation("tensor.acos")
class Acos(Unary):
    """Element-wise inverse cosine; the derivative at -1 and 1 is infinite.

    (C1) ``x`` is floating point or complex.
    """

    domain = (-0.8, 0.8)
    evaluate = staticmethod(np.arccos)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.neg(b.rsqrt(_one_minus_square(b, x))))


@operation("tensor.atan")
class Atan(Unary):
    """Element-wise inverse tangent. (C1) ``x`` is floating point or complex."""

    evaluate = staticmethod(np.arctan)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.div(dx, b.add(b.square(x), full(b, x.type, 1)))


# --- hyperbolic functions ------------------------------------------------------------------------


@operation("tensor.sinh")
class Sinh(Unary):
    """Element-wise hyperbolic sine. (C1) ``x`` is floating point or complex."""

    evaluate = staticmethod(np.sinh)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.cosh(x))


@operation("tensor.cosh")
class Cosh(Unary):
    """Element-wise hyperbolic cosine. (C1) ``x`` is floating point or complex."""

    evaluate = staticmethod(np.cosh)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.sinh(x))


@operation("tensor.tanh")
class Tanh(Unary):
    """Element-wise hyperbolic tangent. (C1) ``x`` is floating point or complex."""

    evaluate = staticmethod(np.tanh)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, b.sub(full(b, out.type, 1), b.square(out)))


@operation("tensor.asinh")
class Asinh(Unary):
    """Element-wise inverse hyperbolic sine. (C1) ``x`` is floating point or complex."""

    evaluate = staticmethod(np.arcsinh)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.rsqrt(b.add(b.square(x), full(b, x.type, 1))))


@operation("tensor.acosh")
class Acosh(Unary):
    """Element-wise inverse hyperbolic cosine; the derivative at 1 is infinite.

    (C1) ``x`` is floating point or complex.
    """

    domain = (1.2, 3.0)
    evaluate = staticmethod(np.arccosh)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        # Two roots: that of the product would be on the wrong branch for complex numbers, and overflow sooner.
        one = full(b, x.type, 1)
        return b.mul(dx, b.mul(b.rsqrt(b.sub(x, one)), b.rsqrt(b.add(x, one))))


@operation("tensor.atanh")
class Atanh(Unary):
    """Element-wise inverse hyperbolic tangent; the derivative at -1 and 1 is infinite.

    (C1) ``x`` is floating point or complex.
    """

    domain = (-0.8, 0.8)
    evaluate = staticmethod(np.arctanh)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.div(dx, _one_minus_square(b, x))
