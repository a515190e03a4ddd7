"""The command line, ``python -m mixad`` or ``mixad``: one module a subcommand, listed in `COMMANDS`.

A subcommand's module has ``NAME``, a docstring whose first line is its help, ``add_arguments(parser)`` and
``run(arguments) -> int``, the exit status.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final, Protocol

from ..ir.errors import MixadError
from . import diff, explain, list_operations, list_passes, opt, reference, stablehlo, trace
from .dump import versions
from .report import command as report


class Command(Protocol):
    """What this module asks of a subcommand's."""

    NAME: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it; returns the exit status."""


COMMANDS: Final[Sequence[Command]] = (
    opt,
    trace,
    explain,
    diff,
    stablehlo,
    list_passes,
    list_operations,
    report,
    reference,
)

#: The exit status that a shell shows for a program ended by SIGPIPE.
_BROKEN_PIPE = 141
#: The same for SIGINT.
_INTERRUPTED = 130


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    shown = ", ".join(f"{name} {number}" for name, number in versions().items())
    parser = argparse.ArgumentParser("mixad", description="Look at programs, passes and derivatives.")
    parser.add_argument("--version", action="version", version=shown)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        doc = (command.__doc__ or "").strip()
        help_line = doc.partition("\n")[0].rstrip(".")
        each = commands.add_parser(
            command.NAME, help=help_line, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.add_arguments(each)
        each.set_defaults(run=command.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status. Mistakes in programs, pipelines and files are messages on the
    standard error and a status of 1, mistakes in the arguments themselves one of 2."""
    parsed = make_parser().parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
        sys.stdout.flush()
        return status
    except MixadError as error:
        print(opt.shown(error), file=sys.stderr)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Python flushes the standard output once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except OSError as error:
        print(f"mixad: error: {error.filename or 'input'}: {error.strerror or error}", file=sys.stderr)
    return 1
