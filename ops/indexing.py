"""Reading and writing at integer positions that are data.

``indices`` are integer arrays of one shape B, one for each entry of ``axes``; position p of B addresses
``x`` at ``indices[k][p]`` along ``axes[k]``, whole along the remaining axes. What is addressed has the
shape B followed by ``x``'s remaining axes in order. Negative indices count from the end; one out of range
is an IndexError when the operation runs.

The constraints on them, in all operations here: (C1) there is one index for each axis, and at least one,
(C2) of integer type and (C3) of one shape; (C4) the axes are distinct and within the rank of ``x``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import ShapeConstraint
from ..ir.graph import Value
from ..ir.types import BOOL, INTEGER, TensorType
from .batching import with_batch
from .definition import Array, Op, operation, sample, zeros
from .elementwise import NUMERIC, check_dtype
from .reductions import kept_axes
from .shape import check_same_dtype

Axes = tuple[int, ...]


def _addressed(x: TensorType, indices: tuple[TensorType, ...], axes: Axes, first: int) -> TensorType:
    """The type of what is addressed; operand ``first`` is the first index."""
    if len(indices) != len(axes) or not axes:
        raise ShapeConstraint("C1", f"there are {len(indices)} indices for {len(axes)} axes")
    for position, index in enumerate(indices, first):
        check_dtype("C2", index, INTEGER, position)
        if index.shape != indices[0].shape:
            raise ShapeConstraint(
                "C3", f"operand {first} has shape {indices[0].shape} and operand {position} has shape {index.shape}"
            )
    if len(set(axes)) != len(axes) or any(not 0 <= axis < x.rank for axis in axes):
        raise ShapeConstraint("C4", f"axes {axes} are not distinct and within operand 0's rank {x.rank}")
    return x.with_shape((*indices[0].shape, *(x.shape[axis] for axis in kept_axes(x.rank, axes))))


def _indexed_first(x: Array, axes: Axes) -> Array:
    """A view of ``x`` with the indexed axes in front."""
    return np.transpose(x, (*axes, *kept_axes(x.ndim, axes)))


def _check_updates(x: TensorType, updates: TensorType, indices: tuple[TensorType, ...], axes: Axes) -> None:
    """The constraints (C1) to (C6) of an operation that writes."""
    addressed = _addressed(x, indices, axes, 2)
    if updates.shape != addressed.shape:
        raise ShapeConstraint("C5", f"operand 1 has shape {updates.shape} where {addressed.shape} is addressed")
    check_same_dtype("C6", x, updates)


def _batch_indices(
    b: Builder, size: int, batched: Sequence[bool], indices: Sequence[Value], axes: Axes
) -> tuple[list[Value], Axes]:
    """Indices that address each example's own part: one more of them counts the examples along axis 0."""
    values = [with_batch(b, index, flag, size) for index, flag in zip(indices, batched, strict=True)]
    count = b.iota(shape=values[0].type.shape, axis=0, dtype=np.dtype(np.int64))
    return [count, *values], (0, *(axis + 1 for axis in axes))


def _batch_update(
    b: Builder, size: int, batched: Sequence[bool], x: Value, updates: Value, indices: Sequence[Value], axes: Axes
) -> tuple[list[Value], Axes]:
    """The operands and axes of a batched operation that writes."""
    written = [with_batch(b, value, flag, size) for value, flag in zip((x, updates), batched, strict=False)]
    chosen, axes = _batch_indices(b, size, batched[2:], indices, axes)
    return [*written, *chosen], axes


_TWICE = np.array([2, 0, 2, -1])
_GRID = (np.array([[0, 1], [-1, 1]]), np.array([[1, 1], [0, -2]], np.int32))


