"""Print the program of a function, or of its derivative, before any pass.

  mixad trace model.py:loss --args "f32[3,4], f64[]" | mixad opt --pipeline=...

The function is imported and called once, with traced arrays of the given types.
"""

from __future__ import annotations

import argparse
import sys

from ..ir import print_module
from ..passes import PassManager
from .functions import add_function_arguments, program_of

NAME = "trace"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_function_arguments(parser)
    parser.add_argument("--order", type=int, default=0, metavar="N", help="the N-th derivative (of the outputs' sum)")
    parser.add_argument("--pipeline", default="", help="passes to run over it")
    parser.add_argument("--locations", action="store_true", help="print where each operation comes from")
    parser.add_argument("--print-generic", action="store_true", help="print MLIR's generic form")


def run(arguments: argparse.Namespace) -> int:
    """Trace and print."""
    module = program_of(arguments, arguments.order)
    PassManager(arguments.pipeline).run(module)
    sys.stdout.write(print_module(module, locations=arguments.locations, generic=arguments.print_generic))
    return 0
