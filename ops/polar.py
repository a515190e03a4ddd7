"""Polar factors and the nuclear norm, whose derivatives no repeated singular value disturbs, at any order.

They could be written by singular vectors, which have no derivative where values repeat; a second derivative of what
is written so is wrong there. The derivative of the polar factor is the solution of a Lyapunov equation instead, in
which sums of singular values are divided by, and no difference (Kenney and Laub, "Polar decomposition and matrix sign
function condition estimates", SIAM J. Sci. Stat. Comput. 12, 1991, section 2; Higham, Functions of Matrices, 2008,
section 8.2).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import ShapeConstraint
from ..ir.graph import Value
from ..ir.types import TensorType
from . import matrices as m
from .complex import conjugate, real_dtype, real_part
from .definition import Array, Op, operation, sample
from .shape import check_same_dtype

_STACK = np.array([[[2.0, 0.3], [0.3, 1.6]], [[1.6, 0.4], [0.4, 1.1]]])
_TALL = np.array([[1.0, 0.4], [-0.3, 1.2], [0.6, -0.7]])


@operation("linalg.lyapunov")
class Lyapunov(Op):
    """The ``x`` with ``h @ x + x @ h = y`` for positive definite ``h``, which is made Hermitian first.

    (C1) ``h`` is a stack of matrices, (C2) of LAPACK's element types, (C3) square; (C4) ``y`` has the shape of ``h``,
    (C5) and its element type. Where two eigenvalues of ``h`` add up to nothing, to within rounding, ``x`` is 0 in their
    directions.
    """

    linear_in = (("y",),)
    samples = (sample(_STACK, (2, 2, 2)), sample(_STACK[:0], (0, 2, 2)))

    @staticmethod
    def infer(h: TensorType, y: TensorType) -> TensorType:
        m.check_square(h)
        if y.shape != h.shape:
            raise ShapeConstraint("C4", f"operand 0 has shape {h.shape} and operand 1 has shape {y.shape}")
        check_same_dtype("C5", h, y)
        return y

    @staticmethod
    def evaluate(h: Array, y: Array) -> Any:
        turned = np.conj(np.swapaxes(h, -1, -2))
        w, v = np.linalg.eigh((h + turned) * np.asarray(0.5, h.dtype))
        sums = w[..., :, None] + w[..., None, :]
        small = w.shape[-1] * np.finfo(w.dtype).eps * np.max(np.abs(w), axis=-1, initial=0)[..., None, None]
        alone = np.abs(sums) <= small
        vh = np.conj(np.swapaxes(v, -1, -2))
        inner = np.where(alone, 0, vh @ y @ v / np.where(alone, 1, sums))
        return (v @ inner @ vh).astype(y.dtype)

    @staticmethod
    def jvp_h(b: Builder, dh: Value, h: Value, y: Value, *, out: Value) -> Value:
        change = m.hermitian(b, dh)
        return b.neg(b.lyapunov(h, b.add(m.product(b, change, out), m.product(b, out, change))))

    @staticmethod
    def transpose_y(b: Builder, ct: Value, h: Value, y: Value) -> Value:
        found: Value = b.lyapunov(m.transposed(b, h), ct)
        return found


@operation("linalg.polar")
class Polar(Op):
    """The factor ``q`` of orthonormal columns in ``a = q @ h``, where ``h`` is positive semidefinite.

    (C1) ``a`` is a stack of matrices, (C2) of LAPACK's element types, (C3) with at least as many rows as columns. The
    derivative needs full rank; elsewhere it is finite.
    """

    samples = (sample(_TALL), sample(_STACK[:1]))

    @staticmethod
    def infer(a: TensorType) -> TensorType:
        m.check_matrices(a)
        if a.shape[-2] < a.shape[-1]:
            raise ShapeConstraint(
                "C3", f"operand 0 has matrices of {a.shape[-2]} rows and {a.shape[-1]} columns; rows may not be fewer"
            )
        return a

    @staticmethod
    def evaluate(a: Array) -> Any:
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        return u @ vh

    @staticmethod
    def jvp_a(b: Builder, da: Value, a: Value, *, out: Value) -> Value:
        adjoint = m.adjoint(b, out)
        h = m.hermitian(b, m.product(b, adjoint, a))
        inside = m.product(b, adjoint, da)
        turned = m.product(b, out, b.lyapunov(h, b.sub(inside, m.adjoint(b, inside))))
        rows, columns = a.type.shape[-2:]
        if rows == columns:
            return turned
        outside = b.sub(da, m.product(b, out, inside))
        cutoff = columns * float(np.finfo(real_dtype(a.type.dtype)).eps)
        return b.add(turned, m.product(b, outside, b.pinv(h, cutoff=cutoff)))


@operation("linalg.nuclear_norm")
class NuclearNorm(Op):
    """Sums of singular values, whose gradient is the polar factor.

    (C1) ``a`` is a stack of matrices, (C2) of LAPACK's element types, (C3) with at least as many rows as columns.
    """

    samples = (sample(_TALL),)

    @staticmethod
    def infer(a: TensorType) -> TensorType:
        found = Polar.infer(a)
        return TensorType(found.shape[:-2], real_dtype(a.dtype))

    @staticmethod
    def evaluate(a: Array) -> Any:
        return np.sum(np.linalg.svd(a, compute_uv=False), axis=-1)

    @staticmethod
    def jvp_a(b: Builder, da: Value, a: Value) -> Value:
        rank = a.type.rank
        terms = real_part(b, b.mul(conjugate(b, b.polar(a)), da))
        total: Value = b.reduce_sum(terms, axes=(rank - 2, rank - 1))
        return total
