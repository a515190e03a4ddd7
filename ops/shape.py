"""Operations that move elements without changing them."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.errors import DTypeConstraint, ShapeConstraint
from ..ir.graph import Value
from ..ir.types import DTYPE_NAMES, TensorType
from .definition import Array, Op, operation, sample, zeros

Ints = tuple[int, ...]


def check_same_dtype(label: str, x: TensorType, y: TensorType, position: int = 1) -> None:
    """Raise where the operands 0 and ``position`` have different element types."""
    if x.dtype != y.dtype:
        names = DTYPE_NAMES[x.dtype], DTYPE_NAMES[y.dtype]
        raise DTypeConstraint(label, f"operand 0 is {names[0]} and operand {position} is {names[1]}")


@operation("tensor.reshape")
class Reshape(Op):
    """The elements in C order in another ``shape``. (C1) both shapes have one number of elements."""

    linear_in = (("x",),)
    samples = (
        sample((2, 3), shape=(3, 2)),
        sample((), shape=(1, 1)),
        sample((4,), shape=(2, 2)),
        sample((0,), shape=(2, 0)),
    )

    @staticmethod
    def infer(x: TensorType, *, shape: Ints) -> TensorType:
        if any(size < 0 for size in shape) or math.prod(shape) != x.size:
            raise ShapeConstraint("C1", f"operand 0 has shape {x.shape}, {x.size} elements, which do not fill {shape}")
        return x.with_shape(shape)

    @staticmethod
    def evaluate(x: Array, *, shape: Ints) -> Any:
        return np.reshape(x, shape)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *, shape: Ints) -> Value:
        return b.reshape(ct, shape=x.type.shape)


@operation("tensor.transpose")
class Transpose(Op):
    """Axes in another order: result axis ``i`` is operand axis ``permutation[i]``.

    (C1) ``permutation`` is one of the operand's axes.
    """

    linear_in = (("x",),)
    samples = (
        sample((2, 3), permutation=(1, 0)),
        sample((2, 3, 4), permutation=(2, 0, 1)),
        sample((), permutation=()),
        sample((0, 2), permutation=(1, 0)),
    )

    @staticmethod
    def infer(x: TensorType, *, permutation: Ints) -> TensorType:
        if sorted(permutation) != list(range(x.rank)):
            raise ShapeConstraint("C1", f"permutation {permutation} is none of operand 0's {x.rank} axes")
        return x.with_shape(tuple(x.shape[axis] for axis in permutation))

    @staticmethod
    def evaluate(x: Array, *, permutation: Ints) -> Any:
        return np.transpose(x, permutation)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *, permutation: Ints) -> Value:
        inverse = sorted(range(len(permutation)), key=permutation.__getitem__)
        return b.transpose(ct, permutation=tuple(inverse))


@operation("tensor.broadcast_in_dim")
class BroadcastInDim(Op):
    """``x`` repeated to fill ``shape``: its axis ``i`` becomes axis ``dims[i]``, as in StableHLO.

    (C1) ``dims`` has one entry for each axis of ``x``, (C2) strictly increasing and within ``shape``;
    (C3) each axis of ``x`` has size 1 or the size that it becomes.
    """

    linear_in = (("x",),)
    samples = (
        sample((3,), shape=(2, 3), dims=(1,)),
        sample((), shape=(2, 2), dims=()),
        sample((2, 1), shape=(2, 3), dims=(0, 1)),
        sample((2, 1), shape=(2, 4, 3), dims=(0, 2)),
        sample((1,), shape=(0,), dims=(0,)),
    )

    @staticmethod
    def infer(x: TensorType, *, shape: Ints, dims: Ints) -> TensorType:
        if len(dims) != x.rank:
            raise ShapeConstraint("C1", f"dims size ({len(dims)}) does not match operand 0's rank ({x.rank})")
        if list(dims) != sorted(set(dims)) or any(not 0 <= dim < len(shape) for dim in dims):
            raise ShapeConstraint(
                "C2", f"dims {dims} are not strictly increasing within the result's rank {len(shape)}"
            )
        for axis, dim in enumerate(dims):
            if x.shape[axis] not in (1, shape[dim]):
                raise ShapeConstraint(
                    "C3", f"axis {axis} of operand 0 has size {x.shape[axis]}, axis {dim} of the result {shape[dim]}"
                )
        return x.with_shape(shape)

    @staticmethod
    def evaluate(x: Array, *, shape: Ints, dims: Ints) -> Any:
        aligned = [1] * len(shape)
        for size, dim in zip(np.shape(x), dims, strict=True):
            aligned[dim] = size
        return np.broadcast_to(np.reshape(x, aligned), shape)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *, shape: Ints, dims: Ints) -> Value:
        kept = [dim for size, dim in zip(x.type.shape, dims, strict=True) if size == shape[dim]]
        axes = tuple(axis for axis in range(len(shape)) if axis not in kept)
        total = b.reduce_sum(ct, axes=axes) if axes else ct
        return total if total.type is x.type else b.reshape(total, shape=x.type.shape)


@operation("tensor.concatenate")
class Concatenate(Op):
    """The operands one behind the other along ``axis``.

    (C1) there is at least one operand, (C2) ``axis`` is within its rank; (C3) the operands' shapes agree
    but for ``axis``, and (C4) so do their element types.
    """

    linear_in = (("operands",),)
    samples = (
        sample((2,), (3,), axis=0),
        sample((2, 1), (2, 2), (2, 0), axis=1),
        sample((1, 3), (2, 3), axis=0),
        sample((3,), axis=0),
    )

    @staticmethod
    def infer(*operands: TensorType, axis: int) -> TensorType:
        if not operands:
            raise ShapeConstraint("C1", "there are 0 operands; at least 1 is needed")
        first = operands[0]
        if not 0 <= axis < first.rank:
            raise ShapeConstraint("C2", f"axis {axis} is not within operand 0's rank {first.rank}")
        around = first.shape[:axis], first.shape[axis + 1 :]
        for position, operand in enumerate(operands):
            if operand.rank != first.rank or (operand.shape[:axis], operand.shape[axis + 1 :]) != around:
                raise ShapeConstraint(
                    "C3",
                    f"operand 0 has shape {first.shape} and operand {position} has shape {operand.shape}, "
                    f"which differ beside axis {axis}",
                )
            check_same_dtype("C4", first, operand, position)
        total = sum(operand.shape[axis] for operand in operands)
        return first.with_shape((*around[0], total, *around[1]))

    @staticmethod
    def evaluate(*operands: Array, axis: int) -> Any:
        return np.concatenate(operands, axis=axis)

    @staticmethod
    def transpose_operands(b: Builder, ct: Value, *operands: Value, axis: int) -> list[Value]:
        parts: list[Value] = []
        starts, steps = [0] * ct.type.rank, (1,) * ct.type.rank
        for operand in operands:
            sizes = operand.type.shape
            parts.append(b.slice(ct, starts=tuple(starts), sizes=sizes, steps=steps))
            starts[axis] += sizes[axis]
        return parts


def _check_slice(x: TensorType, starts: Ints, sizes: Ints, steps: Ints) -> None:
    """The constraints (C1) to (C3) of `Slice`."""
    for name, numbers in (("starts", starts), ("sizes", sizes), ("steps", steps)):
        if len(numbers) != x.rank:
            raise ShapeConstraint("C1", f"{name} has {len(numbers)} entries where operand 0 has rank {x.rank}")
    for axis, (start, size, step) in enumerate(zip(starts, sizes, steps, strict=True)):
        if step == 0 or size < 0:
            raise ShapeConstraint("C2", f"axis {axis} has step {step} and size {size}")
        last = start + max(size - 1, 0) * step
        limit = x.shape[axis] if size else x.shape[axis] + 1
        if not (0 <= start < limit and 0 <= last < limit):
            raise ShapeConstraint(
                "C3", f"axis {axis} is read from {start} to {last} where operand 0 has size {x.shape[axis]}"
            )


def indexers(starts: Ints, sizes: Ints, steps: Ints) -> tuple[builtins.slice, ...]:
    """Python's slices for explicit starts, sizes and steps."""
    found = []
    for start, size, step in zip(starts, sizes, steps, strict=True):
        stop = start + size * step
        found.append(builtins.slice(start, stop if stop >= 0 else None, step) if size else builtins.slice(0, 0))
    return tuple(found)


