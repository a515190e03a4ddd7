"""Instruments of pass managers: checks after every pass, the program printed around passes, a limit on runs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, TextIO

from ..ir import module_fingerprint, parse_module, print_module, verify
from ..ir.errors import MixadError, VerificationError
from ..ir.module import Module
from .manager import Instrument, Pass, PassRecord, registered_passes, unknown_pass
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


#: When `PrintEach` prints: before a pass, after it, after it where it changed something, after it failed.
MOMENTS: Final = ("before", "after", "change", "failure")


@dataclass(frozen=True)
class PrintEach(Instrument):
    """Print the program around passes, under MLIR's banner ``// -----// IR Dump After cse //----- //``.

    ``moment`` is one of `MOMENTS`; ``only`` names the passes to look at, all where it is empty. A pass that runs inside
    another is shown with the function that it works on. Raises `PassError` for a pass that does not exist.
    """

    stream: TextIO
    moment: str
    only: Collection[str] = ()
    locations: bool = False
    generic: bool = False

    def __post_init__(self) -> None:
        for name in self.only:
            if name not in registered_passes():
                raise unknown_pass(name)

    def before_pass(self, run: Pass, module: Module, depth: int) -> None:
        """Print what a pass is given."""
        if self.moment == "before":
            self._print("Before", run, worked_on(run, module, depth))

    def after_pass(self, run: Pass, module: Module, record: PassRecord) -> None:
        """Print what a pass left."""
        if self.moment == "after" or (self.moment == "change" and record.changed):
            self._print("After", run, worked_on(run, module, record.depth))

    def failed_pass(self, run: Pass, module: Module, error: Exception) -> None:
        """Print what a failing pass left behind."""
        if self.moment == "failure":
            self._print("After", run, module, " Failed")

    def _print(self, when: str, run: Pass, module: Module, how: str = "") -> None:
        if self.only and run.name not in self.only:
            return
        text = printed_anyhow(module, self.locations, self.generic)
        self.stream.write(f"// -----// IR Dump {when} {run}{how} //----- //\n{text}\n")


def printed_anyhow(module: Module, locations: bool = False, generic: bool = False) -> str:
    """The text of a program that a failing pass may have left in any state."""
    try:
        return print_module(module, locations=locations, generic=generic)
    except Exception as broken:
        return f"// the program cannot be printed: {broken!r}\n"


class BisectLimit(Instrument):
    """Run the first ``limit`` passes and skip those behind them, to find the one that breaks a program.

    A pass counts each time it runs. What a pass runs inside itself belongs to it, but for the passes of a fixpoint,
    which count themselves. Each count is printed as ``BISECT: running pass (3) cse``.
    """

    def __init__(self, limit: int, stream: TextIO) -> None:
        self.limit = limit
        self.stream = stream
        self.count = 0
        self._containers: list[bool] = []

    def skips(self, run: Pass, depth: int) -> bool:
        """Count a run; true beyond the limit."""
        del self._containers[depth:]
        counted = all(self._containers)
        self._containers.append(run.name == "fixpoint")
        if not counted or run.name == "fixpoint":
            return False
        self.count += 1
        skipped = self.count > self.limit
        what = "NOT running" if skipped else "running"
        self.stream.write(f"BISECT: {what} pass ({self.count}) {run}\n")
        return skipped
