"""One row: build each library's derivative, see that they agree, time them by turns."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .paired import alternate
from .peers import MIXAD, Library, call, libraries
from .rows import Row

#: Compiling and the first call together.
LIMIT_SECONDS = 90
#: The name under which mixad's compiled function itself takes part, to set its gradient's cost beside it.
FUNCTION = "function"

Call = Callable[[], Any]


class OutOfTime(BaseException):
    """Not an Exception: what is interrupted must not take it for an error of its own."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
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
class Found:
    """Calls that ran and agreed, and why others do not take part."""

    calls: dict[str, Call] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def contestants(row: Row, only: Callable[[str], bool] = lambda name: True) -> Found:
    """Each library's derivative, run once, its result compared with the first library's that has one."""
    found = Found(absent=dict(row.absent))
    arguments = row.arguments()
    reference: list[Any] = []
    for library in libraries():
        if library.name in found.absent or not only(library.name):
            continue
        try:
            library.forget()
            with time_limit(LIMIT_SECONDS):
                one = derivative(row, library, arguments)
                result = flat(library, one())
            reference = reference or result
            check(result, reference, row.tolerance)
        except (Exception, OutOfTime) as error:
            found.absent[library.name] = said(error)
        else:
            found.calls[library.name] = one
    return found


def derivative(row: Row, library: Library, arguments: tuple[Any, ...]) -> Call:
    library = library.for_loops if row.loops else library
    return call(library, library.jit(row.derivative(library, row.function(library))), *arguments)


def function_alone(row: Row, arguments: tuple[Any, ...]) -> Call:
    """mixad's compiled function, without a derivative."""
    return call(MIXAD, MIXAD.jit(row.function(MIXAD)), *arguments)


def flat(library: Library, result: Any) -> list[Any]:
    if isinstance(result, dict):
        result = [result[key] for key in sorted(result)]
    if isinstance(result, list | tuple):
        return [leaf for each in result for leaf in flat(library, each)]
    return [np.array(library.host(result), np.float64)]


def check(result: list[Any], reference: list[Any], tolerance: float) -> None:
    """Each array within the tolerance, relative to its largest number; AssertionError otherwise."""
    for one, other in zip(result, reference, strict=True):
        scale = np.max(np.abs(other), initial=1e-30)
        np.testing.assert_allclose(one, other, tolerance, tolerance * scale, err_msg="results differ")


def said(error: BaseException) -> str:
    """The first line of an error that says anything."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = f"{type(error).__name__}: {lines[0] if lines else ''}"
    return text if len(text) <= 120 else f"{text[:117]}..."


def compare(row: Row, seconds: float, only: Callable[[str], bool] = lambda name: True) -> tuple[Any, dict[str, str]]:
    """Samples by contestant, and why others do not take part."""
    found = contestants(row, only)
    if row.gradient and MIXAD.name in found.calls:
        found.calls[FUNCTION] = function_alone(row, row.arguments())
    return alternate(found.calls, seconds), found.absent
