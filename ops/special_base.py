"""What the special functions have in common: SciPy's routines behind operations, and pieces of their derivatives.

SciPy is optional and imported when a routine is first run. Numbers are computed in float64 and rounded to the operand's
type: several of SciPy's own float32 loops do the same, and 16-bit types have none.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import UnsupportedOperationError
from ..ir.graph import Value
from ..ir.types import FLOATING, TensorType
from .arithmetic import Binary, check_same
from .definition import Array, Op, Sample, full, sample, zeros
from .elementwise import Unary, check_dtype


@functools.cache
def scipy_special() -> Any:
    """`scipy.special`; `UnsupportedOperationError` where SciPy is not installed."""
    try:
        return importlib.import_module("scipy.special")
    except ImportError:
        raise UnsupportedOperationError(
            "special functions are computed by SciPy, which is not installed: pip install mixad[scipy]"
        ) from None


def call(name: str, *operands: Any) -> Array:
    """SciPy's function ``name`` in float64, rounded to the element type of the last operand."""
    dtype = np.asarray(operands[-1]).dtype
    wide = [np.asarray(each).astype(np.float64) if np.asarray(each).dtype.kind in "fV" else each for each in operands]
    with np.errstate(all="ignore"):
        return np.asarray(getattr(scipy_special(), name)(*wide)).astype(dtype)


def unary(name: str) -> Any:
    """The meaning of a function of one operand, which SciPy calls ``name``."""

    def evaluate(x: Array) -> Any:
        return call(name, x)

    return staticmethod(evaluate)


def binary(name: str) -> Any:
    """The meaning of a function of two operands, which SciPy calls ``name``."""

    def evaluate(x: Array, y: Array) -> Any:
        return call(name, x, y)

    return staticmethod(evaluate)


class Special(Unary):
    """An element-wise function of one real operand."""

    dtypes = FLOATING


class SpecialPair(Binary):
    """An element-wise function of two real operands of one type."""

    dtypes = FLOATING


class Ordered(Op):
    """An element-wise function of ``x`` and of its ``order``, a real number that is held fixed.

    The constraints: (C1) one shape, (C2) one element type, (C3) floating point. No closed form of the derivative with
    respect to the order exists in these functions, so that one is refused.
    """

    elementwise = True
    no_derivative_in = ("order",)
    domain: ClassVar[Any] = ((0.0, 3.0), (0.5, 3.0))
    samples: ClassVar[tuple[Sample, ...]] = (sample((), ()), sample((2, 3), (2, 3)), sample((0, 2), (0, 2)))

    @staticmethod
    def infer(order: TensorType, x: TensorType) -> TensorType:
        check_same(order, x)
        check_dtype("C3", x, FLOATING)
        return x


def ordered(name: str) -> Any:
    """The meaning of a function of an order and a number, which SciPy calls ``name``."""

    def evaluate(order: Array, x: Array) -> Any:
        return call(name, order, x)

    return staticmethod(evaluate)


Neighbour = Callable[[Value, Value], Value]


def shifted(b: Builder, order: Value, step: float) -> Value:
    """The order, ``step`` higher."""
    return b.add(order, full(b, order.type, step))


def neighbours(b: Builder, function: Neighbour, order: Value, x: Value, *, minus: bool = False) -> Value:
    """Half the sum of a function at the orders below and above, or half their difference."""
    below, above = function(shifted(b, order, -1), x), function(shifted(b, order, 1), x)
    return scaled(b, (b.sub if minus else b.add)(below, above), 0.5)


def scaled(b: Builder, x: Value, factor: float) -> Value:
    """``x`` times a number."""
    return b.mul(x, full(b, x.type, factor))


def power_log(b: Builder, x: Value, y: Value) -> Value:
    """``x * log(y)``, and 0 with derivatives 0 where both are 0."""
    zero = zeros(b, x.type)
    both = b.logical_and(b.compare(x, zero, direction="eq"), b.compare(y, zero, direction="eq"))
    return b.mul(x, b.log(b.select(both, full(b, y.type, 1), y)))
