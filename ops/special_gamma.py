"""The gamma function and its relatives, element by element.

Equation numbers are those of the NIST Digital Library of Mathematical Functions (DLMF). Operands are floating point;
SciPy computes the numbers (see `mixad.ops.special_base`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import ShapeConstraint
from ..ir.graph import Value
from ..ir.types import FLOATING, TensorType
from .arithmetic import check_same
from .definition import Array, Op, full, operation, sample
from .elementwise import check_dtype
from .special_base import Ordered, Special, SpecialPair, binary, call, ordered, power_log, shifted, unary


@operation("tensor.lgamma")
class Lgamma(Special):
    """Logarithm of the magnitude of the gamma function; derivative digamma (DLMF 5.2.2).

    (C1) ``x`` is floating point.
    """

    domain = (0.3, 4.0)
    samples = (*Special.samples, sample(np.array([-0.5, -1.3, -2.7, 30.0])))
    evaluate = unary("gammaln")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.polygamma(x, n=0))


@operation("tensor.gamma")
class Gamma(Special):
    """The gamma function; derivative ``gamma(x) * digamma(x)`` (DLMF 5.2.2), NaN at its poles. (C1) ``x`` is floating
    point."""

    domain = (0.3, 3.0)
    samples = (*Special.samples, sample(np.array([-0.5, -1.3, 3.2])))
    evaluate = unary("gamma")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, out: Value) -> Value:
        return b.mul(dx, b.mul(out, b.polygamma(x, n=0)))


@operation("tensor.polygamma")
class Polygamma(Op):
    """The derivative of order ``n`` of digamma; its own derivative is that of order ``n + 1`` (DLMF 5.15.1).

    (C1) ``x`` is floating point, (C2) ``n`` is a whole number from 0.
    """

    elementwise = True
    domain = (0.4, 3.0)
    samples = (
        *(sample(shape, n=n) for shape, n in (((3,), 0), ((), 1), ((2, 3), 2), ((0, 2), 0))),
        sample(np.array([-0.5, -1.3, 3.2]), n=1),
    )

    @staticmethod
    def infer(x: TensorType, *, n: int) -> TensorType:
        check_dtype("C1", x, FLOATING)
        if n < 0:
            raise ShapeConstraint("C2", f"n is {n}; polygamma has orders from 0")
        return x

    @staticmethod
    def evaluate(x: Array, *, n: int) -> Any:
        if n == 0:
            return call("psi", x)
        # DLMF 5.15.1: SciPy's zeta is accurate to the left of 0 too.
        wide = np.asarray(x, np.float64)
        return (call("zeta", np.float64(n + 1), wide) * ((-1.0) ** (n + 1) * math.gamma(n + 1))).astype(x.dtype)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, n: int) -> Value:
        return b.mul(dx, b.polygamma(x, n=n + 1))


def digamma(b: Builder, x: Value) -> Value:
    """The logarithmic derivative of the gamma function."""
    found: Value = b.polygamma(x, n=0)
    return found


@operation("tensor.beta")
class Beta(SpecialPair):
    """The beta function; derivatives by DLMF 5.12.1 and 5.2.2.

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    domain = (0.4, 3.0)
    evaluate = binary("beta")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, y: Value, *, out: Value) -> Value:
        return b.mul(dx, b.mul(out, b.sub(digamma(b, x), digamma(b, b.add(x, y)))))

    @staticmethod
    def jvp_y(b: Builder, dy: Value, x: Value, y: Value, *, out: Value) -> Value:
        return b.mul(dy, b.mul(out, b.sub(digamma(b, y), digamma(b, b.add(x, y)))))


@operation("tensor.lbeta")
class Lbeta(SpecialPair):
    """Logarithm of the magnitude of the beta function; derivatives by DLMF 5.12.1 and 5.2.2.

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    domain = (0.4, 3.0)
    evaluate = binary("betaln")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, y: Value) -> Value:
        return b.mul(dx, b.sub(digamma(b, x), digamma(b, b.add(x, y))))

    @staticmethod
    def jvp_y(b: Builder, dy: Value, x: Value, y: Value) -> Value:
        return b.mul(dy, b.sub(digamma(b, y), digamma(b, b.add(x, y))))


@operation("tensor.zeta")
class Zeta(Ordered):
    """The Hurwitz zeta function of exponent ``order`` and ``x``; its derivative by ``x`` is ``-order`` times that of
    exponent ``order + 1`` (DLMF 25.11.17). That by the exponent is refused.

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    domain = ((1.5, 3.0), (0.6, 3.0))

    @staticmethod
    def evaluate(order: Array, x: Array) -> Any:
        # At 1 it is Riemann's function, which SciPy has for exponents below 1 too.
        riemann = np.asarray(call("zeta", order)).astype(np.asarray(x).dtype)
        return np.where(np.equal(x, 1), riemann, call("zeta", order, x))

    @staticmethod
    def jvp_x(b: Builder, dx: Value, order: Value, x: Value) -> Value:
        return b.mul(dx, b.neg(b.mul(order, b.zeta(shifted(b, order, 1), x))))


# --- incomplete functions ------------------------------------------------------------------------


