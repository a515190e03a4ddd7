"""What an operation costs: an estimate of its floating-point operations."""

from __future__ import annotations

from typing import Final

from ...ir import Operation
from ...ops.contraction import PRODUCTS, multiply_adds, parse_spec

#: Operations that move or make data, and compute nothing.
MOVES: Final = frozenset(
    f"tensor.{name}"
    for name in (
        "broadcast_in_dim",
        "concatenate",
        "constant",
        "convert",
        "gather",
        "insert_slice",
        "iota",
        "pad",
        "real",
        "reshape",
        "reverse",
        "scatter",
        "slice",
        "transpose",
    )
) | {"ad.stop_gradient", "func.argument", "func.return"}


def flops(op: Operation) -> int | None:
    """Arithmetic operations, each element of an element-wise function counted as one; None where another function
    says it, as in a call.

    A contraction is two operations, a multiplication and an addition, a point of its iteration space; a reduction
    one an element that it reads.
    """
    if op.name in MOVES:
        return 0
    if op.definition.dialect in ("control", "ad") and not op.name.endswith("_no_nan"):
        return None
    if op.name in PRODUCTS:
        return _contraction(op)
    read = max((value.type.size for value in op.operands[:1]), default=0)
    written = max((value.type.size for value in op.results), default=0)
    if op.name == "tensor.scatter_add":
        return op.operands[1].type.size
    return max(read, written)


def _contraction(op: Operation) -> int:
    labels = parse_spec(op.attributes["spec"])
    points = multiply_adds(op)
    return points if set(labels.x + labels.y) <= set(labels.out) else 2 * points
