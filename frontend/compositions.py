"""Ufuncs that are several operations.

Each is written so that its derivatives, which come from those of the operations, are right to every
order: choices are made by `select` among formulas that are smooth where they are chosen, and scales and corrections of
rounding, on which the function does not depend, are cut from differentiation.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..ir import user_location
from ..ir.errors import ShapeError
from .array import TracedArray
from .lifting import broadcast_shape, loop_dtypes
from .operands import as_traced, cast, emit, full, full_like, select, spread, truth
from .ufuncs import COMPOSED, composes, elementwise


def loop(ufunc: np.ufunc, *args: Any) -> list[TracedArray]:
    """The operands in the types of NumPy's loop and of one shape."""
    dtypes = loop_dtypes(ufunc, args)
    arrays = [cast(as_traced(x), dtype) for x, dtype in zip(args, dtypes, strict=False)]
    shape = broadcast_shape(f"np.{ufunc.__name__}", [x.shape for x in arrays])
    return [spread(x, shape) for x in arrays]


def _fixed(x: TracedArray) -> TracedArray:
    return emit("stop_gradient", x)


def compare(x: TracedArray, y: Any, direction: str) -> TracedArray:
    """A comparison of arrays of one type, or with a number of the composition."""
    if not isinstance(y, TracedArray):
        y = full_like(x, y)
    return emit("compare", x, y, direction=direction)


def is_nan(x: TracedArray) -> TracedArray:
    """Where ``x`` is NaN."""
    return compare(x, x, "ne") if x.dtype.kind not in "biu" else full(False, x.shape, bool)


def safe_sqrt(x: TracedArray) -> TracedArray:
    """Square root whose derivative at 0 is 0."""
    at_zero = compare(x, 0, "eq")
    root = emit("sqrt", select(at_zero, full_like(x, 1), x))
    return select(at_zero, full_like(x, 0), root)


# --- signs, parts and tests ----------------------------------------------------------------------


@composes(np.positive)
def _positive(x: Any) -> TracedArray:
    (x,) = loop(np.positive, x)
    return TracedArray(x._trace, x._value)


@composes(np.fabs)
def _fabs(x: Any) -> TracedArray:
    return emit("abs", *loop(np.fabs, x))


@composes(np.conjugate)
def _conjugate(x: Any) -> TracedArray:
    (x,) = loop(np.conjugate, x)
    return emit("conj", x) if x.dtype.kind == "c" else TracedArray(x._trace, x._value)


def squared_magnitude(x: TracedArray) -> TracedArray:
    """``|x|**2``: of the parts of complex numbers, so that it has derivatives at 0."""
    if x.dtype.kind != "c":
        return emit("square", x)
    return emit("add", *[emit("square", emit(name, x)) for name in ("real", "imag")])


@composes(np.isfinite)
def _isfinite(x: Any) -> TracedArray:
    x = as_traced(x)
    loop_dtypes(np.isfinite, (x,))
    return full(True, x.shape, bool) if x.dtype.kind in "biu" else emit("is_finite", x)


@composes(np.isnan)
def _isnan(x: Any) -> TracedArray:
    return is_nan(as_traced(x))


@composes(np.isinf)
def _isinf(x: Any) -> TracedArray:
    x = as_traced(x)
    if x.dtype.kind in "biu":
        return full(False, x.shape, bool)
    if x.dtype.kind == "c":
        return emit("logical_or", *[_isinf(each) for each in (np.real(x), np.imag(x))])
    return compare(emit("abs", x), math.inf, "eq")


@composes(np.signbit)
def _signbit(x: Any) -> TracedArray:
    (x,) = loop(np.signbit, x)
    return emit("sign_bit", x)


@composes(np.spacing)
def _spacing(x: Any) -> TracedArray:
    """The step to the next number away from zero; of float16, where NumPy's is never negative, to the next above."""
    (x,) = loop(np.spacing, x)
    down = compare(x, -math.inf, "eq") if x.dtype == np.float16 else compare(x, 0, "lt")
    away = select(down, full_like(x, -math.inf), full_like(x, math.inf))
    return emit("sub", emit("next_after", x, away), x)


@composes(np.copysign)
def _copysign(x: Any, y: Any) -> TracedArray:
    x, y = loop(np.copysign, x, y)
    size = emit("abs", x)
    return select(_signbit(y), emit("neg", size), size)


