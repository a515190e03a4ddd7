"""Named iteration dimensions: which axes of an operation's operands and results run together.

Each axis has a label. Axes with one label are walked in step: element i of the result along it depends on element i of
the operands along it alone. A label of operands that no result has is reduced over. None labels an axis that has to be
whole. An operation without a rule here can be cut along no axis.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ...ir.graph import Graph, Operation, Value
from ...ops.kernel import WHOLE

Labels = tuple[Hashable, ...]
#: The labels of an index's own axes are pairs with this.
INDEX: Final = "index"
#: Reductions whose contributions of blocks can be combined, by the ufunc that does.
COMBINED: Final = {
    "tensor.reduce_sum": np.add,
    "tensor.reduce_max": np.maximum,
    "tensor.reduce_min": np.minimum,
    "tensor.contract": np.add,
    "ad.contract_no_nan": np.add,
}


@dataclass(frozen=True)
class Iteration:
    """Labels of each operand's axes and of the axes of all results."""

    operands: tuple[Labels, ...]
    result: Labels

    def label_at(self, axes: Sequence[int | None]) -> Hashable:
        """The label of the dimension that runs along operand k's ``axes[k]``; None where the operands disagree, or
        where such an axis has to be whole. None in ``axes`` stands for an operand about which nothing is known."""
        found: Hashable = None
        for labels, axis in zip(self.operands, axes, strict=True):
            if axis is None:
                continue
            label = labels[axis] if axis != WHOLE else None
            if axis == WHOLE:
                continue
            if label is None or found not in (None, label):
                return None
            found = label
        return found

    def axes_of(self, label: Hashable) -> tuple[list[int], int]:
        """Along which axis of each operand, and of the result, a label runs; `WHOLE` where it does not."""
        operands = [labels.index(label) if label in labels else WHOLE for labels in self.operands]
        return operands, self.result.index(label) if label in self.result else WHOLE


def iteration(op: Operation) -> Iteration | None:
    """The labels of an operation's axes, or None where it cannot be cut."""
    if len(op.results) != 1:
        return None
    if op.definition.rules is not None and op.definition.rules.cls.elementwise:
        labels = tuple(range(op.result.type.rank))
        return Iteration((labels,) * len(op.operands), labels)
    rule = _RULES.get(op.name)
    return rule(op) if rule else None


def walked(region: Graph, axes: Sequence[int], results: Sequence[int]) -> dict[Value, int]:
    """Along which axis the dimension of a kernel runs through each value of its region, given its inputs' and outputs'.

    What repeats a value along the dimension follows from who reads it.
    """
    found: dict[Value, int] = dict(zip(region.inputs, axes, strict=True))
    for op in region:
        plan = iteration(op)
        if plan is None:
            continue  # a constant
        label = plan.label_at([found.get(value) for value in op.operands])
        if label is None:
            continue
        operands, found[op.result] = plan.axes_of(label)
        for value, axis in zip(op.operands, operands, strict=True):
            _resolve(value, axis, found)
    for value, axis in zip(region.outputs, results, strict=True):
        _resolve(value, axis, found)
    return {value: found.get(value, WHOLE) for op in region for value in op.results} | found


def _resolve(value: Value, axis: int, found: dict[Value, int]) -> None:
    """Settle the axis of a repeated value, and of what it repeats."""
    if value in found:
        return
    found[value] = axis
    plan = iteration(value.owner)
    if plan is not None:
        label = plan.result[axis] if axis != WHOLE else None
        inner = plan.axes_of(label)[0] if label is not None else [WHOLE] * len(plan.operands)
        for operand, each in zip(value.owner.operands, inner, strict=True):
            _resolve(operand, each, found)


def _same_axes(op: Operation, whole: Callable[[int], bool]) -> Iteration:
    """Axes keep their place; those for which ``whole`` holds are not cut."""
    labels = tuple(None if whole(axis) else axis for axis in range(op.result.type.rank))
    return Iteration((labels,) * len(op.operands), labels)


def _broadcast(op: Operation) -> Iteration:
    dims, shape, x = op.attributes["dims"], op.attributes["shape"], op.operands[0].type
    labels = tuple(dim if size == shape[dim] else None for dim, size in zip(dims, x.shape, strict=True))
    return Iteration((labels,), tuple(range(len(shape))))


def _reduction(op: Operation) -> Iteration:
    rank, axes = op.operands[0].type.rank, op.attributes["axes"]
    return Iteration((tuple(range(rank)),), tuple(axis for axis in range(rank) if axis not in axes))


