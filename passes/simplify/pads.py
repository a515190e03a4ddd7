"""Patterns of sums of padded arrays, which are what the derivatives of slices are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...ir.builder import Builder
from ...ir.graph import Operation, Value
from ...ops.definition import zeros
from .patterns import defined_by, has_one_use, table


@table.pattern("tensor.add", "tensor.sub")
def add_pads(op: Operation, b: Builder) -> Value | None:
    """pad(x) + pad(y), padded alike, is pad(x + y), exactly but for the sign of zeros: in derivatives."""
    first, second = (defined_by(value, "tensor.pad") for value in op.operands)
    if first is None or second is None or not op.location.order or first.attributes != second.attributes:
        return None
    if not has_one_use(first.result) or not has_one_use(second.result):
        return None
    return b.pad(b.build(op.name, first.operands[0], second.operands[0]).result, **first.attributes)


@dataclass(frozen=True)
class _Piece:
    """A value that stands at ``start`` to ``stop`` along one axis, between zeros."""

    start: int
    stop: int
    value: Value


@table.pattern("tensor.add")
def join_pads(op: Operation, b: Builder) -> Value | None:
    """A sum of arrays that are padded along one axis, and do not overlap, is their concatenation, in derivatives: the
    terms of the sum are looked at together, and terms that are none are added to it as before."""
    if not op.location.order or _is_term(op):
        return None
    terms = _terms(op.result)
    by_axis: dict[int, list[_Piece]] = {}
    for value in terms:
        axis = _padded_axis(value)
        if axis is not None:
            by_axis.setdefault(axis, []).append(_piece(value, axis))
    joined: list[Value] = []
    used: set[Value] = set()
    for axis, pieces in by_axis.items():
        run = _disjoint(pieces)
        if len(run) > 1:
            joined.append(_concatenated(run, axis, op, b))
            used.update(piece.value for piece in run)
    if not joined:
        return None
    total, *rest = [*(value for value in terms if value not in used), *joined]
    for value in rest:
        total = b.add(total, value)
    return total


def _is_term(op: Operation) -> bool:
    """Whether a sum is a term of another one, which looks at it."""
    graph = op.graph
    assert graph is not None
    users = graph.uses(op.result)
    return len(users) == 1 and users[0][0].name == "tensor.add" and bool(users[0][0].location.order)


def _terms(value: Value) -> list[Value]:
    """The terms of a tree of sums, each of which is used by the next alone."""
    terms: list[Value] = []
    pending = [value]
    while pending:
        each = pending.pop()
        inner = defined_by(each, "tensor.add")
        if inner is not None and inner.location.order and (each is value or has_one_use(each)):
            pending += inner.operands[::-1]
        else:
            terms.append(each)
    return terms


def _padded_axis(value: Value) -> int | None:
    """The only axis along which a value is padded; None where it is not, or is used elsewhere too."""
    pad = defined_by(value, "tensor.pad")
    if pad is None or not has_one_use(value) or any(pad.attributes["interior"]) or not pad.operands[0].type.size:
        return None
    low, high = pad.attributes["low"], pad.attributes["high"]
    axes = [axis for axis in range(value.type.rank) if low[axis] or high[axis]]
    return axes[0] if len(axes) == 1 else None


def _piece(value: Value, axis: int) -> _Piece:
    low = value.owner.attributes["low"][axis]
    return _Piece(low, low + value.owner.operands[0].type.shape[axis], value)


def _disjoint(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Pieces in order, without those that overlap one before them."""
    found: list[_Piece] = []
    for piece in sorted(pieces, key=lambda piece: (piece.start, piece.stop)):
        if not found or piece.start >= found[-1].stop:
            found.append(piece)
    return found


def _concatenated(pieces: Sequence[_Piece], axis: int, op: Operation, b: Builder) -> Value:
    """The pieces behind each other, zeros where there is a gap."""
    shape = op.result.type.shape
    parts: list[Value] = []
    end = 0
    for piece in pieces:
        parts += _gap(end, piece.start, axis, op, b)
        parts.append(piece.value.owner.operands[0])
        end = piece.stop
    parts += _gap(end, shape[axis], axis, op, b)
    value: Value = b.concatenate(*parts, axis=axis)
    return value


def _gap(start: int, stop: int, axis: int, op: Operation, b: Builder) -> list[Value]:
    type = op.result.type
    if start == stop:
        return []
    return [zeros(b, type.with_shape((*type.shape[:axis], stop - start, *type.shape[axis + 1 :])))]


@table.pattern("tensor.slice")
def slice_pad(op: Operation, b: Builder) -> Value | None:
    """What was padded, cut out again, is there as it was; and zeros are zeros."""
    pad = defined_by(op.operands[0], "tensor.pad")
    if pad is None or any(pad.attributes["interior"]) or any(step != 1 for step in op.attributes["steps"]):
        return None
    rows = zip(
        op.attributes["starts"], op.attributes["sizes"], pad.attributes["low"], pad.operands[0].type.shape, strict=True
    )
    starts = []
    for start, size, low, extent in rows:
        if not low <= start <= start + size <= low + extent:
            return None
        starts.append(start - low)
    return b.slice(pad.operands[0], starts=tuple(starts), sizes=op.attributes["sizes"], steps=op.attributes["steps"])


@table.pattern("tensor.slice")
def slice_concatenation(op: Operation, b: Builder) -> Value | None:
    """A slice that lies within one part of a concatenation is a slice of that part."""
    whole = defined_by(op.operands[0], "tensor.concatenate")
    if whole is None or any(step != 1 for step in op.attributes["steps"]):
        return None
    axis, starts = whole.attributes["axis"], list(op.attributes["starts"])
    for part in whole.operands:
        extent = part.type.shape[axis]
        if starts[axis] >= 0 and starts[axis] + op.attributes["sizes"][axis] <= extent:
            return b.slice(part, starts=tuple(starts), sizes=op.attributes["sizes"], steps=op.attributes["steps"])
        starts[axis] -= extent
    return None
