"""Small steps on stacks of matrices, the last two axes, of which the rules of `mixad.ops.linalg` are made."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import ShapeConstraint
from ..ir.graph import Value
from ..ir.types import TensorType
from .complex import conjugate, real_part
from .definition import Array, full, zeros
from .elementwise import check_dtype

#: Element types that LAPACK has.
LAPACK = frozenset(np.dtype(t) for t in (np.float32, np.float64, np.complex64, np.complex128))


def check_matrices(x: TensorType, position: int = 0) -> None:
    """(C1) a stack of matrices, (C2) of LAPACK's element types."""
    if x.rank < 2:
        raise ShapeConstraint("C1", f"operand {position} has rank {x.rank}; a matrix has 2 axes, a stack of them more")
    check_dtype("C2", x, LAPACK, position)


def check_square(x: TensorType) -> None:
    """(C1), (C2), and (C3) the matrices are square."""
    check_matrices(x)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeConstraint("C3", f"operand 0 has matrices of shape {x.shape[-2:]}; they must be square")


def check_tall(x: TensorType) -> None:
    """(C1), (C2), and (C3) the matrices have at least as many rows as columns."""
    check_matrices(x)
    if x.shape[-2] < x.shape[-1]:
        raise ShapeConstraint(
            "C3", f"operand 0 has matrices of {x.shape[-2]} rows and {x.shape[-1]} columns; rows may not be fewer"
        )


def product(b: Builder, x: Value, y: Value) -> Value:
    """``x @ y``."""
    stack = string.ascii_lowercase[: x.type.rank - 2]
    found: Value = b.contract(x, y, spec=f"{stack}IK,{stack}KJ->{stack}IJ")
    return found


def transposed(b: Builder, x: Value) -> Value:
    """The last two axes swapped."""
    rank = x.type.rank
    found: Value = b.transpose(x, permutation=(*range(rank - 2), rank - 1, rank - 2))
    return found


def adjoint(b: Builder, x: Value) -> Value:
    """The conjugate transpose."""
    return conjugate(b, transposed(b, x))


def hermitian(b: Builder, x: Value) -> Value:
    """``(x + x^H) / 2``."""
    return b.mul(b.add(x, adjoint(b, x)), full(b, x.type, 0.5))


def _compared(b: Builder, x: TensorType, direction: str) -> Value:
    """A mask over matrices of type ``x``: row against column number."""
    rank = x.rank
    numbers = (b.iota(shape=x.shape, axis=axis, dtype=np.dtype(np.int64)) for axis in (rank - 2, rank - 1))
    found: Value = b.compare(*numbers, direction=direction)
    return found


def below(b: Builder, x: Value, strictly: bool = False) -> Value:
    """The lower triangle, zeros elsewhere."""
    found: Value = b.select(_compared(b, x.type, "gt" if strictly else "ge"), x, zeros(b, x.type))
    return found


def on_diagonal(b: Builder, x: Value) -> Value:
    """The diagonal in its place, zeros elsewhere."""
    found: Value = b.select(_compared(b, x.type, "eq"), x, zeros(b, x.type))
    return found


def diagonal(b: Builder, x: Value) -> Value:
    """The diagonals of square matrices, as vectors."""
    found: Value = b.reduce_sum(on_diagonal(b, x), axes=(x.type.rank - 2,))
    return found


def identity(b: Builder, x: TensorType) -> Value:
    """Identity matrices of square type ``x``."""
    return on_diagonal(b, full(b, x, 1))


def columns(b: Builder, v: Value, like: Value) -> Value:
    """``v[j]`` in every row of column j of matrices like ``like``, in the element type of ``like``."""
    rank = like.type.rank
    found: Value = b.broadcast_in_dim(v, shape=like.type.shape, dims=(*range(rank - 2), rank - 1))
    return found if v.type.dtype == like.type.dtype else b.convert(found, dtype=like.type.dtype)


