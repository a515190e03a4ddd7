"""Points at which rules of differentiation go wrong, and what is decided for them: each in every mixture of modes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import mixad as mx
import numpy as np
import pytest
from mixad.ir.errors import MixadError

INF, NAN = np.inf, np.nan
ONES = np.ones(3)

#: A function of a number, the number, and its value and derivatives there.
TRAPS: list[tuple[str, Callable[[Any], Any], float, list[float]]] = [
    ("log in a branch not taken", lambda x: np.where(x > 0, np.log(x), 0.0), 0.0, [0, 0, 0, 0]),
    ("log of a negative number not taken", lambda x: np.where(x > 0, np.log(x), x), -1.0, [-1, 1, 0, 0]),
    ("a pole not taken", lambda x: np.where(x > 0, 1 / x, 0.0), 0.0, [0, 0, 0, 0]),
    ("sqrt not taken", lambda x: np.where(x > 0, np.sqrt(x), 0.0), 0.0, [0, 0, 0, 0]),
    ("infinity not taken", lambda x: np.where(x > 5, x * INF, x), 2.0, [2, 1, 0, 0]),
    ("select", lambda x: np.select([x > 0], [np.log(x)], 2 * x), 0.0, [0, 2, 0, 0]),
    ("sqrt at 0", np.sqrt, 0.0, [0, INF]),
    ("cbrt at 0", np.cbrt, 0.0, [0, INF]),
    ("norm at 0", lambda x: np.linalg.norm(x * ONES), 0.0, [0, 0]),
    ("hypot at 0", lambda x: np.hypot(x, x), 0.0, [0, 0]),
    ("std of equal numbers", lambda x: np.std(x * ONES), 2.0, [0, 0]),
    ("var of equal numbers", lambda x: np.var(x * ONES), 2.0, [0, 0, 0, 0]),
    ("abs at 0", np.abs, 0.0, [0, 0, 0, 0]),
    ("sinc at 0", np.sinc, 0.0, [1, 0, -(np.pi**2) / 3, 0]),
    ("x**0 at 0", lambda x: x**0, 0.0, [1, 0, 0, 0]),
    ("x**0.0 at 0", lambda x: x**0.0, 0.0, [1, 0, 0, 0]),
    ("x**0 below 0", lambda x: x**0, -2.0, [1, 0, 0, 0]),
    ("x**1 at 0", lambda x: x**1, 0.0, [0, 1, 0, 0]),
    ("x**3 at 0", lambda x: x**3, 0.0, [0, 0, 0, 6]),
    ("x**2.5 at 0", lambda x: x**2.5, 0.0, [0, 0, 0, INF]),
    ("0**x at 0", lambda x: 0.0**x, 0.0, [1, 0, 0, 0]),
    ("0**x above 0", lambda x: 0.0**x, 2.0, [0, 0, 0, 0]),
    ("negative base", lambda x: x**3, -2.0, [-8, 12, -12, 6]),
    ("negative base, float exponent", lambda x: x**3.0, -2.0, [-8, 12, -12, 6]),
    ("negative base and exponent", lambda x: x**-2, -2.0, [0.25, 0.25, 0.375, 0.75]),
    ("negative base, integer array", lambda x: np.sum(x ** np.array([1, 2, 3])), -2.0, [-6, 9, -10, 6]),
    ("negative base, float array", lambda x: np.sum(x ** np.array([1.0, 2.0, 3.0])), -2.0, [-6, 9, -10, 6]),
    ("zero base, float array", lambda x: np.sum(x ** np.array([0.0, 1.0, 2.0, 3.0])), 0.0, [1, 1, 2, 6]),
    ("negative base, float_power", lambda x: np.float_power(x, 3), -2.0, [-8, 12, -12, 6]),
    ("prod with a zero", lambda x: np.prod(np.stack([x, 0 * x + 2.0])), 0.0, [0, 2, 0, 0]),
    ("prod with two zeros", lambda x: np.prod(np.stack([x, x, 0 * x + 3.0])), 0.0, [0, 0, 6, 0]),
    ("prod with three zeros", lambda x: np.prod(np.stack([x, x, x])), 0.0, [0, 0, 0, 6]),
    ("cumprod with a zero", lambda x: np.sum(np.cumprod(np.stack([x, 0 * x + 2.0, x + 1]))), 0.0, [0, 5, 4, 0]),
    ("multiply.reduce", lambda x: np.multiply.reduce(np.stack([x, x, 0 * x + 3.0])), 0.0, [0, 0, 6, 0]),
    ("max of a tie", lambda x: np.max(np.stack([x, 2 - x])), 1.0, [1, 0, 0, 0]),
    ("max of one number", lambda x: np.max(x * np.ones(4)), 1.0, [1, 1, 0, 0]),
    ("maximum of a tie", lambda x: np.maximum(x, 1.0), 1.0, [1, 0.5, 0, 0]),
    ("minimum of a tie", lambda x: np.minimum(x, 1.0), 1.0, [1, 0.5, 0, 0]),
    ("clip at its bound", lambda x: np.clip(x, 0.0, 1.0), 1.0, [1, 0.5, 0, 0]),
    ("sort of a tie", lambda x: np.sort(np.stack([x, 0 * x + 1]))[0], 1.0, [1, 1, 0, 0]),
    ("sum of sorted ties", lambda x: np.sum(np.sort(np.stack([x, 0 * x + 1]))), 1.0, [2, 1, 0, 0]),
    ("logaddexp of a tie", lambda x: np.logaddexp(x, x), 0.0, [np.log(2), 1, 0, 0]),
    ("logaddexp with -inf", lambda x: np.logaddexp(x, -INF), 0.0, [0, 1, 0, 0]),
    ("softplus of a large number", lambda x: np.logaddexp(0.0, x), 1000.0, [1000, 1, 0, 0]),
    ("log at 0", np.log, 0.0, [-INF, INF]),
    ("nan_to_num of 0/0", lambda x: np.nan_to_num(x / x), 0.0, [0, 0]),
    ("nansum", lambda x: np.nansum(np.stack([x, x * NAN])), 2.0, [2, 1, 0, 0]),
    ("remainder below 0", lambda x: x % 3.0, -1.0, [2, 1, 0, 0]),
    ("steps", lambda x: np.floor(x) + np.sign(x) * x, 2.5, [4.5, 1, 0, 0]),
    ("truth values", lambda x: x * True + (x > 0) * x, 2.0, [4, 2, 0, 0]),
    ("integers", lambda x: np.sum(x * np.array([1, 2])), 2.0, [6, 3, 0, 0]),
    ("integer base", lambda x: np.sum(np.array([2, 3]) ** x), 2.0, [13, 4 * np.log(2) + 9 * np.log(3)]),
    ("a mask", lambda x: np.sum((x * ONES)[np.array([True, False, True])]), 2.0, [4, 2, 0, 0]),
    ("equal eigenvalues", lambda x: np.sum(np.linalg.eigvalsh(x * np.eye(3)) ** 2), 2.0, [12, 12, 6, 0]),
    ("equal singular values", lambda x: np.sum(np.linalg.svd(x * np.eye(3), compute_uv=False)), 2.0, [6, 3, 0, 0]),
]


def _derivative(f: Callable[..., Any], modes: tuple[str, ...]) -> Callable[..., Any]:
    for mode in modes:
        f = mx.grad(f) if mode == "r" else (lambda x, g=f: mx.jvp(g, (x,), (1.0,))[1])
    return f


@pytest.mark.parametrize(("name", "f", "x", "expected"), TRAPS, ids=[name for name, *_ in TRAPS])
def test_traps(name: str, f: Callable[..., Any], x: float, expected: list[float]) -> None:
    np.testing.assert_allclose(mx.jit(f)(x), expected[0], atol=1e-12)
    for order, wanted in enumerate(expected[1:], 1):
        for modes in itertools.product("jr", repeat=order):
            np.testing.assert_allclose(_derivative(f, modes)(x), wanted, rtol=1e-9, atol=1e-9, err_msg="".join(modes))


# --- writing through views -----------------------------------------------------------------------

#: Views of a matrix, as NumPy makes them.
VIEWS = """
z[1]
z[:, 1]
z[::2, ::-1]
z[1][2:]
z[None]
z[...]
z.T
z.T.T
z.mT
z.real
z.reshape(-1)
z.ravel()
z.T.reshape(-1)
z[:, :2].reshape(-1)
z.reshape((2, 6), order='F')
np.ravel(z.T)
np.swapaxes(z, 0, 1)
np.moveaxis(z, 0, 1)
np.rollaxis(z, 1)
np.transpose(z)
np.squeeze(z[None])
np.expand_dims(z, 0)
np.atleast_3d(z)
np.flip(z)
np.fliplr(z)
np.rot90(z)
np.split(z, 3)[1]
np.array_split(z, 2, axis=1)[1]
np.hsplit(z, 2)[0]
np.vsplit(z, 3)[0]
np.unstack(z)[1]
np.diagonal(z)
np.diag(z, 1)
np.linalg.diagonal(z)
np.broadcast_to(z, (2, 3, 4))
np.broadcast_arrays(z, z[0])[1]
np.meshgrid(z[0], z[1], copy=False)[0]
np.nan_to_num(z, copy=False)
z.astype(float, copy=False)
list(z)[1]
z[[0, 1]]
z[z > 3]
z.copy()
z.flatten()
z.astype(float)
np.roll(z, 1)
np.tile(z, 1)
z.take([0, 1])
+z
"""


@pytest.mark.filterwarnings("ignore")  # NumPy warns of writing to a broadcast array
@pytest.mark.parametrize("text", VIEWS.split("\n")[1:-1])
@pytest.mark.parametrize("written", ["the view", "the view, in place", "the base"])
def test_a_write_is_seen_as_in_numpy_or_refused(text: str, written: str) -> None:
    view = eval(f"lambda z: {text}", {"np": np})

    def f(x: Any) -> Any:
        z = x * 1.0
        w = view(z)
        if written == "the base":
            z[...] = z * x[0, 1] + 5.0
        elif written == "the view":
            w[...] = w * 2.0 + 1.0
        else:
            w += 3.0
        return z.sum(0), w * 1.0

    x = np.arange(1.0, 13.0).reshape(3, 4)
    refusal = ""
    try:
        found = mx.jit(f)(x)
    except MixadError as error:
        refusal = str(error)
    if refusal:
        assert "test_traps.py" in refusal and "write to a .copy()" in refusal  # noqa: PT018
        return
    for mine, theirs in zip(found, f(x), strict=True):
        np.testing.assert_array_equal(mine, theirs)
