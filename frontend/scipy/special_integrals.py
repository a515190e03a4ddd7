"""Of ``mixad.scipy.special``: hypergeometric functions, integrals, factorials and distributions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import DTypeError, TraceError
from ...ops.special_base import scipy_special
from ..array import TracedArray
from ..compositions import compare
from ..operands import as_array, as_traced, cast, emit, full_like, select
from .arguments import module, real_operands
from .publishing import define, one, ordered, pair, publish, routine

# --- factorials ----------------------------------------------------------------------------------


@publish
def rgamma(x: Any) -> TracedArray:
    """As `scipy.special.rgamma` of real numbers: 1 / gamma(x), which has all derivatives at every number. Below 1/2 by
    reflection (DLMF 5.5.3), as ``gamma(1 - x) * sin(pi x) / pi``."""
    module(scipy_special, "rgamma")
    (x,) = real_operands("rgamma", x)
    half, one_ = full_like(x, 0.5), full_like(x, 1)
    left = compare(x, 0.5, "lt")
    above = emit("exp", emit("neg", emit("lgamma", select(left, half, x))))
    below = select(left, x, half)
    whole = emit("round", below)
    turn = emit("sin", emit("mul", emit("sub", below, whole), full_like(x, math.pi)))
    odd = compare(emit("remainder", whole, full_like(x, 2)), 0, "ne")
    turn = select(odd, emit("neg", turn), turn)
    # The sine is an exact zero at whole numbers, beside a gamma function that may be infinite.
    reflected = emit(
        "mul_no_nan", turn, emit("mul", emit("gamma", emit("sub", one_, below)), full_like(x, 1 / math.pi))
    )
    return select(compare(x, -math.inf, "eq"), full_like(x, 0), select(left, reflected, above))


poch = pair("poch", "poch", "Pochhammer's symbol, gamma(z + m) / gamma(z)")


def _exact(name: str, exact: Any) -> None:
    if exact:
        raise TraceError(
            f"mixad.scipy: {name} with exact=True is not traced, at {user_location(3)}; integers have no derivative"
        )


@publish
def factorial(n: Any, exact: bool = False, extend: str = "zero") -> TracedArray:
    """As `scipy.special.factorial` of real numbers: gamma(n + 1), and 0 below 0."""
    _exact("factorial", exact)
    if extend != "zero":
        raise TraceError(f"mixad.scipy: factorial with extend={extend!r} is not traced, at {user_location(2)}")
    given = as_traced(n)
    if given.dtype.kind not in "iuf":
        raise DTypeError(f"mixad.scipy: factorial of {given.dtype}, at {user_location(2)}; it takes real numbers")
    (n,) = real_operands("gamma", given)
    below = compare(n, 0, "lt")
    value = routine("factorial", "gamma", emit("add", select(below, full_like(n, 0), n), full_like(n, 1)))
    return cast(select(below, full_like(n, 0), value), float)


@publish
def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> TracedArray:  # noqa: N803
    """As `scipy.special.comb` of real numbers: ``1 / ((N + 1) * beta(N - k + 1, k + 1))``, and 0 unless
    ``0 <= k <= N``."""
    _exact("comb", exact)
    if repetition:
        raise TraceError(
            f"mixad.scipy: comb with repetition=True is not traced, at {user_location(2)}; it is comb(N + k - 1, k)"
        )
    module(scipy_special, "comb")
    total, chosen = real_operands("binom", as_array(N), as_array(k))
    inside = emit("logical_and", compare(chosen, total, "le"), compare(total, 0, "ge"))
    inside = emit("logical_and", inside, compare(chosen, 0, "ge"))
    one_ = full_like(total, 1)
    size, part = (emit("add", select(inside, each, full_like(each, 0)), one_) for each in (total, chosen))
    value = emit("reciprocal", emit("mul", size, emit("beta", emit("add", emit("sub", size, part), one_), part)))
    return select(inside, value, full_like(value, 0))


# --- hypergeometric functions and integrals ------------------------------------------------------

hyp0f1 = ordered("hyp0f1", "hyp0f1", "the confluent hypergeometric limit function")


def _hypergeometric(name: str, doc: str) -> Callable[..., Any]:
    doc = f": {doc}. The derivatives by the parameters, all but the last argument, are refused"
    return define(name, doc, lambda *args: routine(name, name, *args))


hyp1f1 = _hypergeometric("hyp1f1", "Kummer's confluent hypergeometric function")
hyp2f1 = _hypergeometric("hyp2f1", "Gauss's hypergeometric function")
spence = one("spence", "spence", "the dilogarithm of 1 - x")
ellipk = one("ellipk", "ellipk", "the complete elliptic integral of the first kind")
ellipe = one("ellipe", "ellipe", "the complete elliptic integral of the second kind")


@publish
def sici(x: Any) -> tuple[TracedArray, TracedArray]:
    """As `scipy.special.sici` of real numbers: the sine and cosine integrals."""
    return routine("sici", "sine_integral", x), routine("sici", "cosine_integral", x)


@publish
def fresnel(x: Any) -> tuple[TracedArray, TracedArray]:
    """As `scipy.special.fresnel` of real numbers: the Fresnel integrals S and C."""
    return routine("fresnel", "fresnel_sine", x), routine("fresnel", "fresnel_cosine", x)


# --- distributions -------------------------------------------------------------------------------


def _chi_square(name: str, operation: str, doc: str) -> Callable[..., Any]:
    def traced(v: Any, x: Any) -> TracedArray:
        module(scipy_special, name)
        v, x = (emit("mul", each, full_like(each, 0.5)) for each in real_operands(name, v, x))
        return emit(operation, v, x)

    return define(name, f": {doc}. The derivative by the degrees of freedom is refused", traced)


def _f(name: str, upper: bool, doc: str) -> Callable[..., Any]:
    def traced(dfn: Any, dfd: Any, x: Any) -> TracedArray:
        module(scipy_special, name)
        given = real_operands(name, dfn, dfd, x)
        dfn, dfd, x = (cast(each, np.float64) for each in given)  # the share must not be rounded to a narrower type
        product = emit("mul", dfn, x)
        above, below = (dfd, dfn) if upper else (dfn, dfd)
        share = emit("div", dfd if upper else product, emit("add", dfd, product))
        if not upper:
            share = select(compare(product, math.inf, "eq"), full_like(share, 1), share)
        halves = [emit("mul", each, full_like(each, 0.5)) for each in (above, below)]
        usable = emit("logical_and", compare(dfn, 0, "gt"), compare(dfd, 0, "gt"))
        return cast(select(usable, emit("betainc", *halves, share), full_like(share, math.nan)), given[-1].dtype)

    return define(name, f": {doc}. Derivatives by the degrees of freedom are refused", traced)


chdtr = _chi_square("chdtr", "gammainc", "the chi-square distribution function")
chdtrc = _chi_square("chdtrc", "gammaincc", "1 - chdtr(v, x)")
fdtr = _f("fdtr", False, "the distribution function of F")
fdtrc = _f("fdtrc", True, "1 - fdtr(dfn, dfd, x)")
