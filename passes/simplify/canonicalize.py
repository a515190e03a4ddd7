"""canonicalize: local algebra that never loses accuracy.

Every rewrite gives the same bits as what it replaces, or fewer roundings; the two exceptions, zeros and
factors inside derivatives, are named where they stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...ir.attributes import Dense
from ...ir.builder import Builder
from ...ir.graph import Operation, Value
from ...ir.module import Module
from ...ir.rewriting import PatternTable
from ...ops.definition import full
from ..manager import Pass, PassLog, register_pass
from ..scope import functions

table = PatternTable()


@register_pass("canonicalize")
@dataclass(frozen=True)
class Canonicalize(Pass):
    """Rewrite operations to their simplest form, by a table of local patterns."""

    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        changed = False
        for graph in functions(module, self.function):
            for pattern, times in table.rewrite(graph).items():
                log.count(pattern.replace("_", "-"), times)
                changed = True
        return changed


def splat(value: Value) -> complex | None:
    """The number that a constant repeats; None for anything else, NaN included."""
    op = value.owner
    if op.name != "tensor.constant":
        return None
    dense: Dense = op.attributes["value"]
    if not dense.is_splat:
        return None
    number: complex = dense.data.item()
    return number if number == number else None


def defined_by(value: Value, name: str) -> Operation | None:
    """The operation that makes ``value``, if it is called ``name``."""
    return value.owner if value.owner.name == name else None


# --- sums ------------------------------------------------------------------------------------------


@table.pattern("tensor.add")
def add_itself(op: Operation, b: Builder) -> Value | None:
    """x + x -> x * 2, exactly."""
    x, y = op.operands
    if x is y and x.type.dtype.kind != "b":
        return b.mul(x, full(b, x.type, 2))
    return None


@table.pattern("tensor.add")
def add_negated(op: Operation, b: Builder) -> Value | None:
    """x + -y -> x - y and -x + y -> y - x, exactly."""
    x, y = op.operands
    if negated := defined_by(y, "tensor.neg"):
        return b.sub(x, negated.operands[0])
    if negated := defined_by(x, "tensor.neg"):
        return b.sub(y, negated.operands[0])
    return None


@table.pattern("tensor.sub")
def subtract_negated(op: Operation, b: Builder) -> Value | None:
    """x - -y -> x + y, exactly."""
    x, y = op.operands
    if negated := defined_by(y, "tensor.neg"):
        return b.add(x, negated.operands[0])
    return None


@table.pattern("tensor.add")
def add_zero_tangent(op: Operation, b: Builder) -> Value | None:
    """x + 0 -> x in derivatives, where the sign of a zero means nothing (elsewhere -0.0 + 0.0 is 0.0)."""
    x, y = op.operands
    if op.location.order and splat(y) == 0:
        return x
    if op.location.order and splat(x) == 0:
        return y
    return None


@table.pattern("tensor.sub")
def subtract_zero(op: Operation, b: Builder) -> Value | None:
    """x - 0 -> x, exactly."""
    x, y = op.operands
    number = splat(y)
    if number == 0 and np.signbit(np.real(number)) == np.False_ and x.type.dtype.kind != "c":
        return x
    return None


@table.pattern("tensor.neg")
def negate_twice(op: Operation, b: Builder) -> Value | None:
    """--x -> x and -(x - y) -> y - x in derivatives (they differ in the sign of zero elsewhere)."""
    if inner := defined_by(op.operands[0], "tensor.neg"):
        return inner.operands[0]
    inner = defined_by(op.operands[0], "tensor.sub")
    if inner and op.location.order and op.graph and op.graph.has_one_use(op.operands[0]):
        return b.sub(inner.operands[1], inner.operands[0])
    return None


# --- products --------------------------------------------------------------------------------------


@table.pattern("tensor.mul", "tensor.add")
def constant_right(op: Operation, b: Builder) -> Value | None:
    """A constant operand stands on the right."""
    x, y = op.operands
    if x.owner.name == "tensor.constant" and y.owner.name != "tensor.constant":
        return b.build(op.name, y, x).result
    return None


@table.pattern("tensor.mul", "tensor.div", "ad.mul_no_nan")
def multiply_one(op: Operation, b: Builder) -> Value | None:
    """x * 1 -> x, x / 1 -> x, x * -1 -> -x, x / -1 -> -x, exactly."""
    x, y = op.operands
    if x.type.dtype.kind == "b":
        return None
    number = splat(y)
    if number == 1:
        return x
    if number == -1 and x.type.dtype.kind != "u":
        return b.neg(x)
    if op.name == "tensor.mul" and splat(x) == 1:
        return y
    if op.name == "ad.mul_no_nan" and splat(x) == 1:
        return y
    return None


@table.pattern("tensor.mul", "tensor.div")
def multiply_negated(op: Operation, b: Builder) -> Value | None:
    """Negations move out of products: -x * y -> -(x * y), and cancel in pairs; exactly."""
    x, y = op.operands
    left, right = defined_by(x, "tensor.neg"), defined_by(y, "tensor.neg")
    if left is None and right is None:
        return None
    product = b.build(op.name, left.operands[0] if left else x, right.operands[0] if right else y).result
    return product if left and right else b.neg(product)


@table.pattern("tensor.mul")
def multiply_constants(op: Operation, b: Builder) -> Value | None:
    """(x * c1) * c2 -> x * (c1 * c2) where c1 * c2 is exact."""
    x, y = op.operands
    inner = defined_by(x, "tensor.mul")
    second = splat(y)
    if inner is None or second is None:
        return None
    first = splat(inner.operands[1])
    if first is None:
        return None
    dtype = op.result.type.dtype
    if dtype.kind not in "fV":
        return None
    with np.errstate(all="ignore"):
        exact = np.float64(first.real) * np.float64(second.real)
        rounded = np.asarray(exact, dtype)
    # Integers below 2**26 multiply exactly in float64; the product must also be exact in the operation's dtype.
    small = max(abs(first.real), abs(second.real)) < 2**26 and first.real % 1 == 0 == second.real % 1
    if not small or float(rounded) != float(exact):
        return None
    return b.mul(inner.operands[0], full(b, op.result.type, float(exact)))


@table.pattern("tensor.mul")
def multiply_itself(op: Operation, b: Builder) -> Value | None:
    """x * x -> square(x), exactly."""
    x, y = op.operands
    return b.square(x) if x is y and x.type.dtype.kind != "b" else None


@table.pattern("tensor.pow")
def power_of_constant(op: Operation, b: Builder) -> Value | None:
    """x ** 0 -> 1, x ** 1 -> x, x ** 2 -> square(x), x ** -1 -> 1 / x: at most as many roundings."""
    x, y = op.operands
    number = splat(y)
    if number == 0:
        return full(b, x.type, 1)
    if number == 1:
        return x
    if number == 2:
        return b.square(x)
    if number == -1 and x.type.differentiable:
        return b.reciprocal(x)
    return None


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


@table.pattern("tensor.convert")
def convert_to_itself(op: Operation, b: Builder) -> Value | None:
    """A conversion that changes nothing."""
    x = op.operands[0]
    return x if x.type is op.result.type else None


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
