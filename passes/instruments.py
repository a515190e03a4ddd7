"""Checks after every pass: that the program is valid, and that its text says all of it."""

from __future__ import annotations

from ..ir import module_fingerprint, parse_module, print_module, verify
from ..ir.errors import MixadError, VerificationError
from ..ir.module import Module
from .manager import Instrument, Pass, PassRecord
from .scope import worked_on


class VerifyEach(Instrument):
    """Verify the program before the first pass and after every pass that changed it.

    Raises `VerificationError` that names the pass. Programs of more than ``limit`` operations are passed over.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self._started = False

    def before_pass(self, run: Pass, module: Module, depth: int) -> None:
        """Verify what the first pass is given."""
        if not self._started:
            self._started = True
            self._check(module, f"the program given to '{run}'")

    def after_pass(self, run: Pass, module: Module, record: PassRecord) -> None:
        """Verify what a pass left."""
        if record.changed:
            self._check(worked_on(run, module, record.depth), f"pass '{run}' left a program that")

    def _check(self, module: Module, what: str) -> None:
        if self.limit is None or len(module) <= self.limit:
            try:
                verify(module)
            except VerificationError as error:
                raise VerificationError(f"{what} is not valid: {error}", error.problem, error.operation) from error


class RoundtripEach(Instrument):
    """Print and parse the program after every pass that changed it: the same text and the same fingerprint must
    come back.

    Raises `VerificationError` that names the pass. Programs of more than ``limit`` operations are passed over.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit

    def after_pass(self, run: Pass, module: Module, record: PassRecord) -> None:
        """Check what a pass left."""
        module = worked_on(run, module, record.depth)
        if not record.changed or (self.limit is not None and len(module) > self.limit):
            return
        text = print_module(module, locations=True)
        try:
            parsed = parse_module(text, f"<after {run.name}>")
        except MixadError as error:
            raise VerificationError(f"after pass '{run}' the printed program does not parse: {error}") from error
        again = print_module(parsed, locations=True)
        if again != text:
            old, new = next((a, b) for a, b in zip(text.split("\n"), again.split("\n"), strict=False) if a != b)
            raise VerificationError(f"after pass '{run}' printed text reads back differently: '{old}' as '{new}'")
        before, after = module_fingerprint(module), module_fingerprint(parsed)
        if before != after:
            raise VerificationError(f"after pass '{run}' the fingerprint is {before}, and {after} when read back")
