"""What is not traced says so: NumPy's kind of error, the call, the user's line, and what to do."""

from __future__ import annotations

import math
from typing import Any

import mixad as mx
import numpy as np
import pytest
from mixad.ir.errors import DTypeError, MixadError, NoAxisError, ShapeError, TraceError

X = np.arange(6.0).reshape(2, 3) + 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.histogram(x, bins="auto"), TraceError, r"bins='auto' is not traced"),
        (lambda x: np.isnat(x), TraceError, r"np\.isnat is not traced"),
        (lambda x: np.subtract.reduceat(x, [0, 1]), TraceError, r"np\.subtract\.reduceat is not traced"),
        (lambda x: np.subtract.reduce(x), TraceError, r"np\.subtract\.reduce is not traced"),
        (lambda x: np.multiply.at(x, x[0].astype(int) % 2, 2.0), TraceError, r"np\.multiply\.at at traced positions"),
        (lambda x: np.pad(x, 1, mode="edge", end_values=2), TraceError, r"takes no end_values="),
        (lambda x: np.pad(x.astype(int), 1, mode="mean"), DTypeError, r"rounds.*\.astype\(float\)"),
        (lambda x: np.gradient(x > 2), DTypeError, r"np\.gradient of bool"),
        (lambda x: np.quantile(x > 2, 0.5), DTypeError, r"quantiles of bool"),
        (lambda x: np.isposinf(x + 1j), DTypeError, r"use np\.isinf"),
        (lambda x: np.ediff1d(x.astype(int), to_end=0.5), DTypeError, r"with ends of float64"),
        (lambda x: np.interp(x + 1j, [0, 1], [0, 1]), DTypeError, r"complex points"),
        (lambda x: np.common_type(x > 2), DTypeError, r"np\.common_type of bool"),
        (lambda x: np.ravel_multi_index((x.astype(int), 0), (9, 9), "wrap"), TraceError, r"mode='wrap'"),
        (lambda x: np.trim_zeros(x), ShapeError, r"dimension 2"),
        (lambda x: np.histogramdd(x, bins=[2, 2]), ShapeError, r"2 bins and 3 ranges for 3 dimensions"),
        (lambda x: np.add.at(np.zeros(3), [0], x[0, 0]), TraceError, r"mixad\.numpy\.zeros"),
        (lambda x: np.sqrt(x, where=x > 2), TraceError, "where= leaves elements undefined"),
        (lambda x: np.add(x, 1, dtype=np.int32), DTypeError, "int32 cannot convert an operand of float64"),
        (lambda x: np.sin(x, signature="d->d"), TraceError, "signature= is not traced"),
        (lambda x: np.add(x, 1, out=np.zeros((2, 3))), TraceError, r"mixad\.numpy\.zeros"),
        (lambda x: np.sum(x, out=np.zeros(())), TraceError, r"np\.sum with out= a plain array"),
        (lambda x: x @ np.ones(7), ShapeError, "meets sizes 3 and 7"),
        (lambda x: x @ 2.0, ShapeError, r"for numbers use \*"),
        (lambda x: x + np.ones(4), ShapeError, r"\(2, 3\) and \(4,\) do not broadcast"),
        (lambda x: np.sum(x, axis=2), NoAxisError, "axis 2 is out of bounds for an array of dimension 2"),
        (lambda x: np.sum(x, axis=(0, -2)), ShapeError, "names an axis twice"),
        (lambda x: x.reshape(4, 2), ShapeError, r"\(2, 3\), 6 elements, does not reshape to \(4, 2\)"),
        (lambda x: x.reshape(-1, -1), ShapeError, "one -1 at most"),
        (lambda x: x.transpose(0, 0), ShapeError, r"\(0, 0\) are not the 2 axes"),
        (lambda x: np.squeeze(x, 0), ShapeError, "has size 2, not 1"),
        (lambda x: np.concatenate([x, x[0]]), MixadError, "rank|shape"),
        (lambda x: np.stack([x, x[0]]), ShapeError, r"\(2, 3\) and \(3,\)"),
        (lambda x: np.split(x, 2, axis=1), ShapeError, "axis 1 of size 3 does not split into 2"),
        (lambda x: np.broadcast_to(x, (2, 4)), ShapeError, "do not broadcast"),
        (lambda x: np.max(x[:0]), ShapeError, "zero elements"),
        (lambda x: np.max(x, where=x > 2), ShapeError, "give initial="),
        (lambda x: np.einsum("ij,jk", x), ShapeError, "names 2 operands and 1 are given"),
        (lambda x: np.einsum("i", x), ShapeError, "does not label an array of dimension 2"),
        (lambda x: np.einsum("ij->ii", x), ShapeError, "repeated"),
        (lambda x: np.linalg.norm(x, "two"), ShapeError, "it is 'fro', 'nuc'"),
        (lambda x: np.linalg.matrix_power(x, 2), ShapeError, r"\(2, 3\)"),
        (lambda x: np.pad(x, 1, mode="mode"), TraceError, "mode='mode' is not traced.*median"),
        (lambda x: np.repeat(x, x[0].astype(int)), ShapeError, "3 repeats for 6 elements"),
        (lambda x: np.repeat(x, -1 - x[0, 0].astype(int)), ShapeError, "may not be negative"),
        (lambda x: x & 1, DTypeError, "bitwise_and does not take"),
        (lambda x: x + np.array(["a"]), DTypeError, "numbers"),
        (lambda x: x.view(np.int64), TraceError, "memory"),
        (lambda x: x.item(), ShapeError, r"\(2, 3\)"),
        (lambda x: x[0, 0].item(), TraceError, "lose its derivative"),
        (lambda x: math.sin(x[0, 0]), TraceError, r"np\.sin"),
        (lambda x: float(x[0, 0]), TraceError, r"np\.sin"),
        (lambda x: complex(x[0, 0]), TraceError, r"astype\(complex\)"),
        (lambda x: int(x[0, 0] + 1j), TraceError, r"np\.real"),
        (lambda x: int(x), TraceError, "ambiguous"),
        (lambda x: 1 if x else 0, TraceError, r"\.any\(\) or \.all\(\)"),
    ],
)
def test_errors(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        mx.jit(call)(X)
    assert isinstance(caught.value, MixadError)
    assert "test_numpy_errors.py" in str(caught.value)


@pytest.mark.parametrize("operate", [lambda x: x + None, lambda x: x * "a", lambda x: {} - x])
def test_what_is_no_operand_is_left_to_python(operate: Any) -> None:
    with pytest.raises(TypeError):
        mx.jit(operate)(X)


def test_numpys_own_types_of_error_are_kept() -> None:
    for call in (lambda x: np.sum(x, axis=5), lambda x: np.transpose(x, (0, 7))):
        with pytest.raises(np.exceptions.AxisError):
            mx.jit(call)(X)


def test_keywords_of_ufuncs() -> None:
    calls = [
        lambda x: np.add(x, 1, dtype=np.float64),
        lambda x: np.sqrt(x, where=x > 2, out=np.zeros_like(x)),
        lambda x: np.multiply(x, x, casting="no"),
        lambda x: np.add(x, x, where=True),
        lambda x: np.divmod(x, 2.0, out=(np.zeros_like(x), None)),
        lambda x: np.clip(x, 2, 3),
    ]
    for number, call in enumerate(calls):
        expected, found = call(X.astype(np.float32)), mx.jit(call)(X.astype(np.float32))
        for mine, theirs in zip(found, expected, strict=True):
            assert mine.dtype == theirs.dtype, number
            np.testing.assert_allclose(mine, theirs, rtol=1e-6)


def test_a_traced_array_kept_after_its_function_returned_is_an_error() -> None:
    kept: list[Any] = []
    mx.jit(lambda x: kept.append(x) or x * 2)(X)
    with pytest.raises(TraceError, match="after its function returned"):
        np.sin(kept[0])
