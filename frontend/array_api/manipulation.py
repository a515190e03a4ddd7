"""Shapes, joining, and taking by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array import TracedArray


def broadcast_arrays(*arrays: Any) -> Any:
    return list(np.broadcast_arrays(*arrays))


def broadcast_to(x: Any, /, shape: Any) -> Any:
    return np.broadcast_to(x, shape)


def concat(arrays: Any, /, *, axis: int | None = 0) -> Any:
    return np.concatenate(arrays, axis)


def expand_dims(x: Any, /, axis: int) -> Any:
    return np.expand_dims(x, axis)


def flip(x: Any, /, *, axis: Any = None) -> Any:
    return np.flip(x, axis)


def moveaxis(x: Any, source: Any, destination: Any, /) -> Any:
    return np.moveaxis(x, source, destination)


def permute_dims(x: Any, /, axes: Any) -> Any:
    return np.transpose(x, axes)


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Any:
    return np.repeat(x, repeats, axis)


def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
    """A copy of a traced array but for ``copy=False``: the standard leaves open whether the two share memory."""
    if isinstance(x, TracedArray):
        return x.reshape(shape, copy=copy is not False)
    return np.reshape(x, shape) if copy is None else np.reshape(x, shape, copy=copy)


def roll(x: Any, /, shift: Any, *, axis: Any = None) -> Any:
    return np.roll(x, shift, axis)


def squeeze(x: Any, /, axis: Any) -> Any:
    return np.squeeze(x, axis)


def stack(arrays: Any, /, *, axis: int = 0) -> Any:
    return np.stack(arrays, axis)


def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    return np.take(x, indices, axis)


def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    return np.take_along_axis(x, indices, axis)


def tile(x: Any, repetitions: Any, /) -> Any:
    return np.tile(x, repetitions)


def unstack(x: Any, /, *, axis: int = 0) -> Any:
    return tuple(np.moveaxis(x, axis, 0))
