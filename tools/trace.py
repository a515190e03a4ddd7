"""Print the program of a function, or of its derivative, before any pass.

  mixad trace model.py:loss --args "f32[3,4], f64[]" | mixad opt --pipeline=...

The function is imported and called once, with traced arrays of the given types.
"""

from __future__ import annotations

import argparse
import linecache
import sys

from ..ir import Module, Operation, print_module
from ..passes import PassManager
from ..runtime.backend import backend_named
from .functions import add_function_arguments, program_of
from .progress import compile_progress
from .report.cost import flops

NAME = "trace"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_function_arguments(parser)
    parser.add_argument("--order", type=int, default=0, metavar="N", help="the N-th derivative (of the outputs' sum)")
    parser.add_argument("--pipeline", default="", help="passes to run over it; 'numpy' names those of that backend")
    parser.add_argument("--cost", type=int, metavar="N", help="print the N operations that write most, not the program")
    parser.add_argument("--locations", action="store_true", help="print where each operation comes from")
    parser.add_argument("--print-generic", action="store_true", help="print MLIR's generic form")


def run(arguments: argparse.Namespace) -> int:
    """Trace and print."""
    module = program_of(arguments, arguments.order)
    pipeline = backend_named("numpy").pipeline if arguments.pipeline == "numpy" else arguments.pipeline
    manager = PassManager(pipeline)
    with compile_progress(manager):
        manager.run(module)
    if arguments.cost is not None:
        sys.stdout.write(cost_table(module, arguments.cost))
        return 0
    sys.stdout.write(print_module(module, locations=arguments.locations, generic=arguments.print_generic))
    return 0


def cost_table(module: Module, count: int) -> str:
    """The ``count`` operations with the largest results, estimated arithmetic beside them, and the user's lines."""
    operations = [op for graph in module for op in graph if op.results]
    written = {op: _written(op) for op in operations}
    largest = sorted(operations, key=lambda op: -written[op])[:count]
    cells = [("bytes", "flops", "operation", "type", "from")]
    for op in largest:
        cells.append((f"{written[op]:,}", f"{flops(op) or 0:,}", op.name, op.results[0].type.text, _from(op)))
    cells.append((f"{sum(written.values()):,}", f"{sum(flops(op) or 0 for op in operations):,}", "all", "", ""))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for line in cells:
        numbers = [cell.rjust(width) for cell, width in zip(line[:2], widths, strict=False)]
        texts = [cell.ljust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
        lines.append("  ".join([*numbers, *texts]).rstrip() + "\n")
    return "".join(lines)


def _written(op: Operation) -> int:
    """The bytes of an operation's results; a constant that repeats one number has but that."""
    if op.name == "tensor.constant":
        return int(op.attributes["value"].data.nbytes)
    return sum(value.type.nbytes for value in op.results)


def _from(op: Operation) -> str:
    location = op.location
    if not location or location.file.startswith("<"):
        return ""
    source = linecache.getline(location.file, location.line).strip()
    derived = f" (derivative of {location.origin})" if location.order else ""
    return f"line {location.line}{derived}: {source}"
