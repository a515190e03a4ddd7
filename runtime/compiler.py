"""From a module to a program: run the backend's pipeline, check its support table, lower."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..ir.module import Module
from ..passes import Instrument, PassLog, PassManager
from ..passes.instruments import VerifyEach
from .backend import Backend
from .program import Program


class Observer(Instrument):
    """Watches one compilation, such as a dump."""

    def start(self, module: Module, pipeline: str) -> None:
        """Called before the first pass."""

    def finish(self, module: Module, programs: dict[str, Program], log: PassLog) -> None:
        """Called when the programs are made."""

    def failed(self, module: Module, error: Exception) -> None:
        """Called instead of `finish` when compiling raised ``error``, which is raised again afterwards."""


#: Called for each compilation; gives an observer, or None where it does not want to watch.
ObserverFactory = Callable[[], Observer | None]
_factories: list[ObserverFactory] = []
#: One for each `observed` and `compile_with` in force.
_epochs: list[object] = []


def add_observer(factory: ObserverFactory) -> None:
    """Ask ``factory`` for an observer at every compilation from now on."""
    _factories.append(factory)


@contextmanager
def observed(factory: ObserverFactory) -> Iterator[None]:
    """`add_observer` for a while, in which programs that were compiled before are compiled again, once each."""
    mark = object()
    _factories.append(factory)
    _epochs.append(mark)
    try:
        yield
    finally:
        _factories.remove(factory)
        _epochs.remove(mark)


_stand_in: tuple[object, Backend] | None = None


def compile_with(backend: Backend | None) -> None:
    """Compile with ``backend``, whatever is asked for, from now on; None ends it. Programs that were compiled before
    are compiled again."""
    global _stand_in
    if _stand_in is not None:
        _epochs.remove(_stand_in[0])
    _stand_in = None if backend is None else (object(), backend)
    if _stand_in is not None:
        _epochs.append(_stand_in[0])


def epoch() -> object:
    """What caches of programs add to their keys, so that an `observed` block sees every program it runs."""
    return _epochs[-1] if _epochs else None


def passes_of(backend: Backend, extra_passes: str = "") -> str:
    """All that ``backend`` does to a module, as a pipeline."""
    return ",".join(filter(None, (backend.pipeline, extra_passes, backend.lowering)))


def compile_module(module: Module, backend: Backend, extra_passes: str = "") -> dict[str, Program]:
    """Compile a module, which is used up; returns the program of each function that
    is left of it and that no other one uses.

    ``extra_passes`` run behind the backend's own and before its lowering. Raises `UnsupportedOperationError` or
    `UnsupportedOrderError` where the backend's table does not have what the program needs.
    """
    if _stand_in is not None:
        backend = _stand_in[1]
    pipeline = passes_of(backend, extra_passes)
    observers = [observer for factory in list(_factories) if (observer := factory()) is not None]
    for observer in observers:
        observer.start(module, pipeline)
    try:
        log = PassManager(pipeline, observers).run(module)
        backend.support.check(module)
        programs = {graph.name: backend.lower(graph, module, annotate=bool(observers)) for graph in module.roots()}
    except Exception as error:
        for observer in observers:
            observer.failed(module, error)
        raise
    for observer in observers:
        observer.finish(module, programs, log)
    return programs


class VerifyingObserver(VerifyEach, Observer):
    """Verifies the program after every pass of a compilation."""


if os.environ.get("MIXAD_VERIFY_EACH", "0") not in ("", "0"):
    add_observer(VerifyingObserver)
