"""Dumps: the program after every pass, as files to read and to diff.

``MIXAD_DUMP=folder`` in the environment dumps every compilation of a process, ``with mixad.dump(folder):`` those of
a block. Each compilation has a folder of its own, ``0001-f``, with

- ``00-input.mix``, the traced program, and ``NN-pass.mix`` for each pass that changed it. A pass that runs inside
  another is named after both, ``03-expand-ad.linearize.mix``, and shows the one function that it works on;
- ``NN-pass.diff``, what changed since the text before;
- ``f.py``, the generated code of each program, and for a GPU each kernel's ``.ttir`` and ``.ptx``;
- ``manifest.json``: pipeline, passes with their options, times and statistics, operation counts, fingerprints,
  versions, and the error where compiling failed;
- ``report.html``, all of it to look at in a browser.

Nothing that lies in the folder already is changed or removed.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import difflib
import json
import os
import platform
import re
import time
import traceback
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..ir import Graph, Module, module_fingerprint, print_module
from ..passes import Pass, PassLog, PassRecord
from ..passes.manager import pass_options
from ..passes.scope import worked_on
from ..runtime.compiler import Observer, add_observer, observed
from ..runtime.program import Program
from .report import Recorder, report


@contextlib.contextmanager
def dump(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Dump every program that is run inside a ``with`` block, in any thread; gives the folder.

    Programs that were compiled before are compiled once more, to be seen. The folder is made where it is missing;
    OSError where that cannot be done.
    """
    path = Path(folder).absolute()
    path.mkdir(parents=True, exist_ok=True)
    with observed(lambda: DumpObserver(path)):
        yield path


class DumpObserver(Observer):
    """Writes one compilation into a new folder below ``root``. `folder` is known after `start`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root
        self._number = 0
        #: The passes that are running, outermost first: name, and what it was given, as a key of ``_texts``.
        self._running: list[tuple[str, Graph | None]] = []
        #: The last file and text of the module (None) and of functions that inner passes worked on.
        self._texts: dict[Graph | None, tuple[str, str]] = {}
        self._passes: list[dict[str, Any]] = []
        self._manifest: dict[str, Any] = {}
        self._error: Exception | None = None
        self._start = 0.0
        self._recorder = Recorder()

    def start(self, module: Module, pipeline: str) -> None:
        """Make the folder and write the input."""
        self._start = time.perf_counter()
        name = module.entry.name
        self.folder = new_folder(self.root, name)
        self._texts[None] = "00-input.mix", _text(module)
        self._write(*self._texts[None])
        self._recorder.step(module, "input", "00-input.mix")
        self._manifest = {
            "entry": name,
            "pipeline": pipeline,
            "fingerprint": module_fingerprint(module),
            "operations": operation_counts(module),
            "versions": versions(),
        }

    def before_pass(self, run: Pass, module: Module, depth: int) -> None:
        """Remember what an inner pass is given."""
        view, key = self._view(run, module, depth)
        self._running.append((run.name, key))
        if key not in self._texts:
            self._texts[key] = f"@{view.entry.name}", _text(view)

    def after_pass(self, run: Pass, module: Module, record: PassRecord) -> None:
        """Write what a pass left, if it changed something."""
        entry = {"pass": run.name, "options": _options(run), **dataclasses.asdict(record), "file": None}
        self._passes.append(entry)
        if record.changed:
            view, key = self._view(run, module, record.depth)
            text = _text(view)
            if key not in self._texts:  # the pass put a new function in the place of the one it was given
                self._texts[key] = self._texts[self._running[-1][1]]
            if text != self._texts[key][1]:
                entry["file"] = self._write_step(text, *self._texts[key])
                self._recorder.step(view, self._path(), entry["file"])
                self._texts[key] = entry["file"], text
        self._running.pop()

    def failed_pass(self, run: Pass, module: Module, error: Exception) -> None:
        """Write what the innermost failing pass left behind."""
        if error is not self._error:
            self._error = error
            self._number += 1
            name = f"{self._number:02}-{self._path()}.failed.mix"
            try:
                text = _text(module)
                self._recorder.step(module, f"{self._path()}, failed", name)
            except Exception as broken:  # the pass may have left anything
                text = f"// the program cannot be printed: {broken!r}\n"
            self._write(name, text)
            self._passes.append({"pass": run.name, "options": _options(run), "failed": str(error), "file": name})
            self._passes[-1]["depth"] = len(self._running) - 1
        self._running.pop()

    def finish(self, module: Module, programs: dict[str, Program], log: PassLog) -> None:
        """Write the generated code and the manifest."""
        files = {}
        for name, program in programs.items():
            files[name] = f"{_file_name(name)}.py"
            if files[name] in list(files.values())[:-1]:
                files[name] = f"{_file_name(name)}-{len(files)}.py"
            self._write(files[name], program.source)
            for file, text in program.stages().items():
                self._write(file, text)
        self._manifest["programs"] = files
        self._manifest["planned_bytes"] = {name: program.nbytes for name, program in programs.items()}
        self._manifest["backend"] = next((program.backend for program in programs.values()), None)
        self._finish(module)

    def failed(self, module: Module, error: Exception) -> None:
        """Write the error, and the manifest of what was done."""
        self._write("error.txt", "".join(traceback.format_exception(error)))
        self._manifest["error"] = {"type": type(error).__name__, "message": str(error)}
        self._finish(module)

    def _finish(self, module: Module) -> None:
        self._manifest["operations_after"] = operation_counts(module)
        self._manifest["passes"] = self._passes
        self._manifest["seconds"] = time.perf_counter() - self._start
        self._write("manifest.json", json.dumps(self._manifest, indent=2) + "\n")
        self._write("report.html", report(self._recorder, self._manifest))

    @staticmethod
    def _view(run: Pass, module: Module, depth: int) -> tuple[Module, Graph | None]:
        view = worked_on(run, module, depth)
        return view, None if view is module else view.entry

    def _path(self) -> str:
        """The running passes' names, but for the fixpoints around them."""
        names = [name for name, _ in self._running]
        return ".".join([*(name for name in names[:-1] if name != "fixpoint"), names[-1]])

    def _write_step(self, text: str, previous_name: str, previous: str) -> str:
        self._number += 1
        name = f"{self._number:02}-{self._path()}"
        self._write(f"{name}.mix", text)
        lines = difflib.unified_diff(
            previous.splitlines(keepends=True), text.splitlines(keepends=True), previous_name, f"{name}.mix"
        )
        self._write(f"{name}.diff", "".join(lines))
        return f"{name}.mix"

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")


