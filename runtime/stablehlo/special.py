"""Special functions in StableHLO: those of CHLO, and what is composed of them."""

from __future__ import annotations

import math

from ...ir.graph import Operation
from .writer import Tensor, Writer


def polygamma(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """CHLO's digamma, or its polygamma, whose order is an operand."""
    order = op.attributes["n"]
    if order == 0:
        return w.unary("chlo.digamma", x)
    return w.binary("chlo.polygamma", w.full(x.type, order), x)


def lbeta(w: Writer, op: Operation, x: Tensor, y: Tensor) -> Tensor:
    """Of three logarithms of the gamma function."""
    parts = w.binary("add", w.unary("chlo.lgamma", x), w.unary("chlo.lgamma", y))
    return w.binary("subtract", parts, w.unary("chlo.lgamma", w.binary("add", x, y)))


def log_sigmoid(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """``min(x, 0) - log1p(exp(-|x|))``, which does not overflow."""
    small = w.unary("exponential", w.unary("negate", w.unary("abs", x)))
    return w.binary("subtract", w.binary("minimum", x, w.full(x.type, 0)), w.unary("log_plus_one", small))


def entr(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """``-x * log(x)``, 0 at 0 and minus infinity below."""
    zero = w.full(x.type, 0)
    inside = w.unary("negate", w.binary("multiply", x, w.unary("log", x)))
    below = w.select(w.compare(x, zero, "lt"), w.full(x.type, -math.inf), inside)
    return w.select(w.compare(x, zero, "eq"), zero, below)
