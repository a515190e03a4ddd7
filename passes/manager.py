"""Passes and the manager that runs them.

A pass is a frozen dataclass: its fields are its options, its docstring its documentation. A
pipeline is text, ``linearize{wrt=0,1},transpose,fixpoint(cse,dce)``, and prints back as it was read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from ..ir.errors import PassError
from ..ir.module import Module

P = TypeVar("P", bound="type[Pass]")


class Pass:
    """Base of passes. Subclasses are frozen dataclasses decorated with `register_pass`."""

    #: The name in pipelines; set by `register_pass`.
    name: ClassVar[str] = ""

    def run(self, module: Module, log: PassLog) -> bool:
        """Change ``module`` in place; True when anything changed."""
        raise NotImplementedError

    def __str__(self) -> str:
        from .pipeline import pass_text

        return pass_text(self)


_passes: dict[str, type[Pass]] = {}


def register_pass(name: str) -> Callable[[P], P]:
    """Class decorator: make a pass known to pipelines under ``name``."""

    def add(cls: P) -> P:
        if name in _passes:
            raise ValueError(f"pass {name!r} is registered already")
        cls.name = name
        _passes[name] = cls
        return cls

    return add


def registered_passes() -> dict[str, type[Pass]]:
    """All passes by name."""
    return dict(_passes)


@dataclass
class PassRecord:
    """What one run of one pass did. ``seconds`` is wall time, nested passes included; ``depth`` counts
    the passes that it ran inside of."""

    text: str
    changed: bool
    seconds: float
    operations_before: int
    operations_after: int
    depth: int
    statistics: dict[str, int]


class Instrument:
    """An observer of a pass manager, such as a dump or the verifier: override what is of interest."""

    def skips(self, run: Pass, depth: int) -> bool:
        """Whether the manager shall leave out this run of a pass."""
        return False

    def before_pass(self, run: Pass, module: Module, depth: int) -> None:
        """Called before a pass runs."""

    def after_pass(self, run: Pass, module: Module, record: PassRecord) -> None:
        """Called after a pass ran without an error."""

    def failed_pass(self, run: Pass, module: Module, error: Exception) -> None:
        """Called when a pass raised ``error``, which is raised again afterwards."""


@dataclass
class PassLog:
    """What a pass reports to: statistics, and the way to run passes inside passes."""

    instruments: Sequence[Instrument] = ()
    records: list[PassRecord] = field(default_factory=list)
    depth: int = -1
    _counts: list[dict[str, int]] = field(default_factory=list)

    def count(self, what: str, times: int = 1) -> None:
        """Add to a statistic of the running pass."""
        if times and self._counts:
            self._counts[-1][what] = self._counts[-1].get(what, 0) + times

    def run(self, each: Pass, module: Module) -> bool:
        """Run one pass under the log's instruments; True when it changed something."""
        if any(instrument.skips(each, self.depth + 1) for instrument in self.instruments):
            return False
        self.depth += 1
        self._counts.append({})
        before = len(module)
        for instrument in self.instruments:
            instrument.before_pass(each, module, self.depth)
        start = time.perf_counter()
        try:
            changed = each.run(module, self)
        except Exception as error:
            for instrument in self.instruments:
                instrument.failed_pass(each, module, error)
            raise
        finally:
            statistics = self._counts.pop()
            self.depth -= 1
        seconds = time.perf_counter() - start
        record = PassRecord(str(each), changed, seconds, before, len(module), self.depth + 1, statistics)
        self.records.append(record)
        for instrument in self.instruments:
            instrument.after_pass(each, module, record)
        return changed


class PassManager:
    """Runs a pipeline over a module.

    ``pipeline`` is text or passes. ``instruments`` observe every pass, nested ones too.
    """

    def __init__(self, pipeline: str | Iterable[Pass], instruments: Sequence[Instrument] = ()) -> None:
        from .pipeline import parse_pipeline

        self.passes = parse_pipeline(pipeline) if isinstance(pipeline, str) else list(pipeline)
        self.instruments = instruments

    def run(self, module: Module) -> PassLog:
        """Run every pass in order; returns the log with times and statistics."""
        log = PassLog(self.instruments)
        for each in self.passes:
            log.run(each, module)
        return log

    def __str__(self) -> str:
        return ",".join(str(each) for each in self.passes)


@register_pass("fixpoint")
@dataclass(frozen=True)
class Fixpoint(Pass):
    """Repeat the passes inside the parentheses until none changes anything."""

    passes: tuple[Pass, ...] = ()
    max_rounds: int = 20

    def run(self, module: Module, log: PassLog) -> bool:
        """Raises `PassError` when the passes still change the program after ``max_rounds`` rounds."""
        if not self.passes:
            return False
        quiet = 0
        changed = False
        for _ in range(self.max_rounds):
            for each in self.passes:
                if log.run(each, module):
                    changed, quiet = True, 0
                else:
                    quiet += 1
                if quiet >= len(self.passes):
                    return changed
        raise PassError(f"{self} did not settle in {self.max_rounds} rounds; raise max-rounds or look for a cycle")


def unknown_pass(name: str) -> PassError:
    """The error for a pass that does not exist."""
    import difflib

    close = difflib.get_close_matches(name, _passes, 1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return PassError(f"there is no pass '{name}'{hint} (`python -m mixad passes` lists them)")


def pass_options(cls: type[Pass]) -> dict[str, Any]:
    """The options of a pass: their names as pipelines spell them, and their defaults."""
    import dataclasses

    return {
        each.name.replace("_", "-"): each.default
        for each in dataclasses.fields(cls)  # type: ignore[arg-type]
        if each.name != "passes"
    }
