"""Patterns of repetition: what is the same along an axis is computed once."""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.builder import Builder
from ...ir.definition import registered
from ...ir.graph import Operation, Value
from ...ir.types import TensorType
from ...ops.definition import full
from .patterns import defined_by, splat, table


def repeated_axes(op: Operation) -> set[int]:
    """The axes along which a broadcast repeats its operand, those of size 1 among them."""
    own = {dim for dim, size in zip(op.attributes["dims"], op.operands[0].type.shape, strict=True) if size != 1}
    return set(range(op.result.type.rank)) - own


def without_axes(b: Builder, op: Operation, axes: Sequence[int], shape: Sequence[int]) -> Value:
    """The broadcast ``op`` without ``axes``, along which it repeats: a value of ``shape``."""
    x, dims = op.operands[0], op.attributes["dims"]
    kept = [axis for axis, dim in enumerate(dims) if dim not in axes]
    left = [dim for dim in range(op.result.type.rank) if dim not in axes]
    narrow = tuple(x.type.shape[axis] for axis in kept)
    if narrow != x.type.shape:
        x = b.reshape(x, shape=narrow)
    places = tuple(left.index(dims[axis]) for axis in kept)
    if narrow == tuple(shape):
        return x
    value: Value = b.broadcast_in_dim(x, shape=tuple(shape), dims=places)
    return value


def repeats(x: Value) -> set[int]:
    """The axes along which a value is known to repeat itself."""
    if x.owner.name == "tensor.broadcast_in_dim":
        return repeated_axes(x.owner)
    return set(range(x.type.rank)) if splat(x) is not None else set()


def narrowed(x: Value, axes: set[int], b: Builder) -> Value:
    """A value without ``axes``, along which it repeats itself."""
    shape = tuple(size for axis, size in enumerate(x.type.shape) if axis not in axes)
    if x.owner.name == "tensor.broadcast_in_dim":
        return without_axes(b, x.owner, tuple(axes), shape)
    number = splat(x)
    assert number is not None
    return full(b, x.type.with_shape(shape), number)


def _repeated(x: Value, axes: set[int], shape: Sequence[int], b: Builder) -> Value:
    """A value repeated along ``axes`` of ``shape``."""
    dims = tuple(axis for axis in range(len(shape)) if axis not in axes)
    value: Value = b.broadcast_in_dim(x, shape=tuple(shape), dims=dims)
    return value


@table.pattern("tensor.broadcast_in_dim")
def broadcast_reshaped(op: Operation, b: Builder) -> Value | None:
    """A broadcast needs no reshape before it that only inserts or drops axes of size 1."""
    inner = defined_by(op.operands[0], "tensor.reshape")
    if inner is None:
        return None
    x = inner.operands[0]
    dims = _places(x.type, inner.result.type, op.attributes["dims"])
    return None if dims is None else b.broadcast_in_dim(x, shape=op.attributes["shape"], dims=dims)


def _places(x: TensorType, reshaped: TensorType, dims: Sequence[int]) -> tuple[int, ...] | None:
    """Where the axes of ``x`` go if those of ``reshaped``, which differs in axes of size 1, go to ``dims``."""
    long = [dim for dim, size in zip(dims, reshaped.shape, strict=True) if size != 1]
    if [size for size in x.shape if size != 1] != [size for size in reshaped.shape if size != 1]:
        return None
    free = [dim for dim, size in zip(dims, reshaped.shape, strict=True) if size == 1]
    found: list[int] = []
    for size in x.shape:
        if size != 1:
            found.append(long.pop(0))
            continue
        low, high = (found[-1] if found else -1), (long[0] if long else len(dims) + len(x.shape) + max(dims, default=0))
        place = next((dim for dim in free if low < dim < high), None)
        if place is None:
            return None
        found.append(place)
    return tuple(found)


@table.pattern("tensor.pad")
def pad_repeated(op: Operation, b: Builder) -> Value | None:
    """What is repeated along axes without padding is padded before."""
    low, high, interior = (op.attributes[key] for key in ("low", "high", "interior"))
    x, rank = op.operands[0], op.result.type.rank
    axes = {axis for axis in repeats(x) if not (low[axis] or high[axis] or interior[axis]) and x.type.shape[axis] > 1}
    if not axes:
        return None
    kept = [axis for axis in range(rank) if axis not in axes]
    padding = {key: tuple(op.attributes[key][axis] for axis in kept) for key in ("low", "high", "interior")}
    return _repeated(b.pad(narrowed(x, axes, b), **padding), axes, op.result.type.shape, b)


def _elementwise() -> list[str]:
    """The operations of the library that work on each element alone."""
    found = ((name, definition.rules) for name, definition in registered().items())
    return [name for name, rules in found if rules is not None and rules.cls.elementwise and name.startswith("tensor.")]


@table.pattern(*_elementwise())
def repeat_late(op: Operation, b: Builder) -> Value | None:
    """An element-wise operation on values that repeat themselves along the same axes is done once, exactly."""
    if not any(value.owner.name == "tensor.broadcast_in_dim" for value in op.operands) or len(op.results) != 1:
        return None
    axes = set.intersection(*(repeats(value) for value in op.operands))
    axes = {axis for axis in axes if op.result.type.shape[axis] > 1}
    if not axes:
        return None
    once = b.build(op.name, *(narrowed(value, axes, b) for value in op.operands), **op.attributes).result
    return _repeated(once, axes, op.result.type.shape, b)
