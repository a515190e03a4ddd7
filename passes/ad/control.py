"""Derivatives of choices and loops, made by the same passes on their functions.

A `control.scan` is linearized by linearizing its body and cutting that in two: the first half runs in the loop's place
and hands on what the second half needs (its residuals, stacked over the steps); the second half is the body of a linear
scan over tangents. The transpose of a linear scan is a scan in the other direction, whose body is the transposed body.
A `control.cond` is cut the same way, branch by branch. A `control.while` counts its steps, and its linear part is a
`control.sweeps`, whose transpose is one again (see sweeps).
"""

from __future__ import annotations

from typing import Final

from ...ir.builder import Builder
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.control import CHECKPOINT, COND, SCAN, SWEEPS, WHILE
from .checkpoint import pull_checkpoint, push_checkpoint
from .cond import pull_cond, push_cond
from .functional import Parts, Pushed
from .scan import pull_scan, push_scan
from .sweeps import pull_sweeps, push_sweeps, push_while

CONTROL: Final = frozenset((CHECKPOINT.name, COND.name, SCAN.name, SWEEPS.name, WHILE.name))


def push_control(b: Builder, graph: Graph, op: Operation, tangents: Parts, module: Module) -> Pushed:
    """The results of a choice or loop, each with its tangent. It may be replaced by one that hands on residuals, whose
    results then stand for the old ones."""
    return _PUSH[op.name](b, graph, op, tangents, module)


def pull_control(b: Builder, graph: Graph, op: Operation, cotangents: Parts, module: Module) -> list[Value | None]:
    """The cotangents of the operands of a linear choice or loop."""
    return _PULL[op.name](b, graph, op, cotangents, module)


_PUSH: Final = {
    CHECKPOINT.name: push_checkpoint,
    COND.name: push_cond,
    SCAN.name: push_scan,
    SWEEPS.name: push_sweeps,
    WHILE.name: push_while,
}
_PULL: Final = {CHECKPOINT.name: pull_checkpoint, COND.name: pull_cond, SCAN.name: pull_scan, SWEEPS.name: pull_sweeps}
