"""Derivatives of choices and loops, made by the same passes on their functions.

A `control.scan` is linearized by linearizing its body and cutting that in two: the first half runs in the loop's place
and hands on what the second half needs (its residuals, stacked over the steps); the second half is the body of a linear
scan over tangents. The transpose of a linear scan is a scan in the other direction, whose body is the transposed body.
A `control.cond` is cut the same way, branch by branch. A `control.while` has tangents in its carry: forward mode only.
"""

from __future__ import annotations

from typing import Final

from ...ir.builder import Builder
from ...ir.errors import DerivativeError
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.control import CHECKPOINT, COND, SCAN, WHILE
from .checkpoint import pull_checkpoint, push_checkpoint
from .cond import pull_cond, push_cond
from .functional import Parts, Pushed
from .scan import pull_scan, push_scan, push_while

CONTROL: Final = frozenset((CHECKPOINT.name, COND.name, SCAN.name, WHILE.name))


def push_control(b: Builder, graph: Graph, op: Operation, tangents: Parts, module: Module) -> Pushed:
    """The results of a choice or loop, each with its tangent. It may be replaced by one that hands on residuals, whose
    results then stand for the old ones."""
    return _PUSH[op.name](b, graph, op, tangents, module)


def pull_control(b: Builder, graph: Graph, op: Operation, cotangents: Parts, module: Module) -> list[Value | None]:
    """The cotangents of the operands of a linear choice or loop."""
    if op.name == WHILE.name:
        raise DerivativeError(
            f"the while_loop at {op.location} has no reverse derivative: the number of its steps is not known. Give it "
            "max_steps, or use fori_loop or scan"
        )
    return _PULL[op.name](b, graph, op, cotangents, module)


_PUSH: Final = {
    CHECKPOINT.name: push_checkpoint,
    COND.name: push_cond,
    SCAN.name: push_scan,
    WHILE.name: push_while,
}
_PULL: Final = {CHECKPOINT.name: pull_checkpoint, COND.name: pull_cond, SCAN.name: pull_scan}
