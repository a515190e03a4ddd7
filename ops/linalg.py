"""Systems of equations and factorisations of stacks of matrices (the last two axes), by LAPACK through NumPy.

A singular matrix is NumPy's LinAlgError when the program runs. Sources of the derivatives: Giles, "Collected matrix
derivative results for forward and reverse mode AD" (2008); Golub and Pereyra (1973) for the pseudo-inverse; Walter and
Lehmann, "Algorithmic differentiation of linear algebra functions" (2010) for QR; Townsend, "Differentiating the
singular value decomposition" (2016); Murray (2016) for Cholesky.

Eigenvalues or singular values that repeat have no derivative of their own, nor have their vectors; what does not
depend on the choice of vectors has. The factors ``1 / (w[j] - w[i])`` are 0 where the two are equal, which gives
first derivatives of such functions right and everything finite; for second ones see `mixad.ops.polar`. Complex
vectors are known up to a phase: here the largest component of each is real and positive, so that they are functions
of the matrix, and differentiated as such.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import ShapeConstraint
from ..ir.graph import Value
from ..ir.types import COMPLEX, TensorType
from . import matrices as m
from .complex import as_dtype, real_dtype, real_part
from .definition import Array, Op, full, operation, sample
from .elementwise import check_dtype
from .shape import check_same_dtype

_GENERAL = np.array([[2.0, 0.3, -0.5], [0.7, 1.6, 0.4], [-0.2, 0.9, -1.4]])
_POSITIVE = np.array([[2.0, 0.3, -0.5], [0.3, 1.6, 0.4], [-0.5, 0.4, 1.1]])
_STACK = np.stack([_POSITIVE[:2, :2], _POSITIVE[1:, 1:]])
_SINGULAR = np.stack([np.outer([1.0, -2.0, 0.5], [0.3, 1.0, 2.0]), _GENERAL - np.outer(_GENERAL[:, 0], [1, 0, 0])])
_RANK_1 = np.outer([1.0, 0.0, -0.5, 2.0], [0.6, -1.0, 0.4, 0.3])
_TALL = np.array([[1.0, 0.4], [-0.3, 1.2], [0.6, -0.7]])
_WIDE = np.stack([_TALL.T, np.array([[0.2, 1.3, -0.4], [0.9, 0.1, 0.5]])])
_APART = np.array([[1.5, 0.2, -0.1], [0.3, -0.8, 0.25], [0.15, -0.2, 0.4]])


@operation("linalg.solve")
class Solve(Op):
    """The ``x`` with ``a @ x = y``, for each matrix ``a`` of a stack and matrix ``y`` of as many.

    (C1) ``a`` is a stack of matrices, (C2) of float32, float64, complex64 or complex128, (C3) square; (C4) ``y`` is a
    stack of as many matrices with as many rows, (C5) of the same element type.
    """

    linear_in = (("y",),)
    samples = (
        sample(_GENERAL, (3, 2)),
        sample(_STACK, (2, 2, 1)),
        sample(_STACK[:0], (0, 2, 1)),
        sample(_GENERAL[:1, :1], (1, 0)),
    )

    @staticmethod
    def infer(a: TensorType, y: TensorType) -> TensorType:
        m.check_square(a)
        if y.rank != a.rank or y.shape[:-1] != a.shape[:-1]:
            raise ShapeConstraint(
                "C4", f"operand 0 has shape {a.shape} and operand 1 has shape {y.shape}; all but the last axis agree"
            )
        check_same_dtype("C5", a, y)
        return y

    @staticmethod
    def evaluate(a: Array, y: Array) -> Any:
        return np.linalg.solve(a, y)

    @staticmethod
    def jvp_a(b: Builder, da: Value, a: Value, y: Value, *, out: Value) -> Value:
        return b.neg(b.solve(a, m.product(b, da, out)))

    @staticmethod
    def transpose_y(b: Builder, ct: Value, a: Value, y: Value) -> Value:
        solved: Value = b.solve(m.transposed(b, a), ct)
        return solved


def inverse(b: Builder, a: Value) -> Value:
    """Inverses of square matrices."""
    found: Value = b.solve(a, m.identity(b, a.type))
    return found


def _trace_of_solution(b: Builder, a: Value, da: Value) -> Value:
    """``trace(a^-1 @ da)``."""
    terms = b.mul(m.transposed(b, inverse(b, a)), da)
    total: Value = b.reduce_sum(terms, axes=(a.type.rank - 2, a.type.rank - 1))
    return total


@operation("linalg.det")
class Det(Op):
    """Determinants. (C1) ``a`` is a stack of matrices, (C2) of LAPACK's element types, (C3) square.

    The derivative is ``trace(adjugate(a) @ da)`` (Jacobi), which no singular matrix disturbs, at any order (see
    `mixad.ops.adjugate`).
    """

    samples = (sample(_GENERAL), sample(_STACK), sample((0, 2, 2)), sample(_SINGULAR), sample(_RANK_1))

    @staticmethod
    def infer(a: TensorType) -> TensorType:
        m.check_square(a)
        return a.with_shape(a.shape[:-2])

    @staticmethod
    def evaluate(a: Array) -> Any:
        return np.linalg.det(a)

    @staticmethod
    def jvp_a(b: Builder, da: Value, a: Value) -> Value:
        terms = b.mul(m.transposed(b, b.matrix_function(a, function="adjugate")), da)
        total: Value = b.reduce_sum(terms, axes=(a.type.rank - 2, a.type.rank - 1))
        return total


@operation("linalg.slogdet")
class SLogDet(Op):
    """Sign (for complex numbers: phase) and logarithm of the magnitude of determinants, two results.

    (C1) ``a`` is a stack of matrices, (C2) of LAPACK's element types, (C3) square. The derivative of the logarithm,
    which is infinite at a singular matrix, is a LinAlgError there.
    """

    samples = (sample(_GENERAL), sample(_STACK), sample((0, 2, 2)))

    @staticmethod
    def infer(a: TensorType) -> tuple[TensorType, TensorType]:
        m.check_square(a)
        sign = a.with_shape(a.shape[:-2])
        return sign, sign.with_dtype(real_dtype(a.dtype))

    @staticmethod
    def evaluate(a: Array) -> Any:
        return tuple(np.linalg.slogdet(a))

    @staticmethod
    def jvp_a(b: Builder, da: Value, a: Value, *, out: tuple[Value, Value]) -> tuple[Value, Value]:
        sign = out[0]
        change = _trace_of_solution(b, a, da)
        if a.type.dtype not in COMPLEX:
            return full(b, sign.type, 0), change
        turn = b.convert(b.imag(change), dtype=sign.type.dtype)
        return b.mul(b.mul(turn, full(b, sign.type, 1j)), sign), b.real(change)


@operation("linalg.cholesky")
class Cholesky(Op):
    """Lower triangular ``l`` with ``l @ l^H = (a + a^H) / 2``, which is positive definite; otherwise a LinAlgError.

    (C1) ``a`` is a stack of matrices, (C2) of LAPACK's element types, (C3) square. The matrix is made Hermitian first,
    so that its gradient is too (as in JAX and PyTorch). Derivative: ``dl = l @ phi(l^-1 da l^-H)``, where ``phi`` takes
    the lower triangle and half of the diagonal (Murray 2016, section 3).
    """

    samples = (sample(_POSITIVE), sample(_STACK[:1]))

    @staticmethod
    def infer(a: TensorType) -> TensorType:
        m.check_square(a)
        return a

    @staticmethod
    def evaluate(a: Array) -> Any:
        return np.linalg.cholesky(_hermitian(a))

    @staticmethod
    def jvp_a(b: Builder, da: Value, a: Value, *, out: Value) -> Value:
        half = b.solve(out, m.hermitian(b, da))
        inner = b.solve(out, m.adjoint(b, half))
        lower = b.sub(m.below(b, inner), b.mul(m.on_diagonal(b, inner), full(b, inner.type, 0.5)))
        return m.product(b, out, lower)


def _hermitian(a: Array) -> Array:
    half = np.asarray(0.5, a.dtype)
    return np.asarray((a + np.conj(np.swapaxes(a, -1, -2))) * half)


@operation("linalg.qr")
class QR(Op):
    """``q`` of orthonormal columns and upper triangular ``r`` with ``q @ r = a``, the reduced form; two results.

    The diagonal of a complex ``r`` is not negative; that of a real one has LAPACK's signs.
    (C1) ``a`` is a stack of matrices, (C2) of LAPACK's element types, (C3) with at least as many rows as columns. The
    derivative needs full rank (Walter and Lehmann 2010, section 3).
    """

    samples = (sample(_TALL), sample(_STACK))

    @staticmethod
    def infer(a: TensorType) -> tuple[TensorType, TensorType]:
        m.check_tall(a)
        return a, a.with_shape((*a.shape[:-2], a.shape[-1], a.shape[-1]))

    @staticmethod
    def evaluate(a: Array) -> Any:
        q, r = np.linalg.qr(a)
        if a.dtype not in COMPLEX:
            return q, r
        # LAPACK's signs jump where an element becomes real.
        pivot = np.diagonal(r, axis1=-2, axis2=-1)
        size = np.abs(pivot)
        phase = np.where(size == 0, 1, pivot / np.where(size == 0, 1, size)).astype(a.dtype)
        return q * phase[..., None, :], r * np.conj(phase)[..., :, None]

    @staticmethod
    def jvp_a(b: Builder, da: Value, a: Value, *, out: tuple[Value, Value]) -> tuple[Value, Value]:
        q, r = out
        # da @ r^-1
        scaled = m.transposed(b, b.solve(m.transposed(b, r), m.transposed(b, da)))
        inner = m.product(b, m.adjoint(b, q), scaled)
        lower = m.below(b, inner, strictly=True)
        turn = b.sub(lower, m.adjoint(b, lower))
        if a.type.dtype in COMPLEX:  # the diagonal of r is real
            whole = m.on_diagonal(b, inner)
            turn = b.add(turn, b.sub(whole, b.convert(b.real(whole), dtype=whole.type.dtype)))
        dq = b.add(m.product(b, q, b.sub(turn, inner)), scaled)
        return dq, m.product(b, b.sub(inner, turn), r)


@operation("linalg.complement")
class Complement(Op):
    """Orthonormal columns that are orthogonal to those of ``q``, as many as complete it to a square matrix.

    They are arbitrary but for the space that they span, so they have no derivative.
    (C1) ``q`` is a stack of matrices, (C2) of LAPACK's element types, (C3) with at least as many rows as columns.
    """

    no_derivative_in = ("q",)
    samples = (sample(_TALL), sample(_STACK))

    @staticmethod
    def infer(q: TensorType) -> TensorType:
        m.check_tall(q)
        return q.with_shape((*q.shape[:-1], q.shape[-2] - q.shape[-1]))

    @staticmethod
    def evaluate(q: Array) -> Any:
        return np.linalg.qr(q, mode="complete")[0][..., :, q.shape[-1] :].copy()


@operation("linalg.eigh")
class Eigh(Op):
    """Ascending real eigenvalues and orthonormal eigenvectors (columns) of ``(a + a^H) / 2``; two results.

    (C1) ``a`` is a stack of matrices, (C2) of LAPACK's element types, (C3) square. The matrix is made Hermitian first,
    so that its gradient is too (as in JAX and PyTorch). At repeated eigenvalues see `mixad.ops.linalg`
    (Giles 2008, section 3.1).
    """

    samples = (sample(_POSITIVE), sample(_STACK[:1]))

    @staticmethod
    def infer(a: TensorType) -> tuple[TensorType, TensorType]:
        m.check_square(a)
        return TensorType(a.shape[:-1], real_dtype(a.dtype)), a

    @staticmethod
    def evaluate(a: Array) -> Any:
        values, vectors = np.linalg.eigh(_hermitian(a))
        return values, *m.with_real_peaks(vectors)

    @staticmethod
    def jvp_a(b: Builder, da: Value, a: Value, *, out: tuple[Value, Value]) -> tuple[Value, Value]:
        w, v = out
        inner = m.product(b, m.adjoint(b, v), m.product(b, m.hermitian(b, da), v))
        dv = m.product(b, v, b.mul(inner, as_dtype(b, m.gaps(b, w), v.type.dtype)))
        if v.type.dtype in COMPLEX:
            dv = m.turned(b, v, dv)
        return real_part(b, m.diagonal(b, inner)), dv


@operation("linalg.eig")
class Eig(Op):
    """Eigenvalues and eigenvectors (columns of norm 1) of general matrices; two results.

    (C1) ``a`` is a stack of matrices, (C2) complex, (C3) square. Eigenvalues stand in LAPACK's order. The derivative of
    the values needs linearly independent vectors, that of the vectors distinct values (Giles 2008, section 3.1).
    """

    samples = (sample(_APART + 0.1j * _POSITIVE), sample(_APART[None, :2, :2] + 0j))

    @staticmethod
    def infer(a: TensorType) -> tuple[TensorType, TensorType]:
        m.check_matrices(a)
        check_dtype("C2", a, COMPLEX)
        m.check_square(a)
        return a.with_shape(a.shape[:-1]), a

    @staticmethod
    def evaluate(a: Array) -> Any:
        values, vectors = np.linalg.eig(a)
        return values, *m.with_real_peaks(vectors)

    @staticmethod
    def jvp_a(b: Builder, da: Value, a: Value, *, out: tuple[Value, Value]) -> tuple[Value, Value]:
        w, v = out
        inner = b.solve(v, m.product(b, da, v))
        dv = m.product(b, v, b.mul(inner, m.gaps(b, w)))
        longer = m.columns(b, m.norms_along(b, v, dv), v)
        return m.diagonal(b, inner), m.turned(b, v, b.sub(dv, b.mul(longer, v)))


@operation("linalg.svd")
class SVD(Op):
    """``u``, descending ``s`` and ``vh`` with ``u @ diag(s) @ vh = a``, the reduced form; three results.

    (C1) ``a`` is a stack of matrices, (C2) of LAPACK's element types. At repeated and zero singular values see
    `mixad.ops.linalg` (Townsend 2016).
    """

    samples = (sample(_TALL), sample(_WIDE))

    @staticmethod
    def infer(a: TensorType) -> tuple[TensorType, TensorType, TensorType]:
        m.check_matrices(a)
        *stack, rows, columns = a.shape
        count = min(rows, columns)
        s = TensorType((*stack, count), real_dtype(a.dtype))
        return a.with_shape((*stack, rows, count)), s, a.with_shape((*stack, count, columns))

    @staticmethod
    def evaluate(a: Array) -> Any:
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        u, v = m.with_real_peaks(u, np.conj(np.swapaxes(vh, -1, -2)))
        return u, s, np.conj(np.swapaxes(v, -1, -2))

    @staticmethod
    def jvp_a(b: Builder, da: Value, a: Value, *, out: tuple[Value, Value, Value]) -> tuple[Value, Value, Value]:
        u, s, vh = out
        v = m.adjoint(b, vh)
        inner = m.product(b, m.adjoint(b, u), m.product(b, da, v))
        gap = as_dtype(b, m.square_gaps(b, s), a.type.dtype)
        by_column, by_row = b.mul(inner, m.columns(b, s, inner)), b.mul(inner, m.rows(b, s, inner))
        in_u = b.mul(gap, b.add(by_column, m.adjoint(b, by_column)))
        in_v = b.mul(gap, b.add(by_row, m.adjoint(b, by_row)))
        reciprocal = m.inverse_or_zero(b, s)
        if a.type.dtype in COMPLEX:
            skew = b.mul(m.on_diagonal(b, b.sub(inner, m.adjoint(b, inner))), full(b, inner.type, 0.5))
            in_u = b.add(in_u, b.mul(skew, m.columns(b, reciprocal, inner)))
        du = b.add(m.product(b, u, in_u), _outside(b, u, m.product(b, da, v), reciprocal))
        dv = b.add(m.product(b, v, in_v), _outside(b, v, m.product(b, m.adjoint(b, da), u), reciprocal))
        if a.type.dtype in COMPLEX:
            du, dv = m.turned(b, u, du, (v, dv))
        return du, real_part(b, m.diagonal(b, inner)), m.adjoint(b, dv)


def _outside(b: Builder, u: Value, change: Value, reciprocal: Value) -> Value:
    """The part of ``change / s`` that is orthogonal to the columns of ``u``."""
    inside = m.product(b, u, m.product(b, m.adjoint(b, u), change))
    return b.mul(b.sub(change, inside), m.columns(b, reciprocal, u))


@operation("linalg.pinv")
class Pinv(Op):
    """Moore-Penrose pseudo-inverses: singular values up to ``cutoff`` times the largest count as zero.

    (C1) ``a`` is a stack of matrices, (C2) of LAPACK's element types. The derivative is that at constant rank (Golub
    and Pereyra 1973, equation 4.12), which no repeated singular value disturbs.
    """

    samples = (sample(_TALL, cutoff=1e-12), sample(_WIDE, cutoff=1e-6))

    @staticmethod
    def infer(a: TensorType, *, cutoff: float) -> TensorType:
        m.check_matrices(a)
        return a.with_shape((*a.shape[:-2], a.shape[-1], a.shape[-2]))

    @staticmethod
    def evaluate(a: Array, *, cutoff: float) -> Any:
        return np.linalg.pinv(a, cutoff)

    @staticmethod
    def jvp_a(b: Builder, da: Value, a: Value, *, out: Value) -> Value:
        p, ph, dah = out, m.adjoint(b, out), m.adjoint(b, da)
        inside = b.neg(m.product(b, m.product(b, p, da), p))
        rows_, columns_ = m.product(b, p, a), m.product(b, a, p)
        by_columns = m.product(b, m.product(b, p, ph), dah)
        by_rows = m.product(b, dah, m.product(b, ph, p))
        left = b.sub(by_columns, m.product(b, by_columns, columns_))
        right = b.sub(by_rows, m.product(b, rows_, by_rows))
        return b.add(b.add(inside, left), right)
