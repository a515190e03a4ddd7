"""Element-wise operations as Triton expressions: one row an operation.

A row takes the operation, the names of its operands and the name of the element type that they are computed in, and
gives an expression. Each name holds an operand already converted: 16-bit floating point numbers to float32, bool to
Triton's int1.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from ...ir.graph import Operation
from ...ir.types import DTYPE_NAMES, FLOATING, INTEGER, bfloat16

Row = Callable[[Operation, Sequence[str], str], str]

#: The element types of kernels, with Triton's names. There are no complex numbers.
TRITON_NAMES: Final[dict[np.dtype[Any], str]] = {
    np.dtype(np.bool_): "int1",
    **{dtype: dtype.name for dtype in INTEGER},
    np.dtype(np.float16): "float16",
    bfloat16: "bfloat16",
    np.dtype(np.float32): "float32",
    np.dtype(np.float64): "float64",
}


def stored(dtype: np.dtype[Any]) -> str:
    """The name of the element type in memory, where bool takes a byte."""
    return "int8" if dtype.kind == "b" else TRITON_NAMES[dtype]


def computed(dtype: np.dtype[Any]) -> str:
    """The name of the element type that numbers of ``dtype`` are computed in."""
    return "float32" if dtype in FLOATING and dtype.itemsize == 2 else TRITON_NAMES[dtype]


def rounded(text: str, dtype: np.dtype[Any]) -> str:
    """An expression with 16-bit precision, where ``dtype`` has no more: what is stored, compared and used again must
    be the same number."""
    if computed(dtype) == TRITON_NAMES[dtype]:
        return text
    return f"({text}).to(tl.{TRITON_NAMES[dtype]}).to(tl.float32)"


def literal(number: Any, dtype: np.dtype[Any]) -> str:
    """A number as a scalar of the type that it is computed in. A bare float literal would be a float32."""
    name = computed(dtype)
    if dtype.kind == "b":
        return f"tl.full([], {int(number)}, tl.int1)"
    if dtype.kind in "iu":
        return f"tl.full([], {int(number)}, tl.{name})"
    value = float(number)
    if value == 0 and math.copysign(1, value) < 0:  # which Triton takes for 0
        return f"(tl.full([], 0.0, tl.{name}) * -1.0)"
    text = repr(value) if math.isfinite(value) else f'float("{value}")'
    return f"tl.full([], {text}, tl.{name})"


def _template(text: str) -> Row:
    return lambda op, names, kind: text.format(*names, one=f"tl.full([], 1.0, tl.{kind})")


def _library(name: str) -> Row:
    """A function of CUDA's device library, for float32 and float64."""
    return lambda op, names, kind: f"libdevice.{name}({', '.join(names)})"


def _by_kind(floating: str, signed: str, unsigned: str | None = None) -> Row:
    def row(op: Operation, names: Sequence[str], kind: str) -> str:
        if kind.startswith("float"):
            return floating.format(*names)
        return (signed if unsigned is None or not kind.startswith("u") else unsigned).format(*names)

    return row


_SYMBOLS: Final = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def _compare(op: Operation, names: Sequence[str], kind: str) -> str:
    if kind == "int1":  # truth values are compared as numbers
        names = [f"{name}.to(tl.int8)" for name in names]
    return f"{names[0]} {_SYMBOLS[op.attributes['direction']]} {names[1]}"


def convert(name: str, before: np.dtype[Any], after: np.dtype[Any]) -> str:
    """An operand of one element type in another."""
    if before == after:
        return name
    if after.kind == "b":
        return f"{name} != 0"
    if computed(before) == computed(after):
        return rounded(name, after) if after.itemsize <= before.itemsize else name
    if (before.name, after.name) == ("float64", "float16"):  # one rounding, as NumPy; bfloat16 has two there
        return f"{name}.to(tl.float16).to(tl.float32)"
    return rounded(f"{name}.to(tl.{computed(after)})", after)


def _convert(op: Operation, names: Sequence[str], kind: str) -> str:
    return convert(names[0], op.operands[0].type.dtype, op.result.type.dtype)


def _sign_bit(op: Operation, names: Sequence[str], kind: str) -> str:
    return f"{names[0]}.to(tl.int{kind.removeprefix('float')}, bitcast=True) < 0"


def _next_after(op: Operation, names: Sequence[str], kind: str) -> str:
    dtype = op.result.type.dtype
    stored_as = TRITON_NAMES[dtype]
    x, y = [f"{name}.to(tl.{stored_as})" if stored_as != kind else name for name in names]
    return f"next_after({x}, {y}, tl.int{8 * dtype.itemsize}).to(tl.{kind})"


