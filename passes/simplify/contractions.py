"""Patterns of contractions: what an operand repeats, or a sum takes together, is not multiplied out.

A contraction reads its operands along whatever axes they have, so transposes around it go; the others are for
derivatives alone (see sums).
"""

from __future__ import annotations

from ...ir.builder import Builder
from ...ir.graph import Operation, Value
from ...ops.contraction import Labels, parse_spec
from .patterns import defined_by, has_one_use, table
from .repetition import narrowed, repeated_axes, repeats
from .sums import rearrangeable


@table.pattern("tensor.contract")
def contract_transposed(op: Operation, b: Builder) -> Value | None:
    """A contraction reads its operands along whatever axes they have: it needs no transpose before it."""
    labels = parse_spec(op.attributes["spec"])
    for position, names in enumerate((labels.x, labels.y)):
        inner = defined_by(op.operands[position], "tensor.transpose")
        if inner is None:
            continue
        order = dict(zip(inner.attributes["permutation"], names, strict=True))
        specs, operands = [labels.x, labels.y], list(op.operands)
        specs[position] = "".join(order[axis] for axis in range(len(names)))
        operands[position] = inner.operands[0]
        return b.contract(*operands, spec=f"{specs[0]},{specs[1]}->{labels.out}")
    return None


@table.pattern("tensor.transpose")
def transpose_contraction(op: Operation, b: Builder) -> Value | None:
    """A contraction writes its result in any order of axes: it needs no transpose behind it."""
    inner = defined_by(op.operands[0], "tensor.contract")
    if inner is None or not has_one_use(inner.result):
        return None
    labels = parse_spec(inner.attributes["spec"])
    out = "".join(labels.out[axis] for axis in op.attributes["permutation"])
    return b.contract(*inner.operands, spec=f"{labels.x},{labels.y}->{out}")


@table.pattern("tensor.contract")
def contract_repeated(op: Operation, b: Builder) -> Value | None:
    """A contraction takes an operand without the axes along which that is repeated, in derivatives: the other operand
    is summed along them, or the result is repeated in its turn."""
    if not rearrangeable(op) or not op.result.type.size:
        return None
    labels = parse_spec(op.attributes["spec"])
    for position, names in enumerate((labels.x, labels.y)):
        other = (labels.y, labels.x)[position]
        x = op.operands[position]
        axes = repeats(x) & {axis for axis, name in enumerate(names) if name in other or name in labels.out}
        if axes:
            narrow = narrowed(x, axes, b)
            left = "".join(name for axis, name in enumerate(names) if axis not in axes)
            return _contracted(op, position, narrow, left, labels, b)
    return None


def _contracted(op: Operation, position: int, narrow: Value, names: str, labels: Labels, b: Builder) -> Value:
    """The contraction ``op`` with an operand that has the axes ``names`` left, its result repeated as before."""
    others = (labels.y, labels.x)[position]
    specs = [labels.x, labels.y]
    specs[position] = names
    operands = list(op.operands)
    operands[position] = narrow
    out = "".join(name for name in labels.out if name in names or name in others)
    result: Value = b.contract(*operands, spec=f"{specs[0]},{specs[1]}->{out}")
    if out == labels.out:
        return result
    dims = tuple(axis for axis, name in enumerate(labels.out) if name in out)
    return b.broadcast_in_dim(result, shape=op.result.type.shape, dims=dims)


@table.pattern("tensor.contract")
def contract_summed(op: Operation, b: Builder) -> Value | None:
    """A label of one operand alone is summed over before the contraction, by a sum that others may share."""
    labels = parse_spec(op.attributes["spec"])
    for position, names in enumerate((labels.x, labels.y)):
        kept = (labels.y, labels.x)[position] + labels.out
        axes = tuple(axis for axis, name in enumerate(names) if name not in kept)
        if axes and rearrangeable(op):
            specs, operands = [labels.x, labels.y], list(op.operands)
            specs[position] = "".join(name for name in names if name in kept)
            operands[position] = b.reduce_sum(operands[position], axes=axes)
            return b.contract(*operands, spec=f"{specs[0]},{specs[1]}->{labels.out}")
    return None


@table.pattern("tensor.contract")
def contract_nothing(op: Operation, b: Builder) -> Value | None:
    """A contraction without a sum, one of whose operands has every axis of the result, is a product, exactly."""
    labels = parse_spec(op.attributes["spec"])
    if set(labels.x + labels.y) != set(labels.out):
        return None
    for (names, other), (x, y) in zip(
        ((labels.x, labels.y), (labels.y, labels.x)), (op.operands, op.operands[::-1]), strict=True
    ):
        if len(names) == len(labels.out):
            return b.mul(_aligned(x, names, labels.out, op, b), _aligned(y, other, labels.out, op, b))
    return None


def _aligned(x: Value, names: str, out: str, op: Operation, b: Builder) -> Value:
    """A value with axes ``names``, some of ``out``, in the shape of the result of ``op``, whose axes are ``out``."""
    order = [names.index(name) for name in out if name in names]
    if order != sorted(order):
        x = b.transpose(x, permutation=tuple(order))
    if x.type is op.result.type:
        return x
    dims = tuple(axis for axis, name in enumerate(out) if name in names)
    value: Value = b.broadcast_in_dim(x, shape=op.result.type.shape, dims=dims)
    return value


@table.pattern("tensor.reduce_sum")
def sum_contraction(op: Operation, b: Builder) -> Value | None:
    """The sum of a contraction over axes of its result is a contraction that does not keep them, in derivatives."""
    x = op.operands[0]
    inner = defined_by(x, "tensor.contract")
    if inner is None or not rearrangeable(op) or not has_one_use(x):
        return None
    labels = parse_spec(inner.attributes["spec"])
    out = "".join(name for axis, name in enumerate(labels.out) if axis not in op.attributes["axes"])
    return b.contract(*inner.operands, spec=f"{labels.x},{labels.y}->{out}")


@table.pattern("tensor.reduce_sum")
def sum_of_products(op: Operation, b: Builder) -> Value | None:
    """The sum of x + y, where both are products that a sum makes smaller (a contraction, or one with a factor that is
    repeated along the axes of the sum), is the sum of x plus the sum of y, in derivatives."""
    x, axes = op.operands[0], op.attributes["axes"]
    total = x.owner
    if total.name not in ("tensor.add", "tensor.sub") or not rearrangeable(op) or not has_one_use(x):
        return None
    if not all(_shrinks(value, axes) for value in total.operands):
        return None
    return b.build(total.name, *(b.reduce_sum(value, axes=axes) for value in total.operands)).result


def _shrinks(x: Value, axes: tuple[int, ...]) -> bool:
    """Whether the sum of a product over ``axes`` is of something smaller, or had anyway."""
    op = x.owner
    if not has_one_use(x):
        return False
    if op.name == "tensor.contract":
        labels = parse_spec(op.attributes["spec"])
        names = [labels.out[axis] for axis in axes]
        return all((name in labels.x) != (name in labels.y) for name in names)
    if op.name != "tensor.mul":
        return False
    found = (value.owner for value in op.operands if value.owner.name == "tensor.broadcast_in_dim")
    return any(repeated_axes(repeat) >= set(axes) for repeat in found)