@operation("tensor.slice")
class Slice(Op):
    """``sizes[i]`` elements along each axis, from ``starts[i]`` on, every ``steps[i]``-th.

    (C1) the attributes have one entry for each axis, (C2) steps are not zero (they may be negative), sizes
    not negative, (C3) what is read lies within ``x``.
    """

    linear_in = (("x",),)
    samples = (
        sample((5,), starts=(1,), sizes=(3,), steps=(1,)),
        sample((5,), starts=(4,), sizes=(5,), steps=(-1,)),
        sample((6, 5), starts=(5, 1), sizes=(3, 2), steps=(-2, 2)),
        sample((3, 2), starts=(1, 2), sizes=(2, 0), steps=(1, -1)),
        sample((), starts=(), sizes=(), steps=()),
    )

    @staticmethod
    def infer(x: TensorType, *, starts: Ints, sizes: Ints, steps: Ints) -> TensorType:
        _check_slice(x, starts, sizes, steps)
        return x.with_shape(sizes)

    @staticmethod
    def evaluate(x: Array, *, starts: Ints, sizes: Ints, steps: Ints) -> Any:
        return np.asarray(x)[indexers(starts, sizes, steps)]

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *, starts: Ints, sizes: Ints, steps: Ints) -> Value:
        backward = tuple(axis for axis, step in enumerate(steps) if step < 0)
        if backward:
            ct = b.reverse(ct, axes=backward)
        low, high = [], []
        for length, start, size, step in zip(x.type.shape, starts, sizes, steps, strict=True):
            ends = (start, start + (size - 1) * step)
            low.append(min(ends) if size else length)
            high.append(length - 1 - max(ends) if size else 0)
        interior = tuple(abs(step) - 1 for step in steps)
        if not any((*low, *high, *interior)):
            return ct
        return b.pad(ct, low=tuple(low), high=tuple(high), interior=interior)