def _cotangent_polynomial(n: int) -> list[int]:
    """The n-th derivative of the cotangent as a polynomial in the cotangent, lowest power first."""
    found = [0, 1]
    for _ in range(n):
        slope = [power * factor for power, factor in enumerate(found)][1:]
        found = [0] * (len(slope) + 2)
        for power, factor in enumerate(slope):
            found[power] -= factor
            found[power + 2] -= factor
    return found


def _polygamma(op: Operation, names: Sequence[str], kind: str) -> str:
    """DLMF 5.15.1 for positive numbers, reflected by 5.15.6 for others."""
    n = op.attributes["n"]
    (x,) = names
    if n == 0:
        return f"digamma({x})"
    size, sign = math.gamma(n + 1), (-1) ** (n + 1)
    order = f"tl.full([], {float(n + 1)}, tl.{kind})"
    right = f"hurwitz_zeta({order}, tl.where({x} > 0.0, {x}, 1.0 - {x})) * {sign * size!r}"
    cot = f"divide(tl.full([], 1.0, tl.{kind}), libdevice.tan({math.pi!r} * ({x} - libdevice.nearbyint({x}))))"
    text = "0.0"
    for factor in reversed(_cotangent_polynomial(n)):
        text = f"({text} * {cot} + {float(factor)!r})"
    # psi_n(x) = (-1)**n * psi_n(1 - x) - pi * (d/dx)**n cot(pi * x)
    left = f"{float((-1) ** n)!r} * ({right}) - {math.pi ** (n + 1)!r} * {text}"
    found = f"tl.where({x} > 0.0, {right}, {left})"
    pole = f"({x} <= 0.0) & (libdevice.floor({x}) == {x})"
    return f'tl.where({x} == float("inf"), 0.0, tl.where({pole}, {sign} * float("inf"), {found}))'


def _special(name: str, *options: str) -> Row:
    """A special function, computed in float64 as SciPy's are; its operands take the shape of all."""

    def row(op: Operation, names: Sequence[str], kind: str) -> str:
        wide = [f"{each}.to(tl.float64)" for each in names]
        operands = [
            functools.reduce(lambda x, y: f"spread({x}, {y})", wide[i + 1 :] + wide[:i], x) for i, x in enumerate(wide)
        ]
        text = f"{name}({', '.join([*operands, *options])})"
        return text if kind == "float64" else f"{text}.to(tl.{kind})"

    return row


def _expn(op: Operation, names: Sequence[str], kind: str) -> str:
    n = op.attributes["n"]
    if n == 0:
        return f"divide(libdevice.exp(-{names[0]}), {names[0]})"
    digamma = math.fsum(1 / k for k in range(1, n)) - 0.5772156649015329 if n <= 20 else 0.0  # later terms are nothing
    return _special("expn", str(n), repr(digamma))(op, names, kind)


#: The most divisions that Euclid's algorithm takes, by the bits of the numbers: for neighbours of Fibonacci's sequence.
_DIVISIONS: Final = {8: 14, 16: 25, 32: 48, 64: 94}


def _gcd(op: Operation, names: Sequence[str], kind: str) -> str:
    return f"greatest_common_divisor({names[0]}, {names[1]}, {_DIVISIONS[8 * op.result.type.dtype.itemsize]})"


#: Functions of hundreds of lines, with loops.
_LONG_ROWS: Final[dict[str, Row]] = {
    "tensor.beta": _special("beta_of", "False"),
    "tensor.lbeta": _special("beta_of", "True"),
    "tensor.poch": _special("poch"),
    "tensor.zeta": _special("zeta"),
    "tensor.gammainc": _special("gamma_incomplete", "False"),
    "tensor.gammaincc": _special("gamma_incomplete", "True"),
    "tensor.betainc": _special("beta_incomplete", "False"),
    "tensor.betaincc": _special("beta_incomplete", "True"),
    "tensor.expi": _special("expi"),
    "tensor.expn": _expn,
    "tensor.dawsn": _special("dawsn"),
    "tensor.sine_integral": _special("sine_integral"),
    "tensor.cosine_integral": _special("cosine_integral"),
    "tensor.fresnel_sine": _special("fresnel_sine"),
    "tensor.fresnel_cosine": _special("fresnel_cosine"),
    "tensor.spence": _special("spence"),
    "tensor.ellipk": _special("ellipk"),
    "tensor.ellipe": _special("ellipe"),
    "tensor.bessel_j": _special("bessel_j"),
    "tensor.bessel_y": _special("bessel_y"),
    "tensor.bessel_i": _special("bessel_i", "False"),
    "tensor.bessel_ie": _special("bessel_i", "True"),
    "tensor.bessel_k": _special("bessel_k", "False"),
    "tensor.bessel_ke": _special("bessel_k", "True"),
    "tensor.hyp0f1": _special("hyp0f1"),
    "tensor.hyp1f1": _special("hyp1f1"),
    "tensor.hyp2f1": _special("hyp2f1"),
}
LONG: Final = frozenset(_LONG_ROWS)

