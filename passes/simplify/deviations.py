"""A pattern of deviations from a mean: what a softmax gives to the maximum that it subtracts is nothing."""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.builder import Builder
from ...ir.graph import Operation, Value
from .patterns import defined_by, splat, table
from .sums import rearrangeable

Axes = Sequence[int]


@table.pattern("tensor.add")
def add_deviations(op: Operation, b: Builder) -> Value | None:
    """d + select(p, s / n, 0) -> d in derivatives, where d = (x - m) * e, m the mean of x by the weights e / sum(e),
    s is the sum of d and n counts where p holds: s is 0 but for its rounding errors. Where x, e or m is not finite, all
    of d is not."""
    if not rearrangeable(op):
        return None
    for deviations, choice in (op.operands, op.operands[::-1]):
        select = defined_by(choice, "tensor.select")
        if select is None or splat(select.operands[2]) != 0:
            continue
        axes = _shared_sum(select.operands[1], deviations, select.operands[0])
        if axes is not None and _are_deviations(deviations, axes):
            return deviations
    return None


def _shared_sum(part: Value, deviations: Value, predicate: Value) -> Axes | None:
    """The axes over which ``part`` repeats the sum of ``deviations``, its sign apart, shared among those where
    ``predicate`` holds."""
    repeat = defined_by(part, "tensor.broadcast_in_dim")
    share = repeat.operands[0].owner if repeat else None
    share = share.operands[0].owner if share and share.name == "tensor.neg" else share
    if share is None or share.name != "tensor.div":
        return None
    total, count = share.operands[0].owner, defined_by(share.operands[1], "tensor.reduce_sum")
    total = total.operands[0].owner if total.name == "tensor.neg" else total
    if count is None or total.name != "tensor.reduce_sum" or total.operands[0] is not deviations:
        return None
    axes: Axes = total.attributes["axes"]
    ones = defined_by(summed(share.operands[1], axes) or predicate, "tensor.convert")
    same = ones is not None and ones.operands[0] is predicate
    return axes if same and repeated_along(part, axes) is not None else None


def _are_deviations(x: Value, axes: Axes) -> bool:
    product = defined_by(x, "tensor.mul")
    for deviation, weight in (product.operands, product.operands[::-1]) if product else ():
        total = deviation.owner
        if total.name not in ("tensor.add", "tensor.sub"):
            continue
        mean = repeated_along(total.operands[1], axes)
        if mean is not None and total.name == "tensor.add":
            mean = mean.owner.operands[0] if mean.owner.name == "tensor.neg" else None
        if mean is not None and _is_mean(mean, total.operands[0], weight, axes):
            return True
    return False


def _is_mean(mean: Value, x: Value, weight: Value, axes: Axes) -> bool:
    """Whether ``mean`` is the sum of x * (weight / sum(weight)) over ``axes``."""
    product = summed(mean, axes)
    if product is None or product.owner.name != "tensor.mul" or x not in product.owner.operands:
        return False
    share = product.owner.operands[1 - product.owner.operands.index(x)].owner
    if share.name != "tensor.div" or share.operands[0] is not weight:
        return False
    total = repeated_along(share.operands[1], axes)
    return total is not None and summed(total, axes) is weight


def summed(x: Value, axes: Axes) -> Value | None:
    """What ``x`` is the sum of over ``axes``."""
    total = defined_by(x, "tensor.reduce_sum")
    return total.operands[0] if total and total.attributes["axes"] == axes else None


def repeated_along(x: Value, axes: Axes) -> Value | None:
    """What ``x`` repeats along ``axes`` and no others, its axes in their order."""
    repeat = defined_by(x, "tensor.broadcast_in_dim")
    kept = tuple(axis for axis in range(x.type.rank) if axis not in axes)
    return repeat.operands[0] if repeat and repeat.attributes["dims"] == kept else None