@operation("tensor.insert_slice")
class InsertSlice(Op):
    """``x`` with ``update`` in place of the slice of ``update``'s shape at ``starts`` and ``steps``.

    (C1) to (C3) as for `tensor.slice`, with the sizes of ``update``; (C4) one element type.
    """

    linear_in = (("x", "update"),)
    samples = (
        sample((5,), (2,), starts=(1,), steps=(2,)),
        sample((4, 3), (2, 3), starts=(3, 2), steps=(-1, -1)),
        sample((2, 2), (0, 2), starts=(0, 0), steps=(1, 1)),
        sample((), (), starts=(), steps=()),
    )

    @staticmethod
    def infer(x: TensorType, update: TensorType, *, starts: Ints, steps: Ints) -> TensorType:
        _check_slice(x, starts, update.shape, steps)
        check_same_dtype("C4", x, update)
        return x

    @staticmethod
    def evaluate(x: Array, update: Array, *, starts: Ints, steps: Ints) -> Any:
        result = np.array(x)
        result[indexers(starts, np.shape(update), steps)] = update
        return result

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, update: Value, *, starts: Ints, steps: Ints) -> Value:
        return b.insert_slice(ct, zeros(b, update.type), starts=starts, steps=steps)

    @staticmethod
    def transpose_update(b: Builder, ct: Value, x: Value, update: Value, *, starts: Ints, steps: Ints) -> Value:
        return b.slice(ct, starts=starts, sizes=update.type.shape, steps=steps)


@operation("tensor.pad")
class Pad(Op):
    """``x`` with zeros around it, ``low`` before and ``high`` behind, and ``interior`` between elements.

    (C1) the attributes have one entry for each axis, (C2) none is negative.
    """

    linear_in = (("x",),)
    samples = (
        sample((3,), low=(1,), high=(2,), interior=(0,)),
        sample((2, 3), low=(0, 1), high=(1, 0), interior=(2, 1)),
        sample((0, 2), low=(2, 0), high=(0, 0), interior=(3, 0)),
        sample((), low=(), high=(), interior=()),
    )

    @staticmethod
    def infer(x: TensorType, *, low: Ints, high: Ints, interior: Ints) -> TensorType:
        for name, numbers in (("low", low), ("high", high), ("interior", interior)):
            if len(numbers) != x.rank:
                raise ShapeConstraint("C1", f"{name} has {len(numbers)} entries where operand 0 has rank {x.rank}")
            if any(number < 0 for number in numbers):
                raise ShapeConstraint("C2", f"{name} is {numbers}; no entry may be negative")
        rows = zip(x.shape, low, high, interior, strict=True)
        return x.with_shape(tuple(a + n + max(n - 1, 0) * between + z for n, a, z, between in rows))

    @staticmethod
    def evaluate(x: Array, *, low: Ints, high: Ints, interior: Ints) -> Any:
        x = np.asarray(x)
        type = Pad.infer(TensorType(x.shape, x.dtype), low=low, high=high, interior=interior)
        result = np.zeros(type.shape, x.dtype)
        result[indexers(low, x.shape, tuple(between + 1 for between in interior))] = x
        return result

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *, low: Ints, high: Ints, interior: Ints) -> Value:
        steps = tuple(between + 1 for between in interior)
        return b.slice(ct, starts=low, sizes=x.type.shape, steps=steps)


@operation("tensor.reverse")
class Reverse(Op):
    """The elements in opposite order along ``axes``. (C1) ``axes`` are distinct, sorted and within the rank."""

    linear_in = (("x",),)
    samples = (sample((3,), axes=(0,)), sample((2, 3), axes=(0, 1)), sample((2, 3), axes=(1,)), sample((), axes=()))

    @staticmethod
    def infer(x: TensorType, *, axes: Ints) -> TensorType:
        if list(axes) != sorted(set(axes)) or any(not 0 <= axis < x.rank for axis in axes):
            raise ShapeConstraint("C1", f"axes {axes} are not distinct, sorted and within operand 0's rank {x.rank}")
        return x

    @staticmethod
    def evaluate(x: Array, *, axes: Ints) -> Any:
        return np.flip(x, axes)

    @staticmethod
    def transpose_x(b: Builder, ct: Value, x: Value, *, axes: Ints) -> Value:
        return b.reverse(ct, axes=axes)