@operation("tensor.gather")
class Gather(Op):
    """The elements of ``x`` that the indices address. (C1) to (C4): see `mixad.ops.indexing`."""

    linear_in = (("x",),)
    constant_in = ("indices",)
    samples = (
        sample((4,), _TWICE, axes=(0,)),
        sample((2, 3), _TWICE, axes=(1,)),
        sample((2, 4, 3), *_GRID, axes=(2, 0)),
        sample((3, 2), np.array(-1), axes=(0,)),
        sample((3, 2), np.zeros((0,), np.int64), axes=(1,)),
    )

    @staticmethod
    def infer(x: TensorType, *indices: TensorType, axes: Axes) -> TensorType:
        return _addressed(x, indices, axes, 1)

    @staticmethod
    def evaluate(x: Array, *indices: Array, axes: Axes) -> Any:
        addressed = _indexed_first(x, axes)[indices]
        # NumPy takes 0-d indices for integers, which give a view.
        return addressed if np.ndim(indices[0]) else np.array(addressed)

    @staticmethod
    def batch(b: Builder, size: int, batched: Sequence[bool], x: Value, *indices: Value, axes: Axes) -> Value:
        if not batched[0]:
            values = [with_batch(b, index, flag, size) for index, flag in zip(indices, batched[1:], strict=True)]
            return b.gather(x, *values, axes=axes)
        chosen, axes = _batch_indices(b, size, batched[1:], indices, axes)
        return b.gather(x, *chosen, axes=axes)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *indices: Value, axes: Axes) -> Value:
        return b.scatter_add(zeros(b, x.type), ct, *indices, axes=axes)


@operation("tensor.scatter_add")
class ScatterAdd(Op):
    """``x`` with ``updates`` added where the indices address; repeated indices accumulate.

    (C1) to (C4): see `mixad.ops.indexing`. (C5) ``updates`` has the shape of what is addressed, (C6) the
    element type of ``x``, (C7) which is not bool.
    """

    linear_in = (("x", "updates"),)
    constant_in = ("indices",)
    samples = (
        sample((4,), (4,), _TWICE, axes=(0,)),
        sample((2, 3), (4, 2), _TWICE, axes=(1,)),
        sample((2, 4, 3), (2, 2, 4), *_GRID, axes=(2, 0)),
        sample((3, 2), (2,), np.array(-1), axes=(0,)),
        sample((3, 2), (0, 3), np.zeros((0,), np.int64), axes=(1,)),
    )

    @staticmethod
    def infer(x: TensorType, updates: TensorType, *indices: TensorType, axes: Axes) -> TensorType:
        _check_updates(x, updates, indices, axes)
        check_dtype("C7", x, NUMERIC)
        return x

    @staticmethod
    def evaluate(x: Array, updates: Array, *indices: Array, axes: Axes) -> Any:
        result = np.array(x)
        np.add.at(_indexed_first(result, axes), indices, updates)
        return result

    @staticmethod
    def batch(
        b: Builder, size: int, batched: Sequence[bool], x: Value, updates: Value, *indices: Value, axes: Axes
    ) -> Value:
        operands, axes = _batch_update(b, size, batched, x, updates, indices, axes)
        return b.scatter_add(*operands, axes=axes)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, updates: Value, *indices: Value, axes: Axes) -> Value:
        return ct

    @staticmethod
    def transpose_updates(b: Builder, ct: Value, x: Value, updates: Value, *indices: Value, axes: Axes) -> Value:
        return b.gather(ct, *indices, axes=axes)


@operation("tensor.scatter")
class Scatter(Op):
    """``x`` with ``updates`` in place of what the indices address; of repeated indices the last one wins.

    (C1) to (C4): see `mixad.ops.indexing`. (C5) ``updates`` has the shape of what is addressed, (C6) the
    element type of ``x``, (C7) which is bool or an integer. Writing floating point numbers is composed of
    a scatter of the winners' numbers, a gather and a select, so that repeated indices differentiate right.
    """

    constant_in = ("x", "updates", "indices")
    samples = (
        sample(np.arange(4), np.array([10, 11, 12, 13]), _TWICE, axes=(0,)),
        sample(np.zeros((2, 3), bool), np.ones((4, 2), bool), _TWICE, axes=(1,)),
        sample(np.arange(6).reshape(3, 2), np.array([7, 8]), np.array(-1), axes=(0,)),
    )

    @staticmethod
    def infer(x: TensorType, updates: TensorType, *indices: TensorType, axes: Axes) -> TensorType:
        _check_updates(x, updates, indices, axes)
        check_dtype("C7", x, INTEGER | {BOOL})
        return x

    @staticmethod
    def evaluate(x: Array, updates: Array, *indices: Array, axes: Axes) -> Any:
        result = np.array(x)
        _indexed_first(result, axes)[indices] = updates
        return result

    @staticmethod
    def batch(
        b: Builder, size: int, batched: Sequence[bool], x: Value, updates: Value, *indices: Value, axes: Axes
    ) -> Value:
        operands, axes = _batch_update(b, size, batched, x, updates, indices, axes)
        return b.scatter(*operands, axes=axes)
