"""The command line: what it prints, and that mistakes are messages and not tracebacks."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mixad.frontend.catalog import compositions
from mixad.ir import parse_module, registered
from mixad.passes import registered_passes
from mixad.tools.cli import main

PROGRAM = """module {
  func @f(%x: tensor<f64>) -> (tensor<f64>) {
    %y = tensor.mul %x, %x : tensor<f64> loc("f.py":7 "f")
    return %y
  }
}
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    file = tmp_path / "f.mix"
    file.write_text(PROGRAM)
    return str(file)


def failure(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What is printed on the standard error by a command that fails with status 1."""
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err


def test_opt_prints_the_program(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["opt", program, "--pipeline", "canonicalize"]) == 0
    out = capsys.readouterr().out
    assert "tensor.square %x" in out
    assert "loc(" not in out


def test_opt_without_a_pipeline_changes_nothing(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["opt", program, "--locations"]) == 0
    assert capsys.readouterr().out == PROGRAM


def test_opt_reads_the_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PROGRAM.encode())))
    assert main(["opt"]) == 0
    parse_module(capsys.readouterr().out, "out")


def test_opt_writes_a_file(program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["opt", program, "-o", str(tmp_path / "out.mix"), "--locations"]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "out.mix").read_text() == PROGRAM


def test_opt_prints_generic_form(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["opt", program, "--print-generic"]) == 0
    assert '"tensor.mul"' in capsys.readouterr().out


def test_opt_reports_times_and_statistics(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["opt", program, "--pipeline", "fixpoint(canonicalize,dce)", "--timing", "--stats"]
    assert main([*arguments, "--verify-each", "--verify-roundtrip"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[-1] for line in lines[6:10]] == ["fixpoint(canonicalize,dce)", "canonicalize", "dce", "Total"]
    assert lines[7].split()[-3:-1] == ["2", "1"], "canonicalize ran twice and changed something once"
    assert "  canonicalize  [1 -> 1 operations]" in lines
    assert "    (S)       1 multiply-itself" in lines


def test_opt_dumps(program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["opt", program, "--pipeline", "linearize,transpose", "--dump", str(tmp_path / "dump")]) == 0
    names = {path.name for path in (tmp_path / "dump" / "0001-f").iterdir()}
    assert {"00-input.mix", "01-linearize.mix", "02-transpose.diff", "manifest.json"} <= names


def test_opt_dumps_what_fails(program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failure(["opt", program, "--pipeline", "canonicalize,transpose", "--dump", str(tmp_path / "dump")], capsys)
    names = {path.name for path in (tmp_path / "dump" / "0001-f").iterdir()}
    assert {"01-canonicalize.mix", "02-transpose.failed.mix", "error.txt", "manifest.json"} <= names


def test_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = failure(["opt", str(tmp_path / "none.mix")], capsys)
    assert message == f"mixad: error: {tmp_path / 'none.mix'}: No such file or directory\n"


def test_malformed_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.mix").write_text("module {\n  func ?\n}\n")
    message = failure(["opt", str(tmp_path / "bad.mix")], capsys)
    assert message.startswith(f"{tmp_path / 'bad.mix'}:2:8: error: ")
    assert message.splitlines()[-1].index("^") == 2 + len("  func ")


def test_bytes_that_are_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.mix").write_bytes(b"module {\n \xc3\xa4 \xff }")
    message = failure(["opt", str(tmp_path / "bad.mix")], capsys)
    assert message.startswith(f"{tmp_path / 'bad.mix'}:2:4: error: byte 0xff is not UTF-8")


def test_an_invalid_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.mix").write_text(PROGRAM.replace("tensor.mul %x, %x", "tensor.mul %x"))
    assert "bad.mix:3:" in failure(["opt", str(tmp_path / "bad.mix")], capsys)


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        ("dze", "there is no pass 'dze'; did you mean 'dce'?"),
        ("linearize{vrt=0}", "has no option 'vrt'"),
        ("transpose", "run linearize first"),
        ("linearize{wrt=7}", "wrt=7: @f has 1 inputs"),
        ("linearize{function=g}", "no function @g; it has @f"),
    ],
)
def test_a_pipeline_that_cannot_be(
    pipeline: str, message: str, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = failure(["opt", program, "--pipeline", pipeline], capsys)
    assert shown.startswith("mixad: error: ")
    assert message in shown


def test_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["passes"]) == 0
    out = capsys.readouterr().out
    for name, cls in registered_passes().items():
        assert f"\n{name}" in f"\n{out}"
        assert cls.__doc__.split("\n")[0] in out
    assert "fixpoint{max-rounds=20}(...)" in out


def test_one_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["passes", "dce"]) == 0
    assert capsys.readouterr().out.startswith("dce{function}\n    Erase operations")
    assert "there is no pass 'dcf'" in failure(["passes", "dcf"], capsys)


def test_ops(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops"]) == 0
    text = capsys.readouterr().out
    lines = {line.split()[0]: line for line in text.splitlines() if line}
    assert set(registered()) | set(compositions()) <= set(lines)
    assert text.endswith(f"\n{len(registered())} operations, {len(compositions())} compositions\n")
    assert len(registered()) + len(compositions()) >= 500
    assert lines["tensor.square"].split()[-1] == "CGA"
    assert lines["tensor.atanh"].split()[-1] == "GA"
    assert lines["tensor.cosh"].split()[-1] == "A"
    assert " any" in lines["tensor.sin"]
    assert lines["tensor.tanh"].split()[-1] == "any"
    assert lines["ad.vjp"].split()[-1] == "-"


def test_ops_of_a_dialect_and_an_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", "--dialect", "ad", "--order", "2"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == ["operation", "ad.barrier", "ad.contract_no_nan", "ad.mul_no_nan", "ad.stop_gradient"]


def test_the_guides_operations_have_second_derivatives(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", "--order", "2"]) == 0
    endings = [line.split()[-1:] for line in capsys.readouterr().out.splitlines()[1:]]
    marked = [ending for ending in endings if ending in (["CGA"], ["GA"], ["A"])]
    assert len(marked) == 14


@pytest.mark.parametrize("arguments", [[], ["nope"], ["ops", "--backend", "abacus"], ["opt", "--nope"]])
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: mixad")


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for flag, shown in (("--version", "mixad "), ("--help", "usage: mixad")):
        with pytest.raises(SystemExit) as caught:
            main([flag])
        assert caught.value.code == 0
        assert capsys.readouterr().out.startswith(shown)


@pytest.mark.slow
def test_as_a_module_with_a_reader_that_leaves() -> None:
    read, write = os.pipe()
    os.close(read)
    run = subprocess.run([sys.executable, "-m", "mixad", "ops"], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert run.returncode == 141
    assert run.stderr == ""
