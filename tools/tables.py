"""The table of operations that the command line prints and the documentation shows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..ir import OpDefinition, registered
from ..ir.types import BOOL, COMPLEX, DTYPE_NAMES, FLOATING, INTEGER
from ..runtime.backend import Backend
from ..runtime.support import ANY_ORDER, Support

HEADER: Final = ("operation", "operands", "attributes", "element types", "order", "guide")

#: The operations for which the guide lists second derivatives, by device (C CPU, G GPU, A Ascend).
GUIDE: Final = {
    **dict.fromkeys(("tensor.square", "tensor.exp", "tensor.neg", "tensor.mul", "tensor.contract"), "CGA"),
    **{f"tensor.{name}": "GA" for name in ("pow", "log", "div", "sin", "cos", "tan", "atanh")},
    **dict.fromkeys(("tensor.sinh", "tensor.cosh"), "A"),
}

_BOOLS: Final = frozenset([BOOL])
_CLASSES: Final = {
    "bool": _BOOLS,
    "int": frozenset(each for each in INTEGER if each.kind == "i"),
    "uint": frozenset(each for each in INTEGER if each.kind == "u"),
    "float": frozenset(FLOATING),
    "complex": frozenset(COMPLEX),
}


@dataclass(frozen=True)
class OperationRow:
    """One operation and what a backend declares for it; ``support`` is None where it has no row."""

    definition: OpDefinition
    support: Support | None

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of `HEADER`."""
        definition = self.definition
        return (
            definition.name,
            operands_text(definition),
            attributes_text(definition),
            dtypes_text(self.support.dtypes) if self.support else "-",
            self.order(),
            GUIDE.get(definition.name, ""),
        )

    def order(self) -> str:
        """The highest order: a number, ``any``, ``zero`` where every derivative is zero, ``-`` without a row."""
        if self.support is None:
            return "-"
        rules = self.definition.rules
        if rules is not None and rules.cls.piecewise_constant:
            return "zero"
        return "any" if self.support.order >= ANY_ORDER else str(self.support.order)


def operation_rows(backend: Backend) -> list[OperationRow]:
    """All operations by name, with what ``backend`` declares."""
    return [OperationRow(each, backend.support.get(name)) for name, each in sorted(registered().items())]


def operands_text(definition: OpDefinition) -> str:
    """Operand names, ``*`` before one that stands for many."""
    names = list(definition.operands)
    if definition.variadic:
        names[-1] = f"*{names[-1]}"
    return ", ".join(names)


def attributes_text(definition: OpDefinition) -> str:
    """Attribute names, with the defaults of those that have one."""
    optional = definition.optional
    return ", ".join(f"{name}={optional[name]!r}" if name in optional else name for name in definition.attributes)


def dtypes_text(dtypes: Collection[np.dtype[Any]]) -> str:
    """Element types, whole classes by their name: ``float complex``, ``f32 f64``."""
    words = []
    for name, members in _CLASSES.items():
        shared = members & frozenset(dtypes)
        if shared == members:
            words.append(name)
        else:
            words += [text for each, text in DTYPE_NAMES.items() if each in shared]
    return "all" if words == list(_CLASSES) else " ".join(words)
