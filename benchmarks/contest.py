"""One row: see that the contestants run and agree, time them by turns, keep what was found."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from .paired import alternate, alternate_cold
from .peers import MIXAD, Library, call, forget, libraries, to_numpy
from .results import FUNCTION
from .rows import Row
from .threads import THREADS

#: Compiling and the first call together.
LIMIT_SECONDS = 60
Call = Callable[[], Any]
Calls = Mapping[str, Call]


class OutOfTime(BaseException):
    """Not an Exception: what is interrupted must not take it for an error of its own."""


@contextmanager
def time_limit(seconds: float = LIMIT_SECONDS) -> Iterator[None]:
    """Raise `OutOfTime` in what takes longer, as soon as it runs Python again."""

    def stop(*_: Any) -> None:
        raise OutOfTime(f"more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass
class Contest:
    """One row of the tables.

    A figure is the fastest time, which other work on the machine disturbs least, divided by ``count``; ``unit`` says
    what there are so many of. With a ``baseline`` it is the time beyond that contestant's. ``facts`` are further
    columns; ``absent`` says why a library does not take part. ``bar`` is the kind of target that the row counts for:
    "speed", "first gradient", "memory" or none.
    """

    benchmark: Any
    section: str
    about: str
    row: str = ""
    bar: str = ""
    threads: int = THREADS
    count: int = 1
    unit: str = "a call"
    target: str = ""
    baseline: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def warm(self, calls: Calls, tolerance: float | None = 1e-6, seconds: float = 2.0) -> None:
        """Compare calls that have been made before. Their results must agree, unless ``tolerance`` is None."""
        entered = agreed(calls, tolerance, self.absent)
        self.keep(lambda: alternate(entered, seconds))

    def cold(self, calls: Calls, tolerance: float | None = 1e-6, seconds: float = 10.0) -> None:
        """Compare calls that begin with no program compiled."""
        entered = agreed(calls, tolerance, self.absent)
        self.keep(lambda: alternate_cold(entered, forget, seconds))

    def differentiate(self, row: Row) -> None:
        """Compare the libraries on one of the rows."""
        self.section, self.about, self.row, self.bar = row.section, row.about, row.name, "speed"
        self.absent |= row.absent
        self.benchmark.group = row.section
        calls = contestants(row, self.absent)
        self.keep(lambda: alternate(calls))

    def keep(self, measure: Callable[[], dict[str, list[float]]]) -> None:
        """Measure, once, and store it; the test fails where mixad has no figure, the row stays."""
        if self.benchmark.disabled:
            self.benchmark(lambda: None)
        else:
            samples = self.benchmark.pedantic(measure, rounds=1, iterations=1)
            kept = {name: value for name, value in vars(self).items() if name != "benchmark"}
            self.benchmark.extra_info.update(kept, samples=samples)
        if MIXAD.name in self.absent:
            pytest.fail(f"{self.row}: mixad: {self.absent[MIXAD.name]}")


def contestants(row: Row, absent: dict[str, str], only: Callable[[str], bool] = lambda name: True) -> dict[str, Call]:
    """Each library's derivative, and mixad's function where its cost is a bound; ``absent`` gains those that fail."""
    arguments = row.arguments()
    calls = {
        library.name: derivative(row, library, arguments)
        for library in libraries()
        if library.name not in absent and only(library.name)
    }
    found = agreed(calls, row.tolerance, absent)
    if row.gradient and MIXAD.name in found:
        found[FUNCTION] = call(MIXAD, MIXAD.jit(row.function(MIXAD)), *arguments)
    return found


def derivative(row: Row, library: Library, arguments: tuple[Any, ...]) -> Call:
    """The library's compiled derivative of a row, to be called."""
    library = library.for_loops if row.loops else library
    try:
        return call(library, library.jit(row.derivative(library, row.function(library))), *arguments)
    except Exception as error:
        return failing(error)


def failing(error: Exception) -> Call:
    """A call that raises what kept a contestant from being built."""

    def fail() -> Any:
        raise error

    return fail


def agreed(
    calls: Calls, tolerance: float | None, absent: dict[str, str], limit: float = LIMIT_SECONDS
) -> dict[str, Call]:
    """The calls that ran and agree with the first that did; ``absent`` gains why the others do not take part."""
    forget()
    reference: list[Any] = []
    found: dict[str, Call] = {}
    for name, one in calls.items():
        try:
            with time_limit(limit):
                result = one()
            if tolerance is not None:
                numbers = flat(result)
                reference = reference or numbers
                check(numbers, reference, tolerance)
        except (Exception, OutOfTime) as error:
            absent[name] = said(error)
        else:
            found[name] = one
    return found


def flat(result: Any) -> list[Any]:
    """The arrays of a nested result, as float64."""
    if isinstance(result, dict):
        result = [result[key] for key in sorted(result)]
    if isinstance(result, list | tuple):
        return [leaf for each in result for leaf in flat(each)]
    return [np.array(to_numpy(result), np.float64)]


def check(result: list[Any], reference: list[Any], tolerance: float) -> None:
    """Each array within the tolerance, relative to its largest number; AssertionError otherwise."""
    for one, other in zip(result, reference, strict=True):
        scale = np.max(np.abs(other), initial=1e-30)
        np.testing.assert_allclose(one, other, tolerance, tolerance * scale, err_msg="results differ")


def said(error: BaseException) -> str:
    """The first line of an error that says anything, and the next where it only announces that."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = f"{type(error).__name__}: {' '.join(lines[: 2 if lines and lines[0].endswith(':') else 1])}"
    return text if len(text) <= 120 else f"{text[:117]}..."