@composes(np.heaviside)
def _heaviside(x: Any, at_zero: Any) -> TracedArray:
    x, at_zero = loop(np.heaviside, x, at_zero)
    step = select(compare(x, 0, "gt"), full_like(x, 1), full_like(x, 0))
    step = select(is_nan(x), x, step)
    return select(compare(x, 0, "eq"), at_zero, step)


@composes(np.modf)
def _modf(x: Any) -> tuple[TracedArray, TracedArray]:
    (x,) = loop(np.modf, x)
    whole = emit("trunc", x)
    rest = select(emit("is_finite", x), emit("sub", x, whole), select(is_nan(x), x, full_like(x, 0)))
    return rest, whole


@composes(np.ldexp)
def _ldexp(x: Any, exponent: Any) -> TracedArray:
    """In two steps, so that the power of two neither overflows nor vanishes before the result does."""
    dtypes = loop_dtypes(np.ldexp, (x, exponent))
    shape = broadcast_shape("np.ldexp", [as_traced(each).shape for each in (x, exponent)])
    x, number = spread(cast(as_traced(x), dtypes[0]), shape), spread(cast(as_traced(exponent), dtypes[1]), shape)
    half = emit("floor_divide", number, full_like(number, 2))
    first, second = (_power_of_two(power, x.dtype) for power in (half, emit("sub", number, half)))
    return emit("mul", emit("mul", x, first), second)


def _power_of_two(exponent: TracedArray, dtype: np.dtype[Any]) -> TracedArray:
    exponent = cast(exponent, dtype)
    return _fixed(emit("pow", full_like(exponent, 2), exponent))


@composes(np.frexp)
def _frexp(x: Any) -> tuple[TracedArray, TracedArray]:
    (x,) = loop(np.frexp, x)
    usable = emit("logical_and", emit("is_finite", x), compare(x, 0, "ne"))
    size = _fixed(select(usable, emit("abs", x), full_like(x, 1)))
    exponent = emit("floor", emit("mul", emit("log", size), full_like(x, 1 / math.log(2))))
    # The logarithm is rounded: a mantissa outside of [1, 2) says by how much.
    mantissa = emit("div", size, _power_of_two(exponent, x.dtype))
    exponent = emit("add", exponent, cast(compare(mantissa, 2, "ge"), x.dtype))
    exponent = emit("sub", exponent, cast(compare(mantissa, 1, "lt"), x.dtype))
    exponent = emit("add", exponent, full_like(x, 1))
    scaled = _ldexp(x, cast(emit("neg", exponent), np.int32))
    whole = select(usable, exponent, full_like(x, 0))
    return select(usable, scaled, x), cast(whole, np.int32)


# --- logic ---------------------------------------------------------------------------------------


def _logical(ufunc: np.ufunc, name: str) -> None:
    @composes(ufunc)
    def logical(x: Any, y: Any) -> TracedArray:
        x, y = truth(as_traced(x)), truth(as_traced(y))
        shape = broadcast_shape(f"np.{ufunc.__name__}", [x.shape, y.shape])
        return emit(name, spread(x, shape), spread(y, shape))


_logical(np.logical_and, "logical_and")
_logical(np.logical_or, "logical_or")
_logical(np.logical_xor, "logical_xor")


@composes(np.logical_not)
def _logical_not(x: Any) -> TracedArray:
    return emit("logical_not", truth(as_traced(x)))


@composes(np.invert)
def _invert(x: Any) -> TracedArray:
    (x,) = loop(np.invert, x)
    if x.dtype.kind == "b":
        return emit("logical_not", x)
    return emit("logical_xor", x, full_like(x, -1 if x.dtype.kind == "i" else np.iinfo(x.dtype).max))


@composes(np.left_shift)
def _left_shift(x: Any, y: Any) -> TracedArray:
    x, y = loop(np.left_shift, x, y)
    bits = 8 * x.dtype.itemsize
    shifted = emit("mul", x, _integer_power(full_like(x, 2), emit("minimum", y, full_like(y, bits - 1))))
    return select(compare(y, bits, "lt"), shifted, full_like(x, 0))


