"""List the passes, with their options and what they do."""

from __future__ import annotations

import argparse
import sys
import textwrap

from ..passes import registered_passes
from ..passes.manager import unknown_pass
from .reference import doc_of, signature

NAME = "passes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", nargs="*", help="passes to list; all, where none is named")


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    known = registered_passes()
    for name in arguments.name:
        if name not in known:
            raise unknown_pass(name)
    for name in arguments.name or sorted(known):
        sys.stdout.write(f"{signature(known[name])}\n{textwrap.indent(doc_of(known[name]), '    ')}\n\n")
    return 0
