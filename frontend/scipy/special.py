"""``mixad.scipy.special``: special functions on traced arrays; on plain arrays, SciPy's own.

SciPy's ufuncs of these names are traced as well (``scipy.special.gammaln(x)``), since they take part in NumPy's
protocol. Element types follow SciPy: float32 in, float32 out. Names that are not here are SciPy's own functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import DTypeError
from ...ops.special_base import scipy_special
from ..array import TracedArray
from ..compositions import compare, is_nan
from ..lifting import loop_dtypes, promote
from ..numpy_functions.shapes import squeeze
from ..operands import as_traced, cast, emit, full_like, select, spread
from .arguments import module, others, real_operands, whole_number
from .publishing import TRACED as TRACED
from .publishing import define, of_order, one, ordered, pair, plain, publish, routine
from .special_integrals import (  # noqa: F401 - published here
    chdtr,
    chdtrc,
    comb,
    ellipe,
    ellipk,
    factorial,
    fdtr,
    fdtrc,
    fresnel,
    hyp0f1,
    hyp1f1,
    hyp2f1,
    poch,
    rgamma,
    sici,
    spence,
)

# --- gamma and relatives -------------------------------------------------------------------------

gamma = one("gamma", "gamma", "the gamma function")
gammaln = one("gammaln", "lgamma", "logarithm of the magnitude of the gamma function")
digamma = one("digamma", "polygamma", "the derivative of the logarithm of the gamma function", n=0)
psi = one("psi", "polygamma", "digamma", n=0)
beta = pair("beta", "beta", "the beta function")
betaln = pair("betaln", "lbeta", "logarithm of the magnitude of the beta function")
gammainc = ordered("gammainc", "gammainc", "the regularized lower incomplete gamma function")
gammaincc = ordered("gammaincc", "gammaincc", "the regularized upper incomplete gamma function")


@publish
def loggamma(x: Any) -> TracedArray:
    """As `scipy.special.loggamma` of real numbers: NaN below 0."""
    value = routine("loggamma", "lgamma", x)
    (x,) = real_operands("loggamma", x)
    return select(compare(x, 0, "lt"), full_like(x, math.nan), value)


@publish
def polygamma(n: Any, x: Any) -> TracedArray:
    """As `scipy.special.polygamma`, for one whole number ``n``; SciPy's result is float64 at ``n`` from 1."""
    order = whole_number("polygamma", "n", n)
    return cast(routine("polygamma", "polygamma", x, n=order), np.float64)


@publish
def multigammaln(a: Any, d: Any) -> TracedArray:
    """As `scipy.special.multigammaln`: logarithm of the multivariate gamma function of dimension ``d``, in float64."""
    size = whole_number("multigammaln", "d", d)
    (a,) = real_operands("multigammaln", a)
    total = full_like(a, 0.25 * size * (size - 1) * math.log(math.pi))
    for j in range(size):
        total = emit("add", total, routine("multigammaln", "lgamma", emit("sub", a, full_like(a, 0.5 * j))))
    return cast(total, np.float64)


@publish
def betainc(a: Any, b: Any, x: Any) -> TracedArray:
    """As `scipy.special.betainc`: the regularized incomplete beta function. Derivatives by ``a`` and ``b`` are
    refused."""
    return routine("betainc", "betainc", a, b, x)


@publish
def betaincc(a: Any, b: Any, x: Any) -> TracedArray:
    """As `scipy.special.betaincc`: its complement. Derivatives by ``a`` and ``b`` are refused."""
    return routine("betaincc", "betaincc", a, b, x)


@publish
def zeta(x: Any, q: Any = None, out: None = None) -> TracedArray:
    """As `scipy.special.zeta`: the Riemann zeta function, or Hurwitz's. The derivative by ``x`` is refused."""
    return routine("zeta", "zeta", x, 1.0 if q is None else q)


# --- error functions and the normal distribution -------------------------------------------------

erf = plain("erf", "erf", "the error function")
erfc = one("erfc", "erfc", "1 - erf(x)")
erfcx = one("erfcx", "erfcx", "exp(x**2) * erfc(x)")
erfinv = one("erfinv", "erfinv", "inverse of erf")
erfcinv = one("erfcinv", "erfcinv", "inverse of erfc")
dawsn = one("dawsn", "dawsn", "Dawson's integral")
log_ndtr = one("log_ndtr", "log_ndtr", "logarithm of the normal distribution function")
ndtri = one("ndtri", "ndtri", "inverse of the normal distribution function")


@publish
def ndtr(x: Any) -> TracedArray:
    """As `scipy.special.ndtr`: the normal distribution function."""
    (x,) = real_operands("ndtr", x)
    complement = routine("ndtr", "erfc", emit("mul", x, full_like(x, -math.sqrt(0.5))))
    return emit("mul", complement, full_like(x, 0.5))


# --- logistic functions --------------------------------------------------------------------------

expit = plain("expit", "sigmoid", "1 / (1 + exp(-x))")
log_expit = plain("log_expit", "log_sigmoid", "log(expit(x))")


