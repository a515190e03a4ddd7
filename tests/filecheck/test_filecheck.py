"""Runs each .mix file beside this one: ``RUN`` gives the options of `mixad opt`, ``CHECK`` what it must print."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
from filecheck.finput import FInput
from filecheck.matcher import Matcher
from filecheck.options import Options
from filecheck.parser import Parser
from mixad.tools.cli import main

FILES = sorted(Path(__file__).parent.glob("*.mix"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = re.findall(r"^// RUN: (.*)$", file.read_text(), re.MULTILINE)
    assert runs, f"{file.name} has no RUN line"
    for run in runs:
        printed = opt(file, run)
        assert matches(file, printed), f"{capsys.readouterr().err}\nprinted by `mixad opt {run}`:\n{printed}"


def opt(file: Path, options: str) -> str:
    """What `mixad opt` prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        status = main(["opt", str(file), "--verify-each", "--verify-roundtrip", *shlex.split(options)])
    assert status == 0
    return output.getvalue()


def matches(file: Path, printed: str) -> bool:
    """Whether what was printed is what the file's CHECK lines say."""
    options = Options(str(file), match_full_lines=True)
    return Matcher(options, FInput("<printed>", printed), Parser.from_opts(options)).run() == 0


@pytest.mark.parametrize("change", [("dense<2.0>", "dense<3.0>"), ("return %y, %1", "return %y"), ("mul", "div")])
def test_another_program_does_not_match(change: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(__file__).parent / "derivative-square.mix"
    (run,) = re.findall(r"^// RUN: (.*)$", file.read_text(), re.MULTILINE)
    printed = opt(file, run)
    assert printed != printed.replace(*change)
    assert not matches(file, printed.replace(*change))
    assert "derivative-square.mix" in capsys.readouterr().err