EXPRESSIONS: Final[dict[str, Row]] = {
    "tensor.neg": _by_kind("{0} * -1.0", "-{0}"),  # Triton's own is 0 - x, which loses the sign of zero
    "tensor.sign": _by_kind(
        "tl.where({0} > 0.0, 1.0, tl.where({0} < 0.0, -1.0, tl.where({0} == 0.0, 0.0, {0})))",
        "tl.where({0} > 0, 1, tl.where({0} < 0, -1, {0}))",
        "tl.where({0} > 0, 1, {0})",
    ),
    "tensor.abs": _by_kind("tl.abs({0})", "tl.abs({0})", "{0}"),
    "tensor.square": _template("{0} * {0}"),
    "tensor.reciprocal": _template("divide({one}, {0})"),
    "tensor.sqrt": _template("square_root({0})"),
    "tensor.rsqrt": _template("divide({one}, square_root({0}))"),
    "tensor.exp": _library("exp"),
    "tensor.expm1": _library("expm1"),
    "tensor.log": _library("log"),
    "tensor.log1p": _library("log1p"),
    "tensor.sigmoid": _template("sigmoid({0})"),
    "tensor.erf": _library("erf"),
    "tensor.floor": _library("floor"),
    "tensor.ceil": _library("ceil"),
    "tensor.round": _library("nearbyint"),
    "tensor.trunc": _library("trunc"),
    "tensor.is_finite": _template('tl.abs({0}) < float("inf")'),
    "tensor.sign_bit": _sign_bit,
    "tensor.next_after": _next_after,
    "tensor.sin": _library("sin"),
    "tensor.cos": _library("cos"),
    "tensor.tan": _library("tan"),
    "tensor.asin": _library("asin"),
    "tensor.acos": _library("acos"),
    "tensor.atan": _library("atan"),
    "tensor.sinh": _library("sinh"),
    "tensor.cosh": _library("cosh"),
    "tensor.tanh": _library("tanh"),
    "tensor.asinh": _library("asinh"),
    "tensor.acosh": _library("acosh"),
    "tensor.atanh": _library("atanh"),
    "tensor.add": _template("{0} + {1}"),
    "tensor.sub": _template("{0} - {1}"),
    "tensor.mul": _template("{0} * {1}"),
    "tensor.div": _template("divide({0}, {1})"),
    "tensor.pow": _library("pow"),
    "tensor.atan2": _library("atan2"),
    "tensor.maximum": _by_kind("tl.maximum({0}, {1}, propagate_nan=tl.PropagateNan.ALL)", "tl.maximum({0}, {1})"),
    "tensor.minimum": _by_kind("tl.minimum({0}, {1}, propagate_nan=tl.PropagateNan.ALL)", "tl.minimum({0}, {1})"),
    "tensor.remainder": _by_kind(
        "float_remainder({0}, {1})", "integer_remainder({0}, {1})", "unsigned_remainder({0}, {1})"
    ),
    "tensor.floor_divide": _by_kind(
        "float_floor_divide({0}, {1})", "integer_floor_divide({0}, {1})", "unsigned_floor_divide({0}, {1})"
    ),
    "tensor.gcd": _gcd,
    "tensor.logical_not": _template("{0} == 0"),
    "tensor.logical_and": _template("{0} & {1}"),
    "tensor.logical_or": _template("{0} | {1}"),
    "tensor.logical_xor": _template("{0} ^ {1}"),
    "tensor.compare": _compare,
    "tensor.select": _template("tl.where({0}, {1}, {2})"),
    "tensor.convert": _convert,
    "ad.mul_no_nan": _by_kind("tl.where({0} == 0.0, 0.0, {0} * {1})", "tl.where({0} == 0, 0, {0} * {1})"),
    "tensor.erfc": _library("erfc"),
    "tensor.erfcx": _library("erfcx"),
    "tensor.erfinv": _library("erfinv"),
    "tensor.erfcinv": _library("erfcinv"),
    "tensor.ndtri": _library("normcdfinv"),
    "tensor.log_ndtr": _template("log_ndtr({0})"),
    "tensor.log_sigmoid": _template("log_sigmoid({0})"),
    "tensor.logit": _template("libdevice.log(divide({0}, 1.0 - {0}))"),
    "tensor.entr": _template("entropy({0})"),
    "tensor.lgamma": _library("lgamma"),
    "tensor.gamma": _library("tgamma"),
    "tensor.polygamma": _polygamma,
    **_LONG_ROWS,
}


def taken(dtype: np.dtype[Any]) -> bool:
    """Whether kernels have numbers of this element type."""
    return dtype in TRITON_NAMES and dtype in DTYPE_NAMES
