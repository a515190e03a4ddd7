"""Sorting, searching and sets."""

from __future__ import annotations

from typing import Any

import numpy as np


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    if not descending:
        return np.argsort(x, axis, stable=stable)
    # Backwards, so that equal elements keep their order.
    backwards = np.argsort(np.flip(x, axis), axis, stable=stable)
    return x.shape[axis] - 1 - np.flip(backwards, axis)


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    ascending = np.sort(x, axis, stable=stable)
    return np.flip(ascending, axis) if descending else ascending


def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Any:
    return np.searchsorted(x1, x2, side, sorter)  # type: ignore[call-overload]


def nonzero(x: Any, /) -> Any:
    return np.nonzero(x)


def where(condition: Any, x1: Any, x2: Any, /) -> Any:
    return np.where(condition, x1, x2)


def unique_all(x: Any, /) -> Any:
    return np.unique_all(x)


def unique_counts(x: Any, /) -> Any:
    return np.unique_counts(x)


def unique_inverse(x: Any, /) -> Any:
    return np.unique_inverse(x)


def unique_values(x: Any, /) -> Any:
    return np.unique_values(x)