def rows(b: Builder, v: Value, like: Value) -> Value:
    """``v[i]`` in every column of row i of matrices like ``like``, in the element type of ``like``."""
    rank = like.type.rank
    found: Value = b.broadcast_in_dim(v, shape=like.type.shape, dims=tuple(range(rank - 1)))
    return found if v.type.dtype == like.type.dtype else b.convert(found, dtype=like.type.dtype)


def inverse_or_zero(b: Builder, x: Value) -> Value:
    """``1 / x``, and 0 where ``x`` is 0, with derivatives likewise."""
    at_zero = b.compare(x, zeros(b, x.type), direction="eq")
    return b.select(at_zero, zeros(b, x.type), b.reciprocal(b.select(at_zero, full(b, x.type, 1), x)))


def gaps(b: Builder, w: Value) -> Value:
    """``F[i, j] = 1 / (w[j] - w[i])``, 0 where the two are equal."""
    type = TensorType((*w.type.shape, w.type.shape[-1]), w.type.dtype)
    like = zeros(b, type)
    return inverse_or_zero(b, b.sub(columns(b, w, like), rows(b, w, like)))


def square_gaps(b: Builder, s: Value) -> Value:
    """``F[i, j] = 1 / (s[j]**2 - s[i]**2)``, 0 where the two are equal."""
    like = zeros(b, TensorType((*s.type.shape, s.type.shape[-1]), s.type.dtype))
    first, second = columns(b, s, like), rows(b, s, like)
    return inverse_or_zero(b, b.mul(b.sub(first, second), b.add(first, second)))


def norms_along(b: Builder, v: Value, dv: Value) -> Value:
    """``Re(v[:, j]^H dv[:, j])`` for each column."""
    total: Value = b.reduce_sum(real_part(b, b.mul(conjugate(b, v), dv)), axes=(v.type.rank - 2,))
    return total


def _peaks(b: Builder, v: Value) -> Value:
    """1 at the component of each column that `with_real_peaks` made real, 0 elsewhere, in the element type of ``v``.

    It has the largest real part: asking for the magnitude again would find another one where two tie.
    """
    rank = v.type.rank
    where = b.argmax(b.real(v), axis=rank - 2)
    like = zeros(b, v.type.with_dtype(where.type.dtype))
    numbers = b.iota(shape=v.type.shape, axis=rank - 2, dtype=where.type.dtype)
    found: Value = b.convert(b.compare(numbers, columns(b, where, like), direction="eq"), dtype=v.type.dtype)
    return found


def turned(b: Builder, v: Value, dv: Value, *others: tuple[Value, Value]) -> Any:
    """The tangents ``dv`` of complex columns ``v`` turned so that the components stay real that `with_real_peaks` made
    real; those of ``others``, pairs of columns and tangents, with them."""
    pairs = ((v, dv), *others)
    if not v.type.size:
        found = tuple(tangent for _, tangent in pairs)
        return found if others else dv
    peak = _peaks(b, v)
    part, moved = (b.reduce_sum(b.mul(peak, each), axes=(v.type.rank - 2,)) for each in (v, dv))
    turn = b.convert(b.mul(b.imag(moved), inverse_or_zero(b, b.real(part))), dtype=v.type.dtype)
    turn = b.mul(turn, full(b, turn.type, 1j))
    found = tuple(b.sub(tangent, b.mul(columns(b, turn, each), each)) for each, tangent in pairs)
    return found if others else found[0]


def with_real_peaks(v: Array, *others: Array) -> tuple[Array, ...]:
    """Arrays whose columns are turned by the phase that makes the largest component of each column of complex ``v``
    real and positive."""
    if v.dtype.kind != "c" or not v.size:
        return v, *others
    where = np.argmax(np.abs(v), axis=-2, keepdims=True)
    peak = np.take_along_axis(v, where, -2)
    size = np.abs(peak)
    phase = np.conj(peak) / np.where(size == 0, 1, size)
    return tuple(each * phase.astype(each.dtype) for each in (v, *others))
