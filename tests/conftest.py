"""Settings for every test."""

from __future__ import annotations

import os
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from mixad import jit
from mixad.frontend.devices import missing_gpu
from mixad.passes.instruments import RoundtripEach, VerifyEach
from mixad.runtime.compiler import Observer, add_observer, observed
from mixad.runtime.triton.devices import interpreted

# Kernels for GPUs are kept with what else is built, not among the user's own.
os.environ.setdefault("MIXAD_CACHE_DIR", str(Path(__file__).parents[1] / "build" / "kernels"))

# A test's time depends on its neighbours (xdist, a busy machine) and a first call compiles, so a deadline per
# example would fail at random; what Hypothesis tries is the same from run to run, so a failure can be repeated.
settings.register_profile("mixad", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mixad")


class VerifyCompilation(VerifyEach, Observer):
    """Verifies after every pass of every program that any test compiles."""


class RoundtripCompilation(RoundtripEach, Observer):
    """Prints and parses after every pass of every program that any test compiles."""


# Larger programs are left out for time: linear scans after each of some thirty passes would dominate their tests.
_watched = True
add_observer(lambda: VerifyCompilation(limit=5_000) if _watched else None)
add_observer(lambda: RoundtripCompilation(limit=100) if _watched else None)


@pytest.fixture
def unwatched() -> Iterator[None]:
    """No checks after passes, for derivatives of many programs whose passes other tests check: they take most of the
    time."""
    global _watched
    _watched = False
    yield
    _watched = True


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="rewrite CHECK lines and golden files to what is printed now")
    parser.addoption("--gpu", action="store_true", help="run the tests of the Triton backend on a GPU")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--gpu"):
        why = "MIXAD_TRITON is set, with which no GPU is used" if interpreted() else missing_gpu()
        if why is not None:
            raise pytest.UsageError(f"--gpu: {why}")


@pytest.fixture
def bless(request: pytest.FixtureRequest) -> bool:
    """Whether expectations are to be rewritten."""
    return bool(request.config.getoption("--bless"))


@pytest.fixture
def peak_of():
    """Gives the most bytes in use at once during a call of a function that is compiled already."""

    def peak(function, *arguments):
        function(*arguments)
        found = []

        def measure():
            tracemalloc.start()
            result = function(*arguments)
            found.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            del result

        thread = threading.Thread(target=measure)  # which has kept no memory from earlier calls
        thread.start()
        thread.join()
        return found[0]

    return peak


@pytest.fixture
def source_of():
    """Gives what a compiled function returns, and the source that was generated for it."""

    def compiled(function, *arguments):
        sources = []

        class Sources(Observer):
            def finish(self, module, programs, log):
                sources.extend(program.source for program in programs.values())

        with observed(Sources):
            found = jit(function)(*arguments)
        return found, sources[-1]

    return compiled
