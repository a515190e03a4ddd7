"""select writes what numpy.where gives, to the last bit."""

import numpy as np
import pytest
from mixad.ir.types import DTYPE_NAMES
from mixad.runtime.numpy.selection import select

rng = np.random.default_rng(0)


def numbers(dtype, shape):
    found = (rng.standard_normal(shape) * 100 + 1j * rng.standard_normal(shape) * (dtype.kind == "c")).astype(dtype)
    if dtype.kind in "fc" and found.size > 8:
        found.flat[:6] = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, -np.nan]).astype(dtype)
    return found


def same(found, wanted):
    assert found.tobytes() == np.ascontiguousarray(wanted).tobytes()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPE_NAMES, ids=DTYPE_NAMES.values())
def test_select(dtype):
    shape = (7, 33)
    which = rng.random(shape) < 0.5
    x, y = numbers(dtype, shape), numbers(dtype, shape)[::-1]
    for left, right in (
        (x, y),
        (x[:1], y),
        (x, y[:, :1]),
        (x, dtype.type(0)),
        (dtype.type(0), y),
        (x, dtype.type(1)),
        (x, x),
        (dtype.type(1), dtype.type(0)),
        (np.asfortranarray(x), y),
    ):
        out = np.empty(shape, dtype)
        select(which, left, right, out)
        same(out, np.where(which, left, right).astype(dtype))
    if dtype.kind == "f":
        out = np.empty(shape, dtype)
        select(which, x, dtype.type(-0.0), out)
        same(out, np.where(which, x, dtype.type(-0.0)).astype(dtype))


@pytest.mark.parametrize(
    "which", [np.bool_(True), np.bool_(False), rng.random((1, 33)) < 0.5, rng.random((7, 1)) < 0.5]
)
def test_conditions_broadcast(which):
    x, y, out = rng.standard_normal((7, 33)), rng.standard_normal((7, 33)), np.empty((7, 33))
    select(which, x, y, out)
    same(out, np.where(which, x, y))


def test_operands_may_be_written_over():
    which = rng.random(100) < 0.5
    x, y = rng.standard_normal(100), rng.standard_normal(100)
    wanted = np.where(which, x, y)
    for one, other in ((x.copy(), y.copy()), (x.copy(), y.copy())):
        select(which, one, y, one)
        same(one, wanted)
        select(which, x, other, other)
        same(other, wanted)
    select(which, x, x, x)
    same(x, x.copy())


def test_empty():
    out = np.empty((0, 3))
    select(np.empty((0, 3), bool), out, out + 1, out)
