"""Print the table of operations: operands, attributes, element types and highest derivative order.

The column "guide" marks the operations whose second derivative MindSpore's guide to differentiation lists, by
device: C for CPU, G for GPU, A for Ascend.
"""

from __future__ import annotations

import argparse
import sys

from ..ir import registered
from ..runtime.backend import backend_named, backends
from .tables import HEADER, OperationRow, operation_rows

NAME = "ops"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--backend", default="numpy", choices=[each.name for each in backends()])
    parser.add_argument("--dialect", choices=sorted({each.dialect for each in registered().values()}))
    parser.add_argument("--order", type=int, metavar="N", help="only operations with derivatives up to order N")


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    rows = [row for row in operation_rows(backend_named(arguments.backend)) if _wanted(row, arguments)]
    cells = [HEADER, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADER))]
    for line in cells:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")
    return 0


def _wanted(row: OperationRow, arguments: argparse.Namespace) -> bool:
    if arguments.dialect and row.definition.dialect != arguments.dialect:
        return False
    return arguments.order is None or (row.support is not None and row.support.order >= arguments.order)
