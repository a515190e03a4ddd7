"""Sums within kernels as products with ones, and sums of products as scalar products: BLAS's loops are several times
as fast as NumPy's reductions, the more so along short rows.

Kernels arrange sums anew anyway, block by block; the bound of their error stays that of any order. Along a row BLAS
has some tens of partial sums, so longer rows than `LONGEST` are left to NumPy's pairwise summation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ...ir.builder import Builder
from ...ir.graph import Graph, Operation
from .table import LONG_ROW

LONGEST: Final = 4096
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_TYPES: Final = (np.dtype(np.float32), np.dtype(np.float64))


def template_of_sum(op: Operation, ones: Callable[[int, np.dtype[Any]], str]) -> str | None:
    """The code of a sum over rows or columns, or over both; None for any other operation. ``ones`` names an array of
    ones."""
    if op.name != "tensor.reduce_sum" or op.result.type.dtype not in _TYPES:
        return None
    x, axes = op.operands[0].type, op.attributes["axes"]
    if x.rank < 2 or not x.size:
        return None
    rows, columns = ones(x.shape[-2], x.dtype), ones(x.shape[-1], x.dtype)
    if axes == (x.rank - 2,):
        return f"matmul({rows}, {{0}})"
    if x.shape[-1] > LONGEST or x.rank - 1 not in axes:
        return None
    if axes == (x.rank - 1,):
        return f"matmul({{0}}, {columns})"
    return f"matmul({rows}, matmul({{0}}, {columns}))" if axes == (0, 1) else None


def join_products(graph: Graph) -> None:
    """Make sums along rows of products that nothing else reads contractions."""
    for op in list(graph):
        if op.name == "tensor.reduce_sum" and _is_scalar_product(graph, op):
            product = op.operands[0].owner
            labels = _LETTERS[: product.result.type.rank]
            b = Builder(graph, op, op.location)
            joined = b.contract(product.operands[0], product.operands[-1], spec=f"{labels},{labels}->{labels[:-1]}")
            graph.replace(op, [joined])
            graph.erase(product)


def _is_scalar_product(graph: Graph, op: Operation) -> bool:
    x = op.operands[0]
    if x.type.dtype not in _TYPES or op.attributes["axes"] != (x.type.rank - 1,):
        return False
    if x.owner.name not in ("tensor.mul", "tensor.square") or not graph.has_one_use(x):
        return False
    repeated = any(value.owner.name in ("tensor.broadcast_in_dim", "tensor.constant") for value in x.owner.operands)
    return LONG_ROW <= x.type.shape[-1] <= LONGEST and not repeated
