"""``mixad.scipy.linalg``: SciPy's functions of matrices on traced arrays; on plain arrays, SciPy's own.

Stacks of matrices are taken as in SciPy. Options that only concern speed or memory (``overwrite_a``, ``check_finite``)
are taken and ignored. Other functions of SciPy refuse traced arrays; NumPy's (`numpy.linalg`) take them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import ShapeError
from ...ops.special_linalg import scipy_linalg
from ..array import TracedArray
from ..lifting import promote
from ..numpy_functions.factorizations import adjoint
from ..numpy_functions.factorizations import cholesky as lower_factor
from ..numpy_functions.products import matrix_product
from ..numpy_functions.systems import emit_all, matrices
from ..operands import as_array, as_traced, cast, emit, full, spread
from .arguments import Table, module, others, publisher

#: What each function is on traced arrays.
TRACED: Table = {}

_publish = publisher(TRACED, scipy_linalg)

#: NumPy's functions as they take traced arrays, which their own annotations do not know.
_LINALG: Any = np.linalg


# --- systems -------------------------------------------------------------------------------------


@_publish
def solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> TracedArray:
    """As `scipy.linalg.solve_triangular`: only one triangle of ``a`` is read, and has derivatives."""
    x = matrices("scipy.linalg.solve_triangular", a, square=True)
    part: Any = np.tril(x, -1 if unit_diagonal else 0) if lower else np.triu(x, 1 if unit_diagonal else 0)
    if unit_diagonal:
        part = part + np.eye(x.shape[-1], dtype=x.dtype)
    if trans not in (0, "N"):
        part = np.swapaxes(part, -1, -2)
        part = np.conj(part) if trans in (2, "C") else part
    return _LINALG.solve(part, b)  # type: ignore[no-any-return]


@_publish
def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> TracedArray:
    """As `scipy.linalg.cholesky`."""
    return lower_factor(matrices("scipy.linalg.cholesky", a, square=True), upper=not lower)


@_publish
def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[TracedArray, bool]:
    """As `scipy.linalg.cho_factor`; the other triangle, which SciPy leaves undefined, is zero."""
    return cholesky(a, lower), lower


@_publish
def cho_solve(c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True) -> TracedArray:
    """As `scipy.linalg.cho_solve`."""
    factor, lower = c_and_lower
    first, second = ("N", "C") if lower else ("C", "N")
    half = solve_triangular(as_traced(factor), b, trans=first, lower=lower)
    return solve_triangular(as_traced(factor), half, trans=second, lower=lower)  # type: ignore[no-any-return]


@_publish
def solve_sylvester(a: Any, b: Any, q: Any) -> TracedArray:
    """As `scipy.linalg.solve_sylvester`: the ``x`` with ``a @ x + x @ b = q``."""
    module(scipy_linalg, "solve_sylvester")
    name = "scipy.linalg.solve_sylvester"
    given = [matrices(name, a, square=True), matrices(name, b, square=True), matrices(name, q)]
    dtype = promote(*given)
    p, r, y = (cast(each, dtype) for each in given)
    if y.shape[-2:] != (p.shape[-1], r.shape[-1]):
        raise ShapeError(
            f"{name}: matrices of shapes {p.shape[-2:]}, {r.shape[-2:]} and {y.shape[-2:]}, at {user_location(2)}; the "
            f"last must be {(p.shape[-1], r.shape[-1])}"
        )
    stack = np.broadcast_shapes(*(each.shape[:-2] for each in (p, r, y)))
    return emit("sylvester", *[spread(each, (*stack, *each.shape[-2:])) for each in (p, r, y)])


@_publish
def solve_continuous_lyapunov(a: Any, q: Any) -> TracedArray:
    """As `scipy.linalg.solve_continuous_lyapunov`: the ``x`` with ``a @ x + x @ a^H = q``."""
    x = matrices("scipy.linalg.solve_continuous_lyapunov", a, square=True)
    return solve_sylvester(x, adjoint(x), q)  # type: ignore[no-any-return]


@_publish
def solve_discrete_lyapunov(a: Any, q: Any, method: Any = None) -> TracedArray:
    """As `scipy.linalg.solve_discrete_lyapunov`: the ``x`` with ``x - a @ x @ a^H = q``, by one system of equations for
    all elements (``method`` 'direct'), whichever is named."""
    name = "scipy.linalg.solve_discrete_lyapunov"
    x, y = (matrices(name, each, square=True) for each in (a, q))
    if x.shape != y.shape or x.ndim != 2:
        raise ShapeError(
            f"{name} of shapes {x.shape} and {y.shape}, at {user_location(2)}; they are matrices of one size"
        )
    system = np.eye(x.size) - np.kron(x, np.conj(x))
    return _LINALG.solve(system, np.reshape(y, (y.size,))).reshape(y.shape)  # type: ignore[no-any-return]


@_publish
def lstsq(
    a: Any,
    b: Any,
    cond: Any = None,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    lapack_driver: Any = None,
) -> tuple[Any, Any, int, Any]:
    """As `scipy.linalg.lstsq`, by the pseudo-inverse, so that the derivative is that at constant rank; the rank is
    decided with the numbers of this call."""
    x = matrices("scipy.linalg.lstsq", a)
    limit = float(np.finfo(x.dtype).eps) if cond is None else cond
    found, residuals, rank, values = _LINALG.lstsq(x, b, limit)
    return found, residuals.reshape(found.shape[1:]) if residuals.size else residuals, int(rank), values


# --- factors -------------------------------------------------------------------------------------


@_publish
def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True, p_indices: bool = False
) -> tuple[Any, ...]:
    """As `scipy.linalg.lu`; the permutation has no derivative."""
    module(scipy_linalg, "lu")
    p, lower, upper = emit_all("lu", matrices("scipy.linalg.lu", a))
    if permute_l:
        return matrix_product("scipy.linalg.lu", p, lower), upper
    if p_indices:
        return np.argmax(np.real(p), axis=-1).astype(np.int32), lower, upper
    return np.real(p), lower, upper


@_publish
def polar(a: Any, side: str = "right") -> tuple[TracedArray, TracedArray]:
    """As `scipy.linalg.polar`: ``u`` and ``p`` with ``a = u @ p``, or ``a = p @ u`` on the side 'left'. The derivatives
    need full rank."""
    if side not in ("left", "right"):
        raise ShapeError(f"scipy.linalg.polar with side={side!r}, at {user_location(2)}; it is 'left' or 'right'")
    x = matrices("scipy.linalg.polar", a)
    wide = x.shape[-2] < x.shape[-1]
    u = adjoint(emit("polar", adjoint(x))) if wide else emit("polar", x)
    factors = (adjoint(u), x) if side == "right" else (x, adjoint(u))
    p: Any = matrix_product("scipy.linalg.polar", *factors)
    return u, (p + adjoint(p)) / 2


# --- functions of matrices -----------------------------------------------------------------------


def _widened(x: TracedArray) -> TracedArray:
    """In double precision, which SciPy computes and returns in some functions."""
    return cast(x, np.complex128 if x.dtype.kind == "c" else np.float64)


def _function(name: str) -> Any:
    def traced(A: Any) -> TracedArray:  # noqa: N803
        module(scipy_linalg, name)
        x = matrices(f"scipy.linalg.{name}", A, square=True)
        return emit("matrix_function", _widened(x) if name == "logm" else x, function=name)

    traced.__name__ = traced.__qualname__ = name
    traced.__doc__ = (
        f"As `scipy.linalg.{name}`. A real matrix whose value is not real is a LinAlgError: give it as complex numbers."
    )
    return _publish(traced)


expm = _function("expm")
logm = _function("logm")
sqrtm = _function("sqrtm")


@_publish
def expm_frechet(
    A: Any,  # noqa: N803
    E: Any,  # noqa: N803
    method: Any = None,
    compute_expm: bool = True,
    check_finite: bool = True,
) -> Any:
    """As `scipy.linalg.expm_frechet`: the exponential of ``A`` and its derivative in the direction ``E``."""
    module(scipy_linalg, "expm_frechet")
    x, e = (matrices("scipy.linalg.expm_frechet", each, square=True) for each in (A, E))
    if x.shape != e.shape:
        raise ShapeError(f"scipy.linalg.expm_frechet of shapes {x.shape} and {e.shape}, at {user_location(2)}")
    dtype = promote(_widened(x), _widened(e))
    x, e = cast(x, dtype), cast(e, dtype)
    none = full(0, (*x.shape[:-2], 0, *x.shape[-2:]), dtype)
    derivative = emit("matrix_function_derivative", x, none, e, function="expm")
    return (emit("matrix_function", x, function="expm"), derivative) if compute_expm else derivative


# --- special matrices ----------------------------------------------------------------------------


@_publish
def block_diag(*arrs: Any) -> TracedArray:
    """As `scipy.linalg.block_diag`, of matrices, vectors (rows) and numbers."""
    blocks = [as_array(each) for each in arrs]
    dtype = promote(*blocks)
    for each in blocks:
        if each.ndim > 2:
            raise ShapeError(
                f"scipy.linalg.block_diag of an array of shape {each.shape}, at {user_location(2)}; blocks are matrices"
            )
    blocks = [cast(each.reshape((1,) * (2 - each.ndim) + each.shape), dtype) for each in blocks]
    width, column = sum(each.shape[1] for each in blocks), 0
    rows = []
    for each in blocks:
        size = each.shape[1]
        left = full(0, (each.shape[0], column), dtype)
        right = full(0, (each.shape[0], width - column - size), dtype)
        rows.append(emit("concatenate", left, each, right, axis=1))
        column += size
    return emit("concatenate", *rows, axis=0)


@_publish
def toeplitz(c: Any, r: Any = None) -> TracedArray:
    """As `scipy.linalg.toeplitz`, of vectors: first column ``c`` and first row ``r``, whose first element is unread."""
    column = as_traced(c)
    row = as_traced(r) if r is not None else np.conj(column) if column.dtype.kind == "c" else column
    if column.ndim != 1 or row.ndim != 1:
        raise ShapeError(
            f"scipy.linalg.toeplitz of shapes {column.shape} and {row.shape}, at {user_location(2)}; it takes vectors"
        )
    numbers = np.concatenate([column[::-1], row[1:]])
    position = len(column) - 1 - np.arange(len(column))[:, None] + np.arange(len(row))
    return numbers[position]  # type: ignore[no-any-return]


def _of_numpy(name: str) -> Any:
    numpy_function = getattr(np.linalg, name)

    def traced(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
        x = matrices(f"scipy.linalg.{name}", a, square=True)
        return numpy_function(_widened(x) if name == "det" else x)

    traced.__name__ = traced.__qualname__ = name
    traced.__doc__ = f"As `scipy.linalg.{name}`, which is `numpy.linalg.{name}`."
    return _publish(traced)


inv = _of_numpy("inv")
det = _of_numpy("det")


@_publish
def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: Any = None,
    transposed: bool = False,
) -> TracedArray:
    """As `scipy.linalg.solve`; ``assume_a`` saves no time here, and the whole matrix is read."""
    x: Any = matrices("scipy.linalg.solve", a, square=True)
    return _LINALG.solve(np.swapaxes(x, -1, -2) if transposed else x, b)  # type: ignore[no-any-return]


@_publish
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True) -> Any:
    """As `scipy.linalg.norm`, which is `numpy.linalg.norm`."""
    return _LINALG.norm(as_traced(a), ord, axis, keepdims)


@_publish
def pinv(a: Any, check_finite: bool = True) -> TracedArray:
    """As `scipy.linalg.pinv` with its default bound on small singular values."""
    x: Any = matrices("scipy.linalg.pinv", a)
    return _LINALG.pinv(x, rcond=max(x.shape[-2:]) * np.finfo(x.dtype).eps)  # type: ignore[no-any-return]


@_publish
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """As `scipy.linalg.svd`; of a matrix that is not square ``full_matrices`` must be false."""
    found: Any = _LINALG.svd(as_traced(a), full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


@_publish
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> TracedArray:
    """As `scipy.linalg.svdvals`."""
    return _LINALG.svd(as_traced(a), compute_uv=False)  # type: ignore[no-any-return]


@_publish
def qr(a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full", check_finite: bool = True) -> Any:
    """As `scipy.linalg.qr` without pivoting: mode 'full', 'economic' or 'r'."""
    names = {"full": "complete", "economic": "reduced", "r": "complete"}
    if mode not in names:
        raise ShapeError(f"scipy.linalg.qr with mode={mode!r}, at {user_location(2)}; it is full, economic or r")
    found: Any = tuple(_LINALG.qr(as_traced(a), names[mode]))
    return found[1:] if mode == "r" else found


@_publish
def eigh(a: Any, lower: bool = True) -> Any:
    """As `scipy.linalg.eigh` of one matrix; both triangles are read."""
    return tuple(_LINALG.eigh(as_traced(a)))


@_publish
def eigvalsh(a: Any, lower: bool = True) -> TracedArray:
    """As `scipy.linalg.eigvalsh` of one matrix; both triangles are read."""
    return _LINALG.eigvalsh(as_traced(a))  # type: ignore[no-any-return]


def __getattr__(name: str) -> Any:
    return others("linalg", scipy_linalg, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *TRACED})
