"""Reductions, cumulative sums and products, differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import ShapeError

Axes = int | tuple[int, ...] | None


def all(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    return np.all(x, axis, keepdims=keepdims)


def any(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    return np.any(x, axis, keepdims=keepdims)


def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    return np.argmax(x, axis, keepdims=keepdims)


def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    return np.argmin(x, axis, keepdims=keepdims)


def count_nonzero(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    return np.count_nonzero(x, axis, keepdims=keepdims)


def max(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    return np.max(x, axis, keepdims=keepdims)


def min(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    return np.min(x, axis, keepdims=keepdims)


def mean(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    return np.mean(x, axis, keepdims=keepdims)


def prod(x: Any, /, *, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Any:
    return np.prod(x, axis, dtype, keepdims=keepdims)


def sum(x: Any, /, *, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Any:
    return np.sum(x, axis, dtype, keepdims=keepdims)


def std(x: Any, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    return np.std(x, axis, ddof=correction, keepdims=keepdims)


def var(x: Any, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    return np.var(x, axis, ddof=correction, keepdims=keepdims)


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    return _cumulative(np.cumprod, x, axis, dtype, include_initial, 1)


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    return _cumulative(np.cumsum, x, axis, dtype, include_initial, 0)


def _cumulative(function: Any, x: Any, axis: int | None, dtype: Any, include_initial: bool, first: int) -> Any:
    """By `numpy.cumsum` and its like: NumPy has functions of the standard's names from 2.1 on."""
    if axis is None:
        if x.ndim > 1:
            raise ShapeError(f"a cumulative sum or product of shape {x.shape}, at {user_location(2)}; name its axis")
        axis = 0
    x = np.atleast_1d(x)
    result = function(x, axis, dtype)
    if not include_initial:
        return result
    shape = tuple(1 if number == axis % x.ndim else size for number, size in enumerate(x.shape))
    return np.concatenate((np.full_like(result, first, shape=shape), result), axis)


def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    around = {name: each for name, each in (("prepend", prepend), ("append", append)) if each is not None}
    return np.diff(x, n, axis, **around)
