"""Runs each .mix file beside this one: ``RUN`` gives the options of `mixad opt`, ``CHECK`` what it must print.

``pytest --bless`` rewrites the CHECK lines of files that print something else.
"""

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
from mixad.passes import registered_passes
from mixad.tools.cli import main

FILES = sorted(Path(__file__).parent.glob("*.mix"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file(file: Path, capsys: pytest.CaptureFixture[str], bless: bool) -> None:
    runs = re.findall(r"^// RUN: (.*)$", file.read_text(), re.MULTILINE)
    assert runs, f"{file.name} has no RUN line"
    for run in runs:
        printed = opt(file, run)
        if bless and len(runs) == 1 and not matches(file, printed):
            file.write_text(blessed(file.read_text(), printed))
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


def blessed(text: str, printed: str) -> str:
    """A file's text with CHECK lines that say what was printed: the functions, from the first line to the last."""
    lines = [line.strip() for line in printed.splitlines()[1:-1]]
    while lines and lines[-1] == "}":
        del lines[-1]
    checks = [f"// CHECK{'-NEXT' if number else ''}: {line}" for number, line in enumerate(lines)]
    kept = [line for line in text.splitlines() if not line.startswith("// CHECK")]
    last = max(number for number, line in enumerate(kept) if line.startswith("// RUN:"))
    return "\n".join([*kept[: last + 1], *checks, *kept[last + 1 :]]) + "\n"


def test_every_pass_is_run_by_some_file() -> None:
    ours = {name for name, cls in registered_passes().items() if cls.__module__.startswith("mixad.")}
    runs = "\n".join(line for file in FILES for line in re.findall(r"^// RUN: (.*)$", file.read_text(), re.MULTILINE))
    assert ours <= set(re.findall(r"[a-z][a-z-]*", runs))


@pytest.mark.parametrize("change", [("dense<2.0>", "dense<3.0>"), ("return %y, %1", "return %y"), ("mul", "div")])
def test_another_program_does_not_match(change: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(__file__).parent / "derivative-square.mix"
    (run,) = re.findall(r"^// RUN: (.*)$", file.read_text(), re.MULTILINE)
    printed = opt(file, run)
    assert printed != printed.replace(*change)
    assert not matches(file, printed.replace(*change))
    assert "derivative-square.mix" in capsys.readouterr().err


def test_blessing_writes_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cse.mix"
    text = (Path(__file__).parent / "cse.mix").read_text()
    file.write_text(text.replace("CHECK-NEXT: %0 = tensor.sin", "CHECK-NEXT: %0 = tensor.cos"))
    printed = opt(file, '--pipeline="cse"')
    assert not matches(file, printed)
    file.write_text(blessed(file.read_text(), printed))
    assert matches(file, printed)
    assert file.read_text() == text