def _contract(op: Operation) -> Iteration:
    inputs, _, out = op.attributes["spec"].partition("->")
    left, _, right = inputs.partition(",")
    return Iteration((tuple(left), tuple(right)), tuple(out))


def _transpose(op: Operation) -> Iteration:
    permutation = op.attributes["permutation"]
    return Iteration((tuple(range(len(permutation))),), tuple(permutation))


def _reshape(op: Operation) -> Iteration:
    """An axis keeps its label where as many elements lie before and behind it as in the result."""
    old, new = op.operands[0].type.shape, op.result.type.shape
    places = {_place(new, axis): axis for axis in range(len(new)) if new[axis] != 1}
    labels = tuple(places.get(_place(old, axis)) for axis in range(len(old)))
    return Iteration((labels,), tuple(range(len(new))))


def _place(shape: tuple[int, ...], axis: int) -> tuple[int, int]:
    behind = 1
    for size in shape[axis + 1 :]:
        behind *= size
    return shape[axis], behind


def _slice(op: Operation) -> Iteration:
    a, shape = op.attributes, op.operands[0].type.shape
    cut = list(zip(a["starts"], a["sizes"], a["steps"], shape, strict=True))
    return _same_axes(op, lambda axis: cut[axis][:3] != (0, cut[axis][3], 1))


def _pad(op: Operation) -> Iteration:
    a = op.attributes
    added = list(zip(a["low"], a["high"], a["interior"], strict=True))
    return _same_axes(op, lambda axis: any(added[axis]))


def _insert_slice(op: Operation) -> Iteration:
    a, x = op.attributes, op.operands[0].type.shape
    update = op.operands[1].type.shape
    cut = list(zip(a["starts"], update, a["steps"], x, strict=True))
    return _same_axes(op, lambda axis: cut[axis][:3] != (0, cut[axis][3], 1))


def _barrier(op: Operation) -> Iteration:
    """What is waited for is in the same block, or whole."""
    own = tuple(range(op.result.type.rank))
    shape = op.result.type.shape
    return Iteration(
        tuple(own if value.type.shape == shape else (None,) * value.type.rank for value in op.operands), own
    )


def _along(op: Operation) -> Iteration:
    """Lines along ``axis`` stay whole."""
    return _same_axes(op, lambda axis: axis == op.attributes["axis"])


def _arg(op: Operation) -> Iteration:
    rank, whole = op.operands[0].type.rank, op.attributes["axis"]
    kept = tuple(axis for axis in range(rank) if axis != whole)
    return Iteration((tuple(axis if axis != whole else None for axis in range(rank)),), kept)


def _addressed(op: Operation) -> tuple[Labels, Labels]:
    """Labels of the array that indices address, and of the part addressed."""
    rank, indices = op.operands[0].type.rank, op.operands[-1].type
    kept = [axis for axis in range(rank) if axis not in op.attributes["axes"]]
    own = tuple(axis if axis in kept else None for axis in range(rank))
    return own, (*((INDEX, k) for k in range(indices.rank)), *kept)


def _gather(op: Operation) -> Iteration:
    own, part = _addressed(op)
    rank = op.operands[-1].type.rank
    return Iteration((own, *(part[:rank] for _ in op.operands[1:])), part)


def _scatter(op: Operation) -> Iteration:
    """Along the axes that no index is for; which position is written is known from the indices alone."""
    own, part = _addressed(op)
    rank = op.operands[-1].type.rank
    return Iteration((own, (*[None] * rank, *part[rank:]), *((None,) * rank for _ in op.operands[2:])), own)


_RULES: Final[dict[str, Callable[[Operation], Iteration]]] = {
    "ad.barrier": _barrier,
    "tensor.broadcast_in_dim": _broadcast,
    "tensor.contract": _contract,
    "ad.contract_no_nan": _contract,
    "tensor.transpose": _transpose,
    "tensor.reshape": _reshape,
    "tensor.slice": _slice,
    "tensor.insert_slice": _insert_slice,
    "tensor.pad": _pad,
    "tensor.gather": _gather,
    "tensor.scatter": _scatter,
    "tensor.scatter_add": _scatter,
    "tensor.reverse": lambda op: _same_axes(op, lambda axis: axis in op.attributes["axes"]),
    **dict.fromkeys((f"tensor.reduce_{name}" for name in ("sum", "max", "min", "prod", "and", "or")), _reduction),
    **dict.fromkeys(("tensor.argmax", "tensor.argmin"), _arg),
    **dict.fromkeys(("tensor.concatenate", "tensor.cumsum", "tensor.sort", "tensor.argsort"), _along),
    **dict.fromkeys(("fft.fft", "fft.ifft", "fft.rfft", "fft.irfft"), _along),
}
