"""Reading and writing at positions that are data, in StableHLO.

A position out of range is an IndexError in mixad; StableHLO clamps it when it reads and drops it when it writes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...ir.graph import Operation
from ...ir.types import TensorType
from .writer import Tensor, Writer, integers

INDEX = np.dtype(np.int64)


def _positions(w: Writer, x: Tensor, indices: Sequence[Tensor], axes: Sequence[int]) -> Tensor:
    """The indices, counted from 0 and side by side along a new last axis."""
    columns = []
    for index, axis in zip(indices, axes, strict=True):
        signed = index.type.dtype.kind == "i"
        position = w.convert(index, INDEX)
        if signed:
            from_end = w.binary("add", position, w.full(position.type, x.type.shape[axis]))
            position = w.select(w.compare(position, w.full(position.type, 0), "lt"), from_end, position)
        columns.append(w.reshape(position, (*position.type.shape, 1)))
    if len(columns) == 1:
        return columns[0]
    shape = columns[0].type.shape[:-1]
    return w.op("concatenate", columns, TensorType((*shape, len(columns)), INDEX), dimension=f"{len(shape)} : i64")


def _read(w: Writer, x: Tensor, positions: Tensor, axes: Sequence[int]) -> Tensor:
    """What the positions address."""
    shape = positions.type.shape[:-1]
    kept = [axis for axis in range(x.type.rank) if axis not in axes]
    result = x.type.with_shape((*shape, *(x.type.shape[axis] for axis in kept)))
    offsets = list(range(len(shape), result.rank))
    numbers = (
        f"offset_dims = {offsets}, collapsed_slice_dims = {sorted(axes)}, start_index_map = {list(axes)}, "
        f"index_vector_dim = {len(shape)}"
    )
    sizes = [1 if axis in axes else size for axis, size in enumerate(x.type.shape)]
    return w.op(
        "gather",
        [x, positions],
        result,
        dimension_numbers=f"#stablehlo.gather<{numbers}>",
        slice_sizes=integers(sizes),
        indices_are_sorted="false",
    )


def _write(w: Writer, x: Tensor, positions: Tensor, updates: Tensor, axes: Sequence[int], name: str) -> Tensor:
    """``x`` with the updates folded in by the operation ``name``, or in place where it is empty."""
    rank = positions.type.rank - 1
    numbers = (
        f"update_window_dims = {list(range(rank, updates.type.rank))}, inserted_window_dims = {sorted(axes)}, "
        f"scatter_dims_to_operand_dims = {list(axes)}, index_vector_dim = {rank}"
    )
    return w.op(
        "scatter",
        [x, positions, updates],
        x.type,
        w.combiner(name, x.type.dtype),
        scatter_dimension_numbers=f"#stablehlo.scatter<{numbers}>",
        indices_are_sorted="false",
        unique_indices="false",
    )


def gather(w: Writer, op: Operation, x: Tensor, *indices: Tensor) -> Tensor:
    """Reading."""
    if not op.result.type.size:
        return w.full(op.result.type, 0)
    axes = op.attributes["axes"]
    return _read(w, x, _positions(w, x, indices, axes), axes)


def scatter_add(w: Writer, op: Operation, x: Tensor, updates: Tensor, *indices: Tensor) -> Tensor:
    """Adding."""
    if not updates.type.size:
        return x
    axes = op.attributes["axes"]
    return _write(w, x, _positions(w, x, indices, axes), updates, axes, "add")


def scatter(w: Writer, op: Operation, x: Tensor, updates: Tensor, *indices: Tensor) -> Tensor:
    """Writing. StableHLO does not say which of several updates of one position is the last, so each position first
    finds its last update, and the others are sent out of range, where they are dropped."""
    if not updates.type.size:
        return x
    axes = op.attributes["axes"]
    positions = _positions(w, x, indices, axes)
    shape = indices[0].type.shape
    if indices[0].type.size > 1:
        flat = TensorType((indices[0].type.size,), INDEX)
        order = w.reshape(w.iota(flat, 0), shape)
        table = TensorType(tuple(x.type.shape[axis] for axis in axes), INDEX)
        own = tuple(range(len(axes)))
        last = _read(w, _write(w, w.full(table, -1), positions, order, own, "maximum"), positions, own)
        wins = w.broadcast(w.compare(last, order, "eq"), positions.type.shape, range(len(shape)))
        positions = w.select(wins, positions, w.full(positions.type, -1))
    return _write(w, x, positions, updates, axes, "")
