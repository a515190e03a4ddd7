"""Progress of long compilations, on a terminal.

The command line shows it by itself; ``MIXAD_PROGRESS=1`` in the environment shows it for every compilation of a
process. Nothing is shown before a second has passed, nor where the standard error is no terminal.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

from ..ir.module import Module
from ..passes import Pass, PassLog, PassManager, PassRecord
from ..runtime.compiler import Observer, add_observer
from ..runtime.program import Program

#: How long a compilation may take before it is shown, in seconds.
PATIENCE = 1.0


class ProgressObserver(Observer):
    """Shows the running pass, how many have run, and the size of the program."""

    def __init__(self, patience: float = PATIENCE, console: Any = None) -> None:
        self._console = console
        self._timer = threading.Timer(patience, self._show)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._bar: Any = None
        self._task: Any = None
        self._state: dict[str, Any] = {"description": "compiling", "completed": 0}
        self._ended = False

    def start(self, module: Module, pipeline: str) -> None:
        """Begin to wait."""
        self._timer.start()

    def before_pass(self, run: Pass, module: Module, depth: int) -> None:
        """Name the pass that runs."""
        self._update(description=f"{run.name} over {len(module):,} operations")

    def after_pass(self, run: Pass, module: Module, record: PassRecord) -> None:
        """Count a pass."""
        self._update(completed=self._state["completed"] + 1)

    def finish(self, module: Module, programs: dict[str, Program], log: PassLog) -> None:
        """Clear the line."""
        self.close()

    def failed(self, module: Module, error: Exception) -> None:
        """Clear the line."""
        self.close()

    def _update(self, **state: Any) -> None:
        with self._lock:
            self._state.update(state)
            if self._bar is not None:
                self._bar.update(self._task, **self._state)

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        with self._lock:
            if self._ended:
                return
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                TextColumn("{task.completed} passes done"),
                TimeElapsedColumn(),
                console=self._console or Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(self._state["description"], total=None)
            self._bar.update(self._task, **self._state)
            self._bar.start()

    def close(self) -> None:
        """Stop waiting, and clear the line."""
        self._timer.cancel()
        with self._lock:
            self._ended = True
            if self._bar is not None:
                self._bar.stop()


@contextlib.contextmanager
def compile_progress(manager: PassManager) -> Iterator[None]:
    """Show the progress of what a pass manager runs, where a person looks at the standard error."""
    if not sys.stderr.isatty():
        yield
        return
    observer = ProgressObserver()
    manager.instruments = [*manager.instruments, observer]
    observer.start(Module(), "")
    try:
        yield
    finally:
        observer.close()


def _progress_from_environment() -> None:
    if os.environ.get("MIXAD_PROGRESS", "0") not in ("", "0"):
        add_observer(lambda: ProgressObserver() if sys.stderr.isatty() else None)


_progress_from_environment()