@composes(np.right_shift)
def _right_shift(x: Any, y: Any) -> TracedArray:
    result, y = loop(np.right_shift, x, y)
    # In steps that no power of two overflows, which round down as one does.
    count = emit("minimum", y, full_like(y, 8 * result.dtype.itemsize))
    half = emit("floor_divide", count, full_like(count, 2))
    for part in (half, half, emit("remainder", count, full_like(count, 2))):
        steps = emit("minimum", part, full_like(part, 8 * result.dtype.itemsize // 2))
        result = emit("floor_divide", result, _integer_power(full_like(result, 2), steps))
    return result


# --- powers, exponentials and logarithms ---------------------------------------------------------


def _integer_power(x: TracedArray, y: TracedArray) -> TracedArray:
    """Exact powers of integers, modulo their type's range: by repeated squaring over the bits of ``y``."""
    result, one, two = full_like(x, 1), full_like(x, 1), full_like(y, 2)
    for bit in range(8 * y.dtype.itemsize - (y.dtype.kind == "i")):
        odd = compare(emit("remainder", y, two), 0, "ne")
        result = emit("mul", result, select(odd, x, one))
        if bit < 8 * y.dtype.itemsize - 1:
            x, y = emit("mul", x, x), emit("floor_divide", y, two)
    return result


def _known_power(x: TracedArray, exponent: int) -> TracedArray:
    """Exact powers of integers by a known exponent."""
    result: TracedArray | None = None
    while exponent:
        if exponent & 1:
            result = x if result is None else emit("mul", result, x)
        exponent >>= 1
        if exponent:
            x = emit("mul", x, x)
    return full_like(x, 1) if result is None else result


def _power(x: Any, y: Any) -> TracedArray:
    dtypes = loop_dtypes(np.power, (x, y))
    if dtypes[0].kind not in "iu":
        return elementwise(np.power, (x, y), dtypes)
    base, exponent = loop(np.power, x, y)
    if type(y) is int or isinstance(y, np.integer):
        number = operator.index(y)
        if number < 0:
            raise ShapeError(f"an integer to the negative power {number}, at {user_location(2)}; use floating point")
        return _known_power(base, number)
    if exponent.dtype.kind == "i" and bool(np.any(compare(exponent, 0, "lt"))):
        raise ShapeError(f"integers to negative powers, at {user_location(2)}; use floating point")
    return _integer_power(base, exponent)


@composes(np.float_power)
def _float_power(x: Any, y: Any) -> TracedArray:
    return emit("pow", *loop(np.float_power, x, y))


@composes(np.exp2)
def _exp2(x: Any) -> TracedArray:
    (x,) = loop(np.exp2, x)
    return emit("pow", full_like(x, 2), x)


def _logarithm(ufunc: np.ufunc, base: float) -> None:
    @composes(ufunc)
    def logarithm(x: Any) -> TracedArray:
        (x,) = loop(ufunc, x)
        result = emit("mul", emit("log", x), full_like(x, 1 / math.log(base)))
        if x.dtype.kind == "c":
            return result
        # Whole logarithms are exact, as NumPy's are.
        finite = select(emit("is_finite", result), result, full_like(x, 0))
        whole = emit("round", finite)
        exact = compare(emit("pow", full_like(x, base), whole), x, "eq")
        return emit("add", result, _fixed(select(exact, emit("sub", whole, finite), full_like(x, 0))))


_logarithm(np.log2, 2)
_logarithm(np.log10, 10)


@composes(np.cbrt)
def _cbrt(x: Any) -> TracedArray:
    (x,) = loop(np.cbrt, x)
    # At 0 as a power, whose derivative is infinite there, as that of the square root is.
    zero, third, one = compare(x, 0, "eq"), full_like(x, 1 / 3), full_like(x, 1)
    other = select(zero, one, x)
    root = emit("mul", emit("sign", other), emit("pow", emit("abs", other), third))
    root = select(zero, emit("pow", select(zero, x, one), third), root)
    # One step of Newton's method takes away the rounding of 1/3.
    regular = emit("logical_and", compare(x, 0, "ne"), emit("is_finite", x))
    divisor = select(regular, root, one)
    step = emit("sub", emit("div", emit("div", x, divisor), divisor), divisor)
    step = emit("mul", step, third)
    return emit("add", root, _fixed(select(regular, step, full_like(x, 0))))


def _log_of_sum(ufunc: np.ufunc, base: float) -> None:
    @composes(ufunc)
    def log_of_sum(x: Any, y: Any) -> TracedArray:
        x, y = loop(ufunc, x, y)
        # For each choice of the larger one the formula is smooth across the tie.
        larger = compare(x, y, "ge")
        high, low = select(larger, x, y), select(larger, y, x)
        gap = select(emit("is_finite", high), emit("sub", low, high), full_like(x, 0))
        if base == math.e:
            result = emit("add", high, emit("log1p", emit("exp", gap)))
        else:
            rest = emit("log1p", emit("pow", full_like(x, base), gap))
            result = emit("add", high, emit("mul", rest, full_like(x, 1 / math.log(base))))
        nan = emit("logical_or", is_nan(x), is_nan(y))
        return select(nan, emit("add", x, y), result)


_log_of_sum(np.logaddexp, math.e)
_log_of_sum(np.logaddexp2, 2)


@composes(np.hypot)
def _hypot(x: Any, y: Any) -> TracedArray:
    x, y = loop(np.hypot, x, y)
    size = emit("maximum", emit("abs", x), emit("abs", y))
    usable = emit("logical_and", emit("is_finite", size), compare(size, 0, "gt"))
    scale = _fixed(select(usable, size, full_like(x, 1)))
    squares = emit("add", emit("square", emit("div", x, scale)), emit("square", emit("div", y, scale)))
    result = emit("mul", scale, safe_sqrt(squares))
    infinite = emit("logical_or", _isinf(x), _isinf(y))
    return select(infinite, full_like(x, math.inf), result)


def _scaled(ufuncs: tuple[np.ufunc, ...], factor: float) -> None:
    for ufunc in ufuncs:

        @composes(ufunc)
        def scaled(x: Any, ufunc: np.ufunc = ufunc) -> TracedArray:
            (x,) = loop(ufunc, x)
            return emit("mul", x, full_like(x, factor))


_scaled((np.deg2rad, np.radians), math.pi / 180)
_scaled((np.rad2deg, np.degrees), 180 / math.pi)


# --- quotients and extrema -----------------------------------------------------------------------


@composes(np.fmod)
def _fmod(x: Any, y: Any) -> TracedArray:
    x, y = loop(np.fmod, x, y)
    signed = x.dtype.kind != "u"
    size = emit("abs", y) if signed else y
    rest = emit("remainder", x, size)
    if not signed:
        return rest
    return select(compare(x, 0, "lt"), emit("neg", emit("remainder", emit("neg", x), size)), rest)


@composes(np.divmod)
def _divmod(x: Any, y: Any) -> tuple[TracedArray, TracedArray]:
    return elementwise(np.floor_divide, (x, y)), elementwise(np.remainder, (x, y))


def _extremum(ufunc: np.ufunc, name: str, strict: np.ufunc) -> None:
    @composes(ufunc)
    def extremum(x: Any, y: Any) -> TracedArray:
        x, y = loop(ufunc, x, y)
        if x.dtype.kind in "biu":
            return elementwise(strict, (x, y))
        return select(is_nan(x), y, select(is_nan(y), x, emit(name, x, y)))


_extremum(np.fmax, "maximum", np.maximum)
_extremum(np.fmin, "minimum", np.minimum)


def _reciprocal(x: Any) -> TracedArray:
    dtypes = loop_dtypes(np.reciprocal, (x,))
    if dtypes[0].kind not in "iu":
        return elementwise(np.reciprocal, (x,), dtypes)
    (x,) = loop(np.reciprocal, x)
    size = emit("abs", x) if x.dtype.kind == "i" else x
    return select(compare(size, 1, "eq"), x, full_like(x, 0))


def _sign(x: Any) -> TracedArray:
    dtypes = loop_dtypes(np.sign, (x,))
    if dtypes[0].kind != "c":
        return elementwise(np.sign, (x,), dtypes)
    (x,) = loop(np.sign, x)
    size = emit("abs", x)
    at_zero = compare(size, 0, "eq")
    direction = emit("div", x, cast(select(at_zero, full_like(size, 1), size), x.dtype))
    return select(at_zero, full_like(x, 0), direction)


COMPOSED[np.sign] = _sign
COMPOSED[np.power] = _power
COMPOSED[np.reciprocal] = _reciprocal