def new_folder(root: Path, name: str) -> Path:
    """Make a folder ``0001-name`` below ``root``, with the next free number, whoever else is making one.

    A number is taken by making the folder ``.0001``: that fails where it exists, and nobody gives the number to
    another folder before it has its name.
    """
    root.mkdir(parents=True, exist_ok=True)
    number = max(_numbers(root), default=0) + 1
    while True:
        taken = root / f".{number:04}"
        try:
            taken.mkdir()
        except FileExistsError:
            number += 1
            continue
        if number in _numbers(root):
            taken.rmdir()
            number += 1
            continue
        folder = root / f"{number:04}-{_file_name(name)}"
        taken.rename(folder)
        return folder


def _numbers(root: Path) -> set[int]:
    return {int(found[1]) for entry in os.listdir(root) if (found := re.match(r"(\d{4,})-", entry))}


def _file_name(name: str) -> str:
    """A name that any file system takes."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:60] or "program"


def _text(module: Module) -> str:
    return print_module(module, locations=True)


def _options(run: Pass) -> dict[str, Any]:
    return {name: getattr(run, name.replace("-", "_")) for name in pass_options(type(run))}


def operation_counts(module: Module) -> dict[str, int]:
    """How many operations of each name a module has."""
    return dict(sorted(collections.Counter(op.name for graph in module for op in graph).items()))


def versions() -> dict[str, str]:
    """The versions of mixad, Python and what mixad computes with."""
    found = {}
    for name in ("mixad", "numpy", "networkx"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a checkout on the path that was never installed
            found[name] = "not installed"
    return {**found, "python": platform.python_version()}


def _dump_from_environment() -> None:
    if folder := os.environ.get("MIXAD_DUMP"):
        path = Path(folder).absolute()
        add_observer(lambda: DumpObserver(path))


_dump_from_environment()
