"""Support tables: what a backend runs, and how often it may be differentiated.

A table has one row an operation: element types, and the highest derivative order. Compiling checks the
program against it, and a generated test proves every cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..ir.errors import UnsupportedOperationError, UnsupportedOrderError
from ..ir.graph import Graph, Operation
from ..ir.module import Module
from ..ir.types import DTYPE_NAMES
from ..ops.definition import Rules

#: The highest order of an operation whose derivative rules are closed: any.
ANY_ORDER: Final = 1_000_000


@dataclass(frozen=True)
class Support:
    """One row: the element types that a backend takes for the data of an operation (see
    `mixad.ops.definition.Rules.data`), and the highest order of derivative (`ANY_ORDER` where there is no limit)."""

    dtypes: frozenset[np.dtype[Any]]
    order: int = ANY_ORDER


def data_types(op: Operation) -> list[np.dtype[Any]]:
    """The element types that an operation's row must list: that of its data, and that of a conversion's result.

    What is not data (predicates, indices, the bool of a comparison) is of a type that the operation fixes.
    """
    rules: Rules | None = op.definition.rules
    data = op.results if not op.operands or rules is None else op.operands[rules.data : rules.data + 1]
    types = [value.type.dtype for value in data]
    if "dtype" in op.attributes:
        types.append(op.attributes["dtype"])
    return types


def _names(dtypes: frozenset[np.dtype[Any]]) -> str:
    return ", ".join(name for dtype, name in DTYPE_NAMES.items() if dtype in dtypes)


def _operations(graph: Graph) -> Iterator[Operation]:
    for op in graph:
        yield op
        for region in op.regions:
            yield from _operations(region)


class SupportTable(Mapping[str, Support]):
    """A backend's rows by operation name. ``remedy`` ends the errors of what is not in them."""

    def __init__(self, backend: str, rows: Mapping[str, Support], remedy: str = "") -> None:
        self.backend = backend
        self._remedy = remedy
        self._rows = dict(rows)

    def __getitem__(self, name: str) -> Support:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def check(self, module: Module) -> None:
        """Raise `UnsupportedOperationError` or `UnsupportedOrderError` for the first operation of the
        module that the backend does not run, naming operation, backend, order and the user's line.

        Constants and conversions come last: a Fourier transform says more than the conversion to complex numbers
        before it.
        """
        operations = [op for graph in module for op in _operations(graph)]
        for op in sorted(operations, key=lambda op: op.name in ("tensor.constant", "tensor.convert")):
            self._check_operation(op)

    def _check_operation(self, op: Operation) -> None:
        row = self._rows.get(op.name)
        if row is None:
            raise UnsupportedOperationError(
                f"the {self.backend} backend has no lowering for '{op.name}', at {op.location}; "
                f"`python -m mixad ops --backend {self.backend}` prints what it runs{self._remedy}"
            )
        for dtype in data_types(op):
            if dtype not in row.dtypes:
                raise UnsupportedOperationError(
                    f"the {self.backend} backend does not run '{op.name}' on {DTYPE_NAMES[dtype]}, at "
                    f"{op.location}; it takes {_names(row.dtypes)}: convert the operand (`x.astype(...)`)"
                    f"{self._remedy}"
                )
        location = op.location
        if location.order:
            origin = self._rows.get(location.origin)
            if origin is not None and location.order > origin.order:
                raise UnsupportedOrderError(
                    f"the {self.backend} backend supports derivatives of '{location.origin}' to order "
                    f"{origin.order}, and order {location.order} is asked for, at {location}"
                )
