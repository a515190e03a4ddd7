"""LU factors with row exchanges of stacks of matrices, which SciPy computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.types import TensorType
from . import matrices as m
from .definition import Array, Op, operation, sample, zeros
from .special_linalg import scipy_linalg

_TALL = np.array([[0.4, 1.0], [1.2, -0.3], [-0.7, 0.6]])
_SQUARE = np.array([[[0.3, 2.0], [1.6, 0.3]], [[1.6, 0.4], [0.4, 1.1]]])


@operation("linalg.lu")
class LU(Op):
    """``p``, ``l`` and ``u`` with ``p @ l @ u = a``, where the permutation ``p`` brings the largest element of each
    column to its place, ``l`` is lower trapezoidal with ones on its diagonal and ``u`` upper trapezoidal; three
    results.

    (C1) ``a`` is a stack of matrices, (C2) of LAPACK's element types. For a fixed ``p`` and square ``a`` with
    ``f = l^-1 p^T da u^-1``, ``du`` is the upper triangle of ``f`` times ``u``, and ``dl`` is ``l`` times what is below
    (de Hoog, Anderssen and Lukas, "Differentiation of matrix functionals using triangular factorization", Math. Comp.
    80, 2011); the other rows or columns follow. The leading square of ``u`` may not be singular: a LinAlgError.
    """

    samples = (sample(_TALL), sample(_TALL.T), sample(_SQUARE), sample((0, 2, 2)))

    @staticmethod
    def infer(a: TensorType) -> tuple[TensorType, TensorType, TensorType]:
        m.check_matrices(a)
        *stack, rows, columns = a.shape
        count = min(rows, columns)
        return tuple(a.with_shape((*stack, *sizes)) for sizes in ((rows, rows), (rows, count), (count, columns)))  # type: ignore[return-value]

    @staticmethod
    def evaluate(a: Array) -> Any:
        found = tuple(np.empty(each.shape, a.dtype) for each in LU.infer(TensorType(a.shape, a.dtype)))
        for index in np.ndindex(a.shape[:-2]):
            for result, each in zip(found, scipy_linalg().lu(a[index], check_finite=False), strict=True):
                result[index] = each
        return found

    @staticmethod
    def jvp_a(b: Builder, da: Value, a: Value, *, out: tuple[Value, Value, Value]) -> tuple[Value, Value, Value]:
        p, lower, upper = out
        rows, columns = a.type.shape[-2:]
        moved = m.product(b, m.transposed(b, p), da)
        left, right, square = (_leading(b, each, min(rows, columns)) for each in (lower, upper, moved))
        inner = _times_inverse(b, b.solve(left, square), right)
        below = m.below(b, inner, strictly=True)
        if rows >= columns:
            du = m.product(b, b.sub(inner, below), upper)
            dl = _times_inverse(b, b.sub(moved, m.product(b, lower, du)), right)
        else:
            dl = m.product(b, lower, below)
            du = b.solve(left, b.sub(moved, m.product(b, dl, upper)))
        return zeros(b, p.type), dl, du


def _leading(b: Builder, x: Value, count: int) -> Value:
    """The first ``count`` rows and columns."""
    sizes = (*x.type.shape[:-2], count, count)
    found: Value = b.slice(x, starts=(0,) * x.type.rank, sizes=sizes, steps=(1,) * x.type.rank)
    return found


def _times_inverse(b: Builder, x: Value, u: Value) -> Value:
    """``x @ u^-1``."""
    return m.transposed(b, b.solve(m.transposed(b, u), m.transposed(b, x)))
