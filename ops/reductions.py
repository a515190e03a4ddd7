"""Reductions over axes, positions of extrema, running sums.

``axes`` are distinct, sorted and counted from 0; the result keeps the other axes in order.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import ShapeConstraint
from ..ir.graph import Value
from ..ir.types import BOOL, FLOATING, TensorType
from .definition import Array, Op, Sample, operation, sample, zeros
from .elementwise import NUMERIC, REAL, check_dtype

Axes = tuple[int, ...]
_NARROW = frozenset(d for d in FLOATING if d.itemsize == 2)


def widened(x: Array) -> Array:
    """``x`` in the type that sums and products of many of its elements are accumulated in: float32
    for 16-bit floating point numbers, its own otherwise."""
    return np.asarray(x).astype(np.float32) if x.dtype in _NARROW else np.asarray(x)


def kept_axes(rank: int, axes: Axes) -> Axes:
    """The axes that are not in ``axes``."""
    return tuple(axis for axis in range(rank) if axis not in axes)


def reduced_type(x: TensorType, axes: Axes) -> TensorType:
    """The type without ``axes``; (C1) they are distinct, sorted and within the rank."""
    if list(axes) != sorted(set(axes)) or any(not 0 <= axis < x.rank for axis in axes):
        raise ShapeConstraint("C1", f"axes {tuple(axes)} are not distinct, sorted and within operand 0's rank {x.rank}")
    return x.with_shape(tuple(size for axis, size in enumerate(x.shape) if axis not in axes))


def _spread(b: Builder, value: Value, like: Value, axes: Axes) -> Value:
    """Repeat a reduction's result along the reduced ``axes`` of ``like``."""
    shape = like.type.shape
    return b.broadcast_in_dim(value, shape=shape, dims=kept_axes(len(shape), axes))


class Reduction(Op):
    """A reduction over ``axes``, the element type kept."""

    #: Element types taken: (C2) of every reduction.
    dtypes: ClassVar[frozenset[np.dtype[Any]]] = NUMERIC
    #: Whether the reduction of nothing has a value; otherwise (C3).
    has_identity: ClassVar[bool] = True
    samples: ClassVar[tuple[Sample, ...]] = (
        sample((2, 3, 2), axes=(0, 2)),
        sample((3, 2), axes=(0,)),
        sample((5,), axes=(0,)),
        sample((2, 3), axes=()),
        sample((), axes=()),
        sample((0, 3), axes=(1,)),
    )

    def __init_subclass__(cls) -> None:
        dtypes, has_identity = cls.dtypes, cls.has_identity

        def infer(x: TensorType, *, axes: Axes) -> TensorType:
            result = reduced_type(x, axes)
            check_dtype("C2", x, dtypes)
            if not has_identity and 0 in [x.shape[axis] for axis in axes]:
                raise ShapeConstraint("C3", f"axes {axes} of shape {x.shape} hold 0 elements; at least 1 is needed")
            return result

        cls.infer = staticmethod(infer)


_EMPTY = (sample((0, 3), axes=(0,)),)


@operation("tensor.reduce_sum")
class ReduceSum(Reduction):
    """Sum over ``axes``; 0 of nothing. 16-bit floating point numbers are summed in float32.

    (C1) ``axes`` are distinct, sorted and within the rank, (C2) ``x`` is a number of any kind but bool.
    """

    linear_in = (("x",),)
    samples = Reduction.samples + _EMPTY

    @staticmethod
    def evaluate(x: Array, *, axes: Axes) -> Any:
        wide = widened(x)
        return np.sum(wide, axis=axes, dtype=wide.dtype).astype(x.dtype, copy=False)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *, axes: Axes) -> Value:
        return _spread(b, ct, x, axes)


def _reduced_extremum(b: Builder, dx: Value, x: Value, axes: Axes, out: Value) -> Value:
    """The mean tangent of the elements that equal the extremum."""
    chosen = b.compare(x, _spread(b, out, x, axes), direction="eq")
    count = b.reduce_sum(b.convert(chosen, dtype=x.type.dtype), axes=axes)
    total = b.reduce_sum(b.select(chosen, dx, zeros(b, dx.type)), axes=axes)
    return b.div(total, count)


