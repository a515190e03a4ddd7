"""Write a program as StableHLO text, which XLA and its kin compile.

Requests for derivatives are expanded and calls inlined first. The entry function becomes @main. MLIR's tools print the
pretty form of what is written here.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..runtime.stablehlo import PIPELINE, to_stablehlo
from .opt import read_module

NAME = "stablehlo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", nargs="?", default="-", help="the program; '-', the default, is the standard input")
    parser.add_argument("--pipeline", default=PIPELINE, help=f'passes that run first, in place of "{PIPELINE}"')
    parser.add_argument("-o", "--output", type=Path, help="write the text there, not to the standard output")
    parser.add_argument("--locations", action="store_true", help="write where each operation comes from")


def run(arguments: argparse.Namespace) -> int:
    """Read, run the passes, write."""
    text = to_stablehlo(read_module(arguments.file), arguments.pipeline, locations=arguments.locations)
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        arguments.output.write_text(text, encoding="utf-8")
    return 0
