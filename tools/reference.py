"""Write the reference of passes and operations as Markdown.

It is made from docstrings and support tables; docs/hooks.py puts it into the documentation when that is built.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..ir import OpDefinition, registered
from ..passes import Pass, registered_passes
from ..passes.manager import pass_options
from ..runtime.backend import backends
from .compositions import HEADER as COMPOSITIONS
from .compositions import composition_rows
from .tables import HEADER, attributes_text, operands_text, operation_rows

NAME = "reference"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("folder", type=Path, help="where to write the pages")


def run(arguments: argparse.Namespace) -> int:
    """Write the pages."""
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (arguments.folder / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{arguments.folder / name}\n")
    return 0


def pages() -> dict[str, str]:
    """Every generated page, by file name."""
    return {
        "passes.md": passes_page(),
        "operations.md": operations_page(),
        "support.md": support_page(),
        "compositions.md": compositions_page(),
    }


def passes_page() -> str:
    """The reference of passes."""
    parts = [
        "# Passes",
        "A pipeline is text: passes separated by commas, options in braces, inner passes in parentheses.",
    ]
    for name, cls in sorted(registered_passes().items()):
        parts += [f"## {name}", f"`{signature(cls)}`", markdown(doc_of(cls))]
    return "\n\n".join(parts) + "\n"


def operations_page() -> str:
    """The reference of operations, by dialect."""
    parts = ["# Operations"]
    dialects: dict[str, list[OpDefinition]] = {}
    for definition in registered().values():
        dialects.setdefault(definition.dialect, []).append(definition)
    for dialect, definitions in sorted(dialects.items()):
        parts.append(f"## The {dialect} dialect")
        for definition in sorted(definitions, key=lambda each: each.name):
            attributes = attributes_text(definition)
            form = f"{definition.name} {operands_text(definition)}".strip() + (
                f" {{{attributes}}}" if attributes else ""
            )
            parts += [f"### {definition.name}", f"`{form}`", markdown(definition.doc)]
            if facts := derivative_facts(definition):
                parts.append(facts)
    return "\n\n".join(parts) + "\n"


def derivative_facts(definition: OpDefinition) -> str:
    """One line on how the operation is differentiated."""
    if definition.rules is None:
        return ""
    cls = definition.rules.cls
    if cls.piecewise_constant:
        return "*Derivative: zero.*"
    facts = []
    if cls.linear_in:
        groups = " and in ".join(", ".join(f"`{name}`" for name in group) for group in cls.linear_in)
        facts.append(f"linear in {groups}")
    ruled = [name for name in definition.operands if hasattr(cls, f"jvp_{name}")]
    if ruled:
        facts.append("rules for " + ", ".join(f"`{name}`" for name in ruled))
    if cls.constant_in:
        facts.append("none for " + ", ".join(f"`{name}`" for name in cls.constant_in))
    return f"*Derivative: {'; '.join(facts)}.*"


def support_page() -> str:
    """The support tables of all backends."""
    parts = [
        "# Support tables",
        "Element types and the highest derivative order of each operation, by backend: `any` has no limit, `zero` "
        "means that the derivative is zero. A generated test proves every cell. The last column marks the operations "
        "whose second derivatives MindSpore's guide lists, on C (CPU), G (GPU) and A (Ascend).",
    ]
    for backend in backends():
        rows = [row.cells() for row in operation_rows(backend) if row.support is not None]
        parts += [f"## {backend.name}", table(HEADER, rows)]
    return "\n\n".join(parts) + "\n"


def compositions_page() -> str:
    """The table of NumPy's and SciPy's functions."""
    parts = [
        "# Compositions",
        "NumPy's and SciPy's functions that are traced. *Element types* are those that a sample call takes, in "
        "which it gives the values and types of NumPy; *order* is the highest order of derivative on the NumPy "
        "backend: `any` has no limit, `zero` means that the derivative is zero, or that the result has none; *not "
        "by* names operands whose derivative is refused; *operations* are those of the sample call. A generated "
        "test proves every cell to second order. SciPy's functions are called through `mixad.scipy`; its ufuncs "
        "are traced under their own names too.",
        table(COMPOSITIONS, [row.cells() for row in composition_rows("numpy")]),
    ]
    return "\n\n".join(parts) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in line) + " |" for line in lines
    )


def signature(cls: type[Pass]) -> str:
    """A pass as a pipeline spells it, with all its options, and their defaults where these are not empty."""
    options = ",".join(name + _default(value) for name, value in pass_options(cls).items())
    nests = any(each.name == "passes" for each in dataclasses.fields(cls))  # type: ignore[arg-type]
    return cls.name + (f"{{{options}}}" if options else "") + ("(...)" if nests else "")


def _default(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "" if value in ("", (), None) else f"={text}"


def doc_of(cls: type[Pass]) -> str:
    """A pass's own docstring, and below it what its ``run`` says of errors."""
    parts = [inspect.cleandoc(cls.__doc__ or "")]
    if run_doc := cls.__dict__["run"].__doc__:
        parts.append(inspect.cleandoc(run_doc))
    return "\n\n".join(parts)


def markdown(doc: str) -> str:
    """A docstring as Markdown: its double back-quotes become single ones."""
    return re.sub(r"``(.+?)``", r"`\1`", doc, flags=re.DOTALL)
