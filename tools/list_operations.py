"""Print the table of operations: operands, attributes, element types and highest derivative order; below it that of
compositions, NumPy's and SciPy's functions: what they are made of, element types and order.

The column "guide" marks the operations whose second derivative MindSpore's guide to differentiation lists, by
device: C for CPU, G for GPU, A for Ascend.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..ir import registered
from ..runtime.backend import backend_named, backends
from .compositions import HEADER as COMPOSITIONS
from .compositions import composition_rows
from .tables import HEADER, OperationRow, operation_rows

NAME = "ops"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--backend", default="numpy", choices=[each.name for each in backends()])
    dialects = sorted({each.dialect for each in registered().values()})
    parser.add_argument("--dialect", choices=dialects, help="only operations of this dialect, and no compositions")
    parser.add_argument("--order", type=int, metavar="N", help="only operations with derivatives up to order N")


def run(arguments: argparse.Namespace) -> int:
    """Print the tables."""
    backend, least = backend_named(arguments.backend), arguments.order
    operations = [row for row in operation_rows(backend) if _wanted(row, arguments)]
    _print(HEADER, [row.cells() for row in operations])
    if not arguments.dialect:
        made = [row for row in composition_rows(arguments.backend) if least is None or row.reaches(least)]
        sys.stdout.write("\n")
        _print(COMPOSITIONS, [row.cells() for row in made])
        sys.stdout.write(f"\n{len(operations)} operations, {len(made)} compositions\n")
    return 0


def _print(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    cells = [header, *rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(header))]
    for line in cells:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")


def _wanted(row: OperationRow, arguments: argparse.Namespace) -> bool:
    if arguments.dialect and row.definition.dialect != arguments.dialect:
        return False
    return arguments.order is None or (row.support is not None and row.support.order >= arguments.order)
