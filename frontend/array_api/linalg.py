"""The extension ``linalg``, and the products that belong to the namespace itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import matmul

__all__ = [
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]


def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    return np.linalg.cholesky(x, upper=upper)


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return np.linalg.cross(x1, x2, axis=axis)


def det(x: Any, /) -> Any:
    return np.linalg.det(x)


def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return np.linalg.diagonal(x, offset=offset)


def eigh(x: Any, /) -> Any:
    return np.linalg.eigh(x)


def eigvalsh(x: Any, /) -> Any:
    return np.linalg.eigvalsh(x)


def inv(x: Any, /) -> Any:
    return np.linalg.inv(x)


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return np.linalg.matrix_norm(x, keepdims=keepdims, ord=ord)


def matrix_power(x: Any, n: int, /) -> Any:
    return np.linalg.matrix_power(x, n)


def matrix_rank(x: Any, /, *, rtol: Any = None) -> Any:
    return np.linalg.matrix_rank(x, rtol=rtol)


def matrix_transpose(x: Any, /) -> Any:
    return np.matrix_transpose(x)


def outer(x1: Any, x2: Any, /) -> Any:
    return np.linalg.outer(x1, x2)


def pinv(x: Any, /, *, rtol: Any = None) -> Any:
    return np.linalg.pinv(x, rtol=rtol)


def qr(x: Any, /, *, mode: str = "reduced") -> Any:
    return np.linalg.qr(x, mode)  # type: ignore[call-overload]


def slogdet(x: Any, /) -> Any:
    return np.linalg.slogdet(x)


def solve(x1: Any, x2: Any, /) -> Any:
    return np.linalg.solve(x1, x2)


def svd(x: Any, /, *, full_matrices: bool = True) -> Any:
    return np.linalg.svd(x, full_matrices)


def svdvals(x: Any, /) -> Any:
    return np.linalg.svdvals(x)


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return np.tensordot(x1, x2, axes)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return np.linalg.trace(x, offset=offset, dtype=dtype)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return np.linalg.vecdot(x1, x2, axis=axis)  # type: ignore[call-overload]


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)
