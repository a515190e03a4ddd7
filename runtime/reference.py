"""The reference interpreter: one NumPy call an operation, in program order.

Slow and plain on purpose: it is what every backend is tested against.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir.errors import UnsupportedOperationError
from ..ir.graph import Graph, Operation, Value
from ..ops.definition import Rules


def evaluate_operation(op: Operation, operands: Sequence[Any]) -> tuple[Any, ...]:
    """The results of one operation on arrays."""
    rules: Rules | None = op.definition.rules
    if rules is None:
        raise UnsupportedOperationError(f"'{op.name}' is a request: run expand-ad and inline first")
    with np.errstate(all="ignore"):
        results = rules.evaluate(*operands, **op.attributes)
    return results if len(op.results) != 1 else (results,)


def interpret(graph: Graph, *inputs: Any) -> tuple[np.ndarray[Any, Any], ...]:
    """Run a graph on arrays of its inputs' types; returns arrays of its outputs' types.

    Raises ValueError for a wrong number of inputs.
    """
    if len(inputs) != len(graph.inputs):
        raise ValueError(f"@{graph.name} takes {len(graph.inputs)} inputs, and {len(inputs)} are given")
    values: dict[Value, Any] = {
        value: np.asarray(array, value.type.dtype) for value, array in zip(graph.inputs, inputs, strict=True)
    }
    for op in graph:
        results = evaluate_operation(op, [values[value] for value in op.operands])
        values.update(zip(op.results, results, strict=True))
    return tuple(np.array(values[value], value.type.dtype) for value in graph.outputs)
