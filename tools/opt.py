"""Run a pipeline of passes over a program's text.

Prints the program that the passes leave; what is asked for beside it goes to the standard error. Habits are MLIR's
mlir-opt's.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

from ..ir import Module, parse_module, print_module, verify
from ..ir.diagnostics import Source
from ..ir.errors import MixadError, ParseError, PassError
from ..passes import Instrument, PassLog, PassManager
from ..passes.instruments import MOMENTS, BisectLimit, PrintEach, RoundtripEach, VerifyEach
from .diagnostics import mismatches, split
from .dump import DumpObserver
from .progress import compile_progress
from .reproducer import Reproducer, configuration
from .timing import statistics_report, timing_report

NAME = "opt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", nargs="?", default="-", help="the program; '-', the default, is the standard input")
    parser.add_argument("--pipeline", default="", help='passes, such as "linearize{wrt=0},transpose,fixpoint(cse,dce)"')
    parser.add_argument("-o", "--output", type=Path, help="write the program there, not to the standard output")
    parser.add_argument("--print-generic", action="store_true", help="print MLIR's generic form")
    parser.add_argument("--locations", action="store_true", help="print where each operation comes from")
    parser.add_argument("--split-input-file", action="store_true", help="programs are separated by lines '// -----'")
    looking = parser.add_argument_group("looking")
    looking.add_argument(
        "--print-ir",
        action="append",
        default=[],
        metavar="WHEN[:PASS,...]",
        help=f"print the program around every pass, or those named: {', '.join(MOMENTS)}; may be given again",
    )
    looking.add_argument("--timing", action="store_true", help="print each pass's time")
    looking.add_argument("--stats", action="store_true", help="print what each pass counted")
    looking.add_argument(
        "--dump", type=Path, metavar="DIR", help="write the program after every pass into a new folder"
    )
    finding = parser.add_argument_group("finding faults")
    finding.add_argument("--verify-each", action="store_true", help="verify the program after every pass")
    finding.add_argument("--verify-roundtrip", action="store_true", help="print and parse it after every pass")
    finding.add_argument("--verify-diagnostics", action="store_true", help="expect the errors that comments announce")
    finding.add_argument(
        "--reproducer", type=Path, metavar="FILE", help="where a pass fails, write it there with its program"
    )
    finding.add_argument("--run-reproducer", action="store_true", help="run with the options that the file carries")
    finding.add_argument("--bisect-limit", type=int, metavar="N", help="run only the first N passes")


def run(arguments: argparse.Namespace) -> int:
    """Read, run, verify, print. The status is 1 where any program of the file fails."""
    name = "<stdin>" if arguments.file == "-" else arguments.file
    text = read_text(arguments.file)
    if arguments.run_reproducer:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        parser.parse_args([arguments.file, *configuration(text, name)], arguments)
    printed: list[str] = []
    failed = False
    for part in split(text) if arguments.split_input_file else [text]:
        error: MixadError | None = None
        try:
            printed.append(_run_one(part, name, arguments))
        except MixadError as caught:
            error = caught
        if arguments.verify_diagnostics:
            messages = mismatches(part, name, error)
        else:
            messages = [] if error is None else [shown(error)]
        failed |= bool(messages)
        sys.stderr.writelines(f"{message}\n" for message in messages)
    output = "// -----\n".join(printed)
    if arguments.output is None:
        sys.stdout.write(output)
    elif not failed:
        arguments.output.write_text(output, encoding="utf-8")
    return int(failed)


def _run_one(text: str, name: str, arguments: argparse.Namespace) -> str:
    """The text that one program becomes."""
    module = parse_module(text, name)
    instruments: list[Instrument] = [_printing(each, arguments) for each in arguments.print_ir]
    if arguments.verify_each:
        instruments.append(VerifyEach())
    if arguments.verify_roundtrip:
        instruments.append(RoundtripEach())
    if arguments.bisect_limit is not None:
        instruments.append(BisectLimit(arguments.bisect_limit, sys.stderr))
    # Last, so that a pass whose result another instrument rejects has not ended for it.
    reproducer = Reproducer(arguments.reproducer, arguments.verify_each) if arguments.reproducer else None
    if reproducer is not None:
        instruments.append(reproducer)
    manager = PassManager(arguments.pipeline, instruments)
    try:
        with compile_progress(manager):
            log = _run_passes(manager, module, arguments)
    except Exception as error:
        pipeline = reproducer.write(error, name) if reproducer is not None else None
        where = f"; `mixad opt --run-reproducer {arguments.reproducer}` repeats it" if pipeline else ""
        if isinstance(error, MixadError):
            raise PassError(f"{error}{where}") if where else error from None
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise PassError(
            f"a pass fails with {type(error).__name__}: {error}, at {frame.filename}:{frame.lineno}"
            + (where or "; --reproducer=FILE writes what repeats it")
        ) from error
    if arguments.timing:
        sys.stderr.write(timing_report(log.records))
    if arguments.stats:
        sys.stderr.write(statistics_report(log.records))
    return print_module(module, locations=arguments.locations, generic=arguments.print_generic)


def _run_passes(manager: PassManager, module: Module, arguments: argparse.Namespace) -> PassLog:
    if arguments.dump is None:
        log = manager.run(module)
        verify(module)
        return log
    observer = DumpObserver(arguments.dump)
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


def _printing(text: str, arguments: argparse.Namespace) -> PrintEach:
    moment, _, names = text.partition(":")
    if moment not in MOMENTS:
        raise PassError(f"--print-ir={text}: '{moment}' is none of {', '.join(MOMENTS)}")
    only = [name.strip() for name in names.split(",") if name.strip()]
    return PrintEach(sys.stderr, moment, only, arguments.locations, arguments.print_generic)


def shown(error: MixadError) -> str:
    """An error as the command line shows it: one in a program's text begins with its place."""
    return str(error) if isinstance(error, ParseError) else f"mixad: error: {error}"


def read_text(file: str) -> str:
    """A program's text, from a file, or the standard input for ``-``. OSError, or a located `ParseError` for bytes
    that are no text."""
    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        shown = Source(data.decode(errors="replace"), "<stdin>" if file == "-" else file)
        offset = len(data[: error.start].decode())
        raise shown.error(offset, f"byte 0x{data[error.start]:02x} is not UTF-8") from None


def read_module(file: str) -> Module:
    """Parse a file, or the standard input for ``-``. OSError, or a located `ParseError`, where that fails."""
    return parse_module(read_text(file), "<stdin>" if file == "-" else file)
