"""What the Triton backend runs: the support table, and the operations that are steps of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...ir.definition import registered
from ...ir.graph import Operation
from ...ir.types import DTYPE_NAMES
from ...ops.control import COND, SCAN, SWEEPS, WHILE
from ..support import Support, SupportTable
from . import special
from .clusters import POINTWISE, REDUCTIONS, VIRTUAL, Clusters
from .expressions import TRITON_NAMES
from .slots import Checks, Launch

#: Operations that are several kernels.
SPECIAL: Final[dict[str, Callable[[Clusters, Checks, Operation], list[Launch]]]] = {
    "tensor.cumsum": special.cumsum,
    "tensor.sort": special.argsort,
    "tensor.argsort": special.argsort,
    "tensor.scatter": special.scatter,
    "tensor.scatter_add": special.scatter,
}
CONTROL: Final = frozenset({COND.name, SCAN.name, SWEEPS.name, WHILE.name})
#: Replaced by other operations before kernels are made.
REPLACED: Final = frozenset({"ad.contract_no_nan"})
KERNELS: Final = POINTWISE | REDUCTIONS | VIRTUAL | REPLACED | frozenset(SPECIAL)


def support_table() -> SupportTable:
    """The declared table: operations with kernels, on the element types that their rules take and that kernels have,
    at any order, since derivatives are made of operations in the table."""
    rows = {}
    for name in KERNELS:
        definition = registered()[name]
        dtypes = frozenset(dtype for dtype in DTYPE_NAMES if definition.rules.takes(dtype) and dtype in TRITON_NAMES)
        if dtypes:
            rows[name] = Support(dtypes)
    rows |= {name: Support(frozenset(TRITON_NAMES)) for name in CONTROL}
    order = {name: number for number, name in enumerate(registered())}
    remedy = ", and device('gpu', fallback='host') lets the CPU compute the rest"
    return SupportTable("triton", dict(sorted(rows.items(), key=lambda row: order[row[0]])), remedy)
