"""NumPy's functions, traced: the values, types and derivatives of one call each."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import mixad as mx
import numpy as np
import pytest

RANDOM = np.random.default_rng(7)
V = RANDOM.normal(size=4) * 1.3
W = RANDOM.normal(size=4)
POSITIVE = RANDOM.uniform(0.3, 2.0, size=4)
M = RANDOM.normal(size=(3, 4))
SQUARE = RANDOM.normal(size=(3, 3))
CUBE = RANDOM.normal(size=(2, 3, 4))
GAPS = np.array([[1.0, np.nan, 3.0], [np.nan, 0.5, -2.0]])
EMPTY = np.zeros((0, 3))
INTS = np.array([[3, -1, 4], [1, -5, 9]])
MASK = np.array([True, False, True, True])
MASK2 = M > 0.2
SCALAR = np.array(0.7)

Case = tuple[str, Callable[..., Any], tuple[Any, ...]]
CASES: list[Case] = []


def case(text: str, *args: Any) -> None:
    """Add a call, as the text of a function of ``x`` and ``y``."""
    names = ("x", "y", "z")[: len(args)]
    CASES.append((text, eval(f"lambda {', '.join(names)}: {text}", dict(globals())), args))


for name in (
    *("negative", "absolute", "sign", "square", "exp", "expm1", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh"),
    *(
        "arcsinh",
        "floor",
        "ceil",
        "rint",
        "trunc",
        "positive",
        "fabs",
        "conjugate",
        "exp2",
        "cbrt",
        "deg2rad",
        "rad2deg",
    ),
    *("radians", "degrees", "sinc", "fix", "isnan", "isinf", "isfinite", "signbit", "logical_not", "modf", "isposinf"),
    *("real", "imag", "nan_to_num", "copy", "iscomplex", "isreal"),
):
    case(f"np.{name}(x)", M)
for name in ("sqrt", "log", "log1p", "log2", "log10", "reciprocal"):
    case(f"np.{name}(x)", POSITIVE)
for name in ("arcsin", "arccos", "arctanh"):
    case(f"np.{name}(x)", np.array([-0.7, 0.0, 0.3]))
case("np.arccosh(x)", POSITIVE + 1)
for name in (
    *("add", "subtract", "multiply", "true_divide", "arctan2", "maximum", "minimum", "fmax", "fmin", "hypot"),
    *("logaddexp", "logaddexp2", "copysign", "heaviside", "remainder", "fmod", "floor_divide", "divmod"),
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
    *("logical_and", "logical_or", "logical_xor"),
):
    case(f"np.{name}(x, y)", M, W)
case("np.power(x, y)", POSITIVE, W)
case("np.float_power(x, 3)", POSITIVE)
for name in ("add", "multiply", "subtract", "maximum", "minimum"):
    case(f"np.{name}.outer(x, y)", V, W)
case("np.add.reduce(x)", M)
case("np.multiply.reduce(x, axis=1)", M)
case("np.maximum.reduce(x, axis=(0, 1))", M)
case("np.add.accumulate(x, axis=1)", M)

# --- reductions ----------------------------------------------------------------------------------

for name in ("sum", "prod", "mean", "var", "std", "max", "min", "ptp"):
    for arguments in ("", ", axis=0", ", axis=-1, keepdims=True", ", axis=(0, 2)"):
        case(f"np.{name}(x{arguments})", CUBE)
for name in ("any", "all", "argmax", "argmin", "count_nonzero"):
    for arguments in ("", ", axis=1", ", axis=0, keepdims=True"):
        case(f"np.{name}(x{arguments})", CUBE)
for name in ("sum", "prod", "mean", "var", "std"):
    case(f"np.{name}(x, axis=1, where=y)", M, MASK)
for name in ("sum", "prod", "max", "min"):
    case(f"np.{name}(x, axis=0, initial=0.5, where=y)", M, MASK)
for name in ("nansum", "nanprod", "nanmean", "nanmax", "nanmin", "nanvar", "nanstd", "nanargmax", "nanargmin"):
    case(f"np.{name}(x)", GAPS)
    case(f"np.{name}(x, axis=1)", GAPS)
for name in ("nancumsum", "nancumprod"):
    case(f"np.{name}(x, axis=1)", GAPS)
for name in ("cumsum", "cumprod"):
    case(f"np.{name}(x)", M)
    case(f"np.{name}(x, axis=1)", M)
case("np.cumulative_sum(x, include_initial=True)", V)
case("np.var(x, ddof=1)", V)
case("np.std(x, axis=0, ddof=1)", M)
case("np.average(x)", M)
case("np.average(x, axis=1, weights=y)", M, POSITIVE)
case("np.average(x, axis=0, weights=y, returned=True)", M, np.abs(M))
case("np.sum(x, dtype=np.float32)", M)
case("np.sum(x, axis=0)", EMPTY)
case("np.prod(x, axis=0)", EMPTY)
case("np.prod(x)", np.array([2.0, 0.0, 3.0]))
case("np.mean(x)", INTS)
for text in ("x.sum()", "x.mean(axis=0)", "x.max(1)", "x.min()", "x.std()", "x.var(axis=1)", "x.prod()", "x.cumsum(0)"):
    case(text, M)

# --- shapes --------------------------------------------------------------------------------------

for text in (
    *("np.reshape(x, (4, 6))", "x.reshape(-1)", "x.reshape(3, -1)", "x.reshape((2, 12), order='F')", "np.ravel(x)"),
    *(
        "x.ravel('F')",
        "x.flatten()",
        "x.T",
        "x.mT",
        "np.transpose(x, (1, 0, 2))",
        "x.transpose(2, 0, 1)",
        "x.transpose()",
    ),
    *("np.moveaxis(x, 0, -1)", "np.moveaxis(x, (0, 1), (2, 0))", "np.swapaxes(x, 0, 2)", "np.rollaxis(x, 2)"),
    *("np.expand_dims(x, (0, -1))", "np.squeeze(x[:1], 0)", "x[:1, :, :1].squeeze()", "np.atleast_3d(x[0])"),
    *("np.atleast_2d(x[0, 0])", "np.tile(x, (2, 1, 2))", "np.tile(x, 3)", "np.repeat(x, 2, axis=1)", "np.repeat(x, 3)"),
    *("np.repeat(x, [0, 2, 1], axis=1)", "np.roll(x, 5)", "np.roll(x, (1, -1), (0, 2))", "np.flip(x)", "np.flip(x, 1)"),
    *("np.fliplr(x)", "np.flipud(x)", "np.rot90(x)", "np.rot90(x, 2)", "np.rot90(x, -1, (1, 2))"),
    *("np.split(x, 2, axis=2)", "np.array_split(x, 3, axis=2)", "np.split(x, [1, 3], axis=2)", "np.vsplit(x, 2)"),
    *("np.hsplit(x, 3)", "np.dsplit(x, 2)", "np.unstack(x, axis=1)", "np.matrix_transpose(x)"),
    *("np.pad(x, 1)", "np.pad(x, ((0, 1), (2, 0), (1, 1)), constant_values=2.5)", "np.pad(x, 2, mode='edge')"),
    *(
        "np.pad(x, ((0, 0), (1, 2), (3, 1)), mode='reflect')",
        "np.pad(x, 1, mode='wrap')",
        "np.pad(x, 2, mode='symmetric')",
    ),
    *("np.diff(x)", "np.diff(x, n=2, axis=1)", "np.diff(x, axis=0, prepend=0.0)", "np.ediff1d(x, to_begin=1.0)"),
    *("np.delete(x, 1, axis=1)", "np.delete(x, [0, -1], axis=2)", "np.insert(x, 1, 5.0, axis=2)", "np.append(x, 2.0)"),
    *("np.insert(x, [0, 2], 7.0, axis=1)", "np.zeros_like(x) + x", "np.ones_like(x, dtype=np.float32) * x"),
    *("np.full_like(x, 2.5) * x", "x.astype(np.float32)", "x.round(1)", "np.round(x)", "np.clip(x, -0.5, None)"),
    *("x.clip(-0.5, 0.5)", "x.copy()", "x.trace()", "x.diagonal(1, 0, 2)", "x.repeat(2, 0)", "x.take([0, 2], axis=1)"),
    *("x.swapaxes(0, 1)", "np.tril(x)", "np.triu(x, 1)", "x.real", "x.imag", "x.conj()", "np.trapezoid(x)"),
    *("np.trapezoid(x, dx=0.5, axis=0)", "np.gradient(x, axis=2)", "np.gradient(x[0], 0.5, edge_order=2)"),
    *("np.linalg.norm(x)", "np.linalg.norm(x, axis=1)", "np.linalg.norm(x, axis=(0, 2), keepdims=True)"),
    *("np.linalg.norm(x, 1, axis=1)", "np.linalg.norm(x, np.inf, axis=0)", "np.linalg.norm(x, 3, axis=0)"),
    *("np.linalg.norm(x, 1, axis=(0, 1))", "np.linalg.vector_norm(x, axis=(0, 2))", "np.linalg.matrix_norm(x)"),
    *("abs(x)", "-x", "+x", "x ** 2", "2 ** x", "x // 0.3", "x % 0.3", "divmod(x, 0.3)"),
    *("np.broadcast_to(x, (2, 2, 3, 4))", "np.broadcast_arrays(x, x[0])", "np.permute_dims(x, (2, 1, 0))"),
):
    case(text, CUBE)
case("np.diag(x)", V)
case("np.diag(x, -2)", V)
case("np.diag(x, 1)", M)
case("np.diagflat(x)", M)
case("np.diagonal(x, -1)", M)
case("np.trace(x)", SQUARE)
case("np.meshgrid(x, y)", V, W[:3])
case("np.meshgrid(x, y, indexing='ij', sparse=True)", V, W[:3])
case("np.linspace(x, y, 5)", V, W)
case("np.linspace(x[0], y[1], 4, endpoint=False)", V, W)
case("np.vander(x, 3)", V)
case("np.polyval(y, x)", V, W)

# --- joining -------------------------------------------------------------------------------------

for text in (
    *(
        "np.concatenate([x, y])",
        "np.stack([x, y])",
        "np.stack([x, y], axis=-1)",
        "np.hstack([x, y])",
        "np.vstack((x, y))",
    ),
    *(
        "np.dstack([x, y])",
        "np.column_stack([x, y])",
        "np.append(x, y)",
        "np.array([x, y])",
        "np.asarray([x[0], y[1]])",
    ),
    *(
        "np.array([[x[0], y[0]], [1.0, x[2]]])",
        "np.array([x[0] * y[1], np.sin(x[2]), 2])",
        "np.array([x[0], 1.0]) @ x[:2]",
    ),
    *(
        "np.sin(np.array([x[0], x[1]]))",
        "np.sum(np.array([x[0], y[0]]) ** 2)",
        "[1.0, 2.0, 3.0, 4.0] * x",
        "x + [y[0], 1, 2, 3]",
    ),
    *("np.block([[x, y], [y, x]])", "np.dot([x, y], x)", "np.concatenate([[x[0]], y, [1.0]])", "np.where(x > 0, x, y)"),
    *(
        "np.select([x > 1, x > 0], [x, y], 0.5)",
        "np.choose([0, 1, 1, 0], [x, y])",
        "np.float64(2) * x + np.float32(1) * y",
    ),
    *("np.maximum(x, 0)", "np.where(x > y, 1, 0) * x", "np.concatenate([x, y], axis=None)", "np.array(x) * 2"),
):
    case(text, V, W)

# --- products ------------------------------------------------------------------------------------

case("x @ y", V, W)
case("x @ y", M, V)
case("x @ y", V[:3], M)
case("x @ y.T", M, M)
case("x @ y", CUBE, CUBE[0].T)
case("x @ np.swapaxes(y, 1, 2)", CUBE, CUBE[:1])
case("x @ y", CUBE, V)
case("y @ x", CUBE, V[:3])
case("np.dot(x, y)", M, V)
case("np.dot(x, y)", CUBE, RANDOM.normal(size=(5, 4, 2)))
case("np.dot(x, 2.0)", M)
case("x.dot(y)", V, W)
case("np.vdot(x, y)", M, M * 2)
case("np.inner(x, y)", M, V)
case("np.outer(x, y)", V, M)
case("np.tensordot(x, y)", M, M)
case("np.tensordot(x, y, axes=([0, 2], [1, 0]))", CUBE, RANDOM.normal(size=(4, 2)))
case("np.tensordot(x, y, axes=0)", V, W)
case("np.kron(x, y)", M, SQUARE)
case("np.cross(x, y)", SQUARE, SQUARE[::-1] * 2)
case("np.linalg.multi_dot([x, y, y.T])", M.T, SQUARE)
case("np.linalg.matrix_power(x, 5)", SQUARE)
case("np.matmul(x, y)", M, V)
case("np.vecdot(x, y)", M, V)
case("np.convolve(x, y)", V, W[:3])
case("np.convolve(x, y, mode='same')", V, W[:3])
case("np.convolve(x, y, mode='valid')", V[:2], W)
case("np.correlate(x, y, mode='full')", V, W[:3])
case("np.correlate(x, y)", V[:2], W)
case("np.correlate(x, y, 'same')", V, W[:3])
for subscripts in ("ij,j", "ij,kj->ik", "ij,ij->", "ij->ji", "ij->j", "ij,ik", "i...,...i"):
    other = V if subscripts == "ij,j" else M.T.copy() if subscripts == "i...,...i" else M
    if "," in subscripts:
        case(f"np.einsum({subscripts!r}, x, y)", M, other)
    else:
        case(f"np.einsum({subscripts!r}, x)", M)
case("np.einsum('ii->i', x)", SQUARE)
case("np.einsum('ii', x)", SQUARE)
case("np.einsum('iij->ji', x)", CUBE[:, :2])
case("np.einsum('...ij,...jk->...ik', x, y)", CUBE, RANDOM.normal(size=(1, 4, 2)))
case("np.einsum('ij,jk,kl,l->i', x, y, y, y[0])", SQUARE, SQUARE)
case("np.einsum(x, [0, 1], y, [1, 2], [0, 2])", M, M.T.copy())
case("np.einsum('ij,j->ij', x, y, optimize=True)", M, V)

# --- choosing ------------------------------------------------------------------------------------

for text in (
    *(
        "np.take(x, [2, 0, 2])",
        "np.take(x, [[1, -1]], axis=0)",
        "np.take(x, 5, axis=0, mode='clip')",
        "np.take(x, [7], 1, mode='wrap')",
    ),
    *("np.take_along_axis(x, np.argsort(M, axis=1), axis=1)", "np.take_along_axis(x, np.array([[0], [3], [1]]), 1)"),
    *("np.compress([True, False, True], x, axis=0)", "np.extract(MASK2, x)", "x[MASK2]", "x[x > 0]", "np.where(x > 0)"),
    *("np.piecewise(x, [x < 0, x > 1], [np.negative, 3.0, lambda v: v * v])", "np.piecewise(x[0], x[0] > 0, [np.sin])"),
    *("np.nonzero(x > 0)", "np.flatnonzero(x > 0)", "np.argwhere(x > 0)", "x[np.where(x > 0)]"),
):
    case(text, M)

# --- the tests ------------------------------------------------------------------------------------

IDS = [f"{number}-{text}" for number, (text, _, _) in enumerate(CASES)]


def leaves(found: Any) -> list[Any]:
    """The arrays of a result: one, or a list or tuple of them."""
    return [each for part in found for each in leaves(part)] if isinstance(found, list | tuple) else [np.asarray(found)]


@pytest.mark.parametrize(("text", "function", "args"), CASES, ids=IDS)
def test_values_and_types_are_those_of_numpy(text: str, function: Any, args: Any) -> None:
    expected = leaves(function(*args))
    found = leaves(mx.jit(function)(*args))
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.shape == theirs.shape
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, rtol=1e-5 if mine.dtype == np.float32 else 1e-13, atol=1e-14)


def weighted(function: Any, args: Any) -> Any:
    """A scalar function of the first argument: the results' elements with weights, added up."""
    weights = [np.cos(np.arange(each.size) + 1.0).reshape(each.shape) for each in leaves(function(*args))]

    def total(x: Any) -> Any:
        found = function(x, *args[1:])
        parts = found if isinstance(found, list | tuple) else [found]
        flat = [each for part in parts for each in (part if isinstance(part, list | tuple) else [part])]
        return sum(np.sum(w * each) for w, each in zip(weights, flat, strict=True))

    return total


DIFFERENTIABLE = [
    (text, function, args)
    for text, function, args in CASES
    if args[0].dtype.kind == "f" and args[0].size and "float32" not in text and "nan" not in text
]


@pytest.mark.parametrize(("text", "function", "args"), DIFFERENTIABLE, ids=[text for text, _, _ in DIFFERENTIABLE])
def test_gradient_is_that_of_finite_differences(text: str, function: Any, args: Any) -> None:
    total = weighted(function, args)
    x = args[0]
    direction = np.sin(np.arange(x.size) + 0.5).reshape(x.shape)
    step = 1e-6
    expected = (total(x + step * direction) - total(x - step * direction)) / (2 * step)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = np.sum(mx.grad(total)(x) * direction)
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)
