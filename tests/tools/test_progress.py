"""Progress of compilations that take long, where a person looks."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time

import pytest
from mixad.ir import Module, parse_module
from mixad.passes import PassManager
from mixad.tools.progress import ProgressObserver, compile_progress
from rich.console import Console

PROGRAM = "module { func @f(%x: tensor<f64>) -> (tensor<f64>) { %0 = tensor.sin %x : tensor<f64> return %0 } }"


def run(observer: ProgressObserver, wait: float) -> None:
    observer.start(Module(), "")
    time.sleep(wait)
    PassManager("canonicalize,cse", [observer]).run(parse_module(PROGRAM))


def test_a_long_compilation_is_shown_and_the_line_is_cleared() -> None:
    stream = io.StringIO()
    observer = ProgressObserver(0.0, Console(file=stream, force_terminal=True, width=100))
    run(observer, 0.3)
    time.sleep(0.2)
    observer.close()
    shown = stream.getvalue()
    assert "cse over 1 operations" in shown
    assert "2 passes done" in shown
    assert shown.endswith("\x1b[2K"), "the last thing written clears the line"


def test_a_short_one_is_not() -> None:
    stream = io.StringIO()
    observer = ProgressObserver(60.0, Console(file=stream, force_terminal=True))
    run(observer, 0.0)
    observer.close()
    assert stream.getvalue() == ""


def test_nothing_is_shown_to_a_file() -> None:
    manager = PassManager("cse")
    with compile_progress(manager):
        assert list(manager.instruments) == []


@pytest.mark.slow
def test_the_environment_switches_it_on() -> None:
    code = (
        "import mixad, sys; from mixad.runtime import compiler;"
        "sys.stderr.isatty = lambda: True;"
        "print([type(f()).__name__ for f in compiler._factories])"
    )
    for value, shown in (("1", "['ProgressObserver']\n"), ("0", "[]\n")):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env={**os.environ, "MIXAD_PROGRESS": value}, capture_output=True)
        assert done.stdout.decode() == shown, done.stderr.decode()