@operation("tensor.reduce_max")
class ReduceMax(Reduction):
    """Largest element over ``axes``, NaN where one is NaN. Elements that tie share the derivative evenly.

    (C1) ``axes`` are distinct, sorted and within the rank, (C2) ``x`` is floating point or integers,
    (C3) at least one element is reduced.
    """

    dtypes = REAL
    has_identity = False

    @staticmethod
    def evaluate(x: Array, *, axes: Axes) -> Any:
        return np.max(x, axis=axes)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, axes: Axes, out: Value) -> Value:
        return _reduced_extremum(b, dx, x, axes, out)


@operation("tensor.reduce_min")
class ReduceMin(Reduction):
    """Smallest element over ``axes``, NaN where one is NaN. Elements that tie share the derivative evenly.

    (C1) ``axes`` are distinct, sorted and within the rank, (C2) ``x`` is floating point or integers,
    (C3) at least one element is reduced.
    """

    dtypes = REAL
    has_identity = False

    @staticmethod
    def evaluate(x: Array, *, axes: Axes) -> Any:
        return np.min(x, axis=axes)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, axes: Axes, out: Value) -> Value:
        return _reduced_extremum(b, dx, x, axes, out)


def _part(b: Builder, x: Value, axis: int, start: int, size: int) -> Value:
    """``size`` elements of ``x`` from ``start`` along ``axis``."""
    shape = x.type.shape
    starts, sizes = [0] * len(shape), list(shape)
    starts[axis], sizes[axis] = start, size
    return b.slice(x, starts=tuple(starts), sizes=tuple(sizes), steps=(1,) * len(shape))


def _multiply_halves(b: Builder, x: Value, dx: Value, axis: int) -> tuple[Value, Value]:
    """Product and its tangent of an axis's two halves; an odd last element stays."""
    size = x.type.shape[axis]
    half = size // 2
    left, right = _part(b, x, axis, 0, half), _part(b, x, axis, half, half)
    d_left, d_right = _part(b, dx, axis, 0, half), _part(b, dx, axis, half, half)
    product, tangent = b.mul(left, right), b.add(b.mul(d_left, right), b.mul(d_right, left))
    if size % 2:
        product = b.concatenate(product, _part(b, x, axis, size - 1, 1), axis=axis)
        tangent = b.concatenate(tangent, _part(b, dx, axis, size - 1, 1), axis=axis)
    return product, tangent


@operation("tensor.reduce_prod")
class ReduceProd(Reduction):
    """Product over ``axes``; 1 of nothing. 16-bit floating point numbers are multiplied in float32.

    (C1) ``axes`` are distinct, sorted and within the rank, (C2) ``x`` is a number of any kind but bool.
    The derivative is exact where elements are zero, at every order: halves of an axis are multiplied
    until one element is left, never divided by.
    """

    samples = (
        *Reduction.samples,
        *_EMPTY,
        sample(np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 1.5], [1.0, -2.0, 0.5]]), axes=(1,)),
    )

    @staticmethod
    def evaluate(x: Array, *, axes: Axes) -> Any:
        wide = widened(x)
        return np.prod(wide, axis=axes, dtype=wide.dtype).astype(x.dtype, copy=False)

    @staticmethod
    def jvp_x(b: Builder, dx: Value, x: Value, *, axes: Axes, out: Value) -> Value:
        if math.prod(x.type.shape[axis] for axis in axes) == 0:
            return zeros(b, out.type)
        for axis in axes:
            while x.type.shape[axis] > 1:
                x, dx = _multiply_halves(b, x, dx, axis)
        return b.reshape(dx, shape=out.type.shape)


_FLAGS = np.array([[True, False, True], [True, True, True]])