logit = one("logit", "logit", "log(x / (1 - x))")


@publish
def softmax(x: Any, axis: Any = None) -> TracedArray:
    """As `scipy.special.softmax`: exponentials, divided by their sum along ``axis``."""
    x, dtype = _exponents("softmax", x)
    powers = np.exp(_shifted(x, axis)[0])
    return cast(powers / np.sum(powers, axis=axis, keepdims=True), dtype)


@publish
def log_softmax(x: Any, axis: Any = None) -> TracedArray:
    """As `scipy.special.log_softmax`."""
    x, dtype = _exponents("log_softmax", x)
    shifted, _ = _shifted(x, axis)
    return cast(shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True)), dtype)


def _exponents(name: str, x: Any) -> tuple[TracedArray, np.dtype[Any]]:
    """Exponents in the type in which they are computed, and the type of the result: that of NumPy's `exp`."""
    given = as_traced(x)
    if given.dtype.kind == "b":
        raise DTypeError(f"mixad.scipy: {name} of bool, at {user_location(3)}; convert it with .astype(float)")
    return real_operands(name, given)[0], loop_dtypes(np.exp, (given,))[-1]


def _shifted(x: TracedArray, axis: Any) -> tuple[TracedArray, TracedArray]:
    """``x`` less its maximum, and that; the results do not depend on the shift, so it has no derivative."""
    largest = emit("stop_gradient", np.max(x, axis=axis, keepdims=True, initial=-math.inf))
    largest = select(emit("is_finite", largest), largest, full_like(largest, 0))
    return emit("sub", x, spread(largest, x.shape)), largest


@publish
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> TracedArray | tuple[TracedArray, TracedArray]:
    """As `scipy.special.logsumexp` of real numbers. The derivative of a sum of nothing but -inf is 0."""
    dtype = promote(*[as_traced(each) for each in (a, b) if each is not None])
    dtype = np.dtype(np.float64) if dtype.kind in "biu" else dtype
    a = cast(as_traced(a), np.float64) if as_traced(a).dtype.kind in "biu" else a
    if b is None:
        (a,) = real_operands("logsumexp", a)
        terms = None
    else:
        a, terms = real_operands("logsumexp", a, b)
        a = select(compare(terms, 0, "eq"), full_like(a, -math.inf), a)
    shifted, largest = _shifted(a, axis)
    powers = np.exp(shifted) if terms is None else terms * np.exp(shifted)
    total = np.sum(powers, axis=axis, keepdims=True)
    size = emit("abs", total) if return_sign else total
    nothing = compare(size, 0, "eq")
    logarithm = emit("log", select(nothing, full_like(size, 1), size))
    result = emit("add", select(nothing, full_like(size, -math.inf), logarithm), largest)
    if return_sign:
        return _squeezed(cast(result, dtype), axis, keepdims), _squeezed(emit("sign", total), axis, keepdims)
    return _squeezed(cast(result, dtype), axis, keepdims)


def _squeezed(x: TracedArray, axis: Any, keepdims: bool) -> TracedArray:
    return x if keepdims else squeeze(x, axis)


# --- entropies -----------------------------------------------------------------------------------

entr = one("entr", "entr", "-x * log(x); the derivative at 0 is infinite")


def _times_log(name: str, logarithm: str, pole: float, x: Any, y: Any) -> TracedArray:
    x, y = real_operands(name, x, y)
    outside = emit("logical_or", compare(y, pole, "le"), compare(y, math.inf, "eq"))
    zero = emit("logical_and", compare(x, 0, "eq"), outside)
    return emit("mul", x, emit(logarithm, select(zero, full_like(y, pole + 1), y)))


@publish
def xlogy(x: Any, y: Any) -> TracedArray:
    """As `scipy.special.xlogy`: ``x * log(y)``, and 0 where ``x`` is 0. Where the logarithm of ``y`` is not finite
    there, the derivatives are 0 too."""
    return _times_log("xlogy", "log", 0, x, y)


@publish
def xlog1py(x: Any, y: Any) -> TracedArray:
    """As `scipy.special.xlog1py`: ``x * log(1 + y)``, and 0 where ``x`` is 0; derivatives as of `xlogy`."""
    return _times_log("xlog1py", "log1p", -1, x, y)


@publish
def rel_entr(x: Any, y: Any) -> TracedArray:
    """As `scipy.special.rel_entr`: ``x * log(x / y)``, 0 at ``x = 0``, where the derivatives are 0 too, as of JAX."""
    x, y, positive, product = _relative("rel_entr", x, y)
    return select(positive, product, _beside(x, y, full_like(x, 0)))


@publish
def kl_div(x: Any, y: Any) -> TracedArray:
    """As `scipy.special.kl_div`: ``x * log(x / y) - x + y``, ``y`` at ``x = 0``; derivatives there as of `rel_entr`."""
    x, y, positive, product = _relative("kl_div", x, y)
    return select(positive, emit("add", emit("sub", product, x), y), _beside(x, y, y))


