"""Adjugates of stacks of matrices, and their derivatives of any order, where a matrix is singular as anywhere else.

The adjugate is the transposed gradient of the determinant, a polynomial in the elements, so it has all derivatives at
every matrix; ``det(a) * inv(a)``, its value elsewhere, does not exist at a singular one. Nothing is divided here. With
``a = u @ diag(s) @ vh`` the adjugate and its derivatives are those of ``diag(s)`` in the directions ``u^H @ x @ vh^H``,
turned back. Those of a diagonal matrix follow from the expansion of a determinant by permutations:

    D^m det(diag(s))[y_1, ..., y_m] = sum over distinct r_1, ..., r_m of (product of the other s)
                                      * sum over permutations p of sign(p) * prod_l y_l[r_l, r_p(l)]

(Bhatia and Jain, "Higher order derivatives and perturbation bounds for determinants", Linear Algebra Appl. 431, 2009).
The derivative of order k takes (k + 1)! sums of n^(k+1) terms. Matrices up to 3 x 3 are expanded by minors instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from string import ascii_lowercase

import numpy as np

from .definition import Array


def adjugate(a: Array, directions: Sequence[Array] = ()) -> Array:
    """The derivative of the adjugate of square matrices in ``directions`` of their shape; without any, the adjugate.

    A matrix that is not finite has NaN. The result has the shape and element type of ``a``.
    """
    order, size = len(directions), a.shape[-1]
    if order >= size:
        return np.zeros_like(a)
    if size <= 3:
        return _by_minors(a, directions)
    finite = np.isfinite(a).all((-2, -1), keepdims=True)
    u, s, vh = np.linalg.svd(np.where(finite, a, np.eye(size, dtype=a.dtype)))
    uh, v = _adjoint(u), _adjoint(vh)
    turn = (np.linalg.slogdet(u)[0] * np.linalg.slogdet(vh)[0])[..., None, None]
    inner = _of_diagonal(s, [uh @ each @ v for each in directions]).astype(a.dtype)
    return np.where(finite, turn * (v @ inner @ uh), np.asarray(np.nan, a.dtype))


def _adjoint(x: Array) -> Array:
    return np.conj(np.swapaxes(x, -1, -2))


def _by_minors(a: Array, directions: Sequence[Array]) -> Array:
    """Of matrices up to 3 x 3, which an identity fills up: half a symmetric bilinear form of the matrix and itself."""
    size = a.shape[-1]
    padding = [*((0, 0),) * (a.ndim - 2), *((0, 3 - size),) * 2]
    padded = [np.pad(each, padding) for each in (*directions, a)]
    padded[-1] = padded[-1] + np.diag(np.arange(3) >= size).astype(a.dtype)
    p, q = [*padded, padded[-1]][:2]

    def moved(x: Array, rows: int, columns: int) -> Array:
        return np.roll(x, (-rows, -columns), (-2, -1))

    def minors(x: Array, y: Array) -> Array:
        return np.asarray(moved(x, 1, 1) * moved(y, 2, 2) - moved(x, 1, 2) * moved(y, 2, 1))

    cofactors = minors(p, q) + minors(q, p) if directions else minors(p, q)
    return np.swapaxes(cofactors, -1, -2)[..., :size, :size]


def _of_diagonal(s: Array, directions: Sequence[Array]) -> Array:
    """The derivative of the adjugate at ``diag(s)``."""
    count, size = len(directions) + 1, s.shape[-1]
    rows = ascii_lowercase[:count]
    others = _products_of_others(s, count)
    total = np.zeros((*s.shape, size), np.result_type(s.dtype, *directions))
    diagonal = np.einsum("...ii->...i", total)
    for order in itertools.permutations(range(count)):
        columns = [rows[each] for each in order]
        factors = [f"...{row}{column}" for row, column in zip(rows, columns, strict=True)][:-1]
        sign = round(np.linalg.det(np.eye(count)[list(order)]))
        target, result = (diagonal, rows[-1]) if order[-1] == count - 1 else (total, columns[-1] + rows[-1])
        target += sign * np.einsum(f"{','.join([f'...{rows}', *factors])}->...{result}", others, *directions)
    return total


def _products_of_others(s: Array, count: int) -> Array:
    """For each choice of ``count`` distinct indices the product of the numbers at all others; 0 where indices repeat.

    By logarithms, as determinants are: products of many numbers overflow on the way to a result that does not.
    """
    size = s.shape[-1]
    zero = s == 0
    with np.errstate(divide="ignore"):
        logs = np.where(zero, 0.0, np.log(s, dtype=np.float64))
    chosen = np.indices((size,) * count)
    total = logs.sum(-1)[(..., *[None] * count)] - sum(logs[..., each] for each in chosen)
    zeros = zero.sum(-1)[(..., *[None] * count)] - sum(zero[..., each].astype(int) for each in chosen)
    distinct = np.diff(np.sort(chosen, 0), axis=0).all(0)
    with np.errstate(over="ignore"):
        return np.where(distinct & (zeros == 0), np.exp(total), 0.0).astype(s.dtype)
