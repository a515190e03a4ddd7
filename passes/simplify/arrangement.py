"""Patterns of choices, conversions and rearrangements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...ir.attributes import Dense
from ...ir.builder import Builder
from ...ir.graph import Operation, Value
from ...ir.types import FLOATING, INTEGER
from ...ops.definition import full
from .patterns import defined_by, exactly, factor, has_one_use, splat, table

# --- choices and conversions -----------------------------------------------------------------------


@table.pattern("tensor.select")
def select_known(op: Operation, b: Builder) -> Value | None:
    """A choice that is decided, or between equal branches."""
    predicate, on_true, on_false = op.operands
    if on_true is on_false:
        return on_true
    number = splat(predicate)
    if number is None:
        return None
    return on_true if number else on_false


@table.pattern("ad.mul_no_nan")
def multiply_choice(op: Operation, b: Builder) -> Value | None:
    """A cut constant, select(p, c, 0), times y -> select(p, y * c, 0): the choice itself absorbs what y may hold."""
    x, y = op.operands
    choice = defined_by(x, "tensor.select")
    if choice is None or not has_one_use(x):
        return None
    predicate, on_true, on_false = choice.operands
    if splat(on_false) == 0 and factor(on_true):
        return b.select(predicate, b.mul(y, on_true), on_false)
    if splat(on_true) == 0 and factor(on_false):
        return b.select(predicate, on_true, b.mul(y, on_false))
    return None


@table.pattern("tensor.mul")
def scale_choice(op: Operation, b: Builder) -> Value | None:
    """select(p, x, 0) * c -> select(p, x * c, 0) in derivatives, where the sign of a zero means nothing."""
    x, y = op.operands
    choice = defined_by(x, "tensor.select")
    if choice is None or not op.location.order or not factor(y) or not has_one_use(x):
        return None
    predicate, on_true, on_false = choice.operands
    if splat(on_false) == 0:
        return b.select(predicate, b.mul(on_true, y), on_false)
    return b.select(predicate, on_true, b.mul(on_false, y)) if splat(on_true) == 0 else None


@table.pattern("tensor.add")
def add_choices(op: Operation, b: Builder) -> Value | None:
    """select(p, x, 0) + select(p, 0, y) -> select(p, x, y) in derivatives, where the sign of a zero means nothing."""
    first, second = (defined_by(value, "tensor.select") for value in op.operands)
    if first is None or second is None or not op.location.order or first.operands[0] is not second.operands[0]:
        return None
    for one, other in ((first, second), (second, first)):
        if splat(one.operands[2]) == 0 and splat(other.operands[1]) == 0:
            return b.select(one.operands[0], one.operands[1], other.operands[2])
    return None


@table.pattern("tensor.logical_and", "tensor.logical_or", "tensor.logical_xor")
def decide_logic(op: Operation, b: Builder) -> Value | None:
    """A constant truth value decides, or says nothing; so does a value beside itself."""
    x, y = op.operands
    if x is y and op.name != "tensor.logical_xor":
        return x
    known = splat(y) if x.type.dtype.kind == "b" else None
    if known is None:
        return None
    if op.name == "tensor.logical_xor":
        return None if known else x
    return x if bool(known) == (op.name == "tensor.logical_and") else y


@table.pattern("tensor.convert")
def convert_to_itself(op: Operation, b: Builder) -> Value | None:
    """A conversion that changes nothing."""
    x = op.operands[0]
    return x if x.type is op.result.type else None


@table.pattern("tensor.convert")
def convert_twice(op: Operation, b: Builder) -> Value | None:
    """A conversion of a conversion that lost nothing is one conversion."""
    inner = defined_by(op.operands[0], "tensor.convert")
    if inner is None:
        return None
    x = inner.operands[0]
    first, second, third = x.type.dtype, inner.result.type.dtype, op.result.type.dtype
    same_kind = {first, second} <= FLOATING or {first, second} <= INTEGER
    if not same_kind or not np.can_cast(first, second, "safe") or (third not in FLOATING and third not in INTEGER):
        return None
    return b.convert(x, dtype=third)


@table.pattern("ad.stop_gradient")
def stop_twice(op: Operation, b: Builder) -> Value | None:
    """A stop_gradient of a stop_gradient, or of a constant, says nothing more."""
    x = op.operands[0]
    return x if x.owner.name in ("ad.stop_gradient", "tensor.constant") else None


# --- shapes ----------------------------------------------------------------------------------------


@table.pattern("tensor.reshape", "tensor.transpose", "tensor.broadcast_in_dim", "tensor.slice", "tensor.pad")
def same_shape(op: Operation, b: Builder) -> Value | None:
    """A rearrangement that moves nothing."""
    x = op.operands[0]
    if x.type is not op.result.type:
        return None
    if op.name == "tensor.transpose" and op.attributes["permutation"] != tuple(range(x.type.rank)):
        return None
    if op.name == "tensor.slice" and any(step < 0 for step in op.attributes["steps"]):
        return None
    return x


@table.pattern("tensor.reverse", "tensor.reduce_sum", "tensor.reduce_max", "tensor.reduce_min", "tensor.reduce_prod")
def no_axes(op: Operation, b: Builder) -> Value | None:
    """A reduction or a reversal over no axes."""
    return op.operands[0] if not op.attributes["axes"] else None


@table.pattern("tensor.concatenate")
def concatenate_one(op: Operation, b: Builder) -> Value | None:
    """A concatenation of one array."""
    return op.operands[0] if len(op.operands) == 1 else None


@table.pattern("tensor.reshape", "tensor.transpose", "tensor.broadcast_in_dim", "tensor.slice", "tensor.reverse")
def rearrange_splat(op: Operation, b: Builder) -> Value | None:
    """A rearranged splat is a splat."""
    x = op.operands[0].owner
    if x.name != "tensor.constant":
        return None
    dense: Dense = x.attributes["value"]
    if not dense.is_splat:
        return None
    constant: Value = b.constant(value=Dense(dense.data, op.result.type))
    return constant


@table.pattern("tensor.reshape")
def reshape_twice(op: Operation, b: Builder) -> Value | None:
    """A reshape of a reshape is one reshape."""
    inner = defined_by(op.operands[0], "tensor.reshape")
    return b.reshape(inner.operands[0], shape=op.result.type.shape) if inner else None


@table.pattern("tensor.transpose")
def transpose_twice(op: Operation, b: Builder) -> Value | None:
    """A transpose of a transpose is one transpose."""
    inner = defined_by(op.operands[0], "tensor.transpose")
    if inner is None:
        return None
    first: Sequence[int] = inner.attributes["permutation"]
    second: Sequence[int] = op.attributes["permutation"]
    return b.transpose(inner.operands[0], permutation=tuple(first[axis] for axis in second))


@table.pattern("tensor.broadcast_in_dim")
def broadcast_twice(op: Operation, b: Builder) -> Value | None:
    """A broadcast of a broadcast is one broadcast."""
    inner = defined_by(op.operands[0], "tensor.broadcast_in_dim")
    if inner is None:
        return None
    dims = tuple(op.attributes["dims"][dim] for dim in inner.attributes["dims"])
    return b.broadcast_in_dim(inner.operands[0], shape=op.attributes["shape"], dims=dims)


@table.pattern("tensor.reduce_sum")
def sum_splat(op: Operation, b: Builder) -> Value | None:
    """The sum of n equal constants c is n * c, where that is exact."""
    x = op.operands[0]
    number = factor(x)
    if number is None:
        return None
    total = exactly(number * (x.type.size // max(op.result.type.size, 1)), op.result.type)
    return full(b, op.result.type, total) if total is not None else None