@operation("tensor.reduce_and")
class ReduceAnd(Reduction):
    """Whether all elements over ``axes`` hold; True of nothing.

    (C1) ``axes`` are distinct, sorted and within the rank, (C2) ``x`` is bool.
    """

    dtypes = frozenset({BOOL})
    piecewise_constant = True
    samples = (sample(_FLAGS, axes=(1,)), sample(_FLAGS, axes=(0, 1)), sample(_FLAGS[:0], axes=(0,)))

    @staticmethod
    def evaluate(x: Array, *, axes: Axes) -> Any:
        return np.all(x, axis=axes)


@operation("tensor.reduce_or")
class ReduceOr(Reduction):
    """Whether any element over ``axes`` holds; False of nothing.

    (C1) ``axes`` are distinct, sorted and within the rank, (C2) ``x`` is bool.
    """

    dtypes = frozenset({BOOL})
    piecewise_constant = True
    samples = (sample(~_FLAGS, axes=(1,)), sample(~_FLAGS, axes=(0, 1)), sample(_FLAGS[:0], axes=(0,)))

    @staticmethod
    def evaluate(x: Array, *, axes: Axes) -> Any:
        return np.any(x, axis=axes)


def _check_axis(x: TensorType, axis: int) -> None:
    if not 0 <= axis < x.rank:
        raise ShapeConstraint("C1", f"axis {axis} is not within operand 0's rank {x.rank}")


class _Position(Op):
    """Where along ``axis`` the first extremum stands."""

    piecewise_constant = True
    samples = (
        sample((3,), axis=0),
        sample((2, 3), axis=1),
        sample((2, 3), axis=0),
        sample(np.array([1.0, 3.0, 3.0, np.nan]), axis=0),
    )

    @staticmethod
    def infer(x: TensorType, *, axis: int) -> TensorType:
        _check_axis(x, axis)
        check_dtype("C2", x, REAL | {BOOL})
        if x.shape[axis] == 0:
            raise ShapeConstraint("C3", f"axis {axis} has 0 elements; at least 1 is needed")
        return TensorType((*x.shape[:axis], *x.shape[axis + 1 :]), np.dtype(np.int64))


@operation("tensor.argmax")
class Argmax(_Position):
    """Position along ``axis`` of the first largest element (of the first NaN), as si64.

    (C1) ``axis`` is within the rank, (C2) ``x`` is floating point, integers or bool, (C3) the axis is not empty.
    """

    @staticmethod
    def evaluate(x: Array, *, axis: int) -> Any:
        return np.argmax(widened(x), axis=axis).astype(np.int64, copy=False)


@operation("tensor.argmin")
class Argmin(_Position):
    """Position along ``axis`` of the first smallest element (of the first NaN), as si64.

    (C1) ``axis`` is within the rank, (C2) ``x`` is floating point, integers or bool, (C3) the axis is not empty.
    """

    @staticmethod
    def evaluate(x: Array, *, axis: int) -> Any:
        return np.argmin(widened(x), axis=axis).astype(np.int64, copy=False)


@operation("tensor.cumsum")
class Cumsum(Op):
    """Running sum along ``axis``, from its end where ``reverse`` is true.

    (C1) ``axis`` is within the rank, (C2) ``x`` is a number of any kind but bool. 16-bit floating point
    numbers are summed in float32.
    """

    linear_in = (("x",),)
    samples = (
        sample((4,), axis=0, reverse=False),
        sample((2, 3), axis=1, reverse=True),
        sample((2, 3), axis=0, reverse=False),
        sample((0, 2), axis=0, reverse=True),
    )

    @staticmethod
    def infer(x: TensorType, *, axis: int, reverse: bool) -> TensorType:
        _check_axis(x, axis)
        check_dtype("C2", x, NUMERIC)
        return x

    @staticmethod
    def evaluate(x: Array, *, axis: int, reverse: bool) -> Any:
        wide = widened(x)
        if reverse:
            wide = np.flip(wide, axis)
        total = np.cumsum(wide, axis=axis, dtype=wide.dtype).astype(x.dtype, copy=False)
        return np.flip(total, axis) if reverse else total

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *, axis: int, reverse: bool) -> Value:
        return b.cumsum(ct, axis=axis, reverse=not reverse)