def _gamma_density(b: Builder, a: Value, x: Value) -> Value:
    """``x**(a - 1) * exp(-x) / gamma(a)``, by logarithms, which neither overflow nor underflow."""
    exponent = b.sub(power_log(b, shifted(b, a, -1), x), b.add(x, b.lgamma(a)))
    return b.exp(exponent)


@operation("tensor.gammainc")
class Gammainc(Ordered):
    """The regularized lower incomplete gamma function P(``order``, ``x``); derivative by ``x``:
    ``x**(order - 1) * exp(-x) / gamma(order)`` (DLMF 8.8.13, normalized by 8.2.4). That by ``order`` is refused.

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    domain = ((0.6, 3.0), (0.5, 3.0))
    evaluate = ordered("gammainc")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, order: Value, x: Value) -> Value:
        return b.mul(dx, _gamma_density(b, order, x))


@operation("tensor.gammaincc")
class Gammaincc(Ordered):
    """The regularized upper incomplete gamma function Q(``order``, ``x``) = 1 - P; derivative by ``x`` as of
    `tensor.gammainc`, negated. That by ``order`` is refused.

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    domain = ((0.6, 3.0), (0.5, 3.0))
    evaluate = ordered("gammaincc")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, order: Value, x: Value) -> Value:
        return b.mul(dx, b.neg(_gamma_density(b, order, x)))


def _beta_density(b: Builder, p: Value, q: Value, x: Value) -> Value:
    """``x**(p - 1) * (1 - x)**(q - 1) / beta(p, q)``, by logarithms."""
    rest = b.sub(full(b, x.type, 1), x)
    powers = b.add(power_log(b, shifted(b, p, -1), x), power_log(b, shifted(b, q, -1), rest))
    return b.exp(b.sub(powers, b.lbeta(p, q)))


class IncompleteBeta(Op):
    """A function of two shapes, held fixed, and ``x``. The constraints: (C1) one shape, (C2) one element type, (C3)
    floating point."""

    elementwise = True
    no_derivative_in = ("p", "q")
    domain = ((0.6, 3.0), (0.6, 3.0), (0.2, 0.8))
    samples = (sample((), (), ()), sample((2, 3), (2, 3), (2, 3)), sample((0, 2), (0, 2), (0, 2)))

    @staticmethod
    def infer(p: TensorType, q: TensorType, x: TensorType) -> TensorType:
        check_same(p, q)
        check_same(p, x, (0, 2))
        check_dtype("C3", x, FLOATING)
        return x


@operation("tensor.betainc")
class Betainc(IncompleteBeta):
    """The regularized incomplete beta function I_x(``p``, ``q``); derivative by ``x``:
    ``x**(p - 1) * (1 - x)**(q - 1) / beta(p, q)`` (DLMF 8.17.1). Those by ``p`` and ``q`` are refused.

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    @staticmethod
    def evaluate(p: Array, q: Array, x: Array) -> Any:
        return call("betainc", p, q, x)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, p: Value, q: Value, x: Value) -> Value:
        return b.mul(dx, _beta_density(b, p, q, x))


@operation("tensor.betaincc")
class Betaincc(IncompleteBeta):
    """The complement of `tensor.betainc`, whose derivative is the negative. Those by ``p`` and ``q`` are refused.

    (C1) one shape, (C2) one element type, (C3) floating point.
    """

    @staticmethod
    def evaluate(p: Array, q: Array, x: Array) -> Any:
        return call("betaincc", p, q, x)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, p: Value, q: Value, x: Value) -> Value:
        return b.mul(dx, b.neg(_beta_density(b, p, q, x)))


# --- exponential integrals -----------------------------------------------------------------------


@operation("tensor.expi")
class Expi(Special):
    """The exponential integral Ei; derivative ``exp(x) / x`` (DLMF 6.2.5). (C1) ``x`` is floating point."""

    domain = (0.4, 3.0)
    samples = (*Special.samples, sample(np.array([-0.5, -3.0])))
    evaluate = unary("expi")

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value) -> Value:
        return b.mul(dx, b.div(b.exp(x), x))


@operation("tensor.expn")
class Expn(Op):
    """The generalized exponential integral of order ``n``; its derivative is minus that of order ``n - 1``, and
    that of order 0 is ``exp(-x) / x`` (DLMF 8.19.13, 8.19.2).

    (C1) ``x`` is floating point, (C2) ``n`` is a whole number from 0.
    """

    elementwise = True
    domain = (0.4, 3.0)
    samples = (sample((3,), n=1), sample((), n=2), sample((2, 3), n=4), sample((3,), n=0), sample((0, 2), n=1))

    @staticmethod
    def infer(x: TensorType, *, n: int) -> TensorType:
        check_dtype("C1", x, FLOATING)
        if n < 0:
            raise ShapeConstraint("C2", f"n is {n}; expn has orders from 0")
        return x

    @staticmethod
    def evaluate(x: Array, *, n: int) -> Any:
        return call("expn", n, x)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, n: int, out: Value) -> Value:
        if n:
            return b.mul(dx, b.neg(b.expn(x, n=n - 1)))
        return b.mul(dx, b.neg(b.add(out, b.div(out, x))))
