"""Make the HTML reports of a dump again, from its files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ...ir.errors import MixadError
from .build import report_of_folder

NAME = "report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("folder", type=Path, help="one dumped compilation, or the folder of several")
    parser.add_argument("-o", "--output", type=Path, help="the page of one compilation; report.html in its folder")


def run(arguments: argparse.Namespace) -> int:
    """Write a page for each compilation, and say where."""
    one = (arguments.folder / "manifest.json").exists()
    folders = [arguments.folder] if one else sorted(path.parent for path in arguments.folder.glob("*/manifest.json"))
    if not folders:
        raise MixadError(f"{arguments.folder} holds no dump; MIXAD_DUMP={arguments.folder} makes one")
    if arguments.output and not one:
        raise MixadError(f"{arguments.folder} holds {len(folders)} dumps; --output takes the page of one")
    for folder in folders:
        output = arguments.output or folder / "report.html"
        output.write_text(report_of_folder(folder), encoding="utf-8")
        sys.stdout.write(f"{output}\n")
    return 0
