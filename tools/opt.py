"""Run a pipeline of passes over a program's text.

Prints the program that the passes leave. With --dump it also writes the program after every pass.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..ir import Module, parse_module, print_module, verify
from ..ir.diagnostics import Source
from ..passes import Instrument, PassLog, PassManager
from ..passes.instruments import RoundtripEach, VerifyEach
from .dump import DumpObserver

NAME = "opt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", nargs="?", default="-", help="the program; '-', the default, is the standard input")
    parser.add_argument("--pipeline", default="", help='passes, such as "linearize{wrt=0},transpose,fixpoint(cse,dce)"')
    parser.add_argument("-o", "--output", type=Path, help="write the program there, not to the standard output")
    parser.add_argument("--print-generic", action="store_true", help="print MLIR's generic form")
    parser.add_argument("--locations", action="store_true", help="print where each operation comes from")
    parser.add_argument("--verify-each", action="store_true", help="verify the program after every pass")
    parser.add_argument("--verify-roundtrip", action="store_true", help="print and parse it after every pass")
    parser.add_argument("--timing", action="store_true", help="print each pass's time, to the standard error")
    parser.add_argument("--stats", action="store_true", help="print what each pass counted, to the standard error")
    parser.add_argument("--dump", type=Path, metavar="DIR", help="write the program after every pass into a new folder")


def run(arguments: argparse.Namespace) -> int:
    """Read, run, verify, print."""
    module = read_module(arguments.file)
    instruments: list[Instrument] = []
    if arguments.verify_each:
        instruments.append(VerifyEach())
    if arguments.verify_roundtrip:
        instruments.append(RoundtripEach())
    manager = PassManager(arguments.pipeline, instruments)
    if arguments.dump is None:
        log = manager.run(module)
        verify(module)
    else:
        log = _run_dumped(manager, module, DumpObserver(arguments.dump))
    text = print_module(module, locations=arguments.locations, generic=arguments.print_generic)
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        arguments.output.write_text(text, encoding="utf-8")
    if arguments.timing or arguments.stats:
        sys.stderr.write(report(log, arguments.timing, arguments.stats))
    return 0


def _run_dumped(manager: PassManager, module: Module, observer: DumpObserver) -> PassLog:
    manager.instruments = [*manager.instruments, observer]
    observer.start(module, str(manager))
    try:
        log = manager.run(module)
        verify(module)
    except Exception as error:
        observer.failed(module, error)
        raise
    observer.finish(module, {}, log)
    return log


def read_module(file: str) -> Module:
    """Parse a file, or the standard input for ``-``. OSError, or a located `ParseError`, where that fails."""
    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    name = "<stdin>" if file == "-" else file
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        shown = Source(data.decode(errors="replace"), name)
        offset = len(data[: error.start].decode())
        raise shown.error(offset, f"byte 0x{data[error.start]:02x} is not UTF-8") from None
    return parse_module(text, name)


def report(log: PassLog, timing: bool, statistics: bool) -> str:
    """Times (of inner passes and instruments too) and statistics of every pass, in the order in which they ended:
    inner passes stand, indented, above the one that ran them."""
    lines = []
    for record in log.records:
        parts = [f"{record.seconds * 1e3:9.3f} ms"] if timing else []
        parts.append("  " * record.depth + record.text)
        if statistics:
            counted = "".join(f", {name} {count}" for name, count in record.statistics.items())
            parts.append(f"[{record.operations_before} -> {record.operations_after} operations{counted}]")
        lines.append("  ".join(parts))
    return "\n".join(lines) + "\n" if lines else ""
