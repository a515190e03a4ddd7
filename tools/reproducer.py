"""Reproducers: a program and the passes that fail on it, in one file that runs again."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from ..ir import parse_module
from ..ir.errors import ParseError
from ..ir.module import Module
from ..passes import Instrument, Pass, PassManager
from ..passes.instruments import VerifyEach, printed_anyhow
from ..passes.manager import PassRecord
from ..passes.scope import worked_on

_CONFIGURATION = re.compile(r"^// configuration: (.*)$", re.MULTILINE)


class Reproducer(Instrument):
    """Remembers what each running pass was given, and writes the innermost one that fails again by itself."""

    def __init__(self, file: Path, verify_each: bool) -> None:
        self.file = file
        self.verify_each = verify_each
        #: The passes that are running, outermost first, with the program that each was given.
        self._running: list[tuple[str, str]] = []

    def before_pass(self, run: Pass, module: Module, depth: int) -> None:
        """Remember what a pass is given."""
        self._running.append((str(run), printed_anyhow(worked_on(run, module, depth), locations=True)))

    def after_pass(self, run: Pass, module: Module, record: PassRecord) -> None:
        """Forget a pass that went well. One that failed, or whose result did, stays."""
        self._running.pop()

    def write(self, error: Exception, filename: str) -> str | None:
        """Write the file for a run that ended in ``error``; gives the pipeline that fails, None where no pass did."""
        if not self._running:
            return None
        pipeline, text = next((each for each in reversed(self._running) if self._fails(*each)), self._running[0])
        flags = " --verify-each" if self.verify_each else ""
        message = " ".join(f"{type(error).__name__}: {error}".split())
        self.file.write_text(
            f"// A program on which a pass fails; `mixad opt --run-reproducer {self.file.name}` runs it again.\n"
            f"// configuration: --pipeline={shlex.quote(pipeline)}{flags}\n"
            f"// from: {filename}\n"
            f"// error: {message}\n{text}",
            encoding="utf-8",
        )
        return pipeline

    def _fails(self, pipeline: str, text: str) -> bool:
        """Whether a pass fails on the program that it was given when it runs alone."""
        try:
            module = parse_module(text)
        except ParseError:  # it was given a program that is not valid: the pass around it tells more
            return False
        try:
            PassManager(pipeline, [VerifyEach()] if self.verify_each else []).run(module)
        except Exception:
            return True
        return False


def configuration(text: str, filename: str) -> list[str]:
    """The options that a reproducer carries; `ParseError` for a file that carries none."""
    found = _CONFIGURATION.search(text)
    if found is None:
        raise ParseError(
            f"{filename}:1:1: error: no line '// configuration: --pipeline=...', as opt --reproducer writes it",
            filename,
        )
    try:
        return shlex.split(found[1])
    except ValueError as error:
        line = text.count("\n", 0, found.start()) + 1
        raise ParseError(
            f"{filename}:{line}:1: error: the configuration does not read: {error}", filename, line
        ) from None
