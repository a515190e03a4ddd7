"""Functions of matrices and Sylvester's equation, which SciPy computes (see `mixad.ops.special_base`), but for the
adjugate, which is computed in `mixad.ops.adjugate`.

The derivatives of any order of a matrix function are its values at block matrices: the one in the directions E1 ... Ek
is the last block in the first row of blocks of f(Xk), with X0 = a and Xj = [[X(j-1), I (x) Ej], [0, X(j-1)]] (Higham
and Relton, "Higher order Frechet derivatives of matrix functions", SIAM J. Matrix Anal. Appl. 35, 2014). So one
operation with directions for operands is closed under differentiation, and, since the derivative is symmetric in its
directions and the trace is cyclic, under transposition. Sizes double with each order. The adjugate is no function of
the eigenvalues one by one, but its derivatives are symmetric and transposed in the same way, since it is the transposed
gradient of the determinant.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import ShapeConstraint, UnsupportedOperationError
from ..ir.graph import Value
from ..ir.types import TensorType
from . import matrices as m
from .adjugate import adjugate
from .definition import Array, Op, operation, sample
from .shape import check_same_dtype

FUNCTIONS = ("expm", "logm", "sqrtm", "adjugate")


@functools.cache
def scipy_linalg() -> Any:
    """`scipy.linalg`; `UnsupportedOperationError` where SciPy is not installed."""
    try:
        return importlib.import_module("scipy.linalg")
    except ImportError:
        raise UnsupportedOperationError(
            "functions of matrices are computed by SciPy, which is not installed: pip install mixad[scipy]"
        ) from None


def _wide(x: Array) -> Array:
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def _value(function: str, x: Array) -> Array:
    """The function of one matrix, real where the matrix is; a LinAlgError where it cannot be."""
    found = np.asarray(getattr(scipy_linalg(), function)(x)) if x.size else x
    if found.dtype.kind == "c" and x.dtype.kind != "c":
        if not np.allclose(found.imag, 0, atol=1e-12 * np.max(np.abs(found), initial=1.0)):
            raise np.linalg.LinAlgError(f"{function} of this real matrix is not real: give it as complex numbers")
        return found.real
    return found


def _over_stack(compute: Callable[..., Array], like: Array, *stacks: Array) -> Array:
    """``compute`` for each matrix of stacks whose leading axes are those of ``like``."""
    result = np.empty(like.shape, _wide(like).dtype)
    for index in np.ndindex(like.shape[:-2]):
        result[index] = compute(*[_wide(each[index]) for each in stacks])
    return result.astype(like.dtype)


def _check_function(a: TensorType, function: str) -> None:
    m.check_square(a)
    if function not in FUNCTIONS:
        raise ShapeConstraint("C4", f"function is {function!r}; it is one of {', '.join(FUNCTIONS)}")


_A = np.array([[1.4, 0.3], [-0.2, 0.9]])
_RANK_2 = np.outer(np.arange(4.0) - 1, [1.0, 2.0, -1.0, 0.5]) + np.diag([0.0, 1.5, 0.0, 0.0])
_STACK = np.stack([_A, np.array([[2.0, 0.5], [0.4, 1.1]])])


@operation("linalg.matrix_function")
class MatrixFunction(Op):
    """A function of square matrices: ``function`` is expm, logm or sqrtm (principal values), or adjugate.

    (C1) ``a`` is a stack of matrices, (C2) of float32, float64, complex64 or complex128, (C3) square, (C4) the function
    is one of the four. A real matrix whose value is not real is a LinAlgError.
    """

    samples = (
        *(sample(_A, function=function) for function in FUNCTIONS),
        sample(_STACK, function="expm"),
        sample(_STACK[:0], function="logm"),
        sample(_RANK_2, function="adjugate"),
    )

    @staticmethod
    def infer(a: TensorType, *, function: str) -> TensorType:
        _check_function(a, function)
        return a

    @staticmethod
    def evaluate(a: Array, *, function: str) -> Any:
        if function == "adjugate":
            return adjugate(a)
        return _over_stack(lambda x: _value(function, x), a, a)

    @staticmethod
    def jvp_a(b: Builder, da: Value, a: Value, *, function: str) -> Value:
        size = a.type.shape[-1]
        first = b.slice(_as_directions(b, a), **_part((*a.type.shape[:-2], 0, size, size), 0))
        return b.matrix_function_derivative(a, first, da, function=function)


@operation("linalg.matrix_function_derivative")
class MatrixFunctionDerivative(Op):
    """The derivative of a matrix function at ``a`` in the ``directions``, whose third axis from the end counts them,
    and in ``e``: linear in each of them, and the same in any order (see `mixad.ops.special_linalg`).

    (C1), (C2), (C3), (C4) for ``a`` and ``function`` as of `linalg.matrix_function`; (C5) the directions have the shape
    of ``a`` with an axis before the last two, and ``e`` that of ``a``; (C6) all have one element type.
    """

    linear_in = (("e",),)
    samples = (
        sample(_A, (1, 2, 2), (2, 2), function="expm"),
        sample(_STACK, (2, 0, 2, 2), (2, 2, 2), function="sqrtm"),
        sample(_STACK[:0], (0, 2, 2, 2), (0, 2, 2), function="expm"),
        sample(_RANK_2, (1, 4, 4), (4, 4), function="adjugate"),
    )

    @staticmethod
    def infer(a: TensorType, directions: TensorType, e: TensorType, *, function: str) -> TensorType:
        _check_function(a, function)
        shape = directions.shape
        if len(shape) != a.rank + 1 or (*shape[:-3], *shape[-2:]) != a.shape or e.shape != a.shape:
            raise ShapeConstraint("C5", f"the operands have shapes {a.shape}, {shape} and {e.shape}")
        check_same_dtype("C6", a, directions)
        check_same_dtype("C6", a, e, 2)
        return e

    @staticmethod
    def evaluate(a: Array, directions: Array, e: Array, *, function: str) -> Any:
        if function == "adjugate":
            return adjugate(a, [*np.moveaxis(directions, -3, 0), e])

        def derivative(x: Array, others: Array, last: Array) -> Array:
            size = len(x)
            for each in (*others, last):
                copies = np.kron(np.eye(len(x) // size), each) if size else each
                x = np.block([[x, copies], [np.zeros_like(x), x]])
            return _value(function, x)[:size, len(x) - size :]

        return _over_stack(derivative, a, a, directions, e)

    @staticmethod
    def jvp_a(b: Builder, da: Value, a: Value, directions: Value, e: Value, *, function: str) -> Value:
        return b.matrix_function_derivative(a, _with(b, directions, e), da, function=function)

    @staticmethod
    def jvp_directions(b: Builder, dd: Value, a: Value, directions: Value, e: Value, *, function: str) -> Value | None:
        total: Value | None = None
        shape = directions.type.shape
        for index in range(shape[-3]):
            before = b.slice(directions, **_part((*shape[:-3], index, *shape[-2:]), 0))
            after = b.slice(directions, **_part((*shape[:-3], shape[-3] - index - 1, *shape[-2:]), index + 1))
            others = _with(b, b.concatenate(before, after, axis=len(shape) - 3), e)
            change = b.reshape(b.slice(dd, **_part((*shape[:-3], 1, *shape[-2:]), index)), shape=e.type.shape)
            term = b.matrix_function_derivative(a, others, change, function=function)
            total = term if total is None else b.add(total, term)
        return total

    @staticmethod
    def transpose_e(b: Builder, ct: Value, a: Value, directions: Value, e: Value, *, function: str) -> Value:
        found: Value = b.matrix_function_derivative(
            m.transposed(b, a), m.transposed(b, directions), ct, function=function
        )
        return found


def _part(sizes: tuple[int, ...], start: int) -> dict[str, Any]:
    """The attributes of a slice of these sizes, from ``start`` along the third axis from the end."""
    starts = [0] * len(sizes)
    starts[-3] = start if sizes[-3] else 0
    return {"starts": tuple(starts), "sizes": sizes, "steps": (1,) * len(sizes)}


def _as_directions(b: Builder, e: Value) -> Value:
    """A matrix as one direction."""
    shape = e.type.shape
    found: Value = b.reshape(e, shape=(*shape[:-2], 1, *shape[-2:]))
    return found


def _with(b: Builder, directions: Value, e: Value) -> Value:
    """The directions, and ``e`` behind them."""
    found: Value = b.concatenate(directions, _as_directions(b, e), axis=directions.type.rank - 3)
    return found


@operation("linalg.sylvester")
class Sylvester(Op):
    """The ``x`` with ``p @ x + x @ q = y``; its derivatives and transposes are solutions of such equations again.

    (C1) ``p`` is a stack of matrices, (C2) of float32, float64, complex64 or complex128, (C3) square; (C4) ``q`` is a
    stack of as many square ones, and ``y`` fits both; (C5) all have one element type.
    """

    linear_in = (("y",),)
    samples = (
        sample(_A, np.array([[0.7, 0.1, 0.0], [0.2, 1.5, 0.3], [0.0, -0.4, 0.8]]), (2, 3)),
        sample(_STACK, _STACK[::-1].copy(), (2, 2, 2)),
        sample(_STACK[:0], _STACK[:0], (0, 2, 2)),
    )

    @staticmethod
    def infer(p: TensorType, q: TensorType, y: TensorType) -> TensorType:
        m.check_square(p)
        wanted = (*p.shape[:-1], *q.shape[-1:])
        if q.rank != p.rank or q.shape != (*p.shape[:-2], *q.shape[-1:] * 2) or y.shape != wanted:
            raise ShapeConstraint("C4", f"the operands have shapes {p.shape}, {q.shape} and {y.shape}")
        check_same_dtype("C5", p, q)
        check_same_dtype("C5", p, y, 2)
        return y

    @staticmethod
    def evaluate(p: Array, q: Array, y: Array) -> Any:
        solve = scipy_linalg().solve_sylvester
        return _over_stack(lambda *operands: np.asarray(solve(*operands)), y, p, q, y)

    @staticmethod
    def jvp_p(b: Builder, dp: Value, p: Value, q: Value, y: Value, *, out: Value) -> Value:
        return b.neg(b.sylvester(p, q, m.product(b, dp, out)))

    @staticmethod
    def jvp_q(b: Builder, dq: Value, p: Value, q: Value, y: Value, *, out: Value) -> Value:
        return b.neg(b.sylvester(p, q, m.product(b, out, dq)))

    @staticmethod
    def transpose_y(b: Builder, ct: Value, p: Value, q: Value, y: Value) -> Value:
        found: Value = b.sylvester(m.transposed(b, p), m.transposed(b, q), ct)
        return found