def _relative(name: str, x: Any, y: Any) -> tuple[TracedArray, TracedArray, TracedArray, TracedArray]:
    """The operands, where both are positive, and ``x * log(x / y)`` there."""
    x, y = real_operands(name, x, y)
    positive = emit("logical_and", compare(x, 0, "gt"), compare(y, 0, "gt"))
    one = full_like(x, 1)
    above, below = select(positive, x, one), select(positive, y, one)
    ratio = emit("div", above, below)
    tiny = float(np.finfo(x.dtype).tiny) if x.dtype.kind == "f" else 1e-37
    usable = emit("logical_and", compare(ratio, tiny, "gt"), emit("is_finite", ratio))
    near = emit("logical_and", compare(ratio, 0.5, "gt"), compare(ratio, 2, "lt"))
    far = select(usable, emit("log", select(usable, ratio, one)), emit("sub", emit("log", above), emit("log", below)))
    close = emit("log1p", select(near, emit("div", emit("sub", above, below), below), full_like(x, 0)))
    return x, y, positive, emit("mul", above, select(near, close, far))


def _beside(x: TracedArray, y: TracedArray, at_zero: TracedArray) -> TracedArray:
    """The value where not both operands are positive: at ``x = 0``, NaN of NaN, infinite elsewhere."""
    zero = emit("logical_and", compare(x, 0, "eq"), compare(y, 0, "ge"))
    nan = emit("logical_or", is_nan(x), is_nan(y))
    return select(zero, at_zero, select(nan, full_like(x, math.nan), full_like(x, math.inf)))


# --- Bessel functions ----------------------------------------------------------------------------

jv = ordered("jv", "bessel_j", "Bessel function of the first kind")
jn = ordered("jn", "bessel_j", "Bessel function of the first kind")
yv = ordered("yv", "bessel_y", "Bessel function of the second kind")
yn = ordered("yn", "bessel_y", "Bessel function of the second kind and whole order")
iv = ordered("iv", "bessel_i", "modified Bessel function of the first kind")
ive = ordered("ive", "bessel_ie", "exp(-abs(x)) * iv(v, x)")
kv = ordered("kv", "bessel_k", "modified Bessel function of the second kind")
kn = ordered("kn", "bessel_k", "modified Bessel function of the second kind and whole order")
kve = ordered("kve", "bessel_ke", "exp(x) * kv(v, x)")
j0 = of_order("j0", "bessel_j", 0, "Bessel function of the first kind of order 0")
j1 = of_order("j1", "bessel_j", 1, "Bessel function of the first kind of order 1")
y0 = of_order("y0", "bessel_y", 0, "Bessel function of the second kind of order 0")
y1 = of_order("y1", "bessel_y", 1, "Bessel function of the second kind of order 1")
i0 = of_order("i0", "bessel_i", 0, "modified Bessel function of the first kind of order 0")
i1 = of_order("i1", "bessel_i", 1, "modified Bessel function of the first kind of order 1")
i0e = of_order("i0e", "bessel_ie", 0, "exp(-abs(x)) * i0(x)")
i1e = of_order("i1e", "bessel_ie", 1, "exp(-abs(x)) * i1(x)")
k0 = of_order("k0", "bessel_k", 0, "modified Bessel function of the second kind of order 0")
k1 = of_order("k1", "bessel_k", 1, "modified Bessel function of the second kind of order 1")
k0e = of_order("k0e", "bessel_ke", 0, "exp(x) * k0(x)")
k1e = of_order("k1e", "bessel_ke", 1, "exp(x) * k1(x)")

# --- exponential integrals and elementary functions ----------------------------------------------

expi = one("expi", "expi", "the exponential integral Ei")


@publish
def exp1(x: Any) -> TracedArray:
    """As `scipy.special.exp1` of real numbers: NaN below 0."""
    value = routine("exp1", "expn", x, n=1)
    (x,) = real_operands("exp1", x)
    return select(compare(x, 0, "lt"), full_like(x, math.nan), value)


@publish
def expn(n: Any, x: Any) -> TracedArray:
    """As `scipy.special.expn`, for one whole number ``n``."""
    order = whole_number("expn", "n", n)
    _, x = real_operands("expn", order, x)
    module(scipy_special, "expn")
    return emit("expn", x, n=order)


def _of_numpy(name: str, ufunc: Any) -> Callable[..., Any]:
    def traced(x: Any) -> Any:
        return ufunc(real_operands(name, x)[0] if isinstance(ufunc, np.ufunc) else as_traced(x))

    return define(name, f", which is `numpy.{ufunc.__name__}`", traced)


expm1 = _of_numpy("expm1", np.expm1)
log1p = _of_numpy("log1p", np.log1p)
exp2 = _of_numpy("exp2", np.exp2)
cbrt = _of_numpy("cbrt", np.cbrt)
sinc = _of_numpy("sinc", np.sinc)


def __getattr__(name: str) -> Any:
    return others("special", scipy_special, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *TRACED})
